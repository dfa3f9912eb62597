"""A small tape: `Var` overloads operators, and backward runs the very same formula on Vars. Nothing is derived by hand."""

import numpy as np

from minirnn import FunctionCell


class Var:
    __array_priority__ = 100

    def __init__(self, value, parents=()):
        self.value, self.parents, self.grad = value, parents, 0

    def __add__(self, other):
        return Var(self.value + other.value, [(self, lambda g: fold(g, self)), (other, lambda g: fold(g, other))])

    def __mul__(self, other):
        return Var(self.value * other.value, [(self, lambda g: fold(g * other.value, self)), (other, lambda g: fold(g * self.value, other))])

    def __matmul__(self, other):
        return Var(self.value @ other.value, [(self, lambda g: g @ other.value.T), (other, lambda g: self.value.T @ g)])

    def tanh(self):
        y = np.tanh(self.value)
        return Var(y, [(self, lambda g: g - g * y * y)])

    def backward(self, seed):
        order, seen = [], set()

        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for parent, _ in node.parents:
                    visit(parent)
                order.append(node)
        visit(self)
        self.grad = seed
        while order:
            node = order.pop()
            for parent, rule in node.parents:
                parent.grad = parent.grad + rule(node.grad)


def fold(g, like):
    """Undo broadcasting."""
    for axis, size in enumerate(like.value.shape):
        if size == 1 and g.shape[axis] > 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def formula(p, x, h):
    gate = (p["Wg"] @ x + p["Ug"] @ h + p["bg"]).tanh()
    return gate * (p["W"] @ x + p["U"] @ (gate * h)).tanh() + p["leak"] * h


def step(p, x, old):
    v = formula({k: Var(a) for k, a in p.items()}, Var(x), Var(old[0]))
    return (v.value,), None


def step_backward(p, dnew, x, old, new, memo, grads):
    leaves = {k: Var(a) for k, a in p.items()}
    vx, vh = Var(x), Var(old[0])
    formula(leaves, vx, vh).backward(dnew[0])
    for k in grads:
        grads[k] += leaves[k].grad
    return vx.grad, (vh.grad,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(62)
    shapes = dict(Wg=(n_hidden, n_in), Ug=(n_hidden, n_hidden), bg=(n_hidden, 1), W=(n_hidden, n_in), U=(n_hidden, n_hidden), leak=(n_hidden, 1))
    return FunctionCell(step, step_backward, {k: rng.normal(0, 0.6, s) for k, s in shapes.items()}, n_in=n_in, n_hidden=n_hidden)
