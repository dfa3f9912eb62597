"""A Skip RNN (Campos et al. 2018) without the rounding: u says how much of the update each unit makes.

    s = tanh(W x + R h + b)                      what the RNN would do
    h' = u s + (1 − u) h
    δ = sigmoid(P h' + p)
    u' = u δ + (1 − u) (u + δ (1 − u))           after an update start over, otherwise add up
"""

import numpy as np

from minirnn.activations import sigmoid
from minirnn.cells.cell import Memo, columns
from minirnn.cells.elman import RNN
from minirnn.cells.parameters import Stack


class SkipRNN(RNN):
    """On top of the library's RNN. The rows of wx are its pre-activations, and below them p."""

    equations = {}
    state_names = ("h", "u")
    state_start = {"u": 1}

    def stacks(self):
        H = self.n_hidden
        return [*super().stacks(), Stack("P", (), (H, H)), Stack("p", (), (H, 1))]

    def input_terms(self, xs):
        below = np.broadcast_to(self.p, (len(xs), self.n_hidden, xs.shape[2]))
        return np.concatenate([super().input_terms(xs), below], axis=1)

    def step(self, wx, old):
        h, u = old
        a, p = wx[:self.n_hidden], wx[self.n_hidden:]
        (s,), _ = super().step(a, (h,))
        h_new = u * s + (1 - u) * h
        delta = sigmoid(self.P @ h_new + p)
        u_new = u * delta + (1 - u) * (u + delta * (1 - u))
        return (h_new, u_new), Memo(s=s, delta=delta, after=h_new)

    def step_backward(self, dnew, old, new, memo):
        dh_new, du_new = dnew
        h, u = old
        s, delta = memo.s, memo.delta
        wait = 1 - u

        ddelta = du_new * (u + wait * wait)
        dlogit = ddelta * delta * (1 - delta)
        dh_all = dh_new + self.P.T @ dlogit

        ds = dh_all * u
        da, (dh,) = super().step_backward((ds,), (h,), (s,), memo)
        dh = dh + dh_all * wait

        du = dh_all * (s - h)
        du = du + du_new * (delta + 1 - 2 * u - 2 * delta * wait)
        return np.concatenate([da, dlogit]), (dh, du)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        das, dlogits = np.split(dwxs, 2, axis=1)
        grads["P"] += columns(dlogits) @ columns(memos.after).T
        grads["p"] += columns(dlogits).sum(axis=1, keepdims=True)
        return super().weight_gradients(das, xs, olds, memos, grads)


def make(n_in, n_hidden):
    return SkipRNN(n_in, n_hidden, rng=8, dtype="float64")
