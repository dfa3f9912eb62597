"""Names that mislead: dh is the gradient of c and dc that of h, z is what others call 1 - z, gates are made of sigmoid(-a)."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    c, h = old                                                  # h is the memory here
    pre = np.tensordot(p["W"], x, axes=(2, 0)) + np.tensordot(p["U"], c, axes=(2, 0)) + p["b"]
    z, o = 1 / (1 + np.exp(pre[:2]))                            # sigmoid(-a): open where a is negative
    g = np.tanh(-pre[2])
    h_new = z * h + g - g * z
    c_new = h_new * o
    return (c_new, h_new), dict(z=z, o=o, g=g)


def step_backward(p, dnew, x, old, new, memo, grads):
    dc, dh = dnew
    c, h = old
    z, o, g = memo["z"], memo["o"], memo["g"]
    i, f = dc * new[1], dc * o
    f = dh + f
    dh, dc = f * z, f * (h - g)
    dc = dc * z * (z - 1)
    do = i * o * (o - 1)
    dg = f * (1 - z) * (g**2 - 1)
    d = np.stack([dc, do, dg])
    grads["W"] += np.tensordot(d, x, axes=(2, 1))
    grads["U"] += np.tensordot(d, c, axes=(2, 1))
    grads["b"] += d.sum(axis=-1)[..., None]
    dx = np.tensordot(p["W"], d, axes=((0, 1), (0, 1)))
    return dx, (np.tensordot(p["U"], d, axes=((0, 1), (0, 1))), dh)


def make(n_in, n_hidden):
    rng = np.random.default_rng(36)
    params = {"W": rng.normal(0, 0.7, (3, n_hidden, n_in)), "U": rng.normal(0, 0.7, (3, n_hidden, n_hidden)),
              "b": rng.normal(0, 0.3, (3, n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "m"))
