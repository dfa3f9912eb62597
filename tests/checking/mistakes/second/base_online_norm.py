"""A tanh RNN that normalises itself over time: every unit keeps a running mean m and a running variance s of what it receives."""

import numpy as np

from minirnn import Cell, Memo, Stack

KEEP, EPS = 0.7, 0.1


class OnlineNormRNN(Cell):
    """a = W x + R h;  m' = KEEP m + (1 - KEEP) a;  s' = KEEP s + (1 - KEEP) (a - m')²;  h' = tanh(g (a - m') / sqrt(s' + EPS) + b)."""

    state_names = ("h", "m", "s")
    state_start = {"s": 1.0}

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", (), (H, D)), Stack("R", (), (H, H)), Stack("g", (), (H, 1)), Stack("b", (), (H, 1))]

    def initialise(self, rng):
        super().initialise(rng)
        self.g[...] = 1

    def random_state(self, rng, batch):
        h, m, s = super().random_state(rng, batch)
        return h, m, 0.3 + s * s

    def input_terms(self, xs):
        return self.W @ xs

    def step(self, wx, old):
        h, m, s = old
        a = wx + self.R @ h
        m_new = KEEP * m + (1 - KEEP) * a
        gap = a - m_new
        s_new = KEEP * s + (1 - KEEP) * gap**2
        std = np.sqrt(s_new + EPS)
        h_new = np.tanh(self.g * gap / std + self.b)
        return (h_new, m_new, s_new), Memo(gap=gap, std=std, dy=np.zeros_like(a))

    def step_backward(self, dnew, old, new, memo):
        dh_new, dm_new, ds_new = dnew
        h_new = new[0]
        gap, std = memo.gap, memo.std
        dy = dh_new * (1 - h_new**2)
        memo.dy = dy                                    # weight_gradients needs it for g and b
        dscaled = self.g * dy
        ds = ds_new - 0.5 * dscaled * gap / std**3
        dgap = dscaled / std + 2 * (1 - KEEP) * gap * ds
        dm = dm_new - dgap
        da = dgap + (1 - KEEP) * dm
        return da, (self.R.T @ da, KEEP * dm, KEEP * ds)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        grads["W"] += np.einsum("tib,tjb->ij", dwxs, xs)
        grads["R"] += np.einsum("tib,tjb->ij", dwxs, olds[0])
        grads["g"] += np.sum(memos.dy * memos.gap / memos.std, axis=(0, 2))[:, None]
        grads["b"] += np.sum(memos.dy, axis=(0, 2))[:, None]
        return self.W.T @ dwxs


def make(n_in, n_hidden):
    return OnlineNormRNN(n_in, n_hidden, rng=121, dtype="float64")
