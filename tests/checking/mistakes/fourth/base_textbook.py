"""A simple recurrent network with Elman's context s and Jordan's context y (the state calls it h).

    a(t) = U x(t) + W s(t-1) + K y(t-1) + b,   s(t) = tanh a(t)
    o(t) = V s(t) + c,                         y(t) = 1 / (1 + exp(-o(t)))
"""
import numpy as np
from minirnn import FunctionCell


def forward(p, x_t, old):
    y_prev, s_prev = old
    a_t = np.dot(p["U"], x_t) + np.dot(p["W"], s_prev) + np.dot(p["K"], y_prev) + p["b"]
    s_t = np.tanh(a_t)
    o_t = np.dot(p["V"], s_t) + p["c"]
    y_t = 1.0 / (1.0 + np.exp(-o_t))
    return (y_t, s_t), {"a": a_t, "o": o_t}


def bptt_step(p, dL, x_t, old, new, memo, dLd):
    y_prev, s_prev = old
    y_t, s_t = new
    dLdy, dLds = dL

    # output layer
    delta_o = dLdy * y_t * (1.0 - y_t)
    dLd["V"] += np.dot(delta_o, s_t.T)
    dLd["c"] += np.sum(delta_o, axis=1, keepdims=True)

    # hidden layer
    delta_s = np.dot(p["V"].T, delta_o) + dLds
    delta_a = delta_s * (1.0 - s_t ** 2)
    dLd["U"] += np.dot(delta_a, x_t.T)
    dLd["W"] += np.dot(delta_a, s_prev.T)
    dLd["K"] += np.dot(delta_a, y_prev.T)
    dLd["b"] += np.sum(delta_a, axis=1, keepdims=True)

    # one step back in time
    dLdy_prev = np.dot(p["K"].T, delta_a)
    dLds_prev = np.dot(p["W"].T, delta_a)
    dLdx = np.dot(p["U"].T, delta_a)
    return dLdx, (dLdy_prev, dLds_prev)


def make(n_in, n_hidden):
    np_rng = np.random.RandomState(42)
    u = lambda *shape: np_rng.uniform(-0.8, 0.8, shape)
    n, m = n_hidden, n_in
    params = {"U": u(n, m), "W": u(n, n), "K": u(n, n), "V": u(n, n), "b": u(n, 1), "c": u(n, 1)}
    return FunctionCell(forward, bptt_step, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "s"))
