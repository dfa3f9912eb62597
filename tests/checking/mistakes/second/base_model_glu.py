"""Two cells, a head with a gated linear unit, and a loss that also asks for smooth outputs (as TAR in Merity et al. 2017)."""

import numpy as np

import minirnn
from minirnn import Stack
from minirnn.layers import Layer

SMOOTH = 0.3        # the weight of the penalty on changes from step to step


class GLUHead(Layer):
    """y = W2 (u * sigmoid(v)) + b2 with (u, v) = W1 x + b1."""

    def __init__(self, n_in, n_mid, n_out, rng):
        self.n_in, self.n_mid, self.n_out = n_in, n_mid, n_out
        super().__init__([Stack("W1", (), (2 * n_mid, n_in)), Stack("b1", (), (2 * n_mid, 1)),
                          Stack("W2", (), (n_out, n_mid)), Stack("b2", (), (n_out, 1))], "float64")
        for name in ("W1", "W2"):
            self.params[name][...] = rng.normal(0, 0.6, self.params[name].shape)

    def middle(self, xs):
        a = self.params["W1"] @ xs + self.params["b1"]
        return a[:, :self.n_mid], 1 / (1 + np.exp(-a[:, self.n_mid:]))

    def forward(self, xs):
        u, s = self.middle(xs)
        return self.params["W2"] @ (u * s) + self.params["b2"]

    def backward(self, dys, xs, ys, grads):
        u, s = self.middle(xs)
        dxs = np.empty_like(xs)
        for t in range(len(xs)):
            grads["W2"] += dys[t] @ (u[t] * s[t]).T
            grads["b2"] += dys[t].sum(axis=1, keepdims=True)
            dm = self.params["W2"].T @ dys[t]
            da = np.vstack([dm * s[t], dm * u[t] * s[t] * (1 - s[t])])
            grads["W1"] += da @ xs[t].T
            grads["b1"] += da.sum(axis=1, keepdims=True)
            dxs[t] = self.params["W1"].T @ da
        return dxs


def smooth_error(outputs, targets, weights=None):
    """Half the mean squared error, plus SMOOTH times half the mean squared change from one step to the next."""
    error = outputs - targets
    change = outputs[1:] - outputs[:-1]
    n = outputs.size
    value = 0.5 * (error**2).sum() / n + 0.5 * SMOOTH * (change**2).sum() / n
    doutputs = error / n
    doutputs[1:] += SMOOTH * change / n
    doutputs[:-1] -= SMOOTH * change / n
    return value, doutputs


def make(n_in, n_hidden):
    rng = np.random.default_rng(118)
    cells = [minirnn.make_cell("mut3", n_in, n_hidden, rng=rng, dtype="float64"),
             minirnn.make_cell("rda", n_hidden, n_hidden, rng=rng, dtype="float64")]
    model = minirnn.Model(cells, n_out=2, rng=rng)
    model.head = GLUHead(n_hidden, 3, 2, rng)
    return model
