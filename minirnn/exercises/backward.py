"""Answers that are backward passes: from blank, or a broken one to mend. The gradient checker is the judge.

What the checker finds names the expression that belongs in the place of the wrong one. In an exercise that would be the
answer, so only this much is told: the line as the student wrote it, what kind of mistake it is, and which gradients it
makes wrong.
"""

import io
from contextlib import redirect_stdout

import numpy as np

from ..cells.cell import Cell
from ..function_cell import FunctionCell
from ..checking.check import gradcheck
from ..checking.finding import KINDS_OF_MISTAKE
from ..unrolling import unroll
from .exercise import Exercise, Feedback, raised

DETAILS = ("diagnosis", "matrix", "numbers")


class Backward(Exercise):
    """A backward pass: the student's `step_backward(p, dnew, x, old, new, memo, grads)`, or a whole cell, beside our step.

    Args:
        step: `step(p, x, old) -> new, memo`, as `FunctionCell` wants it: the forward pass that the answer belongs to.
        params: name -> array, or name -> shape for random ones. Let none be 0, and let D and H differ, from each other and
            from 2, the columns that the check has: then no wrong product fits by accident.
        n_in, n_hidden, state_names: as in `FunctionCell`.
        broken: whether the notebook shows a backward pass with mistakes, to be mended.
        detail: what is told of a wrong one: "diagnosis", "matrix" (of single steps) or "numbers".
    """

    def __init__(self, *given, step, params, n_in, n_hidden, state_names=("h",), broken=False, detail="diagnosis", **more):
        super().__init__(*given, **more)
        rng = np.random.default_rng(0)
        self.step, self.n_in, self.n_hidden, self.state_names, self.detail = step, n_in, n_hidden, state_names, detail
        self.params = {name: rng.normal(0, 0.6, a) if isinstance(a, tuple) else a for name, a in params.items()}
        self.kind = "a broken backward pass" if broken else "a backward pass from blank"

    def judge(self, answer):
        if isinstance(answer, Cell):
            complaint = self._other_forward(answer)
            if complaint:
                return self.wrong(complaint)
            cell, function = answer, answer.step_backward.__func__
        elif isinstance(answer, type) or not callable(answer):
            described = f"the class {answer.__name__}" if isinstance(answer, type) else _kind(answer)
            return self.wrong(f"It is {described}, expected a function: hand in its name, without brackets.")
        else:
            cell = FunctionCell(self.step, answer, self.params, n_in=self.n_in, n_hidden=self.n_hidden,
                                state_names=self.state_names)
            function = answer
        report, words = _checked(cell, function, self.detail)
        if report is None:
            return self.wrong(words)
        if report:
            return self.right(f"All {len(report.rows)} gradients agree with the numeric ones, to {report.worst:.0e}.")
        return self.wrong(words)

    def _other_forward(self, cell):
        """What is wrong if a cell does not compute what it is to be the gradient of; "" if it does."""
        sizes = cell.n_in, cell.n_hidden, tuple(cell.params)
        if sizes != (self.n_in, self.n_hidden, tuple(self.params)):
            return (f"The cell has D = {cell.n_in}, H = {cell.n_hidden} and the parameters {', '.join(cell.params)}; "
                    f"expected D = {self.n_in}, H = {self.n_hidden} and {', '.join(self.params)}.")
        cell = cell.astype("float64")
        params = {name: np.array(a) for name, a in cell.params.items()}
        ours = FunctionCell(self.step, lambda *given: None, params, n_in=self.n_in, n_hidden=self.n_hidden,
                            state_names=self.state_names)
        xs = np.random.default_rng(0).normal(size=(3, self.n_in, 2))
        try:
            theirs = unroll(cell, xs).hs
        except Exception as error:
            return raised(error, cell.step.__func__)
        if not np.allclose(theirs, unroll(ours, xs).hs):
            return "Its forward pass is not the one of the exercise any more; only the backward pass is to be changed."
        return ""


def hand_in(cell, detail="diagnosis"):
    """Check any cell, not one of an exercise: right, or what is wrong, in as much detail as you want to be told.

    Args:
        cell: a `Cell` or `FunctionCell`.
        detail: "diagnosis" (the line and the kind of mistake), "matrix" (verdicts of single steps) or "numbers" (derived and
            numeric gradients side by side, as any checker gives them).

    Returns:
        A `Feedback`, true if every gradient is right.

    Raises:
        TypeError: cell is no cell. ValueError: there is no such detail.
    """
    if not isinstance(cell, Cell):
        raise TypeError(f"cell is {_kind(cell)}, expected a Cell or a FunctionCell")
    if detail not in DETAILS:
        raise ValueError(f"detail is {detail!r}, expected one of {', '.join(DETAILS)}")
    report, words = _checked(cell, cell.step_backward.__func__, detail)
    if report:
        return Feedback("right", f"Right. All {len(report.rows)} gradients agree, to {report.worst:.0e}.")
    return Feedback("wrong", f"Not yet. {words}")


def _checked(cell, function, detail):
    """The report on a cell, None if its code failed, and what to say of it."""
    try:
        with redirect_stdout(io.StringIO()):                    # what a student prints in it, it would print hundreds of times
            report = gradcheck(cell, method="complex", batch=2, diagnose=detail != "numbers")
    except Exception as error:
        return None, raised(error, function)
    if report:
        return report, ""
    if detail == "numbers":
        return report, _numbers(report, gradcheck(cell, method="complex", batch=2, n_steps=1, diagnose=False))
    if report.diagnosis is None:
        return report, f"{report.title}."
    return report, _matrix(report) if detail == "matrix" else told(report.diagnosis)


def told(diagnosis):
    """A `Diagnosis` in words that leave the correction to the reader."""
    verdicts = diagnosis.one_step
    wrong = verdicts.wrong()[0]
    fine = [row for row in verdicts.rows if row not in wrong and not row.startswith("a_") and row != "a"]
    if wrong:
        rest = f"; that of {_listed(fine)} is right" if fine else ""
        lines = [f"Over one step the gradient of {_listed(wrong)} is wrong{rest}."]
    else:
        lines = ["Each step alone is right; the fault is in what is carried or added up over steps."]
    mark = len(diagnosis.findings) > 1
    for number, finding in enumerate(diagnosis.findings, 1):
        lines.append(f"  {f'{number}. ' if mark else ''}{_finding(finding)}")
        if finding.source:
            lines.append(f"       {finding.source}")
    return "\n".join(lines)


def _finding(finding):
    what = KINDS_OF_MISTAKE.get(finding.kind, finding.kind)
    if finding.kind == "factor" and ".mean(" in finding.code:
        what += ", a mean over the columns stands here"
    if finding.line and finding.code:
        of = f" (it makes wrong: {_listed(finding.wrong)})" if finding.wrong else ""
        return f"Line {finding.line}, at `{finding.code}`: {what}{of}."
    if finding.kind == "unexplained":
        return (f"Of {_listed(finding.wrong)} no single mistake explains what comes out: look at that gradient alone, term by "
                f"term.")
    return finding.sentence                                     # of a gradient as a whole, from outside: it names no expression


def _matrix(report):
    wrong = sum(not row.ok for row in report.rows)
    return f"{wrong} of {len(report.rows)} gradients are wrong. One step alone:\n\n{report.diagnosis.table()}"


def _numbers(report, single):
    lines = ["Where each gradient is most wrong:\n",
             "          over one step                               over five steps",
             "          derived     numeric     derived/numeric     derived     numeric     derived/numeric"]
    for rows in zip(single.rows, report.rows):
        lines.append(f"{rows[0].name:7}" + "".join(
            f"{row.derived:+10.5f}  {row.numeric:+10.5f}  {'ok' if row.ok else _quotient(row):>12}      "
            for row in rows).rstrip())
    return "\n".join(lines)


def _quotient(row):
    return f"{row.derived / row.numeric:+.3f}" if row.numeric else "–"


def _listed(names, most=8):
    names = list(names)
    names = names if len(names) <= most else [*names[:most - 1], f"{len(names) - most + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _kind(value):
    return f"a {type(value).__name__}"
