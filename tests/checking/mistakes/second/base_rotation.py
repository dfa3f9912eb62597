"""A cell that turns its state instead of multiplying it by a matrix: units 2k and 2k + 1 are a plane, and the input says by
which angle to turn. Then the state is divided by its length, softly. H must be even."""

import numpy as np

from minirnn import FunctionCell


def rotate(h, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    out = np.empty_like(h)
    out[0::2] = cos * h[0::2] - sin * h[1::2]
    out[1::2] = sin * h[0::2] + cos * h[1::2]
    return out


def shorten(a):
    """a / sqrt(1 + mean of a² over the units of a column)."""
    length = np.sqrt(1 + (a * a).mean(axis=0, keepdims=True))
    return a / length, length


def step(p, x, old):
    h, = old
    angle = p["theta"] + p["T"] @ x
    turned = rotate(h, angle)
    h_new, length = shorten(turned + p["W"] @ x + p["b"])
    return (h_new,), {"angle": angle, "turned": turned, "length": length}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h_new, = new
    angle, turned, length = memo["angle"], memo["turned"], memo["length"]

    # h_new = a / length, and length depends on a
    radial = (dh_new * h_new).mean(axis=0, keepdims=True)
    da = (dh_new - radial * h_new) / length

    # turning a little further moves (even, odd) by (-odd, even)
    dangle = da[1::2] * turned[0::2] - da[0::2] * turned[1::2]
    dh = rotate(da, -angle)

    grads["theta"] += dangle.sum(axis=1, keepdims=True)
    grads["T"] += dangle @ x.T
    grads["W"] += da @ x.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    dx = p["T"].T @ dangle + p["W"].T @ da
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(110)
    params = {
        "theta": rng.uniform(-np.pi, np.pi, (n_hidden // 2, 1)),
        "T": rng.normal(0, 0.7, (n_hidden // 2, n_in)),
        "W": rng.normal(0, 0.9, (n_hidden, n_in)),
        "b": rng.normal(0, 0.2, (n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
