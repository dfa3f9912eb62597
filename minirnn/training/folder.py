"""A training in a folder: what it is, how far it has come, and what came of it, so that any machine can go on with it.

    experiment.json     the `Experiment`
    checkpoint.npz      all of its `TrainState`, a minute old at most
    record.json         when it has ended: settings, results, versions
    curve.csv           its course: loss and metrics against steps
    model.npz           the trained model

Every file takes the place of an older one when it is whole. A killed run loses at most what happened since its checkpoint;
whoever goes on with it gets the same numbers as if it had never been interrupted.
"""

import csv
import json
import os
import platform
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np

from ..files import check_writable, replacing, write_or_elsewhere
from ..threads import blas_threads
from .checkpoint import load_state, save_state
from .experiment import Experiment
from .loop import resume as go_on
from .state import evaluate

EXPERIMENT, CHECKPOINT, RECORD, CURVE, MODEL, LOCK = (
    "experiment.json", "checkpoint.npz", "record.json", "curve.csv", "model.npz", "running.lock")
POINTS = 400                    # rows of a curve, at most


def run_experiment(experiment, folder, *, resume=False, callback=None, every=60.0):
    """Train as an experiment says, in a folder.

    Args:
        experiment: an `Experiment`; None to go on with the one that the folder holds.
        folder: where it is kept; made if there is none.
        resume: go on with what the folder holds. If that has ended, it is not run again.
        callback: as in `train`.
        every: seconds between checkpoints.

    Returns:
        The record, a dict: see `record_of`.

    Raises:
        FileExistsError: the folder holds a run already, and `resume` is False.
        ValueError: it holds a run of other settings, or files that are damaged.
        BlockingIOError: another process is running in this folder.
        OSError: the folder cannot be written to. If that turns out at the end, the message says where all of it is instead.
        KeyboardInterrupt: the run was interrupted; its checkpoint is there, and the error's `signal` is that of the
            interruption.
    """
    folder = Path(folder)
    check_writable(folder, EXPERIMENT, CHECKPOINT, RECORD, CURVE, MODEL)
    there = read_experiment(folder) if (folder / EXPERIMENT).exists() else None
    if there is not None and not resume:
        raise FileExistsError(f"{folder} holds a run of {there.name} already: go on with it (resume), or choose another folder")
    if there is None and experiment is None:
        raise FileNotFoundError(f"{folder} holds no run to go on with (no {EXPERIMENT})")
    if there is not None and experiment is not None and there != experiment:
        odd = [name for name, value in experiment.as_dict().items() if there.as_dict()[name] != value]
        raise ValueError(f"{folder} holds a run of other settings: {odd[0]} is {there.as_dict()[odd[0]]!r} there, "
                         f"{experiment.as_dict()[odd[0]]!r} is asked for")
    experiment = experiment or there
    with only_one(folder):
        if (folder / RECORD).exists():
            return read_record(folder / RECORD)
        state = load_state(folder / CHECKPOINT) if (folder / CHECKPOINT).exists() else experiment.start()
        if there is None:
            write_json(folder / EXPERIMENT, experiment.as_dict())
        try:
            history = go_on(state, callback=callback, keep=Keeper(folder / CHECKPOINT, every))
        except (FloatingPointError, ValueError, TypeError):     # the state is that of before the step that failed
            write_or_elsewhere(folder, lambda place: save_state(state, place / CHECKPOINT))
            raise
        where, error = folder, None
        if state.whole:                                         # not if a second Ctrl-C came in the middle of a step
            where, error = write_or_elsewhere(folder, lambda place: write_results(experiment, state, place))
        if error:
            raise OSError(f"{error.strerror or error}: {folder}; all of {experiment.name}, with its checkpoint, is in {where} "
                          f"instead")
        if history.interrupted:
            stopped = KeyboardInterrupt(f"{experiment.name} was interrupted after {state.step} steps; {folder} keeps all of it")
            stopped.signal = history.signal
            raise stopped
        return read_record(folder / RECORD)


class Keeper:
    """Writes a checkpoint every so many seconds, the `keep` of `train`. A full disk does not end the training: it tries again."""

    def __init__(self, path, every=60.0):
        self.path, self.every, self.written = Path(path), every, time.monotonic()

    def __call__(self, state):
        if time.monotonic() - self.written >= self.every and not state.history.stopped:
            self.written = time.monotonic()
            try:
                save_state(state, self.path)
            except OSError:                                     # the older one is whole, and the disk may have room again
                pass


@contextmanager
def only_one(folder):
    """Within the `with` block no other process can enter the same folder. What a killed process left does not count."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a") as file:
        try:
            if os.name == "nt":
                import msvcrt
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BlockingIOError(f"{folder} is in use: another process runs an experiment in it") from None
        yield


# ---- what comes of it ------------------------------------------------------------------------------------------------

def write_results(experiment, state, folder):
    """Write what is left of a training: its checkpoint, model and curve, and the record if it has come to an end."""
    folder.mkdir(parents=True, exist_ok=True)
    save_state(state, folder / CHECKPOINT)
    state.model.save(folder / MODEL)
    write_curve(state.history, folder / CURVE)
    if not state.history.interrupted:
        write_json(folder / RECORD, record_of(experiment, state))


def record_of(experiment, state):
    """What came of an experiment, for JSON.

    Returns:
        A dict: "experiment", its settings; "steps", "solved_at", "best_at", "stopped" and "seconds", as in `History`;
        "first_batch_at", the first step whose own batch met the criterion; "metrics" on the held-out sequences of each split;
        "trivial", what guessing reaches (see `Task.trivial`); "n_params"; "versions".
    """
    history, task = state.history, state.task
    return {"kind": "minirnn record", "experiment": experiment.as_dict(), "criterion": state.settings.until,
            "steps": history.steps, "solved_at": history.solved_at, "first_batch_at": first_batch_at(state),
            "best_at": history.best_at, "stopped": history.stopped, "seconds": round(history.seconds, 2),
            "metrics": {split: evaluate(state.model, task, split) for split in ("validation", "test")},
            "trivial": {name: float(value) for name, value in task.trivial("test").items()},
            "n_params": state.model.n_params, "evaluations": history.evaluations, "versions": versions()}


def first_batch_at(state):
    """The first step whose own batch met the criterion, counted from 1; None if none did, or without a criterion."""
    history = state.history
    if state.criterion is None:
        return None
    series = {"loss": history.losses, **history.metrics}.get(state.criterion.metric, [])
    return next((step for step, value in enumerate(series, 1) if state.criterion.met({state.criterion.metric: value})), None)


def versions():
    """What the numbers of a run depend on beside its settings: a dict."""
    from .. import __version__
    return {"minirnn": __version__, "numpy": np.__version__, "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}", "threads": blas_threads(), "date": date.today().isoformat()}


def write_curve(history, path):
    """Write the course of a training as CSV: `step`, then the mean loss and metrics over the steps since the row before."""
    names = ["loss", *history.metrics]
    values = np.array([history.losses, *history.metrics.values()], float)
    edges = np.unique(np.linspace(0, history.steps, min(POINTS, history.steps) + 1).astype(int)) if history.steps else [0]
    with replacing(path, "w") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["step", *names])
        for first, last in zip(edges, edges[1:]):
            rows.writerow([int(last), *(f"{mean:.6g}" for mean in values[:, first:last].mean(axis=1))])


def write_json(path, data):
    """Write data as JSON that people can read; an older file stays whole until then."""
    with replacing(path, "w") as file:
        json.dump(data, file, indent=1)
        file.write("\n")


def read_json(path):
    """A dict from a JSON file; OSError, or ValueError with the path."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON ({error})") from None
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds a {type(data).__name__}, expected settings by name")
    return data


def read_experiment(folder):
    """The `Experiment` in a folder; OSError, or ValueError with the path."""
    path = Path(folder) / EXPERIMENT
    try:
        return Experiment.of(read_json(path))
    except (KeyError, TypeError, ValueError) as error:
        said = error.args[0] if error.args else error
        raise ValueError(said if str(path) in str(said) else f"{path}: {said}") from None


def read_record(path):
    """A record, a dict; OSError, or ValueError with the path."""
    record = read_json(path)
    if record.get("kind") != "minirnn record":
        raise ValueError(f"{path} is no record of an experiment")
    return record
