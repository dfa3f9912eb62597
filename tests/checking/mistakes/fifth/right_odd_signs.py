"""Right: a coupled gate and a bilinear candidate. Backward works with minus the gradient, with twice the sigmoid's argument,
means times the batch, transposes that cancel, and slopes written by cosh."""

import numpy as np
from minirnn import FunctionCell


def forward(p, x, old):
    h, = old
    keep = 1 / (1 + np.exp(-(p["Wk"] @ x + p["bk"])))
    mixed = (p["M"] @ h) * (p["N"] @ x)
    cand = np.sin(mixed + p["bc"])
    return (h - (1 - keep) * (h - cand),), {"keep": keep, "mixed": mixed, "cand": cand}


def backward(p, dnew, x, old, new, memo, grads):
    B = x.shape[1]
    h, = old
    keep, cand = memo["keep"], memo["cand"]
    minus = -dnew[0]

    lose = 1 - keep
    half = 0.5 * np.log(keep / lose)                       # half of what went into the sigmoid
    dkeep = minus * (cand - h)                             # two signs that cancel
    dhalf = dkeep / 2 / np.cosh(half) ** 2                 # sigma(2 a) = (1 + tanh a)/2
    dgate = dhalf / 2
    grads["Wk"] += (x @ dgate.T).T
    grads["bk"] += dgate.mean(axis=1, keepdims=True) * B

    dcand = np.cos(memo["mixed"] + p["bc"]) * lose * minus
    grads["bc"] -= B * dcand.mean(axis=1, keepdims=True)
    dm, dn = dcand * (p["N"] @ x), (p["M"] @ h) * dcand
    grads["M"] -= dm @ h.T
    grads["N"] -= (x @ dn.T).T
    dx = (dgate.T @ p["Wk"] - dn.T @ p["N"]).T
    dh = -(minus - lose * minus) - (dm.T @ p["M"]).T
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(14)
    params = {"Wk": rng.normal(size=(n_hidden, n_in)), "bk": rng.normal(size=(n_hidden, 1)),
              "M": rng.normal(0, 0.6, (n_hidden, n_hidden)), "N": rng.normal(size=(n_hidden, n_in)), "bc": rng.normal(size=(n_hidden, 1))}
    return FunctionCell(forward, backward, params, n_in=n_in, n_hidden=n_hidden)
