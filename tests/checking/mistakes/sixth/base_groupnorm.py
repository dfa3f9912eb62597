"""An update gate unit whose candidate is normalised in groups of units (GroupNorm), example by example; layers with caches,
examples in rows as in PyTorch."""

import numpy as np

from minirnn import FunctionCell

GROUPS = 2


class Linear:
    @staticmethod
    def forward(x, h, w_ih, w_hh):
        return x @ w_ih.T + h @ w_hh.T, (x, h, w_ih, w_hh)

    @staticmethod
    def backward(dout, cache):
        x, h, w_ih, w_hh = cache
        return dout @ w_ih, dout @ w_hh, dout.T @ x, dout.T @ h


class GroupNorm:
    @staticmethod
    def forward(a, gamma, beta, eps=0.1):
        groups = a.reshape(len(a), GROUPS, -1)
        mu = groups.mean(axis=2, keepdims=True)
        var = ((groups - mu) ** 2).mean(axis=2, keepdims=True)
        rstd = 1 / np.sqrt(var + eps)
        hat = (groups - mu) * rstd
        flat = hat.reshape(a.shape)
        return gamma * flat + beta, (hat, rstd, gamma)

    @staticmethod
    def backward(dout, cache):
        hat, rstd, gamma = cache
        n = hat.shape[2]
        flat = hat.reshape(dout.shape)
        dgamma = (dout * flat).sum(axis=0)
        dbeta = dout.sum(axis=0)
        dhat = (dout * gamma).reshape(hat.shape)
        s1 = dhat.sum(axis=2, keepdims=True)
        s2 = (dhat * hat).sum(axis=2, keepdims=True)
        da = rstd * (dhat - s1 / n - hat * s2 / n)
        return da.reshape(dout.shape), dgamma, dbeta


class Gate:
    @staticmethod
    def forward(a):
        z = 1 / (1 + np.exp(-a))
        return z, z

    @staticmethod
    def backward(dout, cache):
        return dout * cache * (1 - cache)


def run(p, x, h):
    """Forward, with the caches."""
    az, c_lin_z = Linear.forward(x, h, p["w_ih_z"], p["w_hh_z"])
    z, c_gate = Gate.forward(az + p["b_z"])
    an, c_lin_n = Linear.forward(x, h, p["w_ih_n"], p["w_hh_n"])
    y, c_norm = GroupNorm.forward(an, p["gamma"], p["beta"])
    n = np.tanh(y)
    out = h + z * (n - h)
    return out, (z, n, c_lin_z, c_gate, c_lin_n, c_norm)


def step(p, x, old):
    out, _ = run(p, x.T, old[0].T)
    return (out.T,), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    x, h = x.T, old[0].T
    dout = dnew[0].T
    _, (z, n, c_lin_z, c_gate, c_lin_n, c_norm) = run(p, x, h)
    dz = dout * (n - h)
    dn = dout * z
    dh = dout - dout * z
    dy = dn * (1 - n ** 2)
    dan, dgamma, dbeta = GroupNorm.backward(dy, c_norm)
    dx_n, dh_n, dw_ih_n, dw_hh_n = Linear.backward(dan, c_lin_n)
    daz = Gate.backward(dz, c_gate)
    dx_z, dh_z, dw_ih_z, dw_hh_z = Linear.backward(daz, c_lin_z)
    new_grads = {"gamma": dgamma, "beta": dbeta, "b_z": daz.sum(axis=0), "w_ih_n": dw_ih_n, "w_hh_n": dw_hh_n,
                 "w_ih_z": dw_ih_z, "w_hh_z": dw_hh_z}
    for name, g in new_grads.items():
        grads[name] += g
    dx = dx_n + dx_z
    dh = dh + dh_n + dh_z
    return dx.T, (dh.T,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(55)
    p = {}
    for gate in ("z", "n"):
        p[f"w_ih_{gate}"] = rng.normal(0, 0.7, (n_hidden, n_in))
        p[f"w_hh_{gate}"] = rng.normal(0, 0.6, (n_hidden, n_hidden))
    p["b_z"] = rng.normal(0, 0.3, n_hidden)
    p["gamma"] = 1 + rng.normal(0, 0.3, n_hidden)
    p["beta"] = rng.normal(0, 0.3, n_hidden)
    return FunctionCell(step, step_backward, p, n_in=n_in, n_hidden=n_hidden)
