"""A backward pass taken apart: single steps, each of its methods alone, and the derivatives that they must agree with.

What `diagnose` compares comes from here. A `Probe` is a few single steps of a cell with their numeric derivatives. A
`Stage` is one method of the backward pass, to be called alone with right arguments: what it then gets wrong is its own.
"""

from typing import NamedTuple

import numpy as np

from ..cells.cell import Memo
from ..function_cell import FunctionCell
from ..layers import BatchNorm, Dropout, OneHot
from ..unrolling import unroll
from .numeric import gradient, slopes_of
from .source import arguments_of

SEARCHED = 2                # columns in which the search inside a method is made
EXACT, CENTRAL = 1e-8, 1e-6 # what counts as equal, by complex step and by central differences
LAYER_STEPS, LAYER_BATCH = 3, 5


class Probe:
    """A few single steps of a cell, each from a random state of its own: nothing is carried between them.

    Their numbers, and those of columns, differ from each other and from the cell's sizes, so that what is counted too often
    shows what it was counted by.

    Attributes: `n_steps`, `batch`; `xs` (K, D, B); `olds`, `news`, `dnews`, `others`: per component of the state (K, H, B),
    where dnews and others are random gradients; `exact`, whether derivatives come from the complex step; `parameters`,
    the blocks that are parameters; `writes_memos`, whether `step_backward` changes what a step noted; `slopes`,
    block -> (n, S, K, H, B), every component of every new state by every element.

    Args:
        cell: a `Cell`. rng: for the steps. sizes: (steps, columns).
    """

    def __init__(self, cell, rng, sizes):
        self.cell, self.writes_memos = cell.astype("float64"), False
        self.n_steps, self.batch = sizes
        self.xs = rng.normal(size=(self.n_steps, cell.n_in, self.batch))
        states = [self.cell.random_state(rng, self.batch) for _ in range(self.n_steps)]
        self.olds = [np.stack(component) for component in zip(*states)]
        self._order_steps_and_columns()
        self.dnews = [rng.normal(size=old.shape) for old in self.olds]
        self.others = [rng.normal(size=old.shape) for old in self.olds]
        self.n_rows = self.cell.input_terms(self.xs).shape[1]
        self.news, self.memos = self._forward(self.cell, self._arrays(self.cell, "float64"))
        self.exact = self._runs_on_complex_numbers()
        self.twin = self.cell.astype("complex128" if self.exact else "float64")
        self.arrays = self._arrays(self.twin, self.twin.dtype)
        self.parameters = [block for block in self.arrays if block[0] == "parameter"]
        self.slopes = {block: self._derivatives(block) for block in self.arrays}
        self._right = {}

    def _order_steps_and_columns(self):
        """Put that step and those columns first in which most quantities have both signs: units are on in them, and off."""
        cell, mixed = shadow(self.cell), np.zeros((self.n_steps, self.batch))
        for k, wx in enumerate(cell.input_terms(self.xs)):
            new, memo = cell.step(wx, tuple(o[k] for o in self.olds))
            signs = [a > 0 for a in (*new, *vars(memo).values()) if a.ndim == 2 and a.shape[1] == self.batch]
            mixed[k] = sum(a.any(axis=0) & ~a.all(axis=0) for a in signs)
        first = np.argmax(mixed.sum(axis=1))
        steps, columns = np.roll(range(self.n_steps), -first), np.argsort(-mixed[first], kind="stable")
        ordered = lambda array: array[steps][..., columns].copy()
        self.xs, self.olds = ordered(self.xs), list(map(ordered, self.olds))

    def right(self, block, part=None):
        """The right gradient of a block, of all steps and columns or of a `Part` of them."""
        if (block, str(part)) not in self._right:
            k, b = part or (slice(None), slice(None))
            slope, dnew = self.slopes[block][:, :, k, :, b], np.stack(self.dnews)[:, k, :, b]
            self._right[block, str(part)] = np.einsum("nskhb,skhb->n", slope, dnew).reshape(self.arrays[block].shape)
        return self._right[block, str(part)]

    @property
    def tolerance(self):
        return EXACT if self.exact else CENTRAL

    def _arrays(self, cell, dtype):
        arrays = {("input", "x"): self.xs.astype(dtype)}
        if not isinstance(cell, FunctionCell):                  # added to the input terms
            arrays["gates", ""] = np.zeros((self.n_steps, self.n_rows, self.batch), dtype)
        for name, old in zip(cell.state_names, self.olds):
            arrays["state", name] = old.astype(dtype)
        return arrays | {("parameter", name): a for name, a in cell.params.items()}

    def _forward(self, cell, arrays):
        wxs = cell.input_terms(arrays["input", "x"]) + arrays.get(("gates", ""), 0)
        olds = [arrays["state", name] for name in cell.state_names]
        done = [copies(cell.step(wx, tuple(old[k] for old in olds))) for k, wx in enumerate(wxs)]
        return [np.stack(component) for component in zip(*(new for new, memo in done))], [memo for new, memo in done]

    def _values(self):
        return np.stack(self._forward(self.twin, self.arrays)[0])

    def _runs_on_complex_numbers(self):
        """Whether the forward pass keeps the imaginary part: abs, a comparison or a cast may lose it."""
        slopes = []
        for dtype, h in (("complex128", 1e-30j), ("float64", 1e-6), ("float64", -1e-6)):
            self.twin = self.cell.astype(dtype)
            self.arrays = self._arrays(self.twin, dtype)
            direction = np.random.default_rng(0)
            for array in self.arrays.values():
                array += h * direction.normal(size=array.shape)
            try:
                slopes.append(self._values())
            except (TypeError, ValueError, np.exceptions.ComplexWarning):
                return False
        exact, central = slopes[0].imag / 1e-30, (slopes[1] - slopes[2]) / 2e-6
        return bool(np.allclose(exact, central, rtol=1e-4, atol=1e-5 * np.abs(central).max()))

    def _derivatives(self, block):
        """(n, S, K, H, B). What belongs to a step acts in that step alone, so all steps' are changed at once."""
        array, shape = self.arrays[block], np.shape(self.dnews)
        if block[0] == "parameter":
            return slopes_of(self._values, array, range(array.size), self.exact).reshape(array.size, *shape)
        together = slopes_of(self._values, array.reshape(self.n_steps, -1).T, range(array[0].size), self.exact, rows=True)
        found = np.zeros((self.n_steps, array[0].size, *shape))
        for k in range(self.n_steps):
            found[k, :, :, k] = together.reshape(-1, *shape)[:, :, k]
        return found.reshape(array.size, *shape)

    def backward(self, dnews):
        """(kind, name) -> gradient, by the cell's own methods: `step_backward`, then `weight_gradients`, of each step alone.

        Each step runs in a copy of the cell: what a method leaves in the object does not reach the next.
        """
        cell, found, total = self.cell, {}, self.cell.params.like()
        for k, wx in enumerate(cell.input_terms(self.xs)):
            if isinstance(cell, FunctionCell):
                cell.pending.flat[...] = 0
            alone, old, grads = shadow(cell), tuple(old[k] for old in self.olds), cell.params.like()
            new, memo = copies(alone.step(wx, old))
            dnew, given = tuple(d[k] for d in dnews), copies((memo,))[0]
            dwx, dold = alone.step_backward(*copies((dnew, old, new)), given)
            self.writes_memos |= not all(np.array_equal(a, vars(given)[name]) for name, a in vars(memo).items())
            memo = joined_memos([given if self.writes_memos else memo])
            of_step = copies((self.xs[k:k + 1], tuple(old[k:k + 1] for old in self.olds), memo))
            dxs = cell.weight_gradients(dwx[None], *of_step, grads)
            for name, a in grads.items():
                total[name][...] += a
            states = [("state", name) for name in cell.state_names]
            for block, a in [(("input", "x"), dxs[0]), (("gates", ""), dwx), *zip(states, dold)]:
                found.setdefault(block, []).append(np.array(a))
        return {block: np.stack(steps) for block, steps in found.items()} | {
            ("parameter", name): a for name, a in total.items()}

    def gates(self):
        """Name -> rows of the pre-activations; of parts that have no names, as a_2/3, the second of three."""
        n_hidden = self.cell.n_hidden
        if isinstance(self.cell, FunctionCell):
            return {}
        if self.n_rows == n_hidden:
            return {"a": slice(0, n_hidden)}
        candidates = [stack.gates for stack in self.cell.params.layout if stack.symbol in ("W", "b")]
        names = next((names for names in candidates if len(names) * n_hidden == self.n_rows), None)
        if names is None:
            parts = -(-self.n_rows // n_hidden)                 # (whatever H is: this cell may be smaller than the given one)
            names = [f"{k}/{parts}" for k in range(1, parts + 1)]
        return {f"a_{name}": slice(k * n_hidden, (k + 1) * n_hidden) for k, name in enumerate(names)}


def sizes_beside(cell):
    """Steps and columns for a probe of a cell: numbers that are neither each other, nor 2, nor the cell's sizes."""
    free = [n for n in (4, 5, 3, 7) if n not in (cell.n_in, cell.n_hidden)]
    return (2 if isinstance(cell, FunctionCell) else free[1]), free[0]  # (a FunctionCell is never given several steps)


class TwoSteps:
    """Two steps of a cell from one state, and how a gradient of the last state goes back through them.

    Attributes: `names` of the components of the state; `dlast`, a random gradient of the last state; `tolerance`.
    """

    def __init__(self, steps):
        self.names, self.exact, self.twin = steps.cell.state_names, steps.exact, steps.twin
        self.dlast, self.tolerance = tuple(d[1] for d in steps.dnews), max(10 * steps.tolerance, 1e-7)
        self._start, self._xs = tuple(o[0].astype(self.twin.dtype) for o in steps.olds), steps.xs.astype(self.twin.dtype)
        self._cell, self._given = shadow(steps.cell), (steps.xs[:2], tuple(o[0] for o in steps.olds))

    def derived(self, dlast):
        """The gradient of the first state, by the cell's own backward pass."""
        run = unroll(self._cell, *self._given)
        return run.backward(np.zeros(run.hs.shape), dlast)[2]

    def between(self, dlast):
        """The gradient of the state between the steps, from forward steps alone."""
        return self._back(self._after(self._start, 0), 1, dlast)

    def first(self, dbetween):
        """The gradient of the first state, from that of the state between and a forward step."""
        return self._back(self._start, 0, dbetween)

    def _after(self, state, k):
        return copies(self.twin.step(self.twin.input_terms(self._xs[k:k + 1])[0], state)[0])

    def _back(self, state, k, dstate):
        value = lambda: sum((d * a).sum() for d, a in zip(dstate, self._after(state, k)))
        return tuple(gradient(value, a, self.exact) for a in state)


def shadow(cell):
    """The same cell, with the same arrays, but for what its methods will leave in it: that stays in the shadow."""
    other = object.__new__(type(cell))
    vars(other).update({name: value for name, value in vars(cell).items() if name != "step"})     # which is bound to the cell
    return other


def copies(values):
    """Nested tuples of arrays, copied: a wrong method may change its arguments in place, and others read them."""
    if isinstance(values, np.ndarray):
        return values.copy()
    if isinstance(values, Memo):
        return Memo(**{name: value if value is None or isinstance(value, bool) else np.array(value)
                       for name, value in vars(values).items()})
    if isinstance(values, dict):
        return {name: np.array(value) for name, value in values.items()}
    return tuple(map(copies, values))


def joined_memos(memos):
    """The memo of several steps."""
    return Memo(**{name: np.stack([vars(memo)[name] for memo in memos]) for name in vars(memos[0])})


class Stage:
    """One method of a backward pass, to be called alone with right arguments: what it then gets wrong is its own.

    Attributes:
        name, function, owner: the method (or the user's function), and the class it is a method of (None for a function).
        truth: block -> what `call` must give. column_truth: the same for `columns`.
        adds: whether it adds to `grads`; then `call` takes what was in them before.
        incomes: whether it is given a gradient. shares: block of a parameter -> what each step adds to it.
        params: name -> array, the parameters and their stacks. sizes: a factor -> what it is, in words.
        forward: the method that this is the backward pass of, where the whole check of a cell does not watch over it.
    """

    adds, incomes, shares, params, sizes, forward = False, True, {}, {}, {}, None
    columns_of = ()                                             # the parts that `columns` goes through

    def __init__(self, name, function, owner):
        self.name, self.function, self.owner = name, function, owner
        self.truth = self._truth(EVERYTHING)
        self.column_truth = joined([self._truth(part) for part in self.columns_of]) if self.columns_of else self.truth
        sizes = {block: np.abs(truth).max(initial=0) for block, truth in self.truth.items()}
        self._least, ends = 1e-3 * max(sizes.values()), np.cumsum([0, *(truth.size for truth in self.truth.values())])
        self._parts = {block: slice(*pair) for block, pair in zip(self.truth, zip(ends, ends[1:]))}
        self._expected, self._scales = self._side_by_side(self.truth), np.empty(ends[-1])
        for block, part in self._parts.items():
            self._scales[part] = max(sizes[block], self._least)

    def call(self, function, scale=1, prefilled=0, other=0):
        """block -> gradient, by the method or what stands in for it; incoming gradients are scale · d + other · e."""
        return self._run(function, EVERYTHING, scale, prefilled, other)

    def call_safely(self, function, *given):
        """The same, of a function that may change parameters in place: these are put back."""
        kept = {name: a.copy() for name, a in self.params.items()}
        try:
            return self.call(function, *given)
        finally:
            for name, a in kept.items():
                self.params[name][...] = a

    def columns(self, function, scale=1):
        """The same, one column after the other: what a sum over columns hides can then be told."""
        if not self.columns_of:
            return self.call(function, scale)
        return joined([self._run(function, part, scale, 0, 0) for part in self.columns_of])

    def wrong(self, function, tolerance):
        """The blocks that it gets wrong, or overwrites where it should add."""
        found = self.call_safely(function, 1, 0.7 if self.adds else 0)
        if any(np.shape(found[block]) != truth.shape for block, truth in self.truth.items()):
            return {block for block, truth in self.truth.items() if not agrees(found[block], truth, tolerance, self._least)}
        off = ~(np.abs(self._side_by_side(found) - self._expected) <= tolerance * self._scales)        # True for NaN
        return {block for block, part in self._parts.items() if off[part].any()} if off.any() else set()

    def _side_by_side(self, found):
        """All of a stage's gradients in one vector."""
        return np.concatenate([np.ravel(found[block]) for block in self.truth])

    def named(self):
        """For each call that `columns` makes: a list of `Known`."""
        return []

    def given(self):
        """What `call` could know, whether it reads it or not: a list of `Known`."""
        return []


def agrees(found, truth, tolerance, least=0.0):
    """Whether two arrays are the same, up to `tolerance` of the largest number in the second, or of `least`."""
    return np.shape(found) == np.shape(truth) and bool(
        np.all(np.abs(found - truth) <= tolerance * max(np.abs(truth).max(initial=0), least)))


class Known(NamedTuple):
    """Something that a call could know, whether it reads it or not."""

    name: str
    value: np.ndarray
    degree: int                 # 1: a gradient, 0: none
    code: str = ""              # how the method would write it; "" if it cannot


class Part(NamedTuple):
    """Some of the probe's steps and columns."""

    steps: slice = slice(None)
    columns: slice = slice(None)


EVERYTHING = Part()
FIRST = Part(slice(0, 1))       # of a method that is given one step: the first of the probe


class OfCell(Stage):
    """A method of a cell, called with steps of a `Probe`."""

    def __init__(self, name, function, owner, probe):
        self.probe, self.cell = probe, probe.cell
        self.params = {**self.cell.params, **self.cell.params.stacked}
        self.sizes = factors(probe)
        self._room = self.cell.params.like()
        self._stacked, self._kept = dict(self._room.stacked), {}
        super().__init__(name, function, owner)

    def start(self, prefilled):
        """Room for gradients: always the same, for making it anew would take as long as the method."""
        self._room.stacked.update(self._stacked)                # in case a method put its own arrays there
        self._room.flat[...] = prefilled
        return self._room

    def added(self, grads, prefilled):
        """What a method added to `grads`."""
        for symbol, array in grads.stacked.items():             # `grads.stacked["R"] = a` is meant as `[...] = a`
            if array is not self._stacked[symbol] and np.shape(array) == self._stacked[symbol].shape:
                self._stacked[symbol][...] = array
        return {("parameter", name): a - prefilled for name, a in grads.items()}

    def arrays(self, k, b):
        """x, old, new, memo of a step, of all columns or of some."""
        if (k, str(b)) not in self._kept:
            probe = self.probe
            x, old = probe.xs[k][:, b].copy(), tuple(o[k][:, b].copy() for o in probe.olds)
            new, memo = shadow(self.cell).step(self.cell.input_terms(x[None])[0], old)
            self._kept[k, str(b)] = x, old, new, memo
        return copies(self._kept[k, str(b)])

    def incoming(self, k, b, scale, other):
        """The gradient of the new state that a step is given."""
        return tuple(scale * d[k][:, b] + other * e[k][:, b] for d, e in zip(self.probe.dnews, self.probe.others))

    def known(self, k, b):
        """What a step knows: a list of `Known`."""
        x, old, new, memo = self.arrays(k, b)
        names, say = self.cell.state_names, self.say
        found = [Known("x", x, 0, code=say("x"))]
        found += [Known(n, a, 0, code=say("memo", n)) for n, a in vars(memo).items() if n != "_x"]
        found += [Known(n, a, 0, code=say("p", n)) for n, a in self.cell.params.items()]
        found += [Known(f"old {n}", a, 0, code=say("old", i)) for i, (n, a) in enumerate(zip(names, old))]
        found += [Known(f"{n}_new", a, 0, code=say("new", i)) for i, (n, a) in enumerate(zip(names, new))]
        dnew = self.incoming(k, b, 1, 0)
        return found + [Known(f"d{n}_new", a, 1, code=say("dnew", i)) for i, (n, a) in enumerate(zip(names, dnew))]

    def given(self):
        return self.known(0, slice(None)) if "dnew" in self.arguments else []

    arguments = ()              # what the method's arguments are, in their order

    def say(self, what, index=None):
        """How the method would write an argument, or a part of it, in its own names; "" if it is not given that."""
        given = dict(zip(self.arguments, arguments_of(self.function)))
        if what not in given:
            return f'{given["self"]}.params["{index}"]' if what == "p" and "self" in given else ""
        if index is None:
            return given[what]
        by_attribute = what == "memo" and ("self" in given or issubclass(self.cell.memo_type, Memo))
        return f"{given[what]}.{index}" if by_attribute else f"{given[what]}[{index!r}]"


class OwnBackward(OfCell):
    """The `step_backward` of a `FunctionCell`: one step, with everything that it adds to `grads`."""

    adds = True
    arguments = ("p", "dnew", "x", "old", "new", "memo", "grads")
    columns_of = [Part(slice(0, 1), slice(b, b + 1)) for b in range(SEARCHED)]

    def __init__(self, probe):
        super().__init__("step_backward", probe.cell.functions[1], None, probe)

    def _run(self, function, part, scale, prefilled, other):
        x, old, new, memo = self.arrays(0, part.columns)
        grads, dnew = self.start(prefilled), self.incoming(0, part.columns, scale, other)
        dx, dold = function(self.cell.params, dnew, x, old, new, self.cell.handed(memo), grads)
        named = zip(self.cell.state_names, dold)
        return {("input", "x"): dx, **{("state", name): d for name, d in named}, **self.added(grads, prefilled)}

    def _truth(self, part):
        part = Part(slice(0, 1), part.columns)
        blocks = [("input", "x"), *(("state", name) for name in self.cell.state_names)]
        found = {block: self.probe.right(block, part)[0][:, part.columns] for block in blocks}
        return found | {block: self.probe.right(block, part) for block in self.probe.parameters}

    def named(self):
        return [self.known(0, part.columns) for part in self.columns_of]


class StepBackward(OfCell):
    """`step_backward` of a class: one step, from the gradient of the new state to that of the pre-activations and the old."""

    arguments = ("self", "dnew", "old", "new", "memo")
    columns_of = [Part(slice(0, 1), slice(0, SEARCHED))]

    def __init__(self, probe):
        self.gates = probe.gates()
        super().__init__("step_backward", type(probe.cell).step_backward, type(probe.cell), probe)

    def _run(self, function, part, scale, prefilled, other):
        x, old, new, memo = self.arrays(0, part.columns)
        dwx, dold = function(self.cell, self.incoming(0, part.columns, scale, other), old, new, memo)
        found = {("gates", gate): dwx[rows] for gate, rows in self.gates.items()}
        return found | {("state", name): d for name, d in zip(self.cell.state_names, dold)}

    def _truth(self, part):
        dwx = self.probe.right(("gates", ""))[0]
        found = {("gates", gate): dwx[rows][:, part.columns] for gate, rows in self.gates.items()}
        states = [("state", name) for name in self.cell.state_names]
        return found | {block: self.probe.right(block)[0][:, part.columns] for block in states}

    def named(self):
        return [self.known(0, self.columns_of[0].columns)]


class WeightGradients(OfCell):
    """`weight_gradients`: several steps at once."""

    adds = True
    arguments = ("self", "dwxs", "x", "old", "memo", "grads")
    columns_of = [Part(slice(k, k + 1), slice(k, k + 1)) for k in range(SEARCHED)]

    def __init__(self, probe):
        self.dwxs = probe.right(("gates", ""))
        self.others = np.random.default_rng(1).normal(size=self.dwxs.shape)
        self.gates = probe.gates()
        super().__init__("weight_gradients", type(probe.cell).weight_gradients, type(probe.cell), probe)
        self.shares = {block: [probe.right(block, Part(slice(k, k + 1))) for k in range(probe.n_steps)]
                       for block in probe.parameters}

    def _run(self, function, part, scale, prefilled, other):
        grads, (k, b) = self.start(prefilled), part
        each = [self.memo_after(j, b, scale, other) for j in range(self.probe.n_steps)[k]]
        memos = joined_memos(each)
        olds, xs = tuple(o[k][..., b].copy() for o in self.probe.olds), self.probe.xs[k][..., b].copy()
        dxs = function(self.cell, scale * self.dwxs[k][..., b] + other * self.others[k][..., b], xs, olds, memos, grads)
        return {("input", "x"): dxs, **self.added(grads, prefilled)}

    def memo_after(self, k, b, scale, other):
        """The memo of a step, with what `step_backward` leaves in it."""
        x, old, new, memo = self.arrays(k, b)
        if self.probe.writes_memos:
            self.cell.step_backward(self.incoming(k, b, scale, other), old, new, memo)
        return memo

    def _truth(self, part):
        found = {("input", "x"): self.probe.right(("input", "x"), part)[part.steps][..., part.columns]}
        return found | {block: self.probe.right(block, part) for block in self.probe.parameters}

    def given(self):
        memos = joined_memos([self.memo_after(k, slice(None), 1, 0) for k in range(self.probe.n_steps)])
        return [Known(name, a, 0, self.say("memo", name)) for name, a in vars(memos).items() if name != "_x"]

    def named(self):
        found = []
        for k, b in self.columns_of:
            da = [Known("d" + gate, self.dwxs[k.start, rows][:, b], 1, code=f"{self.say('dwxs')}[:, {rows.start}:{rows.stop}]")
                  for gate, rows in self.gates.items()]
            found.append(da + [one for one in self.known(k.start, b) if one.degree == 0])
        return found


class InitialState(OfCell):
    """`initial_state_backward`: what the gradient of the first state says about the parameters it was made of."""

    adds = True
    arguments = ("self", "dstate", "grads")
    columns_of = [Part(columns=slice(0, 1))]

    def __init__(self, probe):
        rng = np.random.default_rng(2)
        self.dstate, self.others = ([rng.normal(size=(probe.cell.n_hidden, probe.batch)) for _ in probe.cell.state_names]
                                    for _ in range(2))
        super().__init__("initial_state_backward", type(probe.cell).initial_state_backward, type(probe.cell), probe)

    def _run(self, function, part, scale, prefilled, other):
        grads = self.start(prefilled)
        function(self.cell, tuple(scale * d[:, part.columns] + other * e[:, part.columns]
                                  for d, e in zip(self.dstate, self.others)), grads)
        return self.added(grads, prefilled)

    def _truth(self, part):
        probe = self.probe
        value = lambda: sum((d[:, part.columns] * a[:, part.columns]).sum()
                            for d, a in zip(self.dstate, probe.twin.initial_state(probe.batch)))
        return {("parameter", name): gradient(value, a, probe.exact) for name, a in probe.twin.params.items()}

    def named(self):
        found = [Known(f"d{name}", d[:, :1], 1) for name, d in zip(self.cell.state_names, self.dstate)]
        return [found + [Known(n, a, 0, code=self.say("p", n)) for n, a in self.cell.params.items()]]


class OutputBackward(OfCell):
    """`output_backward`: from the gradient of what the next layer reads to that of h."""

    def __init__(self, probe):
        rng = np.random.default_rng(3)
        self.hs = probe.news[0][:1]
        self.douts, self.others = rng.normal(size=self.hs.shape), rng.normal(size=self.hs.shape)
        super().__init__("output_backward", type(probe.cell).output_backward, type(probe.cell), probe)

    def _run(self, function, part, scale, prefilled, other):
        outs = self.cell.output(self.hs.copy())
        return {("output", "h"): function(self.cell, scale * self.douts + other * self.others, outs)}

    def _truth(self, part):
        twin, hs = self.probe.twin, self.hs.astype(self.probe.twin.dtype)
        return {("output", "h"): gradient(lambda: (self.douts * twin.output(hs)).sum(), hs, self.probe.exact)}

    def named(self):
        return [[Known("h", self.hs, 0), Known("outs", self.cell.output(self.hs), 0), Known("douts", self.douts, 1)]]


def stages(probe):
    """The stages of a cell's backward pass, in the order in which a gradient passes them."""
    if isinstance(probe.cell, FunctionCell):
        return [OwnBackward(probe)]
    start = InitialState(probe)
    is_learned = any(np.any(truth) for truth in start.truth.values())
    return [StepBackward(probe), WeightGradients(probe), *[start] * is_learned, OutputBackward(probe)]


def factors(probe):
    """A factor -> in words what it would be: a size of the probe that was multiplied or divided by, or a small number."""
    counts = {"the batch": probe.batch, "the number of steps": probe.n_steps, "the number of units": probe.cell.n_hidden,
              "the number of features": probe.cell.n_in, "the batch times the number of steps": probe.batch * probe.n_steps}
    found = {2: "it is counted twice", 1 / 2: "it is halved"}
    for name, n in counts.items():
        found.setdefault(1 / n, f"it is divided by {name} ({n})")
        found.setdefault(n, f"it is multiplied by {name} ({n})")
    return found


def joined(many):
    """block -> the arrays of that block side by side."""
    return {block: np.stack([one[block] for one in many], axis=-1) for block in many[0]}


# ---- the parts of a model --------------------------------------------------------------------------------------------

class LayerBackward(Stage):
    """The backward pass of a layer, on random inputs."""

    adds = True
    columns_of = [Part(slice(0, 1), slice(0, 2))]

    def __init__(self, layer, width, training, rng):
        self.params = {**layer.params, **layer.params.stacked}
        self.layer, self.training, self.notes = layer, training, isinstance(layer, BatchNorm | Dropout)
        self.symbols = isinstance(layer, OneHot)
        self._given = {}
        for part, n_steps, batch in (EVERYTHING, LAYER_STEPS, LAYER_BATCH), (self.columns_of[0], 1, 2):
            shape = (n_steps, batch) if self.symbols else (n_steps, getattr(layer, "n_in", width), batch)
            xs = rng.integers(layer.n_symbols, size=shape) if self.symbols else rng.normal(size=shape)
            ys = self._forward(xs)[0]
            self._given[str(part)] = xs, rng.normal(size=ys.shape), rng.normal(size=ys.shape)
        self.forward = type(layer).forward
        super().__init__("backward", type(layer).backward, type(layer))

    def _forward(self, xs):
        if isinstance(self.layer, Dropout):
            self.layer.rng = np.random.default_rng(0)           # the same values are dropped every time
        return self.layer.forward(xs, self.training) if self.notes else (self.layer.forward(xs), None)

    def _run(self, function, part, scale, prefilled, other):
        xs, dys, others = self._given[str(part)]
        ys, memo = self._forward(xs)
        grads = self.layer.params.like()
        grads.flat[...] = prefilled
        dys = scale * dys + other * others
        dxs = function(self.layer, *copies((dys, memo) if self.notes else (dys, xs, ys)), grads)
        found = {("parameter", p): a - prefilled for p, a in grads.items()}
        return found if self.symbols else {("input", "x"): dxs, **found}

    def _truth(self, part):
        xs, dys, _ = self._given[str(part)]
        value = lambda: (dys * self._forward(xs)[0]).sum()
        truth = {} if self.symbols else {("input", "x"): gradient(value, xs, False)}
        return truth | {("parameter", p): gradient(value, a, False) for p, a in self.layer.params.items()}


class LossGradient(Stage):
    """The gradient that a loss returns: of a few steps and columns of what the model gave."""

    incomes = False
    columns_of = [EVERYTHING]

    def __init__(self, loss, outputs, targets):
        self._given = outputs[:LAYER_STEPS, :, :LAYER_BATCH], targets[:LAYER_STEPS, ..., :LAYER_BATCH]
        super().__init__("loss", loss, None)

    def _run(self, function, part, scale, prefilled, other):
        ys, targets = (a[part.steps, ..., part.columns].copy() for a in self._given)
        value, gradient = function(ys, targets)
        if value != self.function(ys.copy(), targets.copy())[0]:
            raise ValueError("it is another loss now")
        return {("output", "y"): gradient}

    def _truth(self, part):
        ys, targets = (a[part.steps, ..., part.columns].copy() for a in self._given)
        return {("output", "y"): gradient(lambda: self.function(ys, targets)[0], ys, False)}
