"""A Cell without bias whose gain exp(s) stands between W x and the rest; step_backward applies it and weight_gradients takes it out."""

import numpy as np

from minirnn.cells.cell import Cell, Memo
from minirnn.cells.parameters import Stack


class Gain(Cell):
    """h' = tanh(exp(s) ⊙ (W x) + R h): step gets W x, so dwx has the gain in it."""

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", (), (H, D)), Stack("R", (), (H, H)), Stack("s", (), (H, 1))]

    def initialise(self, rng):
        self.params.flat[...] = rng.normal(0, 0.5, self.params.flat.shape)

    def input_terms(self, xs):
        return np.einsum("hd,kdb->khb", self.W, xs)

    def step(self, wx, old):
        gained = np.exp(self.s) * wx
        return (np.tanh(gained + self.R @ old[0]),), Memo(gained=gained)

    def step_backward(self, dnew, old, new, memo):
        da = dnew[0] - dnew[0] * new[0] * new[0]
        return da * np.exp(self.s), ((da.T @ self.R).T,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        das = dwxs / np.exp(self.s)
        grads["W"] += np.einsum("khb,kdb->hd", dwxs, xs)
        grads["R"] += np.einsum("khb,kjb->hj", das, olds[0])
        grads["s"] += np.einsum("khb,khb->h", das, memos.gained)[:, None]
        return np.einsum("khb,hd->kdb", dwxs, self.W)


def make(n_in, n_hidden):
    return Gain(n_in, n_hidden, rng=38, dtype="float64")
