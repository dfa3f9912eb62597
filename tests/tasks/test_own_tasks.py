"""A task of one's own: from a file, checked, trained; and what is said when something is wrong with it."""

import re
import textwrap

import numpy as np
import pytest

import minirnn
from minirnn.tasks import Batch, Task, check_task, load_task, notes_on
from minirnn.tasks import task as task_module

DELAY = textwrap.dedent(re.search(r"    class Delay.*?Batch\(xs, ys\)\n", task_module.__doc__, re.S).group())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mytask.py"
    path.write_text("import numpy as np\nfrom minirnn import Batch, Task\n\n" + DELAY + textwrap.dedent("""
        def delay(**options):
            return Delay(**options)

        ready, nothing = Delay(7), 3

        class Broken(Delay):
            def batch(self, rng, batch_size):
                return self.xs
        """), encoding="utf-8")
    return path


def test_the_task_of_the_docstring_is_loaded_from_a_file_and_learned(file):
    task = minirnn.make_task(f"{file}:Delay", length=10)
    assert task.made_with == {"length": 10} and task.targets == "numbers"
    model = minirnn.make_model(task, "lstm", 16, rng=0)
    history = minirnn.train(model, task, steps=150, batch=20, lr=0.03, rng=0)
    assert minirnn.evaluate(model, task)["loss"] < 0.5 * task.trivial()["loss"], history.losses[-1]


def test_a_class_a_function_or_a_task_will_do(file):
    assert load_task(f"{file}:Delay").length == 20 and load_task(f"{file}:delay", length=9).length == 9
    assert load_task(f"{file}:ready").length == 7


def test_modules_beside_the_file_can_be_imported(file):
    (file.parent / "helper_of_my_task.py").write_text("LENGTH = 11\n")
    file.write_text("import helper_of_my_task\n" + file.read_text() + "\nbeside = Delay(helper_of_my_task.LENGTH)\n")
    assert load_task(f"{file}:beside").length == 11


@pytest.mark.parametrize("place, options, error, words", [
    ("{file}:Dely", {}, KeyError, "has no 'Dely', but it has Delay, ready, Broken"),
    ("{file}:nothing", {}, TypeError, "nothing in .* is 3, expected a subclass of Task"),
    ("{file}:np", {}, TypeError, "np in .* is <module 'numpy'"),
    ("{file}:", {}, ValueError, "expected \"path/to/file.py:Name\""),
    ("none.py:Delay", {}, FileNotFoundError, "there is no file none.py"),
    ("{file}:Delay", {"lenght": 3}, TypeError, "Delay has no option 'lenght', expected one of length"),
    ("{file}:ready", {"length": 3}, TypeError, "ready in .* is a task already, expected no options"),
    ("{file}:Broken", {}, ValueError, r"Broken.batch raises AttributeError: .*'xs' \(mytask.py, line \d+\)"),
])
def test_what_is_wrong_with_the_place_or_the_options_is_one_sentence(file, place, options, error, words):
    with pytest.raises(error, match=words):
        minirnn.make_task(place.format(file=file), **options)


@pytest.mark.parametrize("content, words", [
    ("import numpyy\n", r"raises ModuleNotFoundError: No module named 'numpyy' \(mytask.py, line 1\)"),
    ("\ndef f(:\n", r"raises SyntaxError: .* \(mytask.py, line 2\)"),
    ("x = 1\nx.y\n", r"raises AttributeError: .* \(mytask.py, line 2\)"),
    ("x = 1\n\0", "mytask.py, line 2: the file is no Python text"),
    ("from minirnn import Task\nclass Delay(Task):\n    def __init__(self):\n        self.a.b\n",
     r"Delay in .* raises AttributeError: .* \(mytask.py, line 4\)"),
])
def test_an_error_in_the_file_itself_is_told_with_its_line(file, content, words):
    file.write_text(content)
    with pytest.raises(ValueError, match=words):
        load_task(f"{file}:Delay")


class Echo(Task):
    """Say what you hear."""

    n_in, n_out, targets = 1, 1, "numbers"

    def batch(self, rng, batch_size):
        xs = rng.random((5, 1, batch_size), np.float32)
        return Batch(xs, xs)


def echo(**attributes):
    """An Echo of which something is different."""
    return type("Mine", (Echo,), attributes)()


def giving(make):
    """An Echo whose batch is make(zeros (T, 1, B))."""
    return echo(batch=lambda self, rng, batch_size: make(np.zeros((5, 1, batch_size), np.float32)))


def test_a_loss_that_is_a_plain_function_needs_no_staticmethod():
    def loss(outputs, targets, weights=None):
        return minirnn.mean_squared_error(outputs, targets, weights)

    task = type("Mine", (Echo,), {"loss": loss, "targets": None})()
    check_task(task)
    assert task.loss(np.ones((1, 1, 1)), np.zeros((1, 1, 1)), None)[0] == 1


WRONG = [
    (lambda: None, TypeError, "task is None, expected a Task"),
    (lambda: Echo, TypeError, r"task is the class Echo, expected a task made of it: Echo\(\)"),
    (lambda: type("Mine", (Task,), {"n_out": 1, "targets": "bits"})(), TypeError,
     "Mine has no n_in, expected a positive integer"),
    (lambda: type("Mine", (Task,), {"n_in": 1, "n_out": 1})(), TypeError,
     "neither targets nor loss, expected targets = one of"),
    (lambda: type("Mine", (Task,), {"n_in": 1, "n_out": 1, "targets": "bits"})(), TypeError, "Mine has no batch"),
    (lambda: echo(n_in=0), ValueError, "Mine.n_in is 0"),
    (lambda: echo(targets="number"), ValueError, "Mine.targets is 'number', expected one of numbers, bits, classes"),
    (lambda: echo(loss=3), TypeError, "Mine.loss is 3, expected a function"),
    (lambda: echo(loss=lambda outputs, targets: 0), TypeError, r"Mine.loss takes \(outputs, targets\), expected"),
    (lambda: echo(loss=lambda outputs, targets, weights: 0.5), TypeError, "Mine.loss returned 0.5, expected two things"),
    (lambda: echo(metrics=lambda self, outputs, batch: 3), TypeError, "Mine.metrics returned 3, expected a dict"),
    (lambda: echo(metrics=lambda self, outputs, batch: {}["x"]), ValueError, "Mine.metrics raises KeyError: 'x' .*line"),
    (lambda: echo(criterion="accuracy > 0.9"), ValueError,
     "Mine.criterion is 'accuracy > 0.9', expected one of loss, rms error"),
    (lambda: echo(criterion="soon"), ValueError, "the criterion is 'soon'"),
    (lambda: echo(batch=lambda self, batch_size: 1), TypeError,
     r"Mine.batch takes \(batch_size\), expected \(rng, batch_size\)"),
    (lambda: giving(lambda xs: 1 / 0), ValueError, r"Mine.batch raises ZeroDivisionError: .* \(test_own_tasks.py, line \d+\)"),
    (lambda: giving(lambda xs: (xs, xs)), TypeError,
     r"Mine.batch returned a tuple of 2, expected a Batch: return Batch\(xs, targets\)"),
    (lambda: giving(lambda xs: xs), TypeError, "Mine.batch returned a ndarray, expected a Batch"),
    (lambda: giving(lambda xs: Batch(xs, xs[-1])), ValueError,
     "a target for the last step only is told by weights.*Batch.at_the_end"),
    (lambda: giving(lambda xs: Batch(xs, xs[:3])), ValueError, r"targets of shape \(3, 1, 2\), expected \(5, 1, 2\)"),
    (lambda: giving(lambda xs: Batch(xs[:, 0], xs)), ValueError, r"xs of shape \(5, 2\), expected \(T, 1, batch\)"),
    (lambda: giving(lambda xs: Batch(xs[:0], xs[:0])), ValueError, "expected at least one step"),
    (lambda: giving(lambda xs: Batch(xs.astype(int), xs)), TypeError, "xs as int64, expected floating point"),
    (lambda: giving(lambda xs: Batch(xs, xs.astype(int))), TypeError, "targets as int64, expected floating point"),
    (lambda: giving(lambda xs: Batch(xs + np.nan, xs)), ValueError, "xs with NaN or infinity"),
    (lambda: giving(lambda xs: Batch(xs, xs + np.inf)), ValueError, "targets with NaN or infinity"),
    (lambda: giving(lambda xs: Batch(xs, xs, xs)), ValueError, r"weights of shape \(5, 1, 2\), expected \(5, 2\)"),
    (lambda: giving(lambda xs: Batch(xs, xs, xs[:, 0])), ValueError,
     "weights from 0 to 0, expected none below 0, and some above"),
    (lambda: giving(lambda xs: Batch(xs, xs, xs[:, 0] - 1)), ValueError, "weights from -1 to -1"),
    (lambda: giving(lambda xs: Batch(np.repeat(xs, 4, 2), np.repeat(xs, 4, 2))), ValueError,
     "returned 8 sequences, expected batch_size, 2"),
    (lambda: type("Mine", (type(giving(lambda xs: Batch(xs, xs + 2))),), {"targets": "bits", "loss": staticmethod(
        minirnn.sigmoid_cross_entropy)})(), ValueError, "targets from 2 to 2, expected bits"),
    (lambda: type("Mine", (type(giving(lambda xs: Batch(xs, np.full((5, 2), 3)))),), {"targets": "classes", "n_out": 3})(),
     ValueError, "targets from 3 to 3, expected 0 to 2: n_out is 3"),
    (lambda: type("Mine", (type(giving(lambda xs: Batch(np.full((5, 2), 7), xs))),), {"n_symbols": 7})(), ValueError,
     "xs from 7 to 7, expected 0 to 6: n_symbols is 7"),
]


@pytest.mark.parametrize("make, error, words", WRONG)
def test_what_is_wrong_with_a_task_is_one_sentence(make, error, words):
    with pytest.raises(error, match=words) as caught:
        check_task(make())
    assert "\n" not in str(caught.value)


def test_training_asks_first():
    task = giving(lambda xs: (xs, xs))
    with pytest.raises(TypeError, match="Mine.batch returned a tuple"):
        minirnn.train(minirnn.make_model(Echo(), "rnn", 2), task, steps=1)


def test_looking_at_a_task_leaves_no_trace_in_it():
    class Counting(Echo):
        calls = 0

        def batch(self, rng, batch_size):
            self.calls += 1
            return super().batch(rng, batch_size)

    task = Counting()
    check_task(task)
    assert task.calls == 0


def test_what_may_not_be_meant_is_noted():
    assert notes_on(Echo()) == []
    assert notes_on(giving(lambda xs: Batch(xs, xs))) == ["Mine.batch does not use rng: all its batches are the same"]
    elsewhere = np.random.default_rng(0)
    found = notes_on(giving(lambda xs: Batch(xs + elsewhere.random(), xs)))
    assert len(found) == 1 and "elsewhere than from rng" in found[0]
    assert "float64" in notes_on(giving(lambda xs: Batch(xs.astype(float), xs)))[-1]
