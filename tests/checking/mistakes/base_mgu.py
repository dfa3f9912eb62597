"""Minimal gated unit (Zhou et al. 2016): one gate f, which both resets and updates."""

import numpy as np

from minirnn import Cell, Memo, Stack


class MGU(Cell):
    """f = sigmoid(W_f x + R_f h + b_f);  n = tanh(W_n x + R_n (f h) + b_n);  h' = (1 - f) h + f n."""

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("n", "f"), (H, D)), Stack("R", ("n", "f"), (H, H)), Stack("b", ("n", "f"), (H, 1))]

    def step(self, wx, old):
        h, = old
        R_n, R_f = self.params["R_n"], self.params["R_f"]
        a_n, a_f = self.split(wx)
        t = np.tanh(0.5 * (a_f + R_f @ h))          # the sigmoid by way of tanh: it cannot overflow
        f = 0.5 * (1 + t)
        n = np.tanh(a_n + R_n @ (f * h))
        h_new = h + f * (n - h)
        return (h_new,), Memo(t=t, f=f, n=n)

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h, = old
        f, n, t = memo.f, memo.n, memo.t
        R_n, R_f = self.params["R_n"], self.params["R_f"]
        df = dh_new * (n - h)
        dn = dh_new * f
        dh = dh_new - dh_new * f
        da_n = dn * (1 - n * n)
        dfh = R_n.T @ da_n
        df += dfh * h
        dh += dfh * f
        da_f = df * 0.25 * (1 - t * t)
        dh += R_f.T @ da_f
        return np.concatenate((da_n, da_f)), (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        # all steps side by side, so that one product does the sum over time
        da, x, h, fh = (a.transpose(1, 0, 2).reshape(a.shape[1], -1) for a in (dwxs, xs, olds[0], memos.f * olds[0]))
        H = self.n_hidden
        grads.stacked["W"] += da @ x.T
        grads.stacked["b"] += da.sum(axis=1, keepdims=True)
        grads["R_n"] += da[:H] @ fh.T
        grads["R_f"] += da[H:] @ h.T
        return self.W.T @ dwxs


def make(n_in, n_hidden):
    return MGU(n_in, n_hidden, rng=11, dtype="float64")
