"""A predictive-coding RNN: h predicts the input through W^T, and only what was not predicted comes in, through the same W."""

from dataclasses import dataclass

import numpy as np

from minirnn import FunctionCell

RATE = 0.4


@dataclass
class Surprise:
    """What a step computes on its way."""

    e: np.ndarray       # (D, B), the error of the prediction
    n: np.ndarray       # (H, B), where h is drawn to

    @classmethod
    def of(cls, p, x, h):
        e = x - p["W"].T @ h
        return cls(e, np.tanh(p["W"] @ e + p["R"] @ h + p["b"]))


def step(p, x, old):
    h, = old
    now = Surprise.of(p, x, h)
    return ((1 - RATE) * h + RATE * now.n,), vars(now)


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    now = Surprise(**memo)
    da = RATE * dh_new * (1 - now.n**2)
    de = p["W"].T @ da
    dh = (1 - RATE) * dh_new + p["R"].T @ da - p["W"] @ de
    grads["W"] += da @ now.e.T          # where the error comes in
    grads["W"] -= h @ de.T              # where h predicts
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    return de, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(120)
    params = {"W": rng.normal(0, 0.5, (n_hidden, n_in)), "R": rng.normal(0, 0.6, (n_hidden, n_hidden)),
              "b": rng.normal(0, 0.2, (n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
