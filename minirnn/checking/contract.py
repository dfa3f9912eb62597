"""Does a cell return what the contract says? Asked before any number is compared."""

import numpy as np

from ..cells.cell import Memo


def refuse_if_not_finite(run):
    """ValueError if a forward pass has NaN or infinity in a state: there would be no derivative to compare with."""
    for name in run.cell.state_names:
        bad = np.argwhere(~np.isfinite(run[name]))
        if len(bad):
            t, unit, column = map(int, bad[0])
            raise ValueError(f"the forward pass gives {name} = {run[name][t, unit, column]} at step {t}, unit {unit}, column "
                             f"{column}; expected finite numbers, for there is no gradient to check")


def check_contract(cell, run):
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
