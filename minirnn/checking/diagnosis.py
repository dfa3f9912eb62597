"""Where is a wrong gradient wrong, and which mistake is it? What follows when `gradcheck` fails.

Of a model, each part is checked alone first; what follows is about a single cell.

**Where.** A few single steps, each from a random state of its own, so that nothing is carried from one to the next. The
derivative of every component of the new state with respect to the input, every component of the old state, the
pre-activations and every parameter gives a matrix of verdicts. A cell's backward pass is also taken apart: each of its
methods is called alone, with right values for what the others would have handed it.

**What.** A mistake is a small change of right code, so a small change makes it right again. Of each method that is wrong,
such changes are tried one after the other (see `repairs.py`), first on the method alone, then with the whole check run
again. Where none helps, the method is run with every expression in it exchangeable (see `search.py`). For each expression,
a linear system says which value it would have had to have for every gradient to come out right; for most there is none,
and they are cleared. Where there is one, it is compared with what the named quantities of the step could make of it: times
1 − i, with dc_new · f added, another gate's gradient, ... If nothing fits, that is what is said.
"""

import html
import re
from dataclasses import asdict, replace

import numpy as np

from ..cells.cell import Cell
from .conduct import aliasing, conduct, lost_between, lost_digits, raised_where, with_all_digits
from .finding import Finding, few, label
from .meaning import Meanings
from .mending import Mending, Workbench
from .problems import name_of
from .shrinking import resized, smaller
from .source import Code
from .stages import CENTRAL, LayerBackward, LossGradient, Probe, TwoSteps, sizes_beside, stages
from .trial import WholeCheck
from .verdicts import Verdicts

CHECKED = 3                 # columns of a check, where nobody says how many
LARGEST_SEARCHED = 12       # units of a cell in which a mistake is looked for, where a smaller one does not tell


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
        kinds = {finding.kind for finding in self.findings}
        if rows:
            lines = [f"{self.subject}: one step alone is already wrong, from {' and '.join(columns)} to {few(rows)}."]
        elif kinds & {"not for complex numbers"}:
            lines = [f"{self.subject}: each step alone is right, by central differences."]
        elif kinds & {"not linear"}:
            lines = [f"{self.subject}: right for incoming gradients of this size, but not linear in them, as derivatives are."]
        elif kinds & {"precision"}:
            lines = [f"{self.subject}: right, but not to the last digit."]
        elif kinds & {"changes its input"}:
            lines = [f"{self.subject}: each step alone is right, but not every time: an array is changed that is read again."]
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
            rest = f"; {few(right)} {'is' if len(right) == 1 else 'are'} right" if right else ""
            lines = [f"{self.subject}: each part was checked alone. {' and '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} "
                     f"wrong{rest}."]
        else:
            lines = [f"{self.subject}: every part is right alone ({few(right, 10)}); the fault is in how the model joins them: "
                     f"what one hands to the next, the order of normalisation and dropout, the residual sum."]
        return "\n".join([*lines, *_told(self.findings), *("  " + note for note in self.notes)][:10])

    def __str__(self):
        return "\n\n".join([self.summary(), *(f"{name}:\n{diagnosis.table()}" for name, diagnosis in self.cells.items())])

    __repr__ = __str__

    def _repr_html_(self):
        pictures = "".join(f"<p>{html.escape(name)}</p>{diagnosis.picture()}" for name, diagnosis in self.cells.items())
        return f"<pre>{html.escape(self.summary())}</pre>{pictures}"


def _told(findings, room=9):
    """The findings in so many lines: place, what it is, the line, what belongs there; of several, what each makes wrong."""
    parts = []
    for number, finding in enumerate(findings, 1):
        mark = f"{number}. " if len(findings) > 1 else ""
        indent = f"  {' ' * len(mark)}"
        where = ", ".join(filter(None, [finding.function or finding.method, f"line {finding.line}" * bool(finding.line)]))
        told = [f"  {mark}{where}{': ' * bool(where)}{finding.sentence}"]
        told += [f"{indent}    {'stands:  ' * bool(finding.belongs)}{line}" for line in finding.source.splitlines()]
        if finding.belongs:
            told.append(f"{indent}    belongs: {finding.belongs}")
        last = []
        if mark and finding.wrong and finding.kind != "unexplained":            # of a single one, the first line has said it
            of_gates = any(re.match(r"a(_|$)", name) for name in finding.wrong)
            further = f"; and so {few(finding.parameters)}" * bool(of_gates and finding.parameters)
            last = [f"This alone makes wrong: {few(finding.wrong, 8)}{further}."]
        if finding.certain and finding.belongs:
            last.append(f"With {'what belongs so far' if mark else 'the line that belongs here'} the whole check passes.")
        parts.append(told + [indent + " ".join(last)] * bool(last))
    for n in (4, 3, 2, 1):
        lines = [line for part in parts for line in part[:n]]
        if len(lines) <= room:
            return lines
    return [*lines[:room - 1], f"  and {len(lines) - room + 1} more, in `report.diagnosis.findings`."]


def diagnose(cell, report=None, rng=0):
    """Look for the mistake in a cell's backward pass.

    Args:
        cell: a `Cell` or `FunctionCell`; not changed. A large one is looked at in a smaller size: a mistake in code does
            not depend on H.
        report: what `gradcheck` found, if it did.
        rng: a seed for the random steps.

    Returns:
        A `Diagnosis`.
    """
    with np.errstate(all="ignore"):
        return _diagnosed(cell, report, np.random.default_rng(rng))


def _diagnosed(cell, report, rng):
    looked_at = smaller(cell, rng)
    probe, trial = _tools(looked_at, rng)
    if looked_at is not cell and not trial.wrong and not report:    # the mistake is in the size itself
        looked_at = cell
        probe, trial = _tools(cell, rng)
    notes, two_steps, one_step = [], None, _of_one_step(probe)
    if not probe.exact:
        notes.append("The forward pass does not run on complex numbers, so central differences were used here.")
    if trial.fails:
        notes.append(f"With {trial.fails[0]} columns instead of {probe.batch} {raised_where(trial.fails[1])}.")
    findings = conduct(probe, report)
    stateful = any(finding.kind in ("not repeatable", "of the last step") for finding in findings)
    if not trial.wrong and (report or report is None):          # nothing to mend, whatever a method alone may look like
        findings = [one for one in findings if one.kind != "changes its input"]
    elif not stateful:                                          # (of a method that is another each time, no line can be said)
        aliases = aliasing(trial, findings)
        # A cell may change its own copy of a gradient in place: that is the mistake only where the check mends without it.
        findings = aliases or [one for one in findings if one.kind != "changes its input" or not one.line]
        if not aliases or not aliases[0].certain:
            larger = lambda: resized(cell, 2 * cell.n_in, 2 * cell.n_hidden, np.random.default_rng(0))
            findings = _of_methods(probe, trial, findings, larger() if looked_at is cell else cell, notes)
    if report is not None and not report and "wrong" not in one_step.verdict.values():
        two = TwoSteps(probe)
        two_steps = _of_two_steps(two)
        if "wrong" in two_steps.verdict.values() and (stateful or not findings):
            carried = lost_between(two)
            findings += [carried] if carried.kind != "unexplained" or not findings else []
        if not findings:
            findings.append(_of_many_steps(probe, report))
    if looked_at is not cell and any(re.search(r" is [+-][\d.]", finding.sentence) for finding in findings):
        notes.append(f"These numbers are of a smaller cell with the same code (D={looked_at.n_in}, H={looked_at.n_hidden}).")
    return Diagnosis(name_of(cell), one_step, two_steps, findings, notes)


def _of_methods(probe, trial, findings, other, notes):
    """The findings so far, and those about each method alone, but for what rounding or an array changed in place explains.

    `other`: the cell in another size, or None. Where this one is so small that other code than the right one mends it, too, the
    larger one is looked at. To `notes` is added what failed in the search itself.
    """
    bench = Workbench(trial.code, trial, Meanings(probe, trial.code), other)
    found = _mended(probe, trial, findings, bench)
    notes += [f"A part of the search for the mistake failed itself: {type(error).__name__}: {error}."
              for error in bench.failures[:1]]
    if bench.accidental and other.n_hidden > probe.cell.n_hidden and other.n_hidden <= LARGEST_SEARCHED and not any(
            one.certain for one in found):
        again = _of_methods(*_tools(other, np.random.default_rng(0)), findings, probe.cell, notes)
        found = again if any(one.certain for one in again) else found
    return found


def _mended(probe, trial, findings, bench):
    """The findings so far, and those of each stage."""
    if trial.problem.lowered or trial.problem.nonlinear:
        rounded = [with_all_digits(one, trial) for one in lost_digits(probe, trial.problem.lowered)]
        findings = findings + rounded
        if rounded and (rounded[0].certain or trial.slight):    # where nothing but digits is wrong, nothing else is looked for
            return findings
    kinds, found = {finding.kind for finding in findings}, []
    mendings = [Mending(stage, bench, probe.tolerance, probe.cell) for stage in stages(probe)]
    for mending in mendings:
        mending.others_wrong = any(other.wrong for other in mendings if other is not mending)
        own = mending.findings()
        if any(one.certain for one in own):                     # the whole check passes: nothing else is to blame
            names = tuple(name for name in probe.cell.params if ("parameter", name) in trial.wrong)
            if len(own) == 1 and not own[0].parameters:         # of pre-activations that have no names
                own = [replace(own[0], parameters=names)]
            findings = [one for one in findings if one.kind != "changes its input"]
            return findings + [one for one in own if one.belongs or one.certain]
        found += own
    if "precision" in kinds:
        found = [one for one in found if one.kind not in ("unexplained", "not linear")]
    if "changes its input" in kinds:
        found = [one for one in found if one.certain]
    return findings + found


def _tools(cell, rng):
    """A `Probe` and a `WholeCheck` of a cell. If its code fails with the probe's columns, there are as many as in the check."""
    sizes, fails = sizes_beside(cell), None
    try:
        probe = Probe(cell, rng, sizes)
        probe.backward(probe.dnews)
    except Exception as error:                                  # whatever somebody's code raises
        fails, probe = (sizes[1], error), Probe(cell, rng, (sizes[0], CHECKED))
    return probe, WholeCheck(cell, probe.exact, fails=fails)


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
            found = _of_part(LayerBackward(layer, model.cells[-1].n_hidden, training, rng), layer)
            parts[name] = "wrong" if found else "ok"
        findings += [replace(finding, method=f"{name}, {finding.method}", function="") for finding in found]
    found = _of_part(LossGradient(loss, outputs, targets), model.head)
    parts["loss"] = "wrong" if found else "ok"
    notes = list(dict.fromkeys(note for diagnosis in cells.values() for note in diagnosis.notes))
    return ModelDiagnosis(subject, parts, findings + found, cells, notes)


def _of_part(stage, part):
    """The findings of a layer or of a loss, whose only stage it is."""
    with np.errstate(all="ignore"):
        try:
            code = Code([f for f in (stage.function, stage.forward) if f], stage.owner)
        except (OSError, ValueError):                           # no source to look into
            code = None
        return Mending(stage, Workbench(code), CENTRAL, part).findings()


def _of_many_steps(steps, report):
    """What is left to say where every single step is right."""
    bad = [row for row in report.rows if not row.ok]
    names = tuple(row.name for row in bad)
    if report.method == "complex" and not steps.exact:
        return Finding("not for complex numbers", "abs, .real, a cast or a comparison in the forward pass loses the imaginary "
                       "part, so the complex step says nothing here: check it with method=\"central\".", names)
    numbers = "; ".join(f"{row.name}{list(row.worst_index)} is {row.derived:+.6g} instead of {row.numeric:+.6g}"
                        for row in bad[:2])
    return Finding("unexplained", f"no mistake that I know explains {few(names)}, which are wrong over several steps only: "
                   f"{numbers}.", names, parameters=tuple(row.name for row in bad if row.kind == "parameter"))


def _of_one_step(probe):
    """The verdicts: rows by what is differentiated by, columns by component of the new state."""
    gates = probe.gates()
    verdicts = Verdicts("one step", [f"{name}'" for name in probe.cell.state_names])
    smallest = 1e-13 * max(np.abs(slope).max(initial=0) for slope in probe.slopes.values())
    for m, column in enumerate(verdicts.columns):
        derived = probe.backward([dnew if k == m else np.zeros_like(dnew) for k, dnew in enumerate(probe.dnews)])
        for block, slope in probe.slopes.items():
            truth = np.einsum("nkhb,khb->n", slope[:, m], probe.dnews[m]).reshape(probe.arrays[block].shape)
            parts = {label(block): ...}
            if block[0] == "gates":
                parts = {name: (slice(None), rows) for name, rows in gates.items()}
            for name, chosen in parts.items():
                verdicts.judge(name, column, derived[block][chosen], truth[chosen], probe.tolerance, smallest)
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
