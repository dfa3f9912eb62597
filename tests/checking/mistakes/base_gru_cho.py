"""GRU, as in Chung et al. 2014: z is the share of the candidate, and the reset gate acts on h before the matrix."""

import numpy as np

from minirnn import FunctionCell


def sig(a):
    return 1.0 / (1.0 + np.exp(-a))


def step(p, x, old):
    h, = old
    z = sig(p["Wz"] @ x + p["Uz"] @ h + p["bz"])
    r = sig(p["Wr"] @ x + p["Ur"] @ h + p["br"])
    g = r * h
    h_hat = np.tanh(p["Wh"] @ x + p["Uh"] @ g + p["bh"])
    h_new = (1 - z) * h + z * h_hat
    return (h_new,), dict(z=z, r=r, g=g, h_hat=h_hat)


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    z, r, g, h_hat = memo["z"], memo["r"], memo["g"], memo["h_hat"]

    # h_new = (1 - z) * h + z * h_hat
    dh = dh_new * (1 - z)
    dh_hat = dh_new * z
    dz = dh_new * (h_hat - h)

    # h_hat = tanh(Wh x + Uh g + bh)
    da_h = dh_hat * (1 - h_hat**2)
    dg = p["Uh"].T @ da_h
    dr = dg * h
    dh += dg * r

    da_z = dz * z * (1 - z)
    da_r = dr * r * (1 - r)
    dh += p["Uz"].T @ da_z
    dh += p["Ur"].T @ da_r
    dx = p["Wz"].T @ da_z + p["Wr"].T @ da_r + p["Wh"].T @ da_h

    grads["Uz"] += da_z @ h.T
    grads["Ur"] += da_r @ h.T
    grads["Uh"] += da_h @ g.T
    for k, da in (("z", da_z), ("r", da_r), ("h", da_h)):
        grads["W" + k] += da @ x.T
        grads["b" + k] += da.sum(axis=1, keepdims=True)
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(3)
    params = {}
    for k in ("z", "r", "h"):
        params["W" + k] = rng.normal(0, 0.7, (n_hidden, n_in))
        params["U" + k] = rng.normal(0, 0.5, (n_hidden, n_hidden))
        params["b" + k] = rng.normal(0, 0.1, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
