"""The library's RDA (exponential attention) with a backward pass of its own: shares, and logarithms as variables."""

import numpy as np

from minirnn.cells.rda import RDA


class MyRDA(RDA):
    def step_backward(self, dnew, old, new, memo):
        dh, dv, dl = (a.copy() for a in dnew)
        _, v, l = old
        H = self.n_hidden
        share, keep = memo.w, 1 - memo.w                        # of the new value and of the old average

        dv += dh                                                # h' = v'
        dz = dv * share                                         # v' = v + share (z - v)
        dshare = dv * (memo.z - v)
        dv_old = dv * keep

        dodds = dshare * share * keep                           # share = sigmoid(log a - log discounted)
        dlog_a = dl * share + dodds                             # l' = log(a + discounted)
        dlog_d = dl * keep - dodds                              # log discounted = log gamma + l

        dwx = np.zeros((4 * H, dh.shape[1]), dtype=dh.dtype)
        dwx[:H] = dz * memo.tanh_g                              # u
        dwx[H:2*H] = dz * memo.u * (1 - memo.tanh_g**2)         # g
        dwx[2*H:3*H] = dlog_d * (1 - memo.gamma)                # gamma
        dwx[3*H:] = dlog_a                                      # a
        dh_old = self.R.T @ dwx[H:]
        return dwx, (dh_old, dv_old, dlog_d)


def make(n_in, n_hidden):
    return MyRDA(n_in, n_hidden, rng=24, dtype="float64")
