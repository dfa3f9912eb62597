"""An Elman network with weight normalisation (Salimans & Kingma 2016): R = g V / |V|, row by row."""

import numpy as np

from minirnn import FunctionCell


def row_norms(V):
    return np.sqrt((V**2).sum(axis=1, keepdims=True))


def step(p, x, old):
    h, = old
    R = p["g"] * p["V"] / row_norms(p["V"])
    h_new = np.tanh(p["W"] @ x + R @ h + p["b"])
    return (h_new,), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    h_new, = new
    g, V = p["g"], p["V"]
    norm = row_norms(V)
    R = g * V / norm

    da = dh_new * (1 - h_new * h_new)
    grads["W"] += da @ x.T
    grads["b"] += da.sum(axis=1, keepdims=True)

    dR = da @ h.T
    dots = (dR * V).sum(axis=1, keepdims=True)
    grads["g"] += dots / norm
    grads["V"] += g / norm * dR
    grads["V"] -= g * dots / norm**3 * V

    dx = p["W"].T @ da
    dh = R.T @ da
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(23)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "V": rng.normal(size=(n_hidden, n_hidden)),
              "g": rng.uniform(0.5, 1.5, (n_hidden, 1)), "b": rng.normal(0, 0.2, (n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
