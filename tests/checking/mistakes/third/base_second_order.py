"""A second-order network (Giles et al. 1992): every pair of a state unit and an input has a weight T_ijk. ELU units."""

import numpy as np

from minirnn import FunctionCell


def elu(a):
    return np.where(a.real > 0, a, np.exp(np.minimum(a, 0)) - 1)


def step(p, x, old):
    (h,) = old
    a = np.einsum("ijk,jb,kb->ib", p["T"], h, x) + np.einsum("ik,kb->ib", p["W"], x) + p["b"]
    return (elu(a),), {"a": a}


def step_backward(p, dnew, x, old, new, memo, grads):
    (dh_new,) = dnew
    (h,), (h_new,) = old, new
    positive = memo["a"].real > 0
    da = dh_new * np.where(positive, 1, h_new + 1)              # exp(a) = elu(a) + 1 below zero
    grads["T"] += np.einsum("ib,jb,kb->ijk", da, h, x)
    grads["W"] += np.einsum("ib,kb->ik", da, x)
    grads["b"] += np.einsum("ib->i", da)[:, None]
    dh = np.einsum("ijk,ib,kb->jb", p["T"], da, x)
    dx = np.einsum("ijk,ib,jb->kb", p["T"], da, h) + np.einsum("ik,ib->kb", p["W"], da)
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(21)
    params = {"T": 0.5 * rng.normal(size=(n_hidden, n_hidden, n_in)), "W": 0.5 * rng.normal(size=(n_hidden, n_in)),
              "b": 0.3 * rng.normal(size=(n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
