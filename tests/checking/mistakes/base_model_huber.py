"""Two cells, a head that normalises what it reads (layer normalisation over the units), and the Huber loss."""

import numpy as np

import minirnn

EPS = 1e-5
DELTA = 0.8


def moments(xs):
    mean = xs.mean(axis=1, keepdims=True)
    return mean, np.sqrt(((xs - mean)**2).mean(axis=1, keepdims=True) + EPS)


class NormHead(minirnn.Linear):
    """y = W x_hat + b, where x_hat is x with mean 0 and deviation 1 over the units of each column."""

    def forward(self, xs):
        mean, std = moments(xs)
        return super().forward((xs - mean) / std)

    def backward(self, dys, xs, ys, grads):
        mean, std = moments(xs)
        x_hat = (xs - mean) / std
        dx_hat = super().backward(dys, x_hat, ys, grads)
        shift = dx_hat.mean(axis=1, keepdims=True)
        stretch = (dx_hat * x_hat).mean(axis=1, keepdims=True)
        return (dx_hat - shift - x_hat * stretch) / std


def huber(outputs, targets, weights=None):
    """Quadratic near the target, linear beyond DELTA; the mean over all outputs."""
    error = outputs - targets
    near = abs(error.real) <= DELTA
    sign = np.sign(error.real)
    values = np.where(near, 0.5 * error**2, DELTA * (sign * error - 0.5 * DELTA))
    slope = np.where(near, error, DELTA * sign)
    return values.mean(), slope / error.size


def make(n_in, n_hidden):
    cells = [minirnn.make_cell("lstm", n_in, n_hidden, rng=18, dtype="float64"),
             minirnn.make_cell("rnn", n_hidden, n_hidden, rng=19, dtype="float64")]
    model = minirnn.Model(cells, n_out=2, rng=20)
    model.head = NormHead(n_hidden, 2, rng=20, dtype="float64")
    return model
