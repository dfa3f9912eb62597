"""Named parameters over one vector: what the papers call W_f, R_f, b_f, stored so that one product serves all gates.

A reader asks for `R_f`; a matrix product uses all R at once. So the names are views into stacked arrays. These are in turn
views into one flat vector, so that an optimiser's update is one expression.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .. import checks


class Stack(NamedTuple):
    """Parameters of one shape, stacked on top of each other in one array: W_i, W_f, ... in `W`."""

    symbol: str         # the first part of their names
    gates: tuple        # the second part, one for each parameter; empty if the array is itself the parameter
    shape: tuple        # of one parameter
    array: str = ""     # the name of the whole array, if it is not the symbol

    @property
    def names(self):
        return [f"{self.symbol}_{gate}" for gate in self.gates] or [self.symbol]


class Parameters(Mapping):
    """Named arrays over one flat vector: a read-only mapping from name to a writable view.

    `params["R_f"][...] = a` changes the parameter. `params["R_f"] = a` raises TypeError, because it would not change the
    stacked array that the cell computes with.

    Attributes: `flat`, the vector that all the arrays are views of; `stacked`, a dict from a stack's name to its whole
    array.
    """

    def __init__(self, stacks, dtype):
        self.layout = list(stacks)
        sizes = [max(1, len(s.gates)) * math.prod(s.shape) for s in self.layout]
        checks.fits_memory(f"{sum(sizes):,} parameters", sum(sizes) * np.dtype(dtype).itemsize)
        self.flat = np.zeros(sum(sizes), dtype)
        self.stacked, self._views = {}, {}
        for stack, piece in zip(self.layout, np.split(self.flat, np.cumsum(sizes)[:-1])):
            members = piece.reshape(len(stack.names), *stack.shape)
            self._views.update((name, members[k, ...]) for k, name in enumerate(stack.names))   # (...: of a number, a view)
            self.stacked[stack.array or stack.symbol] = piece.reshape(-1, *stack.shape[1:]) if stack.shape else members[0, ...]

    def __getitem__(self, name):
        return checks.lookup("parameter", name, self._views)

    def __setitem__(self, name, value):
        if value is not self[name]:             # `params[name] += g` changes the view in place, then comes here with it
            raise TypeError(f'parameters are views: write params["{name}"][...] = a instead of params["{name}"] = a')

    def __iter__(self):
        return iter(self._views)

    def __len__(self):
        return len(self._views)

    def __repr__(self):
        return "\n".join(f"{name:10} {'×'.join(map(str, a.shape)):>10}  {a.dtype}" for name, a in self.items())

    def __reduce__(self):                       # a copy's views must be views of its own vector
        return _rebuilt, (type(self), self.layout, self.flat)

    @property
    def flats(self):
        """The vectors that an optimiser updates: here, a single one."""
        return [self.flat]

    def like(self, dtype=None):
        """Parameters of the same names and shapes, all zero: a place for gradients."""
        return Parameters(self.layout, dtype or self.flat.dtype)


def _rebuilt(kind, layout, flat):
    params = kind(layout, flat.dtype)
    params.flat[...] = flat
    return params


def check_order(stacks, bias_below=True, recurrent_above=True):
    """ValueError if the stacks W, R and b do not name their gates in one order: a row of one would meet another's.

    The rows of the pre-activations are in the order of the longest of them, and each of the others is a run of it.

    Args:
        stacks: a list of `Stack`.
        bias_below: whether gates that have no bias must stand last in W, as `Cell.input_terms` takes for granted.
        recurrent_above: whether gates that do not read h must stand first, as `Cell.weight_gradients` does.
    """
    gates = {stack.symbol: stack.gates for stack in stacks if stack.symbol in ("W", "R", "b") and stack.gates and not stack.array}
    if not gates:
        return
    longest = max(gates, key=lambda symbol: len(gates[symbol]))
    rows = gates[longest]
    for symbol, own in gates.items():
        first = rows.index(own[0]) if own[0] in rows else 0
        if own != rows[first:first + len(own)]:
            raise ValueError(f"stack {symbol} has its gates in the order {', '.join(own)}, expected that of {longest}: "
                             f"{', '.join(rows)} (rows of one stack are added to those of another)")
        if bias_below and symbol == "b" and "W" in gates and own != gates["W"][:len(own)]:
            raise ValueError(f"stack b has biases for {', '.join(own)}, expected the first gates of W, which are "
                             f"{', '.join(gates['W'][:len(own)])}: gates without a bias stand last")
        if recurrent_above and symbol == "R" and "W" in gates and own != gates["W"][-len(own):]:
            raise ValueError(f"stack R has matrices for {', '.join(own)}, expected the last gates of W, which are "
                             f"{', '.join(gates['W'][-len(own):])}: gates that do not read h stand first")
