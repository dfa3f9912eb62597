"""A deep-transition RNN that uses one recurrent matrix U for both of its layers (fewer parameters)."""

import numpy as np

from minirnn import Cell, Memo, Stack


class TiedDeepRNN(Cell):
    """m = tanh(W_1 x + U h + b_1);  h' = tanh(W_2 x + U m + b_2)."""

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("1", "2"), (H, D)), Stack("b", ("1", "2"), (H, 1)), Stack("U", (), (H, H))]

    def initialise(self, rng):
        super().initialise(rng)
        self.U[...] = rng.normal(0, 1 / np.sqrt(self.n_hidden), self.U.shape)

    def step(self, wx, old):
        h, = old
        wx_1, wx_2 = self.split(wx)
        m = np.tanh(wx_1 + self.U @ h)
        h_new = np.tanh(wx_2 + self.U @ m)
        return (h_new,), Memo(m=m)

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h_new, = new
        m = memo.m
        da_2 = dh_new * (1 - h_new**2)
        dm = self.U.T @ da_2
        da_1 = dm * (1 - m**2)
        dh = self.U.T @ da_1
        return np.concatenate([da_1, da_2]), (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        h, m = olds[0], memos.m
        da_1, da_2 = np.split(dwxs, 2, axis=1)
        for da_t, x_t in zip(dwxs, xs):
            grads.stacked["W"] += da_t @ x_t.T
            grads.stacked["b"] += da_t.sum(axis=1, keepdims=True)
        for t in range(len(xs)):
            grads["U"] += da_1[t] @ h[t].T
            grads["U"] += da_2[t] @ m[t].T
        return self.W.T @ dwxs


def make(n_in, n_hidden):
    return TiedDeepRNN(n_in, n_hidden, rng=9, dtype="float64")
