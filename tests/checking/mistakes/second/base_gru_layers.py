"""GRU in the style of the CS231n assignments: every operation is a layer, whose forward returns a cache for its backward."""

import numpy as np

from minirnn import FunctionCell


def affine_forward(x, h, Wx, Wh, b):
    out = Wx.dot(x) + Wh.dot(h) + b
    cache = (x, h, Wx, Wh)
    return out, cache


def affine_backward(dout, cache):
    x, h, Wx, Wh = cache
    dx = Wx.T.dot(dout)
    dh = Wh.T.dot(dout)
    dWx = dout.dot(x.T)
    dWh = dout.dot(h.T)
    db = np.sum(dout, axis=1, keepdims=True)
    return dx, dh, dWx, dWh, db


def sigmoid_forward(a):
    s = 1.0 / (1.0 + np.exp(-a))
    return s, s


def sigmoid_backward(dout, cache):
    s = cache
    return dout * s * (1 - s)


def tanh_forward(a):
    t = np.tanh(a)
    return t, t


def tanh_backward(dout, cache):
    return dout * (1 - cache**2)


def mul_forward(a, b):
    return a * b, (a, b)


def mul_backward(dout, cache):
    a, b = cache
    return dout * b, dout * a


def mix_forward(z, a, b):
    return z * a + (1 - z) * b, (z, a, b)


def mix_backward(dout, cache):
    z, a, b = cache
    dz = dout * (a - b)
    da = dout * z
    db = dout * (1 - z)
    return dz, da, db


def gru_step_forward(p, x, prev_h):
    az, cache_az = affine_forward(x, prev_h, p["Wxz"], p["Whz"], p["bz"])
    z, cache_z = sigmoid_forward(az)
    ar, cache_ar = affine_forward(x, prev_h, p["Wxr"], p["Whr"], p["br"])
    r, cache_r = sigmoid_forward(ar)
    rh, cache_rh = mul_forward(r, prev_h)
    an, cache_an = affine_forward(x, rh, p["Wxn"], p["Whn"], p["bn"])
    n, cache_n = tanh_forward(an)
    next_h, cache_mix = mix_forward(z, prev_h, n)
    return next_h, (cache_az, cache_z, cache_ar, cache_r, cache_rh, cache_an, cache_n, cache_mix)


def accumulate(grads, gate, dWx, dWh, db):
    grads["Wx" + gate] += dWx
    grads["Wh" + gate] += dWh
    grads["b" + gate] += db


def step(p, x, old):
    next_h, _ = gru_step_forward(p, x, old[0])
    return (next_h,), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    dnext_h, = dnew
    _, cache = gru_step_forward(p, x, old[0])           # the caches again: a memo holds arrays only
    cache_az, cache_z, cache_ar, cache_r, cache_rh, cache_an, cache_n, cache_mix = cache

    dz, dprev_h, dn = mix_backward(dnext_h, cache_mix)

    dan = tanh_backward(dn, cache_n)
    dx, drh, dWx, dWh, db = affine_backward(dan, cache_an)
    accumulate(grads, "n", dWx, dWh, db)
    dr, dh = mul_backward(drh, cache_rh)
    dprev_h += dh

    dar = sigmoid_backward(dr, cache_r)
    dx_r, dh, dWx, dWh, db = affine_backward(dar, cache_ar)
    accumulate(grads, "r", dWx, dWh, db)
    dx += dx_r
    dprev_h += dh

    daz = sigmoid_backward(dz, cache_z)
    dx_z, dh, dWx, dWh, db = affine_backward(daz, cache_az)
    accumulate(grads, "z", dWx, dWh, db)
    dx += dx_z
    dprev_h += dh
    return dx, (dprev_h,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(101)
    params = {}
    for gate in "zrn":
        params["Wx" + gate] = rng.normal(0, 0.7, (n_hidden, n_in))
        params["Wh" + gate] = rng.normal(0, 0.5, (n_hidden, n_hidden))
        params["b" + gate] = rng.normal(0, 0.2, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
