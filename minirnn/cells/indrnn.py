"""The independently recurrent network: every unit reads its own past only, through one weight.

    h' = relu(W x + u ⊙ h + b)

Instead of a matrix R there is a vector u, so the gradient goes back one step as dh = u ⊙ da. Over T steps it is multiplied
by u to the power T, unit by unit, as long as relu lets it through. So it neither vanishes nor explodes if |u| is close
enough to 1, and `recurrent_bounds` computes how close that is. The units of a layer do not see each other; a second layer on
top mixes them. With tanh it is the same network as `rnn` with R = diag(u).

For this, after every update |u| is brought back to at most `recurrent_max_abs` and, if you like, to at least
`recurrent_min_abs`; the sign is kept. This is a step of the training, not of the cell, so no gradient takes it into account.

The initial values are the paper's: W from N(0, 0.001²), b at 0, u uniform from 0 to the bound. For a task that needs a
long memory the last layer starts near 1 instead:

    low, high = recurrent_bounds(T)
    make_cell("indrnn", D, H, recurrent_max_abs=high)                                   # the first layers
    make_cell("indrnn", H, H, recurrent_max_abs=high, recurrent_range=(low, high))      # the last

Where the paper says nothing, we choose: without `recurrent_max_abs`, u starts uniform from 0 to 1. A u of exactly 0 that
`recurrent_min_abs` moves becomes positive.
"""

import numpy as np

from .. import checks
from ..activations import ACTIVATIONS
from .cell import Cell, Memo, columns
from .parameters import Stack


def recurrent_bounds(n_steps, smallest=0.5, largest=2):
    """The least and the largest |u| for which a gradient that goes back T steps stays within [smallest, largest].

    Going back T steps through a relu unit multiplies it by u^T, so the bounds are the T-th roots (Li et al. 2018, section 3).
    The paper takes 2 as the largest, which bounds |u| by 2^(1/T) in every layer. Where memory must be long, it also starts
    the last layer at 0.5^(1/T) or more.

    Args:
        n_steps: T.
        smallest, largest: the range in which a gradient of 1 may end up.

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
    """Independently recurrent network: every unit has a single recurrent weight, from itself to itself.

    Options:
        activation: "relu" or "tanh".
        recurrent_max_abs: the largest |u|, at the start and after each update. None: no bound.
        recurrent_min_abs: the smallest |u|, likewise. None: no bound.
        recurrent_range: (low, high): u starts uniform between them, before the bounds are applied. None: from
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
        """Bring |u| back between its bounds. The sign is kept; 0 counts as positive."""
        if self.recurrent_max_abs is not None or self.recurrent_min_abs is not None:
            size = np.clip(np.abs(self.u), self.recurrent_min_abs, self.recurrent_max_abs)
            self.u[...] = np.where(self.u.real < 0, -size, size)

    def random_state(self, rng, batch):
        h, = super().random_state(rng, batch)
        return (abs(h).astype(self.dtype) if self.activation == "relu" else h,)     # relu is never below 0


def _bound(name, value):
    return None if value is None else checks.number(name, value, low=0)


def _range(name, value):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} is {checks.shown(value)}, expected a pair of numbers (low, high)")
    low, high = (checks.number(f"{name}[{k}]", number) for k, number in enumerate(value))
    if low > high:
        raise ValueError(f"{name} is ({low:g}, {high:g}), expected the lower number first")
    return low, high
