"""A recurrent net put together from small layer functions, each with its own backward. The second layer has a skip."""

import numpy as np

from minirnn import FunctionCell


def affine(p, name, v):
    return p["W_" + name] @ v + p["b_" + name]


def affine_backward(p, grads, name, dout, v):
    grads["W_" + name] += dout @ v.T
    grads["b_" + name] += dout.sum(axis=1, keepdims=True)
    return p["W_" + name].T @ dout


def tanh_backward(dout, y):
    return dout * (1 - y**2)


def step(p, x, old):
    h, = old
    a = affine(p, "x", x) + affine(p, "h", h)
    m = np.tanh(a)
    q = np.tanh(affine(p, "deep", m))
    return (m + q,), {"m": m, "q": q, "a": a}


def step_backward(p, dnew, x, old, new, memo, grads):
    dout, = dnew
    h, = old
    m, q = memo["m"], memo["q"]
    d_deep = tanh_backward(dout, q)
    dm = dout + affine_backward(p, grads, "deep", d_deep, m)
    da = tanh_backward(dm, m)
    dx = affine_backward(p, grads, "x", da, x)
    dh = affine_backward(p, grads, "h", da, h)
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(5)
    params = {}
    for name, width in (("x", n_in), ("h", n_hidden), ("deep", n_hidden)):
        params["W_" + name] = rng.normal(size=(n_hidden, width)) / np.sqrt(width)
        params["b_" + name] = rng.normal(0, 0.1, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
