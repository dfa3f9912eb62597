"""MomentumRNN (Nguyen et al. 2020): the input is smoothed by a momentum v before it reaches h; here mu is learned."""

import numpy as np

from minirnn import FunctionCell

EPS = 0.6       # the step size of the momentum


def step(p, x, old):
    h, v = old
    mu = 1 / (1 + np.exp(-p["m"]))
    v_new = mu * v + EPS * (p["W"] @ x)
    h_new = np.tanh(p["U"] @ h + v_new + p["b"])
    return (h_new, v_new), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dv_new = dnew
    h, v = old
    h_new, v_new = new
    mu = 1 / (1 + np.exp(-p["m"]))

    da = dh_new * (1 - h_new * h_new)
    grads["U"] += np.dot(da, h.T)
    grads["b"] += np.sum(da, axis=1, keepdims=True)
    dh = np.dot(p["U"].T, da)

    dv_new = dv_new + da
    dmu = np.sum(dv_new * v, axis=1, keepdims=True)
    grads["m"] += dmu * mu * (1 - mu)
    grads["W"] += EPS * np.dot(dv_new, x.T)
    dx = EPS * np.dot(p["W"].T, dv_new)
    dv = mu * dv_new
    return dx, (dh, dv)


def make(n_in, n_hidden):
    rng = np.random.default_rng(14)
    params = {
        "W": rng.normal(size=(n_hidden, n_in)),
        "U": rng.normal(0, 0.6, (n_hidden, n_hidden)),
        "b": rng.normal(0, 0.1, (n_hidden, 1)),
        "m": rng.normal(0, 1, (n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "v"))
