"""A continuous-time RNN dh/dt = tanh(W x + U h + b) - h, one midpoint (second-order Runge-Kutta) step per input."""

import numpy as np

from minirnn import FunctionCell

DT = 0.4


def velocity(p, x, h):
    s = np.tanh(p["W"] @ x + p["U"] @ h + p["b"])
    return s - h, s


def velocity_backward(p, grads, dk, s, x, h):
    da = dk * (1 - s**2)
    grads["W"] += da @ x.T
    grads["U"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    return p["W"].T @ da, p["U"].T @ da - dk


def step(p, x, old):
    h, = old
    k1, s1 = velocity(p, x, h)
    mid = h + 0.5 * DT * k1
    k2, s2 = velocity(p, x, mid)
    return (h + DT * k2,), {"s1": s1, "s2": s2, "mid": mid}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    dk2 = DT * dh_new
    dx2, dmid = velocity_backward(p, grads, dk2, memo["s2"], x, memo["mid"])
    dk1 = 0.5 * DT * dmid
    dx1, dh1 = velocity_backward(p, grads, dk1, memo["s1"], x, h)
    dh = dh_new + dmid + dh1
    return dx1 + dx2, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(13)
    params = {
        "W": rng.normal(size=(n_hidden, n_in)),
        "U": rng.normal(size=(n_hidden, n_hidden)),
        "b": 0.1 * rng.normal(size=(n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
