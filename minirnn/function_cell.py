"""A cell made of two plain functions: a step of your own and its gradient, to be run and checked like any other cell."""

import numpy as np

from . import checks
from .cells.cell import Cell, Memo
from .cells.parameters import Parameters, Stack
from .returned import check_array, check_state, described, pair


class Gradients(Parameters):
    """The gradients that step_backward adds to: `grads["W"] += ...`."""

    def __setitem__(self, name, value):
        if value is not self[name]:             # `grads[name] += g` changes the array in place, then comes here with it
            raise TypeError(f'step_backward assigns grads["{name}"] = ...: every step adds its share to the gradient, '
                            f'so write grads["{name}"] += ...')


class Noted(dict):
    """The memo that step returned, as step_backward reads it: memo["f"]."""

    def __missing__(self, name):
        raise KeyError(_not_noted(f'memo["{name}"]', self))


class NotedMemo(Memo):
    """The same, if step returned a `Memo`: memo.f."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(_not_noted(f"memo.{name}", vars(self)))


def _not_noted(asked, noted):
    return f"step_backward asks for {asked}, which step did not note: it noted {', '.join(noted) or 'nothing'}"


def _noted(name, value):
    """A memo's entry as an array: a tuple of arrays of one shape becomes one with an axis more."""
    if not isinstance(name, str) or not name.isidentifier():
        raise TypeError(f"step noted something as {checks.shown(name)}, expected a name, such as \"gate\"")
    try:
        array = np.asarray(value)
    except ValueError:                                          # arrays of different shapes
        array = np.empty(0, object)
    if array.dtype.kind not in "fcbiu":
        raise TypeError(f"step noted {name} as {described(value)}, expected an array: note each of several under its own name")
    return array


class FunctionCell(Cell):
    """Your own cell, made of a function for one step and a function for its gradient.

        def step(p, x, old):
            h, = old
            h_new = np.tanh(p["W"] @ x + p["R"] @ h + p["b"])
            return (h_new,), {}

        def step_backward(p, dnew, x, old, new, memo, grads):
            dh_new, = dnew
            da = dh_new * (1 - new[0]**2)
            grads["W"] += da @ x.T
            grads["R"] += da @ old[0].T
            grads["b"] += da.sum(axis=1, keepdims=True)
            return p["W"].T @ da, (p["R"].T @ da,)

        cell = FunctionCell(step, step_backward, {"W": W, "R": R, "b": b}, n_in=2, n_hidden=3)
        print(gradcheck(cell))

    Args:
        step: `step(p, x, old) -> new, memo`. p is a mapping of the parameters, and x is (D, B). old and new are tuples of
            (H, B) arrays in the order of `state_names`. memo is a dict (or a `Memo`) of arrays that step_backward needs.
        step_backward: `step_backward(p, dnew, x, old, new, memo, grads) -> dx, dold`. dnew is the gradient of the loss with
            respect to new. The function adds to `grads`, which has the names of the parameters, and returns the
            gradients with respect to x and to old.
        params: name -> array of floats, of any shape. Copied.
        n_in, n_hidden: D and H.
        state_names: the components of the state; the first is "h", which the next layer reads.
        dtype: float64 by default.

    Raises:
        TypeError: step or step_backward cannot be called, or params is no mapping of float arrays. While running: step or
            step_backward returns something else than described, or arrays of another dtype, or assigns a gradient.
        ValueError: state_names does not begin with "h", or a returned array has the wrong shape.
        KeyError, AttributeError: step_backward asks for something that is not in the memo.
        Errors that step and step_backward raise themselves are passed on, with a note of the shapes they were given.
    """

    source = "your own"

    def __init__(self, step, step_backward, params, *, n_in, n_hidden, state_names=("h",), dtype="float64"):
        for name, function in (("step", step), ("step_backward", step_backward)):
            if not callable(function):
                raise TypeError(f"{name} is {checks.shown(function)}, expected a function")
        if not hasattr(params, "items"):
            raise TypeError(f"params is a {type(params).__name__}, expected a mapping from name to array")
        state_names = tuple(state_names)
        if not state_names or state_names[0] != "h":
            raise ValueError(f'state_names is {state_names}, expected a tuple that begins with "h"')
        self.state_names = state_names
        self.functions = step, step_backward
        self.given = {name: checks.floats(f'params["{name}"]', a, dtype) for name, a in params.items()}
        super().__init__(n_in, n_hidden, dtype=dtype)

    def stacks(self):
        return [Stack(name, (), a.shape) for name, a in self.given.items()]

    def initialise(self, rng):
        for name, a in self.given.items():
            self.params[name][...] = a

    def bind(self, params):            # the names are the user's, so they do not become attributes of the cell
        self.params, self.pending = params, Gradients(params.layout, params.flat.dtype)

    def input_terms(self, xs):
        return xs

    def step(self, wx, old):
        step, _ = self.functions
        try:
            returned = step(self.params, wx, old)
        except Exception as error:
            raise self._noting("step", error, {"x": wx, **dict(zip(self.state_names, old))})
        new, memo = pair("step", returned, "new state, memo")
        check_state("step", "the new state", self.state_names, new, old[0].shape, self.dtype)
        self.memo_type = type(memo)
        if memo is None:
            memo = {}
        if isinstance(memo, Memo):
            memo = vars(memo)
        if not isinstance(memo, dict):
            raise TypeError(f"step returned {described(memo)} as the memo, expected a dict of arrays")
        return new, Memo(**{name: _noted(name, value) for name, value in memo.items()}, _x=wx)

    def step_backward(self, dnew, old, new, memo):
        _, step_backward = self.functions
        try:
            try:
                returned = step_backward(self.params, dnew, memo._x, old, new, self.handed(memo), self.pending)
            except Exception as error:
                given = {f"d{name}": a for name, a in zip(self.state_names, dnew)}
                raise self._noting("step_backward", error, {"x": memo._x, **given, **vars(memo)})
            dx, dold = pair("step_backward", returned, "dx, dold")
            check_state("step_backward", "dold", [f"d{name}" for name in self.state_names], dold, old[0].shape, self.dtype)
            check_array("step_backward", "dx", dx, memo._x.shape, self.dtype)
        except BaseException:
            self.pending.flat[...] = 0     # the gradients of an interrupted pass must not reach the next one
            raise
        return dx, dold

    def handed(self, memo):
        """The memo in the form in which step returned it: a dict or a `Memo`."""
        noted = {name: value for name, value in vars(memo).items() if name != "_x"}
        return NotedMemo(**noted) if issubclass(self.memo_type, Memo) else Noted(noted)

    @staticmethod
    def _noting(function, error, given):
        """The user's own error, with a note of the shapes that the function was given."""
        if hasattr(error, "add_note"):                          # from Python 3.11 on
            shapes = ", ".join(f"{name.removeprefix('_')} {np.shape(a)}" for name, a in given.items())
            error.add_note(f"(raised by your {function}, which was given {shapes})")
        return error

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        grads.flat[...] += self.pending.flat
        self.pending.flat[...] = 0
        return dwxs
