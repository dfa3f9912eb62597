"""How a step is written down: numbers, expressions in symbols and in numbers, and the way a gradient takes.

An expression is written as a list of pieces: texts, and `Digits`s, which are formatted last (in a terminal and in a page
by the same rule).
"""

from typing import NamedTuple

import numpy as np

from ..activations import sigmoid
from .graph import FUNCTIONS

SUM, PRODUCT, MATRIX, ATOM = range(4)           # how tightly an expression holds together
LEVEL = {"+": SUM, "−": SUM, "neg": SUM, "⊙": PRODUCT, "/": PRODUCT, "matmul": MATRIX}


class Digits(NamedTuple):
    """A number among the pieces; in brackets where it is negative and stands behind another sign."""

    value: float
    guarded: bool = False


def number(value):
    """Three decimals where that says enough, two digits and an exponent where it does not."""
    if value == 0:
        return "0"
    if value != value or value in (float("inf"), float("-inf")):
        return str(value).replace("-", "−")
    size = abs(value)
    if 0.0005 <= size < 1000:
        text = f"{value:.3f}"
    elif 1000 <= size < 1e6:
        text = f"{value:.1f}"
    else:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def written(pieces):
    """Pieces as text."""
    return "".join(piece if isinstance(piece, str) else f"({number(piece.value)})" if piece.guarded and piece.value < 0
                   else number(piece.value) for piece in pieces)


def row_of(value, element, n_hidden):
    """"[5]" where a name alone does not say which row is meant, else ""."""
    shape = value.shape
    if element is None or not shape or value.role != "x" and (shape[:-1] == (n_hidden,) or shape[:-1] == (1,)):
        return ""
    where = np.unravel_index(element, shape)
    return f"[{', '.join(str(int(k)) for k in (where[:-1] if shape[-1] == 1 else where))}]"


class Writer:
    """Writes expressions of a network of so many units."""

    def __init__(self, n_hidden):
        self.n_hidden = n_hidden

    def name(self, value, element=None):
        return value.name + row_of(value, element, self.n_hidden)

    def gradient(self, value, element=None):
        """The name of the gradient with respect to a value."""
        name = self.name(value, element)
        return f"d({name})" if " " in name else f"d{name}"

    def symbols(self, value, element=None, whole=True):
        """An expression in symbols. `whole`: also of a value that has a name."""
        return written(self.write(value, element, self.in_symbols, whole, " ⊙ ")[0])

    def numbers(self, value, element):
        """The same with a number in place of every symbol and every matrix product."""
        return self.write(value, element, self.in_numbers, True, "·")[0]

    def outermost(self, value, element):
        """The same with the last operation only: what it is applied to is computed."""
        def stop(part, at, guarded):
            inside = part.op in ("+", "−") and value.op in ("+", "−") and not part.name
            return None if inside else self.in_numbers(part, at, guarded) or [Digits(part.at(at), guarded)]
        return self.write(value, element, stop, True, "·")[0]

    def in_symbols(self, value, element, guarded):
        if value.op == "constant":
            return [f"{float(value.array):g}".replace("-", "−") if value.array.ndim == 0 else _filled(value)]
        return [self.name(value, element)] if value.name and not value.inner else None

    def in_numbers(self, value, element, guarded):
        if value.op == "constant" and value.array.ndim == 0:
            return [f"{float(value.array):g}".replace("-", "−")]
        if value.op in ("matmul", "sum", "opaque", "leaf", "constant") or (value.name and not value.inner):
            return [Digits(value.at(element), guarded)]
        return None

    def write(self, value, element, stop, whole, times, guarded=False):
        """(pieces, how tightly they hold together). Where stop(value, element, guarded) gives pieces, it goes no deeper."""
        found = None if whole and value.op not in ("leaf", "constant") else stop(value, element, guarded)
        if found is not None:
            return found, MATRIX if isinstance(found[0], str) and " " in found[0] else ATOM
        down = lambda k: None if element is None else value.element(k, element)

        def part(k, least, guarded=False):
            pieces, level = self.write(value.args[k], down(k), stop, False, times, guarded)
            return pieces if level >= least else ["(", *self.write(value.args[k], down(k), stop, False, times)[0], ")"]

        if whole and value.op in ("matmul", "sum", "opaque") and times == "·":
            return [Digits(value.at(element))], ATOM
        if value.op == "+":
            return [*part(0, SUM, guarded), " + ", *part(1, SUM, True)], SUM
        if value.op == "−":
            return [*part(0, SUM, guarded), " − ", *part(1, PRODUCT, True)], SUM
        if value.op == "neg":
            return ["−", *part(0, PRODUCT, True)], SUM
        if value.op == "⊙":
            return [*part(0, PRODUCT, guarded), times, *part(1, PRODUCT, True)], PRODUCT
        if value.op == "/":
            return [*part(0, PRODUCT, guarded), "/", *part(1, ATOM, True)], PRODUCT
        if value.op == "^":
            return [*part(0, ATOM, True), {2: "²", 3: "³"}.get(value.extra, f"^{value.extra:g}")], ATOM
        if value.op == "matmul":
            left = part(0, MATRIX)
            if value.args[0].name:                              # of a stack of matrices: the row that is meant
                left = [*left, row_of(value, element, self.n_hidden)]
            return [*left, " ", *part(1, ATOM)], MATRIX
        if value.op == "log_add":
            return ["log(e^", *part(0, ATOM, True), " + e^", *part(1, ATOM, True), ")"], ATOM
        if value.op == "select":
            if len(value.extra) > 2:
                inner = [self.write(arg, element, stop, False, times)[0] for arg in value.args]
                return [value.extra[2], "(", *_joined(inner), ")"], ATOM
            k = 0 if element is None else int(value.extra[0].ravel()[element])
            return self.write(value.args[k], down(k), stop, False, times, guarded)
        if value.op == "sum":
            return ["Σ(", *part(0, SUM), ")"], ATOM
        if value.op == "opaque":
            return [value.extra[0], "(", *_joined([part(k, SUM) for k in range(len(value.args))]), ")"], ATOM
        if value.extra == "exp":
            return ["e^", *part(0, ATOM, True)], ATOM
        if value.extra == "|·|":
            return ["|", *part(0, SUM), "|"], ATOM
        if value.extra == "log" and value.args[0].name:
            return ["log ", *part(0, ATOM)], MATRIX
        return [value.extra, "(", *part(0, SUM), ")"], ATOM

    def slope(self, value, k, element):
        """d value / d argument k as factors: a list of (sign, symbols, pieces)."""
        arg = value.args[k]
        down = None if element is None else value.element(k, element)

        def other(j, form="{}", of=lambda v: v):
            at = None if element is None else value.element(j, element)
            pieces, level = self.write(value.args[j], at, self.in_symbols, False, " ⊙ ")
            text = written(pieces) if level > PRODUCT else f"({written(pieces)})"
            return form.format(text), [] if at is None else [Digits(of(value.args[j].at(at)), True)]

        if value.op in ("+", "select", "sum"):
            return []
        if value.op in ("−", "neg"):
            return [("−", "", [])] if value.op == "neg" or k == 1 else []
        if value.op == "⊙":
            return [("+", *other(1 - k))]
        if value.op == "/" and k == 0:
            return [("+", *other(1, "1/{}", lambda v: 1 / v))]
        if value.op == "/":
            return [("−", *other(0)), ("+", *other(1, "1/{}²", lambda v: v**-2))]
        if value.op == "^":
            text, pieces = other(0, f"{value.extra:g} {{}}" + "²" * (value.extra == 3),
                                 lambda v: value.extra * v**(value.extra - 1))
            return [("+", text if value.extra in (2, 3) else f"{value.extra:g} {other(0)[0]}^{value.extra - 1:g}", pieces)]
        if value.op == "log_add":
            symbols = [written(self.write(a, None, self.in_symbols, False, " ⊙ ")[0]) for a in value.args]
            there = f"({symbols[1 - k]})" if " + " in symbols[1 - k] or " − " in symbols[1 - k] else symbols[1 - k]
            share = [] if element is None else [Digits(float(sigmoid(
                arg.array - value.args[1 - k].array).ravel()[element]), True)]
            return [("+", f"σ({symbols[k]} − {there})", share)]
        if value.op == "opaque":
            return [("+", f"∂{value.extra[0]}", [])]
        function = FUNCTIONS[value.extra]
        x = written(self.write(arg, down, self.in_symbols, False, " ⊙ ")[0])
        y = self.symbols(value, element, whole=False)
        x = x if function.factors[0].count("({x})") else x if len(x) < 8 and " " not in x else f"({x})"
        parts = function.parts or (lambda x, y: (function.slope(x, y),))
        values = [None] * len(function.factors) if element is None else [
            float(np.asarray(v).ravel()[element]) for v in parts(arg.array, value.array)]
        return [("+", text.format(x=x, y=y), [] if v is None else [Digits(v, True)])
                for text, v in zip(function.factors, values)]


def _filled(value):
    return f"{float(value.array.ravel()[0]):g}"


def _joined(lists):
    return [piece for k, pieces in enumerate(lists) for piece in ([", "] * bool(k) + list(pieces))]
