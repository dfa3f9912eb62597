"""Right, a column at a time: step and step_backward are vectorised by a decorator over examples, written for vectors."""

import functools

import numpy as np

from minirnn import FunctionCell, Memo


def columnwise(function):
    """Call function for each column's vectors, and put the results side by side."""
    @functools.wraps(function)
    def each(p, *arrays, **kept):
        results = [function(p, *vectors, **kept) for vectors in zip(*(a.T for a in arrays))]
        return [np.stack(column, axis=1) for column in zip(*results)]
    return each


@columnwise
def forward(p, x, h):
    e = np.exp(p["Q"] @ np.r_[h, x])
    share = e / e.sum()                                     # a softmax: how the new content is spread over the units
    n = np.tanh(p["V"] @ np.r_[h, x, 1])
    return h + share * (n - h), share, n


@columnwise
def backward(p, d, x, h, share, n, grads):
    hx, n_h = np.r_[h, x], len(h)
    dshare, dn = d * (n - h), d * share
    de = (np.diag(share) - np.outer(share, share)) @ dshare
    da = dn * (1 - n**2)
    grads["Q"] += np.multiply.outer(de, hx)
    grads["V"] += np.multiply.outer(da, np.append(hx, 1))
    dhx = de @ p["Q"] + da @ p["V"][:, :-1]
    return dhx[n_h:], dhx[:n_h] + d - dn


def step(p, x, old):
    h_new, share, n = forward(p, x, old[0])
    return (h_new,), Memo(share=share, n=n)


def step_backward(p, dnew, x, old, new, memo, grads):
    dx, dh = backward(p, dnew[0], x, old[0], memo.share, memo.n, grads=grads)
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(210)
    params = {"Q": rng.normal(0, 0.6, (n_hidden, n_hidden + n_in)), "V": rng.normal(0, 0.7, (n_hidden, n_hidden + n_in + 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
