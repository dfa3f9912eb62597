"""Factors that look wrong and cancel: means times the size of the batch, a loss scale that is taken out again, += of a difference."""

import numpy as np

from minirnn import FunctionCell

SCALE = 1024.0


def step(p, x, old):
    h, = old
    z = 1 / (1 + np.exp(-(p["W_z"] @ x + p["R_z"] @ h)))
    n = np.tanh(p["W_n"] @ x + p["R_n"] @ h + p["b"] - p["mu"] * h.mean(axis=0))
    return (z * n + h - h * z,), dict(z=z, n=n)


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new = SCALE * dnew[0]
    h, = old
    z, n = memo["z"], memo["n"]
    H, B = h.shape
    mean = lambda d: d.mean(axis=1, keepdims=True) * B / SCALE

    d_n = dh_new * z * (1 + n) * (1 - n)
    d_z = (dh_new * n - dh_new * h) * (z - z**2)
    for name, d in (("n", d_n), ("z", d_z)):
        grads["W_" + name] += d @ x.T / SCALE
        grads["R_" + name] += d / SCALE @ h.T
    grads["b"] += mean(d_n)
    grads["mu"] -= mean(d_n * h.mean(axis=0))
    dh = dh_new - dh_new * z
    dh = dh + np.hstack([p["R_n"].T, p["R_z"].T]) @ np.vstack([d_n, d_z])
    dh -= (p["mu"] * d_n).mean(axis=0)
    dx = (d_n.T @ p["W_n"] + d_z.T @ p["W_z"]).T
    return dx / SCALE, (dh / SCALE,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(34)
    D, H = n_in, n_hidden
    shapes = {"W_z": (H, D), "W_n": (H, D), "R_z": (H, H), "R_n": (H, H), "b": (H, 1), "mu": (H, 1)}
    return FunctionCell(step, step_backward, {k: 0.6 * rng.normal(size=s) for k, s in shapes.items()}, n_in=D, n_hidden=H)
