"""What the variables of a backward pass are called, and what they therefore should hold.

A backward pass calls the gradient with respect to `mu` dmu. Where the forward step has a variable mu, the right value of
dmu is known: the numeric derivative with respect to it. And mu itself should be what it was in the forward step. Several
changes of the code may all make every gradient right, as a wrong sign of dmu can be mended where it is computed or where
it is used; the mistake is where, after it is mended, the variables hold what they are called.
"""

import ast

import numpy as np

from ..function_cell import FunctionCell
from . import trace
from .source import Code

NOTE = "__note__"


class Meanings:
    """What each variable of a cell's forward step is (`values`), and the gradient with respect to it (`truth`).

    Args:
        probe: a `Probe`; its first step is looked at.
    """

    def __init__(self, probe):
        self.truth, self.values = {}, {}
        own = isinstance(probe.cell, FunctionCell)
        function, owner = (probe.cell.functions[0], None) if own else (type(probe.cell).step, type(probe.cell))
        try:
            code = Code([function], owner)
            self._shifted = None, 0.0
            change = lambda definition: _noting(definition) if definition.function is function else definition.tree
            step, twin = code.built(change, {NOTE: self._note}).function(function), probe.twin
            x, old = probe.arrays["input", "x"][0], tuple(probe.arrays["state", name][0] for name in twin.state_names)
            given = (twin.params, x, old) if own else (twin, twin.input_terms(x[None])[0], old)
            loss = lambda: sum((d[0] * a).sum() for d, a in zip(probe.dnews, step(*given)[0]))
            loss()
            for name, value in list(self.values.items()) if probe.exact else ():
                self.truth[name] = self._derived(name, value.shape, loss)
        except Exception:                                       # no source, or code that cannot go on: nothing is known
            self.truth, self.values = {}, {}

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

    def contradicted(self, stage, code):
        """How many variables of a stage do not hold what they are called: (gradients, values of the forward step)."""
        try:
            traced = trace.Watched(stage.function, stage.owner, code)
            traced.record(lambda: stage.call_safely(traced.function))
        except Exception:                                       # no source to look into
            return 0, 0
        last = {name: value for (_, name, _), value in traced.variables.items()}        # of each, after its last line
        differ = lambda a, b: a.shape == b.shape and not np.allclose(a, b, rtol=1e-6, atol=1e-8 * max(np.abs(b).max(), 1e-300))
        gradients = {name: self.truth.get(name[1:].removeprefix("_")) for name in last if name.startswith("d")}
        wrong = [name for name, truth in gradients.items() if truth is not None and differ(last[name], truth)]
        return len(wrong), sum(differ(last[name], value) for name, value in self.values.items() if name in last)


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
