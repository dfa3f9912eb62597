"""LSTM with layer normalisation (Ba et al. 2016): W x and R h are normalised separately, and for every gate by itself.

The four gates are the first axis of every parameter and every pre-activation, in the order i, f, o, g.
"""

import numpy as np

from minirnn import FunctionCell

EPS = 1e-2


class Normalised:
    """What one normalisation over the units gives, and its gradient."""

    def __init__(self, a):
        centred = a - a.mean(axis=1, keepdims=True)
        self.inverse = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPS)
        self.value = centred * self.inverse

    def backward(self, dvalue):
        n = self.value
        mean = dvalue.mean(axis=1, keepdims=True)
        along = (dvalue * n).mean(axis=1, keepdims=True)
        return self.inverse * (dvalue - mean - along * n)


def gates(p, x, h):
    from_x, from_h = Normalised(p["W"] @ x), Normalised(p["R"] @ h)
    a = p["gain_x"] * from_x.value + p["gain_h"] * from_h.value + p["shift"]
    out = np.empty_like(a)
    out[:3] = 1 / (1 + np.exp(-a[:3]))
    out[3] = np.tanh(a[3])
    return from_x, from_h, out


def step(p, x, old):
    h, c = old
    _, _, (i, f, o, g) = gates(p, x, h)
    c_new = f * c + i * g
    return (o * np.tanh(c_new), c_new), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_new = dnew
    h, c = old
    from_x, from_h, out = gates(p, x, h)
    i, f, o, g = out
    s = np.tanh(new[1])

    dc_new = dc_new + dh_new * o * (1 - s**2)
    dout = np.stack([dc_new * g, dc_new * c, dh_new * s, dc_new * i])
    da = np.empty_like(dout)
    da[:3] = dout[:3] * out[:3] * (1 - out[:3])
    da[3] = dout[3] * (1 - g**2)

    grads["shift"] += da.sum(axis=2, keepdims=True)
    grads["gain_x"] += (da * from_x.value).sum(axis=2, keepdims=True)
    grads["gain_h"] += (da * from_h.value).sum(axis=2, keepdims=True)
    d_x = from_x.backward(da * p["gain_x"])
    d_h = from_h.backward(da * p["gain_h"])
    grads["W"] += d_x @ x.T
    grads["R"] += d_h @ h.T
    dx = np.einsum("khd,khb->db", p["W"], d_x)
    dh = np.einsum("khj,khb->jb", p["R"], d_h)
    return dx, (dh, dc_new * f)


def make(n_in, n_hidden):
    rng = np.random.default_rng(108)
    params = {
        "W": rng.normal(size=(4, n_hidden, n_in)),
        "R": rng.normal(size=(4, n_hidden, n_hidden)),
        "gain_x": 1 + 0.3 * rng.normal(size=(4, n_hidden, 1)),
        "gain_h": 1 + 0.3 * rng.normal(size=(4, n_hidden, 1)),
        "shift": 0.3 * rng.normal(size=(4, n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
