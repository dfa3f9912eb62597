"""What could have made a value wrong: every mistake that the gradient checker knows, as something that can be computed.

A `Case` is a value, and what it would have had to be. A hypothesis is a function of a case: it yields an `Explanation`
for each way in which the one could have come from the other, by a sign, a factor, a term, another quantity of the same
step. A new one is a new function, and a line in `HYPOTHESES`.
"""

from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np

from .stages import BATCH


class Quantity(NamedTuple):
    """Something that a hypothesis may name."""

    text: str
    value: np.ndarray
    degree: int                 # 1: a gradient (twice the incoming gradient makes it twice as large), 0: anything else
    is_derivative: bool = False # of an activation
    is_name: bool = False
    is_sum: bool = False        # a difference of two, made up to be tried


class Explanation(NamedTuple):
    """What could have made a value wrong: a hypothesis that fits the numbers."""

    cost: float                 # how far-fetched: the least is told
    kind: str
    phrase: str


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
        chosen = [k for k, q in enumerate(fitting) if q.degree == degree and q.is_derivative >= derivatives_only]
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
        yield Explanation(0.5, "sign", f"`{case.code}` has the wrong sign")


def constant_factor(case):
    ratio = case.value / case.needed
    if not np.all(np.isfinite(ratio)) or not case.equal(ratio, np.full_like(ratio, ratio.mean())):
        return
    factor = ratio.mean()
    if abs(factor) < case.tolerance or abs(factor + 1) < case.tolerance:
        return
    meaning = next((f": {text}" for c, text in FACTORS.items() if np.isclose(c, abs(factor), rtol=1e-7)), "")
    yield Explanation(1.5 if meaning else 4, "factor", f"`{case.code}` is {factor:.6g} times what it should be{meaning}")


FACTORS = {2: "counted twice", 1 / 2: "halved", BATCH: "counted once per column of the batch",
           1 / BATCH: "a mean over the columns where the sum belongs"}


def nothing_needed(case):
    if np.any(case.value) and np.abs(case.needed).max() <= case.tolerance * np.abs(case.value).max():
        yield Explanation(1.2, "surplus term", f"the term `{case.code}` is one too many")


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
    derivative = any(q.is_derivative for q in parts)
    noun = "the derivative of the activation" if derivative else "the factor"
    verb = "is missing" if what == "missing" else "is one too many"
    cost = (1 if what == "missing" else 1.1) + 0.6 * (len(parts) - 1) + 0.5 * (sign < 0)
    return Explanation(cost + 0.3 * sum(not q.is_name for q in parts), "derivative" if derivative else f"{what} factor",
                       f"{noun} {_product(parts)} {verb} at `{case.code}`{', and the sign is wrong' if sign < 0 else ''}")


def another_quantity(case):
    quantities, values = case.quantities.at(case.shape, case.known)
    for sign in (1, -1):
        for k in np.flatnonzero(np.abs(values - sign * case.needed).max(axis=1) <= case.tolerance * np.abs(case.needed).max()):
            quantity = quantities[k]
            text = quantity.text if sign > 0 else f"−({quantity.text})"
            if quantity.is_derivative:
                yield Explanation(0.85 + (sign < 0), "derivative",
                                  f"`{case.code}` stands where the derivative of the activation, {text}, belongs")
            elif not quantity.is_sum:
                odd = case.degree is not None and quantity.degree != case.degree
                cost = 1.35 + 0.1 * (not quantity.is_name or sign < 0) + 0.8 * odd + 0.6 * (not case.is_name)
                yield Explanation(cost, "exchanged",
                                  f"`{case.code}` stands where {text} belongs")


def derivative_exchanged(case):
    derivatives, values = case.of_degree(0, derivatives_only=True)
    for wrong, right in case.agreeing(case.needed * values, case.value * values):
        if wrong != right:
            yield Explanation(1.3, "derivative", f"the derivative of the activation is {derivatives[right].text}, not "
                              f"{derivatives[wrong].text}, at `{case.code}`")


def factor_exchanged(case):
    plain, values = case.of_degree(0)
    for sign in (1, -1):
        for wrong, right in case.agreeing(case.needed / case.value * values, sign * values):
            quantity, other = plain[wrong], plain[right]
            yield Explanation(2.6 + 0.3 * (not other.is_name), "derivative" if other.is_derivative else "exchanged",
                              f"the factor {_product([quantity])} stands where {'−' * (sign < 0)}{_product([other])} belongs, "
                              f"at `{case.code}`")


def one_missing(case):
    for sign in (1, -1):
        if np.abs(case.needed - case.value - sign).max() <= case.tolerance:
            yield Explanation(1.0, "missing term", f"the term {'+' if sign > 0 else '−'} 1 is missing at `{case.code}`")


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
    cost = 1.3 + 0.3 * len(parts) + 0.1 * sum(not q.is_name for q in parts)
    return Explanation(cost, "missing term",
                       f"the term {'−' if sign < 0 else '+'} {_product(parts)} is missing at `{case.code}`")


HYPOTHESES = ((0.5, sign_flipped), (0.85, another_quantity), (1.0, factor_missing), (1.0, one_missing), (1.1, factor_surplus),
              (1.2, nothing_needed), (1.3, derivative_exchanged), (1.5, constant_factor), (1.6, term_missing), (2.6, factor_exchanged))


def _product(parts):
    return " · ".join(q.text if q.is_name or q.text.startswith("(") or q.text.endswith(")") else f"({q.text})" for q in parts)
