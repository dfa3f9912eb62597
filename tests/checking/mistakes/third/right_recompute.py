"""No memo at all: the backward pass of a GRU runs its own forward pass again, inside a function that returns pullbacks."""

import numpy as np

from minirnn import FunctionCell


def affine(p, k, x, h):
    def pullback(d, grads):
        grads["W" + k] += d @ x.T
        grads["R" + k] += d @ h.T
        grads["b" + k] += d.sum(axis=1, keepdims=True)
        return p["W" + k].T @ d, p["R" + k].T @ d
    return p["W" + k] @ x + p["R" + k] @ h + p["b" + k], pullback


def run(p, x, h):
    a_z, back_z = affine(p, "z", x, h)
    a_r, back_r = affine(p, "r", x, h)
    z, r = 1 / (1 + np.exp(-a_z)), 1 / (1 + np.exp(-a_r))
    a_n, back_n = affine(p, "n", x, r * h)
    n = np.tanh(a_n)

    def pullback(d, grads):
        dx_n, drh = back_n(d * z * (1 - n**2), grads)
        dx_r, dh_r = back_r(drh * h * r * (1 - r), grads)
        dx_z, dh_z = back_z(d * (n - h) * z * (1 - z), grads)
        return sum([dx_z, dx_r, dx_n]), d * (1 - z) + drh * r + dh_r + dh_z

    return h + z * (n - h), pullback


def step(p, x, old):
    return (run(p, x, old[0])[0],), None


def step_backward(p, dnew, x, old, new, memo, grads):
    _, pullback = run(p, x, old[0])
    dx, dh = pullback(dnew[0], grads)
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(31)
    sizes = {"W": n_in, "R": n_hidden, "b": 1}
    params = {s + k: rng.normal(0, 0.6, (n_hidden, m)) for k in "zrn" for s, m in sizes.items()}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
