"""How often does one step call NumPy? Counted by arrays that report every function that touches them."""

from collections import Counter

import numpy as np


class Counted(np.ndarray):
    """An array that counts, by name and in `calls`, the NumPy functions that are called with it. What comes out counts, too."""

    calls = Counter()

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **how):
        Counted.calls[ufunc.__name__] += 1
        result = getattr(ufunc, method)(*_plain(inputs), **({"out": _plain(out)} if out else {}), **how)
        return out[0] if out else result.view(Counted)

    def __array_function__(self, function, types, args, how):
        Counted.calls[function.__name__] += 1
        result = super().__array_function__(function, types, args, how)
        return result.view(Counted) if isinstance(result, np.ndarray) else result


def _plain(arrays):
    return tuple(a.view(np.ndarray) if isinstance(a, Counted) else a for a in arrays)


def _counted(arrays):
    return tuple(np.asarray(a).view(Counted) for a in arrays)


def calls_of_a_step(cell):
    """Which NumPy functions one step of a cell calls, and how often.

    Args:
        cell: a `Cell`. Its W x + b is computed beforehand, as `unroll` does it, and not counted.

    Returns:
        forward, backward: two Counters, name of a function -> number of calls; a matrix product is "matmul".
    """
    rng = np.random.default_rng(0)
    wx, old = cell.input_terms(rng.normal(size=(1, cell.n_in, 3)).astype(cell.dtype))[0], cell.random_state(rng, 3)
    Counted.calls.clear()
    new, memo = cell.step(wx.view(Counted), _counted(old))
    forward = Counter(Counted.calls)
    dnew = _counted(np.ones(a.shape, cell.dtype) for a in new)
    Counted.calls.clear()
    cell.step_backward(dnew, _counted(old), new, memo)
    return forward, Counter(Counted.calls)
