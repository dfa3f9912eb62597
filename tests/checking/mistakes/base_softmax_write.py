"""A cell whose units compete for being written: the shares s are a softmax over the units, as in attention."""

import numpy as np

from minirnn import FunctionCell


def softmax(e):
    e = np.exp(e - e.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def step(p, x, old):
    h, = old
    scale = 1 / np.sqrt(len(h))
    s = softmax((p["Wq"] @ x + p["Uq"] @ h) * scale)
    v = np.tanh(p["Wv"] @ x + p["Uv"] @ h + p["bv"])
    h_new = h + s * (v - h)
    return (h_new,), {"s": s, "v": v}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    s, v = memo["s"], memo["v"]
    scale = 1 / np.sqrt(len(h))

    ds = dh_new * (v - h)
    dv = dh_new * s
    dh = dh_new * (1 - s)

    dot = (ds * s).sum(axis=0, keepdims=True)
    dlogits = s * (ds - dot)
    dq = dlogits * scale
    da = dv * (1 - v**2)

    grads["Wq"] += dq @ x.T
    grads["Uq"] += dq @ h.T
    grads["Wv"] += da @ x.T
    grads["Uv"] += da @ h.T
    grads["bv"] += da.sum(axis=1, keepdims=True)
    dx = p["Wq"].T @ dq + p["Wv"].T @ da
    dh = dh + p["Uq"].T @ dq + p["Uv"].T @ da
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(8)
    shapes = {"Wq": n_in, "Uq": n_hidden, "Wv": n_in, "Uv": n_hidden, "bv": 1}
    params = {name: rng.normal(0, 0.8, (n_hidden, width)) for name, width in shapes.items()}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
