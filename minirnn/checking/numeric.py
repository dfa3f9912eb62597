"""Numeric derivatives, element by element: central differences and the complex step; of a loss, or of many values."""

import numpy as np


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


def second_look(loss, array, i, step, method, flowing):
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


# ---- of many values at once, which is quick where the function is small ------------------------------------------------

def gradient(value, array, exact):
    """The numeric gradient of value(), one number, with respect to the array, which it reads."""
    return slopes_of(value, array, range(array.size), exact).reshape(array.shape)


def slopes_of(value, array, where, exact, rows=False):
    """The derivative of value(), by the elements `where` (flat indices) of the array, which it reads: one row each.

    With `rows`, by the rows of the array: all elements of one are changed together.
    """
    flat, found, h = array if rows else array.reshape(-1), [], 1e-3
    for i in where:
        kept = np.array(flat[i])

        def at(difference):
            flat[i] = kept + difference
            result = np.array(value())
            flat[i] = kept
            return result

        if exact:
            found.append(at(1e-30j).imag / 1e-30)
        else:                                                   # two central differences, their h² parts cancelled
            found.append((8 * (at(h / 2) - at(-h / 2)) - (at(h) - at(-h))) / (6 * h))
    return np.array(found)
