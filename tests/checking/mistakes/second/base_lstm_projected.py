"""LSTM with coupled gates (f = 1 - i) and a projection of its output, one matrix M on [h, x, 1]: the bias is its last column."""

import numpy as np

from minirnn import FunctionCell


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def step(p, x, old):
    h, c = old
    H = h.shape[0]
    v = np.concatenate([h, x, np.ones_like(x[:1])], axis=0)
    a = p["M"] @ v
    i, o, g = sigmoid(a[:H]), sigmoid(a[H:2 * H]), np.tanh(a[2 * H:])
    c_new = (1 - i) * c + i * g
    m = o * np.tanh(c_new)
    return (p["P"] @ m, c_new), {"v": v, "i": i, "o": o, "g": g, "m": m}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_new = dnew
    c, c_new = old[1], new[1]
    v, i, o, g, m = (memo[name] for name in ("v", "i", "o", "g", "m"))
    H = c.shape[0]

    grads["P"] += dh_new @ m.T
    dm = p["P"].T @ dh_new
    t = np.tanh(c_new)
    do = dm * t
    dc = dc_new + dm * o * (1 - t ** 2)
    di = dc * (g - c)
    dg = dc * i

    da = np.vstack((di * i * (1 - i), do * o * (1 - o), dg * (1 - g ** 2)))
    grads["M"] += da @ v.T
    dv = p["M"].T @ da
    dh, dx = dv[:H], dv[H:-1]
    return dx, (dh, dc * (1 - i))


def make(n_in, n_hidden):
    rng = np.random.default_rng(104)
    params = {
        "M": rng.normal(0, 0.6, (3 * n_hidden, n_hidden + n_in + 1)),
        "P": rng.normal(0, 0.7, (n_hidden, n_hidden)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
