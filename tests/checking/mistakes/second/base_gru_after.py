"""The library's GRU with reset_after=True, its backward pass and the sums over time derived again."""

import numpy as np

import minirnn


class MyGRU(minirnn.CELLS["gru"]):
    """q = R_n h + c_n;  n = tanh(W_n x + b_n + r q);  h' = z h + (1 - z) n. Rows of wx: n, r, z; rows of R: r, z."""

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h, = old
        r, z, q, n = memo.r, memo.z, memo.q, memo.n
        da_n = dh_new * (1 - z) * (1 - n * n)
        da_r = da_n * q * r * (1 - r)
        da_z = dh_new * (h - n) * z * (1 - z)
        R_r, R_z = np.split(self.R, 2)
        dh = dh_new * z
        dh += R_r.T @ da_r
        dh += R_z.T @ da_z
        dh += self.R_n.T @ (da_n * r)
        return np.concatenate((da_n, da_r, da_z)), (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        H = self.n_hidden
        for t in range(len(xs)):
            da, h = dwxs[t], olds[0][t]
            dq = da[:H] * memos.r[t]
            grads["R_n"] += dq @ h.T
            grads["c_n"] += dq.sum(axis=1, keepdims=True)
            grads.stacked["R"] += da[H:] @ h.T
            grads.stacked["W"] += da @ xs[t].T
            grads.stacked["b"] += da.sum(axis=1, keepdims=True)
        return np.stack([self.W.T @ da for da in dwxs])


def make(n_in, n_hidden):
    cell = MyGRU(n_in, n_hidden, reset_after=True, rng=114, dtype="float64")
    cell.c_n[...] = np.random.default_rng(114).normal(0, 0.5, cell.c_n.shape)
    return cell
