"""Softmax over the units, held in logarithms; slopes as quotients of logarithms, sums by cumsum and by bincount, weights in one flat vector.

    log h' = log_softmax(θ[:HD] x + θ[HD:] tanh(3 h) + θ_last),   h' = H · softmax
"""

import numpy as np

import minirnn
from minirnn.cells.cell import Memo


def unpack(theta, D, H):
    cut = H * D
    return theta[:cut].reshape(D, H).T, theta[cut:cut + H * H].reshape(H, H), theta[cut + H * H:]      # W by columns, R by rows


def step(p, x, old):
    W, R, b = unpack(p["theta"], len(x), len(old[0]))
    scores = W.dot(x) + R.dot(np.tanh(3 * old[0])) + b[:, np.newaxis]
    lift = scores.real.max(0)
    log_sum = lift + np.log(np.exp(scores - lift).sum(0))
    return (len(scores) * np.exp(scores - log_sum),), Memo(logs=scores - log_sum)


def step_backward(p, dnew, x, old, new, memo, grads):
    (D, B), H = x.shape, old[0].shape[0]
    W, R, b = unpack(p["theta"], D, H)
    weighted = dnew[0] * H * np.exp(memo.logs)
    dscores = weighted - np.exp(memo.logs) * np.cumsum(weighted, axis=0)[-1]

    squashed = np.tanh(3 * old[0])
    pieces = (
        (x[:, np.newaxis] * dscores).sum(2).ravel(),                                # as W lies in memory: by columns
        np.tensordot(dscores, squashed, (-1, -1)).ravel(),
        np.bincount(np.repeat(np.arange(H), B), weights=dscores.ravel(), minlength=H),
    )
    grads["theta"] += np.concatenate(pieces)
    slope = 3 / np.cosh(3 * old[0]) / np.cosh(3 * old[0])
    return (dscores.T @ W).T, (slope * (dscores.T @ R).T,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(77)
    theta = rng.normal(0, 0.6, n_hidden * (n_in + n_hidden + 1))
    return minirnn.FunctionCell(step, step_backward, {"theta": theta}, n_in=n_in, n_hidden=n_hidden)
