"""Answers that are values: a number or an array, a formula as a function, a prediction."""

import copy
import inspect
import numbers
import warnings
from typing import Callable, NamedTuple

import numpy as np

from ..checking.numeric import complex_step
from .exercise import Exercise, Feedback, raised


class Slip(NamedTuple):
    """An answer that students are known to give, and what to say of it.

    `value` is a function: without arguments for a `Number`, with those of the formula for a `Formula`.
    """

    value: Callable
    words: str


def derivative(function, arguments, k=0):
    """The gradient of function(*arguments), one number, with respect to arguments[k], by the complex step.

    So that an exercise about a gradient needs no formula for it.

    Args:
        function: plain arithmetic that also runs on complex numbers.
        arguments: arrays or numbers.
        k: which of them.

    Returns:
        An array of that argument's shape (a number if it is one), float64.
    """
    complex_ones = [np.array(a, np.complex128) for a in arguments]
    found, _ = complex_step(lambda: function(*complex_ones), complex_ones[k], np.arange(complex_ones[k].size), 1e-30)
    return found.reshape(complex_ones[k].shape)[()]


class Number(Exercise):
    """A number, or an array of them.

    Args:
        answer: a function without arguments that computes the right answer. Integers must be met exactly.
        tolerance: how far each element may be off, as a share of the largest. The default allows three digits.
        slips: a list of `Slip`.
    """

    kind = "a number"

    def __init__(self, *given, answer, tolerance=2e-3, slips=(), **more):
        super().__init__(*given, **more)
        self.answer, self.tolerance, self.slips = answer, tolerance, slips

    def judge(self, answer):
        truth = np.asarray(self.answer())
        value, complaint = _floats("the answer", answer, truth.shape)
        if complaint:
            return self.wrong(complaint)
        tolerance = 0 if truth.dtype.kind == "i" else self.tolerance
        if _close(value, truth, tolerance):
            return self.right()
        for slip in self.slips:
            if _close(value, np.asarray(slip.value()), tolerance):
                return self.wrong(slip.words)
        return self.wrong(_how_far(value, truth, tolerance))


class Formula(Exercise):
    """A formula as a function. It is called with random arguments, the same each time, and its values are compared.

    Args:
        truth: a function of the same arguments that computes the right values. Use the library, or `derivative`.
        probes: name -> function of a Generator that returns the arguments, a tuple. The names are told ("right for one
            column, wrong for three"), so let them say what is special about each.
        returns: names of what is returned, if it is a tuple.
        tolerance: the largest error that passes, as a share of each array's largest element.
        slips: a list of `Slip`; each is compared on all probes.
    """

    kind = "a formula as a function"

    def __init__(self, *given, truth, probes, returns=None, tolerance=1e-6, slips=(), **more):
        super().__init__(*given, **more)
        self.truth, self.probes, self.returns, self.tolerance, self.slips = truth, probes, returns, tolerance, slips

    def judge(self, answer):
        if not callable(answer):
            return self.wrong(f"It is a {type(answer).__name__}, expected a function: hand in its name, without brackets.")
        found, overflows, name = {}, [], getattr(answer, "__name__", "the function")
        for label, probe in self.probes.items():
            arguments = probe(np.random.default_rng(0))
            given = copy.deepcopy(arguments)
            try:
                with warnings.catch_warnings(record=True) as raised_warnings:
                    warnings.simplefilter("always", RuntimeWarning)
                    value = answer(*given)
                overflows += [label] * any("overflow" in str(warning.message) for warning in raised_warnings)
            except Exception as error:
                return self.wrong(f"It fails for {label}: {raised(error, answer)}{_counted(answer, arguments)}")
            if value is None:
                return self.wrong(f"{name} returns nothing (is a return missing?).")
            if not _same(given, arguments):
                return self.wrong(f"{name} changes one of its arguments in place, which others still read: work on a copy.")
            parts, truths, complaint = self._parts(value, self.truth(*copy.deepcopy(arguments)))
            if complaint:
                return self.wrong(complaint)
            found[label] = parts, truths
        return self._compared(answer, found, overflows)

    def _parts(self, value, truth):
        """What was returned and what is right, as name -> array, and what is wrong with the kind of it, in a sentence."""
        if self.returns is None:
            value, truth, names = (value,), (truth,), ("what it returns",)
        else:
            names = self.returns
            if not isinstance(value, (tuple, list)) or len(value) != len(names):
                described = f"{len(value)} values" if isinstance(value, (tuple, list)) else f"a {type(value).__name__}"
                return {}, {}, f"It returns {described}, expected {len(names)}: {', '.join(names)}."
        parts = {}
        for name, part, right in zip(names, value, truth):
            parts[name], complaint = _floats(name, part, np.shape(right))
            if complaint:
                return {}, {}, complaint
        return parts, dict(zip(names, map(np.asarray, truth))), ""

    def _compared(self, answer, found, overflows):
        good = {(label, name): _close(parts[name], truths[name], self.tolerance)
                for label, (parts, truths) in found.items() for name in parts}
        if all(good.values()):
            return self.right(f"(On the way to it a number overflowed, for {' and '.join(overflows)}. This time the result is right "
                              f"all the same; a form that never overflows is safer.)" if overflows else "")
        for slip in self.slips:
            if all(_close(parts[name], np.asarray(theirs), self.tolerance) for label, (parts, _) in found.items()
                   for name, theirs in zip(parts, self._slipped(slip, label))):
                return self.wrong(slip.words)
        names = list(next(iter(found.values()))[0])
        wrong = [name for name in names if not all(good[label, name] for label in found)]
        words = []
        if len(names) > 1:
            fine = [name for name in names if name not in wrong]
            words.append(f"Right: {', '.join(fine) or 'none'}. Wrong: {', '.join(wrong)}.")
        for name in wrong[-1:] if len(wrong) < len(names) else wrong[:1]:
            fine, bad = ([label for label in found if good[label, name] is verdict] for verdict in (True, False))
            parts, truths = found[bad[0]]
            if fine:
                words.append(f"{_capital(name)} is right for {' and '.join(fine)}, wrong for {' and '.join(bad)}.")
            words.append(_how_far(parts[name], truths[name], self.tolerance, _capital(name)))
        return self.wrong(" ".join(words))

    def _slipped(self, slip, label):
        value = slip.value(*self.probes[label](np.random.default_rng(0)))
        return value if self.returns else (value,)


class Prediction(Exercise):
    """What will come out, said before it is seen. It is noted, drawn beside the truth, and judged only by `reveal`.

    Args:
        answer: a function without arguments: the right option, or the number that comes out.
        options: option -> what to say, after the experiment, to those who chose it. Without it a number is asked for.
        within: how far a number may be off, as a factor.
        told: without options: a sentence about what came out.
    """

    kind = "a prediction"

    def __init__(self, *given, answer, options=None, within=2.0, told="", **more):
        super().__init__(*given, **more)
        self.answer, self.options, self.within, self.told = answer, options, within, told

    def noted(self, answer):
        """A `Feedback`: that the prediction is noted, or why it cannot be one."""
        if self.options is not None:
            if not isinstance(answer, str) or answer not in self.options:
                return self.wrong(f"{answer!r} is not among the options: {', '.join(map(repr, self.options))}.")
        elif isinstance(answer, bool) or not isinstance(answer, numbers.Real) or not np.isfinite(answer) or answer <= 0:
            return self.wrong(f"{answer!r} is not a positive number, which is what this exercise asks you to guess.")
        return Feedback("noted", f"{self.number}: you predict {answer}. Noted. Now run the experiment.")

    def judge(self, answer):
        truth = self.answer()
        if self.options is not None:
            words = f"You predicted: {answer}. {self.options[answer]}"
            return self.right(words) if answer == truth else Feedback("wrong", f"{self.number}: {words} {self.after}".rstrip())
        words = f"You predicted {answer:g}; it is {truth:.3g}. {self.told}".rstrip()
        if max(answer / truth, truth / answer) <= self.within:
            return self.right(words)
        return Feedback("wrong", f"{self.number}: {words} {self.after}".rstrip())


# ---- comparing -------------------------------------------------------------------------------------------------------

def _floats(name, value, shape):
    """`value` as an array of floats of that shape, and "" or what is wrong with it."""
    if callable(value):
        return None, f"{_capital(name)} is a function, expected {_described(shape)}: call it, and hand in what it returns."
    try:
        array = np.asarray(value)
    except ValueError:
        return None, f"{_capital(name)} is a list of lists of different lengths, expected {_described(shape)}."
    if array.dtype.kind not in "iuf":
        kind = "complex numbers" if array.dtype.kind == "c" else f"a {type(value).__name__}"
        return None, f"{_capital(name)} is {kind}, expected {_described(shape)}."
    if array.shape != shape:
        turned = ", its transpose" if len(shape) == 2 and array.shape == shape[::-1] else ""
        return None, f"{_capital(name)} has shape {array.shape}, expected {shape}{turned}."
    if not np.isfinite(array).all():
        return None, f"{_capital(name)} has NaN or infinity in it, expected finite numbers."
    return array, ""


def _described(shape):
    if shape == ():
        return "one number"
    return f"{shape[0]} numbers" if len(shape) == 1 else f"an array of shape {shape}"


def _close(value, truth, tolerance):
    if value.shape != truth.shape:
        return False
    size = max(np.abs(truth).max(initial=0), np.abs(value).max(initial=0) * (tolerance > 0))
    return bool(np.all(np.abs(value - truth) <= tolerance * size))


def _how_far(value, truth, tolerance, name="It"):
    """What can be said of a wrong value without saying the right one."""
    if _close(-value, truth, tolerance) and np.any(truth):
        return f"{name} has the right size and the wrong sign."
    if value.ndim == 2 and value.shape[0] == value.shape[1] and _close(value.T, truth, tolerance):
        return f"{name} holds the right numbers, transposed."
    if value.ndim == 0:
        if value * truth < 0:
            return f"{name} has the wrong sign."
        return f"{name} is too {'large' if abs(value) > abs(truth) else 'small'}{' in size' if truth < 0 else ''}."
    ratio = value.ravel() @ truth.ravel() / max(truth.ravel() @ truth.ravel(), 1e-300)
    if tolerance and abs(ratio) > 1e-6 and _close(value, ratio * truth, tolerance):
        return f"{name} is {ratio:.4g} times what it should be, everywhere."
    off = np.abs(value - truth) > tolerance * max(np.abs(truth).max(), 1e-300)
    if off.all():
        return f"{name} is wrong in every element."
    if off.sum() <= 3:
        places = " and ".join(str(list(map(int, at))) for at in np.argwhere(off))
        return f"{name} is wrong at {places} only, counted from 0."
    return f"{name} is wrong in {off.sum()} of {off.size} elements."


def _same(one, other):
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return not isinstance(one, np.ndarray) or np.array_equal(one, other)


def _counted(function, arguments):
    """A sentence where a function does not take as many arguments as it is given."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return f" (It is called with {len(arguments)} argument{'s' * (len(arguments) > 1)}.)"
    except ValueError:
        pass
    return ""


def _capital(name):
    return name[:1].upper() + name[1:] if name.startswith(("the ", "what ")) else name
