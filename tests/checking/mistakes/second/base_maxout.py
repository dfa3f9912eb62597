"""A maxout RNN (Goodfellow et al. 2013): each unit has three linear pieces, and the largest one goes on, through a tanh."""

import numpy as np

from minirnn import FunctionCell

PIECES = 3


def pieces(p, x, h):
    return np.einsum("khd,db->khb", p["W"], x) + np.einsum("khj,jb->khb", p["R"], h) + p["b"]


def pick(a, winner):
    return np.take_along_axis(a, winner[None], axis=0)[0]


def step(p, x, old):
    a = pieces(p, x, old[0])
    winner = a.real.argmax(axis=0)                  # (H, B)
    return (np.tanh(pick(a, winner)),), {"winner": winner}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, h_new = old[0], new[0]
    winner = memo["winner"]
    dbest = dh_new * (1 - h_new**2)
    da = np.zeros((PIECES, *dbest.shape), dbest.dtype)
    np.put_along_axis(da, winner[None], dbest[None], axis=0)
    dx, dh = 0, 0
    for k in range(PIECES):
        grads["W"][k] += da[k] @ x.T
        grads["R"][k] += da[k] @ h.T
        grads["b"][k] += da[k].sum(axis=1, keepdims=True)
        dx = dx + p["W"][k].T @ da[k]
        dh = dh + p["R"][k].T @ da[k]
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(122)
    params = {"W": rng.normal(0, 0.7, (PIECES, n_hidden, n_in)), "R": rng.normal(0, 0.5, (PIECES, n_hidden, n_hidden)),
              "b": rng.normal(0, 0.2, (PIECES, n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
