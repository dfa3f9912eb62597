"""What a gradient check found: a row for every parameter, input and component of the initial state, and a verdict."""

import html
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class CheckedArray:
    """What a check found for one parameter, the input, or one component of the initial state."""

    name: str
    kind: str                   # "parameter", "input" or "state"
    shape: tuple
    checked: int                # elements compared
    elements: int               # elements there are
    relative_error: float       # the largest |derived − numeric|, over the largest |derived| or |numeric| of the block
    worst_index: tuple          # where the largest |derived − numeric| is
    derived: float              # the two values there
    numeric: float
    ok: bool
    skipped: int = 0            # elements left out: the function has a kink within the step (relu), so no derivative


def finite_or_none(value):
    """Nested dicts, lists and tuples, with None for every number that is not finite."""
    if isinstance(value, dict):
        return {name: finite_or_none(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(finite_or_none, value))
    return None if isinstance(value, float) and not np.isfinite(value) else value


class Report:
    """The rows of a gradient check. True if all pass; prints as a table, in a notebook as HTML.

    Attributes: `rows`, `method`, `step`, `tolerance`, `subject` (what was checked), `worst` (the largest relative error),
    `unsteady` (names whose gradient was another when the same backward pass ran again; these fail), `nonlinear` (names
    whose gradient is not linear in the gradients that come in; these fail), `lowered` (name -> dtype of what a step notes in
    fewer digits than the cell computes in; fails, too), `diagnosis` (if it failed: where the mistake is and which, see
    `diagnose`; of a model, which part; None otherwise).
    """

    def __init__(self, subject, method, step, tolerance, rows, unsteady=(), nonlinear=(), lowered=None):
        self.subject, self.method, self.step, self.tolerance, self.rows = subject, method, step, tolerance, rows
        self.unsteady, self.nonlinear, self.lowered = tuple(unsteady), tuple(nonlinear), dict(lowered or {})
        self.diagnosis, self.undiagnosed = None, ""

    def __bool__(self):
        return all(row.ok for row in self.rows) and not self.unsteady and not self.nonlinear and not self.lowered

    @property
    def worst(self):
        errors = [row.relative_error for row in self.rows]
        return float("nan") if any(np.isnan(errors)) else max(errors)

    def as_dict(self):
        """For JSON: {"worst": ..., "ok": ..., "method": ..., "rows": [...], "diagnosis": ...}.

        JSON has no NaN and no infinity: where a number is one, there is None (null).
        """
        return finite_or_none({
            "subject": self.subject, "worst": self.worst, "ok": bool(self), "method": self.method, "step": self.step,
            "tolerance": self.tolerance, "rows": [asdict(row) for row in self.rows],
            "unsteady": list(self.unsteady), "nonlinear": list(self.nonlinear), "lowered": self.lowered,
            "diagnosis": self.diagnosis and self.diagnosis.as_dict()})

    _columns = ("gradient of", "shape", "checked", "relative error", "worst at", "derived", "numeric", "verdict")

    def _cells(self):
        for row in self.rows:
            checked = "all" if row.checked == row.elements else f"{row.checked} of {row.elements}"
            verdict = "ok" if row.ok else "WRONG"
            if row.skipped:
                verdict += f", {row.skipped} skipped (kink)"
            yield (row.name, "×".join(map(str, row.shape)) or "()", checked, f"{row.relative_error:.1e}",
                   ",".join(map(str, row.worst_index)) or "()", f"{row.derived:+.8e}", f"{row.numeric:+.8e}", verdict)

    @property
    def title(self):
        failed = [row.name for row in self.rows if not row.ok]
        reasons = [f"{len(failed)} of {len(self.rows)} WRONG: {', '.join(failed)}"] * bool(failed)
        if self.unsteady:
            reasons.append(f"another value when run again: {', '.join(self.unsteady)}")
        if self.nonlinear:
            reasons.append(f"not linear in the incoming gradient: {', '.join(self.nonlinear)}")
        if self.lowered:
            reasons.append(f"noted in fewer digits: {', '.join(f'{name} ({dtype})' for name, dtype in self.lowered.items())}")
        verdict = "; ".join(reasons) or f"all {len(self.rows)} ok"
        if reasons and not failed:                              # where the rows below say ok
            verdict = f"FAILED, {verdict}; apart from that all {len(self.rows)} ok"
        excused = [row.name for row in self.rows if row.ok and row.relative_error > self.tolerance]
        more = f", more where rounding leaves no better: {', '.join(excused)}" if excused else ""
        return (f"{self.subject}: {verdict} ({self.method} differences, h = {self.step:g}, worst relative error "
                f"{self.worst:.1e}, allowed {self.tolerance:g}{more})").replace("complex differences", "complex step")

    def __str__(self):
        table = [self._columns, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*table)]
        lines = ["  ".join(f"{text:<{width}}" for text, width in zip(line, widths)).rstrip() for line in table]
        told = [str(self.diagnosis or self.undiagnosed), ""] if self.diagnosis or self.undiagnosed else []
        return "\n".join([*told, self.title, *("  " + line for line in lines)])

    __repr__ = __str__

    def _repr_html_(self):
        told = self.diagnosis._repr_html_() if self.diagnosis else html.escape(self.undiagnosed)
        head = "".join(f"<th>{html.escape(text)}</th>" for text in self._columns)
        body = ""
        for row, cells in zip(self.rows, self._cells()):
            style = "" if row.ok else " style='background:#fbd9c9;color:black'"
            body += f"<tr{style}>" + "".join(f"<td>{html.escape(text)}</td>" for text in cells) + "</tr>"
        return (f"{told}<p>{html.escape(self.title)}</p>"
                f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
