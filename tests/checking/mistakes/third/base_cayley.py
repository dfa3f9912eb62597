"""An orthogonal RNN by the scaled Cayley transform (Helfrich et al. 2018): Q = (I + A)^-1 (I - A) diag(d), A skew."""

import numpy as np

from minirnn import FunctionCell


def skew(S):
    return S - S.T


def turn(S):
    A = skew(S)
    eye = np.eye(len(A))
    return np.linalg.solve(eye + A, eye - A)


def signs(n):
    d = np.ones((n, 1))
    d[: n // 2] = -1
    return d


def step(p, x, old):
    h, = old
    d = signs(len(h))
    h_new = np.tanh(p["W"] @ x + turn(p["S"]) @ (d * h) + p["b"])
    return (h_new,), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    h_new, = new
    d = signs(len(h))
    A, Q = skew(p["S"]), turn(p["S"])
    eye = np.eye(len(h))

    da = dh_new * (1 - h_new**2)
    grads["W"] += da @ x.T
    grads["b"] += da.sum(axis=1, keepdims=True)

    # Q = (I + A)^-1 (I - A), so dQ = -(I + A)^-1 dA (I + Q)
    dQ = da @ (d * h).T
    dA = -np.linalg.solve((eye + A).T, dQ @ (eye + Q).T)
    grads["S"] += dA - dA.T

    dh = d * (Q.T @ da)
    return p["W"].T @ da, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(17)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "S": 0.5 * rng.normal(size=(n_hidden, n_hidden)),
              "b": rng.normal(0, 0.2, (n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
