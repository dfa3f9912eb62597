"""A gated unit after Chung et al. with one gate more: s resets the input, as r resets the state. The gates are entries of dicts."""

import numpy as np

from minirnn import FunctionCell

GATES = ("z", "r", "s")          # update, reset of h, reset of x


def sigma(a):
    return 1 / (1 + np.exp(-a))


def cell_forward(p, x, old):
    h, = old
    gate = {}
    for k in GATES:
        gate[k] = sigma(p["W_" + k] @ x + p["U_" + k] @ h + p["b_" + k])
    n = np.tanh(p["W_n"] @ (gate["s"] * x) + p["U_n"] @ (gate["r"] * h) + p["b_n"])
    h_next = (1 - gate["z"]) * h + gate["z"] * n
    return (h_next,), {**gate, "n": n}


def cell_backward(p, dnew, x, old, new, memo, grads):
    dh_next, = dnew
    h, = old
    gate = {k: memo[k] for k in GATES}
    n = memo["n"]
    d = {}

    # the mixture
    d["z"] = dh_next * (n - h)
    dn = dh_next * gate["z"]
    dh = dh_next * (1 - gate["z"])

    # the candidate
    da_n = dn * (1 - n * n)
    grads["W_n"] += da_n @ (gate["s"] * x).T
    grads["U_n"] += da_n @ (gate["r"] * h).T
    grads["b_n"] += da_n.sum(1, keepdims=True)
    dsx = p["W_n"].T @ da_n
    drh = p["U_n"].T @ da_n
    d["s"], d["r"] = dsx * x, drh * h
    dx = dsx * gate["s"]
    dh += drh * gate["r"]

    # the gates
    for k in GATES:
        da = d[k] * gate[k] * (1 - gate[k])
        grads["W_" + k] += da @ x.T
        grads["U_" + k] += da @ h.T
        grads["b_" + k] += da.sum(1, keepdims=True)
        dx += p["W_" + k].T @ da
        dh += p["U_" + k].T @ da
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(58)
    rows = {"z": n_hidden, "r": n_hidden, "s": n_in, "n": n_hidden}
    p = {}
    for k, size in rows.items():
        p["W_" + k] = rng.normal(0, 0.7, (size, n_in))
        p["U_" + k] = rng.normal(0, 0.6, (size, n_hidden))
        p["b_" + k] = rng.normal(0, 0.3, (size, 1))
    return FunctionCell(cell_forward, cell_backward, p, n_in=n_in, n_hidden=n_hidden)
