"""A generator that walks forward, is handed the gradient at the bottom and walks back. Three tanh layers, each fed the state."""
import numpy as np
from minirnn import FunctionCell

DEPTH = 3


def walk(p, x, h, grads=None):
    def go(level, y):
        if level == DEPTH:
            dy = yield y
            return dy, 0
        z = np.tanh(p[f"A{level}"] @ y + p[f"B{level}"] * h)
        dz, dh = yield from go(level + 1, z)
        dz = dz - z * (z * dz)
        grads[f"A{level}"] += (y @ dz.T).T
        grads[f"B{level}"] += (h * dz).sum(1)[:, None]
        return p[f"A{level}"].T @ dz, dh + p[f"B{level}"] * dz
    return go(0, x)


def step(p, x, old):
    return (next(walk(p, x, old[0])),), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    walker = walk(p, x, old[0], grads)
    next(walker)
    try:
        walker.send(dnew[0])
    except StopIteration as end:
        dx, dh = end.value
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(7)
    params = {f"A{k}": rng.normal(0, 0.7, (n_hidden, n_hidden if k else n_in)) for k in range(DEPTH)}
    params.update({f"B{k}": rng.normal(0, 0.7, (n_hidden, 1)) for k in range(DEPTH)})
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
