"""What the variables of a backward pass are called, and what they therefore should hold.

A backward pass calls the gradient with respect to `mu` dmu. Where the forward step has a variable mu, the right value of
dmu is known: the numeric derivative with respect to it. And mu itself should be what it was in the forward step. Several
changes of the code may all make every gradient right, as a wrong sign of dmu can be mended where it is computed or where
it is used; the mistake is where, after it is mended, the variables hold what they are called.

The forward step also says on which ways a quantity acts: it is read here, and there. The gradient that comes back on each is
known, too. Where exactly one of them is missing, that way was forgotten.
"""

import ast
import copy
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..function_cell import FunctionCell
from .source import unbound

NOTE = "__note__"
LARGEST = 2000              # elements of everything that is read in a step, of which the ways back are computed


class Path(NamedTuple):
    """A way on which a quantity of the forward step acts on what comes out: it is read in a statement."""

    text: str                   # the quantity, as it is written there
    line: int                   # of the statement
    source: str
    back: np.ndarray            # the gradient that comes back on this way


class Meanings:
    """What each variable of a cell's forward step is (`values`), and the gradient with respect to it (`truth`).

    Args:
        probe: a `Probe`; its first step is looked at. code: a `Code` that holds the cell's forward step.
    """

    def __init__(self, probe, code):
        self.truth, self.values, self._probe, self._code = {}, {}, probe, code
        try:
            self._shifted = None, 0.0
            loss = self._loss(lambda definition, is_step: _noting(definition) if is_step else definition.tree, self._note)
            loss()
            for name, value in list(self.values.items()) if probe.exact else ():
                self.truth[name] = self._derived(name, value.shape, loss)
        except Exception:                                       # no source, or code that cannot go on: nothing is known
            self.truth, self.values = {}, {}

    def _loss(self, change, note):
        """A function of the first step of the probe, changed: its outputs times the incoming gradients, for each column."""
        probe, own = self._probe, isinstance(self._probe.cell, FunctionCell)
        function = probe.cell.functions[0] if own else type(probe.cell).step
        run = set(map(id, self._code.reached_from(function)))
        built = self._code.built(lambda d: change(d, d.function is unbound(function)) if id(d) in run else d.tree, {NOTE: note})
        step, twin = built.function(function), probe.twin
        x, old = probe.arrays["input", "x"][0], tuple(probe.arrays["state", name][0] for name in twin.state_names)
        given = (twin.params, x, old) if own else (twin, twin.input_terms(x[None])[0], old)
        return lambda: sum((d[0] * a).sum(axis=0) for d, a in zip(probe.dnews, step(*given)[0]))

    @cached_property
    def paths(self):
        """A list of `Path`: each read of an array of as many columns as the probe has, and all of one array in a statement."""
        reads = self._backs(LARGEST)
        together = [same[0]._replace(back=sum(path.back for path in same)) for same in _alike(reads, 3)]
        several = [path for same in _alike(reads, 3) if len(same) > 1 for path in same]
        return [path for path in together + several if np.any(path.back)]

    @cached_property
    def gradients(self):
        """shape -> the gradients (n, *shape) of all that the forward step reads and computes by calls."""
        reads, found = self._backs(2 * LARGEST, calls=True), {}
        together = [sum(path.back for path in same) for same in _alike(reads, 3) + _alike(reads, 1)]
        for back in [*(path.back for path in reads), *together, *self.truth.values()]:
            found.setdefault(back.shape, {})[back.tobytes()] = back
        return {shape: np.stack(list(backs.values())) for shape, backs in found.items()}

    def _backs(self, largest, calls=False):
        """A `Path` of each read, and of each call; none if they have more than `largest` elements together."""
        shapes, places, counts, self._shifted = {}, {}, {}, (None, 0.0)

        def note(place, value):
            counts[place] = counts.get(place, -1) + 1
            if isinstance(value, np.ndarray) and self._probe.batch in (value.shape if calls else value.shape[-1:]):
                shapes.setdefault((place, counts[place]), value.shape)
            return value + self._shifted[1] if (place, counts[place]) == self._shifted[0] else value

        def loss():
            counts.clear()
            return value()

        try:
            value = self._loss(lambda definition, _: _with_reads_noted(definition, places, calls), note)
            loss()
            if not self._probe.exact or sum(map(np.prod, shapes.values())) > largest:
                return []
            back = {key: self._derived(key, shape, loss) for key, shape in shapes.items()}
        except Exception:                                       # no source, or code that cannot go on: nothing is known
            return []
        return [Path(*places[place], d) for (place, _), d in back.items()]

    def _note(self, name, value):
        """A variable of the step, with the shift that it is to have."""
        if isinstance(value, np.ndarray):
            self.values.setdefault(name, np.real(value).copy())
        return value + self._shifted[1] if name == self._shifted[0] else value

    def _derived(self, name, shape, loss):
        """The derivative of the loss by a variable, by the complex step: of all columns at once, if it has them."""
        found, columns = np.zeros(shape), shape[-1:] == (self._probe.batch,)
        for k in np.ndindex(shape[:-1] if columns else shape):
            shift = np.zeros(shape, complex)
            shift[k], self._shifted = 1e-30j, (name, shift)
            slope = loss().imag / 1e-30
            found[k] = slope if columns else slope.sum()
        self._shifted = None, 0.0
        return found

    def right(self, stage, traced):
        """(name, line) of the variables of a stage, `Watched`, that hold a gradient of something in the forward step."""
        traced.record(lambda: stage.call_safely(traced.function))
        found = set()
        for (_, name, line), value in traced.variables.items():
            backs = self.gradients.get(value.shape, ()) if value.size else ()
            if len(backs) and np.abs(backs - value).reshape(len(backs), -1).max(axis=1).min() < 1e-7 * np.abs(value).max():
                found.add((name, line))
        return found

    def contradicted(self, stage, traced):
        """How many variables of a stage, `Watched`, do not hold what they are called: (gradients, other values)."""
        traced.record(lambda: stage.call_safely(traced.function))
        last, first = {}, {}                                    # of each, after its last line, and after its first
        for (_, name, _), value in traced.variables.items():
            last[name] = value
            first.setdefault(name, value)
        differ = lambda a, b: a.shape == b.shape and not np.allclose(a, b, rtol=1e-6, atol=1e-8 * max(np.abs(b).max(), 1e-300))
        gradients = {name: self.truth.get(name[1:].removeprefix("_")) for name in last if name.startswith("d")}
        wrong = [name for name, truth in gradients.items() if truth is not None and differ(last[name], truth)]
        given = {f"d{state}{end}": d[0] for state, d in zip(self._probe.cell.state_names, self._probe.dnews)
                 for end in ("_new", "new", "_next", "next")}
        wrong += [name for name, d in given.items() if name in first and differ(first[name], d)]
        wrong += [f"d{name}" for (kind, name), truth in stage.truth.items() if kind == "parameter"
                  and f"d{name}" in last and differ(last[f"d{name}"].reshape(-1), truth.reshape(-1))]
        return len(wrong), sum(differ(last[name], value) for name, value in self.values.items() if name in last)


def _alike(reads, n):
    """Lists of the `Path`s whose first n fields, and shapes, are the same."""
    found = {}
    for path in reads:
        found.setdefault((path[:n], path.back.shape), []).append(path)
    return list(found.values())


def _with_reads_noted(definition, places, calls):
    """The function with note(place, X) for every array X that is read; `places`: place -> (text, line, source), filled here."""
    tree = definition.again()
    tree.body = [_ReadsNoted(definition, statement, places, calls).visit(copy.deepcopy(statement)) for statement in tree.body]
    return tree


class _ReadsNoted(ast.NodeTransformer):
    """X -> note(place, X), wherever an array X may be read in a statement, and where a call gives one, if `calls`."""

    def __init__(self, definition, statement, places, calls):
        self.definition, self.places, self.line, self.calls = definition, places, statement.lineno, calls

    def visit(self, node):
        if isinstance(node, ast.stmt):
            self.line = node.lineno
        if isinstance(node, ast.Call):                          # a function is no array, but what its method belongs to may be
            node.args = [self.visit(argument) for argument in node.args]
            if isinstance(node.func, ast.Attribute):
                node.func.value = self.visit(node.func.value)
            return self._noted(node) if self.calls else node
        if isinstance(node, ast.Lambda | ast.FunctionDef):
            return node
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript) or not isinstance(node.ctx, ast.Load):
            return self.generic_visit(node)
        return self._noted(node)

    def _noted(self, node):
        place = len(self.places)
        source = self.definition.lines.get(self.line, "").strip()
        self.places[place] = ast.unparse(node), self.line, source
        return ast.copy_location(ast.Call(ast.Name(NOTE, ast.Load()), [ast.Constant(place), node], []), node)


def _noting(definition):
    """The step with X = note("X", X) after each variable that is assigned once, and not changed in place."""
    tree, counts = definition.again(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] = counts.get(node.id, 0) + 1
    changed = {ast.unparse(n.target).partition("[")[0] for n in ast.walk(tree) if isinstance(n, ast.AugAssign)}
    body = []
    for statement in tree.body:
        body.append(statement)
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        parts = [n for target in targets for n in ast.walk(target)]
        for name in [n.id for n in parts if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]:
            if counts[name] == 1 and name not in changed:
                body.append(ast.parse(f'{name} = {NOTE}("{name}", {name})').body[0])
    tree.body = body
    return tree
