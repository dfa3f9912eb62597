"""Recurrent highway network (Zilly et al. 2017): a step passes three highway layers; only the first one reads x."""

import numpy as np

from minirnn import FunctionCell

DEPTH = 3


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def step(p, x, old):
    s, = old
    states, ns, ts = [], [], []
    for l in range(DEPTH):
        a = p[f"R{l}"] @ s + p[f"b{l}"]
        if l == 0:
            a = a + p["W"] @ x
        a_n, a_t = np.split(a, 2)
        n, t = np.tanh(a_n), sigmoid(a_t)
        states.append(s)
        ns.append(n)
        ts.append(t)
        s = n * t + s * (1 - t)
    return (s,), {"states": np.stack(states), "ns": np.stack(ns), "ts": np.stack(ts)}


def step_backward(p, dnew, x, old, new, memo, grads):
    ds, = dnew
    dx = np.zeros_like(x)
    for l in reversed(range(DEPTH)):
        s, n, t = memo["states"][l], memo["ns"][l], memo["ts"][l]
        dn = ds * t
        dt = ds * (n - s)
        ds = ds * (1 - t)
        da = np.concatenate([dn * (1 - n**2), dt * t * (1 - t)])
        grads[f"R{l}"] += da @ s.T
        grads[f"b{l}"] += da.sum(axis=1, keepdims=True)
        if l == 0:
            grads["W"] += da @ x.T
            dx += p["W"].T @ da
        ds += p[f"R{l}"].T @ da
    return dx, (ds,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(106)
    params = {"W": rng.normal(0, 0.8, (2 * n_hidden, n_in))}
    for l in range(DEPTH):
        params[f"R{l}"] = rng.normal(0, 0.6, (2 * n_hidden, n_hidden))
        params[f"b{l}"] = rng.normal(0, 0.2, (2 * n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
