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
import html
import importlib.util
import inspect
import sys
import textwrap
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from . import checks
from .cells.cell import Cell, Memo
from .cells.function import FunctionCell
from .diagnose import diagnose as find_mistake
from .diagnose import diagnose_model as find_guilty_part
from .losses import mean_squared_error
from .model import Model
from .threads import threads_for
from .unroll import unroll

HOPELESS = 120                  # seconds: a check that would take longer is refused
METHODS = {                     # method -> dtype to compute in, step h, largest relative error that passes
    "central": ("float64", 1e-5, 1e-6),
    "complex": ("complex128", 1e-30, 1e-10),
}


@dataclass(frozen=True)
class Row:
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


class Report:
    """The rows of a gradient check. True if all pass; prints as a table, in a notebook as HTML.

    Attributes: `rows`, `method`, `step`, `tolerance`, `subject` (what was checked), `worst` (the largest relative error),
    `unsteady` (names whose gradient was another when the same backward pass ran again; these fail), `diagnosis` (if it
    failed: where the mistake is and which, see `diagnose`; of a model, which part; None otherwise).
    """

    def __init__(self, subject, method, step, tolerance, rows, unsteady=(), diagnosis=None):
        self.subject, self.method, self.step, self.tolerance, self.rows = subject, method, step, tolerance, rows
        self.unsteady, self.diagnosis, self.undiagnosed = tuple(unsteady), diagnosis, ""

    def __bool__(self):
        return all(row.ok for row in self.rows) and not self.unsteady

    @property
    def worst(self):
        errors = [row.relative_error for row in self.rows]
        return float("nan") if any(np.isnan(errors)) else max(errors)

    def as_dict(self):
        """For JSON: {"worst": ..., "ok": ..., "method": ..., "rows": [...], "diagnosis": ...}."""
        return {"subject": self.subject, "worst": self.worst, "ok": bool(self), "method": self.method, "step": self.step,
                "tolerance": self.tolerance, "rows": [asdict(row) for row in self.rows],
                "unsteady": list(self.unsteady), "diagnosis": self.diagnosis and self.diagnosis.as_dict()}

    _columns = ("gradient of", "shape", "checked", "relative error", "worst at", "derived", "numeric", "verdict")

    def _cells(self):
        for row in self.rows:
            checked = "all" if row.checked == row.elements else f"{row.checked} of {row.elements}"
            verdict = "ok" if row.ok else "WRONG"
            if row.skipped:
                verdict += f", {row.skipped} skipped (kink)"
            yield (row.name, "×".join(map(str, row.shape)), checked, f"{row.relative_error:.1e}",
                   ",".join(map(str, row.worst_index)), f"{row.derived:+.8e}", f"{row.numeric:+.8e}", verdict)

    @property
    def title(self):
        failed = [row.name for row in self.rows if not row.ok]
        verdict = f"{len(failed)} of {len(self.rows)} WRONG: {', '.join(failed)}" if failed else f"all {len(self.rows)} ok"
        if self.unsteady:
            verdict += f"; another value when run again: {', '.join(self.unsteady)}"
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
        subject = _stirred(subject, rng) if state == "random" else subject
        problem = _with_shapes(CellProblem, subject, xs, n_steps, batch, state, rng)
        title = _name_of(subject)
    elif isinstance(subject, Model):
        problem = ModelProblem(subject, xs, targets, loss, n_steps, batch, state, training, rng)
        title = " + ".join([*map(_name_of, subject.cells), "head"]) + ", in training" * training
    else:
        raise TypeError(f"subject is a {type(subject).__name__}, expected a Cell, a FunctionCell or a Model")

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
        second_look = lambda k: _second_look(loss, array, where[k], step, method, flowing)
        rows.append(_compare(block, gradient, where, found, rounding + own_rounding, tolerance, second_look))
    report = Report(title, method, step, tolerance, rows, getattr(problem, "unsteady", ()))
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


def _with_shapes(call, *given):
    """call(*given). An error in it, such as NumPy's own, gets a note of the line that raised it and the shapes there."""
    try:
        return call(*given)
    except Exception as error:
        frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__)
                  if "numpy" not in Path(frame.f_code.co_filename).parts]
        told = _shapes_at(*frames[-1]) if frames else ""
        if told and hasattr(error, "add_note"):
            error.add_note(told)
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


def load_cell(place, n_in, n_hidden, **options):
    """A cell from somebody's own file, for checking it.

    Args:
        place: "path/to/file.py:Name", where Name is a subclass of `Cell`, a cell (a `FunctionCell`, for example), or a
            function that is called as Name(n_in, n_hidden, **options) and returns a cell.
        n_in, n_hidden: D and H; a cell that is there already keeps its own.
        options: of the cell.

    Returns:
        A `Cell`.

    Raises:
        ValueError: place is not of that form. FileNotFoundError: there is no such file. KeyError: the file has no such name.
        TypeError: what has that name is no cell. What the file itself raises while it is imported comes through as it is.
    """
    path, _, name = str(place).rpartition(":")
    if not path or not name.isidentifier():
        raise ValueError(f'the cell is given as {str(place)!r}, expected "path/to/file.py:Name"')
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"_cell_from_{path.stem}", path)
    if spec is None:
        raise ValueError(f"{path} is no Python file (*.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module                             # where `inspect` looks for a source
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        there = [n for n, value in vars(module).items() if isinstance(value, Cell) or isinstance(value, type)
                 and issubclass(value, Cell) and value.__module__ == spec.name]
        raise KeyError(f"{path} has no {name!r}" + f", but it has {', '.join(there)}" * bool(there))
    found = getattr(module, name)
    if not isinstance(found, Cell):
        if not callable(found):
            raise TypeError(f"{name} in {path} is a {type(found).__name__}, expected a Cell, a subclass of it, or a "
                            f"function that makes one")
        found = found(n_in, n_hidden, **options)
    if not isinstance(found, Cell):
        raise TypeError(f"{name} in {path} made a {type(found).__name__}, expected a Cell")
    return found


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


def central_difference(loss, array, where, step):
    """(L(θ + h) − L(θ − h)) / 2h for the elements `where` (flat indices) of `array`, which `loss()` reads.

    Returns:
        The derivatives, and the error that rounding L may have left in each: a few ε|L|/h.
    """
    flat, found, largest = array.reshape(-1), np.empty(len(where)), 0.0
    for k, i in enumerate(where):
        kept = flat[i]
        flat[i] = kept + step
        above, high = loss(), flat[i]
        flat[i] = kept - step
        below, low = loss(), flat[i]
        flat[i] = kept
        found[k] = (above - below) / (high - low)               # what the step became in floating point
        largest = max(largest, abs(above), abs(below))
    return found, 4 * np.finfo(np.float64).eps * largest / step


def complex_step(loss, array, where, step):
    """Im L(θ + ih) / h for the elements `where` of the complex `array`. Returns the derivatives, and 0: no rounding."""
    flat, found = array.reshape(-1), np.empty(len(where))
    for k, i in enumerate(where):
        kept = flat[i]
        flat[i] = kept + 1j * step
        found[k] = loss().imag / step
        flat[i] = kept
    return found, 0.0


def _second_look(loss, array, i, step, method, flowing):
    """Element i again, closer by.

    Returns:
        bend: if the loss has a kink within the step, the error that this may have made in the derivative; else 0.
        numeric: the derivative by the smallest step tried. truncation: what the step's length may still change in it.
    """
    flat = array.reshape(-1)
    kept = flat[i]

    def at(difference):
        flat[i] = kept + difference
        value = loss()
        flat[i] = kept
        return value

    if method == "complex":                                     # a smooth function's value at θ − ih is the conjugate
        above, below = at(1j * step).imag / step, -at(-1j * step).imag / step
        kinked = abs(above - below) > 1e-9 * max(abs(above), abs(below))
        return (2 * abs(above - below) if kinked else 0.0), above, 0.0
    middle = at(0)
    noise = 16 * np.finfo(np.float64).eps * (abs(middle) + flowing)
    slopes, bends = [], []
    for h in (step, step / 2, step / 4):
        above, below = at(h), at(-h)
        slopes.append((above - below) / (2 * h))
        bends.append(above - 2 * middle + below)
    kinked = any(abs(bend - bends[0] / 4**k) > 0.1 * abs(bends[0]) / 4**k + noise for k, bend in enumerate(bends))
    if not kinked or at(0) != middle:                           # (a loss that draws random numbers has no kink)
        return 0.0, slopes[-1], abs(slopes[-1] - slopes[-2])
    # A kink within the step makes half of |bend|/h, at most. The bends of two kinks may cancel at one step, not at all.
    bend = max(abs(bend) / (step / 2**k) for k, bend in enumerate(bends))
    return bend + 2 * (max(slopes) - min(slopes)), slopes[-1], 0.0


def _compare(block, gradient, where, numeric, rounding, tolerance, second_look):
    kind, name = block
    derived = gradient.reshape(-1)[where]
    allowed = np.full(len(where), rounding)
    counted = np.ones(len(where), bool)
    scale = max(np.abs(derived).max(), np.abs(numeric).max())
    error = np.abs(derived - numeric)
    for k in np.argsort(-error):
        if error[k] <= tolerance * scale + rounding:
            break
        bend, closer, truncation = second_look(k)
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
    relative = float(error[worst] / scale) if scale > 0 else 0.0
    index = tuple(int(i) for i in np.unravel_index(where[worst], gradient.shape))
    return Row(name, kind, gradient.shape, len(where), gradient.size, relative, index,
               float(derived[worst]), float(numeric[worst]), ok, int((~counted).sum()))


def _name_of(cell):
    return f"{type(cell).__name__} (D={cell.n_in}, H={cell.n_hidden})"


class CellProblem:
    """A cell, its inputs and start, and the loss Σ weights ⊙ hs + Σ weights ⊙ final state, as the checker sees them.

    `arrays` maps (kind, name) to the array that the checker may change; `value(block)` is the loss as it is now.
    """

    _room = None                # a run, whose arrays every later one uses

    def __init__(self, cell, xs, n_steps, batch, state, rng):
        self.cell = cell.astype("float64")
        if xs is None:
            n_steps, batch = checks.positive_integer("n_steps", n_steps), checks.positive_integer("batch", batch)
            xs = rng.normal(size=(n_steps, cell.n_in, batch))
        self.xs = np.array(xs, dtype=np.float64) if np.asarray(xs).dtype.kind == "f" else xs
        run = unroll(self.cell, self.xs)                        # also checks xs
        _refuse_if_not_finite(run)
        if not isinstance(cell, FunctionCell):                  # (which says itself what is wrong with its functions)
            _check_contract(self.cell, run)
        shape = (cell.n_hidden, run.batch)
        self.start = self.cell.random_state(rng, run.batch) if state == "random" else None
        self.weights = rng.normal(size=run.hs.shape)
        # The logarithm of an empty average's weight stands for −∞: beside it, no difference in the loss could be seen.
        self.state_weights = tuple(rng.normal(size=shape) * (np.abs(final) < 1e20) for final in run.state)
        self._name_arrays()

    def _name_arrays(self):
        self.arrays = {("parameter", name): a for name, a in self.cell.params.items()}
        self.arrays["input", "x"] = self.xs
        for name, a in zip(self.cell.state_names, self.start or ()):
            self.arrays["state", f"{name}_0"] = a

    def at(self, dtype):
        """The same problem in another dtype, on arrays of its own."""
        other = object.__new__(CellProblem)
        other.cell, other.xs = self.cell.astype(dtype), self.xs.astype(dtype)
        other.start = self.start and tuple(a.astype(dtype) for a in self.start)
        other.weights, other.state_weights = self.weights, self.state_weights
        other._name_arrays()
        return other

    def _start_for(self, block):
        own_start = block == ("parameter", "s") and self.cell.learned_state
        return None if own_start else self.start

    def _run(self, block):
        return unroll(self.cell, self.xs, self._start_for(block))

    def value(self, block):
        """The loss. Of the hundreds of runs that a check needs, only the first checks its arguments and makes arrays."""
        if self._room is None:
            self._room = self._run(block)
        run = self._room
        with threads_for([self.cell], run.batch):
            run._forward(self.xs, self._start_for(block))
        terms = [(run.hs * self.weights).sum()]
        terms += [(a * weights).sum() for a, weights in zip(run.state, self.state_weights)]
        return _finite(sum(terms))

    def derived(self):
        """(kind, name) -> gradient, by the cell's own backward pass.

        It runs in chunks of two steps, so that a sum over time that is assigned instead of added shows, and twice, so that
        a gradient shows that depends on what ran before.
        """
        run = self._run(None)
        found, again = self._backward(run), self._backward(run)
        self.unsteady = [name for (kind, name), gradient in found.items()
                         if not np.allclose(again[kind, name], gradient, rtol=1e-12, atol=0, equal_nan=True)]
        return found

    @property
    def incoming(self):
        return [self.weights, *self.state_weights]

    def _backward(self, run):
        run.n_chunk = min(2, run.n_chunk)
        dxs, grads, dstate = run.backward(self.weights, self.state_weights)
        found = {("parameter", name): a for name, a in grads.items()}
        if self.start is not None and self.cell.learned_state:
            own_run = self._run(("parameter", "s"))
            found["parameter", "s"] = own_run.backward(self.weights, self.state_weights)[1]["s"]
        found["input", "x"] = dxs
        for name, a in zip(self.cell.state_names, dstate if self.start is not None else ()):
            found["state", f"{name}_0"] = a
        return found


def _refuse_if_not_finite(run):
    """ValueError if a forward pass has NaN or infinity in a state: there would be no derivative to compare with."""
    for name in run.cell.state_names:
        bad = np.argwhere(~np.isfinite(run[name]))
        if len(bad):
            t, unit, column = map(int, bad[0])
            raise ValueError(f"the forward pass gives {name} = {run[name][t, unit, column]} at step {t}, unit {unit}, column "
                             f"{column}; expected finite numbers, for there is no gradient to check")


def _check_contract(cell, run):
    """TypeError, ValueError or AttributeError if step_backward and weight_gradients do not return what a cell's must."""
    old, new = run.start, tuple(run[name][0] for name in cell.state_names)
    old, new = tuple(np.array(a) for a in old), tuple(np.array(a) for a in new)
    wx, shape = cell.input_terms(run.xs[:1])[0], new[0].shape
    memo = cell.step(wx, old)[1]
    try:
        returned = cell.step_backward(tuple(np.ones_like(a) for a in new), old, new, memo)
    except AttributeError as error:
        if not isinstance(getattr(error, "obj", None), Memo):
            raise
        raise AttributeError(f"step_backward reads memo.{error.name}, which step did not note: it noted "
                             f"{', '.join(vars(memo)) or 'nothing'}") from error
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise TypeError(f"step_backward returned {type(returned).__name__}, expected a pair: dwx, dold")
    dwx, dold = returned
    if not isinstance(dold, tuple) or len(dold) != len(new):
        described = f"a tuple of {len(dold)}" if isinstance(dold, tuple) else f"a {type(dold).__name__}"
        raise TypeError(f"step_backward returned {described} as dold, expected a tuple of {len(new)}: "
                        f"({', '.join('d' + name for name in cell.state_names)})")
    _check_array("step_backward", "dwx", dwx, wx.shape, cell.dtype)
    for name, array in zip(cell.state_names, dold):
        _check_array("step_backward", f"d{name}", array, shape, cell.dtype)
    memos = Memo(**{name: a[None] for name, a in vars(memo).items()})
    dxs = cell.weight_gradients(dwx[None], run.xs[:1], tuple(a[None] for a in old), memos, cell.params.like())
    _check_array("weight_gradients", "dxs", dxs, run.xs[:1].shape, cell.dtype)


def _check_array(method, name, array, shape, dtype):
    if np.shape(array) != shape:
        turned = ", its transpose" if np.shape(array) == shape[::-1] else ""
        raise ValueError(f"{method} returned {name} with shape {np.shape(array)}, expected {shape}{turned}")
    if getattr(array, "dtype", None) != dtype:
        raise TypeError(f"{method} returned {name} as {getattr(array, 'dtype', type(array).__name__)}, the cell computes in "
                        f"{dtype}")


class ModelProblem:
    """A model, its inputs, targets and loss, as the checker sees them; compare `CellProblem`.

    In training mode a derivative only exists while the dropped values stay the same, so dropout starts from the same seed
    in every run. Running statistics do change from run to run, but nothing reads them then.
    """

    _room = None

    def __init__(self, model, xs, targets, loss, n_steps, batch, state, training, rng):
        self.model, self.loss, self.targets = model.astype("float64"), loss, targets
        self.training, self.seed = training, int(rng.integers(2**32)) if training else None
        if xs is None:
            n_steps, batch = checks.positive_integer("n_steps", n_steps), checks.positive_integer("batch", batch)
            if model.inputs is None:
                xs = rng.normal(size=(n_steps, model.cells[0].n_in, batch))
            else:
                xs = rng.integers(model.inputs.n_symbols, size=(n_steps, batch))
        self.xs = np.array(xs, dtype=np.float64) if np.asarray(xs).dtype.kind == "f" else np.asarray(xs)
        run = self.model.forward(self.xs)
        if targets is None:
            self.targets = rng.normal(size=run.outputs.shape)
        self.start = None
        if state == "random":
            self.start = tuple(cell.random_state(rng, run.outputs.shape[-1]) for cell in self.model.cells)
        self._name_arrays()

    def _name_arrays(self):
        self.arrays = {("parameter", name): a for name, a in self.model.params.items()}
        if self.model.inputs is None:
            self.arrays["input", "x"] = self.xs
        self._name_states(self.arrays, self.start)

    def _name_states(self, named, states):
        for names, cell, state in zip(self.model.layer_names, self.model.cells, states or ()):
            for name, a in zip(cell.state_names, state):
                named["state", f"{names.cell}.{name}_0"] = a

    def at(self, dtype):
        other = object.__new__(ModelProblem)
        other.model, other.loss, other.targets = self.model.astype(dtype), self.loss, self.targets
        other.training, other.seed = self.training, self.seed
        other.xs = self.xs.astype(dtype) if self.model.inputs is None else self.xs
        other.start = self.start and tuple(tuple(a.astype(dtype) for a in state) for state in self.start)
        other._name_arrays()
        return other

    def _run(self, block, out=None):
        own_start = block is not None and block[1].endswith(".s")
        if self.training and self.model.dropout:
            self.model.dropout.rng = np.random.default_rng(self.seed)
        return self.model.forward(self.xs, None if own_start else self.start, out, training=self.training)

    def value(self, block):
        run = self._room = self._run(block, self._room)
        return _finite(self.loss(run.outputs, self.targets)[0])

    def judged(self):
        """The outputs and targets that the loss is called with."""
        return self._run(None).outputs, self.targets

    def derived(self):
        run = self._run(None)
        dxs, grads, dstates = run.backward(self.loss(run.outputs, self.targets)[1])
        found = {("parameter", name): a for name, a in grads.items()}
        for name in [name for name in grads if name.endswith(".s")]:
            own = self._run(("parameter", name))
            found["parameter", name] = own.backward(self.loss(own.outputs, self.targets)[1])[1][name]
        if dxs is not None:
            found["input", "x"] = dxs
        self._name_states(found, dstates if self.start is not None else None)
        return found


def _finite(loss):
    if not np.isfinite(loss):
        raise ValueError(f"the loss is {loss}, expected a finite number: it cannot be differentiated numerically here")
    return loss
