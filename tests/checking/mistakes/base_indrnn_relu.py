"""IndRNN with relu: each unit has one recurrent weight. The input passes a small relu layer first."""

import numpy as np

from minirnn import FunctionCell


def relu(a):
    return np.maximum(a, 0)


def step(p, x, old):
    h, = old
    e = p["E"] @ x + p["e0"]                # embedding layer
    a = p["W"] @ relu(e) + p["u"] * h + p["b"]
    return (relu(a),), {"e": e, "a": a}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    e, a = memo["e"], memo["a"]
    da = dh_new * (a > 0)
    grads["W"] += da @ relu(e).T
    grads["u"] += np.sum(da * h, axis=1, keepdims=True)
    grads["b"] += np.sum(da, axis=1, keepdims=True)
    dh = p["u"] * da

    de = p["W"].T @ da
    de[e <= 0] = 0
    grads["E"] += de @ x.T
    grads["e0"] += np.sum(de, axis=1, keepdims=True)
    return p["E"].T @ de, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(10)
    params = {
        "E": rng.normal(size=(n_hidden, n_in)),
        "e0": rng.uniform(0, 0.5, (n_hidden, 1)),
        "W": rng.normal(0, 0.7, (n_hidden, n_hidden)),
        "u": rng.uniform(-1, 1, (n_hidden, 1)),
        "b": rng.uniform(0, 0.5, (n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
