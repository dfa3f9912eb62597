"""The layers before, between and after the cells: from symbols to vectors, normalisation, dropout, from h to outputs.

A layer has `params` (see `cells/cell.py`), `forward(xs) -> ys`, and `backward(dys, xs, ys, grads) -> dxs`, which adds to
`grads`. It keeps nothing between calls.

`BatchNorm` and `Dropout` behave differently while a network is trained and when it is used. So they return a memo of what
they did: `forward(xs, training) -> ys, memo` and `backward(dys, memo, grads) -> dxs`.
"""

import copy

import numpy as np

from . import checks
from .cells.cell import Memo, columns
from .cells.parameters import Parameters, Stack

STEPS_AT_ONCE = 64          # steps laid side by side for one product; this bounds the memory of the copies
ELEMENTS_AT_ONCE = 2**18    # elements worked on at once in element-wise arithmetic, so that they stay in the cache


class Layer:
    """What all layers have: named parameters over one vector, and copies in another dtype."""

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

    def check(self, xs):
        """xs as a (T, n_in, B) array of the layer's dtype; TypeError or ValueError if that is impossible."""
        xs = checks.array("xs", xs)
        if xs.ndim != 3 or xs.shape[1] != self.n_in or not xs.size:
            raise ValueError(f"xs has shape {xs.shape}, expected (T, {self.n_in}, batch) with at least one step and one "
                             f"column")
        return checks.floats("xs", xs, self.dtype, finite=False)

    def __repr__(self):
        return f"{type(self).__name__}(dtype={self.dtype})"


class Linear(Layer):
    """y = W x + b at every step: W (n_out, n_in), b (n_out, 1). W starts Xavier uniform, b at 0."""

    def __init__(self, n_in, n_out, *, rng=0, dtype="float32"):
        n_in, n_out = checks.positive_integer("n_in", n_in), checks.positive_integer("n_out", n_out)
        self.n_in, self.n_out = n_in, n_out
        super().__init__([Stack("W", (), (n_out, n_in)), Stack("b", (), (n_out, 1))], dtype)
        bound = (6 / (n_in + n_out)) ** 0.5
        self.params["W"][...] = checks.generator(rng).uniform(-bound, bound, (n_out, n_in))

    def forward(self, xs):
        """(T, n_in, B) -> (T, n_out, B)."""
        ys = self.params["W"] @ self.check(xs)
        ys += self.params["b"]
        return ys

    def backward(self, dys, xs, ys, grads):
        for start in range(0, len(xs), STEPS_AT_ONCE):
            steps = slice(start, start + STEPS_AT_ONCE)
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
        """xs as a (T, B) array of symbols; TypeError or ValueError if that is impossible."""
        xs = checks.array("xs", xs)
        if xs.dtype.kind not in "iu":
            raise TypeError(f"xs has dtype {xs.dtype}, expected integers (the symbols' indices)")
        if xs.ndim != 2 or not xs.size:
            raise ValueError(f"xs has shape {xs.shape}, expected (T, batch) with at least one step and one column")
        if xs.min() < 0 or xs.max() >= self.n_symbols:
            raise ValueError(f"xs has symbols from {xs.min()} to {xs.max()}, expected 0 to {self.n_symbols - 1}")
        return xs

    def backward(self, dys, xs, ys, grads):
        """Returns None: there is no gradient with respect to a symbol."""


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
        """The gradient of column k is the sum of dy over all places where the input was symbol k. Returns None."""
        for start in range(0, len(xs), STEPS_AT_ONCE):
            steps = slice(start, start + STEPS_AT_ONCE)
            places = OneHot(self.n_symbols, dtype=self.dtype).forward(xs[steps])
            grads["E"] += columns(dys[steps]) @ columns(places).T


class BatchNorm(Layer):
    """y = γ x̂ + β with x̂ = (x − μ)/σ, σ = sqrt(v + ε): each unit learns its own scale, whatever the scale of its input.

    While training, μ and v are the mean and the variance of the unit over all n = T·B values of the batch, and a running
    average of both is kept in `statistics`:

        mean ← momentum·mean + (1 − momentum)·μ
        variance ← momentum·variance + (1 − momentum)·v·n/(n − 1)

    where the factor n/(n − 1) corrects for measuring deviations from the batch's own mean. Outside training, μ and v are
    these running averages, because a network's answer to one sequence must not depend on the others in its batch.

    All steps share μ and σ (they are taken over batch and time). So sequences may have any length, and there is one running
    average for all steps. The price is that, while training, the output at a step depends a little on later steps, too. A
    network can learn to use that, and then misses it in evaluation. The averages also lag behind weights that change
    fast: with momentum 0.9, by some ten updates. If a network does much worse in evaluation than in training, a few
    forward passes in training mode, without updates, show whether this lag is the reason.

    Source: Ioffe & Szegedy 2015, arXiv 1502.03167, algorithms 1 and 2; over batch and time as in Li et al. 2018, arXiv
    1803.04831.

    Args:
        n_in: H, the number of units.
        momentum: the fraction of the running averages that an update keeps, from 0 to 1. With 0.9 a batch counts for a tenth.
        epsilon: ε, above 0.
        dtype: of parameters and statistics.

    Attributes: `params`, gamma (H, 1), which starts at 1, and beta (H, 1), at 0; `statistics`, mean (H, 1), which
    starts at 0, and variance (H, 1), at 1. The statistics are not parameters: no optimiser changes them.

    Raises:
        TypeError, ValueError: for arguments of the wrong kind; in training, for an input of one value per unit.
    """

    def __init__(self, n_in, *, momentum=0.9, epsilon=1e-5, dtype="float32"):
        self.n_in = self.n_out = checks.positive_integer("n_in", n_in)
        self.momentum = checks.number("momentum", momentum, low=0, high=1)
        self.epsilon = checks.number("epsilon", epsilon, low=0, open_low=True)
        shape = (self.n_in, 1)
        super().__init__([Stack("gamma", (), shape), Stack("beta", (), shape)], dtype)
        self.statistics = Parameters([Stack("mean", (), shape), Stack("variance", (), shape)], self.dtype)
        self.params["gamma"][...] = 1
        self.statistics["variance"][...] = 1

    def forward(self, xs, training=False, out=None):
        """(T, H, B) -> the same shape, and a memo: `x`, which is xs, `mean` μ, `deviation` σ (H, 1), `training`.

        In training, the batch also updates `statistics`. `out` is an array for the result; it must not be that of xs.
        """
        xs = self.check(xs)
        mean, variance = self._moments(xs) if training else [a.copy() for a in self.statistics.values()]
        deviation = np.sqrt(variance + self.epsilon)
        ys = np.empty(xs.shape, self.dtype) if out is None else out
        for steps in _chunks(xs):
            ys[steps] = (xs[steps] - mean) * (self.params["gamma"] / deviation) + self.params["beta"]
        return ys, Memo(x=xs, mean=mean, deviation=deviation, training=training)

    def backward(self, dys, memo, grads):
        """x reaches y directly, and through μ and σ, which depend on all x of the unit.

        With sums and means over the n values of a unit, x̂ = (x − μ)/σ and σ² = mean((x − μ)²) + ε give

            dx̂ = γ dy
            dσ = −sum(dx̂ x̂)/σ                  because ∂x̂/∂σ = −x̂/σ
            dμ = −sum(dx̂)/σ                    because ∂x̂/∂μ = −1/σ; σ does not change with μ, since deviations from
                                               the mean sum to 0
            dx = dx̂/σ + dσ x̂/n + dμ/n          because ∂σ/∂x = (x − μ)/(nσ) = x̂/n and ∂μ/∂x = 1/n

        With sum(dy x̂) = dγ and sum(dy) = dβ this is dx = γ/σ (dy − (dγ x̂ + dβ)/n): dy without its mean and without its
        component along x̂. That makes sense: a shift or a change of scale of x does not change y, so dx has no component
        in those directions. Outside training, μ and σ are constants, and dx = γ/σ dy.
        """
        dgamma, dbeta = 0, 0
        for steps in _chunks(dys):
            x_hat = (memo.x[steps] - memo.mean) / memo.deviation
            dgamma = dgamma + _sum(dys[steps] * x_hat)
            dbeta = dbeta + _sum(dys[steps])
        grads["gamma"] += dgamma
        grads["beta"] += dbeta
        scale = self.params["gamma"] / memo.deviation
        if not memo.training:
            return scale * dys
        n = dys.shape[0] * dys.shape[2]
        dgamma, dbeta = dgamma.astype(self.dtype), dbeta.astype(self.dtype)     # or dxs would become double precision
        dxs = np.empty(dys.shape, self.dtype)
        for steps in _chunks(dys):
            x_hat = (memo.x[steps] - memo.mean) / memo.deviation
            dxs[steps] = scale * (dys[steps] - (dgamma * x_hat + dbeta) / n)
        return dxs

    def _moments(self, xs):
        """The mean and the variance of every unit over batch and time, (H, 1) each. They also update `statistics`."""
        n = xs.shape[0] * xs.shape[2]
        if n == 1:
            raise ValueError(f"xs has shape {xs.shape}, one value per unit: batch normalisation in training needs at "
                             f"least two (T·batch of 2 or more), for a variance")
        mean = (sum(_sum(xs[steps]) for steps in _chunks(xs)) / n).astype(self.dtype)
        variance = sum(_sum((xs[steps] - mean)**2) for steps in _chunks(xs)) / n
        for kept, new in (("mean", mean), ("variance", variance * n / (n - 1))):
            self.statistics[kept][...] = self.momentum * self.statistics[kept] + (1 - self.momentum) * new
        return mean, variance.astype(self.dtype)

    def astype(self, dtype):
        layer = super().astype(dtype)
        layer.statistics = self.statistics.like(layer.dtype)
        layer.statistics.flat[...] = self.statistics.flat
        return layer


class Dropout(Layer):
    """While training, sets each value to 0 with probability p, and divides the others by 1 − p, which keeps the mean.

    Outside training it does nothing; thanks to the division, no correction is needed. Every value at every step is drawn
    independently.

    Source: Srivastava et al. 2014, JMLR 15. It belongs between recurrent layers, and not between the steps of one layer,
    where it would erase what the state is to remember: Zaremba et al. 2014, arXiv 1409.2329.

    Args:
        dropout: p, at least 0 and below 1.
        rng: a seed or a numpy Generator, from which the layer draws in every forward pass of the training.
        dtype: that of its input. The same values are dropped in every dtype.

    Raises:
        TypeError, ValueError: for arguments of the wrong kind or a `dropout` outside [0, 1).
    """

    def __init__(self, dropout, *, rng=0, dtype="float32"):
        self.p = checks.number("dropout", dropout)
        if not 0 <= self.p < 1:
            raise ValueError(f"dropout is {self.p:g}, expected a number of at least 0 and below 1")
        super().__init__([], dtype)
        self.rng = checks.generator(rng)

    def forward(self, xs, training=False, out=None):
        """xs of any shape -> the same shape, and a memo: `kept`, booleans of that shape. Outside training, xs and None.

        `out` is an array for the result, which may be xs.
        """
        if not training:
            return xs, Memo(kept=None)
        xs = checks.floats("xs", xs, self.dtype, finite=False)
        if not xs.ndim:
            raise ValueError("xs is a single number, expected an array")
        kept, ys = np.empty(xs.shape, bool), np.empty(xs.shape, self.dtype) if out is None else out
        for part in _chunks(xs):
            kept[part] = self.rng.random(xs[part].shape, np.float32) >= self.p
            ys[part] = xs[part] * kept[part] * (1 / (1 - self.p))
        return ys, Memo(kept=kept)

    def backward(self, dys, memo, grads):
        """A dropped value had no effect on y, a kept one was multiplied by 1/(1 − p). Outside training, dx = dy."""
        if memo.kept is None:
            return dys
        dxs = np.empty(dys.shape, self.dtype)
        for part in _chunks(dys):
            dxs[part] = dys[part] * memo.kept[part] * (1 / (1 - self.p))
        return dxs

    def astype(self, dtype):
        layer = super().astype(dtype)
        layer.rng = copy.deepcopy(self.rng)         # the copy draws the same values, and does not advance this layer's
        return layer


def _chunks(xs):
    """The steps of xs as slices of some `ELEMENTS_AT_ONCE` elements."""
    length = max(1, ELEMENTS_AT_ONCE // max(1, xs[:1].size))
    return [slice(start, start + length) for start in range(0, len(xs), length)]


def _sum(a):
    """The sum over time and batch, (K, H, B) -> (H, 1): over the batch in the array's dtype, over time in double precision."""
    return a.sum(axis=2).sum(axis=0, dtype=np.result_type(a.dtype, np.float64))[:, None]
