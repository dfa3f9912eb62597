"""LSTM with one fused matrix product and as few temporaries as I could manage."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, c = old
    H = h.shape[0]
    a = p["W"] @ x
    a += p["R"] @ h
    a += p["b"]
    gates = np.empty_like(a)                        # g, i, f, o on top of each other
    np.tanh(a[:H], out=gates[:H])
    gates[H:] = 1 / (1 + np.exp(-a[H:]))
    g, i, f, o = gates.reshape(4, H, -1)
    c_new = f * c
    c_new += i * g
    s = np.tanh(c_new)
    h_new = o * s
    return (h_new, c_new), {"gates": gates, "s": s}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh, dc_new = dnew
    h, c = old
    H, B = dh.shape
    g, i, f, o = memo["gates"].reshape(4, H, B)
    s = memo["s"]

    dc = np.multiply(dh, o)
    dc *= 1 - s**2
    dc += dc_new

    da = np.empty((4, H, B), dh.dtype)
    np.multiply(dc, i, out=da[0])
    da[0] *= 1 - g**2
    np.multiply(dc, g, out=da[1])
    da[1] *= i * (1 - i)
    np.multiply(dc, c, out=da[2])
    da[2] *= f * (1 - f)
    np.multiply(dh, s, out=da[3])
    da[3] *= o * (1 - o)
    da = da.reshape(4 * H, B)

    grads["W"] += da @ x.T
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    dc *= f
    return p["W"].T @ da, (p["R"].T @ da, dc)


def make(n_in, n_hidden):
    rng = np.random.default_rng(2)
    params = {
        "W": rng.normal(0, 0.6, (4 * n_hidden, n_in)),
        "R": rng.normal(0, 0.4, (4 * n_hidden, n_hidden)),
        "b": rng.normal(0, 0.2, (4 * n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
