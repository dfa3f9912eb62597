"""RNN with layer normalisation (Ba et al. 2016): every column is normalised over its units before the tanh."""

import numpy as np

from minirnn import FunctionCell

EPS = 1e-5


def step(p, x, old):
    h, = old
    a = p["W"] @ x + p["U"] @ h
    mu = a.mean(axis=0, keepdims=True)
    centred = a - mu
    var = (centred**2).mean(axis=0, keepdims=True)
    std = np.sqrt(var + EPS)
    a_hat = centred / std
    y = p["gain"] * a_hat + p["bias"]
    return (np.tanh(y),), {"centred": centred, "std": std, "a_hat": a_hat, "y": y}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, h_new = old[0], new[0]
    centred, std, a_hat = memo["centred"], memo["std"], memo["a_hat"]
    n = len(h)

    dy = dh_new * (1 - h_new**2)
    grads["gain"] += (dy * a_hat).sum(axis=1, keepdims=True)
    grads["bias"] += dy.sum(axis=1, keepdims=True)

    # the three ways from a to a_hat: directly, through the variance, through the mean
    da_hat = dy * p["gain"]
    dvar = (da_hat * centred).sum(axis=0, keepdims=True) * -0.5 * std**-3
    dmu = -da_hat.sum(axis=0, keepdims=True) / std
    da = da_hat / std + dvar * 2 * centred / n + dmu / n

    grads["W"] += da @ x.T
    grads["U"] += da @ h.T
    return p["W"].T @ da, (p["U"].T @ da,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(7)
    params = {
        "W": rng.normal(size=(n_hidden, n_in)),
        "U": rng.normal(size=(n_hidden, n_hidden)),
        "gain": 1 + 0.3 * rng.normal(size=(n_hidden, 1)),
        "bias": 0.2 * rng.normal(size=(n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
