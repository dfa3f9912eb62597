"""x times h, then a gated linear unit: both rows of the GLU are bilinear.

    y = W x + b + (V x) * (U h)         2H rows: values, then gates
    h' = tanh(0.7 h + y_v * sigmoid(y_g))

Rows of wx: W x + b (2H), then V x (2H).
"""

import numpy as np

from minirnn.activations import sigmoid, tanh
from minirnn.cells.cell import Cell, Memo
from minirnn.cells.parameters import Stack

KEEP = 0.7


def glu(y):
    value, gate = np.split(y, 2, axis=-2)
    return value * sigmoid(gate)


def glu_backward(dout, y):
    value, gate = np.split(y, 2, axis=-2)
    s = sigmoid(gate)
    dy = np.empty_like(y)
    half = y.shape[-2] // 2
    dy[..., :half, :] = dout * s
    dy[..., half:, :] = dout * value * s * (1 - s)
    return dy


class BilinearGLU(Cell):
    def stacks(self):
        D, H = self.n_in, self.n_hidden
        rows = ("v", "g")
        return [Stack("W", rows, (H, D)), Stack("b", rows, (H, 1)), Stack("V", rows, (H, D)), Stack("U", rows, (H, H))]

    def initialise(self, rng):
        for name, a in self.params.items():
            a[...] = rng.normal(0, 0.3 if name.startswith("b") else 0.7, a.shape)

    def input_terms(self, xs):
        linear = np.einsum("gd,tdb->tgb", self.W, xs) + self.b
        factor = np.einsum("gd,tdb->tgb", self.V, xs)
        return np.concatenate([linear, factor], axis=1)

    def step(self, wx, old):
        h = old[0]
        linear, vx = np.split(wx, 2)
        uh = self.U @ h
        y = linear + vx * uh
        h_new = tanh(KEEP * h + glu(y))
        return (h_new,), Memo(vx=vx, uh=uh, y=y)

    def step_backward(self, dnew, old, new, memo):
        dpre = dnew[0] * (1 - new[0] ** 2)
        dy = glu_backward(dpre, memo.y)
        dvx = dy * memo.uh
        duh = dy * memo.vx
        dh = KEEP * dpre
        dh += self.U.T @ duh
        dwx = np.concatenate([dy, dvx])
        return dwx, (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        rows = 2 * self.n_hidden
        dys, dvxs = dwxs[:, :rows], dwxs[:, rows:]
        duhs = dys * memos.vx
        grads.stacked["W"] += np.einsum("tgb,tdb->gd", dys, xs)
        grads.stacked["b"] += np.einsum("tgb->g", dys)[:, None]
        grads.stacked["V"] += np.einsum("tgb,tdb->gd", dvxs, xs)
        grads.stacked["U"] += np.einsum("tgb,thb->gh", duhs, olds[0])
        dxs = np.einsum("gd,tgb->tdb", self.W, dys)
        dxs += np.einsum("gd,tgb->tdb", self.V, dvxs)
        return dxs


def make(n_in, n_hidden):
    return BilinearGLU(n_in, n_hidden, rng=57)
