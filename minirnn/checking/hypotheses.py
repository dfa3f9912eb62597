"""What could have made a value wrong: every mistake that the gradient checker knows, as something that can be computed.

A `Case` is a value, and what it would have had to be. A hypothesis is a function of a case: it yields an `Explanation`
for each way in which the one could have come from the other, by a sign, a factor, a term, another quantity of the same
step. A new one is a new function, and a line in `HYPOTHESES`.
"""

import re
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np



class Quantity(NamedTuple):
    """Something that a hypothesis may name."""

    text: str
    value: np.ndarray
    degree: int                 # 1: a gradient (twice the incoming gradient makes it twice as large), 0: no gradient, None: a
                                # name of what is neither, as where something that is no gradient was added to one
    slope_of: str = ""          # "tanh", "the sigmoid", "the activation": what it is the derivative of, if of anything
    is_name: bool = False
    is_sum: bool = False        # a difference of two, made up to be tried
    time: int = -1              # how many values had been computed before it; −1 for what was there from the first
    code: str = ""              # how the function would write it; "" if it cannot


class Explanation(NamedTuple):
    """What could have made a value wrong: a hypothesis that fits the numbers."""

    cost: float                 # how far-fetched: the least is told
    kind: str
    phrase: str
    time: int = -1              # of the last computed of the quantities that it names
    code: str = ""              # what to write instead; "" if that cannot be said in the function's own names


class Quantities(list):
    """A list of `Quantity`, which also finds those whose product is a given array."""

    def __init__(self, quantities):
        super().__init__(quantities)
        self._tables = {}

    def at(self, shape, known):
        """(n, elements): the values where known, of those that fit the shape; and which those are."""
        if (shape, known.tobytes()) not in self._tables:
            fitting = [q for q in self if fits(q.value.shape, shape)]
            values = [np.broadcast_to(q.value, shape)[known] for q in fitting]
            self._tables[shape, known.tobytes()] = fitting, np.array(values).reshape(len(values), known.sum())
        return self._tables[shape, known.tobytes()]

    def products(self, shape, known, degree, n):
        """All products of n quantities of a degree: which, and their values, in the order of |value| of the first element."""
        key = shape, known.tobytes(), degree, n
        if key not in self._tables:
            fitting, values = self.at(shape, known)
            chosen = [k for k, q in enumerate(fitting) if q.degree == degree and (n < 3 or not q.is_sum)]
            sets = np.array(list(combinations_with_replacement(chosen, n)), int).reshape(-1, n)
            products = values[sets].prod(axis=1)
            order = np.argsort(np.abs(products[:, 0])) if len(products) else np.zeros(0, int)
            self._tables[key] = sets[order], products[order], np.abs(products[order][:, 0])
        return self._tables[key]


def fits(inner, outer):
    return len(inner) <= len(outer) and all(a in (1, b) for a, b in zip(inner[::-1], outer[::-1]))


class Case(NamedTuple):
    """A value, and what it would have had to be."""

    code: str                   # what gave the value
    shape: tuple
    known: np.ndarray           # where the needed value is determined
    value: np.ndarray           # there
    needed: np.ndarray
    quantities: Quantities
    tolerance: float
    degree: int = None          # of the value, as in `Quantity`; None if it is neither
    is_name: bool = True        # whether the code only names the value
    is_term: bool = False       # whether it is one of the terms of a sum
    constants: dict = {}        # name -> number, of those that the function can name

    def equal(self, a, b):
        return np.abs(a - b).max() <= self.tolerance * max(np.abs(a).max(), np.abs(b).max(), 1e-300)

    def agreeing(self, ones, others):
        """(i, k) for every ones[i] that equals others[k], of rows of finite numbers that are not all 0."""
        sizes = [np.abs(rows).max(axis=1, initial=0) for rows in (ones, others)]
        rooms = self.tolerance * np.maximum(sizes[0][:, None], sizes[1])
        near = np.abs(ones[:, None, 0] - others[:, 0]) <= rooms         # the first element clears most pairs
        near &= np.isfinite(sizes[0])[:, None] & (sizes[0] > 0)[:, None]
        return [(i, k) for i, k in np.argwhere(near) if np.abs(ones[i] - others[k]).max() <= rooms[i, k]]

    def of_degree(self, degree, derivatives_only=False):
        """The quantities of a degree, and their values: (quantities, elements)."""
        fitting, values = self.quantities.at(self.shape, self.known)
        chosen = [k for k, q in enumerate(fitting) if q.degree == degree and (q.slope_of or not derivatives_only)]
        return [fitting[k] for k in chosen], values[chosen]

    def products(self, target, most):
        """(sign, quantities) of every product of as few quantities as possible, of no gradients, that equals ± the target."""
        return self.products_of_each(target[None], most)[0]

    def products_of_each(self, targets, most):
        """The same for each row of targets."""
        fitting, _ = self.quantities.at(self.shape, self.known)
        sizes = np.abs(targets).max(axis=1)
        firsts, rooms = np.abs(targets[:, 0]), self.tolerance * sizes
        found, open_ = [[] for _ in targets], np.isfinite(sizes) & (sizes > 0)
        for n in range(1, most + 1):
            sets, products, sorted_firsts = self.quantities.products(self.shape, self.known, 0, n)
            starts, ends = (np.searchsorted(sorted_firsts, edge) for edge in (firsts - rooms, firsts + rooms))
            for i in np.flatnonzero(open_ & (starts < ends)):
                near = slice(starts[i], ends[i])
                found[i] = [(sign, [fitting[q] for q in chosen]) for sign in (1, -1)
                            for chosen in sets[near][np.abs(products[near] - sign * targets[i]).max(axis=1) <= rooms[i]]]
                open_[i] = not found[i]
        return found


def explain(case, limit=np.inf):
    """Every hypothesis that turns the value into the needed one: a list of `Explanation`.

    Each hypothesis is one of the functions below, from the plainest to the most far-fetched; those that cost more than
    `limit` are not tried. They compare a dozen random numbers to seven digits, so that an agreement is no accident.
    """
    found = []
    for least, hypothesis in HYPOTHESES:
        if least <= limit and least < min((explanation.cost for explanation in found), default=np.inf):
            found += hypothesis(case)
    return found


def sign_flipped(case):
    if case.equal(case.needed, -case.value):
        yield Explanation(0.5, "sign", f"`{case.code}` has the wrong sign", code=f"-({case.code})")


def constant_factor(case):
    ratio = case.value / case.needed
    if not np.all(np.isfinite(ratio)) or not case.equal(ratio, np.full_like(ratio, ratio.mean())):
        return
    factor = float(f"{ratio.mean():.9g}")
    if abs(factor) < case.tolerance or abs(factor + 1) < case.tolerance:
        return
    for name, c in case.constants.items():
        if np.isclose(factor, 1 / c, rtol=1e-7):
            yield Explanation(1.0, "missing factor", f"the factor {name} is missing at `{case.code}`",
                              code=f"({case.code}) * {name}")
        if np.isclose(factor, c, rtol=1e-7):
            yield Explanation(1.1, "factor", f"the division by {name} is missing at `{case.code}`",
                              code=f"({case.code}) / {name}")
    simple = next((n for n in (2, 1 / 2, 3, 1 / 3, 4, 1 / 4) if np.isclose(n, abs(factor), rtol=1e-7)), None)
    yield Explanation(1.5 if simple else 4, "factor",
                      f"`{case.code}` is {factor:.6g} times what it should be{HALVED.get(factor, '')}",
                      code=f"({case.code}) / {float(f'{factor:.12g}')!r}")


HALVED = {0.5: ": halved", 2: ": counted twice"}


def nothing_needed(case):
    if np.any(case.value) and np.abs(case.needed).max() <= case.tolerance * np.abs(case.value).max():
        yield Explanation(0.9 if case.is_term else 1.2, "surplus term", f"the term `{case.code}` should not be there",
                          code=f"0 * ({case.code})")


def factor_missing(case):
    for sign, parts in case.products(case.needed / case.value, 2):
        yield _factor(case, "missing", sign, parts)
    gradients, values = case.of_degree(1)
    for quantity, at, found in zip(gradients, values, case.products_of_each(case.needed / case.value / values, 1)):
        if case.equal(case.needed, case.value * at):
            yield _factor(case, "missing", 1, [quantity])
        for sign, parts in found:
            yield _factor(case, "missing", sign, [quantity, *parts])


def factor_surplus(case):
    for sign, parts in case.products(case.value / case.needed, 2):
        yield _factor(case, "surplus", sign, parts)


def _factor(case, what, sign, parts):
    named = set(_NAME.findall(case.code))
    if what == "surplus" and ("/" in case.code or not any(set(_NAME.findall(q.text)) <= named for q in parts)):
        cost = 1.25 + 0.6 * (len(parts) - 1) + 0.5 * (sign < 0) + 0.3 * sum(not q.is_name for q in parts)
        also = ", and the sign is wrong" * (sign < 0)
        return Explanation(cost, "missing factor", f"the division by {_product(parts)} is missing at `{case.code}`{also}",
                           _latest(parts), _written("{} / ({})", case, parts, sign))
    derivative = any(q.slope_of for q in parts)
    noun = "the derivative of the activation" if derivative else "the factor"
    verb = "is missing" if what == "missing" else "should not be there"
    cost = (1 if what == "missing" else 1.1) + 0.6 * (len(parts) - 1) + 0.5 * (sign < 0)
    cost += 0.05 * (derivative and case.degree == 0)            # it belongs to the gradient that comes in
    return Explanation(cost + 0.3 * sum(not q.is_name for q in parts), "derivative" if derivative else f"{what} factor",
                       f"{noun} {_product(parts)} {verb} at `{case.code}`{', and the sign is wrong' if sign < 0 else ''}",
                       _latest(parts), _written("{} " + ("*" if what == "missing" else "/") + " ({})", case, parts, sign))


def another_quantity(case):
    quantities, values = case.quantities.at(case.shape, case.known)
    for sign in (1, -1):
        for k in np.flatnonzero(np.abs(values - sign * case.needed).max(axis=1) <= case.tolerance * np.abs(case.needed).max()):
            quantity = quantities[k]
            text = quantity.text if sign > 0 else f"−({quantity.text})"
            if quantity.slope_of:
                yield Explanation(0.85 + (sign < 0), "derivative",
                                  f"`{case.code}` stands where the derivative of the activation, {text}, belongs",
                                  quantity.time, _written("{1}", case, [quantity], sign))
            elif not quantity.is_sum and quantity.degree is not None:
                odd = case.degree is not None and quantity.degree != case.degree
                cost = 1.35 + 0.1 * (not quantity.is_name or sign < 0) + 0.8 * odd + 0.6 * (not case.is_name)
                yield Explanation(cost, "exchanged", f"`{case.code}` stands where {text} belongs", quantity.time,
                                  _written("{1}", case, [quantity], sign))


def derivative_exchanged(case):
    derivatives, values = case.of_degree(0, derivatives_only=True)
    for wrong, right in case.agreeing(case.needed * values, case.value * values):
        one, other = derivatives[wrong], derivatives[right]
        if wrong == right:
            continue
        of_another = one.slope_of != other.slope_of
        that, belongs = ("that of " + other.slope_of + ", ", ", belongs") if of_another else ("", " belongs")
        if np.abs(case.value - values[wrong]).max() <= case.tolerance:          # the slope itself
            yield Explanation(0.75 if of_another else 1.25, "derivative",
                              f"the slope of {one.slope_of}, `{case.code}`, stands where {that}{_bare(other)}{belongs}",
                              _latest([other]), _written("{1}", case, [other]))
        else:
            elsewhere = not set(_NAME.findall(one.text)) <= set(_NAME.findall(case.code))
            yield Explanation((0.8 if of_another else 1.3) + 0.6 * elsewhere, "derivative",
                              f"the slope of {one.slope_of}, {_bare(one)}, stands where {that}{_bare(other)}{belongs}, "
                              f"at `{case.code}`", _latest([other]), _written("{} / ({}) * ({})", case, [one], 1, [other]))


_NAME = re.compile(r"[^\W\d]\w*")


def _bare(quantity):
    """Its text, without brackets around all of it."""
    text = quantity.text
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def factor_exchanged(case):
    plain, values = case.of_degree(0)
    others, their_values = plain, values
    if case.degree == 0:                                        # a gradient may be what is not there
        gradients, more = case.of_degree(1)
        others, their_values = [*plain, *gradients], np.concatenate([values, more])
    for sign in (1, -1):
        for wrong, right in case.agreeing(case.needed / case.value * values, sign * their_values):
            quantity, other = plain[wrong], others[right]
            yield Explanation(2.6 + 0.3 * (not other.is_name), "derivative" if other.slope_of else "exchanged",
                              f"the factor {_product([quantity])} stands where {'−' * (sign < 0)}{_product([other])} belongs, "
                              f"at `{case.code}`", _latest([other]),
                              _written("{} / ({}) * ({})", case, [quantity], sign, [other]))


def one_missing(case):
    for sign in (1, -1):
        if np.abs(case.needed - case.value - sign).max() <= case.tolerance:
            yield Explanation(1.0, "missing term", f"the term {'+' if sign > 0 else '−'} 1 is missing at `{case.code}`",
                              code=f"({case.code}) {'+' if sign > 0 else '-'} 1")


def term_missing(case):
    """needed − value is a product of up to two quantities, or of one gradient and up to three quantities."""
    for sign, parts in case.products(case.needed - case.value, 2):
        yield _term(case, sign, parts)
    gradients, values = case.of_degree(1)
    for quantity, at, found in zip(gradients, values, case.products_of_each((case.needed - case.value) / values, 3)):
        for sign in (1, -1):
            if case.equal(sign * at, case.needed - case.value):
                yield _term(case, sign, [quantity])
        for sign, parts in found:
            yield _term(case, sign, [quantity, *parts])


def _term(case, sign, parts):
    cost = 1.3 + 0.3 * len(parts) + 0.1 * sum(not q.is_name for q in parts) + 0.5 * (len(parts) == 1 and parts[0].is_sum)
    return Explanation(cost, "missing term",
                       f"the term {'−' if sign < 0 else '+'} {_product(parts)} is missing at `{case.code}`", _latest(parts),
                       _written("{} - {}" if sign < 0 else "{} + {}", case, parts))


def two_terms_missing(case):
    """needed − value is a sum of two products, each of one gradient and at most one named quantity."""
    gradients, values = case.of_degree(1)
    factors, at = case.of_degree(0)
    named = [k for k, q in enumerate(factors) if q.is_name]
    if not gradients or case.value.size < 4:
        return
    terms = [[gradient, *rest] for gradient in gradients for rest in ([], *([factors[k]] for k in named))]
    products = (values[:, None] * np.concatenate([np.ones_like(values[:1]), at[named]])).reshape(-1, values.shape[1])
    products = np.concatenate([products, -products])
    order = np.argsort(products[:, 0])
    missing = case.needed - case.value
    rest, room = missing - products, case.tolerance * np.abs(missing).max()
    starts, ends = (np.searchsorted(products[order, 0], rest[:, 0] + edge) for edge in (-room, room))
    for one in np.flatnonzero(starts < ends):
        for other in order[starts[one]:ends[one]]:
            if one < other and np.abs(products[other] - rest[one]).max() <= room:
                found = [("−" if k >= len(terms) else "+", terms[k % len(terms)]) for k in (one, other)]
                form = "{} " + " {} ".join(sign.replace("−", "-") for sign, _ in found) + " {}"
                told = " and ".join(f"{sign} {_product(parts)}" for sign, parts in found)
                parts = [q for _, parts in found for q in parts]
                yield Explanation(2 + 0.1 * len(parts) + 0.1 * sum(not q.is_name for q in parts), "missing term",
                                  f"the terms {told} are missing at `{case.code}`", _latest(parts),
                                  _written(form, case, found[0][1], 1, found[1][1]))


HYPOTHESES = ((0.5, sign_flipped), (0.8, derivative_exchanged), (0.85, another_quantity), (1.0, factor_missing),
              (1.0, one_missing), (1.1, factor_surplus), (0.9, nothing_needed), (1.0, constant_factor), (1.6, term_missing),
              (2.2, two_terms_missing), (2.6, factor_exchanged))


def _written(form, case, parts, sign=1, others=()):
    """Code: the case's own, and products of quantities, put into a form; "" if one of them cannot be written."""
    if not all(q.code for q in [*parts, *others]):
        return ""
    products = [" * ".join(q.code if q.is_name else f"({q.code})" for q in group) for group in (parts, others)]
    return ("-({})" if sign < 0 else "{}").format(form.format(f"({case.code})", *products))


def _latest(parts):
    return max(q.time for q in parts)


def _product(parts):
    return " · ".join(q.text if q.is_name or q.text.startswith("(") or q.text.endswith(")") else f"({q.text})" for q in parts)
