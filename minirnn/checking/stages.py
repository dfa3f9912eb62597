"""A backward pass taken apart: single steps, each of its methods alone, and the derivatives that they must agree with.

What `diagnose` compares comes from here. `SingleSteps` are a few single steps of a cell with their numeric derivatives. A
`Stage` is one method of the backward pass, to be called alone with right arguments: what it then gets wrong is its own.
"""

from typing import NamedTuple

import numpy as np

from . import trace
from ..cells.cell import Memo
from ..function_cell import FunctionCell
from ..layers import BatchNorm, Dropout, OneHot
from ..unrolling import unroll

STEPS, BATCH = 2, 3         # of the one-step checks: different numbers, so that a forgotten mean shows which
SEARCHED = 2                # columns in which the search inside a method is made
EXACT, CENTRAL = 1e-8, 1e-6 # what counts as equal, by complex step and by central differences


class SingleSteps:
    """A few single steps of a cell, each from a random state of its own: nothing is carried between them.

    Attributes: `xs` (K, D, B); `olds`, `news`, `dnews`: per component of the state (K, H, B), where dnews are random
    gradients; `memos`, one per step; `exact`, whether derivatives come from the complex step.
    """

    def __init__(self, cell, rng):
        self.cell = cell.astype("float64")
        self.xs = rng.normal(size=(STEPS, cell.n_in, BATCH))
        states = [self.cell.random_state(rng, BATCH) for _ in range(STEPS)]
        self.olds = [np.stack(component) for component in zip(*states)]
        self.dnews = [rng.normal(size=old.shape) for old in self.olds]
        self.n_rows = self.cell.input_terms(self.xs).shape[1]
        self.news, self.memos = self._forward(self.cell, self._arrays(self.cell, "float64"))
        self.exact = self._runs_on_complex_numbers()
        self.twin = self.cell.astype("complex128") if self.exact else self.cell.astype("float64")
        self.arrays = self._arrays(self.twin, self.twin.dtype)

    @property
    def tolerance(self):
        return EXACT if self.exact else CENTRAL

    def _arrays(self, cell, dtype):
        arrays = {("input", "x"): self.xs.astype(dtype)}
        arrays["gates", ""] = np.zeros((STEPS, self.n_rows, BATCH), dtype)      # added to the input terms
        for name, old in zip(cell.state_names, self.olds):
            arrays["state", name] = old.astype(dtype)
        return arrays | {("parameter", name): a for name, a in cell.params.items()}

    def _forward(self, cell, arrays):
        wxs = cell.input_terms(arrays["input", "x"]) + arrays["gates", ""]
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

    def derivatives(self, block, where):
        """(n, S, K, H, B): every component of every new state by the elements `where` (flat indices) of a block."""
        found = slopes_of(self._values, self.arrays[block], where, self.exact)
        return found.reshape(len(where), *self._shape)

    @property
    def _shape(self):
        return len(self.dnews), *self.dnews[0].shape

    def backward(self, dnews):
        """(kind, name) -> gradient, by the cell's own methods: one-step `step_backward`, then `weight_gradients`.

        Each step runs in a copy of the cell: what a method leaves in the object does not reach the next.
        """
        cell = self.cell
        if isinstance(cell, FunctionCell):
            cell.pending.flat[...] = 0
        dwxs, dolds = [], []
        for k, wx in enumerate(cell.input_terms(self.xs)):
            alone, old = shadow(cell), tuple(old[k] for old in self.olds)
            new, memo = copies(alone.step(wx, old))
            dwx, dold = alone.step_backward(*copies((tuple(d[k] for d in dnews), old, new, memo)))
            dwxs.append(dwx)
            dolds.append(dold)
        grads, dwxs = cell.params.like(), np.stack(dwxs)
        dxs = cell.weight_gradients(dwxs, *copies((self.xs, tuple(self.olds), self.all_memos())), grads)
        found = {("input", "x"): dxs, ("gates", ""): dwxs}
        found |= {("state", name): np.stack(dold) for name, dold in zip(cell.state_names, zip(*dolds))}
        return found | {("parameter", name): np.array(a) for name, a in grads.items()}

    def activations(self, x, old):
        """(text, array): the derivative of every function of one argument that a forward step applies, at its argument."""
        if isinstance(self.cell, FunctionCell):
            passes = [(self.cell.functions[0], None, lambda f: f(self.cell.params, x, old))]
        else:
            kind, wx = type(self.cell), self.cell.input_terms(x[None])[0]
            passes = [(kind.step, kind, lambda f: f(self.cell, wx, old)),
                      (kind.input_terms, kind, lambda f: f(self.cell, x[None]))]
        return [found for one in passes for found in _activations(*one)]

    def all_memos(self):
        return Memo(**{name: np.stack([vars(memo)[name] for memo in self.memos]) for name in vars(self.memos[0])})

    def gates(self):
        """Name -> rows of the pre-activations."""
        n_hidden = self.cell.n_hidden
        if isinstance(self.cell, FunctionCell):
            return {}
        if self.n_rows == n_hidden:
            return {"a": slice(0, n_hidden)}
        candidates = [stack.gates for stack in self.cell.params.layout if stack.symbol in ("W", "b")]
        names = next((names for names in candidates if len(names) * n_hidden == self.n_rows), None)
        if names is None:
            names = [f"{start}:{start + n_hidden}" for start in range(0, self.n_rows, n_hidden)]
        return {f"a_{name}": slice(k * n_hidden, (k + 1) * n_hidden) for k, name in enumerate(names)}


class TwoSteps:
    """Two steps of a cell from one state, and how a gradient of the last state goes back through them.

    Attributes: `names` of the components of the state; `dlast`, a random gradient of the last state; `tolerance`.
    """

    def __init__(self, steps):
        self.names, self.exact, self.twin = steps.cell.state_names, steps.exact, steps.twin
        self.dlast, self.tolerance = tuple(d[1] for d in steps.dnews), max(10 * steps.tolerance, 1e-7)
        self._start, self._xs = tuple(o[0].astype(self.twin.dtype) for o in steps.olds), steps.xs.astype(self.twin.dtype)
        self._cell, self._given = shadow(steps.cell), (steps.xs, tuple(o[0] for o in steps.olds))

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


def _activations(function, owner, call):
    """(text, array): the derivative of every function of one argument that is applied while call(function) runs."""
    try:
        traced = trace.Traced(function, owner)
    except (OSError, ValueError):                               # no source to look into
        return []
    found = []
    with np.errstate(all="ignore"):
        values = traced.record(lambda: call(traced.function))
        for key, value in values.items():
            expression = traced.expressions[key.expression]
            argument = trace.Key(expression.argument, key.call, key.nth)
            if argument in values and values[argument].shape == value.shape:
                high, low = (traced.record(lambda: call(traced.function), {argument: values[argument] + h})[key]
                             for h in (1e-6, -1e-6))
                found.append((trace.plain(expression.text).replace("(", "′(", 1), (high - low) / 2e-6))
    return found


def shadow(cell):
    """The same cell, with the same arrays, but for what its methods will leave in it: that stays in the shadow."""
    other = object.__new__(type(cell))
    vars(other).update({name: value for name, value in vars(cell).items() if name != "step"})     # which is bound to the cell
    return other


def copies(values):
    """Nested tuples of arrays, copied: what a wrong method does to its arguments is its own affair."""
    if isinstance(values, np.ndarray):
        return values.copy()
    if isinstance(values, Memo):
        return Memo(**{name: value if value is None or isinstance(value, bool) else np.array(value)
                       for name, value in vars(values).items()})
    if isinstance(values, dict):
        return {name: np.array(value) for name, value in values.items()}
    return tuple(map(copies, values))


# ---- a backward pass, method by method ------------------------------------------------------------------------------

class Stage(NamedTuple):
    """One method of a backward pass, to be called alone with right arguments."""

    name: str
    function: object            # the method, or the user's function
    owner: type                 # the class it is a method of; None for a function
    call: object                # call(function, scale) -> block -> gradient, for incoming gradients times `scale`
    truth: dict                 # block -> what call must give for scale 1
    columns: object = None      # the same call, one column after the other: what a sum over columns hides can be told
    column_truth: dict = None
    adds: bool = False          # whether it adds to `grads`: then call takes what was in them before
    shares: dict = None         # block of a parameter -> what each step adds to it
    named: object = None        # named(): what each call could know, even if it reads it nowhere


def stages(steps, slopes, rng):
    """The stages of a cell's backward pass. `slopes`: block -> the derivative of every component of every new state."""
    cell, names, dnews = steps.cell, steps.cell.state_names, np.stack(steps.dnews)
    parameters = [block for block in slopes if block[0] == "parameter"]

    def right(block, k=slice(None), b=slice(None)):
        """The right gradient of a block, of all steps and columns or of some."""
        slope, dnew = slopes[block][:, :, k, :, b], dnews[:, k, :, b]
        return (slope * dnew).reshape(len(slope), -1).sum(axis=1).reshape(steps.arrays[block].shape)

    empty = cell.params.like()
    stacked = dict(empty.stacked)

    def start(prefilled):
        """Room for gradients: always the same, for making it anew would take as long as the method."""
        empty.stacked.update(stacked)                           # in case a method put its own arrays there
        empty.flat[...] = prefilled
        return empty

    def added(grads, prefilled):
        for symbol, array in grads.stacked.items():             # `grads.stacked["R"] = a` is meant as `[...] = a`
            if array is not stacked[symbol] and np.shape(array) == stacked[symbol].shape:
                stacked[symbol][...] = array
        return {block: grads[block[1]] - prefilled for block in parameters}

    kept = {}

    def arrays(k, b=slice(None)):
        """x, old, new, memo, dnew of a step, of all columns or of one."""
        if (k, str(b)) not in kept:
            x, old = steps.xs[k][:, b].copy(), tuple(o[k][:, b].copy() for o in steps.olds)
            new, memo = cell.step(cell.input_terms(x[None])[0], old)
            kept[k, str(b)] = x, old, new, memo, tuple(d[k][:, b] for d in steps.dnews)
        return copies(kept[k, str(b)])

    def named_in(k, b=slice(None)):
        """(name, array, degree, is it an activation's derivative?): what a step knows."""
        x, old, new, memo, dnew = arrays(k, b)
        found = [("x", x, 0, False), *((n, a, 0, False) for n, a in vars(memo).items() if n != "_x")]
        found += [(n, a, 0, False) for n, a in cell.params.items() if a.shape == (cell.n_hidden, 1)]
        found += [(f"old {n}", a, 0, False) for n, a in zip(names, old)]
        found += [(f"{n}_new", a, 0, False) for n, a in zip(names, new)]
        found += [(f"d{n}_new", a, 1, False) for n, a in zip(names, dnew)]
        return found + [(text, a, 0, True) for text, a in steps.activations(x, old)]

    columns = [slice(b, b + 1) for b in range(SEARCHED)]

    if isinstance(cell, FunctionCell):
        def own(function, scale, prefilled=0, b=slice(None)):
            x, old, new, memo, dnew = arrays(0, b)
            grads = start(prefilled)
            dx, dold = function(cell.params, tuple(scale * d for d in dnew), x, old, new, cell.handed(memo), grads)
            return {("input", "x"): dx, **{("state", name): d for name, d in zip(names, dold)}, **added(grads, prefilled)}

        def own_truth(b=slice(None)):
            found = {("input", "x"): right(("input", "x"), slice(0, 1), b)[0][:, b]}
            found |= {("state", n): right(("state", n), slice(0, 1), b)[0][:, b] for n in names}
            return found | {block: right(block, slice(0, 1), b) for block in parameters}

        def own_columns(function, scale):
            return joined([own(function, scale, b=b) for b in columns])

        def own_names():
            return [named_in(0, b) for b in columns]

        return [Stage("step_backward", cell.functions[1], None, own, own_truth(), own_columns,
                      joined([own_truth(b) for b in columns]), True, named=own_names)]

    kind, gates = type(cell), steps.gates()
    dwxs = right(("gates", ""))

    def step(function, scale, b=slice(None)):
        x, old, new, memo, dnew = arrays(0, b)
        dwx, dold = function(cell, tuple(scale * d for d in dnew), old, new, memo)
        return {**{("gates", gate): dwx[rows] for gate, rows in gates.items()},
                **{("state", name): d for name, d in zip(names, dold)}}

    def step_truth(b=slice(None)):
        found = {("gates", gate): dwxs[0, rows][:, b] for gate, rows in gates.items()}
        return found | {("state", name): right(("state", name))[0][:, b] for name in names}

    few = slice(0, SEARCHED)
    found = [Stage("step_backward", kind.step_backward, kind, step, step_truth(),
                   lambda function, scale: step(function, scale, few), step_truth(few), named=lambda: [named_in(0, few)])]

    def weights(function, scale, prefilled=0, k=slice(None), b=slice(None)):
        grads = start(prefilled)
        olds, xs = tuple(o[k][..., b] for o in steps.olds), steps.xs[k][..., b]
        each = [arrays(j, b)[3] for j in range(STEPS)[k]]
        memos = Memo(**{name: np.stack([vars(m)[name] for m in each]) for name in vars(each[0])})
        dxs = function(cell, scale * dwxs[k][..., b], *copies((xs, olds, memos)), grads)
        return {("input", "x"): dxs, **added(grads, prefilled)}

    def weights_truth(k=slice(None), b=slice(None)):
        return {("input", "x"): right(("input", "x"), k, b)[k][..., b], **{p: right(p, k, b) for p in parameters}}

    def weights_names():
        found = []
        for k, b in each_column:
            da = [("d" + gate, dwxs[k.start, rows][:, b], 1, False) for gate, rows in gates.items()]
            found.append(da + [one for one in named_in(k.start, b) if one[2] == 0])
        return found

    each_column = [(slice(k, k + 1), columns[k]) for k in range(SEARCHED)]
    found.append(Stage(
        "weight_gradients", kind.weight_gradients, kind, weights, weights_truth(),
        lambda function, scale: joined([weights(function, scale, k=k, b=b) for k, b in each_column]),
        joined([weights_truth(k, b) for k, b in each_column]), True,
        {block: [right(block, slice(k, k + 1)) for k in range(STEPS)] for block in parameters}, weights_names))

    dstate = tuple(rng.normal(size=(cell.n_hidden, BATCH)) for _ in names)

    def own_start(function, scale, prefilled=0, b=slice(None)):
        grads = start(prefilled)
        function(cell, tuple(scale * d[:, b] for d in dstate), grads)
        return added(grads, prefilled)

    def own_start_truth(b=slice(None)):
        value = lambda: sum((d[:, b] * a[:, b]).sum() for d, a in zip(dstate, steps.twin.initial_state(BATCH)))
        return {("parameter", name): gradient(value, a, steps.exact) for name, a in steps.twin.params.items()}

    def own_start_names():
        found = [(f"d{name}", d[:, :1], 1, False) for name, d in zip(names, dstate)]
        passed = _activations(kind.initial_state, kind, lambda f: f(cell, 1))
        return [found + [(text, a, 0, True) for text, a in passed]]

    if any(np.any(a) for a in own_start_truth().values()):
        one = slice(0, 1)
        found.append(Stage("initial_state_backward", kind.initial_state_backward, kind, own_start, own_start_truth(),
                           lambda function, scale: own_start(function, scale, b=one), own_start_truth(one), True,
                           named=own_start_names))

    hs, douts = steps.news[0][:1].astype(steps.twin.dtype), rng.normal(size=steps.news[0][:1].shape)
    h = steps.news[0][:1]

    def output(function, scale):
        return {("output", "h"): function(cell, scale * douts, cell.output(h.copy()))}

    def output_names():
        return [[("h", h, 0, False), ("outs", cell.output(h), 0, False), ("douts", douts, 1, False),
                 *((text, a, 0, True) for text, a in _activations(kind.output, kind, lambda f: f(cell, h)))]]

    of_output = {("output", "h"): gradient(lambda: (douts * steps.twin.output(hs)).sum(), hs, steps.exact)}
    return [*found, Stage("output_backward", kind.output_backward, kind, output, of_output, output, of_output,
                          named=output_names)]


def joined(many):
    """block -> the arrays of that block side by side."""
    return {block: np.stack([one[block] for one in many], axis=-1) for block in many[0]}


def gradient(value, array, exact):
    """The numeric gradient of value(), one number, with respect to the array, which it reads."""
    return slopes_of(value, array, range(array.size), exact).reshape(array.shape)


def slopes_of(value, array, where, exact):
    """The derivative of value(), by the elements `where` (flat indices) of the array, which it reads: one row each."""
    flat, found, h = array.reshape(-1), [], 1e-3
    for i in where:
        kept = flat[i]

        def at(difference):
            flat[i] = kept + difference
            result = np.array(value())
            flat[i] = kept
            return result

        if exact:
            found.append(at(1e-30j).imag / 1e-30)
        else:                                                   # two central differences, their h² parts cancelled
            found.append((8 * (at(h / 2) - at(-h / 2)) - (at(h) - at(-h))) / (6 * h))
    return np.array(found)


# ---- the parts of a model --------------------------------------------------------------------------------------------

def layer_stage(layer, width, training, rng):
    """The backward pass of a layer as a `Stage`."""
    def on(n_steps, batch):
        """(call, truth) for random inputs of that size."""
        symbols = isinstance(layer, OneHot)
        shape = (n_steps, batch) if symbols else (n_steps, getattr(layer, "n_in", width), batch)
        xs = rng.integers(layer.n_symbols, size=shape) if symbols else rng.normal(size=shape)
        notes = isinstance(layer, (BatchNorm, Dropout))

        def forward():
            if isinstance(layer, Dropout):
                layer.rng = np.random.default_rng(0)            # the same values are dropped every time
            return layer.forward(xs, training) if notes else (layer.forward(xs), None)

        ys, memo = forward()
        dys = rng.normal(size=ys.shape)

        def call(function, scale, prefilled=0):
            grads = layer.params.like()
            grads.flat[...] = prefilled
            given = copies((scale * dys, memo) if notes else (scale * dys, xs, ys))
            dxs = function(layer, *given, grads)
            found = {("parameter", p): a - prefilled for p, a in grads.items()}
            return found if symbols else {("input", "x"): dxs, **found}

        value = lambda: (dys * forward()[0]).sum()
        truth = {} if symbols else {("input", "x"): gradient(value, xs, False)}
        return call, truth | {("parameter", p): gradient(value, a, False) for p, a in layer.params.items()}

    (call, truth), (columns, column_truth) = on(2, 3), on(1, 2)
    return Stage("backward", type(layer).backward, type(layer), call, truth, columns, column_truth, True)


def loss_stage(loss, outputs, targets):
    """The gradient that a loss returns, as a `Stage`: of the first two steps and three columns."""
    def on(n_steps, batch):
        ys, wanted = outputs[:n_steps, :, :batch].copy(), targets[:n_steps, ..., :batch]
        return (lambda function, scale: {("output", "y"): function(ys, wanted)[1]},
                {("output", "y"): gradient(lambda: loss(ys, wanted)[0], ys, False)})

    (call, truth), (columns, column_truth) = on(2, 3), on(1, 2)
    return Stage("loss", loss, None, call, truth, columns, column_truth)
