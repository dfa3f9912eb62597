"""A light GRU (no reset gate, relu candidate) in which gate and candidate share one recurrent matrix V.

    s = V h
    z = sigmoid(W_z x + u_z s + b_z)        a = relu(W_a x + u_a s + b_a)        (u_z, u_a: a gain per unit)
    h' = z h + (1 - z) a
"""

import numpy as np

from minirnn.activations import relu, sigmoid
from minirnn.cells.cell import Cell, Memo
from minirnn.cells.parameters import Stack


class SharedLiGRU(Cell):

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("z", "a"), (H, D)), Stack("b", ("z", "a"), (H, 1)),
                Stack("u", ("z", "a"), (H, 1)), Stack("V", (), (H, H))]

    def initialise(self, rng):
        for name, value in self.params.items():
            value[...] = rng.normal(0, 0.6, value.shape)

    def step(self, wx, old):
        h = old[0]
        u_z, u_a = self.params["u_z"], self.params["u_a"]
        s = self.V @ h
        z = sigmoid(wx[:self.n_hidden] + u_z * s)
        a = relu(wx[self.n_hidden:] + u_a * s)
        return (z * h + (1 - z) * a,), Memo(s=s, z=z, a=a)

    def step_backward(self, dnew, old, new, memo):
        dh_new, h = dnew[0], old[0]
        s, z, a = memo.s, memo.z, memo.a
        u_z, u_a = self.params["u_z"], self.params["u_a"]
        d_z = dh_new * (h - a) * z * (1 - z)
        d_a = dh_new * (1 - z) * (a > 0)
        d_s = u_z * d_z + u_a * d_a
        d_h = dh_new * z + self.V.T @ d_s
        return np.concatenate([d_z, d_a]), (d_h,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        H = self.n_hidden
        d_z, d_a = dwxs[:, :H], dwxs[:, H:]
        u_z, u_a = self.params["u_z"], self.params["u_a"]
        over = ([0, 2], [0, 2])                             # time and batch
        d_s = u_z * d_z + u_a * d_a
        grads["V"] += np.tensordot(d_s, olds[0], over)
        grads["W_z"] += np.tensordot(d_z, xs, over)
        grads["W_a"] += np.tensordot(d_a, xs, over)
        grads["b_z"] += d_z.sum(axis=(0, 2))[:, None]
        grads["b_a"] += d_a.sum(axis=(0, 2))[:, None]
        grads["u_z"] += (d_z * memos.s).sum(axis=(0, 2))[:, None]
        grads["u_a"] += (d_a * memos.s).sum(axis=(0, 2))[:, None]
        return self.W.T @ dwxs


def make(n_in, n_hidden):
    return SharedLiGRU(n_in, n_hidden, rng=12, dtype="float64")
