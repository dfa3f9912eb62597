"""Two STAR layers, one upon the other (Turkoglu et al., Gating revisited). h is the state of the upper one, g of the lower one.

    z = tanh(Wz x + bz)
    k = sigmoid(Wk x + Rk h + bk)
    h' = tanh((1 - k) h + k z)
"""

import numpy as np

from minirnn import FunctionCell


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class Star:
    """One layer. Its parameters and what it keeps have its number behind their names."""

    def __init__(self, number):
        self.n = str(number)

    def init(self, n_in, n_hidden, rng):
        n = self.n
        return {"Wz" + n: rng.normal(size=(n_hidden, n_in)) / np.sqrt(n_in),
                "bz" + n: rng.normal(size=(n_hidden, 1)) / 5,
                "Wk" + n: rng.normal(size=(n_hidden, n_in)) / np.sqrt(n_in),
                "Rk" + n: rng.normal(size=(n_hidden, n_hidden)) / np.sqrt(n_hidden),
                "bk" + n: rng.normal(size=(n_hidden, 1)) / 5}

    def forward(self, p, x, h, cache):
        n = self.n
        z = np.tanh(p["Wz" + n] @ x + p["bz" + n])
        k = sigmoid(p["Wk" + n] @ x + p["Rk" + n] @ h + p["bk" + n])
        cache["x" + n], cache["h" + n], cache["z" + n], cache["k" + n] = x, h, z, k
        out = np.tanh((1 - k) * h + k * z)
        cache["out" + n] = out
        return out

    def backward(self, p, dout, cache, grads):
        n = self.n
        x, h, out = cache["x" + n], cache["h" + n], cache["out" + n]
        z, k = cache["z" + n], cache["k" + n]

        dsum = dout * (1 - out**2)
        dz = dsum * k
        dk = dsum * (z - h)
        dh = dsum * (1 - k)

        dz_in = dz * (1 - z**2)
        dk_in = dk * k * (1 - k)
        grads["Wz" + n] += dz_in @ x.T
        grads["bz" + n] += dz_in.sum(axis=1, keepdims=True)
        grads["Wk" + n] += dk_in @ x.T
        grads["Rk" + n] += dk_in @ h.T
        grads["bk" + n] += dk_in.sum(axis=1, keepdims=True)
        dx = p["Wz" + n].T @ dz_in + p["Wk" + n].T @ dk_in
        dh = dh + p["Rk" + n].T @ dk_in
        return dx, dh


LAYERS = [Star(1), Star(2)]


def step(p, x, old):
    states = [old[1], old[0]]
    cache = {}
    for l, layer in enumerate(LAYERS):
        x = states[l] = layer.forward(p, x, states[l], cache)
    return (states[1], states[0]), cache


def step_backward(p, dnew, x, old, new, cache, grads):
    dstates = [dnew[1], dnew[0]]
    dbelow = 0
    for l in reversed(range(len(LAYERS))):
        dout = dstates[l] + dbelow
        dbelow, dstates[l] = LAYERS[l].backward(p, dout, cache, grads)
    return dbelow, (dstates[1], dstates[0])


def make(n_in, n_hidden):
    rng = np.random.default_rng(42)
    params = {**LAYERS[0].init(n_in, n_hidden, rng), **LAYERS[1].init(n_hidden, n_hidden, rng)}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "g"))
