"""What is wrong with an argument, in one sentence. Used wherever the library meets its user."""

import numbers
import os

import numpy as np

DTYPES = ("float32", "float64", "complex128")


def dtype_of(dtype):
    """The NumPy dtype meant by `dtype`, which must be float32, float64 or complex128."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.name not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(DTYPES)}")
    return found


def positive_integer(name, value):
    """`value` as an int of at least 1; TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is {value!r}, expected a positive integer")
    if value < 1:
        raise ValueError(f"{name} is {value}, expected a positive integer")
    return int(value)


def number(name, value, low=None, high=None, open_low=False):
    """`value` as a finite float within [low, high] (or (low, high]); TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r}, expected a number")
    value = float(value)
    below = low is not None and (value <= low if open_low else value < low)
    if not np.isfinite(value) or below or (high is not None and value > high):
        bounds = [f"{'above' if open_low else 'of at least'} {low:g}"] if low is not None else []
        bounds += [f"of at most {high:g}"] if high is not None else []
        raise ValueError(f"{name} is {value:g}, expected a finite number {' and '.join(bounds)}".rstrip())
    return value


def choice(name, value, valid):
    """`value`, which must be one of `valid`; ValueError otherwise."""
    if value not in valid:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(map(str, valid))}")
    return value


def lookup(kind, name, valid):
    """valid[name]; a KeyError that lists the valid names otherwise."""
    try:
        return valid[name]
    except (KeyError, TypeError):
        raise KeyError(f"{kind} {name!r} is unknown, expected one of {', '.join(valid)}") from None


def generator(rng):
    """A numpy Generator from a seed or a Generator."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool) or not isinstance(rng, numbers.Integral) or rng < 0:
        raise TypeError(f"rng is {rng!r}, expected a seed (an integer of at least 0) or a numpy Generator")
    return np.random.default_rng(int(rng))


def path(name, value):
    """`value`, a string or a path, as a string; TypeError or ValueError otherwise."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} is {value!r}, expected a path: a string or a pathlib.Path")
    value = os.fsdecode(value)
    if not value or "\0" in value:
        raise ValueError(f"{name} is {value!r}, expected a path")
    return value


def floats(name, value, dtype, shape=None, layout="", finite=True):
    """`value` as an array of `dtype`, checked.

    Raises TypeError for integers, objects and complex numbers where reals are expected, ValueError for a shape other
    than `shape` and (with `finite`) for NaN or infinity. `layout` says in words what the axes are.
    """
    array = np.asarray(value)
    kinds = "fc" if np.dtype(dtype).kind == "c" else "f"
    if array.dtype.kind not in kinds:
        raise TypeError(f"{name} has dtype {array.dtype}, expected floating point numbers (as {np.dtype(dtype)})")
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(f"{name} has shape {array.shape}, expected {tuple(shape)}{layout and f' ({layout})'}")
    with np.errstate(invalid="ignore", over="ignore"):
        total = array.sum(dtype=np.result_type(array.dtype, np.float64)) if finite else 0.0
    if not np.isfinite(total):                                  # one sum is quicker than a look at every element
        where = np.argwhere(~np.isfinite(array))
        if len(where):
            index = tuple(int(i) for i in where[0])
            raise ValueError(f"{name} has {array[index]} at {index}, expected finite numbers only")
    return array.astype(dtype, copy=False)
