"""Simple recurrent unit (Lei et al. 2018): no matrix acts on the state, so a step is element-wise. With its highway."""

import numpy as np

from minirnn import Cell, Memo, Stack

SCALE = 3 ** 0.5        # the highway's input is scaled up, so that its variance survives many layers


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class SRU(Cell):
    """f, r = sigmoid(W x + v * c + b);  c' = f c + (1 - f) W_u x;  h' = r tanh(c') + (1 - r) SCALE W_k x."""

    state_names = ("h", "c")

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("f", "r", "u", "k"), (H, D)), Stack("b", ("f", "r"), (H, 1)), Stack("v", ("f", "r"), (H, 1))]

    def initialise(self, rng):
        super().initialise(rng)
        self.v[...] = rng.uniform(-0.8, 0.8, self.v.shape)

    def step(self, wx, old):
        _, c = old
        a_f, a_r, u, k = self.split(wx)
        v_f, v_r = self.split(self.v)
        f = sigmoid(a_f + v_f * c)
        r = sigmoid(a_r + v_r * c)
        c_new = f * c + (1 - f) * u
        h_new = r * np.tanh(c_new) + (1 - r) * SCALE * k
        return (h_new, c_new), Memo(f=f, r=r, u=u, k=k)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dc_new = dnew
        _, c = old
        _, c_new = new
        f, r, u, k = memo.f, memo.r, memo.u, memo.k
        v_f, v_r = self.split(self.v)
        g = np.tanh(c_new)
        dr = dh_new * (g - SCALE * k)
        dk = dh_new * (1 - r) * SCALE
        dc_new = dc_new + dh_new * r * (1 - g**2)
        df = dc_new * (c - u)
        du = dc_new * (1 - f)
        da_f = df * f * (1 - f)
        da_r = dr * r * (1 - r)
        dc = dc_new * f + v_f * da_f + v_r * da_r
        return np.concatenate([da_f, da_r, du, dk]), (np.zeros_like(dh_new), dc)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        K, H = len(xs), self.n_hidden
        c = olds[1]
        gates = dwxs[:, :2 * H].reshape(K, 2, H, -1)
        grads.stacked["W"] += np.einsum("tgb,tdb->gd", dwxs, xs)
        grads.stacked["b"] += gates.sum(axis=(0, 3)).reshape(2 * H, 1)
        grads.stacked["v"] += np.einsum("tkhb,thb->kh", gates, c).reshape(2 * H, 1)
        return np.einsum("gd,tgb->tdb", self.W, dwxs)


def make(n_in, n_hidden):
    return SRU(n_in, n_hidden, rng=102, dtype="float64")
