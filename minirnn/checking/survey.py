"""What the values in a method are: which lines have no part in what is wrong, and what could stand in a name's place."""

import ast
import re

import numpy as np

from . import trace
from .search import degree_of
from .source import unbound

LONGEST = 30                # letters of what is computed somewhere and tried elsewhere as a factor


class Survey:
    """One stage, with all the values in it noted once.

    Args:
        stage: a `Stage`. bench: a `Workbench`. wrong: the blocks that it gets wrong. linear: whether it is linear in the
            incoming gradient: then so is what is right, and only a gradient can stand in a gradient's place.

    Attributes:
        innocent: (file, line) of the lines that no wrong gradient depends on: whatever stands there may change, it stays wrong.
        given: code -> value of what the stage is given, whether it reads it or not.
    """

    def __init__(self, stage, bench, wrong, linear):
        self.innocent, self._at, self._names, self.given, self._assigned, self._degrees = set(), {}, {}, {}, {}, {}
        self._computed, self._known, self._numbers, self._idle, self._running = {}, {}, {}, set(), set()
        self._function = unbound(stage.function)
        try:
            traced = bench.watched(stage)
            values = traced.record(lambda: stage.call_safely(traced.function))
        except Exception:                                       # no source, or it does not run: nothing is known
            return
        places = [(e.file, e.line) for e in traced.expressions]
        self._running = {places[k] for k in traced.reached}
        self._idle = {*places} - self._running
        self.given = {known.code: known.value for known in stage.given() if known.code}
        self._numbers = {name: value for name, value in traced.numbers.items() if isinstance(value, float)}
        for (_, name, line), value in traced.variables.items():
            self._names.setdefault(name, []).append((line, value))
        for key, value in values.items():
            e = traced.expressions[key.expression]
            self._at.setdefault((e.file, e.place), []).append(value)
            kept = self._names if e.is_name else self._computed
            kept.setdefault(e.text, []).append((e.line, value))
        self._degrees = _degrees(stage, traced, values) if linear and stage.incomes else {}
        self._find_innocent(stage, traced, values, wrong)

    def _find_innocent(self, stage, traced, values, wrong):
        """Each statement gets other numbers in turn."""
        rng, statements, guilty = np.random.default_rng(0), {}, set()
        for key, value in values.items():
            e = traced.expressions[key.expression]
            lines, shaken = statements.setdefault((e.file, e.statement), (set(), {}))
            lines |= {(e.file, e.line), (e.file, e.statement)}
            shaken[key] = value + (np.abs(value).max(initial=0) + 0.1) * rng.normal(size=value.shape)
        outcome = lambda replaced: traced.run(lambda: stage.call_safely(traced.function), replaced)
        base = outcome({})
        for (_, line), (lines, shaken) in statements.items():
            sized = re.search(r"^(for|if|while)\b|\blen\(|\bshape\b|\bsize\b", traced.source_of(line))
            if sized or _differs(outcome, shaken, base, wrong):
                guilty |= lines
            else:
                self.innocent |= lines
        self.innocent -= guilty

    def runs(self, definition):
        """Whether a function runs in the stage; True if nothing in it would show."""
        lines = {(definition.file, k) for k in _lines_of(definition)}
        return bool(lines & self._running) or not lines & self._idle

    def named(self, definition):
        """text -> value of every name that a function has, the last value that was noted."""
        lines = _lines_of(definition)
        return {text: value for text, found in self._names.items() for line, value in found if line in lines}

    def numbers(self, definition):
        """name -> value of the numbers, other than whole ones, that a function has or keeps in `self`."""
        own = {n.id for n in ast.walk(definition.tree) if isinstance(n, ast.Name)} | {a.arg for a in definition.tree.args.args}
        return {name: value for name, value in self._numbers.items() if name.partition(".")[0] in own}

    def alike(self, definition, node, broadcast=False):
        """The names that could stand in a node's place, arrays of the same shape which are not the same; or multiply it."""
        names = self._known_to(definition)
        own, exists = ast.unparse(node), self._existing_at(definition, node)
        here = self._at.get((definition.file, trace.place_of(node)))
        if not here and own not in names:
            return []
        here = here or names[own]                               # (of h[i, b] the number is noted in its place, not the array)
        if broadcast:
            fits = lambda value: _broadcasts(value, here[0])
        else:
            fits = lambda value: value.shape == here[0].shape and not (len(here) == 1 and np.array_equal(value, here[0]))
        degree = 0 if broadcast else self._degree(here[0])
        suits = lambda value: fits(value) and (degree is None or self._degree(value) in (degree, None))
        found = [text for text, values in names.items() if text != own and any(map(suits, values)) and exists(text)]
        if broadcast:                                           # a gate for many, which lacks an axis
            for text, values in [(text, values) for text, values in names.items() if text not in found and exists(text)]:
                for k in range(here[0].ndim - 1):
                    wider = [np.expand_dims(a, k) for a in values if a.ndim == here[0].ndim - 1 > 1]
                    if any(map(suits, wider)) and all(n > 1 for a in wider for n in a.shape[:k]):
                        found.append(f"{text}[{':, ' * k}None]")
        return sorted(found, key=lambda text: not text.isidentifier())

    def factors(self, definition, node):
        """What is computed somewhere in a function, of values that no gradient is in, and could multiply a node: texts."""
        lines = _lines_of(definition)
        here, exists = self._at.get((definition.file, trace.place_of(node))), self._existing_at(definition, node)
        fits = lambda value: self._degree(value) == 0 and value.size > 1 and _broadcasts(value, here[0])
        return [text for text, found in self._computed.items() if here and len(text) < LONGEST and found[0][0] in lines
                and fits(found[0][1]) and all(map(exists, re.findall(r"(?<![\w.])[a-zA-Z_]\w*", text)))]

    def _degree(self, value):
        """1 for a gradient, 0 for what no gradient is in, None if that is not known."""
        return self._degrees.get(value.tobytes())

    def _existing_at(self, definition, node):
        """A function: whether a name, or what it is a part of, has been assigned where the node stands."""
        if definition.function not in self._assigned:
            parts = list(ast.walk(definition.tree))
            lines = {}
            for n in parts:
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                    lines.setdefault(n.id, []).append(n.lineno)
            loops = [(n.lineno, n.end_lineno) for n in parts if isinstance(n, ast.For | ast.While)]
            given = {a.arg for a in definition.tree.args.args}
            self._assigned[definition.function] = {name: min(at) for name, at in lines.items() if name not in given}, loops
        first, loops = self._assigned[definition.function]
        around = [last for start, last in loops if start <= node.lineno <= last]      # in a loop, an earlier turn may have
        until = max(around, default=node.lineno - 1)
        return lambda text: first.get(re.match(r"\w*", text)[0], 0) <= until

    def of_one_shape(self, definition, name):
        """The names of other arrays of the same shape as a name's."""
        names = self._known_to(definition)
        shapes = {value.shape for value in names.get(name, ())}
        return [text for text, values in names.items() if text != name and any(value.shape in shapes for value in values)]

    def _known_to(self, definition):
        """text -> values of what a function has, and what the stage is given, if it is the stage's own function."""
        if definition.function not in self._known:
            lines = _lines_of(definition)
            last = {(text, value.shape): value for text, found in self._names.items() for line, value in found if line in lines}
            names = {}
            for (text, _), value in last.items():               # of each shape that it had, as a loop's layers have, the last
                names.setdefault(text, []).append(value)
            given = self.given if definition.function is self._function else {}
            self._known[definition.function] = names | {text: [value] for text, value in given.items()}
        return self._known[definition.function]

    def values_of(self, definition, *nodes):
        """The arrays that some names are, all of the same shape; [] if that is not known."""
        names = self.named(definition) | self.given
        found = [names[ast.unparse(node)] for node in nodes if ast.unparse(node) in names]
        return found if len(found) == len(nodes) and len({a.shape for a in found}) == 1 else []


def _lines_of(definition):
    return range(definition.tree.lineno, definition.tree.end_lineno + 1)


def _broadcasts(value, here):
    """Whether a value can multiply another, the shape of which it may make larger."""
    return value.ndim >= here.ndim > 0 and all(a == b or 1 in (a, b) for a, b in zip(value.shape[::-1], here.shape[::-1]))


def _degrees(stage, traced, values):
    """Bytes of an array -> 1 if it is twice as large where the incoming gradient is, 0 if it is the same."""
    found, variables = {}, traced.variables
    twice = traced.record(lambda: stage.call_safely(traced.function, 2))
    for once, again in ((values, twice), (variables, traced.variables)):
        for key, value in once.items():
            other = again.get(key)
            if other is not None and other.shape == value.shape and value.any():
                degree = degree_of(value, other)
                same = found.setdefault(value.tobytes(), degree) == degree
                found[value.tobytes()] = degree if same else None
    return found


def _differs(outcome, shaken, base, wrong):
    """Whether a wrong gradient changes with these values; also if the code cannot go on with them."""
    try:
        after = outcome(shaken)
    except Exception:                                           # whatever somebody's code raises, given strange values
        return True
    return any(not np.array_equal(after[block], base[block]) for block in wrong)
