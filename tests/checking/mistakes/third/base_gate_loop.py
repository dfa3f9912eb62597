"""A peephole LSTM written as loops over gates, with everything in dictionaries."""

import numpy as np

from minirnn import FunctionCell

GATES = "ifog"
ACTIVATE = {k: (lambda a: 1 / (1 + np.exp(-a))) for k in "ifo"}
ACTIVATE["g"] = np.tanh
SLOPE = {k: (lambda y: y * (1 - y)) for k in "ifo"}
SLOPE["g"] = lambda y: 1 - y**2


def step(p, x, old):
    h, c = old
    pre = {k: p[f"U_{k}"] @ x + p[f"V_{k}"] @ h + p[f"b_{k}"] for k in GATES}
    for k in "if":
        pre[k] = pre[k] + p[f"p_{k}"] * c
    y = {k: ACTIVATE[k](pre[k]) for k in "ifg"}
    c_new = y["f"] * c + y["i"] * y["g"]
    y["o"] = ACTIVATE["o"](pre["o"] + p["p_o"] * c_new)
    y["s"] = np.tanh(c_new)
    return (y["o"] * y["s"], c_new), y


def step_backward(p, dnew, x, old, new, y, grads):
    dh_in, dc_in = dnew
    h, c = old
    c_new = new[1]
    delta = {}

    delta["o"] = dh_in * y["s"] * SLOPE["o"](y["o"])
    dc = dc_in + dh_in * y["o"] * (1 - y["s"]**2)
    dc = dc + p["p_o"] * delta["o"]
    dc_old = dc * y["f"]
    upstream = {"i": dc * y["g"], "f": dc * c, "g": dc * y["i"]}
    for k in upstream:
        delta[k] = upstream[k] * SLOPE[k](y[k])

    dx, dh_old = np.zeros_like(x), np.zeros_like(h)
    for k in GATES:
        grads[f"U_{k}"] += delta[k] @ x.T
        grads[f"V_{k}"] += delta[k] @ h.T
        grads[f"b_{k}"] += delta[k].sum(axis=1, keepdims=True)
        dx += p[f"U_{k}"].T @ delta[k]
        dh_old += p[f"V_{k}"].T @ delta[k]
    for k in "if":
        grads[f"p_{k}"] += (delta[k] * c).sum(axis=1, keepdims=True)
        dc_old += p[f"p_{k}"] * delta[k]
    grads["p_o"] += (delta["o"] * c_new).sum(axis=1, keepdims=True)
    return dx, (dh_old, dc_old)


def make(n_in, n_hidden):
    rng = np.random.default_rng(18)
    shapes = {"U": (n_hidden, n_in), "V": (n_hidden, n_hidden), "b": (n_hidden, 1), "p": (n_hidden, 1)}
    params = {f"{s}_{k}": 0.5 * rng.normal(size=shape) for s, shape in shapes.items() for k in GATES if s + k != "pg"}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
