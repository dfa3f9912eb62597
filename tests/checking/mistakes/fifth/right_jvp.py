"""Right: the backward pass builds the Jacobian of the step column by column with dual numbers, and multiplies by it."""

import numpy as np
from minirnn import FunctionCell


class Dual:
    def __init__(self, a, b=0.0):
        self.a, self.b = a, b + np.zeros_like(a)

    def __add__(self, other):
        return Dual(self.a + other.a, self.b + other.b)

    def __mul__(self, other):
        return Dual(self.a * other.a, self.a * other.b + self.b * other.a)

    def __rsub__(self, number):
        return Dual(number - self.a, -self.b)

    def __rmatmul__(self, M):
        return Dual(M @ self.a, M @ self.b)

    __array_ufunc__ = None

    def tanh(self):
        t = np.tanh(self.a)
        return Dual(t, self.b / np.cosh(self.a) ** 2)


def layer(a_z, a_c, h):
    """The step after its matrices, on numbers that may be dual."""
    z = a_z.tanh()
    return z * z * h + (1 - z * z) * a_c.tanh()


def step(p, x, old):
    h, = old
    a_z = Dual(p["Wz"] @ x + p["Rz"] @ h)
    a_c = Dual(p["Wc"] @ x + p["Rc"] @ h)
    return (layer(a_z, a_c, Dual(h)).a,), {"a_z": a_z.a, "a_c": a_c.a}


def step_backward(p, dnew, x, old, new, memo, grads):
    places = [memo["a_z"], memo["a_c"], old[0]]
    found = []
    for k in range(3):                              # every unit stands for itself here, so one seed of ones is enough
        duals = [Dual(a, float(j == k)) for j, a in enumerate(places)]
        found.append(dnew[0] * layer(*duals).b)
    dz, dc, dh = found
    dx = 0
    for name, da in (("z", dz), ("c", dc)):
        for column in range(x.shape[1]):
            grads["W" + name] += np.multiply.outer(da[:, column], x[:, column])
            grads["R" + name] += np.multiply.outer(da[:, column], old[0][:, column])
        dx = dx + p["W" + name].T @ da
        dh = dh + p["R" + name].T @ da
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(11)
    params = {s + g: rng.normal(0, 0.6, (n_hidden, n)) for s, n in (("W", n_in), ("R", n_hidden)) for g in "zc"}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
