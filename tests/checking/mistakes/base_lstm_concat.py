"""My LSTM, written after a blog post: every gate has one matrix that acts on h and x, one on top of the other."""

import numpy as np

from minirnn import FunctionCell


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def dsigmoid(s):
    return s * (1 - s)


def dtanh(t):
    return 1 - t * t


def step(p, x, old):
    h_prev, c_prev = old
    z = np.vstack((h_prev, x))
    f = sigmoid(p["Wf"] @ z + p["bf"])
    i = sigmoid(p["Wi"] @ z + p["bi"])
    o = sigmoid(p["Wo"] @ z + p["bo"])
    c_bar = np.tanh(p["Wc"] @ z + p["bc"])
    c = f * c_prev + i * c_bar
    h = o * np.tanh(c)
    return (h, c), {"z": z, "f": f, "i": i, "o": o, "c_bar": c_bar}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh, dc_next = dnew
    c_prev, c = old[1], new[1]
    z, f, i, o, c_bar = (memo[k] for k in ("z", "f", "i", "o", "c_bar"))
    tanh_c = np.tanh(c)

    # output gate and cell
    do = dh * tanh_c
    da_o = do * dsigmoid(o)
    dc = dc_next + dh * o * dtanh(tanh_c)

    # what was written to the cell
    dc_bar = dc * i
    da_c = dc_bar * dtanh(c_bar)
    di = dc * c_bar
    da_i = di * dsigmoid(i)
    df = dc * c_prev
    da_f = df * dsigmoid(f)

    grads["Wf"] += da_f @ z.T
    grads["bf"] += da_f.sum(axis=1, keepdims=True)
    grads["Wi"] += da_i @ z.T
    grads["bi"] += da_i.sum(axis=1, keepdims=True)
    grads["Wo"] += da_o @ z.T
    grads["bo"] += da_o.sum(axis=1, keepdims=True)
    grads["Wc"] += da_c @ z.T
    grads["bc"] += da_c.sum(axis=1, keepdims=True)

    dz = p["Wf"].T @ da_f + p["Wi"].T @ da_i + p["Wo"].T @ da_o + p["Wc"].T @ da_c
    hidden = dh.shape[0]
    dh_prev = dz[:hidden]
    dx = dz[hidden:]
    dc_prev = f * dc
    return dx, (dh_prev, dc_prev)


def make(n_in, n_hidden):
    rng = np.random.default_rng(1)
    params = {}
    for k in "fioc":
        params["W" + k] = rng.normal(0, 0.5, (n_hidden, n_hidden + n_in))
        params["b" + k] = rng.normal(0, 0.1, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
