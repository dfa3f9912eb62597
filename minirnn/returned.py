"""What a cell's methods hand over, checked: a sentence that names the method, what it returned and what was expected."""

import numpy as np


def pair(method, returned, expected):
    """`returned`, if it is a tuple of two; TypeError otherwise."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        forgotten = " (is a return missing?)" if returned is None else ""
        raise TypeError(f"{method} returned {described(returned)}, expected a pair: {expected}{forgotten}")
    return returned


def check_state(method, what, names, arrays, shape, dtype):
    """TypeError or ValueError if `arrays` is no tuple of an array for each of the names."""
    if not isinstance(arrays, tuple) or len(arrays) != len(names):
        comma = "," * (len(names) == 1)
        raise TypeError(f"{method} returned {described(arrays)} as {what}, expected a tuple of {len(names)}: "
                        f"({', '.join(names)}{comma})")
    for name, array in zip(names, arrays):
        check_array(method, name, array, shape, dtype)


def check_array(method, name, array, shape, dtype):
    """TypeError or ValueError if it is no array of that shape and dtype."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{method} returned {name} as {described(array)}, expected an array")
    if array.shape != tuple(shape):
        turned = ", its transpose" if array.shape == tuple(shape)[::-1] else ""
        raise ValueError(f"{method} returned {name} with shape {array.shape}, expected {tuple(shape)}{turned}")
    if array.dtype != dtype:
        lost = "; abs, .real or a cast loses the imaginary part, so check it with method=\"central\"" * (
            np.dtype(dtype).kind == "c")
        raise TypeError(f"{method} returned {name} as {array.dtype}, the cell computes in {np.dtype(dtype)}{lost}")


def described(value):
    """A value in words: what kind it is, and how large."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    if value is None:
        return "None"
    return f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"
