"""A small student network that learns a teacher's logits: softened cross-entropy, and a head with weight normalisation."""

import numpy as np

import minirnn
from minirnn import Stack
from minirnn.layers import Layer

TAU = 2.0       # the temperature


class WeightNormHead(Layer):
    """y = g (V / |V|) x + b, with |V| the length of each row of V (Salimans & Kingma 2016)."""

    def __init__(self, n_in, n_out, rng):
        self.n_in, self.n_out = n_in, n_out
        super().__init__([Stack("V", (), (n_out, n_in)), Stack("g", (), (n_out, 1)), Stack("b", (), (n_out, 1))], "float64")
        self.params["V"][...] = rng.normal(size=(n_out, n_in))
        self.params["g"][...] = rng.uniform(0.5, 2, (n_out, 1))

    def direction(self):
        V = self.params["V"]
        length = np.sqrt((V**2).sum(axis=1, keepdims=True))
        return V / length, length

    def forward(self, xs):
        unit, _ = self.direction()
        return self.params["g"] * unit @ xs + self.params["b"]

    def backward(self, dys, xs, ys, grads):
        unit, length = self.direction()
        g = self.params["g"]
        dW = np.einsum("tob,tib->oi", dys, xs)          # the gradient of g (V / |V|)
        along = (dW * unit).sum(axis=1, keepdims=True)
        grads["g"] += along
        grads["V"] += g / length * (dW - along * unit)
        grads["b"] += dys.sum(axis=(0, 2))[:, None]
        return (g * unit).T @ dys


def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def distill(outputs, targets, weights=None):
    """Cross-entropy with the teacher's softened probabilities, times TAU² (Hinton et al. 2015); mean over positions."""
    teacher, student = softmax(targets / TAU), softmax(outputs / TAU)
    positions = outputs.shape[0] * outputs.shape[2]
    value = -(teacher * np.log(student)).sum() / positions * TAU**2
    return value, TAU * (student - teacher) / positions


def make(n_in, n_hidden):
    rng = np.random.default_rng(21)
    cells = [minirnn.make_cell("gru", n_in, n_hidden, rng=rng, dtype="float64"),
             minirnn.make_cell("indrnn", n_hidden, n_hidden, rng=rng, dtype="float64", activation="tanh")]
    cells[1].W[...] = rng.normal(0, 0.6, cells[1].W.shape)
    model = minirnn.Model(cells, n_out=3, residual=True, rng=rng)
    model.head = WeightNormHead(n_hidden, 3, rng)
    return model
