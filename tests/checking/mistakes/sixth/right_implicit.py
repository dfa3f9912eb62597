"""Implicit Euler: h' solves h' = h + tanh(W x + U h' + b) - h'. The backward pass is one linear solve per example (implicit function theorem)."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, = old
    u = h
    for _ in range(25):                                 # Newton
        t = np.tanh(p["W"] @ x + p["U"] @ u + p["b"])
        residual = 2 * u - h - t
        jac = 2 * np.eye(len(h)) - (1 - t ** 2).T[:, :, None] * p["U"]
        u = u - np.linalg.solve(jac, residual.T[:, :, None])[:, :, 0].T
    return (u,), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    u, = new
    slope = 1 - np.tanh(p["W"] @ x + p["U"] @ u + p["b"]) ** 2
    adjoint = np.empty_like(u)
    for j in range(u.shape[1]):
        M = 2 * np.eye(len(u)) - np.diag(slope[:, j]) @ p["U"]
        adjoint[:, j] = np.linalg.solve(M.T, dnew[0][:, j])
    da = adjoint * slope
    for name, reads in (("W", x), ("U", u), ("b", np.ones((1, u.shape[1])))):
        grads[name] += np.dot(da, reads.T)
    return np.dot(p["W"].T, da), (adjoint,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(61)
    p = {"W": rng.normal(0, 0.8, (n_hidden, n_in)), "U": rng.normal(0, 0.4, (n_hidden, n_hidden)), "b": rng.normal(0, 0.3, (n_hidden, 1))}
    return FunctionCell(step, step_backward, p, n_in=n_in, n_hidden=n_hidden)
