"""How many steps a cell needs to learn a task: the same task and the same seeds for all that are compared."""

import functools
from typing import NamedTuple

from ..interrupts import pass_on
from ..tasks import make_task
from ..training import make_model, train


class Learned(NamedTuple):
    """One training: the step at which the task was solved (None if it was not), the steps made, and the trained model."""

    cell: str
    seed: int
    solved_at: int | None
    steps: int
    model: object


def learning_times(task, cells, *, length, until, seeds=3, n_hidden=16, steps=600, batch=16, lr=0.02):
    """Train each cell with each seed, until the task is solved or the steps are used up.

    What was trained once in this session is not trained again: a notebook's figure and the answer of an exercise about it
    then speak of the same networks.

    Args:
        task: a name in `TASKS`; length: of its sequences.
        cells: names in `CELLS`.
        until: when the task is solved, as in `train`.
        seeds: how many; each makes the weights and the data.
        n_hidden, steps, batch, lr: see `make_model` and `train`; the optimiser is Adam.

    Returns:
        cell -> a list of `Learned`, one for each seed.

    Raises:
        KeyError, TypeError, ValueError: see `make_task`, `make_model` and `train`.
        KeyboardInterrupt: a training was interrupted.
    """
    return {cell: [_learn(task, cell, seed, length, until, n_hidden, steps, batch, lr) for seed in range(seeds)]
            for cell in cells}


@functools.lru_cache(maxsize=256)
def _learn(task, cell, seed, length, until, n_hidden, steps, batch, lr):
    made = make_task(task, length=length)
    model = make_model(made, cell, n_hidden, rng=seed)
    history = train(model, made, steps=steps, batch=batch, lr=lr, until=until, rng=seed)
    pass_on(history)
    return Learned(cell, seed, history.solved_at, history.steps, model)
