"""The independently recurrent network: every unit remembers by itself, through one number of its own.

    h' = relu(W x + u ⊙ h + b)

Instead of a matrix R there is a vector u, so the gradient of a unit goes back one step as dh = u ⊙ da, and T steps as
u to the power T, as long as relu lets it through. There is no product of matrices to worry about: a gradient neither
vanishes nor explodes if |u| is near enough to 1. How near can be said in numbers, and `recurrent_bounds` says it.
Units do not see each other within a layer; a second layer on top mixes them. With tanh it is the same network as `rnn`
with R = diag(u).

So after every update |u| is brought back to at most `recurrent_max_abs` (and, if asked, to at least
`recurrent_min_abs`), the sign kept. The gradient knows nothing of that: it is a step of the training, not of the cell.

The initial values are the paper's: W from N(0, 0.001²), b at 0, u uniform from 0 to the bound. For a task that needs a
long memory the last layer starts near 1 instead:

    low, high = recurrent_bounds(T)
    make_cell("indrnn", D, H, recurrent_max_abs=high)                                   # the first layers
    make_cell("indrnn", H, H, recurrent_max_abs=high, recurrent_range=(low, high))      # the last

Where the paper says nothing: without `recurrent_max_abs` u starts from 0 to 1. A u of exactly 0 that
`recurrent_min_abs` moves becomes positive.
"""

import numpy as np

from .. import checks
from ..activations import ACTIVATIONS
from .cell import Cell, Memo, columns
from .parameters import Stack


def recurrent_bounds(n_steps, smallest=0.5, largest=2):
    """The |u| with which a gradient that goes back T steps through a relu unit stays within [smallest, largest].

    It is multiplied by u^T, so the bounds are the T-th roots (Li et al. 2018, section 3). The paper takes 2 as the
    largest, so 2^(1/T), for every layer, and the range from 0.5^(1/T) for the last layer where memory must be long.

    Args:
        n_steps: T.
        smallest, largest: what may become of a gradient of 1.

    Returns:
        low, high: two floats.

    Raises:
        TypeError, ValueError: n_steps is no positive integer; smallest is not above 0, or above largest.
    """
    n_steps = checks.positive_integer("n_steps", n_steps)
    largest = checks.number("largest", largest, low=0, open_low=True)
    smallest = checks.number("smallest", smallest, low=0, high=largest, open_low=True)
    return smallest ** (1 / n_steps), largest ** (1 / n_steps)


class IndRNN(Cell):
    """Independently recurrent network: every unit has one recurrent weight, its own.

    Options:
        activation: "relu" or "tanh".
        recurrent_max_abs: after each update, and at the start, |u| is at most this. None: no bound.
        recurrent_min_abs: and at least this. None: no bound.
        recurrent_range: (low, high), between which u starts, uniformly, before the bounds are applied. None: from
            recurrent_min_abs (or 0) to recurrent_max_abs (or 1).
    """

    source = "Li, Li, Cook, Zhu & Gao 2018, arXiv 1803.04831, section 3"
    equations = {"h'": "h' = relu(W x + u ⊙ h + b)      or tanh;  recurrent_min_abs ≤ |u| ≤ recurrent_max_abs"}

    def __init__(self, n_in, n_hidden, *, activation="relu", recurrent_max_abs=None, recurrent_min_abs=None,
                 recurrent_range=None, **kwargs):
        self.activation = checks.choice("activation", activation, ("relu", "tanh"))
        self.recurrent_max_abs = _bound("recurrent_max_abs", recurrent_max_abs)
        self.recurrent_min_abs = _bound("recurrent_min_abs", recurrent_min_abs)
        low = 0.0 if recurrent_min_abs is None else self.recurrent_min_abs
        high = max(1.0, low) if recurrent_max_abs is None else self.recurrent_max_abs
        if low > high:
            raise ValueError(f"recurrent_min_abs is {low:g}, expected at most recurrent_max_abs, which is {high:g}")
        self.recurrent_range = (low, high) if recurrent_range is None else _range("recurrent_range", recurrent_range)
        super().__init__(n_in, n_hidden, **kwargs)

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", (), (H, D)), Stack("u", (), (H, 1)), Stack("b", (), (H, 1))]

    def step(self, wx, old):
        h, = old
        f = ACTIVATIONS[self.activation].function
        h_new = f(wx + self.u * h)
        return (h_new,), Memo()

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h_new, = new
        slope = ACTIVATIONS[self.activation].slope
        da = dh_new * slope(h_new)
        return da, (self.u * da,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        da = columns(dwxs)
        grads["W"] += da @ columns(xs).T
        grads["u"] += (da * columns(olds[0])).sum(axis=1, keepdims=True)
        grads["b"] += da.sum(axis=1, keepdims=True)
        return self.W.T @ dwxs

    def initialise(self, rng):
        self.W[...] = rng.normal(0, 0.001, self.W.shape)
        self.u[...] = rng.uniform(*self.recurrent_range, self.u.shape)
        self.after_update()

    def after_update(self):
        """Bring |u| back between its bounds; the sign is kept, that of 0 is +."""
        if self.recurrent_max_abs is not None or self.recurrent_min_abs is not None:
            size = np.clip(np.abs(self.u), self.recurrent_min_abs, self.recurrent_max_abs)
            self.u[...] = np.where(self.u.real < 0, -size, size)

    def random_state(self, rng, batch):
        h, = super().random_state(rng, batch)
        return (abs(h).astype(self.dtype) if self.activation == "relu" else h,)     # relu gives out nothing below 0


def _bound(name, value):
    return None if value is None else checks.number(name, value, low=0)


def _range(name, value):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} is {value!r}, expected a pair of numbers (low, high)")
    low, high = (checks.number(f"{name}[{k}]", number) for k, number in enumerate(value))
    if low > high:
        raise ValueError(f"{name} is ({low:g}, {high:g}), expected the lower number first")
    return low, high
