"""Right: a small hyper network scales the rows of the main one; every operation of the step is run again and leaves a function behind."""

import numpy as np
from minirnn import FunctionCell


class Var:
    def __init__(self, value, sink=None):
        self.value = value
        self.grad = np.zeros_like(value) if sink is None else sink


def matmul(todo, A, B):
    out = Var(A.value @ B.value)

    def undo():
        A.grad[...] += out.grad @ B.value.T
        B.grad[...] += A.value.T @ out.grad
    todo.append(undo)
    return out


def mul(todo, a, b):
    out = Var(a.value * b.value)

    def undo():
        a.grad[...] += out.grad * b.value
        b.grad[...] += out.grad * a.value
    todo.append(undo)
    return out


def add(todo, *terms):
    out = Var(sum(t.value for t in terms))

    def undo():
        for t in terms:
            t.grad[...] += out.grad if t.grad.shape == out.grad.shape else out.grad.sum(axis=1)[:, None]
    todo.append(undo)
    return out


def tanh(todo, a):
    out = Var(np.tanh(a.value))

    def undo():
        a.grad[...] += out.grad - out.grad * out.value * out.value
    todo.append(undo)
    return out


def graph(todo, P, x, h, z):
    z_new = tanh(todo, add(todo, matmul(todo, P["Hx"], x), matmul(todo, P["Hh"], h), matmul(todo, P["Hz"], z), P["c"]))
    row = matmul(todo, P["A"], z_new)
    h_new = tanh(todo, add(todo, mul(todo, row, matmul(todo, P["R"], h)), matmul(todo, P["W"], x), P["b"]))
    return h_new, z_new


def forward(p, x, old):
    outs = graph([], {name: Var(a) for name, a in p.items()}, Var(x), *map(Var, old))
    return tuple(out.value for out in outs), {}


def backward(p, dnew, x, old, new, memo, grads):
    todo, leaves = [], [Var(x), Var(old[0]), Var(old[1])]
    outs = graph(todo, {name: Var(p[name], grads[name]) for name in p}, *leaves)
    for out, d in zip(outs, dnew):
        out.grad += d
    while todo:
        todo.pop()()
    dx, dh, dz = (leaf.grad for leaf in leaves)
    return dx, (dh, dz)


def make(n_in, n_hidden):
    rng = np.random.default_rng(12)
    m = lambda *shape: rng.normal(0, 0.6, shape)
    H = n_hidden
    params = dict(Hx=m(H, n_in), Hh=m(H, H), Hz=m(H, H), c=m(H, 1), A=m(H, H), R=m(H, H), W=m(H, n_in), b=m(H, 1))
    return FunctionCell(forward, backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "z"))
