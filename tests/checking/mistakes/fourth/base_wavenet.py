"""Dilated causal convolution, one sample at a time (after WaveNet): the layer reads its own output one and three steps ago.

The state is a delay line (h, d1, d2); tap k multiplies its k-th entry.
"""

from math import sqrt

import numpy as np

from minirnn import FunctionCell

TAPS: tuple[int, ...] = (0, 2)
SCALE: float = sqrt(0.5)


def pre_activation(p, name, x, line):
    total = p[f"W{name}"] @ x + p[f"b{name}"]
    for k in TAPS:
        total = total + p[f"K{name}{k}"] @ line[k]
    return total


def forward(p, x, line):
    filt = np.tanh(pre_activation(p, "f", x, line))
    gate = 1.0 / (1.0 + np.exp(-pre_activation(p, "g", x, line)))
    h_new = SCALE * (p["S"] @ (filt * gate) + line[0])
    return (h_new, line[0], line[1]), {"filt": filt, "gate": gate}


def backward(p, dnew, x, line, new, memo, grads):
    dh_new, dd1_new, dd2_new = dnew
    filt, gate = memo["filt"], memo["gate"]

    dres = SCALE * dh_new
    grads["S"] += dres @ (filt * gate).T
    dunit = p["S"].T @ dres
    dfilt = dunit * gate * (1 - filt ** 2)
    dgate = dunit * filt * gate * (1 - gate)

    dx = np.zeros_like(x)
    dline = [dres + dd1_new, dd2_new, np.zeros_like(dres)]    # what bypasses the taps: residual and delay
    for name, delta in (("f", dfilt), ("g", dgate)):
        grads[f"W{name}"] += delta @ x.T
        grads[f"b{name}"] += delta.sum(axis=1, keepdims=True)
        dx += p[f"W{name}"].T @ delta
        for k in TAPS:
            grads[f"K{name}{k}"] += delta @ line[k].T
            dline[k] = dline[k] + p[f"K{name}{k}"].T @ delta
    return dx, tuple(dline)


def make(n_in: int, n_hidden: int) -> FunctionCell:
    rng = np.random.default_rng(2016)
    params = {"S": rng.normal(size=(n_hidden, n_hidden)) * 0.7}
    for name in "fg":
        params[f"W{name}"] = rng.normal(size=(n_hidden, n_in)) * 0.6
        params[f"b{name}"] = rng.normal(size=(n_hidden, 1)) * 0.2
        params.update({f"K{name}{k}": rng.normal(size=(n_hidden, n_hidden)) * 0.6 for k in TAPS})
    return FunctionCell(forward, backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "d1", "d2"))
