"""A recurrent network that reads its last two states, with a gated skip over one step. State: h and p, the h before."""

import numpy as np

from minirnn import FunctionCell


def logistic(a):
    return 1. / (1. + np.exp(-a))


def step(w, x, old):
    h, p = old
    alpha = logistic(w["V"] @ x + w["c"])
    cand = np.tanh(w["W"] @ x + w["R"] @ h + w["Q"] @ p + w["b"])
    h_new = alpha * p + (1 - alpha) * cand
    return (h_new, h.copy()), {"alpha": alpha, "cand": cand}


def step_backward(w, dnew, x, old, new, memo, dw):
    dh_new, dp_new = dnew
    h, p = old
    alpha, cand = memo["alpha"], memo["cand"]

    dalpha = dh_new * (p - cand)
    dcand = dh_new * (1 - alpha)
    de = dalpha * alpha * (1 - alpha)
    da = dcand * (1 - cand**2)

    dw["V"] += de @ x.T
    dw["c"] += de.sum(1, keepdims=True)
    dw["W"] += da @ x.T
    dw["R"] += da @ h.T
    dw["Q"] += da @ p.T
    dw["b"] += da.sum(1, keepdims=True)

    dx = w["W"].T @ da + w["V"].T @ de
    dh = w["R"].T @ da + dp_new
    dp = w["Q"].T @ da + alpha * dh_new
    return dx, (dh, dp)


def make(n_in, n_hidden):
    r = np.random.default_rng(19)
    D, H = n_in, n_hidden
    w = {"W": r.normal(size=(H, D)), "V": r.normal(size=(H, D)), "R": 0.5 * r.normal(size=(H, H)),
         "Q": 0.5 * r.normal(size=(H, H)), "b": np.zeros((H, 1)), "c": np.zeros((H, 1))}
    return FunctionCell(step, step_backward, w, n_in=D, n_hidden=H, state_names=("h", "p"))
