"""What is compared: a cell of this library, and its bare matrix products."""

import gc
import tracemalloc
from functools import partial

import numpy as np

from ..unrolling import unroll


class Floor:
    """A cell's bare matrix products over a whole sequence: `forward` and `backward` compute them, into existing arrays.

    There is a product for every stacked parameter of more than one column. (A vector acts element by element.) The products
    are computed step by step, as a cell must compute those that depend on its state.

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


class Contender:
    """A cell of this library, its inputs and the gradient of its outputs: `forward` and `backward` for `measure`.

    tracemalloc watches the first run, which makes that one slow. All other runs use its arrays again.

    Attributes: `peak_bytes`, the most memory in use during the first run, beyond the inputs and `dhs`.
    """

    def __init__(self, cell, xs, dhs, segment=None):
        self.cell, self.xs, self.dhs, self.segment = cell, xs, dhs, segment
        self.run = None
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            self.forward()
            self.backward()
            self.peak_bytes = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()

    def forward(self):
        self.run = unroll(self.cell, self.xs, out=self.run, segment=self.segment)

    def backward(self):
        self.run.backward(self.dhs)
