"""An Elman network with two time scales: a slow context s, whose units have learned rates, under a fast layer h."""

import numpy as np

from minirnn import FunctionCell


def forward(p, x, old):
    h, s = old
    tau = 1 / (1 + np.exp(-p["log_rate"]))                      # (H, 1), the share of s that is replaced in a step
    q = np.tanh(p["V"] @ x + p["U"] @ h + p["c"])
    s_new = s + tau * (q - s)
    h_new = np.tanh(p["W"] @ x + p["R"] @ h + p["G"] @ s_new + p["b"])
    return (h_new, s_new), {"q": q}


def backward(p, dnew, x, old, new, memo, grads):
    dh_new, ds_new = dnew
    h, s = old
    h_new, s_new = new
    q = memo["q"]
    tau = 1 / (1 + np.exp(-p["log_rate"]))

    # fast layer
    da = dh_new * (1 - h_new**2)
    grads["W"] += da @ x.T
    grads["R"] += da @ h.T
    grads["G"] += da @ s_new.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    ds_total = ds_new + p["G"].T @ da

    # slow layer
    dq = ds_total * tau
    dtau = (ds_total * (q - s)).sum(axis=1, keepdims=True)
    grads["log_rate"] += dtau * tau * (1 - tau)
    e = dq * (1 - q**2)
    grads["V"] += e @ x.T
    grads["U"] += e @ h.T
    grads["c"] += e.sum(axis=1, keepdims=True)

    dx = p["W"].T @ da + p["V"].T @ e
    dh = p["R"].T @ da + p["U"].T @ e
    ds = ds_total * (1 - tau)
    return dx, (dh, ds)


def make(n_in, n_hidden):
    rng = np.random.default_rng(15)
    D, H = n_in, n_hidden
    shapes = {"W": (H, D), "R": (H, H), "G": (H, H), "b": (H, 1), "V": (H, D), "U": (H, H), "c": (H, 1), "log_rate": (H, 1)}
    params = {name: 0.6 * rng.standard_normal(shape) for name, shape in shapes.items()}
    return FunctionCell(forward, backward, params, n_in=D, n_hidden=H, state_names=("h", "s"))
