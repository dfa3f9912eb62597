"""One step of a run with its numbers: forward, equation by equation, and back, path by path.

`step_through` runs a cell over a sequence and back, and looks at one step for one unit of one example. What it shows is
made of the step's graph (`reading.py`): every line of the forward pass is a value and what it was computed of; every line
of the backward pass is a gradient and the flows that add up to it. The gradients are then compared with those that the
cell's own `step_backward` and `weight_gradients` return, and the page says how well they agree.
"""

from typing import NamedTuple

import numpy as np

from .. import checks
from ..cells.cell import Memo
from ..unrolling import unroll
from .equations import symbol_of
from .reading import graph_of
from .words import ATOM, MATRIX, PRODUCT, Digits, Writer, written

LOSS_IN_WORDS = {
    "every": "The loss is the sum of all outputs of all steps: a gradient of 1 reaches each of them, beside what comes back "
             "from later steps.",
    "last": "The loss is the sum of the last step's outputs: a gradient of 1 reaches each of them, and what reaches earlier "
            "steps has come back through all later ones.",
    "given": "The gradient that reaches the outputs is the one given as dhs.",
}
SHOWN = 6       # elements of a vector, and terms of a product, that are written out


class Line(NamedTuple):
    """A value of the forward pass."""

    name: str
    role: str           # "x", "state", "parameter", "terms", "fixed", or "" for what is computed
    symbols: str        # the right side; "" for what is given
    stages: list        # lists of pieces: the right side with numbers, step by step
    value: float
    products: list      # (text, pieces, number) of each matrix product in it, where it is short enough to write out


class Term(NamedTuple):
    """A part of a gradient, and the way by which it came."""

    sign: str           # "+" or "−", of the symbols
    symbols: str        # dh' ⊙ o; "" for what arrives from outside
    pieces: list        # the same in numbers
    value: float
    via: str            # "through z ⊙ h": what it came through
    products: list      # (text, pieces, number): the matrix product in it, written out

    @property
    def product(self):
        """The pieces of the matrix product that the term is; [] if it is anything else, or too long to write out."""
        return next((pieces for text, pieces, _ in self.products if text == self.symbols), [])


class Gradient(NamedTuple):
    """A gradient and the terms that it is the sum of."""

    name: str           # dc'
    of: str             # c'
    role: str
    terms: list
    total: float


class Contribution(NamedTuple):
    """What the step adds to the gradient of the weights that act on this unit."""

    name: str
    symbols: str
    pieces: list


class Passage:
    """A run of the cell over a sequence and back: what all pages of a step-through share.

    Attributes: `run`, in double precision; `loss`, in words.
    """

    def __init__(self, cell, xs, state, loss, dhs):
        self.cell = cell.astype("float64")
        as_float = lambda a: np.asarray(a, float) if np.asarray(a).dtype.kind in "fiu" else a
        start = None if state is None else tuple(as_float(a) for a in state)
        self.run = run = unroll(self.cell, as_float(xs), start)
        self.n_steps, self.n_units, self.batch = run.hs.shape
        if dhs is not None:
            self.loss, self.dhs = LOSS_IN_WORDS["given"], checks.floats("dhs", as_float(dhs), np.float64,
                                                                        run.hs.shape, "T, hidden units, batch")
        else:
            checks.choice("loss", loss, ("every", "last"))
            self.loss, self.dhs = LOSS_IN_WORDS[loss], np.ones_like(run.hs)
            if loss == "last":
                self.dhs[:-1] = 0
        self.reaching_h = self.cell.output_backward(self.dhs, run.hs)
        self.parts, self.carried = {}, {}               # t -> ..., as they are asked for

    def old(self, t):
        """The state before step t."""
        return tuple(np.array(self.run[name][t - 1] if t else start) for name,
                     start in zip(self.cell.state_names, self.run.start))

    def backward(self, t, columns=slice(None)):
        """The cell's own backward pass of step t for some columns: dnew, dx, grads, dold, dwx."""
        cell, x, old = self.cell, self.run.xs[t][:, columns], tuple(a[:, columns] for a in self.old(t))
        arriving = self.arriving(t)
        dnew = tuple(a[:, columns] for a in (arriving[0] + self.reaching_h[t], *arriving[1:]))
        wx = cell.input_terms(x[None])[0]
        new, memo = cell.step(wx, old)
        dwx, dold = cell.step_backward(dnew, old, new, memo)
        grads = cell.params.like()
        many = Memo(**{name: np.asarray(a)[None] for name, a in vars(memo).items()})
        dxs = cell.weight_gradients(dwx[None], x[None], tuple(a[None] for a in old), many, grads)
        return dnew, dxs[0], grads, dold, dwx

    def arriving(self, t):
        """The gradient of the state after step t that comes from later steps: a tuple."""
        for later in range(self.n_steps - 1, t - 1, -1):
            if later not in self.carried:
                self.carried[later] = (tuple(np.zeros((self.n_units, self.batch)) for _ in self.cell.state_names)
                                       if later == self.n_steps - 1 else self.backward(later + 1)[3])
        return self.carried[t]

    def part(self, t, example):
        """(graph, gradients, gap) of step t for one example; gap is the largest relative difference from the cell's own."""
        if (t, example) not in self.parts:
            column = slice(example, example + 1)
            x, old = self.run.xs[t][:, column], tuple(a[:, column] for a in self.old(t))
            graph = graph_of(self.cell, np.array(x), old)
            seeds = {name: np.array(a[:, column]) for name, a in zip(self.cell.state_names, self.arriving(t))}
            if "output" in graph.ends:
                seeds["output"] = self.dhs[t][:, column]
            else:
                seeds["h"] = seeds["h"] + self.reaching_h[t][:, column]
            gradients = graph.backward(seeds)
            self.parts[t, example] = graph, gradients, self._gap(graph, gradients, t, column)
        return self.parts[t, example]

    def _gap(self, graph, gradients, t, column):
        """(how far the graph's gradients are from the cell's own, relative to the largest of each; of which)."""
        _, dx, grads, dold, dwx = self.backward(t, column)
        given = {value.name: value for value in graph.named if value.is_given}
        own = dict(zip(self.cell.state_names, dold))
        if "wx" in given:                                       # what is before W x + b is not in this graph
            own |= {"wx": dwx} | {name: a for name, a in {**grads.stacked, **grads}.items() if name in given}
        else:
            own |= {"x": dx} | {symbol_of(name): a for name, a in grads.items()}
        worst = 0.0, ""
        for name, array in own.items():
            found = gradients.of(given[name]) if name in given else np.zeros_like(array)
            if found.shape == array.shape:
                scale = max(np.abs(array).max(), np.abs(found).max(), 1e-300)
                worst = max(worst, (float(np.abs(found - array).max() / scale), name))
        return worst


class StepThrough:
    """One step of a run with its numbers, for one unit of one example. Prints as text; shows as a page in a notebook.

    Attributes:
        t, unit, example: what is shown, each counted from 0.
        forward: a list of `Line`, from the inputs to the new state.
        backward: a list of `Gradient`, from the new state to the inputs.
        shares: a list of `Contribution`: what this example's step adds to the gradients of the weights of this unit.
        values: name -> value, of every line. gradients: name -> total. (Both for this unit; of x an element each.)
        graph, flows: the step as a `Graph`, and its `Backflow`.
        gap: the largest relative difference between a gradient here and the cell's own; and in which.
    """

    def __init__(self, passage, t, unit, example):
        self.passage, self.t, self.unit, self.example = passage, t, unit, example
        self.cell = passage.cell
        self.graph, self.flows, self.gap = passage.part(t, example)
        self._writer = Writer(passage.n_units)
        self._elements = self._needed()
        self.forward = [self._line(value, element) for value, element in self._elements
                        if not value.inner and value.role != "parameter"]
        self.backward = [self._gradient(value, element) for value, element in self._going_back()]
        self.shares = [share for value, element in self._elements if value.role == "parameter"
                       for share in self._shares(value, element)]
        self.values = {line.name: line.value for line in self.forward}
        self.gradients = {gradient.of: gradient.total for gradient in self.backward}

    def at(self, t=None, unit=None, example=None):
        """The same run at another step, unit or example."""
        return _checked(self.passage, self.t if t is None else t, self.unit if unit is None else unit,
                        self.example if example is None else example)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def _needed(self):
        """(value, element): every named value that this unit's part of the step is made of, in the order of the step."""
        graph, unit = self.graph, self.unit
        rows = self.passage.n_units
        waiting = [(value, unit) for value in [*graph.ends.values(), *graph.named]
                   if value.shape == (rows, 1) and value.role in ("", "state")]
        found = set()
        while waiting:
            value, element = waiting.pop()
            if (id(value), element) in found:
                continue
            found.add((id(value), element))
            if value.op == "matmul":
                columns = value.args[0]
                if columns.role == "parameter":
                    found.add((id(columns), element * columns.shape[1]))
            for k, arg in enumerate(value.args):
                at = value.element(k, element)
                if at is not None:
                    waiting.append((arg, at))
        ordered = []
        for value in graph.values:
            elements = range(min(value.array.size, SHOWN)) if value.role == "x" else range(value.array.size)
            if value.name and value.op != "constant":
                ordered += [(value, e) for e in elements if (id(value), e) in found or value.role == "x"]
        given = {"x": 0, "state": 1, "terms": 2, "fixed": 3}
        return sorted(ordered, key=lambda pair: given.get(pair[0].role, 4))

    def _going_back(self):
        """The same for the gradients: from the new state to the old, and to the inputs last."""
        computed = [pair for pair in self._elements if not pair[0].role]
        return computed[::-1] + [pair for role in ("state", "terms", "x") for pair in self._elements if pair[0].role == role]

    def _line(self, value, element):
        name, at = self._writer.name(value, element), value.at(element)
        if value.role:
            return Line(name, value.role, "", [], at, [])
        symbols = written(self._writer.write(value, element, self._writer.in_symbols, True, " ⊙ ")[0])
        numbers, outermost = self._writer.numbers(value, element), self._writer.outermost(value, element)
        short = [stage for stage in (numbers, outermost) if written(stage) not in (written([Digits(at)]), symbols)]
        if len(short) == 2 and written(short[0]) == written(short[1]):
            short.pop()
        return Line(name, "", symbols, short, at, self._products(value, element))

    def _products(self, value, element):
        """The matrix products in an expression, each as a sum of its terms."""
        found = []

        def look(part, at):
            if part is not value and part.name and not part.inner or at is None:
                return
            if part.op == "matmul" and part.array.ndim == 2:
                row, inner = at, part.args[0].shape[1]
                if inner <= SHOWN:
                    left, right = part.args[0].array[row], part.args[1].array[:, 0]
                    pieces = [piece for k in range(inner) for piece in (
                        *([" + "] * bool(k)), Digits(float(left[k]), k > 0), "·", Digits(float(right[k]), True))]
                    found.append((self._writer.symbols(part, at), pieces, part.at(at)))
                return
            for k, arg in enumerate(part.args):
                look(arg, part.element(k, at))

        look(value, element)
        return found

    def _gradient(self, value, element):
        terms = self._arriving(value, element) + self._terms(value, element)
        return Gradient(self._writer.gradient(value, element), self._writer.name(value, element), value.role, terms,
                        float(self.flows.of(value).ravel()[element]))

    def _arriving(self, value, element):
        """What reaches an end of the step from outside: from the loss, and from the step after."""
        found = []
        for name, end in self.graph.ends.items():
            if end is not value:
                continue
            if name == "output":
                found.append(Term("+", "", [], float(self.passage.dhs[self.t][element, self.example]), "from the loss", []))
                continue
            if name == "h" and "output" not in self.graph.ends:
                found.append(Term("+", "", [], float(self.passage.reaching_h[self.t][element, self.example]), "from the loss",
                                  []))
            later = float(self.passage.arriving(self.t)[self.cell.state_names.index(name)][element, self.example])
            words = f"from step {self.t + 1}" if self.t + 1 < self.passage.n_steps else "from later steps: there are none"
            found.append(Term("+", "", [], later, words, []))
        return found

    def _terms(self, value, element):
        """One `Term` for each use of the value on the way to a named one."""
        found = []
        for use in self.graph.uses[id(value)]:
            for path in self._paths(use, element):
                sign, symbols, pieces, _ = self._way(path, element)
                flow = self._flow(path, element)
                found.append(Term(sign, symbols, pieces, flow, self._via(path), self._products_back(path, element)))
        return found

    def _products_back(self, path, element):
        """The matrix product that a path begins with, R_iᵀ da_i, as a sum over the units that da_i has."""
        for below, (user, k, at) in zip([element, *(at for _, _, at in path)], path):
            if user.op == "matmul" and k == 1 and below is not None and user.array.ndim == 2 and len(user.array) <= SHOWN:
                above = path[path.index((user, k, at)) + 1:]
                sign, text, _, level = self._way(above) if above else ("+", self._writer.gradient(user), [], ATOM)
                text = text if level == ATOM and sign == "+" else f"({'−' * (sign == '−')}{text})"
                column, gradient = user.args[0].array[:, below], self.flows.of(user)[:, 0]
                pieces = [piece for k in range(len(column)) for piece in (
                    *([" + "] * bool(k)), Digits(float(column[k]), k > 0), "·", Digits(float(gradient[k]), True))]
                return [(f"{self._writer.symbols(user.args[0], whole=False)}ᵀ {text}", pieces, float(column @ gradient))]
        return []

    def _paths(self, use, element):
        """The ways from a use of an element up to the next named values: lists of (user, k, its element)."""
        fed = None if element is None else use.user.fed(use.k, element)
        for at in [None] if fed is None else fed:
            here = (use.user, use.k, at)
            if use.user.name:
                yield [here]
            else:
                for further in self.graph.uses[id(use.user)]:
                    yield from ([here, *path] for path in self._paths(further, at))

    def _flow(self, path, element):
        """What comes down a path to an element."""
        top, k, at = path[-1]
        gradient = self.flows.of(top)
        if at is not None:                                      # of this element alone: it may be one of several ways
            only = np.zeros(gradient.size)
            only[at] = gradient.ravel()[at]
            gradient = only.reshape(gradient.shape)
        for user, k, at in reversed(path):
            gradient = user.flow(k, gradient)
        return float(gradient.ravel()[element])

    def _way(self, path, end=None):
        """The gradient that goes down a path to an element: sign, symbols, pieces, how tightly the symbols hold together."""
        top, _, element = path[-1]
        sign, level = "+", ATOM
        text, pieces = self._writer.gradient(top, element), []
        if element is not None:
            pieces = [Digits(float(self.flows.of(top).ravel()[element]), False)]
        belows = [end, *(at for _, _, at in path)]              # the element below each of the path's operations
        for (user, k, at), below in zip(reversed(path), reversed(belows[:-1])):
            if user.op == "matmul":
                inner = text if level == ATOM and sign == "+" else f"({'−' * (sign == '−')}{text})"
                matrix = self._writer.symbols(user.args[1 - k], whole=False)
                matrix = matrix if " " not in matrix else f"({matrix})"
                text, level, sign = (f"{matrix}ᵀ {inner}" if k else f"{inner} {matrix}ᵀ"), MATRIX, "+"
                pieces = [] if below is None else [Digits(float(self.flows.flows[id(user), k].ravel()[below]))]
                continue
            for factor_sign, symbols, numbers in self._writer.slope(user, k, at):
                sign = "−" if (sign == "−") != (factor_sign == "−") else "+"
                if symbols:
                    text = f"{text if level != MATRIX else f'({text})'} ⊙ {symbols}"
                    level = PRODUCT
                    pieces = [*pieces, "·", *numbers] if pieces and numbers else []
        return sign, text, pieces, level

    def _via(self, path):
        """In a word what a path goes through: a matrix, a product, or the value that it leads to."""
        for user, k, element in path:
            if user.op == "matmul":
                return "through " + self._writer.symbols(user.args[0], whole=False) if k else "through the product"
            if user.op in ("⊙", "/"):
                return "through " + written(self._writer.write(user, element, self._writer.in_symbols, True, " ⊙ ")[0])
        top, _, element = path[-1]
        return "through " + self._writer.name(top, element)

    def _shares(self, value, element):
        """What is added to the gradient of a parameter's row."""
        row = element // value.shape[1] if value.array.ndim == 2 else element
        name = f"d{value.name}[{row}]"
        for use in self.graph.uses[id(value)]:
            if use.user.op == "matmul" and use.k == 0:
                further = [path for other in self.graph.uses[id(use.user)] for path in self._paths(other, row)]
                above = self._way(further[0], row) if further and not use.user.name else None
                gradient = float(self.flows.of(use.user).ravel()[row])
                head = f"{'−' * (above[0] == '−')}{above[1] if above[3] == ATOM else f'({above[1]})'}" if above \
                    else self._writer.gradient(use.user, row)
                right = use.user.args[1]
                text = self._writer.symbols(right, whole=False)
                text = text if " " not in text else f"({text})"
                vector = right.array[:, 0]
                yield Contribution(name, f"{head} {text}ᵀ", [Digits(gradient), " · ", *_listed(vector), " = ",
                                                      *_listed(gradient * vector)])
            else:
                for term in self._terms(value, element):
                    yield Contribution(name, f"{'−' * (term.sign == '−')}{term.symbols}", [*_multiplied(term), Digits(term.value)])
                return

    # ---- how it is shown ---------------------------------------------------------------------------------------------

    def __str__(self):
        from .text import page
        return page(self)

    __repr__ = __str__

    def _repr_html_(self):
        from .html import section
        return section(self)

    def interact(self):
        """Sliders over t, unit and example, where ipywidgets is installed and a notebook is live; else this page alone."""
        from .widget import interactive
        return interactive(self)

    def save_html(self, path):
        """Write one HTML file with sliders over t, unit and example, which needs neither Python nor a network."""
        from .html import save
        save(self, path)


def _listed(vector):
    shown = [piece for k, a in enumerate(vector[:SHOWN]) for piece in ([", "] * bool(k) + [Digits(float(a))])]
    return ["[", *shown, ", …" * (len(vector) > SHOWN), "]"]


def _multiplied(term):
    return [*term.pieces, " = "] if len(term.pieces) > 1 else []


def _checked(passage, t, unit, example):
    for name, value, size, counts in (("t", t, passage.n_steps, "steps"), ("unit", unit, passage.n_units, "hidden units"),
                                      ("example", example, passage.batch, "columns of the batch")):
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{name} is {value!r}, expected an integer from 0 to {size - 1}")
        if not -size <= value < size:
            raise ValueError(f"{name} is {value}, expected an integer from 0 to {size - 1}: there are {size} {counts}")
    return StepThrough(passage, int(t) % passage.n_steps, int(unit) % passage.n_units, int(example) % passage.batch)


def step_through(cell, xs, *, t=None, unit=0, example=0, state=None, loss="every", dhs=None):
    """One step of a run with its numbers in place of the symbols, forward and back.

    The cell runs over the whole sequence in double precision and back; shown is one step, as one unit of one example
    sees it. Forward: each equation with its values. Backward: each gradient as the sum of what flows to it, and along
    which path. Numbers that are printed are rounded; `values` and `gradients` have them in full.

    Args:
        cell: a `Cell`: one of ours, a subclass of your own or a `FunctionCell`.
        xs: (T, D, B), the inputs.
        t: the step, counted from 0; negative from the end. The one in the middle without it.
        unit, example: which unit and which column of the batch, counted from 0.
        state: the state to start from, as in `unroll`.
        loss: where the gradient comes from. "every": the loss is the sum of all outputs, so a gradient of 1 reaches each
            unit at each step, beside what comes back from later steps. "last": the sum of the last step's outputs.
        dhs: (T, H, B), the gradient that reaches the outputs, instead of `loss`.

    Returns:
        A `StepThrough`: print it, let a notebook show it, or move it with `at`, `interact` and `save_html`.

    Raises:
        TypeError, ValueError: as `unroll`; t, unit or example out of range; the cell's code cannot be followed.
    """
    passage = Passage(cell, xs, state, loss, dhs)
    return _checked(passage, passage.n_steps // 2 if t is None else t, unit, example)
