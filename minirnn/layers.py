"""What stands before and after the cells: symbols into vectors, hidden units into outputs.

A layer has `params` (see `cells/cell.py`), `forward(xs) -> ys` and `backward(dys, xs, ys, grads) -> dxs`, which adds to
`grads`. It keeps nothing between calls.
"""

import copy

import numpy as np

from . import checks
from .cells.cell import Parameters, Stack, columns

STEPS = 64          # steps laid side by side for one product; bounds the memory that the copies take


class Layer:
    """What the layers share: named parameters over one vector, and a copy in another dtype."""

    def __init__(self, stacks, dtype):
        self.dtype = checks.dtype_of(dtype)
        self.params = Parameters(stacks, self.dtype)

    def astype(self, dtype):
        """A copy of the layer, with its own parameters, that computes in `dtype`."""
        layer = copy.copy(self)
        layer.dtype = checks.dtype_of(dtype)
        layer.params = self.params.like(layer.dtype)
        layer.params.flat[...] = self.params.flat
        return layer


class Linear(Layer):
    """y = W x + b at every step: W (n_out, n_in), b (n_out, 1). W starts Xavier uniform, b at 0."""

    def __init__(self, n_in, n_out, *, rng=0, dtype="float32"):
        n_in, n_out = checks.positive_integer("n_in", n_in), checks.positive_integer("n_out", n_out)
        super().__init__([Stack("W", (), (n_out, n_in)), Stack("b", (), (n_out, 1))], dtype)
        bound = (6 / (n_in + n_out)) ** 0.5
        self.params["W"][...] = checks.generator(rng).uniform(-bound, bound, (n_out, n_in))

    def forward(self, xs):
        """(T, n_in, B) -> (T, n_out, B)."""
        ys = self.params["W"] @ xs
        ys += self.params["b"]
        return ys

    def backward(self, dys, xs, ys, grads):
        for start in range(0, len(xs), STEPS):
            steps = slice(start, start + STEPS)
            grads["W"] += columns(dys[steps]) @ columns(xs[steps]).T
        grads["b"] += dys.sum(axis=(0, 2))[:, None]
        return self.params["W"].T @ dys


class OneHot(Layer):
    """Symbol k as the vector with 1 at k and 0 elsewhere: (T, B) integers -> (T, n_symbols, B)."""

    def __init__(self, n_symbols, *, dtype="float32"):
        self.n_symbols = self.n_out = checks.positive_integer("n_symbols", n_symbols)
        super().__init__([], dtype)

    def forward(self, xs):
        xs = self.check(xs)
        ys = np.zeros((xs.shape[0], self.n_symbols, xs.shape[1]), self.dtype)
        np.put_along_axis(ys, xs[:, None], 1, axis=1)
        return ys

    def check(self, xs):
        """xs as an array of symbols; TypeError or ValueError if it is not one."""
        xs = np.asarray(xs)
        if xs.dtype.kind not in "iu":
            raise TypeError(f"xs has dtype {xs.dtype}, expected integers (the symbols' indices)")
        if xs.ndim != 2 or not xs.size:
            raise ValueError(f"xs has shape {xs.shape}, expected (T, batch) with at least one step and one column")
        if xs.min() < 0 or xs.max() >= self.n_symbols:
            raise ValueError(f"xs has symbols from {xs.min()} to {xs.max()}, expected 0 to {self.n_symbols - 1}")
        return xs

    def backward(self, dys, xs, ys, grads):
        """None: there is no gradient with respect to which symbol it was."""


class Embedding(OneHot):
    """Symbol k as column k of a learned matrix E (n_dims, n_symbols), which starts as N(0, 1)/sqrt(n_dims)."""

    def __init__(self, n_symbols, n_dims, *, rng=0, dtype="float32"):
        self.n_symbols = checks.positive_integer("n_symbols", n_symbols)
        self.n_out = checks.positive_integer("n_dims", n_dims)
        Layer.__init__(self, [Stack("E", (), (n_dims, n_symbols))], dtype)
        self.params["E"][...] = checks.generator(rng).normal(size=(n_dims, n_symbols)) / n_dims**0.5

    def forward(self, xs):
        """(T, B) integers -> (T, n_dims, B)."""
        return np.ascontiguousarray(self.params["E"][:, self.check(xs)].transpose(1, 0, 2))

    def backward(self, dys, xs, ys, grads):
        """The gradient of column k is the sum of dy over the places where symbol k stood. Returns None."""
        for start in range(0, len(xs), STEPS):
            steps = slice(start, start + STEPS)
            places = OneHot(self.n_symbols, dtype=self.dtype).forward(xs[steps])
            grads["E"] += columns(dys[steps]) @ columns(places).T
