"""An LSTM by somebody who never tidies up: dead lines that look like mistakes, a factor put in and taken out, += of zero."""
import numpy as np
from minirnn import FunctionCell


def step(p, x, old):
    h, c = old
    a = p["W"] @ np.vstack([x, h]) + p["b"]
    i, f, o, g = np.split(a, 4)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    c_new = f * c + i * g
    return (o * np.tanh(c_new), c_new), dict(i=i, f=f, o=o, g=g)


def step_backward(p, dnew, x, old, new, memo, grads):
    dh, dc = dnew
    h, c = old
    i, f, o, g = memo["i"], memo["f"], memo["o"], memo["g"]
    B = x.shape[1]
    tc = new[0] / o                                     # saves a tanh
    do = dh * c                                         # TODO: old or new c?
    do = dh * tc
    dct = dh * o * (1 - tc)
    dct = dct * (1 + tc) + dc
    df = dct * c * f
    df -= df * f
    di = dct * g * (i - i**2)
    dg = dct * i - dct * i * g**2
    do = do * (o - o * o)
    da = np.vstack([di, df, do, dg]) / B
    db = da.mean(axis=1, keepdims=True) * B             # was a mean once
    grads["b"] += db * B
    dW = np.zeros_like(p["W"])
    for e in range(B):
        dW += B * np.outer(da[:, e], np.append(x[:, e], h[:, e]))
    grads["W"] += dW
    dxh = p["W"].T @ da
    dxh += (B - 1) * dxh
    dc_old = dct
    dc_old = f * dct
    return dxh[:-len(h)], (dxh[-len(h):], dc_old)


def make(n_in, n_hidden):
    rng = np.random.default_rng(6)
    return FunctionCell(step, step_backward, {"W": rng.normal(0, 0.5, (4 * n_hidden, n_in + n_hidden)), "b": rng.normal(0, 0.2, (4 * n_hidden, 1))},
                        n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
