"""A cell of the same kind in another size: a mistake in code does not depend on how many units there are."""

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
    return resized(cell, n_in, n_hidden, rng) or cell


def resized(cell, n_in, n_hidden, rng):
    """A cell of other sizes with the same code, of parameters drawn from this one's; None if the code cannot have them."""
    try:
        other = _resized(cell, n_in, n_hidden)
        for name, a in other.params.items():
            given = cell.params[name]
            wider = (given.shape[-1] / a.shape[-1]) ** 0.5 if a.ndim > 1 else 1
            a[...] = wider * rng.choice(given.ravel(), a.shape)
        with np.errstate(all="ignore"):
            check_contract(other, rng.normal(size=(1, n_in, 3)))
            return other if _is_steady(other) else None
    except Exception:                                           # whatever somebody's code raises in another size
        return None


def _is_steady(cell):
    """Whether a step gives finite numbers, and the same each time: none that just happened to be in a new, empty array."""
    rng, found = np.random.default_rng(0), []
    wx, old = cell.input_terms(rng.normal(size=(1, cell.n_in, 3)))[0], cell.random_state(rng, 3)
    for left_behind in (0.0, 1e5):
        sizes = {a.size for a in (wx, *old, *cell.params.values())} | set(range(3, 4 * wx.size, 3))
        freed = [np.full(size, left_behind) for size in sizes for _ in range(8)]        # what the next arrays will be made in
        del freed
        new, memo = cell.step(wx, old)
        found.append([np.array(a) for a in (*new, *vars(memo).values())])
    return all(np.isfinite(a).all() and np.array_equal(a, b) for a, b in zip(*found))


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
