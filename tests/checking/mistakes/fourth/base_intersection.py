"""Intersection RNN ("+RNN"): one gate mixes input and depth, another mixes state and time. All gradients live in a dict d."""
import numpy as np
import minirnn

NAMES = "u", "v", "gy", "gs"
TANHS = "u", "v"


def sigma(a):
    return 1 / (1 + np.exp(-a))


def step(p, x, old):
    s = old[1]
    a = {k: p["W_" + k] @ x + p["R_" + k] @ s + p["b_" + k] for k in NAMES}
    m = {k: np.tanh(a[k]) if k in TANHS else sigma(a[k]) for k in NAMES}
    m["e"] = p["E"] @ x
    y_new = m["gy"] * m["e"] + (1 - m["gy"]) * m["u"]
    s_new = m["gs"] * s + (1 - m["gs"]) * m["v"]
    return (y_new, s_new), m


def step_backward(p, dnew, x, old, new, m, grads):
    dy, ds = dnew
    s = old[1]
    d = {}
    d["e"] = dy * m["gy"]
    d["u"] = dy * (1 - m["gy"])
    d["gy"] = dy * (m["e"] - m["u"])
    d["v"] = ds * (1 - m["gs"])
    d["gs"] = ds * (s - m["v"])
    d["s"] = ds * m["gs"]
    d["x"] = p["E"].T @ d["e"]
    grads["E"] += d["e"] @ x.T
    for k in NAMES:
        slope = 1 - m[k]**2 if k in TANHS else m[k] * (1 - m[k])
        da = d[k] * slope
        grads["W_" + k] += da @ x.T
        grads["R_" + k] += da @ s.T
        grads["b_" + k] += da.sum(axis=1, keepdims=True)
        d["x"] += p["W_" + k].T @ da
        d["s"] += p["R_" + k].T @ da
    return d["x"], (np.zeros_like(s), d["s"])         # y is not fed back


def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {"E": rng.normal(size=(n_hidden, n_in))}
    for k in NAMES:
        params["W_" + k] = 0.5 * rng.normal(size=(n_hidden, n_in))
        params["R_" + k] = 0.5 * rng.normal(size=(n_hidden, n_hidden))
        params["b_" + k] = 0.5 * rng.normal(size=(n_hidden, 1))
    return minirnn.FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "s"))
