"""The library's LSTM with softsign in place of the output tanh: c / (1 + |c|) is cheaper and saturates more slowly."""

import numpy as np

import minirnn
from minirnn import Memo
from minirnn.activations import sigmoid


class SoftsignLSTM(minirnn.CELLS["lstm"]):
    """h' = o * c' / (1 + |c'|); everything else, the order of the gates (i, f, o, g) too, is the parent's."""

    def step(self, wx, old):
        h, c = old
        a_i, a_f, a_o, a_g = self.split(wx + self.R @ h)
        i, f, o, g = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o), np.tanh(a_g)
        c_new = f * c + i * g
        s = c_new / (1 + np.abs(c_new))
        return (o * s, c_new), Memo(i=i, f=f, o=o, g=g, s=s)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dc_new = dnew
        h, c = old
        i, f, o, g, s = memo.i, memo.f, memo.o, memo.g, memo.s
        ds = dh_new * o
        do = dh_new * s
        dc_new = dc_new + ds * (1 - np.abs(s))**2
        di = dc_new * g
        df = dc_new * c
        dg = dc_new * i
        dc = dc_new * f
        da = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])
        return da, (self.R.T @ da, dc)


def make(n_in, n_hidden):
    return SoftsignLSTM(n_in, n_hidden, rng=15, dtype="float64")
