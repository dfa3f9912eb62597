"""A gated network on a ring: every unit reads itself and its two neighbours, through three taps that all units share."""

import numpy as np

from minirnn import FunctionCell

SHIFTS = (-1, 0, 1)


def convolve(taps, h):
    return sum(taps[k] * np.roll(h, shift, axis=0) for k, shift in enumerate(SHIFTS))


def step(p, x, old):
    h, = old
    f = 1 / (1 + np.exp(-(p["W_f"] @ x + convolve(p["taps_f"], h) + p["b_f"])))
    n = np.tanh(p["W_n"] @ x + convolve(p["taps_n"], h) + p["b_n"])
    return (f * h + (1 - f) * n,), dict(f=f, n=n)


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    f, n = memo["f"], memo["n"]

    df = dh_new * (h - n)
    dn = dh_new * (1 - f)
    dh = dh_new * f
    da_f = df * f * (1 - f)
    da_n = dn * (1 - n**2)

    for k, shift in enumerate(SHIFTS):
        neighbour = np.roll(h, shift, axis=0)
        grads["taps_f"][k] += (da_f * neighbour).sum()
        grads["taps_n"][k] += (da_n * neighbour).sum()
        dneighbour = p["taps_f"][k] * da_f + p["taps_n"][k] * da_n
        dh = dh + np.roll(dneighbour, -shift, axis=0)

    grads["W_f"] += da_f @ x.T
    grads["W_n"] += da_n @ x.T
    grads["b_f"] += da_f.sum(axis=1, keepdims=True)
    grads["b_n"] += da_n.sum(axis=1, keepdims=True)
    dx = p["W_f"].T @ da_f + p["W_n"].T @ da_n
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(22)
    params = {}
    for k in "fn":
        params["W_" + k] = rng.normal(size=(n_hidden, n_in))
        params["taps_" + k] = rng.normal(size=3)
        params["b_" + k] = rng.normal(0, 0.3, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
