"""What holds for every task. A new task is tested here by being in `TASKS`."""

import inspect

import numpy as np
import pytest

import minirnn
from minirnn.tasks import Criterion, check_task, notes_on
from minirnn.tasks.showing import as_text, samples

from every_task import MNIST, SMALL, made_up_mnist, small_task  # noqa: F401

pytestmark = pytest.mark.usefixtures("made_up_mnist")
EACH = pytest.mark.parametrize("name", minirnn.TASKS)


def positions(batch):
    return len(batch.xs), batch.xs.shape[-1]


def same(one, two):
    return all(np.array_equal(a, b) if a is not None else b is None for a, b in zip(one, two))


def columns(batch):
    """The sequences of a batch as bytes, which can be compared and counted."""
    return [batch.xs[..., k].tobytes() + batch.targets[..., k].tobytes() for k in range(batch.xs.shape[-1])]


def test_every_task_has_small_options_for_its_tests():
    assert set(SMALL) == set(minirnn.TASKS)


@EACH
def test_shapes_and_dtypes_are_those_that_the_task_announces(name):
    task = small_task(name)
    check_task(task)
    batch = task.batch(np.random.default_rng(0), 5)
    n_steps, size = positions(batch)
    assert size == 5
    if task.n_symbols is None:
        assert batch.xs.shape == (n_steps, task.n_in, 5) and batch.xs.dtype == np.float32
    else:
        assert batch.xs.shape == (n_steps, 5) and batch.xs.dtype == np.int64
    if task.targets == "classes":
        assert batch.targets.shape == (n_steps, 5) and batch.targets.dtype == np.int64
    else:
        assert batch.targets.shape == (n_steps, task.n_out, 5) and batch.targets.dtype == np.float32
    assert batch.weights is None or batch.weights.shape == (n_steps, 5) and batch.weights.dtype == np.float32


@EACH
def test_the_same_seed_gives_the_same_sequences_and_another_seed_others(name):
    task = small_task(name)
    assert same(task.batch(np.random.default_rng(3), 4), task.batch(np.random.default_rng(3), 4))
    stream, again = task.batches(np.random.default_rng(3), 4), small_task(name).batches(np.random.default_rng(3), 4)
    first, second = next(stream), next(stream)
    assert same(first, next(again)) and same(second, next(again))
    if name != "alternate":                                     # which has one sequence only
        assert not same(first, second)
        assert not same(task.batch(np.random.default_rng(3), 4), task.batch(np.random.default_rng(4), 4))
    assert bool(notes_on(task)) == (name == "alternate")


@EACH
def test_held_out_sequences_are_the_same_each_time_whatever_was_drawn_before(name):
    task, other = small_task(name), small_task(name)
    other.batch(np.random.default_rng(9), 7)
    for split in ("validation", "test"):
        one, two = list(task.evaluation(split)), list(other.evaluation(split))
        assert len(one) == len(two) and all(same(a, b) for a, b in zip(one, two))
    with pytest.raises(KeyError, match="split 'dev' is unknown, expected one of .*validation, test"):
        list(task.evaluation("dev"))


@pytest.mark.parametrize("name", ["addition", "copy", "digits", "digits-permuted", "length", "mnist", "mnist-permuted",
                                  "multicopy"])
def test_validation_test_and_training_sequences_are_different_ones(name):
    """Where chance makes no two alike. (Of `reber` and `parity` there are only so many short ones.)"""
    task = minirnn.make_task(name) if "mnist" not in name else small_task(name)
    parts = {split: {column for batch in task.evaluation(split) for column in columns(batch)}
             for split in ("validation", "test")}
    stream = task.batches(np.random.default_rng(0), 50)
    parts["train"] = {column for _ in range(30) for column in columns(next(stream))}
    for one, two in (("validation", "test"), ("validation", "train"), ("test", "train")):
        assert not parts[one] & parts[two], (one, two)


@EACH
def test_how_the_held_out_sequences_are_divided_into_batches_does_not_change_the_score(name):
    task = small_task(name)
    model = minirnn.make_model(task, "gru", 3, rng=0)
    one, two = (minirnn.evaluate(model, task, batch=size) for size in (7, 100))
    if name != "text":                                          # where another number of places reads another part of it
        assert one == pytest.approx(two, rel=1e-4)


@EACH
def test_the_trivial_score_is_told_in_the_same_numbers_as_a_models(name):
    task = small_task(name)
    model = minirnn.make_model(task, "rnn", 3, rng=0)
    assert set(task.trivial("test")) == set(minirnn.evaluate(model, task, "test"))
    criterion = Criterion.of(task.criterion)
    if criterion:
        assert not criterion.met(task.trivial()), "a task that is solved by saying always the same is none"


@EACH
def test_a_few_steps_of_training_find_more_than_nothing(name):
    """Something is learned at all: the loss falls from where it began."""
    task = small_task(name)
    model = minirnn.make_model(task, "gru", 12, rng=0)
    before = minirnn.evaluate(model, task)["loss"]
    minirnn.train(model, task, steps=40, batch=20, lr=0.01, rng=0)
    data = task.batch(np.random.default_rng(0), 20)
    assert np.isfinite(before)
    if "mnist" not in name:                                     # whose pictures are noise here
        assert minirnn.evaluate(model, task)["loss"] < before, data


@EACH
def test_no_task_works_without_a_positive_number_of_sequences(name):
    task = small_task(name)
    for size, error in ((0, ValueError), (-1, ValueError), (2.5, TypeError), ("3", TypeError)):
        with pytest.raises(error, match="batch_size is"):
            task.batch(np.random.default_rng(0), size)


@EACH
def test_every_option_of_a_task_is_described(name):
    kind = minirnn.TASKS[name]
    for option in inspect.signature(kind).parameters:
        if option != "length" or name not in ("alternate", "parity"):
            assert option in inspect.getdoc(kind).partition("Args:")[2], option
    assert kind.source and inspect.getdoc(kind)


@EACH
def test_a_task_says_with_which_options_it_is_made_short_enough_to_be_looked_at(name):
    task = minirnn.make_task(name, **minirnn.TASKS[name].to_show)
    text = as_text(samples(task, seed=0)[0])
    assert 2 <= len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) <= 120


def test_a_task_that_there_is_not_gets_the_list_of_those_there_are():
    with pytest.raises(KeyError, match="task 'sorting' is unknown, expected one of addition, alternate, copy, digits, "):
        minirnn.make_task("sorting")


@EACH
def test_an_option_that_there_is_not_gets_the_list_of_those_there_are(name):
    options = list(inspect.signature(minirnn.TASKS[name]).parameters)
    with pytest.raises(TypeError, match=f"^{name} has no option 'colour', expected one of {', '.join(options)}$"):
        minirnn.make_task(name, colour="red")


@pytest.mark.parametrize("name, options, words", [
    ("addition", {"length": 1}, "length is 1, expected at least 2"),
    ("addition", {"markers": "nowhere"}, "markers is 'nowhere', expected one of anywhere, halves"),
    ("length", {"length": 1}, "length is 1, expected at least 2"),
    ("copy", {"n_copied": 0}, "n_copied is 0"),
    ("copy", {"symbols": -1}, "symbols is -1"),
    ("multicopy", {"length": 7, "n_copied": 3}, "length is 7, expected at least 8: one copy of 3 symbols"),
    ("reber", {"length": 4}, "length is 4, expected at least 5"),
    ("reber", {"error": "typo"}, "error is 'typo', expected one of splice, letter"),
    ("digits", {"pixels_per_step": 3}, "pixels_per_step is 3, expected a divisor of 64"),
    ("digits-permuted", {"permutation": -1}, "permutation is -1, expected a seed"),
    ("mnist", {"pixels_per_step": 783}, "pixels_per_step is 783, expected a divisor of 784"),
    ("parity", {"length": 0}, "length is 0"),
    ("alternate", {"length": -3}, "length is -3"),
])
def test_an_option_out_of_range_is_named_with_what_was_expected(name, options, words):
    with pytest.raises(ValueError, match=words):
        minirnn.make_task(name, **options)


def test_what_stands_for_mnist_here_is_small(made_up_mnist):  # noqa: F811
    assert len(small_task("mnist").parts["test"][0]) == MNIST["t10k"]
