"""FastGRNN (Kusupati et al. 2018) with a low-rank W: gate and candidate share W = W1 W2 and U, only their biases differ."""

import numpy as np
from minirnn import Cell
from minirnn.cells.cell import Memo
from minirnn.cells.parameters import Stack

RANK = 2
ZETA, NU = 0.85, 0.1


def side_by_side(a):
    return np.concatenate(list(a), axis=1)


class FastGRNN(Cell):

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W1", (), (H, RANK)), Stack("W2", (), (RANK, D)), Stack("U", (), (H, H)),
                Stack("b", ("z", "h"), (H, 1))]

    def initialise(self, rng):
        for name in ("W1", "W2", "U"):
            a = self.params[name]
            a[...] = rng.normal(0, 0.8, a.shape) / np.sqrt(a.shape[1])
        self.params["b_z"][...] = 0.5

    def input_terms(self, xs):
        low = np.einsum("rd,kdb->krb", self.W2, xs)
        wx = np.einsum("hr,krb->khb", self.W1, low)
        return np.concatenate([wx + self.params["b_z"], wx + self.params["b_h"]], axis=1)

    def step(self, wx, old):
        h, = old
        uh = self.U @ h
        pre_z, pre_c = wx[:self.n_hidden] + uh, wx[self.n_hidden:] + uh
        z = 1 / (1 + np.exp(-pre_z))
        c = np.tanh(pre_c)
        h_new = (ZETA * (1 - z) + NU) * c + z * h
        return (h_new,), Memo(z=z, c=c)

    def step_backward(self, dnew, old, new, memo):
        dout, = dnew
        h, = old
        z, c = memo.z, memo.c
        dc = dout * (ZETA * (1 - z) + NU)
        dz = dout * (h - ZETA * c)
        dpre_c = dc * (1 - c * c)
        dpre_z = dz * z * (1 - z)
        dh = dout * z
        dh += self.U.T @ (dpre_z + dpre_c)
        return np.concatenate([dpre_z, dpre_c]), (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        H = self.n_hidden
        dz, dc = dwxs[:, :H], dwxs[:, H:]
        grads["b_z"] += dz.sum(axis=(0, 2))[:, None]
        grads["b_h"] += dc.sum(axis=(0, 2))[:, None]
        ds = dz + dc
        delta, x, h = side_by_side(ds), side_by_side(xs), side_by_side(olds[0])
        grads["U"] += delta @ h.T
        grads["W1"] += delta @ (self.W2 @ x).T
        grads["W2"] += self.W1.T @ (delta @ x.T)
        return (self.W1 @ self.W2).T @ ds


def make(n_in, n_hidden):
    return FastGRNN(n_in, n_hidden, dtype="float64", rng=2)
