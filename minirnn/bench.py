"""How fast the cells are, against what no implementation in NumPy can beat: their matrix products alone.

The floor of a cell is the time of its bare products. Every weight matrix A acts on a vector per column in each step, and
going back there are two products of the same size: A^T da, the gradient of what A read, and the outer products da x^T,
its own gradient. That is three times 2·rows·columns·B floating point operations per step and matrix; the rest of a cell
is element by element. What a run takes beyond the floor is element-wise arithmetic, memory and Python.

A machine that does other work beside is noisy. So everything that is compared is measured in the same process and in
turns, run by run, and a ratio is the median of the ratios of runs that stood side by side.

    from minirnn.bench import benchmark
    print(benchmark(["lstm", "rda"], size="teach"))
"""

import ctypes
import gc
import importlib.util
import os
import platform
import statistics
import sys
import time
import tracemalloc
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import __version__, checks
from .cells import CELLS, make_cell
from .tasks import make_task
from .train import make_model, train
from .unroll import unroll

FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX"}         # what can be measured beside, by the names of their packages
FRAMEWORKS_FILE = Path(__file__).resolve().parent.parent / "tests" / "frameworks.py"
FAMILIES = ("rnn", "lstm", "gru", "mut1", "indrnn", "rwa", "rda")       # one cell of each, for a figure
TURN = 0.1          # seconds that each takes at least when it is its turn, with as many calls as that needs
REST = 0.02         # seconds between turns, in which the threads of the one before stop looking for work


class Size(NamedTuple):
    """T steps, B columns, D inputs, H units."""

    T: int
    B: int
    D: int
    H: int


SIZES = {"paper": Size(1000, 100, 2, 250), "teach": Size(50, 32, 8, 32)}


def parse_size(size):
    """A `Size` from its name in `SIZES`, from text as in "50,32,8,32", or from four positive integers."""
    wrong = ValueError(f"size is {size!r}, expected {', '.join(SIZES)} or four positive integers T,B,D,H")
    if isinstance(size, str):
        if size in SIZES:
            return SIZES[size]
        size = size.split(",")
    try:
        found = [int(number) if isinstance(number, str) else checks.positive_integer("size", number) for number in size]
    except (TypeError, ValueError):
        raise wrong from None
    if len(found) != 4 or min(found) < 1:
        raise wrong
    return Size(*found)


# ---- the floor -------------------------------------------------------------------------------------------------------

class Floor:
    """A cell's bare matrix products, forward and backward, over a whole sequence: calling `forward` and `backward` does
    them, into arrays that are there already.

    Counted is every stacked parameter of more than one column; a vector acts element by element. The products of a step
    are made one by one, as a cell must make those that depend on its state.

    Attributes: `flops`, the floating point operations of both together.
    """

    def __init__(self, cell, size, rng):
        self.n_steps = size.T
        draw = partial(rng.standard_normal, dtype=np.float32)
        self.products = [(A, draw((A.shape[1], size.B)), draw((A.shape[0], size.B)), np.empty((A.shape[0], size.B), A.dtype),
                          np.empty((A.shape[1], size.B), A.dtype), np.empty_like(A))
                         for A in cell.params.stacked.values() if A.shape[1] > 1]
        self.flops = 3 * sum(2 * A.size * size.B * size.T for A, *_ in self.products)

    def forward(self):
        for _ in range(self.n_steps):
            for A, x, da, a, dx, dA in self.products:
                np.matmul(A, x, out=a)

    def backward(self):
        for _ in range(self.n_steps):
            for A, x, da, a, dx, dA in self.products:
                np.matmul(A.T, da, out=dx)
                np.matmul(da, x.T, out=dA)


# ---- memory ----------------------------------------------------------------------------------------------------------

class Kept(NamedTuple):
    """Bytes that `unroll` keeps of each step, per column: of the states, the memo, and outputs that are no states."""

    states: int
    memo: int
    outs: int


def kept(cell):
    """What `unroll` keeps of each step of a cell: a `Kept`, from one step with one column."""
    state = cell.initial_state(1)
    wx, = cell.input_terms(np.zeros((1, cell.n_in, 1), cell.dtype))
    new, memo = cell.step(wx, state)
    hs = new[0][None]
    outs = cell.output(hs)
    return Kept(sum(a.nbytes for a in new), sum(a.nbytes for a in vars(memo).values()), 0 if outs is hs else outs.nbytes)


def bytes_per_step(cell):
    """Bytes that `unroll` keeps per step, unit and column: for an LSTM in float32, two states and five gates, 28."""
    return sum(kept(cell)) / cell.n_hidden


def memory_estimate(cell, size, segment=None):
    """Bytes that a forward and backward run of a cell needs, inputs and gradients included.

    Args:
        cell: a `Cell`. size: a `Size`. segment: as in `unroll`.
    """
    size = parse_size(size)
    whole = 2 * size.T * (size.D + size.H) * size.B * cell.dtype.itemsize       # xs, dxs, outputs' gradients
    return whole // 2 + size.T * size.D * size.B * cell.dtype.itemsize // 2 + _kept_bytes(cell, size, segment) \
        + _fixed_bytes(cell, size)
