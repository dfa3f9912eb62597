"""A transition of low rank plus a diagonal, P Q + diag(d), whose short code q = Q h the gate reads, too."""

import numpy as np

from minirnn.activations import sigmoid, tanh
from minirnn.cells.cell import Cell, Memo, stack
from minirnn.cells.parameters import Stack


class LowRankPlusDiagonal(Cell):
    """
    q = Q h
    c = tanh(W_c x + b_c + d * h + P q)
    g = sigmoid(W_g x + b_g + e * h + S q)
    h' = g * c + (1 - g) * h
    """

    rank = 2

    def stacks(self):
        D, H, K = self.n_in, self.n_hidden, self.rank
        return [Stack("W", ("c", "g"), (H, D)), Stack("b", ("c", "g"), (H, 1)), Stack("d", (), (H, 1)), Stack("e", (), (H, 1)),
                Stack("P", (), (H, K)), Stack("S", (), (H, K)), Stack("Q", (), (K, H))]

    def initialise(self, rng):
        for name, a in self.params.items():
            a[...] = rng.normal(0, 0.3 if name[0] == "b" else 0.6, a.shape)

    def step(self, wx, old):
        h, = old
        a_c, a_g = self.split(wx)
        q = self.Q @ h
        c = tanh(a_c + self.d * h + self.P @ q)
        g = sigmoid(a_g + self.e * h + self.S @ q)
        return (g * c + (1 - g) * h,), Memo(q=q, c=c, g=g)

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h, = old
        c, g = memo.c, memo.g
        da_c = dh_new * g * (1 - c**2)
        da_g = dh_new * (c - h) * g * (1 - g)
        dq = self.P.T @ da_c + self.S.T @ da_g
        dh = dh_new * (1 - g)
        dh = dh + self.d * da_c + self.e * da_g
        dh = dh + self.Q.T @ dq
        return stack(da_c, da_g), (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        H = self.n_hidden
        da_c, da_g = dwxs[:, :H], dwxs[:, H:]
        hs = olds[0]
        grads["d"] += (da_c * hs).sum(axis=(0, 2))[:, None]
        grads["e"] += (da_g * hs).sum(axis=(0, 2))[:, None]
        grads["P"] += np.einsum("thb,tkb->hk", da_c, memos.q)
        grads["S"] += np.einsum("thb,tkb->hk", da_g, memos.q)
        for c, g, h in zip(da_c, da_g, hs):
            dq = self.P.T @ c + self.S.T @ g
            grads["Q"] += dq @ h.T
        grads.stacked["W"] += np.einsum("tgb,tdb->gd", dwxs, xs)
        grads.stacked["b"] += dwxs.sum(axis=(0, 2))[:, None]
        return np.einsum("gd,tgb->tdb", self.W, dwxs)


def make(n_in, n_hidden):
    return LowRankPlusDiagonal(n_in, n_hidden, rng=52)
