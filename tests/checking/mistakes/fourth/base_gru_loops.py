"""The library's GRU with the backward pass of our exercise sheet: deltas per gate, and a plain loop over time."""

import numpy as np

from minirnn.cells.gru import GRU


class LoopGRU(GRU):

    def step_backward(self, dnew, old, new, memo):
        dh_t = dnew[0]
        h_prev = old[0]
        z_t, r_t, n_t = memo.z, memo.r, memo.n
        R_r, R_z = self.R[:self.n_hidden], self.R[self.n_hidden:]
        # h_t = z_t * h_prev + (1 - z_t) * n_t
        delta_n = dh_t * (1 - z_t) * (1 - n_t**2)
        delta_z = dh_t * (h_prev - n_t) * z_t * (1 - z_t)
        # n_t sees r_t * h_prev
        back = self.R_n.T.dot(delta_n)
        delta_r = back * h_prev * r_t * (1 - r_t)
        # four ways back to h_prev
        dh_prev = dh_t * z_t
        dh_prev = dh_prev + back * r_t
        dh_prev = dh_prev + R_r.T.dot(delta_r)
        dh_prev = dh_prev + R_z.T.dot(delta_z)
        return np.concatenate([delta_n, delta_r, delta_z]), (dh_prev,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        T, H = len(xs), self.n_hidden
        dxs = np.zeros_like(xs)
        for t in range(T):
            h_prev = olds[0][t]
            delta_n, delta_r, delta_z = dwxs[t, :H], dwxs[t, H:2 * H], dwxs[t, 2 * H:]
            for name, delta in (("n", delta_n), ("r", delta_r), ("z", delta_z)):
                grads["W_" + name] += delta.dot(xs[t].T)
                grads["b_" + name] += delta.sum(axis=1, keepdims=True)
                dxs[t] += self.params["W_" + name].T.dot(delta)
            grads["R_r"] += delta_r.dot(h_prev.T)
            grads["R_z"] += delta_z.dot(h_prev.T)
            grads["R_n"] += delta_n.dot((memos.r[t] * h_prev).T)
        return dxs


def make(n_in, n_hidden):
    return LoopGRU(n_in, n_hidden, rng=3, dtype="float64")
