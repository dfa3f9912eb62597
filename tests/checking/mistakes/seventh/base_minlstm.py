"""minLSTM (Were RNNs all we needed?): gates that see x alone and are normalised to add up to 1. No logarithms here."""

import numpy as np

from minirnn.activations import sigmoid
from minirnn.cells.cell import Cell, Memo, stack
from minirnn.cells.parameters import Stack

GATES = "fiv"


def positive(a):
    """a + 1/2 above 0, sigmoid(a) below."""
    return np.where(a.real >= 0, a + 0.5, sigmoid(a))


def positive_slope(a):
    s = sigmoid(a)
    return np.where(a >= 0, 1.0, s * (1 - s))


class MinLSTM(Cell):

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", tuple(GATES), (H, D)), Stack("b", tuple(GATES), (H, 1))]

    def step(self, wx, old):
        h, = old
        a_f, a_i, a_v = self.split(wx)
        f, i, v = sigmoid(a_f), sigmoid(a_i), positive(a_v)
        total = f + i
        h_new = (f / total) * h + (i / total) * v
        return (h_new,), Memo(f=f, i=i, v=v, total=total, a_v=a_v)

    def step_backward(self, dnew, old, new, memo):
        d, = dnew
        h, = old
        f, i, v, total = memo.f, memo.i, memo.v, memo.total
        keep, write = f / total, i / total

        dkeep, dwrite = d * h, d * v
        shared = (dkeep * keep + dwrite * write) / total
        df = dkeep / total - shared
        di = dwrite / total - shared
        dv = d * write

        da = stack(df * f * (1 - f),
                   di * i * (1 - i),
                   dv * positive_slope(memo.a_v))
        return da, (d * keep,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        H = self.n_hidden
        dxs = np.zeros_like(xs)
        for t in range(len(xs)):
            for n, gate in enumerate(GATES):
                da = dwxs[t, n * H:(n + 1) * H]
                grads["W_" + gate] += da @ xs[t].T
                grads["b_" + gate] += da.sum(axis=1, keepdims=True)
                dxs[t] += self.params["W_" + gate].T @ da
        return dxs


def make(n_in, n_hidden):
    return MinLSTM(n_in, n_hidden, rng=3, dtype="float64")
