"""Right, with a tiny automatic differentiation: nodes that know their parents, overloaded operators, gradients by topological order."""

import numpy as np

from minirnn import FunctionCell


class Node:
    def __init__(self, value, parents=()):
        self.value, self.parents, self.grad = value, parents, 0

    def __add__(self, other):
        return Node(self.value + other.value, [(self, lambda d: d), (other, lambda d: d)])

    def __mul__(self, other):
        return Node(self.value * other.value, [(self, lambda d: d * other.value), (other, lambda d: d * self.value)])

    def __matmul__(self, other):
        return Node(self.value @ other.value, [(self, lambda d: d @ other.value.T), (other, lambda d: self.value.T @ d)])

    def wide(self, batch):
        """A column (H, 1) for every example."""
        return Node(np.repeat(self.value, batch, axis=1), [(self, lambda d: d.sum(axis=1, keepdims=True))])

    def one_minus(self):
        return Node(1 - self.value, [(self, lambda d: -d)])

    def sigmoid(self):
        y = 1 / (1 + np.exp(-self.value))
        return Node(y, [(self, lambda d: d * y * (1 - y))])

    def tanh(self):
        y = np.tanh(self.value)
        return Node(y, [(self, lambda d: d * (1 - y * y))])

    def order(self, seen):
        if self not in seen:
            for parent, _ in self.parents:
                parent.order(seen)
            seen[self] = True
        return seen


def graph(p, x, h):
    w = {name: Node(a) for name, a in p.items()}
    batch = x.shape[1]
    x, h = Node(x), Node(h)

    def gate(k, read):
        return w["W" + k] @ x + w["R" + k] @ read + w["b" + k].wide(batch)

    z = gate("z", h).sigmoid()
    r = gate("r", h).sigmoid()
    n = gate("n", r * h).tanh()
    return w, x, h, z * h + z.one_minus() * n


def step(p, x, old):
    *_, out = graph(p, x, old[0])
    return (out.value,), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    w, x, h, out = graph(p, x, old[0])
    out.grad = dnew[0]
    for node in reversed(out.order({})):
        for parent, back in node.parents:
            parent.grad = parent.grad + back(node.grad)
    for name, node in w.items():
        grads[name][...] += node.grad
    return x.grad, (h.grad,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(206)
    params = {}
    for k in "zrn":
        params["W" + k] = rng.normal(0, 0.7, (n_hidden, n_in))
        params["R" + k] = rng.normal(0, 0.6, (n_hidden, n_hidden))
        params["b" + k] = rng.normal(0, 0.2, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
