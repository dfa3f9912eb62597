"""LSTM with zoneout in its expected form: a constant share of the old h and c is kept besides what the cell computes."""

import numpy as np

from minirnn.cells.lstm import LSTM

ZONE_H, ZONE_C = 0.15, 0.4


class ZoneoutLSTM(LSTM):

    def step(self, wx, old):
        (h_cell, c_cell), memo = super().step(wx, old)
        h_new = ZONE_H * old[0] + (1 - ZONE_H) * h_cell
        c_new = ZONE_C * old[1] + (1 - ZONE_C) * c_cell
        return (h_new, c_new), memo                     # memo.s is tanh(c_cell)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dc_new = dnew
        c_prev = old[1]
        i, f, o, g, s = memo.i, memo.f, memo.o, memo.g, memo.s

        dh_cell = (1 - ZONE_H) * dh_new
        dc_cell = (1 - ZONE_C) * dc_new
        dc_cell = dc_cell + dh_cell * o * (1 - s**2)

        d_i = dc_cell * g * i * (1 - i)
        d_f = dc_cell * c_prev * f * (1 - f)
        d_o = dh_cell * s * o * (1 - o)
        d_g = dc_cell * i * (1 - g**2)
        d_gates = np.concatenate((d_i, d_f, d_o, d_g), axis=0)

        dh_prev = ZONE_H * dh_new + self.R.T @ d_gates
        dc_prev = ZONE_C * dc_new + f * dc_cell
        return d_gates, (dh_prev, dc_prev)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        h_prev = olds[0]
        grads.stacked["W"] += np.einsum("tgb,tdb->gd", dwxs, xs)
        grads.stacked["R"] += np.einsum("tgb,thb->gh", dwxs, h_prev)
        grads.stacked["b"] += dwxs.sum(axis=(0, 2))[:, None]
        return np.einsum("gd,tgb->tdb", self.W, dwxs)


def make(n_in, n_hidden):
    return ZoneoutLSTM(n_in, n_hidden, rng=8, dtype="float64")
