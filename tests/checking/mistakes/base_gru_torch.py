"""The GRU of PyTorch (the reset gate acts after the matrix, and both matrices have a bias), as a minirnn Cell."""

import numpy as np

from minirnn import Cell, Memo, Stack


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class TorchGRU(Cell):
    """r, z: gates; n: candidate; h' = (1 - z) n + z h. b is PyTorch's bias_ih, c its bias_hh."""

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        gates = ("r", "z", "n")
        return [Stack("W", gates, (H, D)), Stack("R", gates, (H, H)), Stack("b", gates, (H, 1)),
                Stack("c", gates, (H, 1))]

    def step(self, wx, old):
        h, = old
        i_r, i_z, i_n = self.split(wx)
        h_r, h_z, h_n = self.split(self.R @ h + self.c)
        r = sigmoid(i_r + h_r)
        z = sigmoid(i_z + h_z)
        n = np.tanh(i_n + r * h_n)
        return ((1 - z) * n + z * h,), Memo(r=r, z=z, n=n, h_n=h_n)

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h, = old
        r, z, n, h_n = memo.r, memo.z, memo.n, memo.h_n
        dz = dh_new * (h - n)
        dn = dh_new * (1 - z)
        da_n = dn * (1 - n**2)
        dr = da_n * h_n
        da_r = dr * r * (1 - r)
        da_z = dz * z * (1 - z)
        d_hh = np.vstack([da_r, da_z, da_n * r])        # gradient of R h + c
        dh = dh_new * z + self.R.T @ d_hh
        d_ih = np.vstack([da_r, da_z, da_n])            # gradient of W x + b
        return d_ih, (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        H = self.n_hidden
        d_hh = dwxs.copy()
        d_hh[:, 2 * H:] *= memos.r
        h_prev = olds[0]
        grads.stacked["W"] += np.einsum("tgb,tdb->gd", dwxs, xs)
        grads.stacked["R"] += np.einsum("tgb,thb->gh", d_hh, h_prev)
        grads.stacked["b"] += dwxs.sum(axis=(0, 2))[:, None]
        grads.stacked["c"] += d_hh.sum(axis=(0, 2))[:, None]
        return self.W.T @ dwxs


def make(n_in, n_hidden):
    return TorchGRU(n_in, n_hidden, rng=4, dtype="float64")
