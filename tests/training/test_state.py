"""A training can be kept at any step, and goes on from there to the bit."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minirnn
from minirnn.training import Settings, TrainState, load_state, resume, save_state

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"text": {"length": 6}, "multicopy": {"length": 12, "n_copied": 2}}
LONG = bool(os.environ.get("MINIRNN_ALL"))


def small_task(name):
    return minirnn.make_task(name, **SMALL.get(name, {"length": 5} if "length" in minirnn.TASKS[name].__init__.__code__.co_varnames
                                               else {}))


def everything(state):
    """All numbers of a training."""
    arrays = {**state.model.params, **state.model.statistics}
    arrays |= {f"memory {i} {k}": a for i, memory in enumerate(state.optimizer.memory) for k, a in enumerate(memory)}
    history = state.history
    return {name: a.copy() for name, a in arrays.items()}, (history.losses, history.metrics, history.evaluations,
                                                            history.solved_at, history.best_at, history.stopped)


def stopped_and_continued(make, at, path):
    """A training that is cut after step `at`, kept, and continued from the file alone."""
    def cut(step, loss, metrics):
        if step == at:
            raise KeyboardInterrupt

    state = make()
    resume(state, callback=cut)
    assert state.history.interrupted and state.step == at
    save_state(state, path)
    later = load_state(path)
    resume(later)
    return later


def assert_same(one, other):
    (arrays, history), (theirs, their_history) = everything(one), everything(other)
    assert arrays.keys() == theirs.keys()
    for name, a in arrays.items():
        assert a.tobytes() == theirs[name].tobytes(), name
    assert history == their_history


@pytest.mark.parametrize("name", minirnn.TASKS)
def test_every_task_goes_on_to_the_bit(name, tmp_path):
    if name.startswith("mnist"):
        pytest.skip("its data are not bundled")

    def make():
        task = small_task(name)
        model = minirnn.make_model(task, "gru", 5, rng=3)
        return TrainState(model, task, Settings(steps=9, batch=3, evaluate_every=4, until=None), lr=0.01, rng=7)

    whole = make()
    whole.task.n_evaluation = 6
    resume(whole)
    minirnn.TASKS[name].n_evaluation, before = 6, minirnn.TASKS[name].n_evaluation
    try:
        assert_same(whole, stopped_and_continued(make, 5, tmp_path / "state.npz"))
    finally:
        minirnn.TASKS[name].n_evaluation = before


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("cell, how", [
    ("lstm", {"n_layers": 2, "dropout": 0.3, "normalise": True, "residual": True, "learned_state": "all"}),
    ("indrnn", {"n_layers": 3, "normalise": True, "recurrent_max_abs": 1.1}),
    ("rda", {"attention": "sigmoid", "dtype": "float64"}),
])
def test_every_optimiser_and_deep_stacks_go_on_to_the_bit(optimizer, cell, how, tmp_path):
    def make():
        task = minirnn.make_task("parity", length=6)
        task.n_evaluation = 20
        model = minirnn.make_model(task, cell, 6, rng=1, **how)
        settings = Settings(steps=12, batch=4, evaluate_every=3, until="accuracy > 2", keep_best=True, weight_decay=0.1,
                            schedule="step 4 0.5", clip_norm=1.0)
        return TrainState(model, task, settings, optimizer=optimizer, lr=0.01, rng=5)

    whole = make()
    resume(whole)
    for at in (1, 7, 11):
        path = tmp_path / f"{at}.npz"
        kept = minirnn.tasks.parity.Parity.n_evaluation
        minirnn.tasks.parity.Parity.n_evaluation = 20           # what is loaded makes a task of its own
        try:
            assert_same(whole, stopped_and_continued(make, at, path))
        finally:
            minirnn.tasks.parity.Parity.n_evaluation = kept


def test_a_task_of_ones_own_is_given_again(tmp_path):
    class Echo(minirnn.Task):
        n_in, n_out, targets = 1, 1, "numbers"

        def batch(self, rng, batch_size):
            xs = rng.random((4, 1, batch_size), np.float32)
            return minirnn.Batch(xs, xs)

    task = Echo()
    state = TrainState(minirnn.make_model(task, "rnn", 3), task, Settings(steps=4, batch=2))
    resume(state)
    save_state(state, tmp_path / "own.npz")
    with pytest.raises(ValueError, match="own.npz is of a training on a task of somebody's own: give it as task="):
        load_state(tmp_path / "own.npz")
    assert_same(state, load_state(tmp_path / "own.npz", task))


def test_a_model_is_rebuilt_from_a_file_alone(tmp_path):
    task = minirnn.make_task("text", length=5)
    model = minirnn.make_model(task, "rda", 6, n_layers=2, n_dims=4, dropout=0.1, normalise=True, attention="softplus")
    minirnn.train(model, task, steps=3, batch=2)
    model.save(tmp_path / "model.npz")
    again = minirnn.load(tmp_path / "model.npz")
    xs = np.arange(6).reshape(3, 2)
    np.testing.assert_array_equal(again.forward(xs).outputs, model.forward(xs).outputs)
    assert again.cells[1].attention == "softplus" and again.dropout.p == 0.1 and again.inputs.n_out == 4


class Mine(minirnn.CELLS["rnn"]):
    """A cell of somebody's own."""


def test_a_model_with_a_cell_of_ones_own_says_how_to_load_it(tmp_path):
    model = minirnn.Model(Mine(2, 3), 1)
    model.save(tmp_path / "mine.npz")
    with pytest.raises(ValueError, match="mine.npz is of a model with parts of its own.*use model.load"):
        minirnn.load(tmp_path / "mine.npz")
    other = minirnn.Model(Mine(2, 3, rng=1), 1)
    other.load(tmp_path / "mine.npz")
    np.testing.assert_array_equal(other.params["cell.R"], model.params["cell.R"])


# ---- damage ----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    task = minirnn.make_task("parity", length=4)
    state = TrainState(minirnn.make_model(task, "gru", 4, dropout=0.1), task, Settings(steps=5, batch=2, evaluate_every=2))
    task.n_evaluation = 4
    resume(state)
    path = tmp_path_factory.mktemp("state") / "state.npz"
    save_state(state, path)
    return path.read_bytes()


def damaged(content, draw):
    """The content with some bytes changed, cut out, doubled or cut off."""
    content, at = bytearray(content), draw.randrange(len(content))
    kind = draw.randrange(4)
    if kind == 0:
        for _ in range(draw.choice([1, 3, 30])):
            content[draw.randrange(len(content))] = draw.randrange(256)
    elif kind == 1:
        del content[at:at + draw.randrange(1, 200)]
    elif kind == 2:
        content[at:at] = content[at:at + draw.randrange(1, 200)]
    else:
        del content[at:]
    return bytes(content)


def test_a_damaged_checkpoint_is_a_sentence_and_is_left_as_it_was(checkpoint, tmp_path):
    draw, path, refused = random.Random(0), tmp_path / "state.npz", 0
    for _ in range(5000 if LONG else 150):
        content = damaged(checkpoint, draw)
        path.write_bytes(content)
        try:
            load_state(path)
        except ValueError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error), error
        assert path.read_bytes() == content
    assert refused > 100


@pytest.mark.parametrize("change, words", [
    (lambda about: about.update(kind="a novel"), "is a file of the kind 'a novel', expected 'minirnn training'"),
    (lambda about: about.update(format=99), "is of format 99, this version of minirnn reads format 1"),
    (lambda about: about["architecture"]["cells"][0].update(n_hidden=5), "of shape"),
    (lambda about: about["architecture"].pop("n_out"), "n_out"),
    (lambda about: about.update(step=3), "of shape"),
    (lambda about: about.update(step=-1), "state.npz"),
    (lambda about: about["random"].update(bit_generator="os"), "there is no generator of random numbers 'os'"),
    (lambda about: about["settings"].update(steps=-4), "steps is -4"),
    (lambda about: about["task"].update(name="sorting"), "sorting"),
    (lambda about: about.pop("optimizer"), "optimizer"),
])
def test_a_checkpoint_that_does_not_fit_together_is_a_sentence(change, words, checkpoint, tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(checkpoint)
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(arrays["about"].tobytes())
    change(about)
    np.savez(path, **{**arrays, "about": np.frombuffer(json.dumps(about).encode(), np.uint8)})
    with pytest.raises(ValueError, match=words) as caught:
        load_state(path)
    assert "state.npz" in str(caught.value) and "\n" not in str(caught.value)


def test_foreign_files_are_a_sentence(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    (tmp_path / "text.npz").write_text("not an archive")
    for name in ("other.npz", "text.npz"):
        for read in (load_state, minirnn.load):
            with pytest.raises(ValueError, match=name):
                read(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "none.npz")


# ---- killed ----------------------------------------------------------------------------------------------------------

RUN = """
import sys
from minirnn.training import Experiment, run_experiment
run_experiment(Experiment("addition", "gru", n_hidden=8, steps=150, batch=4, until=None, evaluate_every=50,
                          task_options={"length": 6}), sys.argv[1], resume=True, every=0.0)
"""


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}

    def start(folder):
        return subprocess.Popen([sys.executable, "-c", RUN, str(folder)], env=environment)

    whole, draw, kills, number = start(tmp_path / "whole"), random.Random(1), 0, 0
    assert whole.wait(120) == 0
    while kills < (100 if LONG else 4):
        number, left = number + 1, 4                            # each run is killed up to four times, then it may end
        folder = tmp_path / f"killed {number}"
        while True:
            process = start(folder)
            try:
                process.wait(draw.uniform(0.25, 0.9) if left else 120)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills, left = kills + 1, left - 1
        assert process.returncode == 0
        for name in ("curve.csv", "model.npz"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), (number, name, kills)
