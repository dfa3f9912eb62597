"""LSTM with a projection layer (LSTMP, Sak et al. 2014), one matrix per gate on [h; x], the way the tutorials do it."""

import numpy as np
from minirnn import FunctionCell


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def forward(p, x, state):
    h_prev, c_prev = state
    z = np.vstack((h_prev, x))
    f = sigmoid(p["Wf"] @ z + p["bf"])
    i = sigmoid(p["Wi"] @ z + p["bi"])
    c_bar = np.tanh(p["Wc"] @ z + p["bc"])
    c = f * c_prev + i * c_bar
    o = sigmoid(p["Wo"] @ z + p["bo"])
    m = o * np.tanh(c)
    h = p["Wp"] @ m
    return (h, c), {"z": z, "f": f, "i": i, "c_bar": c_bar, "o": o, "m": m}


def backward(p, dstate, x, state, new_state, cache, grads):
    dh_next, dc_next = dstate
    h_prev, c_prev = state
    h, c = new_state
    z, f, i, c_bar, o, m = (cache[k] for k in ("z", "f", "i", "c_bar", "o", "m"))
    hidden_size = h_prev.shape[0]

    # projection
    grads["Wp"] += np.dot(dh_next, m.T)
    dm = np.dot(p["Wp"].T, dh_next)

    # output gate
    do = dm * np.tanh(c)
    do_raw = do * o * (1 - o)
    grads["Wo"] += np.dot(do_raw, z.T)
    grads["bo"] += np.sum(do_raw, axis=1, keepdims=True)

    # cell
    dc = np.copy(dc_next)
    dc += dm * o * (1 - np.tanh(c) ** 2)
    dc_bar = dc * i
    dc_bar_raw = dc_bar * (1 - c_bar ** 2)
    grads["Wc"] += np.dot(dc_bar_raw, z.T)
    grads["bc"] += np.sum(dc_bar_raw, axis=1, keepdims=True)

    # input gate
    di = dc * c_bar
    di_raw = di * i * (1 - i)
    grads["Wi"] += np.dot(di_raw, z.T)
    grads["bi"] += np.sum(di_raw, axis=1, keepdims=True)

    # forget gate
    df = dc * c_prev
    df_raw = df * f * (1 - f)
    grads["Wf"] += np.dot(df_raw, z.T)
    grads["bf"] += np.sum(df_raw, axis=1, keepdims=True)

    dz = (np.dot(p["Wf"].T, df_raw)
          + np.dot(p["Wi"].T, di_raw)
          + np.dot(p["Wc"].T, dc_bar_raw)
          + np.dot(p["Wo"].T, do_raw))
    dh_prev = dz[:hidden_size, :]
    dx = dz[hidden_size:, :]
    dc_prev = f * dc
    return dx, (dh_prev, dc_prev)


def make(n_in, n_hidden):
    rng = np.random.RandomState(1)
    params = {}
    for gate in "fico":
        params["W" + gate] = rng.randn(n_hidden, n_hidden + n_in) * 0.4
        params["b" + gate] = rng.randn(n_hidden, 1) * 0.1
    params["Wp"] = rng.randn(n_hidden, n_hidden) * 0.6
    return FunctionCell(forward, backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
