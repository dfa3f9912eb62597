"""Is this backward pass right? Numeric derivatives, and a report that compares them with the derived ones.

Two numeric derivatives of a loss L with respect to one number θ:

- central differences, (L(θ + h) − L(θ − h)) / 2h: what "finite differences" means to most people. The error has two
  parts, one of order h² from cutting off the Taylor series and one of order ε|L|/h from subtracting two nearly equal
  numbers, so no h makes it much smaller than 1e-10.
- complex step, Im L(θ + ih) / h: nothing is subtracted, so h = 1e-30 does no harm and the derivative is right to the
  last digits (Squire & Trapp 1998). It needs code that also runs on complex numbers; the cells here do.

Neither knows more than its rounding lets it know, and the tolerance allows for that. A central difference may be wrong
by a few ε(|L| + |g|)/h, where g is the largest gradient that flows anywhere (a rounded gate, with gradient g, moves the
loss by εg), and the derived gradient by a few ε|g|, which is all that is left where a saturated gate computes f(1 − f).
And where the function has a kink within the step, as relu does, there is no derivative to compare with: such an element
is skipped, and the report says so. A difference that fails is therefore looked at again with smaller steps before it
counts. A smooth function's second difference shrinks with h², that of a kink does not.

Everything is checked in double precision, on a copy, whatever the dtype of what was given. Where the check of a cell
fails, `diagnose` looks for the mistake.
"""

import ast
import inspect
import textwrap
import time
import traceback
from pathlib import Path

import numpy as np

from .. import checks
from ..cells.cell import Cell
from ..losses import mean_squared_error
from ..model import Model
from .contract import blamed, check_whole
from .diagnosis import diagnose as find_mistake
from .diagnosis import diagnose_model as find_guilty_part
from .numeric import central_difference, complex_step, second_look
from .problems import CellProblem, ModelProblem, name_of
from .report import CheckedArray, Report

HOPELESS = 120                  # seconds: a check that would take longer is refused
METHODS = {                     # method -> dtype to compute in, step h, largest relative error that passes
    "central": ("float64", 1e-5, 1e-6),
    "complex": ("complex128", 1e-30, 1e-10),
}


def gradcheck(subject, xs=None, targets=None, *, loss=mean_squared_error, method="central", n_steps=5, batch=3,
              state="random", training=False, sample=400, rng=0, step=None, tolerance=None,
              diagnose=True):
    """Compare a derived gradient with a numeric one, element by element.

    Args:
        subject: a `Cell` (also a `FunctionCell`) or a `Model`. It is not changed. A cell's loss is a random weighting of
            every output and of the final state; a model's is `loss` of its outputs and `targets`.
        xs: (T, D, B) inputs, or (T, B) symbols; random ones for `n_steps` and `batch` without it.
        targets: what `loss` of a model compares with; random ones without it (for mean squared error).
        loss: for a model, one of `minirnn.losses`.
        method: "central" or "complex".
        n_steps, batch: the size of random inputs.
        state: "random" starts from a random state, as if an earlier step had left it, and checks the gradient of every
            component of it too (a learned s, which only acts where no state is given, is checked in a run of its own). In
            the copy of a cell that is checked, parameters that are 0 throughout, but for biases, are then moved away from
            it: what they multiply would go unchecked. "own" takes the cells' own initial state, and parameters, as is.
        training: for a model, whether it normalises and drops as in training. Every evaluation then drops the same values.
        sample: of a block with more elements than this, so many are checked, chosen by `rng`. The report says so.
        rng: a seed or Generator for everything random here.
        step: h; 1e-5 for central differences, 1e-30 for the complex step.
        tolerance: the largest relative error that passes, besides what rounding explains; 1e-6 and 1e-10. The error of a
            block is its largest |derived − numeric| over its largest |derived| or |numeric|.
        diagnose: whether the mistake is looked for where the check fails (see `minirnn.diagnose`).

    Returns:
        A `Report`, true if every row passes.

    Raises:
        TypeError, ValueError: for arguments of the wrong kind, a loss that is not finite, or a check that would take
            minutes. What a cell's own code raises comes through, with a note (from Python 3.11 on) of the shapes in the
            line that raised it.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
    if state not in ("random", "own"):
        raise ValueError(f"state is {state!r}, expected 'random' or 'own'")
    sample = checks.positive_integer("sample", sample)
    dtype, default_step, default_tolerance = METHODS[method]
    step = default_step if step is None else checks.number("step", step, low=0, open_low=True)
    tolerance = default_tolerance if tolerance is None else checks.number("tolerance", tolerance, low=0, open_low=True)
    rng = checks.generator(rng)
    if isinstance(subject, Cell):
        check_whole(subject)
        subject = _stirred(subject, rng) if state == "random" else subject
        problem = _with_shapes(CellProblem, subject, xs, n_steps, batch, state, rng)
        title = name_of(subject)
    elif isinstance(subject, Model):
        problem = ModelProblem(subject, xs, targets, loss, n_steps, batch, state, training, rng)
        title = " + ".join([*map(name_of, subject.cells), "head"]) + ", in training" * training
    else:
        raise TypeError(f"subject is a {type(subject).__name__}, expected a Cell, a FunctionCell or a Model")

    rows = _rows(problem, method, dtype, step, tolerance, sample, rng)
    report = Report(title, method, step, tolerance, rows, getattr(problem, "unsteady", ()), problem.nonlinear,
                    getattr(problem, "lowered", {}))
    if diagnose and not report:
        try:
            if isinstance(subject, Cell):
                report.diagnosis = find_mistake(subject, report)
            else:
                check = lambda cell: gradcheck(cell, method=method, n_steps=3, batch=2, sample=60)
                report.diagnosis = find_guilty_part(subject, title, *problem.judged(), problem.loss, check, training)
        except Exception as error:                              # the report must not be lost with it
            report.undiagnosed = f"(the search for the mistake failed itself: {type(error).__name__}: {error})"
    return report


def _rows(problem, method, dtype, step, tolerance, sample, rng):
    """The rows of the report: each gradient beside its numeric derivative."""
    derived = _with_shapes(problem.derived)
    numeric = problem.at(dtype)
    counts = {block: min(gradient.size, sample) for block, gradient in derived.items()}
    _refuse_if_hopeless(sum(counts.values()) * (2 if method == "central" else 1), numeric, sample)
    flowing = max(np.abs(gradient).max(initial=0) for gradient in [*derived.values(), *getattr(problem, "incoming", ())])
    flowing = float(flowing) if np.isfinite(flowing) else 1.0
    own_rounding = flowing * np.finfo(np.float64).eps * (100 + (4 / step if method == "central" else 0))
    rows = []
    for block, gradient in derived.items():
        where = np.arange(gradient.size)
        if gradient.size > sample:
            where = np.sort(rng.choice(gradient.size, sample, replace=False))
        difference = complex_step if method == "complex" else central_difference
        loss, array = lambda: numeric.value(block), numeric.arrays[block]
        found, rounding = difference(loss, array, where, step)
        closer = lambda k: second_look(loss, array, where[k], step, method, flowing)
        rows.append(_compare(block, gradient, where, found, rounding + own_rounding, tolerance, closer))
    return rows


def _with_shapes(call, *given):
    """call(*given). An error in it, such as NumPy's own, gets a note of the line that raised it and the shapes there."""
    try:
        with blamed(None):
            return call(*given)
    except Exception as error:
        frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__)
                  if "numpy" not in Path(frame.f_code.co_filename).parts]
        told = _shapes_at(*frames[-1]) if frames else ""
        if told:                                                # (what add_note does, from Python 3.11 on)
            error.__notes__ = [*getattr(error, "__notes__", ()), told]
        raise


def _shapes_at(frame, line):
    """A sentence with the shape of every array that is named in the statement at that line; "" if that cannot be told."""
    try:
        lines, first = inspect.getsourcelines(frame)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError, TypeError):
        return ""
    around = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)
              and node.lineno <= line - max(first, 1) + 1 <= node.end_lineno]
    if not around or isinstance(around[-1], ast.Raise):         # what is raised on purpose says what it has to say
        return ""
    shapes = {}
    for node in ast.walk(around[-1]):
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Load):
            text = ast.unparse(node)
            try:
                value = eval(text, frame.f_globals, frame.f_locals)
            except Exception:
                continue
            if isinstance(value, np.ndarray):
                shapes[text] = value.shape
    named = ", ".join(f"{text} is {shape}" for text, shape in shapes.items())
    return f"(in {frame.f_code.co_name}, line {line}, `{ast.unparse(around[-1]).splitlines()[0]}`: {named})" if named else ""


def _stirred(cell, rng):
    """A copy of the cell in which no parameter but a bias is 0 throughout.

    What is multiplied by 0, as everything that goes through a new LSTM's peepholes, is not checked by any difference. A
    bias is added: it hides nothing.
    """
    cell, rng = cell.astype("float64"), rng.spawn(1)[0]         # a stream of its own: the other draws stay what they were
    for name, a in cell.params.items():
        if not a.any() and not name.startswith("b"):
            a[...] = rng.normal(0, 0.3, a.shape)
    return cell


def _refuse_if_hopeless(n_values, problem, sample):
    """ValueError if so many values of the loss would take minutes."""
    block = next(iter(problem.arrays))
    seconds = []
    for _ in range(2):                                          # the first may have to make room
        started = time.perf_counter()
        problem.value(block)
        seconds.append(time.perf_counter() - started)
    expected = n_values * seconds[-1]
    if expected > HOPELESS:
        fitting = max(1, int(sample * HOPELESS / 4 / expected))
        raise ValueError(
            f"this check would take about {expected / 60:.0f} minutes ({n_values} values of the loss, {seconds[-1]:.2g} s "
            f"each): pass sample={fitting} to check so many elements of each array, or fewer steps, columns or units")


def _compare(block, gradient, where, numeric, rounding, tolerance, look_closer):
    kind, name = block
    derived = gradient.reshape(-1)[where]
    allowed = np.full(len(where), rounding)
    counted = np.ones(len(where), bool)
    scale = max(np.abs(derived).max(), np.abs(numeric).max())
    error = np.abs(derived - numeric)
    for k in np.argsort(-error):
        if error[k] <= tolerance * scale + rounding:
            break
        bend, closer, truncation = look_closer(k)
        if error[k] <= bend:
            counted[k] = False
        elif truncation > 0.1 * tolerance * scale:              # rather the step's fault than the derivation's
            numeric[k], allowed[k] = closer, 4 * rounding + truncation
            error[k] = abs(derived[k] - closer)
        if counted[k] and not error[k] <= tolerance * scale + allowed[k]:
            break
    ok = bool(np.all(error[counted] <= tolerance * scale + allowed[counted]))       # False for NaN
    error[~counted] = 0
    scale = max(np.abs(derived[counted]).max(initial=0), np.abs(numeric[counted]).max(initial=0))
    worst = int(np.argmax(error))                               # a NaN, if there is one
    with np.errstate(invalid="ignore"):
        relative = float(error[worst] / scale) if scale > 0 else float(error[worst])
    index = tuple(int(i) for i in np.unravel_index(where[worst], gradient.shape))
    return CheckedArray(name, kind, gradient.shape, len(where), gradient.size, relative, index,
               float(derived[worst]), float(numeric[worst]), ok, int((~counted).sum()))
