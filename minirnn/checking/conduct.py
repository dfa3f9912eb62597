"""What a method must not do, whatever it computes: change what others still read, remember, lose digits or gradients.

Aliasing is two names for one array: what is changed in place under one name has changed under the other. It cannot be
seen in any formula. It is found by trying: each statement that changes an array in place is replaced by one that makes a
new array, and where the whole check then mends, that statement was the mistake.
"""

import ast
import inspect
import traceback
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from . import trace
from ..cells.cell import Memo
from ..function_cell import FunctionCell
from .finding import Finding, few
from .repairs import casts, edits, out_of, unaliased
from .source import unbound
from .stages import copies, shadow, stages


def conduct(probe, report):
    """What a method must not do, whatever it computes: change what it was given, or depend on what ran before."""
    cell = shadow(probe.cell)
    wxs, olds = cell.input_terms(probe.xs).copy(), [tuple(o[k].copy() for o in probe.olds) for k in range(probe.n_steps)]
    new, memo = copies(cell.step(wxs[0], olds[0]))
    dnew, params = tuple(d[0].copy() for d in probe.dnews), tuple(cell.params.values())
    old_names = [f"old {name}" for name in cell.state_names]
    names = [*old_names, "x" if isinstance(cell, FunctionCell) else "wx", *cell.params]
    findings = _called_twice(cell, "step", names, lambda: cell.step(wxs[0], olds[0]), (olds[0], wxs[0], params))
    names = [*(f"d{name}" for name in cell.state_names), *old_names, *(f"new {name}" for name in cell.state_names), *vars(memo),
             *cell.params]
    findings += _called_twice(cell, "step_backward", names, lambda: cell.step_backward(dnew, olds[0], new, memo),
                              (dnew, olds[0], new, tuple(vars(memo).values()), params))
    findings = findings or _of_the_last_step(cell, wxs, olds, (dnew, olds[0], new, memo))
    for method, given in ("input_terms", probe.xs), ("output", probe.news[0]):
        function = getattr(cell, method)
        together, alone = function(given.copy()), [function(given[k:k + 1].copy())[0] for k in range(probe.n_steps)]
        if not np.allclose(together, alone, rtol=1e-9, equal_nan=True):
            findings.append(Finding("mixes steps", "what it gives for a step depends on the other steps that it is given with; "
                                    "how many those are depends on the sequence's length and the batch.", (), method))
    if report is not None and report.unsteady and not findings:
        findings.append(Finding("left over", f"a second backward pass over the same run gives another gradient of "
                                f"{few(report.unsteady)}: something is kept from the first.", tuple(report.unsteady)))
    return findings


def _called_twice(cell, method, names, call, given):
    """Findings about a method that changes what it is given, or gives something else when it is called again."""
    before, attributes = copies(given), _attributes(cell)
    first = _arrays_in(call())
    changed = [name for name, a, b in zip(names, _arrays_in(given), _arrays_in(before))
               if not np.array_equal(a, b, equal_nan=True)]
    if changed:
        line, source = _line_that_writes(call, given)
        return [Finding("changes its input", f"{', '.join(changed)} is changed in place, and belongs to others, who still read "
                        "it.", (), method, line=line, code=source, source=source)]
    again, kept = _arrays_in(call()), _changed_attributes(attributes, cell)
    if all(np.allclose(a, b, rtol=1e-12, equal_nan=True) for a, b in zip(first, again)):
        return []
    where = f": it has changed {few(kept)}" if kept else ""
    return [Finding("not repeatable", "the same call gives different results: it draws random numbers, or keeps something from "
                    f"call to call{where}.", (), method)]


def _of_the_last_step(cell, wxs, olds, given):
    """A finding about a backward step that reads what the last forward step has left in the object, in a list."""
    results = []
    for later in (False, True):                                 # the backward pass comes when all the steps have run
        cell.step(wxs[0], olds[0])
        attributes = _attributes(cell)
        if later:
            cell.step(wxs[1], olds[1])
        left = _changed_attributes(attributes, cell)
        results.append(_arrays_in(cell.step_backward(*copies(given))))
    if all(np.allclose(a, b, rtol=1e-12, equal_nan=True) for a, b in zip(*results)):
        return []
    where = f"in {few(left)}" if left else "outside"
    try:
        function = unbound(cell.functions[1]) if isinstance(cell, FunctionCell) else type(cell).step_backward
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        lines, first = [], 0
    reading = [(k, text.strip()) for k, text in enumerate(lines, first) if any(name in text for name in left)]
    line, source = reading[0] if reading else (0, "")
    return [Finding("of the last step", f"it reads what step leaves {where}, which at every step of the backward pass is the "
                    "last step's. Note it in the memo.", (), "step_backward", line, source, source=source)]


def _attributes(cell):
    """What is kept in the object beside its parameters."""
    return {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in vars(cell).items()
            if name not in cell.params.stacked and name not in ("params", "pending", "memo_type")}


def _changed_attributes(before, cell):
    """Their names, as one writes them, of those that are not what they were."""
    return [f"self.{name}" for name, value in _attributes(cell).items() if name not in before or not (
        np.array_equal(value, before[name]) if isinstance(value, np.ndarray) else value is before[name])]


def lost_between(two):
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
                             (arriving[k] + dlast[k],
                              "arrives together with that of the step after: a sum that is not cleared"),
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
    others = f"; that of {few(fine)} is right" if fine else ""
    return Finding("unexplained", f"Over two steps, the gradient of {few(wrong)} is wrong, though each step alone is right"
                   f"{others}: no mistake that I know in what is carried explains it.", wrong)


def _arrays_in(values):
    if isinstance(values, np.ndarray):
        return [values.copy()]
    if isinstance(values, Memo):
        values = tuple(vars(values).values())
    return [array for value in values for array in _arrays_in(value)] if isinstance(values, tuple) else [np.array(values)]


def _line_that_writes(call, given):
    """(line, source) of the statement that changes one of the given arrays in place; (0, "") if that cannot be told."""
    arrays = [a for a in _flat(given) if a.flags.writeable]
    for a in arrays:
        a.flags.writeable = False
    try:
        call()
    except ValueError as error:
        frame = _innermost(error)
        return (frame.lineno, frame.line or "") if frame and "read-only" in str(error) else (0, "")
    except Exception:
        return 0, ""
    finally:
        for a in arrays:
            a.flags.writeable = True
    return 0, ""


def _flat(values):
    if isinstance(values, np.ndarray):
        return [values]
    return [a for value in values for a in _flat(value)] if isinstance(values, tuple | list) else []


# ---- two names for one array ----------------------------------------------------------------------------------------

def aliasing(trial, changed=()):
    """The statement that changes an array in place which is still needed: a list of one `Finding`, or of none.

    `changed`: findings about arguments that are changed; where nothing in the cell needs the old value, others do.
    """
    ways = []
    for definition in trial.code.definitions.values() if not trial.slight else ():
        if not trial.wrong or definition.ancestor or _is_ours(definition.file) and not _is_ours(_file_of(trial.cell)):
            continue
        room = _room_for_gradients(trial.cell, definition.function)
        for edit in unaliased(definition):
            if _changed_by(edit.changes[0][0]) == room:         # which is there to be added to
                continue
            left = trial.left(edit)
            if left is not None and left < trial.wrong:
                ways.append((len(left), edit.cost, edit.line, left, edit))
    if not ways:
        return []
    *_, left, edit = min(ways, key=lambda way: way[:3])
    node = edit.changes[0][0]
    name = _changed_by(node)
    before, after = edit.before_and_after()
    needed = _still_needs(trial, edit)
    given = next((finding.sentence.partition(" is changed")[0] for finding in changed if finding.line == edit.line), "")
    why = (f"line {needed[0]} still needs what `{needed[1]}` was" if needed
           else f"it is {given}, which others still read" if given else "what it was is still needed")
    one_array = f" (`{name}` and `{needed[1]}` are one array)" if needed and needed[1] != name else ""
    wrong = tuple(block[1] for block in trial.problem.arrays if block in trial.wrong - left)
    names = {name for kind, name in trial.wrong - left if kind == "parameter"}
    sentence = f"{edit.why}." if edit.why else f"`{name}` is changed in place, and {why}{one_array}."
    return [Finding("changes its input", sentence, wrong, edit.definition.tree.name, edit.line, before,
                    tuple(p for p in trial.cell.params if p in names), edit.source, after, not left)]


def _room_for_gradients(cell, function):
    """The name of the argument, the last one, to which a method adds gradients; None if it has none."""
    adding = type(cell).weight_gradients, type(cell).initial_state_backward
    if isinstance(cell, FunctionCell):
        adding = unbound(cell.functions[1]), inspect.unwrap(unbound(cell.functions[1]))
    return function.__code__.co_varnames[function.__code__.co_argcount - 1] if function in adding else None


def _changed_by(node):
    """The name of the array that a statement changes in place, or makes a second name for."""
    if isinstance(node, ast.Expr | ast.expr):
        made = node.value if isinstance(node, ast.Expr) else node
        return ast.unparse(isinstance(made, ast.Call) and out_of(made) or made)
    target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
    return ast.unparse(target.value if isinstance(target, ast.Subscript) else target)


def _still_needs(trial, edit):
    """(line, text) of the first name, after the change, that has another value because of it; None if it cannot be told.

    The backward pass is run as it is and with the repair. Where a name is read that differs, the old value was needed.
    """
    lines = {node.lineno for node, _ in edit.changes}
    try:
        broken = _names_read(trial, trial.problem.cell)
        with trial.repaired(edit) as cell, edit.applied():
            right = _names_read(trial, cell)
    except Exception:                                           # what cannot be traced is not told
        return None
    for key, value in right.items():
        if key in broken and (key[1] not in lines or edit.definition.tree.name != key[0]) and not (
                value.shape == broken[key].shape and np.array_equal(value, broken[key], equal_nan=True)):
            return key[1], key[2]
    return None


def _names_read(trial, cell):
    """(function, line, text, how often before) -> value of every name that one step of the backward pass reads."""
    rng, own = np.random.default_rng(0), isinstance(cell, FunctionCell)
    cell = shadow(cell)
    xs, old = rng.normal(size=(1, cell.n_in, 3)), cell.random_state(rng, 3)
    new, memo = cell.step(cell.input_terms(xs)[0], old)
    dnew = tuple(rng.normal(size=a.shape) for a in new)
    function = trial.cell.functions[1] if own else type(trial.cell).step_backward
    traced = trace.Watched(function, None if own else type(trial.cell), trial.code)
    if own:
        grads = cell.pending
        values = traced.record(lambda: traced.function(cell.params, dnew, xs[0], old, new, cell.handed(memo), grads))
    else:
        values = traced.record(lambda: traced.function(trial.problem.cell, dnew, old, new, memo))
    found, times = {}, {}
    for key, value in values.items():
        expression = traced.expressions[key.expression]
        if expression.is_name:
            place = expression.function, expression.line, expression.text
            times[place] = times.get(place, 0) + 1
            found[(*place, times[place])] = value
    return found


# ---- digits ---------------------------------------------------------------------------------------------------------

def lost_digits(probe, lowered):
    """The first value that is rounded to fewer digits than the cell computes in: a list of one `Finding`, or of none."""
    cell, own = probe.cell, isinstance(probe.cell, FunctionCell)
    wx, old = probe.xs[0] if own else cell.input_terms(probe.xs[:1])[0], tuple(o[0] for o in probe.olds)
    given = (cell.params, wx, old) if own else (cell, wx, old)
    looked = [("step", cell.functions[0] if own else type(cell).step, lambda f: f(*given))] if lowered else []
    looked += [(stage.name, stage.function, stage.call) for stage in stages(probe)]
    for name, function, call in looked:
        try:
            traced = trace.Watched(function, None if own else type(cell))
            values = traced.record(lambda: call(traced.function))
        except Exception:                                       # no source to look into
            continue
        for key, value in values.items():
            if value.dtype.itemsize < cell.dtype.itemsize:
                e = traced.expressions[key.expression]
                what = f" The memo keeps {few(lowered)} so." if lowered and name == "step" else ""
                return [Finding("precision", f"`{e.text}` is {value.dtype}, the cell computes in {cell.dtype}: every gradient "
                                f"that uses it is rounded to {np.finfo(value.dtype).precision} digits.{what}", tuple(lowered),
                                name, e.line, e.text, (), e.source)]
    return []


def with_all_digits(finding, trial):
    """The finding, with what belongs there, if the whole check passes where numbers are not rounded in that line."""
    for definition in trial.code.definitions.values():
        for edit in edits(definition, (casts,)):
            if edit.line == finding.line and trial.left(edit) == set():
                blocks = [block for block in trial.problem.arrays if block in trial.wrong]
                return replace(finding, source=edit.source, belongs=edit.before_and_after()[1], certain=True,
                               wrong=tuple(name for _, name in blocks),
                               parameters=tuple(name for kind, name in blocks if kind == "parameter"))
    return finding


def raised_where(error):
    """Which line of somebody's code fails, and how, in words."""
    frame = _innermost(error)
    return f"{f'line {frame.lineno}' if frame else 'it'} fails: {type(error).__name__}: {error}"


def _innermost(error):
    """The last frame of an error's traceback that is neither in this package nor in NumPy, or None."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not _is_ours(frame.filename) and Path(np.__file__).parent not in Path(frame.filename).parents]
    return frames[-1] if frames else None


def _is_ours(file):
    """Whether a file is part of this package."""
    return Path(__file__).parents[1] in Path(file).parents


def _file_of(cell):
    function = unbound(cell.functions[1]) if isinstance(cell, FunctionCell) else type(cell).step_backward
    return function.__code__.co_filename
