"""A training on disk: all of a `TrainState` in one .npz file, from which it goes on to the bit, in a new process.

The file holds arrays and one text, `about`, which is JSON in bytes: nothing in it is ever executed. It takes the place of
the older one when it is whole, so whoever is killed while writing loses only what happened since the last.
"""

import math
import os

import numpy as np

from ..about import MODEL_FILE, TRAINING_FILE, about_array, expected_about, read_about
from ..architecture import architecture_of
from ..arrays import read_arrays, read_headers, write_arrays
from ..model import Model
from ..optim import OPTIMIZERS
from ..tasks import TASKS
from .experiment import task_of
from .history import History
from .state import Settings, TrainState


def save_state(state, path):
    """Write all that a training is to one file.

    Raises:
        ValueError: the model has parts of somebody's own. OSError: the file cannot be written; an older one stays whole.
    """
    history, optimizer = state.history, state.optimizer
    about = {"architecture": architecture_of(state.model), "task": described_task(state.task),
             "settings": state.settings.as_dict(), "optimizer": {**optimizer.settings(), "lr": state.base_lr},
             "n_updates": optimizer.n_updates, "step": state.step, "first_random": state.first_random, "random": state.random,
             "dropped": state.model.dropout and state.model.dropout.rng.bit_generator.state,
             "next_look": state.next_look, "without_better": state.without_better,
             "best": state.best and {"value": state.best["value"], "step": state.best["step"]},
             "history": {"evaluations": history.evaluations, "seconds": history.seconds, "solved_at": history.solved_at,
                         "best_at": history.best_at, "stopped": history.stopped, "metrics": list(history.metrics)},
             "largest": list(state.largest), "carries": state.carried is not None}
    arrays = {"about": about_array(TRAINING_FILE, **about), **arrays_of(state),
              "losses": np.array(history.losses, np.float64)}
    arrays |= {f"metric/{k}": np.array(values, np.float64) for k, values in enumerate(history.metrics.values())}
    write_arrays(path, arrays)


def arrays_of(state):
    """Name -> array of everything in a training that has a shape of its own, whatever its step."""
    model = state.model
    arrays = {f"params/{name}": a for name, a in model.params.items()}
    arrays |= {f"statistics/{name}": a for name, a in model.statistics.items()}
    for i, memory in enumerate(state.optimizer.memory or []):
        arrays |= {f"optimizer/{i}/{k}": a for k, a in enumerate(memory)}
    for i, one in enumerate(state.carried or []):
        arrays |= {f"carried/{i}/{k}": a for k, a in enumerate(one)}
    return arrays | {f"best/{name}": a for name, a in (state.best or {"arrays": {}})["arrays"].items()}


def load_state(path, task=None):
    """A `TrainState` as `save_state` wrote it.

    Args:
        path: the file.
        task: the task, if it is one of somebody's own, which no name makes again.

    Raises:
        OSError: there is no such file. ValueError: it is no such file, it is damaged, or it does not fit together.
    """
    about = read_about(path, TRAINING_FILE)
    try:
        return _loaded(path, about, task)
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"{path} is damaged: its description does not fit together ({type(error).__name__}: {error})") from None
    except ValueError as error:
        raise (error if str(path) in str(error) else ValueError(f"{path} is damaged: {error}")) from None


def load(path):
    """A model from a file alone: one that `Model.save` wrote, or a checkpoint of a training.

    Raises:
        OSError: there is no such file. ValueError: it is no such file, it is damaged, or the model has parts of somebody's
            own; then make it as it was made, and use `Model.load`.
    """
    about = read_about(path, MODEL_FILE, TRAINING_FILE)
    if about["kind"] == TRAINING_FILE:
        return load_state(path).model
    if about.get("architecture") is None:
        raise ValueError(f"{path} is of a model with parts of its own, which cannot be made from a file: make it, and use "
                         f"model.load(path)")
    model = rebuilt(path, about["architecture"])
    model.load(path)
    return model


def rebuilt(path, architecture):
    """A model like the one in a file, if the file has as many numbers as it says: a damaged one may speak of millions of units.

    Raises:
        ValueError: it has not, or the architecture is none.
    """
    there = sum(math.prod(header.shape) for name, header in read_headers(path).items() if name != "about")
    try:
        least = sum(cell["n_in"] * cell["n_hidden"] for cell in architecture["cells"])
    except (KeyError, TypeError):
        least = 0                                               # `built` says what is wrong
    if least > there or there > os.path.getsize(path):
        raise ValueError(f"{path} is damaged: it speaks of {least:,} weights and holds {there:,} numbers in "
                         f"{os.path.getsize(path):,} bytes")
    try:
        return Model.built(architecture)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _loaded(path, about, task):
    model = rebuilt(path, about["architecture"])
    task = task if task is not None else _task(path, about["task"])
    kind = OPTIMIZERS[about["optimizer"].pop("name")]
    state = TrainState(model, task, Settings(**about["settings"]), optimizer=kind(**about["optimizer"]))
    state.optimizer.n_updates, state.step = int(about["n_updates"]), int(about["step"])
    if state.step:
        state.optimizer.start(model.params)
    if about["carries"]:
        batch = read_headers(path)["carried/0/0"].shape[1]
        state.carried = tuple(cell.initial_state(batch) for cell in model.cells)
    if about["best"]:
        kept = {**model.params, **model.statistics} if state.settings.keep_best else {}
        state.best = {**about["best"], "arrays": {name: np.empty_like(a) for name, a in kept.items()}}
    places, history = arrays_of(state), about["history"]
    series = ["losses", *(f"metric/{k}" for k in range(len(history["metrics"])))]
    expected = {name: (a.shape, a.dtype) for name, a in places.items()}
    expected |= {name: ((state.step,), np.float64) for name in series}
    stored = read_arrays(path, {**expected_about(path), **expected}, finite=False)
    for name, a in places.items():
        if not np.isfinite(stored[name]).all():
            raise ValueError(f"{path} has numbers in {name} that are not finite")
        a[...] = stored[name]
    state.first_random, state.random = about["first_random"], about["random"]
    state.rng = _generator(state.random)
    if model.dropout:
        model.dropout.rng = _generator(about["dropped"])
    state.next_look, state.without_better = int(about["next_look"]), int(about["without_better"])
    state.largest = tuple(about["largest"])
    state.history = History(stored["losses"].tolist(), {name: stored[one].tolist() for name, one in zip(history["metrics"], series[1:])},
                            history["evaluations"], history["seconds"], history["solved_at"], history["best_at"],
                            history["stopped"])
    return state


def _generator(state):
    rng = np.random.Generator(getattr(np.random, checked_generator(state["bit_generator"]))())
    rng.bit_generator.state = state
    return rng


def checked_generator(name):
    """The name of one of NumPy's generators; ValueError for any other."""
    if name not in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
        raise ValueError(f"there is no generator of random numbers {str(name)!r}")
    return name


def described_task(task):
    """A task by its name and options (or its place in a file), or None if it is somebody's own."""
    names = {kind: name for name, kind in TASKS.items()}
    if hasattr(task, "made_from"):
        return dict(zip(("name", "options"), task.made_from))
    return {"name": names[type(task)], "options": task.made_with} if type(task) in names else None


def _task(path, described):
    if described is None:
        raise ValueError(f"{path} is of a training on a task of somebody's own: give it as task=")
    return task_of(described["name"], described["options"])
