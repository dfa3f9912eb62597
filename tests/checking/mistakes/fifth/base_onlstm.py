"""Ordered-neurons LSTM (Shen et al. 2019): two master gates, cumulative sums of softmaxes, beside the usual ones."""

import numpy as np
from minirnn import FunctionCell


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


def softmax(a):
    e = np.exp(a)
    return e / e.sum(axis=0)


def softmax_backward(ds, s):
    return s * (ds - (ds * s).sum(axis=0))


def cumsum_backward(dy):
    return dy[::-1].cumsum(axis=0)[::-1]


def step(p, x, old):
    h, c = old
    a = p["W"] @ x + p["U"] @ h + p["b"]
    a_i, a_f, a_o, a_g, a_mi, a_mf = np.split(a, 6)
    i, f, o, g = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o), np.tanh(a_g)
    s_i, s_f = softmax(a_mi), softmax(a_mf)
    mi = 1 - np.cumsum(s_i, axis=0)
    mf = np.cumsum(s_f, axis=0)
    w = mf * mi
    fhat = f * w + (mf - w)
    ihat = i * w + (mi - w)
    c_new = fhat * c + ihat * g
    tc = np.tanh(c_new)
    memo = dict(i=i, f=f, o=o, g=g, s_i=s_i, s_f=s_f, mi=mi, mf=mf, w=w, fhat=fhat, ihat=ihat, tc=tc)
    return (o * tc, c_new), memo


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_new = dnew
    h, c = old
    i, f, o, g = memo["i"], memo["f"], memo["o"], memo["g"]
    mi, mf, w, tc = memo["mi"], memo["mf"], memo["w"], memo["tc"]

    do = dh_new * tc
    dc_new = dc_new + dh_new * o * (1 - tc ** 2)
    dfhat, dc = dc_new * c, dc_new * memo["fhat"]
    dihat, dg = dc_new * g, dc_new * memo["ihat"]

    df = dfhat * w
    di = dihat * w
    dw = dfhat * (f - 1) + dihat * (i - 1)
    dmf = dfhat + dw * mi
    dmi = dihat + dw * mf

    da_mf = softmax_backward(cumsum_backward(dmf), memo["s_f"])
    da_mi = softmax_backward(-cumsum_backward(dmi), memo["s_i"])
    da_i = di * i * (1 - i)
    da_f = df * f * (1 - f)
    da_o = do * o * (1 - o)
    da_g = dg * (1 - g ** 2)
    da = np.concatenate([da_i, da_f, da_o, da_g, da_mi, da_mf])

    grads["W"] += da @ x.T
    grads["U"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    return p["W"].T @ da, (p["U"].T @ da, dc)


def make(n_in, n_hidden):
    rng = np.random.default_rng(3)
    params = {
        "W": rng.normal(0, 0.6, (6 * n_hidden, n_in)),
        "U": rng.normal(0, 0.5, (6 * n_hidden, n_hidden)),
        "b": rng.normal(0, 0.1, (6 * n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
