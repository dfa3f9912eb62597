"""A step followed through its code: the cell computes with arrays that note what is done to them.

A `Recorded` stands in for an array and does what NumPy does with one, and notes each operation as a `Value`. So a student's
own `step`, which has no equations to read, gives the same graph as one of ours: `np.tanh(p["W"] @ x + p["b"])` is a
function of a sum of a product and b. The variables of `step` give the parts their names.

What only moves elements (slices, reshape, split, concatenate) is done to the elements' numbers as well, so every element
knows where it came from. A function that is not known here is taken as it is, and its slope found by differences. σ and
softplus are recognised however they are written.
"""

import copy
import sys

import numpy as np

from ..function_cell import FunctionCell
from .graph import FUNCTIONS, Graph, Value, apply, combine, constant, leaf

OPS = {np.add: "+", np.subtract: "−", np.multiply: "⊙", np.divide: "/", np.matmul: "matmul"}
UNARY = {np.tanh: "tanh", np.exp: "exp", np.log: "log", np.log1p: "log1p", np.expm1: "expm1", np.sqrt: "sqrt", np.sin: "sin",
         np.cos: "cos", np.arctan: "arctan", np.sinh: "sinh", np.cosh: "cosh", np.abs: "|·|", np.fabs: "|·|"}
MOVES = {np.split, np.array_split, np.vsplit, np.concatenate, np.stack, np.vstack, np.reshape, np.transpose, np.ravel,
         np.squeeze, np.expand_dims, np.broadcast_to, np.swapaxes, np.moveaxis, np.tile, np.repeat, np.flip, np.roll, np.where,
         np.atleast_2d, np.take, np.copy}


class Recorded(np.lib.mixins.NDArrayOperatorsMixin):
    """Behaves as the array `value.array`, and notes what is made of it."""

    __array_priority__ = 1000

    def __init__(self, value):
        self.value = value

    shape = property(lambda self: self.value.array.shape)
    dtype = property(lambda self: self.value.array.dtype)
    ndim = property(lambda self: self.value.array.ndim)
    size = property(lambda self: self.value.array.size)
    T = property(lambda self: _moved(np.transpose, (self,), {}))
    real = property(lambda self: self)

    def __len__(self):
        return len(self.value.array)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __getitem__(self, where):
        return _moved(lambda a: a[_plain(where)], (self,), {})

    def __setitem__(self, where, what):
        """a[where] = what: from here on a is what it was, with those elements replaced."""
        def put(a, b):
            a = a.copy()
            a[_plain(where)] = b
            return a
        self.value = _moved(put, (self, what if isinstance(what, Recorded) else Recorded(_value(what))), {}).value

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if method == "__call__":
            result = _called(ufunc, inputs, kwargs)
        elif method == "reduce" and ufunc is np.add:
            result = _summed(inputs[0], kwargs.get("axis", 0), kwargs.get("keepdims", False))
        else:
            result = _opaque(f"{ufunc.__name__}.{method}", getattr(ufunc, method), inputs, kwargs)
        if out:
            if not isinstance(out[0], Recorded):
                raise TypeError(f"step writes the result of {ufunc.__name__} into an array with out=, which cannot be followed")
            out[0].value = result.value
            return out[0]
        return result

    def __array_function__(self, function, types, args, kwargs):
        if function in MOVES:
            return _moved(function, args, kwargs)
        if function in (np.sum, np.mean):
            axis, keepdims = kwargs.get("axis", args[1] if len(args) > 1 else None), kwargs.get("keepdims", False)
            total = _summed(args[0], axis, keepdims)
            return total if function is np.sum else total * (total.size / args[0].size)
        if function in (np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.shape, np.size, np.ndim, np.result_type):
            return function(*map(_plain, args), **kwargs)
        if function is np.clip:
            low, high = (list(args[1:]) + [kwargs.get("a_min"), kwargs.get("a_max")])[:2]
            return np.minimum(np.maximum(args[0], low), high)
        if function is np.dot:
            return args[0] @ args[1]
        return _opaque(function.__name__, function, args, kwargs)

    def copy(self):
        return Recorded(self.value)

    def astype(self, *_, **__):
        return self

    def reshape(self, *shape):
        return _moved(lambda a: a.reshape(*shape), (self,), {})

    def transpose(self, *axes):
        return _moved(lambda a: a.transpose(*axes), (self,), {})

    def ravel(self):
        return _moved(np.ravel, (self,), {})

    def sum(self, axis=None, keepdims=False):
        return _summed(self, axis, keepdims)

    def mean(self, axis=None, keepdims=False):
        return np.mean(self, axis=axis, keepdims=keepdims)

    def dot(self, other):
        return self @ other


def _value(a):
    return a.value if isinstance(a, Recorded) else constant(a)


def _plain(a):
    """Numbers in place of what is traced, also inside lists and tuples."""
    if isinstance(a, (tuple, list)):
        return type(a)(map(_plain, a))
    return a.value.array if isinstance(a, Recorded) else a


def _called(ufunc, inputs, kwargs):
    """The result of a ufunc, noted. Comparisons choose, they have no slope: they give plain arrays."""
    values = [_value(a) for a in inputs]
    if ufunc in OPS:
        return Recorded(_recognised(combine(OPS[ufunc], *values)))
    if ufunc in UNARY:
        value = values[0]
        return Recorded(Value("function", (value,), FUNCTIONS[UNARY[ufunc]].of(value.array), UNARY[ufunc]))
    if ufunc is np.negative:
        return Recorded(Value("neg", (values[0],), -values[0].array))
    if ufunc in (np.positive, np.conjugate):
        return Recorded(values[0])
    if ufunc is np.square:
        return Recorded(Value("^", (values[0],), values[0].array**2, 2.0))
    if ufunc is np.reciprocal:
        return Recorded(_recognised(combine("/", constant(1.0), values[0])))
    if ufunc is np.power and values[1].op == "constant" and values[1].array.ndim == 0:
        exponent = float(values[1].array)
        return Recorded(Value("^", (values[0],), values[0].array**exponent, exponent))
    if ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
        return Recorded(_extreme(ufunc, *values))
    if ufunc is np.logaddexp:
        return Recorded(Value("log_add", values, np.logaddexp(*(v.array for v in values))))
    result = ufunc(*(v.array for v in values), **kwargs)
    if getattr(result, "dtype", np.dtype(bool)).kind in "bi" or ufunc in (np.sign, np.heaviside, np.floor, np.ceil, np.rint):
        return result
    return _opaque(ufunc.__name__, ufunc, inputs, kwargs)


def _extreme(ufunc, a, b):
    if ufunc in (np.maximum, np.fmax):
        for value, other in ((a, b), (b, a)):
            if other.op == "constant" and not other.array.any():
                return apply("relu", value)
    array = ufunc(a.array, b.array)
    sizes = [np.broadcast_to(np.arange(v.array.size).reshape(v.shape), array.shape) for v in (a, b)]
    which = (ufunc(a.array, b.array) != np.broadcast_to(a.array, array.shape)).astype(int)
    return _recognised(Value("select", (a, b), array, (which, np.where(which == 0, *sizes), ufunc.__name__[-7:][:3])))


def _summed(a, axis, keepdims):
    value = _value(a)
    return Recorded(Value("sum", (value,), value.array.sum(axis=axis, keepdims=keepdims), (axis, keepdims)))


def _opaque(name, function, args, kwargs):
    """A function that is not known here, of the traced arguments; its slope is found by differences."""
    traced = [k for k, a in enumerate(args) if isinstance(a, Recorded)]

    def call(*arrays):
        given = [_plain(a) for a in args]
        for k, array in zip(traced, arrays):
            given[k] = array
        return np.asarray(function(*given, **kwargs), float)

    values = [args[k].value for k in traced]
    return Recorded(Value("opaque", values, call(*(v.array for v in values)), (name, call)))


def _moved(function, args, kwargs):
    """The result of a function that only moves elements: it is applied to (which argument, which element) as well."""
    found = []

    def numbered(a, kind):
        if isinstance(a, (tuple, list)):
            return type(a)(numbered(b, kind) for b in a)
        if isinstance(a, Recorded) or isinstance(a, np.ndarray) and a.dtype.kind == "f" and function in (
                np.concatenate, np.stack, np.vstack, np.where):
            value = _value(a)
            if not any(value is v for v in found):
                found.append(value)
            k = next(k for k, v in enumerate(found) if v is value)
            return {"array": value.array, "which": np.full(value.shape, k),
                    "where": np.arange(value.array.size).reshape(value.shape)}[kind]
        return a

    if function is np.where:                                    # numbers to choose from are values, too
        args = (_plain(args[0]), *(a if isinstance(a, Recorded) else Recorded(constant(np.asarray(a, float))) for a in args[1:]))
    arrays, which, where = (function(*numbered(args, kind), **{k: v for k, v in kwargs.items() if k != "out"})
                            for kind in ("array", "which", "where"))

    def made(array, which, where):
        if isinstance(array, (list, tuple)):
            return type(array)(map(made, array, which, where))
        return Recorded(Value("select", found, array, (which, where)))

    return made(arrays, which, where)


# ---- functions that are written in several ways ----------------------------------------------------------------------

def _recognised(value):
    """σ(x) for 1/(1 + e^−x) and for (1 + tanh(x/2))/2, softplus and σ·x left as they are; anything else as it is."""
    x = _sigmoid_of(value)
    if x is not None:
        return Value("function", (x,), value.array, "σ")
    return value


def _is_number(value, number):
    return value.op == "constant" and value.array.size and np.all(value.array == number)


def _other(value, op, number):
    """What stands beside a number in a sum or product."""
    if value.op == op and not value.name:
        for a, b in (value.args, value.args[::-1]):
            if _is_number(a, number):
                return b
    return None


def _sigmoid_of(value):
    if value.op == "/" and _is_number(value.args[0], 1):
        power = _other(value.args[1], "+", 1)
        if power is not None and power.op == "function" and power.extra == "exp":
            inner = power.args[0]
            if inner.op == "neg":
                return inner.args[0]
            return _other(inner, "⊙", -1)
    half = _other(value, "+", 0.5)
    inner = _other(half, "⊙", 0.5) if half is not None else None
    if inner is None:
        inner = _other(value, "⊙", 0.5)
        inner = _other(inner, "+", 1) if inner is not None else None
        if inner is None and value.op == "/" and _is_number(value.args[1], 2):
            inner = _other(value.args[0], "+", 1)
    if inner is not None and inner.op == "function" and inner.extra == "tanh":
        x = _other(inner.args[0], "⊙", 0.5)
        if x is None and inner.args[0].op == "/" and _is_number(inner.args[0].args[1], 2):
            x = inner.args[0].args[0]
        return x
    return None


# ---- running a cell's code -------------------------------------------------------------------------------------------

def graph_of_code(cell, x, old):
    """The step as its code does it.

    Args, returns: as `graph_of_equations`. Of a `FunctionCell` x itself is what step reads; of any other cell it is
    W x + b, as its `input_terms` returns it.

    Raises:
        TypeError: the code does something to an array that cannot be followed, with what it was.
    """
    params = {name: Recorded(leaf(name, a, "parameter")) for name, a in cell.params.items()}
    state = tuple(Recorded(leaf(name, a, "state")) for name, a in zip(cell.state_names, old))
    own = isinstance(cell, FunctionCell)
    wx = Recorded(leaf("x", x, "x") if own else leaf("wx", cell.input_terms(x[None])[0], "terms"))
    if own:
        step = cell.functions[0]
        call = lambda: step(params, wx, state)
    else:
        twin = copy.copy(cell)
        twin.params = params
        for name, a in cell.params.stacked.items():
            setattr(twin, name, params[name] if name in params else Recorded(leaf(name, a, "parameter")))
        step = type(cell).step
        call = lambda: step(twin, wx, state)
    try:
        (new, memo), variables = _with_variables(call, getattr(step, "__wrapped__", step).__code__)
    except (AttributeError, ValueError, TypeError, IndexError) as error:
        raise TypeError(f"the step of {type(cell).__name__} cannot be followed: {error}") from error
    noted = memo or {}
    noted = noted if isinstance(noted, dict) else vars(noted)
    ends = {}
    for name, traced in zip(cell.state_names, new):
        value = traced.value if isinstance(traced, Recorded) else constant(np.asarray(traced, float))
        if value.name or value.op == "constant" or any(value is end for end in ends.values()):
            value = Value("select", (value,), value.array,
                          (np.zeros(value.shape, int), np.arange(value.array.size).reshape(value.shape)))
        value.name = name + "'"
        ends[name] = value
    taken = {value.name for value in ends.values()} | set(params) | set(cell.state_names) | {"x", "wx"}
    for name, traced in [*noted.items(), *variables.items()]:
        if isinstance(traced, Recorded) and not traced.value.name and traced.value.op != "constant":
            traced.value.name = name if name not in taken else name + "₁"
            taken.add(traced.value.name)
    graph = Graph(ends, [])
    shared = [value for value in graph.values if not value.name and not value.is_given and _is_shared(graph, value)]
    for k, value in enumerate(shared, 1):                       # used twice: told once
        value.name = f"part{k}" if len(shared) > 1 else "part"
    return graph


def _is_shared(graph, value):
    """Whether an element is used more than once, or a sum over many elements is used in more than one place."""
    uses = graph.uses[id(value)]
    if len(uses) < 2:
        return False
    if _has_sum(value):
        return True
    times = np.zeros(value.array.size, int)
    for user, k in uses:
        if user.op != "select":
            return True
        which, where = user.extra[:2]
        np.add.at(times, where.ravel()[which.ravel() == k], 1)
    return times.max() > 1


def _has_sum(value):
    """Whether an expression has a matrix product in it, or another sum over elements."""
    return value.op in ("matmul", "sum", "opaque") or any(_has_sum(arg) for arg in value.args if not arg.name)


def _with_variables(call, code):
    """call(), and the variables that the function of that code had when it returned."""
    variables, before = {}, sys.getprofile()

    def look(frame, event, _):
        if event == "return" and frame.f_code is code:
            variables.update(frame.f_locals)

    sys.setprofile(look)
    try:
        return call(), variables
    finally:
        sys.setprofile(before)
