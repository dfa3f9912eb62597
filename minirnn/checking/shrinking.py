"""A smaller cell of the same kind: a mistake in code does not depend on how many units there are."""

import copy

import numpy as np

from ..function_cell import FunctionCell
from ..cells.parameters import Parameters, Stack
from .contract import check_contract

SMALL_SIZES = 2, 3          # D and H of the smaller cell


def smaller(cell, rng):
    """A small cell with the same code, of parameters drawn from this one's; the cell itself, if it is small already.

    Where the code only works at the size that it was written for, that is the size it is looked at.
    """
    n_in, n_hidden = SMALL_SIZES if cell.n_in != cell.n_hidden else (SMALL_SIZES[1], SMALL_SIZES[1])
    if cell.n_in <= n_in or cell.n_hidden <= n_hidden:
        return cell
    try:
        small = _resized(cell, n_in, n_hidden)
        for name, a in small.params.items():
            given = cell.params[name]
            wider = (given.shape[-1] / a.shape[-1]) ** 0.5 if a.ndim > 1 else 1
            a[...] = wider * rng.choice(given.ravel(), a.shape)
        with np.errstate(all="ignore"):
            check_contract(small, rng.normal(size=(1, n_in, 3)))
            state = small.random_state(rng, 3)
            if not all(np.isfinite(a).all() for a in small.step(small.input_terms(rng.normal(size=(1, n_in, 3)))[0], state)[0]):
                return cell
    except Exception:                                           # whatever somebody's code raises in another size
        return cell
    return small


def _resized(cell, n_in, n_hidden):
    """The cell with other sizes, and parameters of the shapes that then belong to them."""
    small = copy.copy(cell)
    small.n_in, small.n_hidden = n_in, n_hidden
    if isinstance(cell, FunctionCell):
        shapes = {name: tuple(_size(n, cell, n_in, n_hidden) for n in a.shape) for name, a in cell.params.items()}
        stacks = [Stack(name, (), shape) for name, shape in shapes.items()]
    else:
        stacks = cell.stacks.__func__(small)
        if cell.learned_state:
            stacks = [*stacks, Stack("s", (), (n_hidden, 1))]
    small.bind(Parameters(stacks, np.float64))
    small.dtype = np.dtype("float64")
    return small


def _size(n, cell, n_in, n_hidden):
    """What a length of a parameter becomes: D, H, their sum and multiples of these follow; any other number stays."""
    D, H = cell.n_in, cell.n_hidden
    for k in range(1, 13):
        for old, new in ((H, n_hidden), (D, n_in), (D + H, n_in + n_hidden)):
            if n == k * old and old > 1:
                return k * new
    return n
