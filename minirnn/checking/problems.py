"""What is differentiated: a cell or a model, with inputs, a start and a loss, and arrays that the checker may change."""

import numpy as np

from .. import checks
from ..cells import make_cell
from ..threads import threads_for
from ..unrolling import unroll
from .contract import check_contract, refuse_if_not_finite


class CellProblem:
    """A cell, its inputs and start, and the loss Σ weights ⊙ hs + Σ weights ⊙ final state, as the checker sees them.

    `arrays` maps (kind, name) to the array that the checker may change; `value(block)` is the loss as it is now.
    """

    _room = None                # a run, whose arrays every later one uses

    def __init__(self, cell, xs, n_steps, batch, state, rng):
        self.cell = cell.astype("float64")
        if xs is None:
            n_steps, batch = checks.positive_integer("n_steps", n_steps), checks.positive_integer("batch", batch)
            xs = rng.normal(size=(n_steps, cell.n_in, batch))
        self.xs = np.array(xs, dtype=np.float64) if np.asarray(xs).dtype.kind == "f" else xs
        with np.errstate(all="ignore"):                         # what is not finite is refused in words
            if self.xs.ndim == 3 and self.xs.shape[1] == cell.n_in and self.xs.size:
                check_contract(self.cell, self.xs)
            run = unroll(self.cell, self.xs)                    # also checks xs
            refuse_if_not_finite(run)
        shape = (cell.n_hidden, run.batch)
        self.start = self.cell.random_state(rng, run.batch) if state == "random" else None
        self.weights = rng.normal(size=run.hs.shape)
        # The logarithm of an empty average's weight stands for −∞: in the loss it would swamp everything else.
        self.state_weights = tuple(rng.normal(size=shape) * (np.abs(final) < 1e20) for final in run.state)
        self._name_arrays()

    def _name_arrays(self):
        self.arrays = {("parameter", name): a for name, a in self.cell.params.items()}
        self.arrays["input", "x"] = self.xs
        for name, a in zip(self.cell.state_names, self.start or ()):
            self.arrays["state", f"{name}_0"] = a

    def of(self, cell):
        """The same problem for another cell of the same parameters."""
        other = object.__new__(CellProblem)
        vars(other).update(vars(self))
        other.cell, other._room = cell, None
        other._name_arrays()
        return other

    def at(self, dtype):
        """The same problem in another dtype, on arrays of its own."""
        other = object.__new__(CellProblem)
        other.cell, other.xs = self.cell.astype(dtype), self.xs.astype(dtype)
        other.start = self.start and tuple(a.astype(dtype) for a in self.start)
        other.weights, other.state_weights = self.weights, self.state_weights
        other._name_arrays()
        return other

    def _start_for(self, block):
        own_start = block is not None and block[0] == "parameter" and block[1] in self.cell.learned.values()
        return None if own_start else self.start

    def run(self, block):
        return unroll(self.cell, self.xs, self._start_for(block))

    def value(self, block):
        """The loss. Of the hundreds of runs that a check needs, only the first checks its arguments and makes arrays."""
        if self._room is None:
            self._room = self.run(block)
        run = self._room
        with threads_for([self.cell], run.batch):
            run.again(self.xs, self._start_for(block))
        terms = [(run.hs * self.weights).sum()]
        terms += [(a * weights).sum() for a, weights in zip(run.state, self.state_weights)]
        return _finite(sum(terms))

    def derived(self, run=None, promising=lambda found: True):
        """(kind, name) -> gradient, by the cell's own backward pass.

        It runs in chunks of two steps, so that a sum over time that is assigned instead of added shows, and twice, so that
        a gradient shows that depends on what ran before.

        Args:
            run: of the problem as it is, if there is one already.
            promising: called with what is found at first; if False, nothing more is looked at.
        """
        run = run or self.run(None)
        found, self.unsteady, self.nonlinear, self.lowered = self._backward(run, *self.incoming), [], [], {}
        if not promising(found):
            return found
        self.unsteady = differing(found, self._backward(run, *self.incoming), 1e-12, 0)
        backward = lambda incoming: self._backward(run, *incoming)
        self.nonlinear = [] if self.unsteady else not_linear(backward, self.incoming, found)
        self.lowered = lowered_in_memo(self.cell, self.xs[:1])
        return found

    @property
    def incoming(self):
        return [self.weights, *self.state_weights]

    def _backward(self, run, weights, *state_weights):
        run.n_chunk = min(2, run.n_chunk)
        dxs, grads, dstate = run.backward(weights, state_weights)
        found = {("parameter", name): a for name, a in grads.items()}
        for name in self.cell.learned.values() if self.start is not None else ():
            own_run = self.run(("parameter", name))
            found["parameter", name] = own_run.backward(weights, state_weights)[1][name]
        found["input", "x"] = dxs
        for name, a in zip(self.cell.state_names, dstate if self.start is not None else ()):
            found["state", f"{name}_0"] = a
        return found


class ModelProblem:
    """A model, its inputs, targets and loss, as the checker sees them; compare `CellProblem`.

    In training mode a derivative only exists while the dropped values stay the same, so dropout starts from the same seed
    in every run. Running statistics do change from run to run, but nothing reads them then.
    """

    _room = None

    def __init__(self, model, xs, targets, loss, n_steps, batch, state, training, rng):
        self.model, self.loss, self.targets = model.astype("float64"), loss, targets
        self.training, self.seed = training, int(rng.integers(2**32)) if training else None
        if xs is None:
            n_steps, batch = checks.positive_integer("n_steps", n_steps), checks.positive_integer("batch", batch)
            if model.inputs is None:
                xs = rng.normal(size=(n_steps, model.cells[0].n_in, batch))
            else:
                xs = rng.integers(model.inputs.n_symbols, size=(n_steps, batch))
        self.xs = np.array(xs, dtype=np.float64) if np.asarray(xs).dtype.kind == "f" else np.asarray(xs)
        run = self.model.forward(self.xs)
        if targets is None:
            self.targets = rng.normal(size=run.outputs.shape)
        self.start = None
        if state == "random":
            self.start = tuple(cell.random_state(rng, run.outputs.shape[-1]) for cell in self.model.cells)
        self._name_arrays()

    def _name_arrays(self):
        self.arrays = {("parameter", name): a for name, a in self.model.params.items()}
        if self.model.inputs is None:
            self.arrays["input", "x"] = self.xs
        self._name_states(self.arrays, self.start)

    def _name_states(self, named, states):
        for names, cell, state in zip(self.model.layer_names, self.model.cells, states or ()):
            for name, a in zip(cell.state_names, state):
                named["state", f"{names.cell}.{name}_0"] = a

    def at(self, dtype):
        other = object.__new__(ModelProblem)
        other.model, other.loss, other.targets = self.model.astype(dtype), self.loss, self.targets
        other.training, other.seed = self.training, self.seed
        other.xs = self.xs.astype(dtype) if self.model.inputs is None else self.xs
        other.start = self.start and tuple(tuple(a.astype(dtype) for a in state) for state in self.start)
        other._name_arrays()
        return other

    def run(self, block, out=None):
        own_start = block is not None and self._is_start(block[1])
        if self.training and self.model.dropout:
            self.model.dropout.rng = np.random.default_rng(self.seed)
        return self.model.forward(self.xs, None if own_start else self.start, out, training=self.training)

    def _is_start(self, name):
        """Whether a parameter is a learned initial state: it acts only where no state is given."""
        part, _, symbol = name.partition(".")
        return any(names.cell == part and symbol in cell.learned.values()
                   for names, cell in zip(self.model.layer_names, self.model.cells))

    def value(self, block):
        run = self._room = self.run(block, self._room)
        return _finite(self.loss(run.outputs, self.targets)[0])

    def judged(self):
        """The outputs and targets that the loss is called with."""
        return self.run(None).outputs, self.targets

    def derived(self):
        run = self.run(None)
        incoming = [self.loss(run.outputs, self.targets)[1]]
        found = self._backward(run, *incoming)
        for name in [name for name in found if self._is_start(name[1])]:
            own = self.run(name)
            found[name] = own.backward(self.loss(own.outputs, self.targets)[1])[1][name[1]]
        self.nonlinear = not_linear(lambda given: self._backward(run, *given), incoming, found)
        return found

    def _backward(self, run, douts):
        dxs, grads, dstates = run.backward(douts)
        found = {("parameter", name): a for name, a in grads.items()}
        if dxs is not None:
            found["input", "x"] = dxs
        self._name_states(found, dstates if self.start is not None else None)
        return found


HUGE, TINY = 2.0**40, 2.0**-40     # powers of two: a product with them is exact, so what is linear agrees to the last digit


def not_linear(backward, incoming, found):
    """The names of gradients that are not linear in the incoming gradients, as every derivative is.

    A clip, a threshold or a mask of the gradient shows where the incoming gradients are k times as large, k large or
    small, and a cast to fewer digits where they are a sum: backward(k d) = k backward(d), backward(d + e) = backward(d) +
    backward(e).

    Args:
        backward: called with a list of incoming gradients, returns (kind, name) -> gradient.
        incoming: the list d. found: backward(d).
    """
    rng = np.random.default_rng(0)
    flowing = max([1e-300, *(np.abs(a).max(initial=0) for a in [*found.values(), *incoming])])
    if not np.isfinite(flowing):
        return []
    with np.errstate(all="ignore"):
        names = []
        for k in (HUGE, TINY):
            scaled = backward([k * d for d in incoming])
            names += differing({block: a / k for block, a in scaled.items()}, found, 1e-11, 1e-14 * flowing)
        others = [rng.normal(size=d.shape) * np.abs(d).max(initial=0) * (d != 0) for d in incoming]
        parts, both = backward(others), backward([d + e for d, e in zip(incoming, others)])
        sums = {block: a + parts[block] for block, a in found.items()}
        flowing = max(flowing, *(np.abs(a).max(initial=0) for a in parts.values()))
        names += differing(both, sums, 1e-10, 1e-12 * flowing)
    def is_start(name):                                         # a learned one has a run of its own, and is not in these
        return (name.rpartition(".")[2] + "_").startswith("s_")

    return [name for (kind, name) in found if name in names and not is_start(name)]


def differing(found, expected, tolerance, smallest):
    """The names of blocks that differ by more than `tolerance` of their largest element, and more than `smallest`."""
    names = []
    for (kind, name), a in expected.items():
        size = np.abs(a[np.isfinite(a)]).max(initial=0)
        if not np.allclose(found[kind, name], a, rtol=1e-12, atol=tolerance * size + smallest, equal_nan=True):
            names.append(name)
    return names


def lowered_in_memo(cell, xs):
    """name -> dtype of what `step` notes in fewer digits than the cell computes in."""
    cell = cell.astype(cell.dtype)
    _, memo = cell.step(cell.input_terms(xs)[0], cell.random_state(np.random.default_rng(0), xs.shape[2]))
    return {name: str(a.dtype) for name, a in vars(memo).items()
            if a.dtype.kind == "f" and a.dtype.itemsize < cell.dtype.itemsize}


def _finite(loss):
    if not np.isfinite(loss):
        raise ValueError(f"the loss is {loss}, expected a finite number: it cannot be differentiated numerically here")
    return loss


def name_of(cell):
    """A cell in a title: its class and sizes."""
    return f"{type(cell).__name__} (D={cell.n_in}, H={cell.n_hidden})"


def awake_cell(name, n_in=3, n_hidden=4, rng=0):
    """A cell to check, in double precision: every parameter moved a little at random, for peepholes and biases of 0 would
    hide mistakes."""
    cell, rng = make_cell(name, n_in, n_hidden, rng=rng, dtype="float64"), checks.generator(rng)
    cell.params.flat[...] += rng.normal(0, 0.3, cell.n_params)
    return cell
