"""Gradients that are zero and ought to be: a parameter without effect, a state that nobody reads, a bias that a difference cancels."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, last, average = old
    a = p["W"] @ x + p["R"] @ h + p["b"]
    centred = a - a.mean(axis=0) + 0 * p["unused"]              # one bias for all units cancels here
    h_new = np.tanh(centred) + 0.1 * average
    return (h_new, h.copy(), 0.9 * average + 0.1 * h_new), {"t": np.tanh(centred)}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dlast, daverage = dnew
    total = dh_new + 0.1 * daverage
    dcentred = total * (1 - memo["t"]**2)
    da = dcentred - dcentred.mean(axis=0)
    grads["W"] += da @ x.T
    grads["R"] += da @ old[0].T
    grads["b"] += da.sum()                                      # b is one number for all units: the sum over both axes
    return p["W"].T @ da, (p["R"].T @ da + dlast, np.zeros_like(dlast), 0.9 * daverage + 0.1 * total)


def make(n_in, n_hidden):
    rng = np.random.default_rng(37)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "R": 0.6 * rng.normal(size=(n_hidden, n_hidden)),
              "b": rng.normal(size=(1, 1)), "unused": rng.normal(size=(n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "last", "average"))
