"""Where is a wrong gradient wrong, and which mistake is it? What follows when `gradcheck` fails.

**Where.** A few single steps, each from a random state of its own, so that nothing is carried from one to the next. The
derivative of every component of the new state with respect to the input, every component of the old state, the
pre-activations and every parameter gives a matrix of verdicts. A cell's backward pass is also taken apart: each of its
methods is called alone, with right values for what the others would have handed it.

**What.** A mistake is a hypothesis with a numeric consequence, so it can be tested. The method's own source is run once
more with every expression in it exchangeable (see `trace.py`). For each expression, a linear system says which value it
would have had to have for every gradient to come out right; for most there is none, and they are cleared. Where there
is one, it is compared with what the named quantities of the step could make of it: the same with the other sign, times
1 − i, with dc_new · f added, another gate's gradient, ... A finding is only reported after the method, with that one
value put right, gave every gradient as the numeric derivative has it. If nothing fits, that is what is said.
"""

import html
from dataclasses import asdict, dataclass
from itertools import combinations, combinations_with_replacement, permutations
from typing import NamedTuple

import numpy as np

from . import trace
from .cells.cell import Memo
from .cells.function import FunctionCell

STEPS, BATCH = 2, 3         # of the one-step checks: different numbers, so that a forgotten mean shows which
SEARCHED = 2                # columns in which the search inside a method is made
LARGE = 3000                # parameters: above it, a sample of each block is checked and no line is looked for
SAMPLE = 60
EXACT, CENTRAL = 1e-8, 1e-6 # what counts as equal, by complex step and by central differences

KINDS = {
    "sign": "a sign is wrong",
    "factor": "a constant factor is wrong",
    "missing factor": "a factor is missing",
    "surplus factor": "a factor is one too many",
    "missing term": "a term is missing",
    "surplus term": "a term is one too many",
    "derivative": "the derivative of an activation is missing or wrong",
    "exchanged": "one quantity stands in another's place",
    "other parameter": "it is the gradient of something else",
    "transposed": "a matrix should be transposed",
    "carry": "a gradient is not passed on",
    "overwritten": "a sum over time is assigned, not added to",
    "changes its input": "an array that belongs to others is changed in place",
    "not repeatable": "the same call gives different results",
    "left over": "gradients are left over from an earlier call",
    "not for complex numbers": "the forward pass cannot be differentiated by the complex step",
    "unexplained": "no hypothesis fits",
}


@dataclass(frozen=True)
class Finding:
    """One mistake: what kind (a key of `KINDS`), in words, which gradients are wrong because of it, and the place."""

    kind: str
    sentence: str
    wrong: tuple                # names of what is wrong because of it
    method: str = ""
    line: int = 0               # in the file of the cell; 0 if not known
    code: str = ""              # the expression
    parameters: tuple = ()      # names of parameters whose gradients are wrong because of it
    source: str = ""            # the line, as it is written


class Diagnosis:
    """What is wrong with a cell's backward pass: `findings`, and the matrix of verdicts of single steps.

    Attributes:
        subject: what was looked at.
        rows, columns: names of what was differentiated by, and of the components of the new state.
        matrix: (row, column) -> "ok", "wrong" or "none" (there is no path, and the derived gradient says so too).
        errors: (row, column) -> largest relative error.
        findings: a list of `Finding`; those that nothing explains are of the kind "unexplained".
        notes: what else is worth knowing, a list of sentences.
    """

    def __init__(self, subject, rows, columns, matrix, errors, findings, notes):
        self.subject, self.rows, self.columns = subject, rows, columns
        self.matrix, self.errors, self.findings, self.notes = matrix, errors, findings, notes

    def as_dict(self):
        """For JSON."""
        return {"subject": self.subject, "rows": self.rows, "columns": self.columns,
                "matrix": [[self.matrix[row, column] for column in self.columns] for row in self.rows],
                "errors": [[self.errors[row, column] for column in self.columns] for row in self.rows],
                "findings": [asdict(finding) for finding in self.findings], "notes": list(self.notes)}

    def summary(self):
        """At most ten lines: what a teaching assistant would say."""
        wrong = [cell for cell, verdict in self.matrix.items() if verdict == "wrong"]
        if wrong:
            columns = [c for c in self.columns if any(cell[1] == c for cell in wrong)]
            rows = [r for r in self.rows if any(cell[0] == r for cell in wrong)]
            lines = [f"{self.subject}: one step alone is already wrong, from {' and '.join(columns)} to {_few(rows)}."]
        else:
            lines = [f"{self.subject}: each step alone is right; the fault is in what is carried or added up over steps."]
            if any(finding.kind == "not for complex numbers" for finding in self.findings):
                lines = [f"{self.subject}: each step alone is right, by central differences."]
        told = self.findings[:3]
        for number, finding in enumerate(told, 1):
            mark = f"{number}. " if len(self.findings) > 1 else ""
            place = f"{finding.method}, line {finding.line}: " if finding.line else f"{finding.method}: " * bool(finding.method)
            lines.append(f"  {mark}{place}{finding.sentence}")
            if finding.source:
                lines.append(f"  {' ' * len(mark)}    {finding.source}")
            if finding.wrong and finding.kind != "unexplained":
                lines.append(f"  {' ' * len(mark)}This alone makes wrong: {_few(finding.wrong, 8)}.")
        if len(self.findings) > len(told):
            lines.append(f"  and {len(self.findings) - len(told)} more, in `report.diagnosis.findings`.")
        return "\n".join([*lines, *("  " + note for note in self.notes[:10 - len(lines)])])

    def table(self):
        """The matrix of verdicts as text."""
        marks = {"ok": "ok", "wrong": "WRONG", "none": "·"}
        lines = [["one step, d of → by ↓", *self.columns]]
        lines += [[row, *(marks[self.matrix[row, column]] for column in self.columns)] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join("  " + "  ".join(f"{t:<{w}}" for t, w in zip(line, widths)).rstrip() for line in lines)

    def __str__(self):
        return f"{self.summary()}\n\n{self.table()}"

    __repr__ = __str__

    def _repr_html_(self):
        return f"<pre>{html.escape(self.summary())}</pre>{self.picture()}"

    def picture(self):
        """The matrix of verdicts as a drawing (SVG): a cross on orange where it is wrong, a dot where there is no path."""
        left, top, width, height = 14 + 8 * max(map(len, self.rows)), 26, 64, 20
        parts = []
        for i, column in enumerate(self.columns):
            parts.append(f"<text x='{left + width * (i + .5)}' y='18' text-anchor='middle'>{html.escape(column)}</text>")
        for j, row in enumerate(self.rows):
            y = top + height * j
            parts.append(f"<text x='{left - 8}' y='{y + 14}' text-anchor='end'>{html.escape(row)}</text>")
            for i, column in enumerate(self.columns):
                verdict, x = self.matrix[row, column], left + width * i
                fill, mark = {"ok": ("#cfe5f2", "ok"), "wrong": ("#d55e00", "✗"), "none": ("#f4f4f4", "·")}[verdict]
                ink = "white" if verdict == "wrong" else "black"
                parts.append(f"<rect x='{x}' y='{y}' width='{width - 2}' height='{height - 2}' fill='{fill}'/>"
                             f"<text x='{x + width / 2 - 1}' y='{y + 14}' text-anchor='middle' fill='{ink}'>{mark}"
                             f"<title>{html.escape(row)}, {html.escape(column)}: {self.errors[row, column]:.1e}</title></text>")
        size = left + width * len(self.columns) + 4, top + height * len(self.rows) + 4
        return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{size[0]}' height='{size[1]}' font-size='12' "
                f"font-family='sans-serif' role='img' aria-label='verdicts of single steps' style='background:white'>"
                f"{''.join(parts)}</svg>")


def _few(names, most=6):
    names = list(names)
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most - 1])} and {len(names) - most + 1} more"


# ---- single steps, and their exact derivative ------------------------------------------------------------------------

class Steps:
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
        done = [cell.step(wx, tuple(old[k] for old in olds)) for k, wx in enumerate(wxs)]
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
        flat, found = self.arrays[block].reshape(-1), []
        for i in where:
            kept = flat[i]

            def at(difference):
                flat[i] = kept + difference
                value = self._values()
                flat[i] = kept
                return value

            if self.exact:
                found.append(at(1e-30j).imag / 1e-30)
            else:                                               # two central differences, their h² parts cancelled
                h = 1e-3
                found.append((8 * (at(h / 2) - at(-h / 2)) - (at(h) - at(-h))) / (6 * h))
        return np.array(found).reshape(len(where), *self._shape)

    @property
    def _shape(self):
        return len(self.dnews), *self.dnews[0].shape

    def backward(self, dnews):
        """(kind, name) -> gradient, by the cell's own methods: one-step `step_backward`, then `weight_gradients`."""
        cell = self.cell
        if isinstance(cell, FunctionCell):
            cell._pending.flat[...] = 0
        dwxs, dolds = [], []
        for k, memo in enumerate(self.memos):
            dwx, dold = cell.step_backward(*_copies((tuple(d[k] for d in dnews), tuple(old[k] for old in self.olds),
                                                     tuple(new[k] for new in self.news), memo)))
            dwxs.append(dwx)
            dolds.append(dold)
        grads, dwxs = cell.params.like(), np.stack(dwxs)
        dxs = cell.weight_gradients(dwxs, *_copies((self.xs, tuple(self.olds), self.all_memos())), grads)
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


def _activations(function, owner, call):
    """(text, array): the derivative of every function of one argument that is applied while call(function) runs."""
    try:
        traced = trace.Traced(function, owner)
    except (OSError, ValueError):                               # no source to look into
        return []
    found = []
    with traced, np.errstate(all="ignore"):
        values = traced.record(lambda: call(traced.function))
        for key, value in values.items():
            expression = traced.expressions[key.expression]
            argument = trace.Key(expression.argument, key.call, key.nth)
            if argument in values and values[argument].shape == value.shape:
                high, low = (traced.record(lambda: call(traced.function), {argument: values[argument] + h})[key]
                             for h in (1e-6, -1e-6))
                found.append((_plain(expression.text).replace("(", "′(", 1), (high - low) / 2e-6))
    return found


def _copies(values):
    """Nested tuples of arrays, copied: what a wrong method does to its arguments is its own affair."""
    if isinstance(values, np.ndarray):
        return values.copy()
    if isinstance(values, Memo):
        return Memo(**{name: np.array(value) for name, value in vars(values).items()})
    if isinstance(values, dict):
        return {name: np.array(value) for name, value in values.items()}
    return tuple(map(_copies, values))


# ---- a backward pass, method by method -------------------------------------------------------------------------------

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
    named: object = None        # named(): what each call could know, even if it reads it nowhere


def stages(steps, slopes, rng):
    """The stages of a cell's backward pass. `slopes`: block -> the derivative of every component of every new state."""
    cell, names, dnews = steps.cell, steps.cell.state_names, np.stack(steps.dnews)

    def right(block, k=slice(None), b=slice(None)):
        """The right gradient of a block, of all steps and columns or of some."""
        slope, dnew = slopes[block][:, :, k, :, b], dnews[:, k, :, b]
        return (slope * dnew).reshape(len(slope), -1).sum(axis=1).reshape(steps.arrays[block].shape)

    def start(prefilled):
        grads = cell.params.like()
        grads.flat[...] = prefilled
        return grads

    def added(grads, prefilled):
        for symbol, array in grads.stacked.items():
            if not np.shares_memory(array, grads.flat):
                raise _Overwritten(f'grads.stacked["{symbol}"]', [n for n in grads if n.partition("_")[0] == symbol])
        return {("parameter", name): a - prefilled for name, a in grads.items()}

    kept = {}

    def arrays(k, b=slice(None)):
        """x, old, new, memo, dnew of a step, of all columns or of one."""
        if (k, str(b)) not in kept:
            x, old = steps.xs[k][:, b].copy(), tuple(o[k][:, b].copy() for o in steps.olds)
            new, memo = cell.step(cell.input_terms(x[None])[0], old)
            kept[k, str(b)] = x, old, new, memo, tuple(d[k][:, b] for d in steps.dnews)
        return _copies(kept[k, str(b)])

    def named_in(k, b=slice(None)):
        """(name, array, degree, is it an activation's derivative?): what a step knows."""
        x, old, new, memo, dnew = arrays(k, b)
        found = [("x", x, 0, False), *((n, a, 0, False) for n, a in vars(memo).items() if n != "_x")]
        found += [(n, a, 0, False) for n, a in cell.params.items() if a.shape == (cell.n_hidden, 1)]
        found += [(n, a, 0, False) for n, a in zip(names, old)] + [(f"{n}_new", a, 0, False) for n, a in zip(names, new)]
        found += [(f"d{n}_new", a, 1, False) for n, a in zip(names, dnew)]
        return found + [(text, a, 0, True) for text, a in steps.activations(x, old)]

    parameters = [block for block in slopes if block[0] == "parameter"]
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
            return _joined([own(function, scale, b=b) for b in columns])

        def own_names():
            return [named_in(0, b) for b in columns]

        return [Stage("step_backward", cell.functions[1], None, own, own_truth(), own_columns,
                      _joined([own_truth(b) for b in columns]), True, own_names)]

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
        dxs = function(cell, scale * dwxs[k][..., b], *_copies((xs, olds, memos)), grads)
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
        lambda function, scale: _joined([weights(function, scale, k=k, b=b) for k, b in each_column]),
        _joined([weights_truth(k, b) for k, b in each_column]), True, weights_names))

    dstate = tuple(rng.normal(size=(cell.n_hidden, BATCH)) for _ in names)

    def own_start(function, scale, prefilled=0, b=slice(None)):
        grads = start(prefilled)
        function(cell, tuple(scale * d[:, b] for d in dstate), grads)
        return added(grads, prefilled)

    def own_start_truth(b=slice(None)):
        value = lambda: sum((d[:, b] * a[:, b]).sum() for d, a in zip(dstate, steps.twin.initial_state(BATCH)))
        return {("parameter", name): _gradient(value, a, steps.exact) for name, a in steps.twin.params.items()}

    def own_start_names():
        found = [(f"d{name}", d[:, :1], 1, False) for name, d in zip(names, dstate)]
        passed = _activations(kind.initial_state, kind, lambda f: f(cell, 1))
        return [found + [(text, a, 0, True) for text, a in passed]]

    if any(np.any(a) for a in own_start_truth().values()):
        one = slice(0, 1)
        found.append(Stage("initial_state_backward", kind.initial_state_backward, kind, own_start, own_start_truth(),
                           lambda function, scale: own_start(function, scale, b=one), own_start_truth(one), True,
                           own_start_names))

    hs, douts = steps.news[0][:1].astype(steps.twin.dtype), rng.normal(size=steps.news[0][:1].shape)
    h = steps.news[0][:1]

    def output(function, scale):
        return {("output", "h"): function(cell, scale * douts, cell.output(h.copy()))}

    def output_names():
        return [[("h", h, 0, False), ("outs", cell.output(h), 0, False), ("douts", douts, 1, False),
                 *((text, a, 0, True) for text, a in _activations(kind.output, kind, lambda f: f(cell, h)))]]

    of_output = {("output", "h"): _gradient(lambda: (douts * steps.twin.output(hs)).sum(), hs, steps.exact)}
    return [*found, Stage("output_backward", kind.output_backward, kind, output, of_output, output, of_output,
                          named=output_names)]


class _Overwritten(Exception):
    """A method put an array of its own where it should have added to one."""

    def __init__(self, place, names):
        super().__init__(place)
        self.place, self.names = place, names


def _joined(many):
    """block -> the arrays of that block side by side."""
    return {block: np.stack([one[block] for one in many], axis=-1) for block in many[0]}


def _gradient(value, array, exact):
    """The numeric gradient of value(), which reads the array."""
    flat, found = array.reshape(-1), np.empty(array.size)
    for i, kept in enumerate(flat.copy()):
        differences = [1e-30j] if exact else [1e-5, -1e-5]
        values = []
        for difference in differences:
            flat[i] = kept + difference
            values.append(value())
        flat[i] = kept
        found[i] = values[0].imag / 1e-30 if exact else (values[0] - values[1]) / 2e-5
    return found.reshape(array.shape)


# ---- hypotheses: what turns a value into the one that was needed -----------------------------------------------------

class Quantity(NamedTuple):
    """Something that a hypothesis may name."""

    text: str
    value: np.ndarray
    degree: int                 # 1: a gradient (twice the incoming gradient makes it twice as large), 0: anything else
    is_derivative: bool = False # of an activation
    is_name: bool = False
    is_sum: bool = False        # a difference of two, made up to be tried


class Explanation(NamedTuple):
    """What could have made a value wrong: a hypothesis that fits the numbers."""

    cost: float                 # how far-fetched: the least is told
    kind: str
    phrase: str


class Quantities(list):
    """A list of `Quantity`, which also finds those whose product is a given array."""

    def __init__(self, quantities):
        super().__init__(quantities)
        self._tables = {}

    def at(self, shape, known):
        """(n, elements): the values where known, of those that fit the shape; and which those are."""
        if (shape, known.tobytes()) not in self._tables:
            fitting = [q for q in self if _fits(q.value.shape, shape)]
            values = [np.broadcast_to(q.value, shape)[known] for q in fitting]
            self._tables[shape, known.tobytes()] = fitting, np.array(values).reshape(len(values), known.sum())
        return self._tables[shape, known.tobytes()]

    def products(self, shape, known, degree, n):
        """All products of n quantities of a degree: which, and their values, in the order of |value| of the first element."""
        key = shape, known.tobytes(), degree, n
        if key not in self._tables:
            fitting, values = self.at(shape, known)
            chosen = [k for k, q in enumerate(fitting) if q.degree == degree and (n < 3 or not q.is_sum)]
            sets = np.array(list(combinations_with_replacement(chosen, n)), int).reshape(-1, n)
            products = values[sets].prod(axis=1)
            order = np.argsort(np.abs(products[:, 0])) if len(products) else np.zeros(0, int)
            self._tables[key] = sets[order], products[order], np.abs(products[order][:, 0])
        return self._tables[key]


def _fits(inner, outer):
    return len(inner) <= len(outer) and all(a in (1, b) for a, b in zip(inner[::-1], outer[::-1]))


class Case(NamedTuple):
    """A value, and what it would have had to be."""

    code: str                   # what gave the value
    shape: tuple
    known: np.ndarray           # where the needed value is determined
    value: np.ndarray           # there
    needed: np.ndarray
    quantities: Quantities
    tolerance: float
    degree: int = None          # of the value, as in `Quantity`; None if it is neither
    is_name: bool = True        # whether the code only names the value

    def equal(self, a, b):
        return np.abs(a - b).max() <= self.tolerance * max(np.abs(a).max(), np.abs(b).max(), 1e-300)

    def of_degree(self, degree):
        fitting, values = self.quantities.at(self.shape, self.known)
        return [(q, at) for q, at in zip(fitting, values) if q.degree == degree]

    def products(self, target, most):
        """(sign, quantities) of every product of as few quantities as possible, of no gradients, that equals ± the target."""
        if not np.all(np.isfinite(target)) or not np.any(target):
            return []
        fitting, _ = self.quantities.at(self.shape, self.known)
        room = self.tolerance * np.abs(target).max()
        for n in range(1, most + 1):
            sets, products, firsts = self.quantities.products(self.shape, self.known, 0, n)
            ends = np.searchsorted(firsts, [abs(target[0]) - room, abs(target[0]) + room])
            if ends[0] == ends[1]:
                continue
            sets, products = sets[slice(*ends)], products[slice(*ends)]
            found = [(sign, [fitting[i] for i in sets[k]]) for sign in (1, -1)
                     for k in np.flatnonzero(np.abs(products - sign * target).max(axis=1, initial=0) <= room)]
            if found:
                return found
        return []


def explain(case, limit=np.inf):
    """Every hypothesis that turns the value into the needed one: a list of `Explanation`.

    Each hypothesis is one of the functions below, from the plainest to the most far-fetched; those that cost more than
    `limit` are not tried. They compare a dozen random numbers to seven digits, so that an agreement is no accident.
    """
    found = []
    for least, hypothesis in HYPOTHESES:
        if least <= limit and least < min((explanation.cost for explanation in found), default=np.inf):
            found += hypothesis(case)
    return found


def sign_flipped(case):
    if case.equal(case.needed, -case.value):
        yield Explanation(0.5, "sign", f"`{case.code}` has the wrong sign")


def constant_factor(case):
    ratio = case.value / case.needed
    if not np.all(np.isfinite(ratio)) or not case.equal(ratio, np.full_like(ratio, ratio.mean())):
        return
    factor = ratio.mean()
    if abs(factor) < case.tolerance or abs(factor + 1) < case.tolerance:
        return
    meaning = next((f": {text}" for c, text in FACTORS.items() if np.isclose(c, abs(factor), rtol=1e-7)), "")
    yield Explanation(1.5 if meaning else 4, "factor", f"`{case.code}` is {factor:.6g} times what it should be{meaning}")


FACTORS = {2: "counted twice", 1 / 2: "halved", BATCH: "counted once per column of the batch",
           1 / BATCH: "a mean over the columns where the sum belongs"}


def nothing_needed(case):
    if np.any(case.value) and np.abs(case.needed).max() <= case.tolerance * np.abs(case.value).max():
        yield Explanation(1.2, "surplus term", f"the term `{case.code}` is one too many")


def factor_missing(case):
    for sign, parts in case.products(case.needed / case.value, 2):
        yield _factor(case, "missing", sign, parts)
    for quantity, at in case.of_degree(1):
        if case.equal(case.needed, case.value * at):
            yield _factor(case, "missing", 1, [quantity])
        for sign, parts in case.products(case.needed / case.value / at, 1):
            yield _factor(case, "missing", sign, [quantity, *parts])


def factor_surplus(case):
    for sign, parts in case.products(case.value / case.needed, 2):
        yield _factor(case, "surplus", sign, parts)


def _factor(case, what, sign, parts):
    derivative = any(q.is_derivative for q in parts)
    noun = "the derivative of the activation" if derivative else "the factor"
    verb = "is missing" if what == "missing" else "is one too many"
    cost = (1 if what == "missing" else 1.1) + 0.6 * (len(parts) - 1) + 0.5 * (sign < 0)
    return Explanation(cost + 0.3 * sum(not q.is_name for q in parts), "derivative" if derivative else f"{what} factor",
                       f"{noun} {_product(parts)} {verb} at `{case.code}`{', and the sign is wrong' if sign < 0 else ''}")


def another_quantity(case):
    quantities, values = case.quantities.at(case.shape, case.known)
    for sign in (1, -1):
        for k in np.flatnonzero(np.abs(values - sign * case.needed).max(axis=1) <= case.tolerance * np.abs(case.needed).max()):
            quantity = quantities[k]
            text = quantity.text if sign > 0 else f"−({quantity.text})"
            if quantity.is_derivative:
                yield Explanation(0.85 + (sign < 0), "derivative",
                                  f"`{case.code}` stands where the derivative of the activation, {text}, belongs")
            elif not quantity.is_sum:
                odd = case.degree is not None and quantity.degree != case.degree
                cost = 1.35 + 0.1 * (not quantity.is_name or sign < 0) + 0.8 * odd + 0.6 * (not case.is_name)
                yield Explanation(cost, "exchanged",
                                  f"`{case.code}` stands where {text} belongs")


def derivative_exchanged(case):
    fitting, values = case.quantities.at(case.shape, case.known)
    derivatives = [(q, at) for q, at in zip(fitting, values) if q.is_derivative]
    for (wrong, at), (right, needed) in permutations(derivatives, 2):
        if case.equal(case.needed * at, case.value * needed):
            yield Explanation(1.3, "derivative", f"the derivative of the activation is {right.text}, not {wrong.text}, at "
                              f"`{case.code}`")


def factor_exchanged(case):
    for quantity, at in case.of_degree(0):
        for sign, parts in case.products(case.needed / case.value * at, 1):
            yield Explanation(2.6 + 0.3 * (not parts[0].is_name), "derivative" if parts[0].is_derivative else "exchanged",
                              f"the factor {_product([quantity])} stands where {'−' * (sign < 0)}{_product(parts)} belongs, "
                              f"at `{case.code}`")


def one_missing(case):
    for sign in (1, -1):
        if np.abs(case.needed - case.value - sign).max() <= case.tolerance:
            yield Explanation(1.0, "missing term", f"the term {'+' if sign > 0 else '−'} 1 is missing at `{case.code}`")


def term_missing(case):
    """needed − value is a product of up to two quantities, or of one gradient and up to three quantities."""
    for sign, parts in case.products(case.needed - case.value, 2):
        yield _term(case, sign, parts)
    for quantity, at in case.of_degree(1):
        for sign in (1, -1):
            if case.equal(sign * at, case.needed - case.value):
                yield _term(case, sign, [quantity])
        for sign, parts in case.products((case.needed - case.value) / at, 3):
            yield _term(case, sign, [quantity, *parts])


def _term(case, sign, parts):
    cost = 1.3 + 0.3 * len(parts) + 0.1 * sum(not q.is_name for q in parts)
    return Explanation(cost, "missing term",
                       f"the term {'−' if sign < 0 else '+'} {_product(parts)} is missing at `{case.code}`")


HYPOTHESES = ((0.5, sign_flipped), (0.85, another_quantity), (1.0, factor_missing), (1.0, one_missing), (1.1, factor_surplus),
              (1.2, nothing_needed), (1.3, derivative_exchanged), (1.5, constant_factor), (1.6, term_missing), (2.6, factor_exchanged))


def _product(parts):
    return " · ".join(q.text if q.is_name or q.text.startswith("(") or q.text.endswith(")") else f"({q.text})" for q in parts)


# ---- the search ------------------------------------------------------------------------------------------------------

class Suspect(NamedTuple):
    """An expression, or a variable wherever it is read: what may be wrong.

    It may be reached several times. Each slot is a value and the keys that have it.
    """

    expression: trace.Expression
    slots: list                 # of (keys, value)

    @property
    def size(self):
        return sum(value.size for keys, value in self.slots)

    def replaced(self, values):
        return {key: value for (keys, _), value in zip(self.slots, values) for key in keys}


class Seen:
    """What every expression and variable was while a stage ran, and how each depends on the incoming gradient."""

    def __init__(self, search, replaced, replaced_twice, repair=()):
        self.repair, self.replaced, self._run = repair, replaced, search.stage.columns
        self.traced, self.named, self.params = search.traced, search.named, search.cell.params
        self.values = self.traced.record(lambda: self._run(self.traced.function, 1), replaced)
        self.variables, self.main_calls = self.traced.variables, self.traced.main_calls
        self._doubled = self.traced.record(lambda: self._run(self.traced.function, 2), replaced_twice)
        self._doubled_variables = self.traced.variables
        self._known = {}

    def degree(self, key):
        return _degree(self.values[key], self._doubled.get(key))

    def quantities(self, key):
        """Everything that has a name in the same call as this key, once; and what can easily be made of it."""
        times = self._times(key)
        turn = key.call, times, key.nth if times > 1 else 0
        if turn not in self._known:
            self._known[turn] = Quantities(self._found(key, times))
        return self._known[turn]

    def _found(self, key, times):
        found, texts = {}, {}

        def add(text, value, degree, where="", **more):
            if value.ndim == 3 and len(value) == 1:
                value = value[0]
            if value.ndim != 2 or value.size > 128 or not np.any(value) or degree is None:
                return
            same = degree, np.round(value, 12).tobytes(), value.shape
            if texts.setdefault(text, same) != same:            # another value had the name: a variable that was set anew
                text, more["is_name"] = f"{text} {where}", False
                if texts.setdefault(text, same) != same:
                    return
            if same not in found or more.get("is_name", False) > found[same].is_name:
                found[same] = Quantity(text, value, degree, **more)

        values, variables = self._without(key)
        for (call, name, line), value in variables.items():
            if call == key.call:
                add(name, value, _degree(value, self._doubled_variables.get((call, name, line))), f"of line {line}", is_name=True)
        for other, value in values.items():
            if other.call == key.call and not (times > 1 and self._times(other) == times and other.nth != key.nth):
                expression = self.traced.expressions[other.expression]      # (in a loop only of the same turn)
                add(_plain(expression.text), value, self.degree(other), f"of line {expression.line}", is_name=expression.is_name)
        main = np.searchsorted(self.main_calls, key.call, side="right") - 1
        named = self.named[main] if 0 <= main < len(self.named) else []     # whether the method reads it or not
        for text, value, degree, is_derivative in named:
            if not is_derivative:
                add(text, value, degree, "of the step", is_name=True)
        plain = [q for q in found.values() if q.degree == 0 and q.is_name]
        for text, q, *_ in plain:
            add(f"(1 − {text})", 1 - q, 0)
            add(f"(1 − {text}²)", 1 - q**2, 0, is_derivative=True)
            add(f"{text}(1 − {text})", q * (1 - q), 0, is_derivative=True)
        for text, value, degree, is_derivative in named:
            if is_derivative and not any(_fits(q.value.shape, value.shape) and np.allclose(q.value, value, rtol=1e-7)
                                         for q in found.values()):
                add(text, value, 0, is_derivative=True)
        for one, other in combinations(plain, 2):
            if one.value.shape == other.value.shape:
                add(f"({one.text} − {other.text})", one.value - other.value, 0, is_sum=True)
        for q in [q for q in found.values() if q.degree == 1]:
            for name, matrix in [*self.params.items(), *self.params.stacked.items()]:
                if matrix.ndim == 2 and matrix.shape[1] > 1 and q.value.shape[-2] == matrix.shape[0]:
                    add(f"{name}ᵀ {q.text}" if q.is_name else f"{name}ᵀ ({q.text})", matrix.T @ q.value, 1)
        return found.values()

    def _without(self, key):
        """The values and variables that do not come from what is repaired in this call: naming those would say nothing."""
        own = {k: 1.37 * value + 0.11 for k, value in dict(self.repair).items() if k.call == key.call}
        if not own:
            return self.values, self.variables
        shaken = self.traced.record(lambda: self._run(self.traced.function, 1), self.replaced | own)
        other = self.traced.variables
        return ({k: value for k, value in self.values.items() if k in shaken and np.array_equal(value, shaken[k])},
                {k: value for k, value in self.variables.items() if k in other and np.array_equal(value, other[k])})

    def _times(self, key):
        times = 1
        while trace.Key(key.expression, key.call, times) in self.values:
            times += 1
        return times


class Search:
    """The wrong expressions of one stage: those which, put right, make the stage's gradients right."""

    def __init__(self, stage, steps):
        self.stage, self.tolerance, self.cell = stage, steps.tolerance, steps.cell
        self.named = stage.named() if stage.named else []
        self.traced = trace.Traced(stage.function, stage.owner)
        truth = stage.column_truth
        self.blocks = list(truth)
        ends = np.cumsum([0, *(truth[block].size for block in self.blocks)])
        self.slices = {block: slice(*pair) for block, pair in zip(self.blocks, zip(ends, ends[1:]))}
        self.truth = self._flat(truth)
        self.scales = np.ones_like(self.truth)
        for block in self.blocks:
            size = np.abs(truth[block]).max(initial=0)
            self.scales[self.slices[block]] = max(size, 1e-3 * np.abs(self.truth).max())

    def _flat(self, gradients):
        return np.concatenate([np.asarray(gradients[block], float).ravel() for block in self.blocks])

    def run(self, replaced):
        return self.traced.run(lambda: self._flat(self.stage.columns(self.traced.function, 1)), replaced)

    def wrong(self, found):
        bad = ~(np.abs(found - self.truth) <= self.tolerance * self.scales)
        return {block for block in self.blocks if bad[self.slices[block]].any()}

    def findings(self):
        """A list of (explanation, expression, blocks that it makes wrong), and the blocks that stay unexplained."""
        found, replaced, twice = [], {}, {}
        with self.traced, np.errstate(all="ignore"):
            wrong = self.wrong(self.run({}))
            while wrong and len(found) < 5:
                self.seen = Seen(self, replaced, twice)
                self._twice = twice
                best = self._best(replaced, wrong)
                if best is None:
                    break
                explanation, suspect, repair, wrong = best
                twice = twice | self._doubled(repair)
                replaced = replaced | repair
                found.append((explanation, suspect.expression, self._changed(self.run({}), self.run(repair), self.tolerance)))
        return found, wrong

    def _changed(self, after, before, tolerance=1e-12):
        moved = ~(np.abs(after - before) <= tolerance * self.scales)
        return {block for block in self.blocks if moved[self.slices[block]].any()}

    def _best(self, replaced, wrong):
        """The best explained way to make some of `wrong` right and nothing else wrong: all of it, if possible."""
        self._effects_of, self._cheapest = {}, {}
        base, ways = self.run(replaced), []
        ways += self._swaps(replaced, wrong)
        for suspect in self._suspects():
            if suspect.size <= 128 and not any(key in replaced for keys, _ in suspect.slots for key in keys):
                ways += self._ways(suspect, replaced, wrong, base)
        if not ways:
            return None
        fewest = min(len(left) for *_, left in ways)
        return min((way for way in ways if len(way[3]) == fewest),
                   key=lambda way: (way[0].cost, way[1].expression.ancestor, way[1].expression.size))

    def _swaps(self, replaced, wrong):
        """Ways of the kind that two names of one statement stand in each other's place."""
        read = {}                                               # statement -> name -> [(key, value)]
        for key, value in self.seen.values.items():
            expression = self.traced.expressions[key.expression]
            if expression.is_name and key not in replaced:
                read.setdefault((expression.function, expression.statement), {}).setdefault(expression.text, []).append(
                    (key, value))
        ways = []
        for names in read.values():
            for one, other in combinations(names, 2):
                values = [{(key.call, key.nth): value for key, value in names[name]} for name in (one, other)]
                if any(values[0][at].shape != values[1][at].shape for at in values[0].keys() & values[1].keys()):
                    continue
                repair = {key: values[1 - k][key.call, key.nth] for k, name in enumerate((one, other))
                          for key, _ in names[name] if (key.call, key.nth) in values[1 - k]}
                left = self._left(repair, replaced, wrong) if repair else None
                if left is not None:
                    slots = [([key], value) for key, value in names[one]]
                    suspect = Suspect(self.traced.expressions[names[one][0][0].expression], slots)
                    ways.append((Explanation(1.4, "exchanged", f"`{one}` and `{other}` stand in each other's place"),
                                 suspect, repair, left))
        return ways

    def _doubled(self, repair):
        """The repair for twice the incoming gradient."""
        return {key: value if self.seen.degree(key) == 0 else 2 * value for key, value in repair.items()}

    def _suspects(self):
        """Every expression, with all the times that it was reached; and every variable that is read more than once."""
        by_expression, by_variable = {}, {}
        for key, value in self.seen.values.items():
            expression = self.traced.expressions[key.expression]
            by_expression.setdefault(key.expression, []).append(([key], value))
            if expression.text.isidentifier():
                calls = by_variable.setdefault((expression.function, expression.text), {}).setdefault(key.call, {})
                calls.setdefault(value.tobytes(), []).append((key, value))
        found = [Suspect(self.traced.expressions[k], slots) for k, slots in by_expression.items()]
        for calls in by_variable.values():
            for nth in range(max(map(len, calls.values()))):    # the variable's nth value in each call
                groups = [list(values.values())[nth] for values in calls.values() if len(values) > nth]
                if any(len(group) > 1 for group in groups):
                    slots = [([key for key, _ in group], group[0][1]) for group in groups]
                    found.append(Suspect(self.traced.expressions[slots[0][0][0].expression], slots))
        return found

    def _ways(self, suspect, replaced, wrong, base):
        """(explanation, suspect, repair, what is then still wrong) for one suspect."""
        values = [value for keys, value in suspect.slots]
        shaken = suspect.replaced([1.37 * value + 0.11 for value in values])
        changed = self._changed(self.run(replaced | shaken), base)
        if not changed & wrong:
            return []
        ways = []
        for explanation, needed in self._direct(suspect):
            repair = suspect.replaced(needed)
            left = self._left(repair, replaced, wrong)
            if left is not None:
                ways.append((explanation, suspect, repair, left))
        for target in ([wrong] if wrong <= changed else []) + [{block} for block in changed & wrong if len(wrong) > 1]:
            solved = self._solve(suspect, values, replaced, base, wrong - target)
            if solved is None:
                continue
            needed, known = solved
            repair = suspect.replaced(needed)
            left = self._left(repair, replaced, wrong)
            if left is None:
                continue
            limit = min([cost for n, cost in self._cheapest.items() if n <= len(left)], default=np.inf)
            found = self._explanations(suspect, needed, known, limit, replaced, repair)
            ways += [(explanation, suspect, repair, left) for explanation in found]
            cheapest = [self._cheapest.get(len(left), np.inf), *(explanation.cost for explanation in found)]
            self._cheapest[len(left)] = min(cheapest)
            if not left:
                break
        return ways

    def _direct(self, suspect):
        """(explanation, values) of hypotheses that are tried as they are: where no linear system can say what was needed."""
        code, values = suspect.expression.text, [value for keys, value in suspect.slots]
        if all(value.ndim == 2 and value.shape[0] == value.shape[1] for value in values):
            yield Explanation(0.4, "transposed", f"`{code}` should be transposed"), [value.T for value in values]
        if not suspect.expression.is_name:
            return
        yield Explanation(0.5, "sign", f"`{code}` has the wrong sign"), [-value for value in values]
        by_slot = []
        for keys, value in suspect.slots:
            degree = self.seen.degree(keys[0])
            by_slot.append({q.text: q.value for q in self.seen.quantities(keys[0])
                            if q.is_name and q.value.shape == value.shape and degree in (q.degree, None)})
        for text in by_slot[0]:
            if text != _plain(code) and all(text in named for named in by_slot):
                yield (Explanation(1.35, "exchanged", f"`{code}` stands where {text} belongs"),
                       [named[text] for named in by_slot])

    def _explanations(self, suspect, needed, known, limit, replaced, repair):
        """Those that hold each time that the suspect was reached.

        Where that was in several calls, one may feed another: what each would compute is seen with the others repaired.
        """
        seen, common = self.seen, None
        if len({keys[0].call for keys, _ in suspect.slots}) > len(seen.main_calls):
            seen = Seen(self, replaced | repair, self._twice | self._doubled(repair), repair)
        for (keys, value), need, where in zip(suspect.slots, needed, known):
            value = seen.values[keys[0]]
            where = where & ((value != 0) | (np.abs(need) > 1e-13))        # 0 where 0 is needed says nothing
            if not where.any():
                continue
            case = Case(suspect.expression.text, value.shape, where, value[where], need[where],
                        seen.quantities(keys[0]), max(self.tolerance, 1e-7), seen.degree(keys[0]), suspect.expression.is_name)
            found = {explanation.phrase: explanation for explanation in explain(case, limit)}
            same = found if common is None else {phrase: e for phrase, e in common.items() if phrase in found}
            if not same and common:                             # not in the same words, but of the same kind
                kinds = {e.kind for e in found.values()}
                same = {phrase: e._replace(cost=e.cost + 0.3) for phrase, e in common.items() if e.kind in kinds}
            common = same
            if not common:
                return []
        return list((common or {}).values())

    def _left(self, repair, replaced, wrong):
        """What is still wrong with this repair; None if nothing is gained, or something is lost."""
        left = self.wrong(self.run(replaced | repair))
        return left if left < wrong else None

    def _solve(self, suspect, values, replaced, base, ignored):
        """The values that would make everything right but the ignored blocks, and where in them that is determined.

        A backward pass is linear in each of its values, so one linear system says it; where a method is called several
        times, and one call feeds another, a few Newton steps do.
        """
        counted = np.ones(len(base), bool)
        for block in ignored:
            counted[self.slices[block]] = False
        key = tuple(tuple(keys) for keys, _ in suspect.slots)
        if key not in self._effects_of:
            self._effects_of[key] = self._effects(suspect, values, replaced, base)
        effects, needed, cuts = self._effects_of[key][counted], values, np.cumsum([v.size for v in values])[:-1]
        known = np.abs(effects).max(axis=0) > 1e-12
        if not known.any() or known.sum() > len(effects):
            return None
        error = ((self.truth - base) / self.scales)[counted]
        for turn in range(6):
            change, _, rank, _ = np.linalg.lstsq(effects[:, known], error, rcond=1e-11)
            if rank < known.sum():
                return None
            changes = np.zeros(len(known))
            changes[known] = change
            needed = [value + c.reshape(value.shape) for value, c in zip(needed, np.split(changes, cuts))]
            after = self.run(replaced | suspect.replaced(needed))
            left = ((self.truth - after) / self.scales)[counted]
            if np.abs(left).max() <= 10 * self.tolerance:
                return needed, [where.reshape(value.shape) for value, where in zip(values, np.split(known, cuts))]
            if len({keys[0].call for keys, _ in suspect.slots}) == 1 or not np.abs(left).max() < 0.7 * np.abs(error).max():
                return None
            effects, error = self._effects(suspect, needed, replaced, after)[counted], left
        return None

    def _effects(self, suspect, values, replaced, base):
        """How everything depends on each element of the suspect: (gradients, elements)."""
        columns = []
        for k, value in enumerate(values):
            scale = max(np.abs(value).max(), 1e-3)
            for element in range(value.size):
                other = value.copy()
                other.flat[element] += scale
                run = self.run(replaced | suspect.replaced([other if j == k else v for j, v in enumerate(values)]))
                columns.append((run - base) / scale)
        return np.stack(columns, axis=1) / self.scales[:, None]


def _degree(value, twice):
    """1 if twice the incoming gradient made the value twice as large, 0 if it changed nothing, None otherwise."""
    if twice is None or twice.shape != value.shape:
        return None
    return 0 if np.array_equal(value, twice) else 1 if np.allclose(2 * value, twice, rtol=1e-9) else None


def _plain(text):
    """As one would say it: memo.i is i, self.R is R."""
    for prefix in ("memo.", "self."):
        text = text.removeprefix(prefix)
    return text.replace("**2", "²").replace(" - ", " − ").replace(" * ", " · ")


# ---- the diagnosis ---------------------------------------------------------------------------------------------------

def diagnose(cell, report=None, rng=0):
    """Look for the mistake in a cell's backward pass.

    Args:
        cell: a `Cell` or `FunctionCell`; not changed.
        report: what `gradcheck` found, if it did.
        rng: a seed for the random steps.

    Returns:
        A `Diagnosis`.
    """
    rng = np.random.default_rng(rng)
    steps = Steps(cell, rng)
    large = cell.n_params > LARGE
    where = {}
    for block, array in steps.arrays.items():
        where[block] = np.arange(array.size)
        if large and array.size > SAMPLE:
            where[block] = np.sort(rng.choice(array.size, SAMPLE, replace=False))
    slopes = {block: steps.derivatives(block, indices) for block, indices in where.items()}
    rows, columns, matrix, errors = _matrix(steps, slopes, where)

    findings, notes = _conduct(steps, report), []
    if large:
        notes.append(f"The cell is large: {SAMPLE} elements of each array were compared, and no line was looked for. "
                     f"With n_hidden=4 it would be named.")
    if not steps.exact:
        notes.append("The forward pass does not run on complex numbers, so central differences were used here.")
    if not large:
        for stage in stages(steps, slopes, rng):
            findings += _stage_findings(stage, steps)
    if not findings and "wrong" not in matrix.values() and report is not None and not report:
        findings.append(_of_many_steps(steps, report))
    return Diagnosis(_title(cell), rows, columns, matrix, errors, findings, notes)


def _of_many_steps(steps, report):
    """What is left to say where every single step is right."""
    bad = [row for row in report.rows if not row.ok]
    names = tuple(row.name for row in bad)
    if report.method == "complex" and not steps.exact:
        return Finding("not for complex numbers", "abs, .real, a cast or a comparison in the forward pass loses the imaginary "
                       "part, so the complex step says nothing here: check it with method=\"central\".", names)
    numbers = "; ".join(f"{row.name}{list(row.worst_index)} is {row.derived:+.6g} instead of {row.numeric:+.6g}" for row in bad[:2])
    return Finding("unexplained", f"no mistake that I know explains {_few(names)}, which are wrong over several steps only: "
                   f"{numbers}.", names, parameters=tuple(row.name for row in bad if row.kind == "parameter"))


def _title(cell):
    return f"{type(cell).__name__} (D={cell.n_in}, H={cell.n_hidden})"


def _matrix(steps, slopes, where):
    """The verdicts: rows by what is differentiated by, columns by component of the new state."""
    gates = steps.gates()
    columns = [f"{name}'" for name in steps.cell.state_names]
    rows, matrix, errors = [], {}, {}
    largest = max(np.abs(slope).max(initial=0) for slope in slopes.values())
    for m, column in enumerate(columns):
        one_hot = [dnew if k == m else np.zeros_like(dnew) for k, dnew in enumerate(steps.dnews)]
        derived = steps.backward(one_hot)
        for block, slope in slopes.items():
            truth = np.einsum("nkhb,khb->n", slope[:, m], steps.dnews[m])
            found = derived[block].reshape(-1)[where[block]]
            parts = {_label(block): slice(None)}
            if block[0] == "gates":
                row_of = where[block] // BATCH % steps.n_rows
                parts = {name: (row_of >= rows_.start) & (row_of < rows_.stop) for name, rows_ in gates.items()}
            for name, chosen in parts.items():
                if name not in rows:
                    rows.append(name)
                t, f = truth[chosen], found[chosen]
                size = max(np.abs(t).max(initial=0), np.abs(f).max(initial=0))
                error = np.abs(t - f).max(initial=0)
                fine = error <= steps.tolerance * size + 1e-13 * largest
                matrix[name, column] = "wrong" if not fine else "ok" if size > 1e-13 * largest else "none"
                errors[name, column] = float(error / size) if size > 0 else 0.0
    return rows, columns, matrix, errors


def _label(block):
    kind, name = block
    if kind == "state":
        return f"old {name}"
    if kind == "gates":
        return name
    return name


def _conduct(steps, report):
    """What a method must not do, whatever it computes: change what it was given, or depend on what ran before."""
    cell, findings = steps.cell, []
    own = isinstance(cell, FunctionCell)
    old, memo = tuple(o[0].copy() for o in steps.olds), steps.memos[0]
    wx = cell.input_terms(steps.xs)[0].copy()

    def look(method, call, given):
        before = _copies(given)
        first = _arrays_in(call())
        changed = [name for name, a, b in zip(names, _arrays_in(given), _arrays_in(before))
                   if not np.array_equal(a, b, equal_nan=True)]
        if changed:
            findings.append(Finding("changes its input", f"it changes {', '.join(changed)} in place; others still read "
                                    "that array. Work on a copy, or make a new one.", (), method))
            return
        again = _arrays_in(call())
        if any(not np.allclose(a, b, rtol=1e-12, equal_nan=True) for a, b in zip(first, again)):
            findings.append(Finding("not repeatable", "the same call gives different results: it draws random numbers, or "
                                    "keeps something from call to call.", (), method))

    params = tuple(cell.params.values())
    names = [*(f"old {name}" for name in cell.state_names), "x" if own else "wx", *cell.params]
    look("step", lambda: cell.step(wx, old), (old, wx, params))
    new, memo = cell.step(wx, old)
    dnew = tuple(d[0].copy() for d in steps.dnews)
    names = [*(f"d{name}" for name in cell.state_names), *(f"old {name}" for name in cell.state_names),
             *(f"new {name}" for name in cell.state_names), *vars(memo), *cell.params]
    given = (dnew, old, new, tuple(vars(memo).values()), params)
    look("step_backward", lambda: cell.step_backward(dnew, old, new, memo), given)
    if report is not None and report.unsteady and not findings:
        findings.append(Finding("left over", f"a second backward pass over the same run gives another gradient of "
                                f"{_few(report.unsteady)}: something is kept from the first.", tuple(report.unsteady)))
    return findings


def _arrays_in(values):
    if isinstance(values, np.ndarray):
        return [values.copy()]
    if isinstance(values, Memo):
        values = tuple(vars(values).values())
    return [array for value in values for array in _arrays_in(value)] if isinstance(values, tuple) else [np.array(values)]


def _names(blocks):
    """In words: the blocks of a stage."""
    words = {"input": "x", "gates": "", "state": "old ", "parameter": "", "output": "output "}
    return tuple("x" if kind == "input" else words[kind] + name for kind, name in blocks)


def _stage_findings(stage, steps):
    """What is wrong with one method of the backward pass."""
    place, tolerance = dict(method=stage.name), steps.tolerance
    try:
        plain = stage.call(stage.function, 1)
    except _Overwritten as overwritten:
        return [Finding("overwritten", f"`{overwritten.place} = ...` puts a new array there, which nobody reads, instead of "
                        f"adding to the gradients: write +=.", tuple(overwritten.names),
                        parameters=tuple(overwritten.names), **place)]
    largest = max(np.abs(truth).max(initial=0) for truth in stage.truth.values())
    wrong = [block for block, truth in stage.truth.items()
             if not np.all(np.abs(plain[block] - truth) <= tolerance * max(np.abs(truth).max(initial=0), 1e-3 * largest))]
    if not wrong:
        return _overwritten(stage, plain, place)
    try:
        search = Search(stage, steps)
    except (OSError, ValueError):                               # no source to look into
        found, left = [], set(wrong)
    else:
        found, left = search.findings()
    findings = []
    found = [(explanation, expression, [block for block in stage.truth if block in blocks])
             for explanation, expression, blocks in found]
    for explanation, expression, blocks in found:
        sentence, kind = explanation.phrase, explanation.kind
        findings.append(Finding(kind, f"{sentence}.", _names(blocks), line=expression.line, code=expression.text, source=expression.source,
                                parameters=_parameters(steps, blocks), **place))
    findings = _as_seen_outside(stage, steps, plain, wrong, found, findings, left, place)
    return findings


def _parameters(steps, blocks):
    """The parameters whose gradients are wrong where these blocks are."""
    names = {name for kind, name in blocks if kind == "parameter"}
    for kind, name in blocks:
        if kind == "gates":
            suffix = name.removeprefix("a").removeprefix("_")
            names |= {p for p in steps.cell.params if p.partition("_")[2] == suffix}
    return tuple(name for name in steps.cell.params if name in names)


def _overwritten(stage, plain, place):
    if not stage.adds:
        return []
    filled = stage.call(stage.function, 1, 0.7)
    bad = [block for block in stage.truth if block[0] == "parameter" and not np.allclose(filled[block], plain[block])]
    if not bad:
        return []
    return [Finding("overwritten", "it assigns the gradient instead of adding to it; every step must add its share: "
                    "write += (of all steps only the last that ran is left).", _names(bad),
                    parameters=tuple(name for _, name in bad), **place)]


def _as_seen_outside(stage, steps, plain, wrong, found, findings, left, place):
    """What can be said of a gradient as a whole; it goes before what was found inside, where that says no more."""
    outside = {}
    for block in wrong:
        seen = _outside(block, plain[block], stage, steps)
        if seen:
            outside[block] = seen
    # What a search in single columns does not see is a matter of the sum over them.
    left = set(left) | (set(wrong) - {block for *_, blocks in found for block in blocks})
    told, covered = [], set()
    for finding, (explanation, expression, blocks) in zip(findings, found):
        bad = [block for block in blocks if block in wrong]
        kinds = {outside[block][0] for block in bad if block in outside}
        if bad and all(block in outside for block in bad) and len(kinds) == 1 and kinds <= OUTRANKING:
            kind = kinds.pop()
            sentence = " ".join(dict.fromkeys(outside[block][1] for block in bad))
            finding = Finding(kind, f"{sentence} In `{finding.code}`: {finding.sentence}", finding.wrong,
                              line=finding.line, code=finding.code, source=finding.source, parameters=finding.parameters, **place)
        told.append(finding)
        covered |= set(bad)
    for block in wrong:
        if block in left and block in outside:
            kind, sentence = outside[block]
            told.append(Finding(kind, sentence, _names([block]), parameters=_parameters(steps, [block]), **place))
    unexplained = [block for block in wrong if block in left and block not in outside]
    if unexplained and not (told and stage.name == "step_backward" and all(b[0] == "state" for b in unexplained)):
        numbers = []
        for block in unexplained[:2]:
            error = np.abs(plain[block] - stage.truth[block])
            at = np.unravel_index(np.argmax(error), error.shape)
            numbers.append(f"{_names([block])[0]}{list(map(int, at))} is {plain[block][at]:+.6g} instead of "
                           f"{stage.truth[block][at]:+.6g}")
        told.append(Finding("unexplained", f"no single mistake that I know explains {_few(_names(unexplained))}: "
                            f"{'; '.join(numbers)}.", _names(unexplained), parameters=_parameters(steps, unexplained), **place))
    return told


OUTRANKING = {"other parameter", "carry", "overwritten", "transposed"}


def _outside(block, found, stage, steps):
    """(kind, sentence) if a gradient as a whole is another one, another's, or nothing."""
    truth, tolerance = stage.truth[block], max(10 * steps.tolerance, 1e-7)
    name, size = _names([block])[0], np.abs(stage.truth[block]).max(initial=0)

    def equal(a, b):
        return np.shape(a) == np.shape(b) and np.abs(a - b).max(initial=0) <= tolerance * max(np.abs(b).max(initial=0), 1e-300)

    if not np.any(found):
        if block[0] == "state":
            return "carry", f"The gradient of {name} is 0: nothing is passed to the earlier step on this path."
        return "missing term", f"The gradient of {name} is 0: nothing is ever added to it."
    for other, theirs in stage.truth.items():
        if other != block and other[0] == block[0] and equal(found, theirs):
            return "other parameter", f"The gradient of {name} holds that of {_names([other])[0]}."
    if truth.ndim == 2 and truth.shape[0] == truth.shape[1] and equal(found, truth.T) and size:
        return "transposed", f"The gradient of {name} is transposed."
    if equal(found, -truth):
        return "sign", f"The gradient of {name} has the wrong sign."
    ratio = found.ravel() @ truth.ravel() / max(truth.ravel() @ truth.ravel(), 1e-300)
    if equal(found, ratio * truth):
        named = {BATCH: "the columns' sum counted once per column", 2: "it is added twice", 0.5: "it is halved",
                 1 / BATCH: "a mean over the columns, where the sum belongs", 1 / STEPS / BATCH: "a mean over everything"}
        meaning = next((f": {text}" for c, text in named.items() if np.isclose(c, ratio)), "")
        return "factor", f"The gradient of {name} is {ratio:.6g} times what it should be{meaning}."
    return None
