"""Matrices that need not be transposed on the way back: a symmetric one (V + V^T), an involution (a reversal), and a skew one."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, = old
    R = 0.5 * (p["V"] + p["V"].T)
    A = p["S"] - p["S"].T
    u = np.tanh(R @ h + p["W"] @ x + p["b"])
    h_new = np.tanh(u[::-1] + A @ u)
    return (h_new,), {"u": u}


def step_backward(p, dnew, x, old, new, memo, grads):
    R = 0.5 * (p["V"] + p["V"].T)
    A = p["S"] - p["S"].T
    e = (1 - new[0]**2) * dnew[0]
    eu = e @ memo["u"].T
    grads["S"] += eu - eu.T
    da = (1 - memo["u"]**2) * (e[::-1] - A @ e)                 # A^T = -A
    ah = da @ old[0].T
    grads["V"] += (ah + ah.T) / 2
    grads["W"] += da @ x.T
    grads["b"] += da @ np.ones((da.shape[1], 1))
    return p["W"].T @ da, (R @ da,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(35)
    D, H = n_in, n_hidden
    shapes = {"V": (H, H), "S": (H, H), "W": (H, D), "b": (H, 1)}
    return FunctionCell(step, step_backward, {k: 0.6 * rng.normal(size=s) for k, s in shapes.items()}, n_in=D, n_hidden=H)
