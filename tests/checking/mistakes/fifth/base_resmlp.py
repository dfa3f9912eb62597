"""A recurrent pre-norm block as in a transformer: y = h + W x, h' = y + MLP(LayerNorm(y)), GELU in the MLP.

Layers as in a well-known course: forward returns (out, cache), backward takes (dout, cache). The caches hold arrays only.
"""

import numpy as np
from minirnn import FunctionCell

EPS = 1e-5
C0 = np.sqrt(2 / np.pi)


def affine_forward(x, w, b):
    return w @ x + b, x


def affine_backward(dout, x, w):
    dx = w.T @ dout
    dw = dout @ x.T
    db = np.sum(dout, axis=1, keepdims=True)
    return dx, dw, db


def layernorm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    xc = x - mu
    var = np.mean(xc ** 2, axis=0)
    inv_std = 1.0 / np.sqrt(var + EPS)
    xhat = xc * inv_std
    return gamma * xhat + beta, xhat, inv_std


def layernorm_backward(dout, xhat, inv_std, gamma):
    N = dout.shape[0]
    dgamma = np.sum(dout * xhat, axis=1, keepdims=True)
    dbeta = np.sum(dout, axis=1, keepdims=True)
    dxhat = dout * gamma
    dx = inv_std / N * (N * dxhat - dxhat.sum(axis=0) - xhat * np.sum(dxhat * xhat, axis=0))
    return dx, dgamma, dbeta


def gelu_forward(x):
    t = np.tanh(C0 * (x + 0.044715 * x ** 3))
    return 0.5 * x * (1 + t), x, t


def gelu_backward(dout, x, t):
    dinner = C0 * (1 + 3 * 0.044715 * x ** 2)
    return dout * (0.5 * (1 + t) + 0.5 * x * (1 - t ** 2) * dinner)


def step(p, x, old):
    h, = old
    wx, _ = affine_forward(x, p["W"], p["b"])
    y = h + wx
    n, xhat, inv_std = layernorm_forward(y, p["gamma"], p["beta"])
    a, n = affine_forward(n, p["W1"], p["b1"])
    g, a, t = gelu_forward(a)
    out, g = affine_forward(g, p["W2"], p["b2"])
    h_new = y + out
    return (h_new,), {"xhat": xhat, "inv_std": inv_std, "n": n, "a": a, "t": t, "g": g}


def step_backward(p, dnew, x, old, new, cache, grads):
    dh_new, = dnew
    dy = dh_new.copy()
    dg, dw2, db2 = affine_backward(dh_new, cache["g"], p["W2"])
    da = gelu_backward(dg, cache["a"], cache["t"])
    dn, dw1, db1 = affine_backward(da, cache["n"], p["W1"])
    dy_norm, dgamma, dbeta = layernorm_backward(dn, cache["xhat"], cache["inv_std"], p["gamma"])
    dy += dy_norm
    dx, dw, db = affine_backward(dy, x, p["W"])
    for name, value in dict(W=dw, b=db, gamma=dgamma, beta=dbeta, W1=dw1, b1=db1, W2=dw2, b2=db2).items():
        grads[name] += value
    return dx, (dy,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(9)
    n_mid = 2 * n_hidden
    params = {
        "W": rng.normal(size=(n_hidden, n_in)) / np.sqrt(n_in), "b": np.zeros((n_hidden, 1)),
        "gamma": 1 + 0.3 * rng.normal(size=(n_hidden, 1)), "beta": 0.1 * rng.normal(size=(n_hidden, 1)),
        "W1": rng.normal(size=(n_mid, n_hidden)) / np.sqrt(n_hidden), "b1": np.zeros((n_mid, 1)),
        "W2": 0.5 * rng.normal(size=(n_hidden, n_mid)) / np.sqrt(n_mid), "b2": np.zeros((n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
