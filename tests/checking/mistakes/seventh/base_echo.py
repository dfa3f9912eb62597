"""An echo state network whose reservoir is learned, too: sparse, and divided by an estimate of its spectral norm.

    M = R ⊙ mask
    v = the direction of Mᵀ M v0,   σ = |M v|             one round of the power method, from a fixed v0
    h' = tanh(e^κ W x + b + ρ M h / σ)                    ρ = 1.2 sigmoid(radius)
"""

import numpy as np

from minirnn.activations import sigmoid, tanh
from minirnn.cells.cell import Cell, Memo, columns
from minirnn.cells.parameters import Stack

LARGEST = 1.2


class Echo(Cell):

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", (), (H, D)), Stack("R", (), (H, H)), Stack("b", (), (H, 1)),
                Stack("kappa", (), (1, 1)), Stack("radius", (), (1, 1))]

    def initialise(self, rng):
        super().initialise(rng)
        self.params["kappa"][...] = 0.3
        self.params["radius"][...] = 0.8

    @property
    def mask(self):
        row, column = np.indices((self.n_hidden, self.n_hidden))
        return (row + 2 * column) % 4 != 1

    def power(self):
        """M, v0, and all that the norm is made of."""
        M = self.R * self.mask
        v0 = np.linspace(0.5, 1, self.n_hidden)[:, None]
        z = M @ v0
        t = M.T @ z
        length = np.sqrt((t * t).sum())
        v = t / length
        y = M @ v
        sigma = np.sqrt((y * y).sum())
        return M, v0, z, length, v, y, sigma

    def input_terms(self, xs):
        return np.exp(self.kappa) * (self.W @ xs) + self.b

    def step(self, wx, old):
        h, = old
        M, *_, sigma = self.power()
        rho = LARGEST * sigmoid(self.radius)
        return (tanh(wx + rho * (M @ h) / sigma),), Memo()

    def step_backward(self, dnew, old, new, memo):
        M, *_, sigma = self.power()
        rho = LARGEST * sigmoid(self.radius)
        da = dnew[0] * (1 - new[0]**2)
        return da, (rho * (M.T @ da) / sigma,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        da, x, h = columns(dwxs), columns(xs), columns(olds[0])

        scale = np.exp(self.kappa)
        dWx = da @ x.T
        grads["W"] += scale * dWx
        grads["kappa"] += scale * (dWx * self.W).sum()
        grads["b"] += da.sum(axis=1, keepdims=True)

        M, v0, z, length, v, y, sigma = self.power()
        share = sigmoid(self.radius)
        rho = LARGEST * share
        G = da @ h.T
        along = (G * M).sum()
        grads["radius"] += LARGEST * share * (1 - share) * along / sigma
        dsigma = -rho * along / sigma**2

        dM = rho * G / sigma
        dy = dsigma * y / sigma
        dM += dy @ v.T
        dv = M.T @ dy
        dt = (dv - v * (v * dv).sum()) / length
        dM += z @ dt.T
        dz = M @ dt
        dM += dz @ v0.T
        grads["R"] += dM * self.mask
        return scale * (self.W.T @ dwxs)


def make(n_in, n_hidden):
    return Echo(n_in, n_hidden, rng=6, dtype="float64")
