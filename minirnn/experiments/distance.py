"""How much of a gradient is left after k steps back in time, and the Jacobian of a single step.

The gradient goes from a state to the one before by `step_backward`, which for a cell whose state is h alone multiplies it by
the transposed Jacobian, J^T with J = ∂h'/∂h. After k steps it has met k such matrices: their product makes it vanish or
explode (Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063).
"""

from typing import NamedTuple

import numpy as np

from .. import checks
from ..cells.cell import Cell


class Step(NamedTuple):
    """One step as it was: the state before and after, and what the cell noted."""

    old: tuple
    new: tuple
    memo: object


def steps_of(cell, xs, state=None):
    """Every step of a run, one after the other, as `step` gave it: a list of `Step`.

    Args:
        cell: a `Cell`.
        xs: (T, D, B) inputs.
        state: the state to start from; the cell's own initial state without it.
    """
    if not isinstance(cell, Cell):
        raise TypeError(f"cell is a {type(cell).__name__}, expected a Cell")
    xs = checks.floats("xs", xs, cell.dtype, (len(xs), cell.n_in, np.shape(xs)[-1]), "T, features, batch")
    old, steps = cell.initial_state(xs.shape[-1]) if state is None else state, []
    for wx in cell.input_terms(xs):
        new, memo = cell.step(wx, old)
        steps.append(Step(old, new, memo))
        old = new
    return steps


def gradient_norms(cell, xs, state=None, dstate=None, rng=0):
    """The size of a gradient that starts at the final state and goes back, step by step.

    Args:
        cell, xs, state: what is run; see `steps_of`.
        dstate: the gradient that starts, a tuple of (H, B) arrays; without it, one of length 1 and of random direction in
            each column, all of it on h.
        rng: a seed or Generator for that direction.

    Returns:
        (T + 1, B): the norm over all components of the state, after 0, 1, ..., T steps back.
    """
    steps = steps_of(cell, xs, state)
    if dstate is None:
        direction = checks.generator(rng).normal(size=steps[-1].new[0].shape).astype(cell.dtype)
        dstate = direction / np.linalg.norm(direction, axis=0), *(np.zeros_like(a) for a in steps[-1].new[1:])
    norms = [_norm(dstate)]
    for old, new, memo in reversed(steps):
        _, dstate = cell.step_backward(dstate, old, new, memo)
        norms.append(_norm(dstate))
    return np.array(norms)


def jacobian(cell, step, column=0):
    """J = ∂h'/∂h of one step, (H, H): row i is what a small change of the old state does to unit i of the new one.

    Args:
        cell: a `Cell` whose state is h alone.
        step: a `Step`.
        column: of which example.

    Raises:
        ValueError: the cell carries more than h.
    """
    if len(cell.state_names) > 1:
        raise ValueError(f"the cell carries {', '.join(cell.state_names)}, expected one whose state is h alone")
    H = cell.n_hidden

    def repeated(a):
        return np.repeat(a[..., column:column + 1], H, axis=-1)

    memo = type(step.memo)(**{name: repeated(a) for name, a in vars(step.memo).items()})
    unit_vectors = np.eye(H, dtype=cell.dtype)                  # a column per unit of h': the gradient of that unit alone
    _, (dh,) = cell.step_backward((unit_vectors,), tuple(map(repeated, step.old)), tuple(map(repeated, step.new)), memo)
    return dh.T


def _norm(state):
    return np.sqrt(sum((np.abs(a)**2).sum(axis=0) for a in state))
