"""The STAR cell, h' = tanh((1 - k) h + k z), from primitives that return (value, vjp)."""

import numpy as np

from minirnn import FunctionCell


def matmul(w, x):
    def vjp(ct):
        return ct @ x.T, w.T @ ct
    return w @ x, vjp


def add_bias(a, b):
    def vjp(ct):
        return ct, ct.sum(axis=1, keepdims=True)
    return a + b, vjp


def tanh(a):
    y = np.tanh(a)

    def vjp(ct):
        return ct * (1 - y * y)
    return y, vjp


def logistic(a):
    y = 0.5 + 0.5 * np.tanh(0.5 * a)

    def vjp(ct):
        return ct * y * (1 - y)
    return y, vjp


def lerp(k, a, b):
    def vjp(ct):
        return ct * (b - a), ct * (1 - k), ct * k
    return (1 - k) * a + k * b, vjp


def star(p, x, h):
    zx, zx_vjp = matmul(p["Wz"], x)
    az, az_vjp = add_bias(zx, p["bz"])
    z, z_vjp = tanh(az)
    kx, kx_vjp = matmul(p["Wk"], x)
    kh, kh_vjp = matmul(p["Rk"], h)
    ak, ak_vjp = add_bias(kx + kh, p["bk"])
    k, k_vjp = logistic(ak)
    mixed, mix_vjp = lerp(k, h, z)
    h_new, out_vjp = tanh(mixed)

    def pullback(ct_out):
        g = {}
        ct_mixed = out_vjp(ct_out)
        ct_k, ct_h, ct_z = mix_vjp(ct_mixed)
        ct_ak, g["bk"] = ak_vjp(k_vjp(ct_k))
        ct_az, g["bz"] = az_vjp(z_vjp(ct_z))
        g["Rk"], ct_h_gate = kh_vjp(ct_ak)
        g["Wk"], ct_x_gate = kx_vjp(ct_ak)
        g["Wz"], ct_x = zx_vjp(ct_az)
        ct_x = ct_x + ct_x_gate
        ct_h = ct_h + ct_h_gate
        return g, ct_x, ct_h

    return h_new, pullback


def step(p, x, old):
    h_new, _ = star(p, x, *old)
    return (h_new,), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    _, pullback = star(p, x, *old)
    g, ct_x, ct_h = pullback(dnew[0])
    for name, value in g.items():
        grads[name] += value
    return ct_x, (ct_h,)


def make(n_in, n_hidden):
    key = np.random.default_rng(1234)
    params = {"Wz": key.normal(size=(n_hidden, n_in)), "bz": key.normal(size=(n_hidden, 1)),
              "Wk": key.normal(size=(n_hidden, n_in)), "Rk": key.normal(size=(n_hidden, n_hidden)),
              "bk": key.normal(size=(n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
