"""How much memory a run takes, and whether the machine has it.

The forward pass keeps what the backward pass needs of every step, so most of the memory grows with T (see `unrolling.py`).
"""

import math
from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from . import checks
from .cells import make_cell
from .checks import machine_memory
from .threads import blas_threads
from .unrolling import CHUNK


class Size(NamedTuple):
    """T steps, B columns, D inputs, H units."""

    T: int
    B: int
    D: int
    H: int


class Kept(NamedTuple):
    """Bytes that `unroll` keeps of each step, per unit and column: states, memo, and outputs that are not states."""

    states: int
    memo: int
    outs: int


def kept(name, **options):
    """What `unroll` keeps of a cell in float32: a `Kept`. For an LSTM, h and c, five gates, and no outputs: 28 bytes.

    Measured on one step of a cell with one unit and one column.
    """
    return kept_of(make_cell(name, 1, 1, **options))


def kept_of(cell):
    """The same of a cell that is there, in its own dtype: seen in one step with one column."""
    wx, = cell.input_terms(np.zeros((1, cell.n_in, 1), cell.dtype))
    new, memo = cell.step(wx, cell.initial_state(1))
    hs = new[0][None]
    outs = cell.output(hs)
    found = sum(a.nbytes for a in new), sum(a.nbytes for a in vars(memo).values()), 0 if outs is hs else outs.nbytes
    return Kept(*(-(-n_bytes // cell.n_hidden) for n_bytes in found))


def memory_estimate(name, size, segment=None):
    """The bytes that a cell needs to run forward and backward in float32, with inputs, outputs and their gradients.

    Args:
        name: a key of `CELLS`.
        size: a `Size`, or four integers in its order.
        segment: as in `unroll`.
    """
    T, B, D, H = size = Size(*(checks.positive_integer("size", n) for n in size))
    if segment is not None:
        segment = checks.positive_integer("segment", segment)
    given = (2 * D + H) * T * B * 4                             # xs, dxs, dhs
    return given + kept_bytes(name, size, segment) + work_bytes(name, size, segment) + _parameter_bytes(name, size)


def kept_bytes(name, size, segment):
    """The bytes that `unroll` keeps from forward to backward, for a whole run."""
    return _kept_bytes(kept(name), size, segment)


def _kept_bytes(kept, size, segment):
    T, B, _, H = size
    states, memo, outs = kept
    if segment is None or segment >= T:
        return H * B * ((states + memo + outs) * T + states) + T * object_bytes(memo)
    n_segments = -(-T // segment)                               # here outputs are kept apart, since h is not kept for all steps
    arrays = H * B * ((outs or 4) * T + (states + memo) * segment + states * (n_segments + 1))
    return arrays + segment * object_bytes(memo)


def object_bytes(memo_bytes):
    """About how many bytes Python's objects take for each step, besides the numbers: a memo, and an array for each name."""
    n_arrays = memo_bytes // 4
    return 400 + 130 * n_arrays if n_arrays else 160


def work_bytes(name, size, segment):
    """An upper bound of a run's work space, which does not grow with T: arrays of K steps, and of the parameters' size."""
    return _work_bytes(_parameter_bytes(name, size), size, segment)


def _work_bytes(parameter_bytes, size, segment):
    n_steps = max(1, min(segment or size.T, CHUNK // (4 * size.H * size.B)))
    n_shares = blas_threads() or 1                              # an upper bound; each share has gradients of its own
    return 16 * n_steps * max(size.H, size.D) * size.B * 4 + (3 + n_shares) * parameter_bytes + 2**19


def _parameter_bytes(name, size):
    cell = make_cell(name, 1, 1)
    cell.n_in, cell.n_hidden = size.D, size.H                   # only to ask for shapes: the real one may not fit
    return 4 * (sum(len(stack.names) * math.prod(stack.shape) for stack in cell.stacks()) + size.H * len(cell.learned))


def training_memory(model, n_steps, batch, segment=None):
    """About how many bytes a step of training takes, beside the data that a task keeps: nothing is made or run for that.

    That is what the cells keep from forward to backward, what each layer hands to the next one and its gradient, the
    outputs and what the loss makes of them, and parameters, gradients and what an optimiser remembers.

    Args:
        model: a `Model`.
        n_steps: T, of each sequence.
        batch: B, the number of sequences.
        segment: as in `unroll`.
    """
    item, kept_by_all, work = model.dtype.itemsize, 0, 0
    width = model.cells[0].n_in + 4 * model.head.n_out          # inputs; outputs, their gradient, and as much for the loss
    for cell in model.cells:
        size = Size(n_steps, batch, cell.n_in, cell.n_hidden)
        kept_by_all += _kept_bytes(kept_of(cell), size, segment)
        work = max(work, _work_bytes(cell.n_params * item, size, segment))
        width += bool(model.norms) * cell.n_hidden + (model.dropout is not None) * cell.n_hidden
    width += max(cell.n_in + 2 * cell.n_hidden for cell in model.cells)         # gradients, of one layer at a time
    return kept_by_all + work + width * n_steps * batch * item + 5 * model.n_params * item


def check_training_memory(model, n_steps, batch, segment=None):
    """The `training_memory`; a ValueError that gives it and says which batch would fit, if the machine has not that much."""
    n_steps, batch = checks.positive_integer("n_steps", n_steps), checks.positive_integer("batch", batch)
    needed, there = training_memory(model, n_steps, batch, segment), machine_memory()
    if there is None or needed <= there:
        return needed
    smaller = bisect_right(range(1, batch), there, key=lambda n: training_memory(model, n_steps, n, segment))
    fits = f"batch = {smaller} would fit" if smaller else "expected shorter sequences or a smaller network"
    raise ValueError(f"training on {batch} sequences of {n_steps} steps needs about {checks.gigabytes(needed)} of memory, this "
                     f"machine has {checks.gigabytes(there)}: {fits}")


def check_memory(name, size, segment=None):
    """Returns the `memory_estimate`. If the machine has less, ValueError gives the estimate and says what would fit."""
    size = Size(*size)
    needed, there = memory_estimate(name, size, segment), machine_memory()
    if there is None or needed <= there:
        return needed
    root = max(1, round(size.T**0.5))
    fits = []
    if memory_estimate(name, size, root) <= there:
        fits.append(f"segment={root}")
    for axis in "TBH":
        smaller = range(1, getattr(size, axis))
        most = bisect_right(smaller, there, key=lambda n: memory_estimate(name, size._replace(**{axis: n}), segment))
        if most:
            fits.append(f"{axis} = {most}")
    raise ValueError(f"{name} with T,B,D,H = {','.join(map(str, size))} needs about {checks.gigabytes(needed)}, this machine has "
                     f"{checks.gigabytes(there)}: {' or '.join(fits) + ' would fit' if fits else 'expected a smaller size'}")
