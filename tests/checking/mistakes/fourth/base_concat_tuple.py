import numpy as np

from minirnn import FunctionCell


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_forward(p, x, state):
    prev_h, prev_c = state
    hx = np.vstack((prev_h, x))
    ai, af, ao, ag = np.split(p["W"] @ hx + p["b"], 4)
    i, f, o = sigmoid(ai), sigmoid(af), sigmoid(ao)
    g = np.tanh(ag)
    next_c = f * prev_c + i * g
    tc = np.tanh(next_c)
    next_h = o * tc
    cache = (i, f, o, g, tc)
    return (next_h, next_c), {"cache": cache, "hx": hx}


def lstm_backward(p, dstate, x, state, next_state, memo, grads):
    dnext_h, dnext_c = dstate
    prev_h, prev_c = state
    i, f, o, g, tc = memo["cache"]
    H, D = prev_h.shape[0], x.shape[0]

    # next_h = o * tanh(next_c)
    do = dnext_h * tc
    dc = dnext_c + dnext_h * o * (1 - tc**2)

    # next_c = f * prev_c + i * g
    df = dc * prev_c
    di = dc * g
    dg = dc * i
    dprev_c = dc * f

    dai = i * (1 - i) * di
    daf = f * (1 - f) * df
    dao = o * (1 - o) * do
    dag = (1 - g**2) * dg
    da = np.vstack((dai, daf, dao, dag))

    grads["W"] += da @ memo["hx"].T
    grads["b"] += da.sum(axis=1, keepdims=True)
    dhx = p["W"].T @ da
    dprev_h, dx = dhx[:H], dhx[H:]
    return dx, (dprev_h, dprev_c)


def make(n_in, n_hidden):
    rng = np.random.default_rng(11)
    params = {"W": rng.normal(0, 0.5, (4 * n_hidden, n_hidden + n_in)), "b": rng.normal(0, 0.2, (4 * n_hidden, 1))}
    return FunctionCell(lstm_forward, lstm_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
