"""Does a cell keep its contract? Asked before any number is compared, one method after the other.

Each is called once, alone, with arguments that are right. What it returns is then looked at; and whatever goes wrong gets
the place in the cell's own source (`blamed`), whether the cell raised it or we did.
"""

import inspect
import traceback
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ..cells.cell import Cell, Memo
from ..returned import check_array, check_state, described, pair
from ..function_cell import FunctionCell
from . import trace

OWN = ("initial_state", "random_state", "input_terms", "step", "step_backward", "weight_gradients", "initial_state_backward",
       "output", "output_backward")     # methods that a cell may have of its own


class Place(NamedTuple):
    """Where in a source something went wrong."""

    file: str
    line: int
    function: str


@contextmanager
def blamed(thing):
    """An error that comes out of this block is that of a function or class: it gets the attribute `place`.

    That is the last line of the file of `thing` that ran, or else the last return of the function, or its first line.
    sys.exit() becomes a ValueError: no check ends the program.
    """
    try:
        yield
    except SystemExit as error:
        raise with_place(ValueError(f"it calls sys.exit({'' if error.code is None else repr(error.code)}), which would end the "
                                    "program"), thing, error.__traceback__) from error
    except Exception as error:
        raise with_place(error, thing, error.__traceback__)


def with_place(error, thing, run=None, head=False):
    """The error, with the attribute `place`, if it can be told and has none. `head`: where the function begins."""
    if hasattr(error, "place") or thing is None:
        return error
    thing = inspect.unwrap(getattr(thing, "__func__", thing))
    try:
        file, (lines, first) = inspect.getsourcefile(thing), inspect.getsourcelines(thing)
    except (OSError, TypeError):
        return error
    runs = [run, getattr(error.__cause__, "__traceback__", None)]
    frames = [frame for each in runs for frame in traceback.extract_tb(each) if frame.filename == file]
    if frames:
        error.place = Place(file, frames[-1].lineno, frames[-1].name)
    else:
        returns = [k for k, line in enumerate(lines) if line.lstrip().startswith("return")]
        at = returns[-1] if returns and inspect.isfunction(thing) and not head else 0
        error.place = Place(file, first + at, thing.__name__)
    return error


def check_contract(cell, xs):
    """TypeError, ValueError, AttributeError, ... with the attribute `place`, if a cell's methods do not do what they must.

    Args:
        cell: a `Cell`, or what somebody takes for one. Not changed.
        xs: (T, D, B) inputs.
    """
    with blamed(type(cell)):
        cell = cell.astype(cell.dtype)                          # a copy: what its methods set, it keeps to itself
    for name in OWN:
        _check_signature(cell, name)
    x, shape, names = np.array(xs[:1], cell.dtype), (cell.n_hidden, xs.shape[2]), cell.state_names
    with blamed(_own(cell, "random_state")):
        old = cell.random_state(np.random.default_rng(0), shape[1])
        check_state("random_state", "a state", names, old, shape, cell.dtype)
    with blamed(_own(cell, "initial_state")):
        check_state("initial_state", "the state", names, cell.initial_state(shape[1]), shape, cell.dtype)
    with blamed(_own(cell, "input_terms")):
        wxs = _input_terms(cell, x)
        if np.ndim(wxs) != 3 or len(wxs) != 1 or wxs.shape[2] != shape[1]:
            raise ValueError(f"input_terms returned {described(wxs)}, expected (1, rows, {shape[1]}), as it was given "
                             f"{x.shape}")
    with blamed(_function(cell, 0)):
        new, memo = pair("step", cell.step(wxs[0], old), "new state, memo")
        check_state("step", "the new state", names, new, shape, cell.dtype)
        _check_memo(memo)
    with blamed(_function(cell, 1)):
        dwx, dold = pair("step_backward", _step_backward(cell, old, new, memo), "dwx, dold")
        check_state("step_backward", "dold", [f"d{name}" for name in names], dold, shape, cell.dtype)
        check_array("step_backward", "dwx", dwx, wxs[0].shape, cell.dtype)
    with blamed(_own(cell, "weight_gradients") if not isinstance(cell, FunctionCell) else None):
        memos = Memo(**{name: a[None] for name, a in vars(memo).items()})
        dxs = cell.weight_gradients(dwx[None], x, tuple(a[None] for a in old), memos, cell.params.like())
        check_array("weight_gradients", "dxs", dxs, x.shape, cell.dtype)
    with blamed(_own(cell, "output")):
        outs = cell.output(new[0][None])
        check_array("output", "the outputs", outs, (1, *shape), cell.dtype)
    with blamed(_own(cell, "output_backward")):
        check_array("output_backward", "dhs", cell.output_backward(np.ones_like(outs), outs), (1, *shape), cell.dtype)


def check_whole(cell):
    """TypeError if a cell was never initialised, or does not say what its state is."""
    if "params" not in vars(cell):
        thing = type(cell).__init__ if inspect.isfunction(type(cell).__init__) else type(cell)
        raise with_place(TypeError(f"{type(cell).__name__} has no parameters: its __init__ must call "
                                   f"super().__init__(n_in, n_hidden, **options)"), thing)
    names = cell.state_names
    if not isinstance(names, tuple) or not names or names[0] != "h" or not all(isinstance(name, str) for name in names):
        raise with_place(TypeError(f'state_names is {names!r}, expected a tuple of names that begins with "h"'), type(cell))


def _check_signature(cell, name):
    """TypeError if a method, or a function of a `FunctionCell`, does not take what it is given."""
    wanted = inspect.signature(getattr(Cell, name))
    if isinstance(cell, FunctionCell) and name in ("step", "step_backward"):
        function = cell.functions[name == "step_backward"]
        arguments = ["p", "x", "old"] if name == "step" else ["p", "dnew", "x", "old", "new", "memo", "grads"]
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError:
            raise with_place(TypeError(f"{name} takes {inspect.signature(function)}, expected ({', '.join(arguments)})"),
                             function, head=True) from None
        except ValueError:                                      # a function without a signature
            pass
        return
    method = getattr(type(cell), name, None)
    if not callable(method):
        raise with_place(TypeError(f"{name} is {method!r}, expected a method {name}{wanted}"), type(cell))
    function = inspect.getattr_static(type(cell), name, None)
    try:
        inspect.signature(method).bind(*wanted.parameters)
    except TypeError:
        raise with_place(TypeError(f"{name} takes {inspect.signature(getattr(type(cell), name))}, expected {wanted}"),
                         function, head=True) from None
    except ValueError:
        pass


def _own(cell, name):
    """A method of the cell's own; its class, where that has none: what is missing is missing there."""
    method = getattr(type(cell), name, None)
    return type(cell) if method is getattr(Cell, name) else method


def _function(cell, k):
    """`step` or `step_backward`: the user's function, or the method."""
    return cell.functions[k] if isinstance(cell, FunctionCell) else _own(cell, ("step", "step_backward")[k])


def _input_terms(cell, x):
    try:
        return cell.input_terms(x)
    except AttributeError as error:
        if type(cell).input_terms is Cell.input_terms and getattr(error, "name", "") in ("W", "b"):
            raise TypeError(f"{type(cell).__name__} has no parameters {error.name!r}, which input_terms reads: name a Stack "
                            f"{error.name!r} in stacks(), or write input_terms and weight_gradients") from error
        raise


def _check_memo(memo):
    if not isinstance(memo, Memo):
        raise TypeError(f"step returned {described(memo)} as the memo, expected a Memo")
    for name, value in vars(memo).items():
        if not isinstance(value, np.ndarray):
            raise TypeError(f"step noted {name} as {described(value)}, expected an array: note each of several under its own "
                            "name")


def _step_backward(cell, old, new, memo):
    try:
        return cell.step_backward(tuple(np.ones_like(a) for a in new), old, new, memo)
    except AttributeError as error:
        if isinstance(getattr(error, "obj", None), Memo) and not isinstance(cell, FunctionCell):
            raise AttributeError(f"step_backward reads memo.{error.name}, which step did not note: it noted "
                                 f"{', '.join(vars(memo)) or 'nothing'}") from error
        raise


def first_not_finite(function, owner, *given):
    """The first `Expression` of a function that gives NaN or infinity, of finite values; None if there is none."""
    try:
        traced = trace.Watched(function, owner)
    except (OSError, ValueError):                               # no source to look into
        return None
    with np.errstate(all="ignore"):
        values = traced.record(lambda: traced.function(*given))
    return next((traced.expressions[key.expression] for key, value in values.items() if not np.isfinite(value).all()), None)


def refuse_if_not_finite(run):
    """ValueError if a forward pass has NaN or infinity in a state: there would be no derivative to compare with."""
    cell = run.cell
    for name in cell.state_names:
        bad = np.argwhere(~np.isfinite(run[name]))
        if len(bad):
            t, unit, column = map(int, bad[0])
            old = run.start if t == 0 else tuple(run[component][t - 1] for component in cell.state_names)
            wx, own = cell.input_terms(run.xs[t:t + 1])[0], isinstance(cell, FunctionCell)
            found = first_not_finite(_function(cell, 0), None if own else type(cell), cell.params if own else cell, wx, old)
            source = f", from `{found.text}`" if found else ""
            error = ValueError(f"the forward pass gives {name} = {run[name][t, unit, column]} at step {t}, unit {unit}, column "
                               f"{column}{source}; expected finite numbers, for there is no gradient to check")
            if found:
                error.place = Place(found.file, found.line, found.function)
            raise with_place(error, _function(cell, 0))
