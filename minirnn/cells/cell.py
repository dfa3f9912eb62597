"""The contract that every cell keeps: what one step of a recurrent network is, forward and backward.

A cell is one time step. `step` computes the new state from the old one. `step_backward` takes the gradient of the loss with
respect to the new state and returns it with respect to the old one. `weight_gradients` adds up each step's contribution to
the gradients of the weights. The loop over time is not here: it is written once, for all cells, in `unrolling.py`.

Arrays are (time, features, batch): one column per example, so that the code can say `W @ x` where the paper says W x.
D is the number of input features, H the number of hidden units, B the batch, and G the rows of a cell's pre-activations
(4H for an LSTM, whose four gates are stacked on top of each other).
"""

import copy
import functools
import inspect
from types import SimpleNamespace

import numpy as np

from .. import checks
from .parameters import Parameters, Stack, check_order


class Memo(SimpleNamespace):
    """The named intermediates of a step, as attributes: `memo.f`. Of many steps: then time is the first axis of each."""


def columns(a):
    """(K, rows, B) -> (rows, K·B): K steps side by side, as if they were one large batch."""
    return a.transpose(1, 0, 2).reshape(a.shape[1], -1)


def with_one(xs):
    """(K, D, B) -> (K, D + 1, B), with 1 below x: a bias is a weight of an input that is always 1."""
    return np.concatenate([xs, np.ones_like(xs[:, :1])], axis=1)


class Cell:
    """A recurrent cell: parameters, one step, and its gradient. See the module's text for the layout of arrays.

    Subclasses give `state_names`, `stacks`, `step` and `step_backward`, and override the rest only where they differ.

    Args:
        n_in: D, the number of input features.
        n_hidden: H, the number of hidden units.
        rng: a seed or a numpy Generator for the initial weights.
        dtype: "float32", "float64", or "complex128" (for the complex-step derivative).
        learned_state: with True, the initial h is a parameter `s` (H, 1), the same for every column. With "all", so is
            every other component of the state that starts at 0: the initial c of an LSTM is then a parameter `s_c`.

    Raises:
        TypeError, ValueError: for sizes that are not positive integers, an unknown dtype or option.
    """

    state_names = ("h",)                # the components of the state, which the next step reads; h first
    state_start = {}                    # name -> initial value of a component of the state, where it is not 0
    state_learnable = ("h",)            # the components of the state whose initial value can be learned
    bias_start = {}                     # name -> initial value of a bias, where it is not 0
    equations = {}                      # symbol -> its line in the paper
    source = ""
    derived = {}                        # name -> function of a run: quantities that no step needs, computed when read

    def __new__(cls, *sizes, **options):
        cell = super().__new__(cls)
        cell.made_with = {name: value for name, value in options.items() if name not in ("rng", "dtype", "n_in", "n_hidden")}
        return cell

    def __init__(self, n_in, n_hidden, *, rng=0, dtype="float32", learned_state=False):
        self.n_in = checks.positive_integer("n_in", n_in)
        self.n_hidden = checks.positive_integer("n_hidden", n_hidden)
        self.dtype = checks.dtype_of(dtype)
        if learned_state not in (True, False, "all"):
            raise TypeError(f"learned_state is {checks.shown(learned_state)}, expected True, False or 'all'")
        self.learned_state = learned_state
        others = [name for name in self.state_names[1:] if name in self.state_learnable] if learned_state == "all" else []
        self.learned = {"h": "s", **{name: f"s_{name}" for name in others}} if learned_state else {}
        stacks = self.stacks()
        stacks = [*stacks, *(Stack(parameter, (), (self.n_hidden, 1)) for parameter in self.learned.values())]
        check_order(stacks, type(self).input_terms is Cell.input_terms, type(self).weight_gradients is Cell.weight_gradients)
        self.bind(Parameters(stacks, self.dtype))
        self.initialise(checks.generator(rng))

    # ---- one step: what a cell is ------------------------------------------------------------------------------------

    def step(self, wx, old):
        """One step forward.

        Args:
            wx: (G, B), this step's rows of `input_terms`.
            old: the state before, a tuple of (H, B) arrays in the order of `state_names`.

        Returns:
            new, memo: the state after, and the named intermediates that `step_backward` needs.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def step_backward(self, dnew, old, new, memo):
        """The gradient of one step: `step` in reverse.

        Args:
            dnew: the gradient of the loss with respect to `new`, a tuple of (H, B) arrays.
            old, new, memo: the state before and after the step, and the memo that `step` returned.

        Returns:
            dwx, dold: the gradients with respect to `wx`, (G, B), and to `old`, a tuple like it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step_backward")

    # ---- what depends on x alone, and the sums over time -------------------------------------------------------------

    def input_terms(self, xs):
        """W x + b for K steps at once: (K, D, B) -> (K, G, B). Gates that have no bias stand last."""
        weights = np.zeros((len(self.W), self.n_in + 1), self.dtype)
        weights[:, :-1], weights[:len(self.b), -1:] = self.W, self.b
        return weights @ with_one(xs)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        """Add the weights' gradients over K steps to `grads`.

        A weight acts in every step, so its gradient is a sum over time: of da x^T for W, da h^T for R, da for b.
        With the K steps side by side, each sum is one matrix product. Gates that do not read h stand first.

        Args:
            dwxs: (K, G, B), what `step_backward` returned.
            xs: (K, D, B), the inputs.
            olds, memos: the states before each step and the memos, with time in front.
            grads: `Parameters` to add to.

        Returns:
            dxs: (K, D, B), the gradient with respect to the inputs.
        """
        da, x, h = columns(dwxs), columns(with_one(xs)), columns(olds[0])
        dweights = da @ x.T
        grads.stacked["W"] += dweights[:, :-1]
        grads.stacked["b"] += dweights[:len(self.b), -1:]
        grads.stacked["R"] += da[-len(self.R):] @ h.T
        return self.W.T @ dwxs

    # ---- the state before the first step -----------------------------------------------------------------------------

    def initial_state(self, batch):
        """The state before the first step: a tuple of (H, batch) arrays in the order of `state_names`."""
        batch = checks.positive_integer("batch", batch)
        checks.fits_memory(f"the state of {batch} columns", batch * self.n_hidden * self.dtype.itemsize * len(self.state_names))
        state = [np.full((self.n_hidden, batch), self.state_start.get(name, 0), self.dtype) for name in self.state_names]
        for k, name in enumerate(self.state_names):
            if name in self.learned:
                state[k] += self.params[self.learned[name]]
        return tuple(state)

    def initial_state_backward(self, dstate, grads):
        """Add to `grads` the gradients of the parameters that the initial state was made of, given its own gradient."""
        for dstart, name in zip(dstate, self.state_names):
            if name in self.learned:
                grads[self.learned[name]] += dstart.sum(axis=1, keepdims=True)

    def random_state(self, rng, batch):
        """A state as an earlier step could have left it, for gradient checks: from a state of zeros, some gradients vanish."""
        return tuple(rng.normal(0, 0.7, (self.n_hidden, batch)).astype(self.dtype) for _ in self.state_names)

    # ---- what the next layer reads -----------------------------------------------------------------------------------

    def output(self, hs):
        """What the next layer reads: (K, H, B) computed from the hidden states of K steps, by default those themselves."""
        return hs

    def output_backward(self, douts, outs):
        """The gradient with respect to the hidden states. `outs` is `output(hs)`, `douts` the gradient with respect to it."""
        return douts

    # ---- parameters --------------------------------------------------------------------------------------------------

    def stacks(self):
        """The parameters: a list of `Stack`."""
        raise NotImplementedError(f"{type(self).__name__} has no stacks")

    def initialise(self, rng):
        """Xavier uniform weights; biases at 0, except those in `bias_start`.

        The bound is sqrt(6/(fan_in + H)), where fan_in is D + H for a gate that reads x and h, and D for one that reads x
        alone (Glorot & Bengio 2010). Peepholes and learned states, which are not matrices, start at 0.
        """
        for name, weight in self.params.items():
            symbol, _, gate = name.partition("_")
            if symbol in ("W", "R", "P"):
                reads_h = symbol == "R" or name.replace(symbol, "R", 1) in self.params
                fan_in = self.n_in + self.n_hidden * reads_h
                bound = (6 / (fan_in + self.n_hidden)) ** 0.5
                weight[...] = rng.uniform(-bound, bound, weight.shape)
            elif name in self.bias_start:
                weight[...] = self.bias_start[name]

    def after_update(self):
        """Restore the constraints on the parameters after an optimiser has changed them. By default there are none."""

    def astype(self, dtype):
        """A copy of the cell, with its own parameters, that computes in `dtype`."""
        cell = copy.copy(self)
        cell.dtype = checks.dtype_of(dtype)
        cell.bind(self.params.like(cell.dtype))
        cell.params.flat[...] = self.params.flat
        return cell

    def twin(self):
        """A cell with the very same parameters, and with copies of whatever else it keeps: for another thread."""
        own = [self.params, *self.params.values()]
        return copy.deepcopy(self, {id(a): a for a in own})

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in self.params.stacked and name != "step"}

    def __setstate__(self, state):
        vars(self).update(state)
        self.bind(self.params)

    def bind(self, params):
        """Make `params`, a `Parameters`, those of the cell: self.W, self.R, ... are views of them."""
        self.params, self.step = params, CalledStep(self)
        for symbol, array in params.stacked.items():
            setattr(self, symbol, array)

    @property
    def n_params(self):
        """How many numbers the cell learns."""
        return self.params.flat.size

    @classmethod
    def options(cls):
        """The keyword options that this cell takes beyond sizes, seed and dtype, with their defaults."""
        found = {}
        for ancestor in reversed(cls.__mro__[:-1]):
            for name, parameter in inspect.signature(ancestor.__init__).parameters.items():
                if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in ("rng", "dtype"):
                    found[name] = parameter.default
        for name in getattr(cls, "fixed", ()):
            found.pop(name, None)
        return found

    def split(self, a):
        """The gates in a stacked array: (k·H, B) -> k views of (H, B)."""
        return a.reshape(-1, self.n_hidden, a.shape[-1])

    def __repr__(self):
        return f"{type(self).__name__}(n_in={self.n_in}, n_hidden={self.n_hidden}, dtype={self.dtype})"


class CalledStep:
    """`cell.step` as somebody calls it by hand, who may well give it x. The loop over time calls the class's own `step`."""

    def __init__(self, cell):
        self.cell = cell
        functools.update_wrapper(self, type(cell).step)
        del self.__wrapped__                                    # its signature is that of the bound method

    def __call__(self, wx, old):
        cell = self.cell
        if np.shape(wx)[:1] == (cell.n_in,):
            rows = len(cell.input_terms(np.zeros((1, cell.n_in, 1), cell.dtype))[0])
            if rows != cell.n_in:
                raise ValueError(
                    f"wx has shape {np.shape(wx)}, which is that of x, expected {(rows, *np.shape(wx)[1:])}: step takes W x "
                    f"+ b, as "
                    f"cell.input_terms(x[None])[0] computes it. minirnn.unroll(cell, xs) runs a whole sequence, and "
                    f"minirnn.step_through(cell, xs) shows a step with its numbers")
        return type(cell).step(cell, wx, old)


def stack(*gates):
    """The reverse of `Cell.split`: (H, B) arrays on top of each other."""
    return np.concatenate(gates)
