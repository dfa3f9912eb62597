"""An orthogonal RNN (Mhammedi et al. 2017): the recurrent matrix is a product of reflections; the activation is a leaky relu."""

import numpy as np

from minirnn import FunctionCell

N = 2               # reflections
SLOPE = 0.2         # of the leaky relu below 0


def reflect(v, h):
    """h mirrored at the plane through 0 that is perpendicular to v (H, 1)."""
    dot = (v * h).sum(axis=0, keepdims=True)
    return h - 2 / (v * v).sum() * v * dot


def reflect_backward(dout, v, h):
    square = (v * v).sum()
    dot = (v * h).sum(axis=0, keepdims=True)
    ddot = (v * dout).sum(axis=0, keepdims=True)
    dh = dout - 2 / square * v * ddot
    dv = -2 / square * (dout * dot + h * ddot).sum(axis=1, keepdims=True)
    dv += 4 / square**2 * (dot * ddot).sum() * v                # v's length is in the denominator, too
    return dh, dv


def leaky_relu(a):
    return np.where(a.real > 0, a, SLOPE * a)


def step(p, x, old):
    stages = [old[0]]
    for k in range(N):
        stages.append(reflect(p[f"v{k}"], stages[-1]))
    a = stages[-1] + p["W"] @ x + p["b"]
    return (leaky_relu(a),), {"stages": np.array(stages), "a": a}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    stages, a = memo["stages"], memo["a"]
    da = np.where(a.real > 0, dh_new, SLOPE * dh_new)
    grads["W"] += da @ x.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    dh = da
    for k in range(N - 1, -1, -1):
        dh, dv = reflect_backward(dh, p[f"v{k}"], stages[k])
        grads[f"v{k}"] += dv
    return p["W"].T @ da, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(112)
    params = {"W": rng.normal(0, 0.9, (n_hidden, n_in)), "b": rng.normal(0, 0.2, (n_hidden, 1))}
    for k in range(N):
        params[f"v{k}"] = rng.normal(0, 1, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
