"""A linear recurrence with complex eigenvalues (as in the LRU), in real numbers, with a little of the neighbour mixed in.

    λ = exp(−exp(ν)) (cos θ + i sin θ),   γ = sqrt(1 − |λ|²)
    s' = λ s + κ roll(s) + γ (B x)                     s = re + i im,   B = Bre + i Bim
    h' = gate · Re((Cre + i Cim) s')                   gate = sigmoid(G x + E h + e)
"""

import numpy as np
from numpy import cos, exp, sin, sqrt

from minirnn import FunctionCell


class ComplexDiagonal(FunctionCell):

    def __init__(self, n_in, n_hidden, seed=0):
        rng = np.random.default_rng(seed)
        weights = dict(
            nu=rng.uniform(-2, -0.5, (n_hidden, 1)),
            theta=rng.uniform(0.2, 1.5, (n_hidden, 1)),
            kappa=rng.normal(0, 0.3, (n_hidden, 1)),
            Bre=rng.normal(0, 0.6, (n_hidden, n_in)),
            Bim=rng.normal(0, 0.6, (n_hidden, n_in)),
            Cre=rng.normal(0, 0.5, (n_hidden, n_hidden)),
            Cim=rng.normal(0, 0.5, (n_hidden, n_hidden)),
            G=rng.normal(0, 0.6, (n_hidden, n_in)),
            E=rng.normal(0, 0.6, (n_hidden, n_hidden)),
            e=rng.normal(0, 0.2, (n_hidden, 1)),
        )
        super().__init__(self.forward, self.reverse, weights, n_in=n_in, n_hidden=n_hidden, state_names=("h", "re", "im"))

    @staticmethod
    def polar(p):
        mod = exp(-exp(p["nu"]))
        return mod, cos(p["theta"]), sin(p["theta"]), sqrt(1 - mod**2)

    @classmethod
    def forward(cls, p, x, old):
        h, re, im = old
        mod, c, s, gamma = cls.polar(p)
        lr, li = mod * c, mod * s
        ur, ui = p["Bre"] @ x, p["Bim"] @ x
        re_new = lr * re - li * im + p["kappa"] * np.roll(re, 1, axis=0) + gamma * ur
        im_new = lr * im + li * re + p["kappa"] * np.roll(im, 1, axis=0) + gamma * ui
        y = p["Cre"] @ re_new - p["Cim"] @ im_new
        gate = 1 / (1 + exp(-(p["G"] @ x + p["E"] @ h + p["e"])))
        return (gate * y, re_new, im_new), dict(ur=ur, ui=ui, y=y, gate=gate)

    @classmethod
    def reverse(cls, p, dnew, x, old, new, memo, grads):
        dh_new, dre_new, dim_new = dnew
        h, re, im = old
        _, re_new, im_new = new
        ur, ui, y, gate = memo["ur"], memo["ui"], memo["y"], memo["gate"]
        mod, c, s, gamma = cls.polar(p)
        lr, li = mod * c, mod * s

        # the gate
        dgate = dh_new * y * gate * (1 - gate)
        grads["G"] += dgate @ x.T
        grads["E"] += dgate @ h.T
        grads["e"] += dgate.sum(axis=1, keepdims=True)

        # what is shown
        dy = dh_new * gate
        grads["Cre"] += dy @ re_new.T
        grads["Cim"] -= dy @ im_new.T
        dre = dre_new + p["Cre"].T @ dy
        dim = dim_new - p["Cim"].T @ dy

        # the eigenvalues
        dlr = (dre * re + dim * im).sum(axis=1, keepdims=True)
        dli = (dim * re - dre * im).sum(axis=1, keepdims=True)
        dgamma = (dre * ur + dim * ui).sum(axis=1, keepdims=True)
        dmod = dlr * c + dli * s - dgamma * mod / gamma
        grads["nu"] -= dmod * mod * exp(p["nu"])
        grads["theta"] += mod * (dli * c - dlr * s)
        grads["kappa"] += (dre * np.roll(re, 1, axis=0) + dim * np.roll(im, 1, axis=0)).sum(axis=1, keepdims=True)

        # what comes in
        dur, dui = gamma * dre, gamma * dim
        grads["Bre"] += dur @ x.T
        grads["Bim"] += dui @ x.T
        dx = p["Bre"].T @ dur + p["Bim"].T @ dui + p["G"].T @ dgate

        dre_old = lr * dre + li * dim + np.roll(p["kappa"] * dre, -1, axis=0)
        dim_old = lr * dim - li * dre + np.roll(p["kappa"] * dim, -1, axis=0)
        return dx, (p["E"].T @ dgate, dre_old, dim_old)


def make(n_in, n_hidden):
    return ComplexDiagonal(n_in, n_hidden)
