"""A cell from two plain functions: for a student's own step and its gradient, checked like any of ours."""

import numpy as np

from .. import checks
from .cell import Cell, Memo, Stack


class FunctionCell(Cell):
    """Your own cell, from a function for one step and a function for its gradient.

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
        step: `step(p, x, old) -> new, memo`. p is a mapping of the parameters, x (D, B), old and new tuples of (H, B)
            arrays in the order of `state_names`; memo a dict (or a `Memo`) of arrays that step_backward needs.
        step_backward: `step_backward(p, dnew, x, old, new, memo, grads) -> dx, dold`. It adds to `grads`, which has the
            names of the parameters, and returns the gradients with respect to x and to old.
        params: name -> array of floats, of any shape. Copied.
        n_in, n_hidden: D and H.
        state_names: what is fed back; "h", which the next layer reads, first.
        dtype: float64, if not said otherwise.

    Raises:
        TypeError: step or step_backward cannot be called; params is no mapping of float arrays; while running: step or
            step_backward returned something else than described.
        ValueError: state_names does not begin with "h", or an array returned has the wrong shape.
    """

    source = "your own"

    def __init__(self, step, step_backward, params, *, n_in, n_hidden, state_names=("h",), dtype="float64"):
        for name, function in (("step", step), ("step_backward", step_backward)):
            if not callable(function):
                raise TypeError(f"{name} is {function!r}, expected a function")
        if not hasattr(params, "items"):
            raise TypeError(f"params is a {type(params).__name__}, expected a mapping from name to array")
        state_names = tuple(state_names)
        if not state_names or state_names[0] != "h":
            raise ValueError(f'state_names is {state_names}, expected a tuple that begins with "h"')
        self.state_names = state_names
        self.functions = step, step_backward
        self.given = {name: checks.floats(f'params["{name}"]', a, dtype) for name, a in params.items()}
        super().__init__(n_in, n_hidden, dtype=dtype)
        self._pending = self.params.like()

    def stacks(self):
        return [Stack(name, (), a.shape) for name, a in self.given.items()]

    def initialise(self, rng):
        for name, a in self.given.items():
            self.params[name][...] = a

    def _bind(self, params):            # the names are the user's: they become no attributes of the cell
        self.params, self._pending = params, params.like()

    def input_terms(self, xs):
        return xs

    def step(self, wx, old):
        step, _ = self.functions
        returned = step(self.params, wx, old)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise TypeError(f"step returned {type(returned).__name__}, expected a pair: new state, memo")
        new, memo = returned
        if not isinstance(new, tuple) or len(new) != len(self.state_names):
            raise TypeError(f"step returned a {type(new).__name__} as the new state, expected a tuple of "
                            f"{len(self.state_names)}: ({', '.join(self.state_names)})")
        for name, value in zip(self.state_names, new):
            self._check_shape("step", name, value, old[0].shape)
        self._memo_type = type(memo)
        if memo is None:
            memo = {}
        if isinstance(memo, Memo):
            memo = vars(memo)
        if not isinstance(memo, dict):
            raise TypeError(f"step returned a {type(memo).__name__} as the memo, expected a dict of arrays")
        noted = {name: np.asarray(value) for name, value in memo.items()}
        return new, Memo(**noted, _x=wx)

    def step_backward(self, dnew, old, new, memo):
        _, step_backward = self.functions
        noted = {name: value for name, value in vars(memo).items() if name != "_x"}
        handed = Memo(**noted) if issubclass(self._memo_type, Memo) else noted
        try:
            returned = step_backward(self.params, dnew, memo._x, old, new, handed, self._pending)
            if not isinstance(returned, tuple) or len(returned) != 2:
                raise TypeError(f"step_backward returned {type(returned).__name__}, expected a pair: dx, dold")
            dx, dold = returned
            if not isinstance(dold, tuple) or len(dold) != len(self.state_names):
                raise TypeError(f"step_backward returned a {type(dold).__name__} as dold, expected a tuple of "
                                f"{len(self.state_names)}: ({', '.join('d' + n for n in self.state_names)})")
            self._check_shape("step_backward", "dx", dx, memo._x.shape)
            for name, value in zip(self.state_names, dold):
                self._check_shape("step_backward", f"d{name}", value, old[0].shape)
        except BaseException:
            self._pending.flat[...] = 0     # what an interrupted pass left must not reach the next one
            raise
        return dx, dold

    @staticmethod
    def _check_shape(function, name, value, shape):
        if np.shape(value) != shape:
            raise ValueError(f"{function} returned {name} with shape {np.shape(value)}, expected {shape}")

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        grads.flat[...] += self._pending.flat
        self._pending.flat[...] = 0
        return dwxs
