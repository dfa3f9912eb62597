"""What is missing? Where no small change of the code makes a method right, its numbers say which value is wrong, and how.

A backward pass is linear in every value that stands in it: its gradients are a base, plus a matrix times the change of that
value. One linear system then says what the value would have had to be for every gradient to come out right; for most
values there is no solution, and they are cleared. Where there is one, `hypotheses.py` is asked how the right value could be
computed from what the method knows. Its answers are code, which the caller tries.
"""

import ast
import re
from collections import Counter
from itertools import combinations, takewhile, zip_longest
from typing import NamedTuple

import numpy as np

from . import trace
from .hypotheses import Case, Explanation, Quantities, explain
from .repairs import is_slope
from .source import numbers_known_to, unbound

LARGEST = 128               # elements of a value that is looked at
RUNS, USUAL = 1500, 250     # of the method with other values in it, after which the search ends; with more values, fewer
LIKEWISE = ", and likewise in the other turns"
RESHAPED = re.compile(r"axis|sum|mean|max|reshape|transpose|\[[^]]*:")         # whose right value may have another shape


class Site(NamedTuple):
    """An expression, or a variable wherever it is read: what may be wrong.

    `keys` and `values`: each time that it was reached, and what it then was; of a variable, the keys of all its readers.
    """

    expression: trace.Expression
    keys: list
    values: list
    readers: dict = {}          # key -> the other keys at which the same variable has the same value

    @property
    def key(self):
        return self.keys[0]

    def replaced(self, values):
        return {k: value for key, value in zip(self.keys, values) for k in (key, *self.readers.get(key, ()))}


class Proposal(NamedTuple):
    """Code that could stand in a site's place, and the blocks that are still wrong with it, by the numbers."""

    site: Site
    explanation: Explanation
    left: frozenset

    def rank(self):
        """What makes the most right first; the class's own lines, and a value where it is computed."""
        e = self.site.expression
        depth = e.depth + 2 * bool(self.site.readers)
        return len(self.left), not self.explanation.code, self.explanation.cost, e.ancestor, depth, e.size


class Recorded:
    """What every expression and variable was while a stage ran, and how each depends on the incoming gradient."""

    def __init__(self, search, replaced=None):
        self.traced, self.search = search.traced, search
        run = lambda scale, given: self.traced.record(lambda: search.stage.columns(self.traced.function, scale), given)
        self.values = run(1, replaced)
        self.variables, self.main_calls, self.times = self.traced.variables, self.traced.main_calls, self.traced.times
        self._twice = run(2, {key: value * (1 + search.degrees.get(key, 0)) for key, value in (replaced or {}).items()})
        self._variables_twice = self.traced.variables
        self._given = {value.tobytes() for value in (replaced or {}).values()}    # naming these would say nothing
        self._known, self._reached = {}, Counter((key.expression, key.call) for key in self.values)

    def main(self, key):
        """In which call of the stage's function, first, second, ..., a value was computed."""
        return int(np.searchsorted(self.main_calls, key.call, side="right")) - 1

    def degrees(self):
        """key -> 1 for values that are linear in the incoming gradient."""
        return {key: 1 for key, value in self.values.items() if degree_of(value, self._twice.get(key)) == 1}

    def quantities(self, key):
        """Everything that a call knows, and what can easily be made of it."""
        turns = self._turns(key)
        turn = key.call, key.nth if turns > 1 else 0
        if turn not in self._known:
            self._known[turn] = self._gathered(key, turns)
        return self._known[turn]

    def _turns(self, key):
        """How often the call reaches the expression."""
        return self._reached[key.expression, key.call]

    def _gathered(self, key, turns):
        known = Quantities()
        for other, value in self.values.items():
            e = self.traced.expressions[other.expression]
            same_turn = turns == 1 or other.nth == key.nth or self._turns(other) != turns
            if other.call == key.call and same_turn and value.tobytes() not in self._given:
                known.add(trace.plain(e.text), value, degree_of(value, self._twice.get(other)), e.is_name, e.text)
        for (call, name, line), value in self.variables.items():
            if call == key.call and value.tobytes() not in self._given:
                known.add(name, value, degree_of(value, self._variables_twice.get((call, name, line))), True, name)
        main, named = self.main(key), self.search.named
        for one in named[main] if 0 <= main < len(named) else ():            # whether the method reads it or not
            known.add(one.name, one.value, one.degree, True, one.code)
        for name, c in {**numbers_known_to(self.search.stage.function), **self.traced.numbers}.items():
            if c not in (0, 1):
                known.add(name, np.full((1, 1), float(c)), 0, True, name)
        known.add_forms()
        if turns == 1:
            known.add_statistics()
        known.add_products(self.search.stage.params)
        return known


class Search:
    """The wrong values of one stage: those which, put right, make the stage's gradients right.

    Args:
        stage: a `Stage`. traced: its function, `Watched`, perhaps with edits in it. tolerance: of its gradients, relative.

    Attributes:
        runs: with other values, so far. most: after which no more sites are looked at; the caller may lower it.
    """

    def __init__(self, stage, traced, tolerance):
        self.stage, self.tolerance, self.degrees = stage, tolerance, {}
        self.named = stage.named()
        self.traced, truth = traced, stage.column_truth
        self.blocks = list(truth)
        ends = np.cumsum([0, *(truth[block].size for block in self.blocks)])
        self.slices = {block: slice(*pair) for block, pair in zip(self.blocks, zip(ends, ends[1:]))}
        self.truth = self._flat(truth)
        self.scales = np.ones_like(self.truth)
        for block in self.blocks:
            size = np.abs(truth[block]).max(initial=0)
            self.scales[self.slices[block]] = max(size, 1e-3 * np.abs(self.truth).max())
        self.runs, self._may, self._effects_of = 0, {}, {}
        self.recorded = Recorded(self)
        self.degrees, self.base = self.recorded.degrees(), self.run({})
        self.most = min(RUNS, RUNS * USUAL // max(1, len(self.recorded.values)))
        self.solved = []                                        # (site, values, where known) that make everything right

    def _flat(self, gradients):
        return np.concatenate([np.asarray(gradients[block], float).ravel() for block in self.blocks])

    def run(self, replaced):
        """All gradients, with some values replaced; NaN throughout, if the code cannot go on with those."""
        self.runs += 1
        try:
            found = self.traced.run(lambda: self._flat(self.stage.columns(self.traced.function)), replaced)
            return found if found.shape == self.truth.shape else np.full(self.truth.shape, np.nan)
        except Exception:                                       # whatever somebody's code raises, given strange values
            if not replaced:
                raise
            return np.full(self.truth.shape, np.nan)

    def wrong(self, found):
        bad = ~(np.abs(found - self.truth) <= self.tolerance * self.scales)
        return {block for block in self.blocks if bad[self.slices[block]].any()}

    def cleared(self, innocent):
        """(file, line) of the statements that are not to blame alone: with no other values in their place all comes right.

        Args:
            innocent: lines that need not be looked at, likewise.
        """
        statements, found = {}, set()
        for key, value in self.recorded.values.items():
            e = self.traced.expressions[key.expression]
            lines, reached = statements.setdefault((e.file, e.statement), ({(e.file, e.statement)}, []))
            lines.add((e.file, e.line))
            if e.whole and not RESHAPED.search(e.text):
                reached.append((key, value))
        for lines, reached in statements.values():
            if not reached or lines <= innocent or self._does_more(lines):
                continue
            if not self._may_mend(Site(None, *map(list, zip(*reached)))):
                found |= lines
        return found

    def _does_more(self, lines):
        """Whether a statement may be wrong though its values are right: where it puts them, or what it calls adds elsewhere."""
        own = "|".join({e.function for e in self.traced.expressions})
        return any(re.search(rf"\b({own})\(|^[^=]*\[[^=]*:[^=]*\][^=]*=", self.traced.source_of(line)) for _, line in lines)

    def _may_mend(self, site):
        """Whether there could be values with which everything comes right; True, if that would take too long to tell."""
        key = tuple(site.keys), bool(site.readers)
        if key not in self._may:
            too_many = sum(value.size for value in site.values) > LARGEST or self.runs > self.most
            self._may[key] = too_many or self._solvable(site)
        return self._may[key]

    def _solvable(self, site):
        if not np.array_equal(self.run(site.replaced(site.values)), self.base):
            return True                                         # a view, in which something is changed: a copy is not the same
        if not self.wrong(self.base) <= self._reach(site):
            return False
        effects = self._effects(site, site.values, self.base)
        error = (self.truth - self.base) / self.scales
        change, _ = _solution(effects, error)
        after = self.run(site.replaced(self._moved(site.values, change)))
        expected, met = self.base / self.scales + effects @ change, np.abs(effects @ change - error).max()
        straight = np.abs(after / self.scales - expected).max() <= 1e-6 * max(1, np.abs(expected).max())
        return not straight or met <= 10 * self.tolerance * max(1, np.abs(error).max())

    @staticmethod
    def _moved(values, changes):
        """The values, changed by the elements of a vector."""
        cuts = np.cumsum([value.size for value in values])[:-1]
        return [value + c.reshape(value.shape) for value, c in zip(values, np.split(changes, cuts))]

    def proposals(self, spared=frozenset()):
        """A list of `Proposal`, the best first, but for lines that are spared: (file, line).

        What also reaches gradients that are right is rarely to blame, and one of several mistakes rarer than a single one: both
        are looked at where nothing else explains it all.
        """
        wrong, found = self.wrong(self.base), []
        reached = [(site, self._reach(site)) for site in self._sites()
                   if site.readers or (site.expression.file, site.expression.statement) not in spared]
        inside = [(site, changed) for site, changed in reached if changed & wrong and changed <= wrong]
        beyond = [(site, changed) for site, changed in reached if wrong <= changed and not changed <= wrong]
        single = [{block} for block in self.blocks if block in wrong and len(wrong) > 1]
        for sites, targets in (inside, [wrong]), (inside, single), (beyond, [wrong]):
            if all(proposal.left for proposal in found):
                for site, changed in takewhile(lambda _: self.runs < self.most, sites):
                    found += self._proposals_at(site, wrong, [target for target in targets if target <= changed])
        return sorted(found, key=Proposal.rank)

    def place(self):
        """(expression, others): what would make everything right with other numbers, though nothing says with which.

        A derivative, if one is among them; else the first that is computed, for what comes before it also reaches gradients
        that are right. Then the expressions in other lines of which the same can be said. (None, []) if there is none.
        """
        solved = [site.expression for site, *_ in self.solved if not site.expression.ancestor]
        computed = [e for e in solved if not e.is_name] or solved
        found = next(filter(looks_like_slope, computed), computed[0] if computed else None)
        return found, [e for e in computed if (e.file, e.line) != (found.file, found.line)]

    def path_missing(self, paths):
        """(expression, [`Path`]) where just what comes back on a path, or on two, is missing; or None.

        Args:
            paths: of the forward step, a list of `Path`.
        """
        pairs = [(one, other) for one, other in combinations(paths, 2)
                 if one.back.shape == other.back.shape and one.line != other.line]
        for ways in [[path] for path in paths], pairs:
            for site, needed, where in self.solved:
                for some in ways:
                    back = sum(path.back for path in some)
                    if all(self._lacks(key, *arrays, back) for key, *arrays in zip(site.keys, site.values, needed, where)):
                        return site.expression, some
        return None

    def _lacks(self, key, value, needed, known, back):
        """Whether a value lacks a gradient, or some first or last rows of it, in the columns that the call is given."""
        back, missing = back[..., self.stage.columns_of[self.recorded.main(key)].columns], needed - value
        fitting = [back] if back.shape == missing.shape else []
        if back.ndim == missing.ndim == 2 and back.shape[0] > missing.shape[0] and back.shape[1] == missing.shape[1]:
            fitting = [back[:missing.shape[0]], back[-missing.shape[0]:]]
        equal = lambda a, b: np.abs(a - b).max(initial=0) <= 1e-6 * max(np.abs(a).max(initial=0), 1e-300)
        return known.any() and any(equal(missing[known], one[known]) for one in fitting if np.any(one[known]))

    def _sites(self):
        """Every expression, and every variable that is read more than once."""
        by_expression, by_variable = {}, {}
        for key, value in self.recorded.values.items():
            e = self.traced.expressions[key.expression]
            by_expression.setdefault(key.expression, []).append((key, value))
            if e.text.isidentifier():
                values = by_variable.setdefault((e.function, e.text), {}).setdefault(key.call, {})
                values.setdefault(value.tobytes(), []).append((key, value))
        sites = [Site(self.traced.expressions[k], *map(list, zip(*reached))) for k, reached in by_expression.items()]
        for calls in by_variable.values():                      # the first value that it has in each call
            reads = [next(iter(values.values())) for values in calls.values()]
            if any(len(read) > 1 for read in reads):
                keys, values = zip(*(read[0] for read in reads))
                readers = {read[0][0]: [key for key, _ in read[1:]] for read in reads}
                sites.append(Site(self.traced.expressions[keys[0].expression], list(keys), list(values), readers))
        return [site for site in sites if sum(value.size for value in site.values) <= LARGEST]

    def _reach(self, site):
        """The blocks that change with a site."""
        after = self.run(site.replaced([1.37 * value + 0.11 for value in site.values]))
        moved = ~(np.abs(after - self.base) <= 1e-12 * self.scales)
        return {block for block in self.blocks if moved[self.slices[block]].any()}

    def _proposals_at(self, site, wrong, targets):
        """The proposals for one site, by which one of the targets, parts of what is wrong, comes out right."""
        if targets == [wrong] and not self._may_mend(site):
            return []
        effects = self._effects(site, site.values, self.base) if targets else None
        for target in targets:
            needed, where = self._needed(site, effects, wrong - target)
            if needed is None:
                continue
            left = self.wrong(self.run(site.replaced(needed)))
            if left < wrong:
                self.solved += [(site, needed, where)] * (not left)
                return [Proposal(site, one, frozenset(left)) for one in self._explained(site, needed, where)]
        return []

    def _explained(self, site, needed, where):
        """How the needed values could be computed, each time that the site is reached."""
        recorded, common = self.recorded, None
        if len(site.keys) > len(recorded.main_calls):           # in a loop or a helper, one time may feed another
            try:
                recorded = Recorded(self, site.replaced(needed))
            except Exception:                                   # the code cannot go on with these values
                return []
        for key, need, known in zip(site.keys, needed, where):
            value, e = recorded.values[key], site.expression
            known = known & ((value != 0) | (np.abs(need) > 1e-13))            # 0 where 0 is needed says nothing
            if known.any() and common != []:
                found = explain(Case(e.text, value.shape, known, value[known], need[known], recorded.quantities(key),
                                     max(self.tolerance, 1e-7), self.degrees.get(key, 0), e.is_name))
                phrases, kinds = {one.phrase for one in found}, {one.kind for one in found}
                same = found if common is None else [one for one in common if one.phrase in phrases]
                # Not in the same words, but of the same kind: that much can be said.
                common = same or [one._replace(code="", phrase=one.phrase.removesuffix(LIKEWISE) + LIKEWISE)
                                  for one in common or () if one.kind in kinds]
        return common or []

    def _needed(self, site, effects, ignored):
        """(values, where in them that is determined): what would make everything right but the ignored blocks.

        One linear system says it; where one time that a site is reached feeds another, a few Newton steps do. (None, None) if
        no values would do, or many.
        """
        counted = np.ones(len(self.base), bool)
        for block in ignored:
            counted[self.slices[block]] = False
        effects, values, base = effects[counted], site.values, self.base
        known = np.abs(effects).max(axis=0) > 1e-12
        if not known.any() or known.sum() > len(effects):
            return None, None
        once = len(site.keys) <= len(self.recorded.main_calls)
        for turn in range(6):
            error = ((self.truth - base) / self.scales)[counted]
            change, rank = _solution(effects[:, known], error)
            met = np.abs(effects[:, known] @ change - error).max() <= 10 * self.tolerance * max(1, np.abs(error).max())
            if rank < known.sum() or once and not met:
                return None, None
            changes = np.zeros(len(known))
            changes[known] = change
            values = self._moved(values, changes)
            base = self.run(site.replaced(values))
            if np.abs((self.truth - base) / self.scales)[counted].max() <= 10 * self.tolerance:
                return values, self._moved([np.zeros(value.shape, bool) for value in values], known)
            if once or not np.isfinite(base).all():
                break
            effects = self._effects(site, values, base)[counted]
        return None, None

    def _effects(self, site, values, base):
        """How everything depends on each element of a site: (gradients, elements)."""
        key = (tuple(site.keys), bool(site.readers)) if values is site.values else None
        if key in self._effects_of:
            return self._effects_of[key]
        effects = np.zeros((len(base), sum(value.size for value in values)))
        n_calls = len(self.recorded.main_calls)
        column_of = np.arange(len(base)) % n_calls              # each call of the stage's function gives a column of its own
        by_call, firsts = {}, np.cumsum([0, *(value.size for value in values)])
        for k, (key, value) in enumerate(zip(site.keys, values)):               # so one element of each is changed at a time
            by_call.setdefault(self.recorded.main(key), []).extend((k, element) for element in range(value.size))
        for together in zip_longest(*by_call.values()):
            others, scales = list(values), {}
            for call, place in zip(by_call, together):
                if place is not None:
                    k, element = place
                    scales[call] = max(np.abs(values[k]).max(), 1e-3)
                    others[k] = values[k].copy()
                    others[k].flat[element] += scales[call]
            difference = self.run(site.replaced(others)) - base
            for call, place in zip(by_call, together):
                if place is not None:
                    own = column_of == call
                    effects[own, firsts[place[0]] + place[1]] = difference[own] / scales[call]
        effects = np.nan_to_num(effects / self.scales[:, None])
        if key:
            self._effects_of[key] = effects
        return effects


def _solution(matrix, right):
    """(a solution of a linear system, if there is one; the rank of its matrix, 0 if not all of it is finite).

    Of many more equations than unknowns, a few more random sums than there are unknowns say the same.
    """
    n = matrix.shape[1] + 10
    if len(matrix) > 2 * n:
        mix = np.random.default_rng(0).normal(size=(n, len(matrix)))
        matrix, right = mix @ matrix, mix @ right
    if not np.isfinite(matrix).all() or not np.isfinite(right).all():
        return np.zeros(matrix.shape[1]), 0
    solution, _, rank, _ = np.linalg.lstsq(matrix, right, rcond=1e-11)
    return solution, rank


def looks_like_slope(expression):
    """Whether it is written like the derivative of an activation."""
    return is_slope(ast.parse(expression.text, mode="eval").body)


def holds_slope(expression):
    """Whether a part of it is, or chooses between two cases, as derivatives of activations do."""
    parts = list(ast.walk(ast.parse(expression.text, mode="eval").body))
    return any(isinstance(n, ast.expr) and is_slope(n) or getattr(n, "attr", "") == "where" for n in parts)


def degree_of(value, twice):
    """1 if twice the incoming gradient made the value twice as large, 0 if it changed nothing, None otherwise."""
    if twice is None or twice.shape != value.shape:
        return None
    if np.array_equal(value, twice):
        return 0
    return 1 if (np.abs(2 * value - twice) <= 1e-8 + 1e-9 * np.abs(twice)).all() else None
