"""Attention over time scales: two running averages m1 (quick) and m2 (slow); every unit chooses among them by a softmax."""

import numpy as np

from minirnn import FunctionCell

RATES = (0.5, 0.1)


def softmax(s):
    e = np.exp(s - s.real.max(axis=0))
    return e / e.sum(axis=0)


def step(p, x, old):
    h, *averages = old
    u = np.tanh(p["W"] @ x + p["R"] @ h + p["b"])
    averages = [m + rate * (u - m) for m, rate in zip(averages, RATES)]
    values = np.stack([u, *averages])                                       # (3, H, B)
    scores = np.einsum("khd,db->khb", p["K"], x) + np.einsum("khj,jb->khb", p["Q"], h)
    pi = softmax(scores)
    h_new = (pi * values).sum(axis=0)
    return (h_new, *averages), {"u": u, "values": values, "pi": pi}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, *daverages = dnew
    h = old[0]
    u, values, pi = memo["u"], memo["values"], memo["pi"]

    dpi = dh_new * values
    dvalues = dh_new * pi
    dscores = pi * (dpi - (pi * dpi).sum(axis=0))

    du = dvalues[0].copy()
    dold = []
    for k, rate in enumerate(RATES):
        dm = daverages[k] + dvalues[k + 1]
        du += rate * dm
        dold.append((1 - rate) * dm)
    da = du * (1 - u**2)

    grads["W"] += da @ x.T
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    grads["K"] += np.einsum("khb,db->khd", dscores, x)
    grads["Q"] += np.einsum("khb,jb->khj", dscores, h)

    dx = p["W"].T @ da + np.einsum("khd,khb->db", p["K"], dscores)
    dh = p["R"].T @ da + np.einsum("khj,khb->jb", p["Q"], dscores)
    return dx, (dh, *dold)


def make(n_in, n_hidden):
    rng = np.random.default_rng(27)
    D, H = n_in, n_hidden
    params = {"W": rng.normal(size=(H, D)), "R": 0.5 * rng.normal(size=(H, H)), "b": 0.2 * rng.normal(size=(H, 1)),
              "K": rng.normal(size=(3, H, D)), "Q": 0.5 * rng.normal(size=(3, H, H))}
    return FunctionCell(step, step_backward, params, n_in=D, n_hidden=H, state_names=("h", "m1", "m2"))
