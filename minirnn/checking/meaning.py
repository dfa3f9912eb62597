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
        """A function of the first step of the probe, changed: its outputs times the incoming gradients."""
        probe, own = self._probe, isinstance(self._probe.cell, FunctionCell)
        function = probe.cell.functions[0] if own else type(probe.cell).step
        run = set(map(id, self._code.reached_from(function)))
        built = self._code.built(lambda d: change(d, d.function is unbound(function)) if id(d) in run else d.tree, {NOTE: note})
        step, twin = built.function(function), probe.twin
        x, old = probe.arrays["input", "x"][0], tuple(probe.arrays["state", name][0] for name in twin.state_names)
        given = (twin.params, x, old) if own else (twin, twin.input_terms(x[None])[0], old)
        return lambda: sum((d[0] * a).sum() for d, a in zip(probe.dnews, step(*given)[0]))

    @cached_property
    def paths(self):
        """A list of `Path`: each read of an array of as many columns as the probe has, and all of one array in a statement."""
        shapes, places, counts, self._shifted = {}, {}, {}, (None, 0.0)

        def note(place, value):
            counts[place] = counts.get(place, -1) + 1
            if isinstance(value, np.ndarray) and value.shape[-1:] == (self._probe.batch,):
                shapes.setdefault((place, counts[place]), value.shape)
            return value + self._shifted[1] if (place, counts[place]) == self._shifted[0] else value

        def loss():
            counts.clear()
            return value()

        try:
            value = self._loss(lambda definition, _: _with_reads_noted(definition, places), note)
            loss()
            if not self._probe.exact or sum(map(np.prod, shapes.values())) > LARGEST:
                return []
            back = {key: self._derived(key, shape, loss) for key, shape in shapes.items()}
        except Exception:                                       # no source, or code that cannot go on: nothing is known
            return []
        reads, together = [Path(*places[place], d) for (place, _), d in back.items()], {}
        for path in reads:
            same = together.get(path[:3])
            if same is None or same.back.shape == path.back.shape:
                together[path[:3]] = path if same is None else same._replace(back=same.back + path.back)
        alone = [path for path in reads if together[path[:3]] is not path]
        return [path for path in [*together.values(), *alone] if np.any(path.back)]

    def _note(self, name, value):
        """A variable of the step, with the shift that it is to have."""
        if isinstance(value, np.ndarray):
            self.values.setdefault(name, np.real(value).copy())
        return value + self._shifted[1] if name == self._shifted[0] else value

    def _derived(self, name, shape, loss):
        """The derivative of the loss with respect to a variable, by the complex step."""
        found = np.zeros(shape)
        for k in np.ndindex(shape):
            shift = np.zeros(shape, complex)
            shift[k], self._shifted = 1e-30j, (name, shift)
            found[k] = loss().imag / 1e-30
        self._shifted = None, 0.0
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


def _with_reads_noted(definition, places):
    """The function with note(place, X) for every array X that is read; `places`: place -> (text, line, source), filled here."""
    tree = definition.again()
    tree.body = [_ReadsNoted(definition, statement, places).visit(copy.deepcopy(statement)) for statement in tree.body]
    return tree


class _ReadsNoted(ast.NodeTransformer):
    """X -> note(place, X), wherever an array X may be read in a statement."""

    def __init__(self, definition, statement, places):
        self.definition, self.places, self.line = definition, places, statement.lineno

    def visit(self, node):
        if isinstance(node, ast.stmt):
            self.line = node.lineno
        if isinstance(node, ast.Call):                          # a function is no array, but what its method belongs to may be
            node.args = [self.visit(argument) for argument in node.args]
            if isinstance(node.func, ast.Attribute):
                node.func.value = self.visit(node.func.value)
            return node
        if isinstance(node, ast.Lambda | ast.FunctionDef):
            return node
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript) or not isinstance(node.ctx, ast.Load):
            return self.generic_visit(node)
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
