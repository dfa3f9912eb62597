"""Leaky integrator RNN as in neuroscience: learned time constants, and no connection from a unit to itself."""

import numpy as np

from minirnn import FunctionCell

DT = 0.5


def off_diagonal(n):
    return 1 - np.eye(n)


def rates(p):
    """How far u moves in one step, alpha = 1 - exp(-DT / tau), where tau = exp(log_tau) is always positive."""
    tau = np.exp(p["log_tau"])
    return tau, 1 - np.exp(-DT / tau)


def drive(p, x, h):
    return (p["U"] * off_diagonal(len(h))) @ h + p["W"] @ x + p["b"]


def step(p, x, old):
    h, u = old
    _, alpha = rates(p)
    u_new = u + alpha * (drive(p, x, h) - u)
    return (np.tanh(u_new), u_new), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, du_new = dnew
    h, u = old
    h_new, u_new = new
    tau, alpha = rates(p)
    mask = off_diagonal(len(h))

    du_new = du_new + dh_new * (1 - h_new**2)
    dd = alpha * du_new
    du = (1 - alpha) * du_new
    dalpha = (du_new * (drive(p, x, h) - u)).sum(axis=1, keepdims=True)
    grads["log_tau"] -= dalpha * (1 - alpha) * DT / tau             # a larger tau means a smaller alpha

    grads["U"] += mask * (dd @ h.T)
    grads["W"] += dd @ x.T
    grads["b"] += dd.sum(axis=1, keepdims=True)
    return p["W"].T @ dd, ((p["U"] * mask).T @ dd, du)


def make(n_in, n_hidden):
    rng = np.random.default_rng(107)
    params = {
        "U": rng.normal(0, 0.8, (n_hidden, n_hidden)),
        "W": rng.normal(0, 0.8, (n_hidden, n_in)),
        "b": rng.normal(0, 0.2, (n_hidden, 1)),
        "log_tau": rng.normal(0, 0.5, (n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "u"))
