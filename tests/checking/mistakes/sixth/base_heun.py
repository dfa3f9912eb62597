"""A neural ODE's cell: one step of Heun's method with learned weights of its two slopes (softmax) and a learned step size.

dh/dt = s (A - h) - exp(lam) h   with   s = sigmoid(W x + U h + b)
"""

import numpy as np

from minirnn import FunctionCell


def logistic(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def total(a):
    return a.sum(axis=1, keepdims=True)


class Heun:
    def field(self, p, x, h):
        s = logistic(p["W"] @ x + p["U"] @ h + p["b"])
        return s * (p["A"] - h) - np.exp(p["lam"]) * h, s

    def field_vjp(self, p, x, h, s, dk, grads):
        """Gradients of `field`: adds those of its parameters, returns those of x and h."""
        ds = dk * (p["A"] - h)
        da = ds * s * (1 - s)
        grads["A"] += total(dk * s)
        grads["lam"] -= total(dk * h) * np.exp(p["lam"])
        grads["W"] += da @ x.T
        grads["U"] += da @ h.T
        grads["b"] += total(da)
        dh = p["U"].T @ da - dk * s - dk * np.exp(p["lam"])
        return p["W"].T @ da, dh

    def mix(self, w):
        e = np.exp(w)
        return e / e.sum(axis=0)

    def step(self, p, x, old):
        h, = old
        dt = logistic(p["tau"])
        m1, m2 = self.mix(p["w"])
        k1, s1 = self.field(p, x, h)
        y = h + dt * k1
        k2, s2 = self.field(p, x, y)
        return (h + dt * (m1 * k1 + m2 * k2),), dict(k1=k1, s1=s1, y=y, k2=k2, s2=s2)

    def backward(self, p, dnew, x, old, new, memo, grads):
        h, = old
        dh_new, = dnew
        k1, k2, s1, s2, y = (memo[name] for name in ("k1", "k2", "s1", "s2", "y"))
        dt = logistic(p["tau"])
        mix = self.mix(p["w"])
        m1, m2 = mix

        dslope = dt * dh_new
        ddt = (dh_new * (m1 * k1 + m2 * k2)).sum()
        dmix = np.stack([total(dslope * k1), total(dslope * k2)])
        grads["w"] += mix * (dmix - (mix * dmix).sum(axis=0))

        dk2 = dslope * m2
        dx2, dy = self.field_vjp(p, x, y, s2, dk2, grads)

        ddt += (dy * k1).sum()
        dk1 = dslope * m1 + dt * dy
        dx1, dh1 = self.field_vjp(p, x, h, s1, dk1, grads)

        grads["tau"] += ddt * dt * (1 - dt)
        dh = dh_new + dy + dh1
        return dx1 + dx2, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(56)
    solver = Heun()
    params = {"W": rng.normal(0, 0.8, (n_hidden, n_in)), "U": rng.normal(0, 0.7, (n_hidden, n_hidden)),
              "b": rng.normal(0, 0.3, (n_hidden, 1)), "A": rng.normal(0, 1.0, (n_hidden, 1)),
              "lam": rng.normal(-0.7, 0.3, (n_hidden, 1)), "tau": np.full((1, 1), 0.3),
              "w": rng.normal(0, 0.5, (2, n_hidden, 1))}
    return FunctionCell(solver.step, solver.backward, params, n_in=n_in, n_hidden=n_hidden)
