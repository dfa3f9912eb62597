"""Every value inside a function, by the expression that made it: how the gradient checker looks into a backward pass.

`Watched` compiles a function's own source once more, with every expression e in it replaced by see(k, e). `see` notes the
value, or hands back another in its place. So one can ask of `dc_new * g * i * (1 - i)` what each of its parts was, and
what would have come out if one of them had been different, without changing the function or knowing what it computes.
"""

import ast
import copy
from typing import NamedTuple

import numpy as np

from .source import Code

SEE, KEEP, RECORDING = "__see__", "__keep__", "__recording__"


class Expression(NamedTuple):
    """Where a value came from."""

    function: str           # that it stands in
    file: str               # that the function stands in
    place: tuple            # of its node: kind, first and last line and column
    text: str               # as in the source
    line: int               # in the file
    statement: int          # the line on which its statement begins
    source: str             # the line, as it is written
    size: int               # how many parts it has; a call counts as ten, for what is wrong inside is better told there
    is_name: bool           # a name, an attribute or an entry: nothing is computed
    depth: int              # 0: computed, or all that is assigned; 1: a name that is handed on; 2: one that is computed with
    ancestor: int           # how far up the class's ancestors it stands; 0 for its own methods
    whole: bool             # all that a statement assigns or returns, or one of several values of it


class Assignment(NamedTuple):
    """`target = ...` or `target += ...`, where the target is an entry of something."""

    function: str
    target: str
    line: int
    source: str


def plain(text):
    """As one would say it: memo.i is i, self.R is R."""
    for prefix in ("memo.", "self."):
        text = text.removeprefix(prefix)
    return text.replace(" ** 2", "²").replace("**2", "²").replace(" - ", " − ").replace(" * ", " · ")


class Key(NamedTuple):
    """One value: of which expression (index in `Watched.expressions`), in which call, reached how often before in it."""

    expression: int
    call: int
    nth: int


class Watched:
    """A function, and those of its own that it calls, whose inner values can be read and replaced.

    "Of its own" are the methods of the same class and its ancestors, and the functions of the same module. They are
    compiled anew in surroundings of their own (see `source.py`); neither the class nor the module is changed.

        traced = Watched(LSTM.step, LSTM)
        values = traced.record(lambda: traced.function(cell, wx, old))
        for key, value in values.items():
            print(traced.expressions[key.expression].text, value)

    Args:
        function: a function or method, written in Python; also a method of an object.
        owner: the class that it is a method of, if it is one. A method is given the object to work on, and works on a
            stand-in for it: what it sets there does not reach the object.
        code: a `Code` that holds the function, if there is one already; its trees may have been changed.

    Attributes:
        expressions: a list of `Expression`. assignments: a list of `Assignment`.
        variables: (call, name, line) -> what each variable was after that line, of what was recorded last.
        numbers: name -> value of each variable that is a number, not an array.
        times: the same keys -> how many values had been recorded before.
        reached: the expressions (indices) that were reached at all, while that was recorded.
        main_calls: the numbers of the calls of the function itself, of what ran last.

    Raises:
        OSError: the source of the function cannot be found. ValueError: it is no plain function.
    """

    def __init__(self, function, owner=None, code=None):
        self.expressions, self.assignments, self.variables, self.times, self.main_calls = [], [], {}, {}, []
        self.numbers, self.reached = {}, set()
        self._record, self._replaced, self._watched, self._call, self._calls, self._reached = None, {}, (), 0, 0, {}
        self._recording = []                                    # true while values are noted: read by the traced code itself
        self._owner = owner
        given = {SEE: self._see, KEEP: self._keep, RECORDING: self._recording}
        code = code or Code([function], owner)
        reached = set(map(id, code.reached_from(function)))
        marked = lambda definition: self._marked(definition) if id(definition) in reached else definition.tree
        self._lines = [definition.lines for definition in code.definitions.values()]
        self._built = code.built(marked, given, self._counted)
        self._main = self._built.functions[function] if owner else self._built.function(function)

    def source_of(self, line):
        """A line of one of the functions, as it is written."""
        return next((lines[line].strip() for lines in self._lines if line in lines), "")

    def function(self, *args, **kwargs):
        """The function itself, traced."""
        self.main_calls.append(self._calls + 1)
        if self._owner and args and isinstance(args[0], self._owner):
            args = self._built.stand_in(args[0]), *args[1:]
        return self._main(*args, **kwargs)

    def run(self, call, replaced=None):
        """call(), which calls `function` as often as it likes, with some values replaced: Key -> what to hand on instead."""
        self._call, self._calls, self._reached, self.main_calls, self._replaced = 0, 0, {}, [], replaced or {}
        self._watched = {key[0] for key in self._replaced}      # most expressions are not: they are let through at once
        try:
            return call()
        finally:
            self._replaced = {}

    def record(self, call, replaced=None):
        """Key -> the value (arrays only) that each expression had while `call()` ran."""
        self._record, self.variables, self.times, self.reached = {}, {}, {}, set()
        self._recording.append(True)
        try:
            self.run(call, replaced)
            return self._record
        finally:
            self._record = None
            self._recording.clear()

    def _marked(self, definition):
        tree = definition.again()
        tree.body = _Marking(self, definition).generic_visit(ast.Module(copy.deepcopy(tree.body), [])).body
        if self._owner is None and tree.args.args and tree.args.args[0].arg == "self":
            kept = ast.parse(f"{RECORDING} and {KEEP}(locals(), {tree.lineno})").body[0]
            tree.body = [ast.fix_missing_locations(ast.copy_location(kept, tree)), *tree.body]
        return tree

    def _counted(self, function):
        """The function, with every call of it numbered."""
        def call(*args, **kwargs):
            outer, self._calls = self._call, self._calls + 1
            self._call = self._calls
            try:
                return function(*args, **kwargs)
            finally:
                self._call = outer

        return call

    def _keep(self, variables, line):
        own = {f"self.{name}": value for name, value in getattr(variables.get("self"), "__dict__", {}).items()}
        self.numbers.update({name: value for name, value in {**own, **variables}.items() if isinstance(value, int | float)})
        variables = variables if self._owner else {**variables, **own}          # of a helper, its own arrays
        found = {(self._call, name, line): value.copy() for name, value in variables.items()
                 if isinstance(value, np.ndarray) and value.dtype.kind == "f"}
        self.variables.update(found)
        self.times.update(dict.fromkeys(found, len(self._record)))

    def _see(self, k, value):
        if self._record is None and k not in self._watched:
            return value
        self.reached.add(k)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return value
        nth = self._reached.get((k, self._call), 0)
        self._reached[k, self._call] = nth + 1
        if self._record is not None:                            # what was computed, even if it is not handed on
            self._record[Key(k, self._call, nth)] = value.copy()
        other = self._replaced.get((k, self._call, nth)) if self._replaced else None
        return value if other is None else other.copy()         # which the code may go on to change in place


class _Marking(ast.NodeTransformer):
    """e -> see(k, e), for every expression that may be an array."""

    def __init__(self, traced, definition):
        self.expressions, self.assignments = traced.expressions, traced.assignments
        self.function, self.lines, self.ancestor = definition.tree.name, definition.lines, definition.ancestor
        self.file, self.statement, self.assigned = definition.file, 0, set()
        self.handed, self.returned = set(), set()

    def visit(self, node):
        if isinstance(node, ast.stmt):
            self.statement = node.lineno
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            self.assigned |= set(map(id, _elements(node.value)))
        if isinstance(node, ast.Return) and node.value:
            self.returned |= set(map(id, _elements(node.value)))
            self.handed |= self.returned
        if isinstance(node, ast.Call):
            self.handed |= set(map(id, node.args))
        return super().visit(node)

    def _source(self, line):
        return self.lines.get(line, "").strip()

    def _mark(self, node, *parts):
        """The node, marked, after its `parts` (names of fields) were."""
        place = place_of(node)
        text, size = ast.unparse(node), sum(10 if isinstance(n, ast.Call) else 1 for n in ast.walk(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)       # a method: what it is called on is a value, too
        is_name = _is_name(node)
        whole = id(node) in self.assigned or id(node) in self.returned
        depth = 0 if not is_name or id(node) in self.assigned else 1 if id(node) in self.handed else 2
        for part in parts:
            inner = getattr(node, part)
            setattr(node, part, [self.visit(n) for n in inner] if isinstance(inner, list) else self.visit(inner))
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg != "out":                        # which is written to, not read
                    keyword.value = self.visit(keyword.value)
        self.expressions.append(Expression(self.function, self.file, place, text, node.lineno, self.statement,
                                           self._source(node.lineno), size, is_name, depth, self.ancestor, whole))
        marked = ast.Call(ast.Name(SEE, ast.Load()), [ast.Constant(len(self.expressions) - 1), node], [])
        return ast.copy_location(marked, node)

    def visit_BinOp(self, node):
        return self._mark(node, "left", "right")

    def visit_UnaryOp(self, node):
        return self._mark(node, "operand")

    def visit_Call(self, node):
        return self._mark(node, "args")

    def visit_Name(self, node):
        return self._mark(node) if isinstance(node.ctx, ast.Load) else node

    def visit_Attribute(self, node):
        if not isinstance(node.ctx, ast.Load):
            return node
        return self._mark(node, *["value"] * (not _is_name(node) or node.attr == "T"))

    def visit_Subscript(self, node):
        if not isinstance(node.ctx, ast.Load):
            return node
        cut = any(isinstance(n, ast.Slice) for n in ast.walk(node.slice))                # of an array, then
        return self._mark(node, *["value"] * (cut or not _is_name(node)))

    def visit_Assign(self, node):
        node.value, line, first = self.visit(node.value), node.lineno, node.targets[0]
        if isinstance(first, ast.Subscript) and len(node.targets) == 1:
            self.assignments.append(Assignment(self.function, ast.unparse(first), line, self._source(line)))
        kept = ast.parse(f"{RECORDING} and {KEEP}(locals(), {line})").body[0]
        return [node, ast.copy_location(kept, node)]

    def visit_AugAssign(self, node):
        line = node.lineno
        node.value = self.visit(node.value)
        if isinstance(node.target, ast.Subscript):
            self.assignments.append(Assignment(self.function, ast.unparse(node.target), line, self._source(line)))
        kept = ast.parse(f"{RECORDING} and {KEEP}(locals(), {line})").body[0]
        return [node, ast.copy_location(kept, node)]

    def visit_Lambda(self, node):
        return node

    visit_FunctionDef = visit_JoinedStr = visit_Lambda


def place_of(node):
    """Which node of its file's tree it is."""
    return type(node).__name__, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _is_name(node):
    """Whether a node is a name, or an attribute or an entry of one: nothing is computed."""
    if isinstance(node, ast.Attribute | ast.Subscript):
        return _is_name(node.value)
    return isinstance(node, ast.Name)


def _elements(node):
    """What a tuple holds, and the tuples in it; the node itself, if it is none."""
    return [inner for element in node.elts for inner in _elements(element)] if isinstance(node, ast.Tuple) else [node]
