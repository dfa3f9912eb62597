"""A quasi-recurrent layer (Bradbury et al. 2016) with a window of two: the gates see this input and the last one.

The state is (h, c, e), where e is the embedded input, carried along for the window of the next step.
"""

import numpy as np

from minirnn import FunctionCell

GATES = ("z", "f", "o")


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def step(p, x, old):
    _, c, e = old
    e_new = np.tanh(p["E"] @ x)
    a = {k: p["P" + k] @ e + p["N" + k] @ e_new + p["b" + k] for k in GATES}
    z, f, o = np.tanh(a["z"]), sigmoid(a["f"]), sigmoid(a["o"])
    c_new = f * c + (1 - f) * z
    return (o * c_new, c_new, e_new), {"z": z, "f": f, "o": o}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_new, de_new = dnew
    _, c, e = old
    _, c_new, e_new = new
    z, f, o = (memo[k] for k in GATES)

    dc = dc_new + dh_new * o
    d = {k: np.zeros_like(c) for k in GATES}
    d["z"] += dc * (1 - f) * (1 - z * z)
    d["f"] += dc * (c - z) * f * (1 - f)
    d["o"] += dh_new * c_new * o * (1 - o)

    de_now = de_new.copy()                      # the next step's window has read e_new
    de_last = np.zeros_like(e)
    for k in GATES:
        grads["P" + k] += d[k] @ e.T
        grads["N" + k] += d[k] @ e_new.T
        grads["b" + k] += d[k].sum(axis=1, keepdims=True)
        de_last += p["P" + k].T @ d[k]
        de_now += p["N" + k].T @ d[k]
    da_e = de_now * (1 - e_new * e_new)
    grads["E"] += da_e @ x.T
    return p["E"].T @ da_e, (np.zeros_like(dh_new), dc * f, de_last)


def make(n_in, n_hidden):
    rng = np.random.default_rng(103)
    params = {"E": rng.normal(0, 0.8, (n_hidden, n_in))}
    for k in GATES:
        params["P" + k] = rng.normal(0, 0.6, (n_hidden, n_hidden))
        params["N" + k] = rng.normal(0, 0.6, (n_hidden, n_hidden))
        params["b" + k] = rng.normal(0, 0.2, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c", "e"))
