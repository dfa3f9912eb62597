"""A continuous-time network, dh/dt = -h + tanh(W x + R h + b), taken one midpoint (second-order Runge-Kutta) step at a time."""

import numpy as np

from minirnn import FunctionCell

DT = 0.4


def field(p, x, h):
    u = np.tanh(p["W"] @ x + p["R"] @ h + p["b"])
    return u - h, u


def field_backward(p, dk, x, h, u, grads):
    da = dk * (1 - u**2)
    grads["W"] += da @ x.T
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    return p["W"].T @ da, p["R"].T @ da - dk


def step(p, x, old):
    h, = old
    k1, u1 = field(p, x, h)
    mid = h + 0.5 * DT * k1
    k2, u2 = field(p, x, mid)
    return (h + DT * k2,), {"u1": u1, "u2": u2, "mid": mid}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old

    dk2 = DT * dh_new
    dx2, dmid = field_backward(p, dk2, x, memo["mid"], memo["u2"], grads)
    dk1 = 0.5 * DT * dmid
    dx1, dh1 = field_backward(p, dk1, x, h, memo["u1"], grads)
    dx = dx1 + dx2
    dh = dh_new + dmid + dh1
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(20)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "R": rng.normal(size=(n_hidden, n_hidden)),
              "b": rng.normal(size=(n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
