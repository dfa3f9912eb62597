"""How could the right value have become the wrong one? Every answer is code that would compute it.

A `Case` is a value, and what it would have had to be. A hypothesis is a function of a case: it yields an `Explanation` for
each way in which the needed value can be computed from the wrong one and from the quantities that the method knows: by a
factor, by a term, by another quantity. A new one is a new function, and a line in `HYPOTHESES`.
"""

import re
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import numpy as np


class Quantity(NamedTuple):
    """Something that a hypothesis may name."""

    text: str
    value: np.ndarray
    degree: int                 # 1: a gradient (twice the incoming gradient makes it twice as large), 0: no gradient, None: a
                                # name of what is neither, as where something that is no gradient was added to one
    is_name: bool
    code: str                   # how the function would write it; "" if it cannot
    slope_of: str = ""          # "tanh", "the sigmoid": what it is the derivative of, if of anything
    is_sum: bool = False        # a difference of two, made up to be tried


class Quantities:
    """Quantities, each value once, under its plainest name; which of them make a given product."""

    def __init__(self):
        self._found, self._named, self._tables = {}, {}, {}

    def __iter__(self):
        return iter(list(self._found.values()))

    def add(self, text, value, degree, is_name, code, slope_of="", is_sum=False):
        """Take a value, unless it is known already by as plain a name."""
        if value.ndim == 3 and len(value) == 1:
            value = value[0]
        if value.ndim not in (2, 3) or value.size > 128 or not np.any(value) or degree is None and not is_name:
            return
        same = degree, np.round(value, 12).tobytes(), value.shape
        if self._named.setdefault(text, same) != same:          # another value had the name: a variable that was set anew
            return
        known = self._found.get(same)
        plainer = (is_name, bool(code), code.isidentifier())
        if known is None or plainer > (known.is_name, bool(known.code), known.code.isidentifier()):
            slope_of = slope_of or (known.slope_of if known else "")
            self._found[same] = Quantity(text, value, degree, is_name, code, slope_of, is_sum)
        elif slope_of and not known.slope_of:
            self._found[same] = known._replace(slope_of=slope_of)

    def add_forms(self):
        """1 − q, 1/q, the derivatives that activations have in terms of their values, and a − b of every two."""
        plain = [q for q in self if q.degree == 0 and q.is_name]
        for text, q, _, _, code, *_ in plain:
            form = lambda written: written.replace("q", f"({code})" if "-" in code else code) if code else ""
            self.add(f"(1 − {text})", 1 - q, 0, False, form("1 - q"))
            if np.all(q):
                self.add(f"(1 / {text})", 1 / q, 0, False, form("1 / q"))
            if not np.array_equal(q, q * q):                    # (of a mask, 1 − q² is 1 − q)
                self.add(f"(1 − {text}²)", 1 - q**2, 0, False, form("1 - q**2"), "tanh")
            if np.any(q > 0) and np.any(q <= 0) and not np.array_equal(q, q > 0):
                self.add(f"({text} > 0)", (q > 0).astype(float), 0, False, form("q > 0"), "relu")
            self.add(f"{text}(1 − {text})", q * (1 - q), 0, False, form("q * (1 - q)"), "the sigmoid")
            if np.all(q <= 0) and np.any(q):                    # a logarithm
                self.add(f"exp({text})", np.exp(q), 0, False, form("np.exp(q)"))
                self.add(f"(1 − exp({text}))", 1 - np.exp(q), 0, False, form("1 - np.exp(q)"), "the sigmoid")
            if q.size > 1:
                self.add(f"tanh′({text})", 1 - np.tanh(q)**2, 0, False, form("1 - np.tanh(q)**2"), "tanh")
        for one, other in combinations(plain, 2):
            if one.value.shape == other.value.shape and one.value.size > 1:     # (two numbers differ by any third)
                code = f"{one.code} - {other.code}" if one.code and other.code else ""
                self.add(f"({one.text} − {other.text})", one.value - other.value, 0, False, code, is_sum=True)

    def add_statistics(self):
        """The sum and the mean over the units of a gradient, and of its product with a quantity: what a normaliser needs."""
        named = [q for q in self if q.is_name and q.code and q.value.ndim == 2 and q.value.shape[0] > 1]
        for d in [q for q in named if q.degree == 1]:
            for a in [None, *(q for q in named if q.degree == 0 and q.value.shape == d.value.shape)]:
                text, code = (f"{d.text} · {a.text}", f"({d.code} * {a.code})") if a else (d.text, d.code)
                for name in ("sum", "mean"):
                    value = getattr(d.value * (a.value if a else 1), name)(axis=0, keepdims=True)
                    self.add(f"(the {name} of {text} over the units)", value, 1, False,
                             f"{code}.{name}(axis=-2, keepdims=True)")

    def add_products(self, params):
        """Rᵀ d, of every matrix and gradient; W d, if W is not square."""
        codes = {q.value.tobytes(): q.code for q in self if q.degree == 0 and q.is_name}
        for q in [q for q in self if q.degree == 1 and q.value.ndim == 2]:
            for name, matrix in params.items():
                if matrix.ndim == 2 and matrix.shape[1] > 1 and q.value.shape[0] == matrix.shape[0]:
                    text, code = f"{name}ᵀ {q.text}" if q.is_name else f"{name}ᵀ ({q.text})", codes.get(matrix.tobytes(), "")
                    self.add(text, matrix.T @ q.value, 1, False, f"{code}.T @ ({q.code})" if code and q.code else "")
                elif matrix.ndim == 2 and q.is_name and q.value.shape[0] == matrix.shape[1] > 1:
                    code = codes.get(matrix.tobytes(), "")
                    self.add(f"{name} {q.text}", matrix @ q.value, 1, False, f"{code} @ {q.code}" if code and q.code else "")

    def at(self, shape, known):
        """(n, elements): the values where known, of those that fit the shape; and which those are."""
        if (shape, known.tobytes()) not in self._tables:
            fitting = [q for q in self if fits(q.value.shape, shape)]
            values = [np.broadcast_to(q.value, shape)[known] for q in fitting]
            self._tables[shape, known.tobytes()] = fitting, np.array(values).reshape(len(values), known.sum())
        return self._tables[shape, known.tobytes()]

    def products(self, shape, known, n):
        """All products of n quantities that are no gradients: which, and their values, in the order of the first element."""
        key = shape, known.tobytes(), n
        if key not in self._tables:
            fitting, values = self.at(shape, known)
            chosen = [k for k, q in enumerate(fitting) if q.degree == 0 and (n < 3 or not q.is_sum)]
            sets = np.array(list(combinations_with_replacement(chosen, n)), int).reshape(-1, n)
            products = values[sets].prod(axis=1)
            order = np.argsort(np.abs(products[:, 0])) if len(products) else np.zeros(0, int)
            self._tables[key] = sets[order], products[order], np.abs(products[order][:, 0])
        return self._tables[key]


def fits(inner, outer):
    return len(inner) <= len(outer) and all(a in (1, b) for a, b in zip(inner[::-1], outer[::-1]))


class Explanation(NamedTuple):
    """What could have made a value wrong: a hypothesis that fits the numbers."""

    cost: float                 # how far-fetched: the least is told
    kind: str
    phrase: str
    code: str                   # what to write instead; "" if that cannot be said in the function's own names


class Case(NamedTuple):
    """A value, and what it would have had to be."""

    code: str                   # what gave the value
    shape: tuple
    known: np.ndarray           # where the needed value is determined
    value: np.ndarray           # there
    needed: np.ndarray
    quantities: Quantities
    tolerance: float
    degree: int                 # of the value, as in `Quantity`
    is_name: bool               # whether the code only names the value

    def equal(self, a, b):
        return np.abs(a - b).max() <= self.tolerance * max(np.abs(a).max(), np.abs(b).max(), 1e-300)

    def _where(self, values, target):
        """The rows of values that are the target."""
        sizes = np.maximum(np.abs(values).max(axis=1, initial=0), np.abs(target).max(initial=1e-300))
        return np.flatnonzero(np.abs(values - target).max(axis=1, initial=0) <= self.tolerance * sizes)

    def of_degree(self, degree):
        """The quantities of a degree, and their values: (quantities, elements)."""
        fitting, values = self.quantities.at(self.shape, self.known)
        chosen = [k for k, q in enumerate(fitting) if q.degree == degree]
        return [fitting[k] for k in chosen], values[chosen]

    def products(self, targets, most):
        """For each row of targets: (sign, quantities) of every product of as few quantities as possible that equals ± it."""
        fitting, _ = self.quantities.at(self.shape, self.known)
        sizes = np.abs(targets).max(axis=1)
        firsts, rooms = np.abs(targets[:, 0]), self.tolerance * sizes
        found, open_ = [[] for _ in targets], np.isfinite(sizes) & (sizes > 0)
        for n in range(1, most + 1):
            sets, products, sorted_firsts = self.quantities.products(self.shape, self.known, n)
            starts, ends = (np.searchsorted(sorted_firsts, edge) for edge in (firsts - rooms, firsts + rooms))
            for i in np.flatnonzero(open_ & (starts < ends)):
                near = slice(starts[i], ends[i])
                equal = [(sign, [fitting[q] for q in chosen]) for sign in (1, -1)
                         for chosen in sets[near][np.abs(products[near] - sign * targets[i]).max(axis=1) <= rooms[i]]]
                found[i] = [(sign, parts) for sign, parts in equal if not _cancel(parts)]
                open_[i] = not found[i]
        return found

    def gradient_products(self, target, most):
        """(sign, quantities) of every product of one gradient and up to `most` quantities that equals ± the target."""
        gradients, values = self.of_degree(1)
        if not np.isfinite(target).all():
            return
        for sign in (1, -1):
            yield from ((sign, [gradients[k]]) for k in self._where(sign * values, target))
        for quantity, found in zip(gradients, self.products(target / values, most)):
            yield from ((sign, [quantity, *parts]) for sign, parts in found if not _cancel([quantity, *parts]))


def explain(case):
    """Every hypothesis that turns the value into the needed one: a list of `Explanation`.

    They compare a dozen random numbers to seven digits, so that an agreement is no accident.
    """
    return [explanation for hypothesis in HYPOTHESES for explanation in hypothesis(case)]


def sign_flipped(case):
    if case.equal(case.needed, -case.value):
        yield Explanation(0.5, "sign", f"`{case.code}` has the wrong sign", f"-({case.code})")


def nothing_needed(case):
    if np.any(case.value) and np.abs(case.needed).max() <= case.tolerance * np.abs(case.value).max():
        yield Explanation(1.2, "surplus term", f"the term `{case.code}` should not be there", f"0 * ({case.code})")


SIMPLE = {2: "twice", 3: "three times", 4: "four times"}
PARTS = {2: "half of", 3: "a third of", 4: "a quarter of"}


def constant_factor(case):
    ratio = case.value / case.needed
    if not np.all(np.isfinite(ratio)) or not case.equal(ratio, np.full_like(ratio, ratio.mean())):
        return
    factor = float(f"{ratio.mean():.9g}")
    if min(abs(factor), abs(factor + 1)) < case.tolerance:
        return
    for n, times in SIMPLE.items():
        for one, much, code in ((n, times, f"({case.code}) / {n}"), (1 / n, PARTS[n], f"{n} * ({case.code})")):
            if np.isclose(one, factor, rtol=1e-7):
                cost = 1.5 + 0.2 * case.is_name                 # what has a name was made elsewhere
                yield Explanation(cost, "factor", f"`{case.code}` is {much} what it should be", code)
                return
    simple = any(np.isclose(abs(factor), one, rtol=1e-7) for n in SIMPLE for one in (n, 1 / n))
    yield Explanation(1.5 if simple else 4, "factor", f"`{case.code}` is {factor:.6g} times what it should be",
                      f"({case.code}) / {float(f'{factor:.12g}')!r}")


def factor_missing(case):
    for sign, parts in case.products((case.needed / case.value)[None], 2)[0]:
        slope = any(q.slope_of for q in parts)
        cost = 1 + 0.6 * (len(parts) - 1) + 0.5 * (sign < 0) + 0.3 * _made_up(parts)
        cost += 0.05 * (case.degree == 0)                       # it belongs to the gradient that comes in
        yield Explanation(cost, "derivative" if slope else "missing factor",
                          f"{'the derivative of the activation' if slope else 'the factor'} {_product(parts)} is missing at "
                          f"`{case.code}`{', and the sign is wrong' * (sign < 0)}", _written("{} * ({})", case, parts, sign))
    for sign, parts in case.products((case.value / case.needed)[None], 1)[0]:
        yield Explanation(1.25 + 0.5 * (sign < 0) + 0.3 * _made_up(parts), "missing factor",
                          f"the division by {_product(parts)} is missing at `{case.code}`",
                          _written("{} / ({})", case, parts, sign))
    for sign, parts in case.gradient_products(case.needed / case.value, 1):
        yield Explanation(1 + 0.5 * (sign < 0) + 0.6 * (len(parts) - 1) + 0.3 * _made_up(parts), "missing factor",
                          f"the factor {_product(parts)} is missing at `{case.code}`", _written("{} * ({})", case, parts, sign))


def another_quantity(case):
    quantities, values = case.quantities.at(case.shape, case.known)
    for sign in (1, -1):
        for k in np.flatnonzero(np.abs(values - sign * case.needed).max(axis=1) <= case.tolerance * np.abs(case.needed).max()):
            q = quantities[k]
            text, code = (q.text, _written("{1}", case, [q])) if sign > 0 else (f"−({q.text})", _written("{1}", case, [q], -1))
            if q.slope_of and not q.is_name:
                yield Explanation(0.85 + (sign < 0), "derivative",
                                  f"`{case.code}` stands where the derivative of the activation, {text}, belongs", code)
            elif not q.is_sum and q.degree is not None:
                odd = 0.1 * (not q.is_name or sign < 0) + 0.8 * (q.degree != case.degree) + 0.6 * (not case.is_name)
                kind = "exchanged" if np.any(case.value) else "carry"
                yield Explanation(1.35 + odd, kind, f"`{case.code}` stands where {text} belongs", code)
    for sign, parts in case.gradient_products(case.needed, 1) if not case.is_name else ():
        if len(parts) == 2 and case.code not in [q.code for q in parts]:       # (of that, a factor is missing)
            slope = any(q.slope_of for q in parts)
            yield Explanation(2 - 0.6 * slope + 0.1 * _made_up(parts) + (sign < 0), "derivative" if slope else "exchanged",
                              f"`{case.code}` stands where {'−' * (sign < 0)}{_product(parts)} belongs",
                              _written("{1}", case, parts, sign))


def term_missing(case):
    """needed − value is ± 1, a product of up to two quantities, or of one gradient and up to two quantities."""
    missing, nothing = case.needed - case.value, not np.any(case.value)
    for sign, parts in [*case.products(missing[None], 2)[0], *case.gradient_products(missing, 2)]:
        if any(q.text.startswith("(the ") for q in parts) and any(q.text.startswith("(1 − ") for q in parts):
            continue                                            # no normaliser has such a term
        if any(q.text.startswith("(1 / ") and f"/ {q.code[4:]}" not in case.code for q in parts):
            continue                                            # a term is divided by what other things here are divided by
        cost = 1.3 + 0.3 * len(parts) + 0.1 * _made_up(parts) + 0.5 * (len(parts) == 1 and parts[0].is_sum)
        if nothing and sign > 0:
            yield Explanation(cost - 0.05, "carry", f"`{case.code}` lets nothing through: {_product(parts)} belongs here",
                              _written("{1}", case, parts))
        elif not nothing and (factor := _factor_beside(case.code, parts)):
            mark = "−" if sign < 0 else "+"                     # d − q d is (1 − q) d
            yield Explanation(cost, "missing factor", f"the factor (1 {mark} {factor}) is missing at `{case.code}`",
                              f"(1 {'-' if sign < 0 else '+'} {factor}) * ({case.code})")
        elif not nothing:
            yield Explanation(cost, "missing term", f"the term {'−' if sign < 0 else '+'} {_product(parts)} is missing at "
                              f"`{case.code}`", _written("{} - {}" if sign < 0 else "{} + {}", case, parts))
    for sign, mark in ((1, "+"), (-1, "−")):
        if np.abs(missing - sign).max() <= case.tolerance:
            yield Explanation(1.0, "missing term", f"the term {mark} 1 is missing at `{case.code}`",
                              f"({case.code}) {'+' if sign > 0 else '-'} 1")


def _cancel(parts):
    """Whether one quantity of a product is divided by in another: it says nothing then."""
    texts = [q.text for q in parts]
    divisors = [text[5:-1] for text in texts if text.startswith("(1 / ")]
    stands = lambda d, text: re.search(rf"(^|[ (]){re.escape(d)}($|[ )])", text.replace(f"/ {d}", ""))
    return any(stands(d, text) for d in divisors for text in texts)


def _factor_beside(code, parts):
    """q, if the product is q times what a code says; "" otherwise."""
    codes = [part for q in parts for part in q.code.split(" * ")]
    rest = [one for one in codes if one != code]
    return rest[0] if len(codes) == 2 and len(rest) == 1 and rest[0].isidentifier() else ""


HYPOTHESES = (sign_flipped, nothing_needed, another_quantity, factor_missing, constant_factor, term_missing)


def _written(form, case, parts, sign=1):
    """Code: the case's own, and a product of quantities, put into a form; "" if one of them cannot be written."""
    if not all(q.code for q in parts):
        return ""
    product = " * ".join(q.code if q.is_name else f"({q.code})" for q in parts)
    return ("-({})" if sign < 0 else "{}").format(form.format(f"({case.code})", product))


def _made_up(parts):
    return sum(not q.is_name for q in parts)


def _product(parts):
    return " · ".join(q.text if q.is_name or q.text.startswith("(") or q.text.endswith(")") else f"({q.text})" for q in parts)
