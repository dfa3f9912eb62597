"""A step as a graph of elementary operations: what was computed of what, every value, and what flows back along each edge.

A `Value` is an array and how it was made: an operation on other values. From the values of one step, `Graph` goes
back through the operations in reverse and gives every edge its flow: the share of the loss's gradient that passes along it.
The gradient of a value is the sum of what flows to it. That is the chain rule, taken one edge at a time.

The rules of calculus are in `Value.flow`, one for each operation. They are written here a second time, independently of the
backward passes derived by hand in `cells/`, so the two can be held against each other.
"""

from typing import NamedTuple

import numpy as np

from ..activations import log_add, log_sigmoid, relu, sigmoid, softplus, tanh
from ..cells.rda import log_relu, log_relu_backward, log_softplus, log_softplus_backward


class Function(NamedTuple):
    """An element-wise function, its slope as a function of x and y = f(x), and the slope in words as factors."""

    of: object
    slope: object
    factors: tuple          # texts, in which {x} and {y} stand for the argument and the result
    parts: object = None    # the factors' values, (x, y) -> a tuple; the slope itself where there is one factor


FUNCTIONS = {
    "σ": Function(sigmoid, lambda x, y: y * (1 - y), ("{y}", "(1 − {y})"), lambda x, y: (y, 1 - y)),
    "tanh": Function(tanh, lambda x, y: 1 - y**2, ("(1 − {y}²)",)),
    "relu": Function(relu, lambda x, y: (y > 0) * 1.0, ("[{y} > 0]",)),
    "exp": Function(np.exp, lambda x, y: y, ("{y}",)),
    "log": Function(np.log, lambda x, y: 1 / x, ("1/{x}",)),
    "log σ": Function(log_sigmoid, lambda x, y: -np.expm1(y), ("(1 − σ({x}))",)),
    "log softplus": Function(log_softplus, log_softplus_backward, ("σ({x})/softplus({x})",)),
    "log relu": Function(log_relu, log_relu_backward, ("[{x} > 0]/{x}",)),
    "softplus": Function(softplus, lambda x, y: sigmoid(x), ("σ({x})",)),
    "log1p": Function(np.log1p, lambda x, y: 1 / (1 + x), ("1/(1 + {x})",)),
    "expm1": Function(np.expm1, lambda x, y: y + 1, ("({y} + 1)",)),
    "sqrt": Function(np.sqrt, lambda x, y: 0.5 / y, ("1/(2 {y})",)),
    "sin": Function(np.sin, lambda x, y: np.cos(x), ("cos({x})",)),
    "cos": Function(np.cos, lambda x, y: -np.sin(x), ("(−sin({x}))",)),
    "arctan": Function(np.arctan, lambda x, y: 1 / (1 + x**2), ("1/(1 + {x}²)",)),
    "sinh": Function(np.sinh, lambda x, y: np.cosh(x), ("cosh({x})",)),
    "cosh": Function(np.cosh, lambda x, y: np.sinh(x), ("sinh({x})",)),
    "|·|": Function(np.abs, lambda x, y: np.sign(x), ("sign({x})",)),
}


class Value:
    """An array and how it was made.

    Attributes:
        op: "leaf" (given), "constant", "+", "−", "⊙", "/", "^", "neg", "matmul", "function", "log_add", "select", "sum" or
            "opaque".
        args: the values it was made of.
        array: the numbers.
        extra: what the operation needs besides: a function's name, a power's exponent, the map of a select.
        name: by which it is shown; "" for what is only a part of an expression.
        role: of a leaf: "x", "state", "parameter" or "terms" (W x + b).
        inner: whether it has a name only so that its gradient can be told, as a pre-activation has.
    """

    def __init__(self, op, args=(), array=None, extra=None, name="", role=""):
        self.op, self.args, self.extra, self.name, self.role, self.inner = op, tuple(args), extra, name, role, False
        self.array = np.asarray(array)

    @property
    def shape(self):
        return self.array.shape

    @property
    def is_given(self):
        """Whether it was not computed in this step: an input, the old state, a parameter, a constant."""
        return self.op in ("leaf", "constant")

    def at(self, element):
        """The number at a flat index."""
        return float(self.array.ravel()[element])

    def element(self, k, element):
        """The flat index in argument k that the element (a flat index) is made of; None if it is made of many or none."""
        if self.op in ("matmul", "sum", "opaque"):
            return None
        if self.op == "select":
            which, where = self.extra[:2]
            return int(where.ravel()[element]) if which.ravel()[element] == k else None
        shape = self.args[k].shape
        return int(np.broadcast_to(np.arange(self.args[k].array.size).reshape(shape), self.shape).ravel()[element])

    def fed(self, k, element):
        """The reverse of `element`: the flat indices that an element of argument k goes into; None if they are many."""
        if self.op in ("matmul", "sum", "opaque"):
            return None
        if self.op == "select":
            which, where = self.extra[:2]
            return np.flatnonzero((which.ravel() == k) & (where.ravel() == element)).tolist()
        if self.args[k].shape == self.shape:
            return [element]
        return np.flatnonzero(
            np.broadcast_to(np.arange(self.args[k].array.size).reshape(self.args[k].shape), self.shape).ravel() ==
            element).tolist()

    def flow(self, k, gradient):
        """What flows back to argument k, from the gradient with respect to this value: arrays of their shapes."""
        arg, others = self.args[k], [other.array for j, other in enumerate(self.args) if j != k]
        if self.op == "select":
            which, where = self.extra[:2]
            found = np.zeros(arg.array.size)
            np.add.at(found, where.ravel()[which.ravel() == k], gradient.ravel()[which.ravel() == k])
            return found.reshape(arg.shape)
        if self.op == "matmul":
            left, right = self.args[0].array, self.args[1].array
            return _fold(gradient @ np.swapaxes(right, -1, -2) if k == 0 else np.swapaxes(left, -1, -2) @ gradient, arg.shape)
        if self.op == "sum":
            axis, keepdims = self.extra
            return np.broadcast_to(gradient if keepdims or axis is None else np.expand_dims(gradient, axis), arg.shape).copy()
        if self.op == "opaque":
            return self._numeric_flow(k, gradient)
        if self.op in ("+", "−", "neg"):
            slope = -1.0 if self.op == "neg" or (self.op == "−" and k == 1) else 1.0
        elif self.op == "⊙":
            slope = others[0]
        elif self.op == "/":
            slope = 1 / others[0] if k == 0 else -others[0] / arg.array**2
        elif self.op == "^":
            slope = self.extra * arg.array**(self.extra - 1)
        elif self.op == "log_add":
            slope = sigmoid(arg.array - others[0])
        else:
            slope = FUNCTIONS[self.extra].slope(arg.array, self.array)
        return _fold(gradient * slope, arg.shape)

    def _numeric_flow(self, k, gradient):
        """For a function that is not known here: central differences, an element of the argument at a time."""
        arrays = [np.array(a.array, float) for a in self.args]
        flat, found, h = arrays[k].reshape(-1), np.zeros(arrays[k].size), 1e-5
        for i in range(flat.size):
            kept = flat[i]
            flat[i] = kept + h
            above = self.extra[1](*arrays)
            flat[i] = kept - h
            found[i] = (gradient * (above - self.extra[1](*arrays))).sum() / (2 * h)
            flat[i] = kept
        return found.reshape(arrays[k].shape)

    def __repr__(self):
        return f"Value({self.name or self.op}, {self.shape})"


def _fold(gradient, shape):
    """Sum over the axes along which an array of that shape was repeated."""
    extra = gradient.ndim - len(shape)
    gradient = gradient.sum(axis=tuple(range(extra))) if extra else gradient
    repeated = tuple(axis for axis, n in enumerate(shape) if n == 1 and gradient.shape[axis] != 1)
    return gradient.sum(axis=repeated, keepdims=True) if repeated else gradient


# ---- making values ---------------------------------------------------------------------------------------------------

ARITHMETIC = {"+": np.add, "−": np.subtract, "⊙": np.multiply, "/": np.divide, "matmul": np.matmul}


def leaf(name, array, role):
    """A value that the step is given."""
    return Value("leaf", (), array, None, name, role)


def constant(number):
    """A number that stands in an expression."""
    return number if isinstance(number, Value) else Value("constant", (), np.asarray(number, float))


def combine(op, a, b):
    """a op b, for an op of `ARITHMETIC`."""
    a, b = constant(a), constant(b)
    return Value(op, (a, b), ARITHMETIC[op](a.array, b.array))


def apply(name, a):
    """A function of `FUNCTIONS`; log(e^a) is a, and the logarithm of a sum of positive terms is taken of their logarithms.

    In that form neither overflows, and both are what RWA and RDA compute.
    """
    if name == "log" and not a.name:
        if a.op == "function" and a.extra == "exp":
            return a.args[0]
        if a.op == "⊙":
            return combine("+", apply("log", a.args[0]), apply("log", a.args[1]))
        if a.op == "+":
            x, y = (apply("log", term) for term in a.args)
            return Value("log_add", (x, y), log_add(x.array, y.array, sigmoid(x.array - y.array)))
    return Value("function", (a,), FUNCTIONS[name].of(a.array), name)


# ---- the graph -------------------------------------------------------------------------------------------------------

class Use(NamedTuple):
    """An edge: `user` has the value as its argument k."""

    user: Value
    k: int


class Graph:
    """All values of a step, each after those that it was made of.

    Args:
        ends: name -> Value, what the step hands on: the new state, and the output where it is another.
        named: the values to show, in the order in which to show them; they have names.
    """

    def __init__(self, ends, named):
        self.ends = dict(ends)
        self.values = _in_order([*named, *self.ends.values()])
        self.uses = {id(value): [] for value in self.values}
        for value in self.values:
            for k, arg in enumerate(value.args):
                self.uses[id(arg)].append(Use(value, k))
        self.named = [value for value in self.values if value.name and value.op != "constant"]

    def __getitem__(self, name):
        return next(value for value in self.named if value.name == name)

    def backward(self, seeds):
        """Reverse mode: `Backflow` of every value, from those that arrive at the ends (name -> array)."""
        totals = {id(value): np.zeros(value.shape) for value in self.values}
        flows = {}
        for name, seed in seeds.items():
            totals[id(self.ends[name])] += seed
        for value in reversed(self.values):
            for k, arg in enumerate(value.args):
                flows[id(value), k] = value.flow(k, totals[id(value)])
                totals[id(arg)] = totals[id(arg)] + flows[id(value), k]
        return Backflow(totals, flows, seeds)


class Backflow(NamedTuple):
    """Of one graph: id(value) -> gradient; (id(user), k) -> what flows along that edge; what arrived at the ends."""

    totals: dict
    flows: dict
    seeds: dict

    def of(self, value):
        return self.totals[id(value)]

    def along(self, use):
        return self.flows[id(use.user), use.k]


def _in_order(ends):
    found, seen, waiting = [], set(), [(value, False) for value in reversed(ends)]
    while waiting:
        value, ready = waiting.pop()
        if ready:
            found.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            waiting.append((value, True))
            waiting.extend((arg, False) for arg in reversed(value.args) if id(arg) not in seen)
    return found
