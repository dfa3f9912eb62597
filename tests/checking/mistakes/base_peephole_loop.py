"""LSTM with peepholes. The gates live in dictionaries and are gone through in a loop."""

import numpy as np

from minirnn import FunctionCell

NAMES = ("i", "f", "o", "z")


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def step(p, x, old):
    h, c = old
    a = {k: p["W" + k] @ x + p["R" + k] @ h + p["b" + k] for k in NAMES}
    z = np.tanh(a["z"])
    i = sigmoid(a["i"] + p["pi"] * c)
    f = sigmoid(a["f"] + p["pf"] * c)
    c_new = i * z + f * c
    o = sigmoid(a["o"] + p["po"] * c_new)
    h_new = o * np.tanh(c_new)
    return (h_new, c_new), {"i": i, "f": f, "o": o, "z": z}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_new = dnew
    h, c = old
    h_new, c_new = new
    i, f, o, z = (memo[k] for k in NAMES)
    s = np.tanh(c_new)

    da = {}
    da["o"] = dh_new * s * o * (1 - o)
    dc_total = dc_new + dh_new * o * (1 - s**2) + p["po"] * da["o"]
    da["i"] = dc_total * z * i * (1 - i)
    da["f"] = dc_total * c * f * (1 - f)
    da["z"] = dc_total * i * (1 - z**2)
    dc = dc_total * f + p["pi"] * da["i"] + p["pf"] * da["f"]

    grads["pi"] += (da["i"] * c).sum(axis=1, keepdims=True)
    grads["pf"] += (da["f"] * c).sum(axis=1, keepdims=True)
    grads["po"] += (da["o"] * c_new).sum(axis=1, keepdims=True)

    dx, dh = np.zeros_like(x), np.zeros_like(h)
    for k in NAMES:
        grads["W" + k] += da[k] @ x.T
        grads["R" + k] += da[k] @ h.T
        grads["b" + k] += da[k].sum(axis=1, keepdims=True)
        dx += p["W" + k].T @ da[k]
        dh += p["R" + k].T @ da[k]
    return dx, (dh, dc)


def make(n_in, n_hidden):
    rng = np.random.default_rng(6)
    params = {}
    for k in NAMES:
        params["W" + k] = rng.uniform(-0.8, 0.8, (n_hidden, n_in))
        params["R" + k] = rng.uniform(-0.8, 0.8, (n_hidden, n_hidden))
        params["b" + k] = rng.uniform(-0.2, 0.2, (n_hidden, 1))
        if k != "z":
            params["p" + k] = rng.uniform(-0.8, 0.8, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
