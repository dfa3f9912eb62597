"""What is wrong with an argument, in one sentence. Used wherever the library meets its user."""

import numbers
import os

import numpy as np

DTYPES = ("float32", "float64", "complex128")


def shown(value):
    """`value` as it stands in a message: on one line, and no longer than that."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_)) and abs(value) >= 10**30:
        return f"an integer of {len(str(abs(value)))} digits" if abs(value) < 10**4000 else "an integer of thousands of digits"
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def dtype_of(dtype):
    """The NumPy dtype meant by `dtype`, which must be float32, float64 or complex128."""
    try:
        found = None if dtype is None else np.dtype(dtype)      # NumPy takes None for float64
    except (TypeError, ValueError, SyntaxError):
        found = None
    if found is None or found.name not in DTYPES:
        raise ValueError(f"dtype is {shown(dtype)}, expected one of {', '.join(DTYPES)}")
    return np.dtype(found.name)                                 # in the order of bytes that this processor computes in


def positive_integer(name, value):
    """`value` as an int of at least 1; TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is {shown(value)}, expected a positive integer")
    if value < 1:
        raise ValueError(f"{name} is {value}, expected a positive integer")
    return int(value)


def number(name, value, low=None, high=None, open_low=False):
    """`value` as a finite float within [low, high] (or (low, high]); TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {shown(value)}, expected a number")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} is {shown(value)}, expected a number of at most 1.8e+308") from None
    below = low is not None and (value <= low if open_low else value < low)
    if not np.isfinite(value) or below or (high is not None and value > high):
        bounds = [f"{'above' if open_low else 'of at least'} {low:g}"] if low is not None else []
        bounds += [f"of at most {high:g}"] if high is not None else []
        raise ValueError(f"{name} is {value:g}, expected a finite number {' and '.join(bounds)}".rstrip())
    return value


def choice(name, value, valid):
    """`value`, which must be one of `valid`; ValueError otherwise."""
    if value not in valid:
        raise ValueError(f"{name} is {shown(value)}, expected one of {', '.join(map(str, valid))}")
    return value


def lookup(kind, name, valid):
    """valid[name]; a KeyError that lists the valid names otherwise."""
    try:
        return valid[name]
    except (KeyError, TypeError):
        raise KeyError(f"{kind} {shown(name)} is unknown, expected one of {', '.join(valid)}") from None


def generator(rng):
    """A numpy Generator from a seed or a Generator."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool) or not isinstance(rng, numbers.Integral) or rng < 0:
        raise TypeError(f"rng is {shown(rng)}, expected a seed (an integer of at least 0) or a numpy Generator")
    return np.random.default_rng(int(rng))


def machine_memory():
    """Bytes of memory that this machine has; None where Python cannot say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def fits_memory(what, n_bytes):
    """`n_bytes`; a ValueError that begins with `what` if that is more than the machine has, or any machine could have."""
    there = machine_memory() or 2**48
    if n_bytes > there:
        raise ValueError(f"{what} would take {gigabytes(n_bytes)} of memory, this machine has {gigabytes(there)}")
    return n_bytes


def gigabytes(n_bytes):
    """A number of bytes in words."""
    if n_bytes >= 10**300:                                      # more than a float can hold
        return f"1e+{len(str(n_bytes // 10**9)) - 1} GB"
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes < 1e15 else f"{n_bytes / 1e9:.0e} GB"


def path(name, value):
    """`value`, a string or a path, as a string; TypeError or ValueError otherwise."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} is {shown(value)}, expected a path: a string or a pathlib.Path")
    value = os.fsdecode(value)
    if not value or "\0" in value:
        raise ValueError(f"{name} is {shown(value)}, expected a path")
    return value


def array(name, value):
    """`value` as an array; TypeError for masked values, which NumPy would take for numbers, ValueError for rows of many lengths."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TypeError(f"{name} is a masked array with {np.ma.count_masked(value)} values masked, expected numbers everywhere "
                        f"(see its method filled)")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is no array: {' '.join(str(error).split())}") from None


def floats(name, value, dtype, shape=None, layout="", finite=True):
    """`value` as an array of `dtype`, checked.

    Raises TypeError for integers, objects and complex numbers where reals are expected, and for masked values; ValueError for
    a shape other than `shape`, for numbers beyond the range of `dtype`, and (with `finite`) for NaN or infinity. `layout`
    says in words what the axes are.
    """
    given, dtype = array(name, value), np.dtype(dtype)
    kinds = "fc" if dtype.kind == "c" else "f"
    if given.dtype.kind not in kinds:
        raise TypeError(f"{name} has dtype {given.dtype}, expected floating point numbers (as {dtype})")
    if shape is not None and given.shape != tuple(shape):
        raise ValueError(f"{name} has shape {given.shape}, expected {tuple(shape)}{layout and f' ({layout})'}")
    with np.errstate(invalid="ignore", over="ignore"):
        converted = given.astype(dtype, copy=False)
        if finite or converted is not given:
            total = converted.sum(dtype=np.result_type(dtype, np.float64))
            if not np.isfinite(total):                          # one sum is quicker than a look at every element
                _check_each(name, given, converted, finite)
    return converted


def _check_each(name, given, converted, finite):
    """ValueError for the first number that the conversion made infinite or, with `finite`, that was not finite before."""
    wrong = ~np.isfinite(converted)
    if not finite:
        wrong &= np.isfinite(given)
    if wrong.any():
        index = tuple(int(i) for i in np.unravel_index(wrong.argmax(), wrong.shape))
        if np.isfinite(given[index]):
            raise ValueError(f"{name} has {given[index]} at {index}, expected at most {np.finfo(converted.dtype).max:.3g} in size: "
                             f"more does not fit into {converted.dtype}")
        raise ValueError(f"{name} has {given[index]} at {index}, expected finite numbers only")
