"""Which expression of a method is wrong? Each is given the value that would make every gradient right, if there is one.

A backward pass is linear in every value that stands in it: its gradients are a base, plus a matrix times the change of
that value. One linear system then says what the value would have had to be, and for most expressions that there is no
such value: these are cleared. For the others `hypotheses.py` is asked how the right value could have become the wrong one.
"""

import ast
from itertools import combinations, zip_longest
from typing import NamedTuple

import numpy as np

from . import trace
from .repairs import is_slope
from .hypotheses import Case, Explanation, Quantities, Quantity, explain, fits


MANY = "many"               # instead of the values that a suspect needs: they are not determined
TRIED = 16                  # explanations, the best first, whose code is tried
WORKING = 5                 # of them that work, so many are compared


class Suspect(NamedTuple):
    """An expression, or a variable wherever it is read: what may be wrong.

    It may be reached several times. Each slot is a value and the keys that have it.
    """

    expression: trace.Expression
    slots: list                 # of (keys, value)

    @property
    def size(self):
        return sum(value.size for keys, value in self.slots)

    @property
    def depth(self):
        """How far from being computed: a variable read in several places further than each of them."""
        return 2 if any(len(keys) > 1 for keys, _ in self.slots) else self.expression.depth

    def replaced(self, values):
        return {key: value for (keys, _), value in zip(self.slots, values) for key in keys}


class Gathered:
    """Quantities, each value once, under its plainest name; and what can easily be made of them."""

    def __init__(self):
        self._found, self._texts = {}, {}

    def __iter__(self):
        return iter(list(self._found.values()))

    def add(self, text, value, degree, where="", **more):
        """Take a value, if it is a matrix of a step; `where` tells it from another value of the same name."""
        if value.ndim == 3 and len(value) == 1:
            value = value[0]
        if value.ndim != 2 or value.size > 128 or not np.any(value) or degree is None and not more.get("is_name"):
            return
        same = degree, np.round(value, 12).tobytes(), value.shape
        if self._texts.setdefault(text, same) != same:          # another value had the name: a variable that was set anew
            text, more["is_name"] = f"{text} {where}", False
            if self._texts.setdefault(text, same) != same:
                return
        known = self._found.get(same)
        if known is None or more.get("is_name", False) > known.is_name:
            self._found[same] = Quantity(text, value, degree, **more)
        if known is not None:
            self._found[same] = self._found[same]._replace(
                time=min(known.time, more.get("time", -1)), code=self._found[same].code or known.code,
                slope_of=known.slope_of or more.get("slope_of", ""))

    def add_forms(self, plain, of_both_signs):
        """1 − q, and the derivatives that activations have in terms of their values."""
        for text, q, *_, time, code in plain:
            form = lambda written: written.replace("q", code) if code else ""
            self.add(f"(1 − {text})", 1 - q, 0, time=time, code=form("1 - q"))
            self.add(f"(1 − {text}²)", 1 - q**2, 0, slope_of="tanh", time=time, code=form("1 - q**2"))
            if text in of_both_signs:
                self.add(f"({text} > 0)", (q > 0).astype(float), 0, slope_of="relu", time=time, code=form("q > 0"))
            self.add(f"{text}(1 − {text})", q * (1 - q), 0, slope_of="the sigmoid", time=time, code=form("q * (1 - q)"))

    def add_slopes(self, slopes):
        """The derivatives of the activations that the forward step applied; what is one already is marked so, as exp is."""
        for one in slopes:
            same = [at for at, q in self._found.items() if fits(q.value.shape, one.value.shape)
                    and np.abs(q.value - one.value).max() < 1e-7]
            for at in same:
                self._found[at] = self._found[at]._replace(slope_of=self._found[at].slope_of or "the activation")
            if not same:
                self.add(one.name, one.value, 0, slope_of="the activation")

    def add_differences(self, plain):
        """a − b of every two."""
        for one, other in combinations(plain, 2):
            if one.value.shape == other.value.shape:
                code = f"{one.code} - {other.code}" if one.code and other.code else ""
                self.add(f"({one.text} − {other.text})", one.value - other.value, 0, is_sum=True,
                         time=max(one.time, other.time), code=code)

    def add_products(self, params, shadowed):
        """Rᵀ d, of every matrix and gradient. `shadowed`: names that the function has given to something else."""
        for q in [q for q in self if q.degree == 1]:
            for name, matrix in params.items():
                if matrix.ndim == 2 and matrix.shape[1] > 1 and q.value.shape[-2] == matrix.shape[0]:
                    name = f"the parameter {name}" * (name in shadowed) or name
                    text = f"{name}ᵀ {q.text}" if q.is_name else f"{name}ᵀ ({q.text})"
                    self.add(text, matrix.T @ q.value, 1, time=q.time)


class Seen:
    """What every expression and variable was while a stage ran, and how each depends on the incoming gradient."""

    def __init__(self, search, replaced, replaced_twice, repair=()):
        self.repair, self.replaced, self._run = repair, replaced, search.stage.columns
        self.traced, self.named, self.params = search.traced, search.named, search.stage.params
        self.values = self.traced.record(lambda: self._run(self.traced.function, 1), replaced)
        self.variables, self.main_calls, self.times = self.traced.variables, self.traced.main_calls, self.traced.times
        self.order = {key: k for k, key in enumerate(self.values)}
        positive = {name for (_, name, _), value in self.variables.items() if np.any(value > 0)}
        self.of_both_signs = positive & {name for (_, name, _), value in self.variables.items() if np.any(value <= 0)}
        numbers = {**search.stage.function.__globals__, **self.traced.numbers}
        self.constants = {name: float(c) for name, c in numbers.items()
                          if isinstance(c, int | float) and not isinstance(c, bool) and c not in (0, 1)}
        self._doubled = self.traced.record(lambda: self._run(self.traced.function, 2), replaced_twice)
        self._doubled_variables = self.traced.variables
        self._known = {}

    def main(self, key):
        """In which call of the stage's function, first, second, ..., a value was computed."""
        return int(np.searchsorted(self.main_calls, key.call, side="right")) - 1

    def degree(self, key):
        return _degree(self.values[key], self._doubled.get(key))

    def quantities(self, key):
        """Everything that has a name in the same call as this key, once; and what can easily be made of it."""
        times = self._times(key)
        turn = key.call, times, key.nth if times > 1 else 0
        if turn not in self._known:
            self._known[turn] = Quantities(self._gathered(key, times))
        return self._known[turn]

    def _gathered(self, key, times):
        """The quantities of one call, or of one turn of a loop in it."""
        known, (values, variables) = Gathered(), self._without(key)
        for (call, name, line), value in variables.items():
            if call == key.call:
                degree = _degree(value, self._doubled_variables.get((call, name, line)))
                known.add(name, value, degree, f"of line {line}", is_name=True, time=self.times[call, name, line], code=name)
        for other, value in values.items():
            if other.call == key.call and not (times > 1 and self._times(other) == times and other.nth != key.nth):
                expression = self.traced.expressions[other.expression]      # (in a loop only of the same turn)
                known.add(trace.plain(expression.text), value, self.degree(other), f"of line {expression.line}",
                          is_name=expression.is_name, time=self.order[other], code=expression.text)
        main = self.main(key)
        named = self.named[main] if 0 <= main < len(self.named) else []     # whether the method reads it or not
        for one in named:
            if not one.is_slope:
                known.add(one.name, one.value, one.degree, "of the step", is_name=True, code=one.code)
        plain = [q for q in known if q.degree == 0 and q.is_name]
        known.add_forms(plain, self.of_both_signs)
        known.add_slopes([one for one in named if one.is_slope])
        known.add_differences(plain)
        known.add_products(self.params, {name for call, name, line in variables if call == key.call})
        return known

    def _without(self, key):
        """The values and variables that do not come from what is repaired in this call: naming those would say nothing."""
        own = {k: 1.37 * value + 0.11 for k, value in dict(self.repair).items() if k.call == key.call}
        if not own:
            return self.values, self.variables
        shaken = self.traced.record(lambda: self._run(self.traced.function, 1), self.replaced | own)
        other = self.traced.variables
        return ({k: value for k, value in self.values.items() if k in shaken and np.array_equal(value, shaken[k])},
                {k: value for k, value in self.variables.items() if k in other and np.array_equal(value, other[k])})

    def _times(self, key):
        times = 1
        while trace.Key(key.expression, key.call, times) in self.values:
            times += 1
        return times


class Search:
    """The wrong expressions of one stage: those which, put right, make the stage's gradients right."""

    def __init__(self, stage, tolerance):
        self.stage, self.tolerance = stage, tolerance
        self.named = stage.named()
        self.traced = trace.Traced(stage.function, stage.owner)
        truth = stage.column_truth
        self.blocks = list(truth)
        ends = np.cumsum([0, *(truth[block].size for block in self.blocks)])
        self.slices = {block: slice(*pair) for block, pair in zip(self.blocks, zip(ends, ends[1:]))}
        self.truth = self._flat(truth)
        self.scales = np.ones_like(self.truth)
        for block in self.blocks:
            size = np.abs(truth[block]).max(initial=0)
            self.scales[self.slices[block]] = max(size, 1e-3 * np.abs(self.truth).max())

    def _flat(self, gradients):
        return np.concatenate([np.asarray(gradients[block], float).ravel() for block in self.blocks])

    def run(self, replaced, scale=1):
        """All gradients, with some values replaced; NaN throughout, if the code cannot go on with those."""
        try:
            found = self.traced.run(lambda: self._flat(self.stage.columns(self.traced.function, scale)), replaced)
            return found if found.shape == self.truth.shape else np.full(self.truth.shape, np.nan)
        except Exception:                                       # whatever somebody's code raises, given strange values
            if not replaced:
                raise
            return np.full(self.truth.shape, np.nan)

    def wrong(self, found):
        bad = ~(np.abs(found - self.truth) <= self.tolerance * self.scales)
        return {block for block in self.blocks if bad[self.slices[block]].any()}

    def findings(self, tried):
        """What is wrong, one mistake after the other.

        Args:
            tried: called as tried(changes, explanation, edits) with (expression, code to stand there instead), beside
                the edits found so far; returns an `Edit` that makes more of the stage right and how odd it is, or None.

        Returns:
            A list of (explanation, expression, blocks that it makes wrong, its `Edit` or None), and the blocks that stay
            unexplained.
        """
        found, replaced, twice, self.solved = [], {}, {}, []
        with np.errstate(all="ignore"):
            wrong = self.wrong(self.run({}))
            while wrong and len(found) < 5:
                self.seen = Seen(self, replaced, twice)
                self._twice = twice
                best, edit = self._first_that_works(self._ways_to_mend(replaced, wrong), tried, [e for *_, e in found if e])
                if best is None:
                    break
                explanation, suspect, repair, wrong = best
                twice = twice | self._doubled(repair, replaced)
                replaced = replaced | repair
                blocks = self._changed(self.run({}), self.run(repair), self.tolerance)
                found.append((explanation, suspect.expression, blocks, edit))
        return found, wrong

    def place(self):
        """The expression that would make everything right with other numbers, though nothing says with which; or None.

        A derivative, if one is among them; else the first that is computed, for what comes before it also reaches gradients
        that are right.
        """
        computed = [e for e in self.solved if not e.is_name and not e.ancestor]
        return next(filter(looks_like_slope, computed), computed[0] if computed else None)

    def _first_that_works(self, ways, tried, edits):
        """(way, edit): the best of them whose code does what its numbers say. What cannot be written is not tried.

        Of those that work, the first after which every variable holds what it is called.
        """
        working = []
        for way in sorted(ways, key=self._rank)[:TRIED]:
            for one in (self._widest(way, ways), way):
                explanation, suspect, repair, _ = one
                if not explanation.code:
                    if not working:
                        return one, None
                    break
                code = explanation.code if isinstance(explanation.code, dict) else {}
                changed = [self.traced.expressions[k] for k in dict.fromkeys(key.expression for key in repair)]
                found = tried([(e, code.get(e.text, explanation.code)) for e in changed], explanation, edits)
                if found:
                    working.append((found[1], one, found[0]))
                    break
                if one is way:
                    break
            if working and (not working[-1][0] or len(working) == WORKING):
                break
        if not working:
            return None, None
        _, one, edit = min(working, key=lambda found: found[0])
        return one, edit

    def _changed(self, after, before, tolerance=1e-12):
        moved = ~(np.abs(after - before) <= tolerance * self.scales)
        return {block for block in self.blocks if moved[self.slices[block]].any()}

    def _ways_to_mend(self, replaced, wrong):
        """The explained ways to make some of `wrong` right and nothing else wrong: those that mend the most."""
        self._effects_of, self._cheapest = {}, {}
        base, ways, beyond = self.run(replaced), self._swaps(replaced, wrong), []
        for suspect in self._suspects():
            if suspect.size > 128 or any(key in replaced for keys, _ in suspect.slots for key in keys):
                continue
            changed = self._reach(suspect, replaced, base)
            if changed & wrong and changed <= wrong:
                ways += self._ways(suspect, changed, replaced, wrong, base)
            elif changed & wrong:
                beyond.append((suspect, changed))
        # What also reaches gradients that are right is rarely to blame: looked at where the others do not explain it all.
        if all(left for *_, left in ways):
            partly = not ways
            for suspect, changed in beyond:
                if partly or wrong <= changed:
                    ways += self._ways(suspect, changed, replaced, wrong, base, partly)
        fewest = min((len(left) for *_, left in ways), default=0)
        return [way for way in ways if len(way[3]) == fewest]

    def _rank(self, way):
        """Of what is explained equally well: the class's own lines first, a sign at a minus, a value where it is computed."""
        explanation, suspect, *_ = way
        minus = explanation.kind == "sign" and suspect.expression.negated
        return explanation.cost, suspect.expression.ancestor, not minus, suspect.depth, suspect.expression.size

    def _widest(self, best, ways):
        """The same explanation at the largest product that the same factor mends."""
        said = lambda way: way[0].phrase.replace(f"`{way[1].expression.text}`", "``")
        at = {way[1].slots[0][0][0].expression: way for way in ways if " at `" in way[0].phrase and said(way) == said(best)}
        k = best[1].slots[0][0][0].expression
        while k >= 0 and " at `" in best[0].phrase:
            best, k = at.get(k, best), self.traced.expressions[k].factor_of
        return best

    def _swaps(self, replaced, wrong):
        """Ways of the kind that two names of one statement, or two things that it hands on, stand in each other's place."""
        read = {}                                               # statement -> text -> [(key, value)]
        for key, value in self.seen.values.items():
            expression = self.traced.expressions[key.expression]
            if (expression.is_name or expression.is_handed_on) and key not in replaced:
                read.setdefault((expression.function, expression.statement), {}).setdefault(expression.text, []).append(
                    (key, value))
        ways = []
        for names in read.values():
            for one, other in combinations(names, 2):
                values = [{(key.call, key.nth): value for key, value in names[name]} for name in (one, other)]
                if any(values[0][at].shape != values[1][at].shape for at in values[0].keys() & values[1].keys()):
                    continue
                repair = {key: values[1 - k][key.call, key.nth] for k, name in enumerate((one, other))
                          for key, _ in names[name] if (key.call, key.nth) in values[1 - k]}
                left = self._left(repair, replaced, wrong) if repair else None
                if left is not None:
                    slots = [([key], value) for key, value in names[one]]
                    suspect = Suspect(self.traced.expressions[names[one][0][0].expression], slots)
                    ways.append((Explanation(1.4, "exchanged", f"`{one}` and `{other}` stand in each other's place",
                                             code={one: other, other: one}), suspect, repair, left))
        return ways

    def _doubled(self, repair, replaced):
        """The repair for twice the incoming gradient.

        All gradients are then twice as large: by a value that is so itself, or by one that acts twice as much.
        """
        doubled, both = {}, replaced | repair
        middle = [self.run(both, scale) for scale in (1, 2)]
        for key, value in repair.items():
            once, twice = (np.abs(self.run(both | {key: 1.37 * value + 0.11}, scale) - at).max()
                           for scale, at in zip((1, 2), middle))
            doubled[key] = value if twice > 1.5 * once else 2 * value
        return doubled

    def _suspects(self):
        """Every expression, with all the times that it was reached; and every variable that is read more than once."""
        by_expression, by_variable = {}, {}
        for key, value in self.seen.values.items():
            expression = self.traced.expressions[key.expression]
            by_expression.setdefault(key.expression, []).append(([key], value))
            if expression.text.isidentifier():
                calls = by_variable.setdefault((expression.function, expression.text), {}).setdefault(key.call, {})
                calls.setdefault(value.tobytes(), []).append((key, value))
        found = [Suspect(self.traced.expressions[k], slots) for k, slots in by_expression.items()]
        for calls in by_variable.values():
            for nth in range(max(map(len, calls.values()))):    # the variable's nth value in each call
                groups = [list(values.values())[nth] for values in calls.values() if len(values) > nth]
                if any(len(group) > 1 for group in groups):
                    slots = [([key for key, _ in group], group[0][1]) for group in groups]
                    found.append(Suspect(self.traced.expressions[slots[0][0][0].expression], slots))
        return found

    def _reach(self, suspect, replaced, base):
        """The blocks that change with the suspect."""
        shaken = suspect.replaced([1.37 * value + 0.11 for keys, value in suspect.slots])
        return self._changed(self.run(replaced | shaken), base)

    def _ways(self, suspect, changed, replaced, wrong, base, partly=True):
        """(explanation, suspect, repair, what is then still wrong) for one suspect, which changes those blocks.

        With `partly`, also those that make only some of what is wrong right, as one of several mistakes would.
        """
        values, ways, mended = [value for keys, value in suspect.slots], [], set()
        for explanation, values_by in self._direct(suspect):
            repair, left = self._directly_repaired(suspect, values_by, replaced, wrong)
            if left is not None:
                ways.append((explanation, suspect, repair, left))
        single = [{block} for block in self.blocks if partly and len(wrong) > 1 and block in changed & wrong]
        for target in [wrong] * (wrong <= changed) + single:
            if target <= mended:                                # with the same values as another
                continue
            solved = self._solve(suspect, values, replaced, base, wrong - target)
            if solved is None or solved is MANY:
                many = solved is MANY and target == wrong and suspect.depth == 0
                for explanation, values_by in self._factors(suspect) if many else ():
                    repair, left = self._directly_repaired(suspect, values_by, replaced, wrong)
                    if left is not None:
                        ways.append((explanation, suspect, repair, left))
                continue
            needed, known = solved
            repair = suspect.replaced(needed)
            left = self._left(repair, replaced, wrong)
            if left is None:
                continue
            mended |= wrong - left
            limit = min([cost for n, cost in self._cheapest.items() if n <= len(left)], default=np.inf)
            if not left and not replaced:
                self.solved.append(suspect.expression)
            found = self._explanations(suspect, needed, known, limit, replaced, repair)
            ways += [(explanation, suspect, repair, left) for explanation in found]
            cheapest = [self._cheapest.get(len(left), np.inf), *(explanation.cost for explanation in found)]
            self._cheapest[len(left)] = min(cheapest)
            if not left:
                break
        return ways

    def _direct(self, suspect):
        """(explanation, function of what was seen to values) of hypotheses that are tried as they are.

        These need no linear system, which often cannot say what was needed: of a matrix, or where the calls of a method
        add up.
        """
        code, values = suspect.expression.text, [value for keys, value in suspect.slots]
        if all(value.ndim == 2 and value.shape[0] == value.shape[1] for value in values):
            yield (Explanation(0.4, "transposed", f"`{code}` should be transposed", code=f"({code}).T"),
                   lambda seen: [value.T for value in values])
        if not suspect.expression.is_name and not self._feeds_itself(suspect):
            return
        if suspect.expression.is_name:
            yield (Explanation(0.5, "sign", f"`{code}` has the wrong sign", code=f"-({code})"),
                   lambda seen: [-seen.values[keys[0]] for keys, _ in suspect.slots])

        def named(seen):
            """For each slot: text -> the quantity of that name that could stand there."""
            for keys, value in suspect.slots:
                yield {q.text: q for q in seen.quantities(keys[0]) if q.is_name and fits(value.shape, q.value.shape)}

        def common(may_stand):
            first, *others = [{text for text, q in quantities.items() if may_stand(keys[0], value, q)}
                              for (keys, value), quantities in zip(suspect.slots, named(self.seen))]
            return sorted(first.intersection(*others))

        def written(text):
            return next(named(self.seen))[text].code

        def could_replace(key, value, q):
            return value.shape == q.value.shape and (not np.any(value) or self.seen.degree(key) in (q.degree, None))

        for text in common(could_replace):
            if text != trace.plain(code):
                yield (Explanation(1.35, "exchanged", f"`{code}` stands where {text} belongs", code=written(text)),
                       lambda seen, text=text: [quantities[text].value for quantities in named(seen)])
        if self._feeds_itself(suspect):
            for text in common(lambda key, value, q: np.any(value)):
                yield (Explanation(1, "missing factor", f"the factor {text} is missing at `{code}`",
                                   code=written(text) and f"({code}) * {written(text)}"),
                       lambda seen, text=text: [seen.values[keys[0]] * quantities[text].value
                                                for (keys, _), quantities in zip(suspect.slots, named(seen))])

    def _factors(self, suspect):
        """(explanation, function of what was seen to values): a factor missing, where many values would do (as before a
        mean)."""
        code = suspect.expression.text
        by_slot = [{q.text: q for q in self.seen.quantities(keys[0]) if q.degree == 0 and (q.is_name or q.slope_of) and q.code
                    and fits(q.value.shape, value.shape)} for keys, value in suspect.slots]
        for text in sorted(set(by_slot[0]).intersection(*by_slot[1:])):
            quantities = [found[text] for found in by_slot]
            kind = "derivative" if quantities[0].slope_of else "missing factor"
            noun = "the derivative of the activation" if quantities[0].slope_of else "the factor"
            yield (Explanation(1 + 0.3 * (not quantities[0].is_name), kind, f"{noun} {text} is missing at `{code}`",
                               code=f"({code}) * ({quantities[0].code})"),
                   lambda seen, quantities=quantities: [value * q.value for (_, value), q in zip(suspect.slots, quantities)])

    def _feeds_itself(self, suspect):
        """Whether one time that it was reached may depend on another."""
        return len({keys[0].call for keys, _ in suspect.slots}) > len(self.seen.main_calls)

    def _directly_repaired(self, suspect, values_by, replaced, wrong):
        """(repair, what is then still wrong): where calls feed each other, as often as each makes more of it right."""
        repair = suspect.replaced(values_by(self.seen))
        left = self._left(repair, replaced, wrong)
        while left and self._feeds_itself(suspect):
            try:
                seen = Seen(self, replaced | repair, self._twice | self._doubled(repair, replaced), repair)
                again = suspect.replaced(values_by(seen))
            except Exception:                                   # it has no name any more, or the code cannot go on
                break
            left_again = self._left(again, replaced, wrong)
            if left_again is None or not left_again < left:
                break
            repair, left = again, left_again
        return repair, left

    def _explanations(self, suspect, needed, known, limit, replaced, repair):
        """Those that hold each time that the suspect was reached.

        Where that was in several calls, one may feed another: what each would compute is seen with the others repaired.
        """
        seen, common = self.seen, None
        if self._feeds_itself(suspect):
            try:
                seen = Seen(self, replaced | repair, self._twice | self._doubled(repair, replaced), repair)
            except Exception:                                   # the code cannot go on with these values
                return []
        for (keys, value), need, where in zip(suspect.slots, needed, known):
            value = seen.values[keys[0]]
            where = where & ((value != 0) | (np.abs(need) > 1e-13))        # 0 where 0 is needed says nothing
            if not where.any():
                continue
            case = Case(suspect.expression.text, value.shape, where, value[where], need[where],
                        seen.quantities(keys[0]), max(self.tolerance, 1e-7), seen.degree(keys[0]), suspect.expression.is_name,
                        suspect.expression.is_term, seen.constants)
            found = {explanation.phrase: explanation for explanation in explain(case, limit)}
            for phrase, explanation in found.items():           # what is computed later is hardly what is missing here
                if explanation.time > seen.order[keys[-1]]:
                    found[phrase] = explanation._replace(cost=explanation.cost + 0.05)
            same = found if common is None else {phrase: e for phrase, e in common.items() if phrase in found}
            if not same and common:                             # not in the same words, but of the same kind
                kinds = {e.kind for e in found.values()}
                same = {phrase: e._replace(cost=e.cost + 0.3) for phrase, e in common.items() if e.kind in kinds}
            common = same
            if not common:
                return []
        return list((common or {}).values())

    def _left(self, repair, replaced, wrong):
        """What is still wrong with this repair; None if nothing is gained, or something is lost."""
        left = self.wrong(self.run(replaced | repair))
        return left if left < wrong else None

    def _solve(self, suspect, values, replaced, base, ignored):
        """The values that would make everything right but the ignored blocks, and where in them that is determined.

        A backward pass is linear in each of its values, so one linear system says it; where a method is called several
        times, and one call feeds another, a few Newton steps do.
        """
        counted = np.ones(len(base), bool)
        for block in ignored:
            counted[self.slices[block]] = False
        key = tuple(tuple(keys) for keys, _ in suspect.slots)
        if key not in self._effects_of:
            self._effects_of[key] = self._effects(suspect, values, replaced, base)
        effects, needed, cuts = self._effects_of[key][counted], values, np.cumsum([v.size for v in values])[:-1]
        known = np.abs(effects).max(axis=0) > 1e-12
        if not known.any() or known.sum() > len(effects):
            return None
        error = ((self.truth - base) / self.scales)[counted]
        one_call = not self._feeds_itself(suspect)
        for turn in range(6):
            change, _, rank, _ = np.linalg.lstsq(effects[:, known], error, rcond=1e-11)
            unmet = np.abs(effects[:, known] @ change - error).max()
            if one_call and unmet > 10 * self.tolerance * max(1, np.abs(error).max()):
                return None
            if rank < known.sum():
                return MANY if one_call else None
            changes = np.zeros(len(known))
            changes[known] = change
            needed = [value + c.reshape(value.shape) for value, c in zip(needed, np.split(changes, cuts))]
            after = self.run(replaced | suspect.replaced(needed))
            left = ((self.truth - after) / self.scales)[counted]
            if np.abs(left).max() <= 10 * self.tolerance:
                return needed, [where.reshape(value.shape) for value, where in zip(values, np.split(known, cuts))]
            if one_call or not np.abs(left).max() < 0.7 * np.abs(error).max():
                return None
            effects, error = self._effects(suspect, needed, replaced, after)[counted], left
        return None

    def _effects(self, suspect, values, replaced, base):
        """How everything depends on each element of the suspect: (gradients, elements)."""
        effects = np.zeros((len(base), sum(value.size for value in values)))
        n_calls = len(self.seen.main_calls)
        column_of = np.arange(len(base)) % n_calls              # each call of the stage's function gives a column of its own
        by_call = {}                                            # so one element of each call is changed at a time
        for k, ((keys, _), value) in enumerate(zip(suspect.slots, values)):
            at = by_call.setdefault(self.seen.main(keys[0]), [])
            at += [(k, element) for element in range(value.size)]
        firsts = np.cumsum([0, *(value.size for value in values)])
        for together in zip_longest(*by_call.values()):
            others, scales = list(values), {}
            for call, place in zip(by_call, together):
                if place is not None:
                    k, element = place
                    scales[call] = max(np.abs(values[k]).max(), 1e-3)
                    others[k] = values[k].copy()
                    others[k].flat[element] += scales[call]
            difference = self.run(replaced | suspect.replaced(others)) - base
            for call, place in zip(by_call, together):
                if place is not None:
                    own = column_of == call
                    effects[own, firsts[place[0]] + place[1]] = difference[own] / scales[call]
        return effects / self.scales[:, None]


def looks_like_slope(expression):
    """Whether it is written like the derivative of an activation."""
    return is_slope(ast.parse(expression.text, mode="eval").body)


def _degree(value, twice):
    """1 if twice the incoming gradient made the value twice as large, 0 if it changed nothing, None otherwise."""
    if twice is None or twice.shape != value.shape:
        return None
    return 0 if np.array_equal(value, twice) else 1 if np.allclose(2 * value, twice, rtol=1e-9) else None
