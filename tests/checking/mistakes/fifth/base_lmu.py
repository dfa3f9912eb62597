"""Legendre Memory Unit (Voelker et al. 2019), examples in rows as in Keras: a fixed linear memory m of one signal u."""

import numpy as np
from minirnn import FunctionCell

THETA = 6.0


def legendre(order):
    """A and B of the delay of length THETA, discretised by Euler."""
    q = np.arange(order)
    r = (2 * q + 1)[:, None] / THETA
    i, j = np.meshgrid(q, q, indexing="ij")
    A = np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) * r
    B = (-1.0) ** q[:, None] * r
    dt = 1.0 / order
    return np.eye(order) + dt * A, dt * B


def linear(x, W, b=None):
    y = x.dot(W)
    return y if b is None else y + b


def call(p, x, state):
    x = x.T
    h, m = state[0].T, state[1].T
    A, B = legendre(m.shape[1])
    u = linear(x, p["e_x"]) + linear(h, p["e_h"]) + linear(m, p["e_m"])         # (batch, 1)
    m_new = m.dot(A.T) + u.dot(B.T)
    h_new = np.tanh(linear(x, p["W_x"], p["b"]) + linear(h, p["W_h"]) + linear(m_new, p["W_m"]))
    return (h_new.T, m_new.T), {}


def grad(p, dstate, x, state, new_state, memo, grads):
    x = x.T
    h, m = state[0].T, state[1].T
    h_new, m_new = new_state[0].T, new_state[1].T
    dh_new, dm_new = dstate[0].T, dstate[1].T
    A, B = legendre(m.shape[1])

    da = dh_new * (1 - h_new ** 2)
    grads["W_x"] += x.T.dot(da)
    grads["W_h"] += h.T.dot(da)
    grads["W_m"] += m_new.T.dot(da)
    grads["b"] += da.sum(axis=0)
    dx = da.dot(p["W_x"].T)
    dh = da.dot(p["W_h"].T)
    dm_new = dm_new + da.dot(p["W_m"].T)

    dm = dm_new.dot(A)
    du = dm_new.dot(B)
    grads["e_x"] += x.T.dot(du)
    grads["e_h"] += h.T.dot(du)
    grads["e_m"] += m.T.dot(du)
    dx += du.dot(p["e_x"].T)
    dh += du.dot(p["e_h"].T)
    dm += du.dot(p["e_m"].T)
    return dx.T, (dh.T, dm.T)


def make(n_in, n_hidden):
    rng = np.random.default_rng(7)

    def lecun(*shape):
        return rng.uniform(-1, 1, shape) * np.sqrt(3 / shape[0])

    params = {"e_x": lecun(n_in, 1), "e_h": lecun(n_hidden, 1), "e_m": lecun(n_hidden, 1) * 0.3,
              "W_x": lecun(n_in, n_hidden), "W_h": lecun(n_hidden, n_hidden), "W_m": lecun(n_hidden, n_hidden),
              "b": np.zeros(n_hidden)}
    return FunctionCell(call, grad, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "m"))
