"""Where is a wrong gradient wrong, and which mistake is it? What follows when `gradcheck` fails.

Of a model, each part is checked alone first; what follows is about a single cell.

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

import ast
import copy
import html
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from . import trace
from ..cells.cell import Cell, Memo
from ..function_cell import FunctionCell
from .search import Search
from .source import Code
from .problems import name_of
from .stages import BATCH, CENTRAL, STEPS, SingleSteps, TwoSteps, copies, layer_stage, loss_stage, shadow, stages
from .verdicts import Verdicts

LARGE = 3000                # parameters: above it, a sample of each block is checked and no line is looked for
SAMPLE = 60

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
    "of the last step": "what the last step left behind is used at every step",
    "mixes steps": "a method that is given several steps at once does not treat each alone",
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
        one_step: the `Verdicts` of single steps. Its rows and columns are also here, and its verdicts and errors as
            `matrix` and `errors`.
        two_steps: where each step alone is right, the `Verdicts` of the last state by the first, two steps earlier.
        findings: a list of `Finding`; those that nothing explains are of the kind "unexplained".
        notes: what else is worth knowing, a list of sentences.
    """

    def __init__(self, subject, one_step, two_steps, findings, notes):
        self.subject, self.one_step, self.two_steps, self.findings, self.notes = subject, one_step, two_steps, findings, notes
        self.rows, self.columns, self.matrix, self.errors = one_step.rows, one_step.columns, one_step.verdict, one_step.error

    @property
    def _matrices(self):
        return [verdicts for verdicts in (self.one_step, self.two_steps) if verdicts]

    def as_dict(self):
        """For JSON."""
        return {"subject": self.subject, **self.one_step.as_dict(), "two_steps": self.two_steps and self.two_steps.as_dict(),
                "findings": [asdict(finding) for finding in self.findings], "notes": list(self.notes)}

    def summary(self):
        """At most ten lines: what a teaching assistant would say."""
        rows, columns = self.one_step.wrong()
        if rows:
            lines = [f"{self.subject}: one step alone is already wrong, from {' and '.join(columns)} to {_few(rows)}."]
        elif any(finding.kind == "not for complex numbers" for finding in self.findings):
            lines = [f"{self.subject}: each step alone is right, by central differences."]
        else:
            lines = [f"{self.subject}: each step alone is right; the fault is in what is carried or added up over steps."]
        return "\n".join([*lines, *_told(self.findings), *("  " + note for note in self.notes)][:10])

    def table(self):
        """The matrices of verdicts as text."""
        return "\n\n".join(map(str, self._matrices))

    def __str__(self):
        return f"{self.summary()}\n\n{self.table()}"

    __repr__ = __str__

    def _repr_html_(self):
        return f"<pre>{html.escape(self.summary())}</pre>{self.picture()}"

    def picture(self):
        """The matrices of verdicts as drawings (SVG)."""
        return " ".join(verdicts.picture() for verdicts in self._matrices)


class ModelDiagnosis:
    """Which parts of a model have a wrong backward pass, and what is wrong in them.

    Attributes:
        subject: what was looked at.
        parts: name of a part -> "ok" or "wrong", in the order in which an input passes them; the loss is the last.
        findings: a list of `Finding`; their `method` begins with the part's name.
        cells: name -> the `Diagnosis` of a cell that is wrong.
        notes: what else is worth knowing, a list of sentences.
    """

    def __init__(self, subject, parts, findings, cells, notes):
        self.subject, self.parts, self.findings, self.cells, self.notes = subject, parts, findings, cells, notes

    def as_dict(self):
        """For JSON."""
        return {"subject": self.subject, "parts": dict(self.parts), "findings": [asdict(finding) for finding in self.findings],
                "cells": {name: diagnosis.as_dict() for name, diagnosis in self.cells.items()}, "notes": list(self.notes)}

    def summary(self):
        """At most ten lines: the guilty part, and what is wrong in it."""
        wrong, right = ([name for name, v in self.parts.items() if v == verdict] for verdict in ("wrong", "ok"))
        if wrong:
            rest = f"; {_few(right)} {'is' if len(right) == 1 else 'are'} right" if right else ""
            lines = [f"{self.subject}: each part was checked alone. {' and '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} "
                     f"wrong{rest}."]
        else:
            lines = [f"{self.subject}: every part is right alone ({_few(right, 10)}); the fault is in how the model joins them: "
                     f"what one hands to the next, the order of normalisation and dropout, the residual sum."]
        return "\n".join([*lines, *_told(self.findings), *("  " + note for note in self.notes)][:10])

    def __str__(self):
        return "\n\n".join([self.summary(), *(f"{name}:\n{diagnosis.table()}" for name, diagnosis in self.cells.items())])

    __repr__ = __str__

    def _repr_html_(self):
        pictures = "".join(f"<p>{html.escape(name)}</p>{diagnosis.picture()}" for name, diagnosis in self.cells.items())
        return f"<pre>{html.escape(self.summary())}</pre>{pictures}"


def _told(findings, room=9):
    """The findings in so many lines: each with its line of code and what it makes wrong, as far as there is room."""
    parts = []
    for number, finding in enumerate(findings, 1):
        mark = f"{number}. " if len(findings) > 1 else ""
        indent = f"  {' ' * len(mark)}"
        place = f"{finding.method}, line {finding.line}: " if finding.line else f"{finding.method}: " * bool(finding.method)
        parts.append([f"  {mark}{place}{finding.sentence}"])
        if finding.source:
            parts[-1].append(f"{indent}    {finding.source}")
        if finding.wrong and finding.kind != "unexplained":
            parts[-1].append(f"{indent}This alone makes wrong: {_few(finding.wrong, 8)}.")
    for n in (3, 2, 1):
        lines = [line for part in parts for line in part[:n]]
        if len(lines) <= room:
            return lines
    return [*lines[:room - 1], f"  and {len(lines) - room + 1} more, in `report.diagnosis.findings`."]


def _few(names, most=6):
    names = list(names)
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most - 1])} and {len(names) - most + 1} more"


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
    steps = SingleSteps(cell, rng)
    large = cell.n_params > LARGE
    where = {}
    for block, array in steps.arrays.items():
        where[block] = np.arange(array.size)
        if large and array.size > SAMPLE:
            where[block] = np.sort(rng.choice(array.size, SAMPLE, replace=False))
    slopes = {block: steps.derivatives(block, indices) for block, indices in where.items()}
    one_step, two_steps = _of_one_step(steps, slopes, where), None

    findings, notes = _conduct(steps, report), []
    stateful = any(finding.kind in ("not repeatable", "of the last step") for finding in findings)
    if large:
        notes.append(f"The cell is large: {SAMPLE} elements of each array were compared, and no line was looked for. "
                     f"With n_hidden=4 it would be named.")
    if not steps.exact:
        notes.append("The forward pass does not run on complex numbers, so central differences were used here.")
    if not large and not stateful:                              # (of a method that is another each time, no line can be said)
        for stage in stages(steps, slopes, rng):
            findings += _stage_findings(stage, steps)
    if report is not None and not report and "wrong" not in one_step.verdict.values():
        two = TwoSteps(steps)
        two_steps = _of_two_steps(two)
        if "wrong" in two_steps.verdict.values() and (stateful or not findings):
            carried = _carried(two)
            findings += [carried] if carried.kind != "unexplained" or not findings else []
        if not findings:
            findings.append(_of_many_steps(steps, report))
    return Diagnosis(name_of(cell), one_step, two_steps, findings, notes)


def diagnose_model(model, subject, outputs, targets, loss, check, training=False, rng=0):
    """Find the part of a model whose backward pass is wrong, by checking each alone.

    Args:
        model: a `Model`; not changed.
        subject: what to call it.
        outputs, targets, loss: what the loss was called with.
        check: called with a cell, it returns the cell's `gradcheck.Report`.
        training: whether normalisation and dropout work as in training.
        rng: a seed for random inputs and gradients.

    Returns:
        A `ModelDiagnosis`.
    """
    rng, model, parts, findings, cells = np.random.default_rng(rng), model.astype("float64"), {}, [], {}
    layers = dict(model.parts)
    if model.dropout and training:
        head = layers.pop("head")
        layers |= {"dropout": model.dropout, "head": head}
    for name, layer in layers.items():
        if isinstance(layer, Cell):
            report = check(layer)
            parts[name], found = "ok" if report else "wrong", []
            if not report:
                cells[name], found = report.diagnosis, report.diagnosis.findings
        else:
            found = _stage_findings(layer_stage(layer, model.cells[-1].n_hidden, training, rng), _Alone(layer, CENTRAL))
            parts[name] = "wrong" if found else "ok"
        findings += [replace(finding, method=f"{name}, {finding.method}") for finding in found]
    found = _stage_findings(loss_stage(loss, outputs, targets), _Alone(model.head, CENTRAL))
    parts["loss"] = "wrong" if found else "ok"
    return ModelDiagnosis(subject, parts, findings + found, cells, [])


class _Alone(NamedTuple):
    """What `_stage_findings` asks of `SingleSteps`, for a layer."""

    cell: object
    tolerance: float


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


def _of_one_step(steps, slopes, where):
    """The verdicts: rows by what is differentiated by, columns by component of the new state."""
    gates = steps.gates()
    verdicts = Verdicts("one step", [f"{name}'" for name in steps.cell.state_names])
    smallest = 1e-13 * max(np.abs(slope).max(initial=0) for slope in slopes.values())
    for m, column in enumerate(verdicts.columns):
        derived = steps.backward([dnew if k == m else np.zeros_like(dnew) for k, dnew in enumerate(steps.dnews)])
        for block, slope in slopes.items():
            truth = np.einsum("nkhb,khb->n", slope[:, m], steps.dnews[m])
            found = derived[block].reshape(-1)[where[block]]
            parts = {_label(block): slice(None)}
            if block[0] == "gates":
                row_of = where[block] // BATCH % steps.n_rows
                parts = {name: (row_of >= rows.start) & (row_of < rows.stop) for name, rows in gates.items()}
            for name, chosen in parts.items():
                verdicts.judge(name, column, found[chosen], truth[chosen], steps.tolerance, smallest)
    return verdicts


def _of_two_steps(two):
    """The verdicts of what the first state does to the last, two steps later, component by component."""
    verdicts = Verdicts("two steps", [f"last {name}" for name in two.names])
    for m, column in enumerate(verdicts.columns):
        dlast = tuple(d if k == m else 0 * d for k, d in enumerate(two.dlast))
        derived, numeric = two.derived(dlast), two.first(two.between(dlast))
        smallest = 1e-13 * max(np.abs(a).max() for a in numeric)
        for name, one, other in zip(two.names, derived, numeric):
            verdicts.judge(f"first {name}", column, one, other, two.tolerance, smallest)
    return verdicts


def _label(block):
    """A block in words: "old c" for ("state", "c"), and so on."""
    kind, name = block
    return {"state": "old ", "output": "output "}.get(kind, "") + name


def _conduct(steps, report):
    """What a method must not do, whatever it computes: change what it was given, or depend on what ran before."""
    cell, findings = shadow(steps.cell), []
    own = isinstance(cell, FunctionCell)
    wxs, olds = cell.input_terms(steps.xs).copy(), [tuple(o[k].copy() for o in steps.olds) for k in range(STEPS)]
    wx, old, params = wxs[0], olds[0], tuple(cell.params.values())

    def look(method, names, call, given):
        before, attributes = copies(given), _attributes(cell)
        first = _arrays_in(call())
        changed = [name for name, a, b in zip(names, _arrays_in(given), _arrays_in(before))
                   if not np.array_equal(a, b, equal_nan=True)]
        if changed:
            findings.append(Finding("changes its input", f"it changes {', '.join(changed)} in place; others still read "
                                    "that array. Work on a copy, or make a new one.", (), method))
            return
        again, kept = _arrays_in(call()), _changed_attributes(attributes, cell)
        if any(not np.allclose(a, b, rtol=1e-12, equal_nan=True) for a, b in zip(first, again)):
            where = f": it has changed {_few(kept)}" if kept else ""
            findings.append(Finding("not repeatable", "the same call gives different results: it draws random numbers, or "
                                    f"keeps something from call to call{where}.", (), method))

    names = [*(f"old {name}" for name in cell.state_names), "x" if own else "wx", *cell.params]
    look("step", names, lambda: cell.step(wx, old), (old, wx, params))
    new, memo = copies(cell.step(wx, old))
    dnew = tuple(d[0].copy() for d in steps.dnews)
    names = [*(f"d{name}" for name in cell.state_names), *(f"old {name}" for name in cell.state_names),
             *(f"new {name}" for name in cell.state_names), *vars(memo), *cell.params]
    given = (dnew, old, new, tuple(vars(memo).values()), params)
    look("step_backward", names, lambda: cell.step_backward(dnew, old, new, memo), given)
    if not findings:
        results = []
        for later in (False, True):                             # the backward pass comes when all the steps have run
            cell.step(wx, old)
            attributes = _attributes(cell)
            if later:
                cell.step(wxs[1], olds[1])
            left = _changed_attributes(attributes, cell)
            results.append(_arrays_in(cell.step_backward(*copies((dnew, old, new, memo)))))
        if any(not np.allclose(a, b, rtol=1e-12, equal_nan=True) for a, b in zip(*results)):
            findings.append(Finding("of the last step", f"it reads what step leaves {f'in {_few(left)}' if left else 'outside'}, "
                                    "which at every step of the backward pass is the last step's. Note it in the memo.", (),
                                    "step_backward"))
    for method, given in ("input_terms", steps.xs), ("output", steps.news[0]):
        function = getattr(cell, method)
        together, alone = function(given.copy()), [function(given[k:k + 1].copy())[0] for k in range(STEPS)]
        if not np.allclose(together, alone, rtol=1e-9, equal_nan=True):
            findings.append(Finding("mixes steps", "what it gives for a step depends on the other steps that it is given with; "
                                    "how many those are depends on the sequence's length and the batch.", (), method))
    if report is not None and report.unsteady and not findings:
        findings.append(Finding("left over", f"a second backward pass over the same run gives another gradient of "
                                f"{_few(report.unsteady)}: something is kept from the first.", tuple(report.unsteady)))
    return findings


def _attributes(cell):
    """What is kept in the object beside its parameters."""
    return {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in vars(cell).items()
            if name not in cell.params.stacked and name not in ("params", "pending", "memo_type")}


def _changed_attributes(before, cell):
    """Their names, as one writes them, of those that are not what they were."""
    return [f"self.{name}" for name, value in _attributes(cell).items() if name not in before or not (
        np.array_equal(value, before[name]) if isinstance(value, np.ndarray) else value is before[name])]


def _carried(two):
    """A `Finding` for what gets lost, doubled or misplaced between two steps, each of which is right alone.

    The gradient of the state between the two is what the later step hands to the earlier one. What should arrive there
    is known from forward steps alone; so is what the earlier step makes of it. Each hypothesis changes what arrives.
    """
    names, dlast, found, arriving = two.names, two.dlast, two.derived(two.dlast), two.between(two.dlast)

    def agrees(expected):
        return [np.abs(a - b).max() <= two.tolerance * max(np.abs(a).max(), np.abs(b).max(), 1e-300)
                for a, b in zip(found, expected)]

    right = agrees(two.first(arriving))
    wrong = tuple(f"old {name}" for name, fine in zip(names, right) if not fine)
    changed = []                                                # (what happens to what arrives, in words)
    for k, name in enumerate(names):
        for value, words in ((0 * arriving[k], "is lost on the way: nothing of it arrives at the earlier step"),
                             (2 * arriving[k], "arrives doubled: it is handed over, and kept by the cell and added once more"),
                             (arriving[k] + dlast[k], "arrives together with that of the step after: a sum that is not cleared"),
                             (dlast[k], "arrives as it was one step later: an old value is used again"),
                             (-arriving[k], "arrives with its sign turned")):
            changed.append(((*arriving[:k], value, *arriving[k + 1:]), f"the gradient of {name} {words}"))
    for j, k in combinations(range(len(names)), 2):
        swapped = list(arriving)
        swapped[j], swapped[k] = arriving[k], arriving[j]
        changed.append((tuple(swapped), f"the gradients of {names[j]} and {names[k]} arrive in each other's place"))
    for value, words in changed:
        if all(agrees(two.first(value))):
            return Finding("carry", f"Over two steps, {words}.", wrong, "step_backward")
    fine = [f"old {name}" for name, good in zip(names, right) if good]
    others = f"; that of {_few(fine)} is right" if fine else ""
    return Finding("unexplained", f"Over two steps, the gradient of {_few(wrong)} is wrong, though each step alone is right"
                   f"{others}: no mistake that I know in what is carried explains it.", wrong)


def _arrays_in(values):
    if isinstance(values, np.ndarray):
        return [values.copy()]
    if isinstance(values, Memo):
        values = tuple(vars(values).values())
    return [array for value in values for array in _arrays_in(value)] if isinstance(values, tuple) else [np.array(values)]


def _stage_findings(stage, steps):
    """What is wrong with one method of the backward pass.

    What the search finds is told by its line, and before that what becomes of the gradient as a whole, if it is then
    another's, or transposed, or nothing. What the search does not find is told as it looks from outside.
    """
    plain = stage.call(stage.function, 1)
    largest = max(np.abs(truth).max(initial=0) for truth in stage.truth.values())
    wrong = [block for block, truth in stage.truth.items()
             if not np.all(np.abs(plain[block] - truth) <= steps.tolerance * max(np.abs(truth).max(initial=0), 1e-3 * largest))]
    found, left = _searched(stage, steps) if wrong else ([], set())
    # What a search in single columns does not see is a matter of the sum over them.
    left |= set(wrong) - {block for *_, blocks in found for block in blocks}
    outside = {block: _outside(block, plain[block], stage, steps) for block in wrong}

    def told(kind, sentence, blocks, **at):
        return Finding(kind, sentence, tuple(map(_label, blocks)), stage.name, parameters=_parameters(steps, blocks), **at)

    findings = []
    for explanation, expression, blocks in found:
        kind, sentence = explanation.kind, f"{explanation.phrase}."
        seen = [outside[block] for block in wrong if block in blocks]
        if seen and all(seen) and seen[0][0] in OUTRANKING and len({as_a_whole for as_a_whole, _ in seen}) == 1:
            kind = seen[0][0]
            sentence = f"{' '.join(dict.fromkeys(words for _, words in seen))} In `{expression.text}`: {sentence}"
        findings.append(told(kind, sentence, [block for block in stage.truth if block in blocks], line=expression.line,
                             code=expression.text, source=expression.source))
    findings += [told(*outside[block], [block]) for block in wrong if block in left and outside[block]]
    unexplained = [block for block in wrong if block in left and not outside[block]]
    if unexplained:
        numbers = "; ".join(_worst(block, plain[block], stage.truth[block]) for block in unexplained[:2])
        findings.append(told("unexplained", f"no single mistake that I know explains {_few(map(_label, unexplained))}: "
                             f"{numbers}.", unexplained))
    return findings + (_overwritten(stage, plain, told) if stage.adds else [])


OUTRANKING = {"other parameter", "carry", "transposed"}


def _searched(stage, steps):
    """What the search in a method finds: a list of (explanation, expression, blocks), and the blocks that it leaves."""
    try:
        search = Search(stage, steps)
    except (OSError, ValueError):                               # no source to look into
        return [], set()
    return search.findings()


def _worst(block, found, truth):
    """The number that is most wrong, as text."""
    at = np.unravel_index(np.argmax(np.abs(found - truth)), truth.shape)
    return f"{_label(block)}{list(map(int, at))} is {found[at]:+.6g} instead of {truth[at]:+.6g}"


def _parameters(steps, blocks):
    """The parameters whose gradients are wrong where these blocks are."""
    names = {name for kind, name in blocks if kind == "parameter"}
    for kind, name in blocks:
        if kind == "gates":
            suffix = name.removeprefix("a").removeprefix("_")
            names |= {p for p in steps.cell.params if p.partition("_")[2] == suffix}
    return tuple(name for name in steps.cell.params if name in names)


def _overwritten(stage, plain, told):
    """Gradients that are assigned, so that what was in them is lost; told with the lines where += keeps it."""
    def lost(function):
        filled = stage.call(function, 1, 0.7)
        return [block for block in stage.truth if block[0] == "parameter" and not np.allclose(filled[block], plain[block])]

    bad, findings = lost(stage.function), []
    try:
        code = Code([stage.function], stage.owner) if bad else None
        assignments = trace.Traced(stage.function, stage.owner).assignments if bad else []
    except (OSError, ValueError):                               # no source to look into
        assignments = []
    for assignment in assignments:
        built = code.built(lambda definition: _adding(definition.tree, assignment.line))
        function = built.functions[stage.function]
        try:
            still = set(lost(lambda *given: function(built.stand_in(given[0]), *given[1:]) if stage.owner else function(*given)))
        except (TypeError, ValueError):                         # something that cannot be added to
            continue
        mended = [block for block in bad if block not in still]
        if mended:
            findings.append(told("overwritten", f"`{assignment.target} = ...` {OVERWRITTEN}", mended, line=assignment.line,
                                 code=assignment.target, source=assignment.source))
            bad = [block for block in bad if block in still]
    return findings + ([told("overwritten", f"it {OVERWRITTEN}", bad)] if bad else [])


def _adding(tree, line):
    """A copy of a function in which the assignment of that line adds instead; the function itself, if it has no such line."""
    found = [k for k, node in enumerate(ast.walk(tree)) if isinstance(node, ast.Assign) and node.lineno == line]
    if not found:
        return tree
    tree = copy.deepcopy(tree)
    node = list(ast.walk(tree))[found[0]]
    for parent in ast.walk(tree):
        for body in (getattr(parent, name, None) for name in ("body", "orelse")):
            if isinstance(body, list) and node in body:
                body[body.index(node)] = ast.copy_location(ast.AugAssign(node.targets[0], ast.Add(), node.value), node)
    return tree


OVERWRITTEN = ("assigns the gradient instead of adding to it; every step must add its share: write += (of all steps only the "
               "last that ran is left).")


def _outside(block, found, stage, steps):
    """(kind, sentence) if a gradient as a whole is another one, another's, or nothing."""
    truth, tolerance = stage.truth[block], max(10 * steps.tolerance, 1e-7)
    name, size = _label(block), np.abs(stage.truth[block]).max(initial=0)

    def equal(a, b):
        return np.shape(a) == np.shape(b) and np.abs(a - b).max(initial=0) <= tolerance * max(np.abs(b).max(initial=0), 1e-300)

    if not np.any(found):
        if block[0] == "state":
            return "carry", f"The gradient of {name} is 0: nothing is passed to the earlier step on this path."
        return "missing term", f"The gradient of {name} is 0: nothing is ever added to it."
    for other, theirs in stage.truth.items():
        if other != block and other[0] == block[0] and equal(found, theirs):
            return "other parameter", f"The gradient of {name} holds that of {_label(other)}."
    for k, share in enumerate((stage.shares or {}).get(block, [])):
        if equal(found, share):
            return "missing term", (f"The gradient of {name} is that of {'the last' if k else 'the first'} step alone: those of "
                                    f"all the steps belong in it.")
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
