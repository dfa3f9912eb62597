"""A training in a folder: what is written, what is refused, and that nothing of it is lost."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minirnn
from minirnn.training import Experiment, comparing, folder, load_state, preset, read_record, run_experiment
from minirnn.training.presets import FIVE, PRESETS

ROOT = Path(__file__).resolve().parents[2]


def small(**changes):
    return Experiment(**{"task": "addition", "cell": "gru", "n_hidden": 6, "steps": 20, "batch": 3, "until": None,
                         "task_options": {"length": 5}, **changes})


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch):
    monkeypatch.setattr(minirnn.Task, "n_evaluation", 20)


def test_the_record_says_what_the_training_was_and_what_came_of_it(tmp_path):
    record = run_experiment(small(evaluate_every=10), tmp_path / "run")
    assert record == read_record(tmp_path / "run" / "record.json")
    assert Experiment.of(record["experiment"]) == small(evaluate_every=10)
    assert record["steps"] == 20 and record["stopped"] == "steps" and [e["step"] for e in record["evaluations"]] == [10, 20]
    model = minirnn.load(tmp_path / "run" / "model.npz")
    assert minirnn.evaluate(model, minirnn.make_task("addition", length=5), "test") == record["metrics"]["test"]
    assert record["versions"]["numpy"] == np.__version__ and record["n_params"] == model.n_params
    targets = np.concatenate([batch.targets[-1, 0] for batch in minirnn.make_task("addition", length=5).evaluation("test")])
    assert record["trivial"]["loss"] == pytest.approx(targets.var(), rel=1e-5)          # always the mean of all sums


def test_the_curve_has_the_means_of_what_was_seen(tmp_path):
    run_experiment(small(), tmp_path / "run")
    history = load_state(tmp_path / "run" / "checkpoint.npz").history
    curve = comparing.read_curve(tmp_path / "run")
    np.testing.assert_allclose(curve["loss"], history.losses, rtol=1e-5)
    history.losses, history.metrics = list(range(1000)), {}
    folder.write_curve(history, tmp_path / "long.csv")
    curve = comparing.read_points(tmp_path / "long.csv")
    assert len(curve["step"]) == folder.POINTS and curve["step"][-1] == 1000
    edges = np.concatenate([[0], curve["step"]])
    np.testing.assert_allclose(curve["loss"], (edges[:-1] + edges[1:] - 1) / 2)


def test_a_run_is_solved_when_held_out_sequences_say_so(tmp_path):
    record = run_experiment(small(task="parity", cell="rda", n_hidden=12, steps=3000, batch=16, until="accuracy >= 0.99",
                                  task_options={"length": 4}), tmp_path / "run")
    assert record["solved_at"] == record["steps"] < 3000 and record["stopped"] == "solved"
    assert record["evaluations"][-1]["accuracy"] >= 0.99 and record["first_batch_at"] <= record["solved_at"]


def test_a_folder_with_a_run_is_refused_and_a_run_that_has_ended_is_not_run_again(tmp_path):
    record = run_experiment(small(), tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(FileExistsError, match="holds a run of addition-gru-0 already: go on with it"):
        run_experiment(small(), tmp_path / "run")
    with pytest.raises(ValueError, match="holds a run of other settings: n_hidden is 6 there, 7 is asked for"):
        run_experiment(small(n_hidden=7), tmp_path / "run", resume=True)
    assert run_experiment(small(), tmp_path / "run", resume=True) == record
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    with pytest.raises(FileNotFoundError, match="holds no run to go on with"):
        run_experiment(None, tmp_path / "empty", resume=True)


def test_two_runs_cannot_be_in_one_folder_at_once(tmp_path):
    program = ("import sys, time; from minirnn.training.folder import only_one; from pathlib import Path\n"
               "with only_one(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()")
    other = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "run")], cwd=ROOT, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "in\n"
    with pytest.raises(BlockingIOError, match="is in use: another process runs an experiment in it"):
        run_experiment(small(), tmp_path / "run")
    other.kill()                                                # what a killed process left does not count
    other.communicate()
    assert run_experiment(small(), tmp_path / "run")["steps"] == 20


def test_an_interrupted_run_keeps_all_and_goes_on(tmp_path):
    def stop(step, loss, metrics):
        if step == 7:
            raise KeyboardInterrupt

    whole = run_experiment(small(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt, match="was interrupted after 7 steps"):
        run_experiment(small(), tmp_path / "cut", callback=stop)
    assert not (tmp_path / "cut" / "record.json").exists() and minirnn.load(tmp_path / "cut" / "model.npz")
    assert run_experiment(None, tmp_path / "cut", resume=True)["metrics"] == whole["metrics"]


def test_a_full_disk_during_a_checkpoint_leaves_the_older_one_whole(tmp_path, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    def stop(step, loss, metrics):
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(small(), tmp_path / "run", callback=stop)
    before = (tmp_path / "run" / "checkpoint.npz").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left on device"):
            run_experiment(None, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "checkpoint.npz").read_bytes() == before
    assert load_state(tmp_path / "run" / "checkpoint.npz").step == 5
    assert run_experiment(None, tmp_path / "run", resume=True)["steps"] == 20


def test_results_that_cannot_be_written_in_the_end_are_elsewhere(tmp_path, monkeypatch):
    def fill(step, loss, metrics):
        if step == 20:                                          # something with the folder's own file names gets in the way
            for name in ("model.npz", "checkpoint.npz", "curve.csv"):
                (tmp_path / "run" / name).mkdir()

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="all of addition-gru-0, with its checkpoint, is in .*minirnn-.* instead"):
        run_experiment(small(), tmp_path / "run", callback=fill)
    elsewhere, = tmp_path.glob("minirnn-*")
    assert read_record(elsewhere / "record.json")["steps"] == 20 and load_state(elsewhere / "checkpoint.npz").step == 20


def test_a_loss_that_is_not_finite_leaves_the_last_good_state(tmp_path, monkeypatch):
    calls, right = [], minirnn.tasks.addition.Addition.batch

    def batch(self, rng, batch_size):
        made = right(self, rng, batch_size)
        calls.append(batch_size)
        return made._replace(targets=made.targets * np.float32(1e30)) if calls.count(3) == 8 else made

    monkeypatch.setattr(minirnn.tasks.addition.Addition, "batch", batch)
    with pytest.raises(FloatingPointError, match="the loss is (inf|nan) at step 8"):
        run_experiment(small(), tmp_path / "run")
    state = load_state(tmp_path / "run" / "checkpoint.npz")
    assert state.step == 7 and all(np.isfinite(a).all() for a in state.model.params.values())
    assert run_experiment(None, tmp_path / "run", resume=True)["steps"] == 20


@pytest.mark.parametrize("content, words", [
    ("{", "cannot be read as JSON"), ("[1]", "holds a list"), ('{"task": "addition", "cell": "gru", "colour": 3}', "has no colour"),
    ('{"task": "sorting", "cell": "gru"}', "task 'sorting' is unknown"), ('{"cell": "gru"}', "task"),
    ('{"task": "addition", "cell": "gru", "steps": -1}', "steps is -1"),
])
def test_a_damaged_description_is_a_sentence(content, words, tmp_path):
    (tmp_path / "experiment.json").write_text(content)
    with pytest.raises(ValueError, match=words) as caught:
        run_experiment(None, tmp_path, resume=True)
    assert "experiment.json" in str(caught.value)
    assert (tmp_path / "experiment.json").read_text() == content


@pytest.mark.parametrize("changes, error, words", [
    ({"task": "sorting"}, KeyError, "task 'sorting' is unknown"), ({"cell": "lstmm"}, KeyError, "cell 'lstmm' is unknown"),
    ({"seed": -1}, ValueError, "seed is -1"), ({"patience": 3}, ValueError, "patience is 3 without evaluate_every"),
    ({"until": "soon"}, ValueError, "the criterion is 'soon'"), ({"schedule": "step 5"}, ValueError, "schedule is 'step 5'"),
    ({"weight_decay": -1}, ValueError, "weight_decay is -1"),
])
def test_an_experiment_that_cannot_be_is_refused_when_it_is_made(changes, error, words):
    with pytest.raises(error, match=words):
        small(**changes)


def test_an_experiment_survives_json_and_pickling():
    import pickle
    experiment = small(cell_options={"reset_after": True}, schedule="cosine 30")
    assert Experiment.of(json.loads(json.dumps(experiment.as_dict()))) == experiment
    assert pickle.loads(pickle.dumps(experiment)) == experiment


@pytest.mark.parametrize("name, task", [(name, task) for name, tasks in PRESETS.items() for task in tasks])
def test_every_preset_is_one_that_can_be_started(name, task):
    for cell in FIVE:
        experiment = preset(name, task, cell, n_hidden=4)
        assert experiment.settings().until is not None or task in ("text", "mnist", "mnist-permuted")
    assert preset(name, task, "rwa", steps=7, task_options={}).steps == 7


def test_the_papers_preset_is_the_papers():
    experiment = preset("paper", "multicopy", "lstm")
    assert (experiment.n_hidden, experiment.batch, experiment.lr, experiment.clip) == (250, 100, 0.001, 1.0)
    state = preset("paper", "multicopy", "lstm", n_hidden=3).start()
    assert state.task.length == 1000 and state.task.n_copies == 50
    assert {"s", "s_c"} <= set(state.model.cells[0].params) and (state.model.cells[0].params["b_f"] == 1).all()
    assert (preset("paper", "length", "rda", n_hidden=3).start().model.cells[0].params["b_gamma"] == 1).all()
    with pytest.raises(KeyError, match="preset 'exam' is unknown, expected one of"):
        preset("exam", "length", "lstm")


def test_the_papers_preset_of_indrnn_is_its_own_papers():
    experiment = preset("paper", "addition", "indrnn", task_options={"length": 100})
    model = experiment.start().model
    assert (experiment.n_layers, experiment.n_hidden, experiment.batch, experiment.lr) == (2, 128, 50, 2e-4)
    assert experiment.schedule == "step 20000 0.1" and experiment.start().task.markers == "halves"
    low, high = minirnn.recurrent_bounds(100)
    first, last = (cell.params["u"] for cell in model.cells)
    assert 0 <= first.min() < 0.1 and first.max() <= np.float32(high) and np.float32(low) <= last.min() and last.max() <= np.float32(high)
    deep = preset("paper", "mnist", "indrnn")
    assert (deep.n_layers, deep.normalise, deep.clip_norm) == (6, True, 5.0)
