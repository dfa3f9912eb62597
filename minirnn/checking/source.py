"""A function's own source, compiled once more, with changes, in the same surroundings; the original is not touched.

What is to be read or repaired in somebody's backward pass is rarely one function: a method calls others of its class,
its ancestors through super(), and functions of its module. `Code` reads all of them. `Code.built` compiles them again,
changed or not, and lets them find each other: in copies of their modules' names, and in a copy of the class and its
ancestors. No class and no module is changed, so any number of threads can do this at once.
"""

import ast
import copy
import dis
import functools
import inspect
import itertools
import textwrap
import types
import warnings
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from ..cells.cell import CalledStep, Cell

CHOSEN, LAMBDA, TURNS = "__chosen__", "<lambda>", "__turns__"
MOST_TURNS = 10_000         # of a loop that need not end, once it is changed
GROWING = ("append", "appendleft", "extend", "insert", "add", "push")


class Definition(NamedTuple):
    """A function as a syntax tree, with the line numbers of its file."""

    function: types.FunctionType
    tree: ast.FunctionDef       # without decorators
    lines: dict                 # line -> text
    file: str
    ancestor: int               # how far up the class's ancestors it stands; 0 for its own methods and for functions

    def again(self):
        """The tree as another object, of the same parts: after those were changed, it is compiled anew."""
        fields = {name: getattr(self.tree, name) for name in self.tree._fields if hasattr(self.tree, name)}
        return ast.copy_location(ast.FunctionDef(**fields), self.tree)


class Code:
    """Some functions, and all of their own that they call: methods of the class, functions and classes of the same module.

    Args:
        entries: functions (or methods, as functions), written in Python; also methods of one object.
        owner: the class whose methods they are, if they are.
        all_needed: whether each of the entries must have a source; if not, those without are left out.
        things: objects, the attributes of which may be objects of classes of the same module.

    Attributes:
        definitions: function -> `Definition`, of the entries first. A called function without source is left as it is.

    Raises:
        OSError: the source of an entry cannot be found. ValueError: an entry is not written with def.
    """

    def __init__(self, entries, owner=None, all_needed=True, things=()):
        own = [thing for thing in map(thing_of, entries) if thing is not None]
        if own:
            owner = own[0] if isinstance(own[0], type) else type(own[0])
        self.owner, self.of_object = owner, bool(own)
        self.things = [thing for thing in [*own, *things] if hasattr(thing, "__dict__") and not isinstance(thing, type)]
        self.ancestors = [kind for kind in owner.__mro__ if kind is not object] if owner else []
        self.kinds = list(self.ancestors)                       # every class that is compiled again
        self.definitions, self._compiled, self._own, self._choices, self._endless = {}, {}, {}, {}, {}
        entries = list(map(unbound, entries))
        for function in entries:
            try:
                self.definitions[function] = self._definition(function)
            except (OSError, ValueError):
                if all_needed:
                    raise
        waiting, seen = list(self.definitions), set(entries)
        while waiting:
            for called in self._called_by(waiting.pop()):
                if called not in seen:
                    seen.add(called)
                    try:
                        self.definitions[called] = self._definition(called)
                    except (OSError, ValueError):
                        continue                                # it is then looked at from outside only
                    waiting.append(called)

    def built(self, change=lambda definition: definition.tree, given=None, wrapped=lambda function: function):
        """Compile everything again.

        Args:
            change: called with each `Definition`, returns the tree to compile instead: the same, or a new one.
            given: name -> value, what the new functions find among their module's names besides.
            wrapped: called with each new function, returns what stands in its place.

        Returns:
            A `Built`.
        """
        spaces, made, cells = {}, {}, []
        for definition in self.definitions.values():
            function = definition.function
            if id(function.__globals__) not in spaces:
                spaces[id(function.__globals__)] = {**function.__globals__, TURNS: _turns, **(given or {})}
            code = self._code_of(definition, change(definition))
            around = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
            closure = []
            for name in code.co_freevars:
                own = self._is_own(around[name])                # what is to be exchanged must not reach the original
                closure.append(types.CellType(around[name].cell_contents) if own else around[name])
                cells += [closure[-1]] * own
            new = types.FunctionType(code, spaces[id(function.__globals__)], function.__name__, function.__defaults__,
                                     tuple(closure))
            new.__kwdefaults__, new.__qualname__ = function.__kwdefaults__, function.__qualname__
            made[function] = wrapped(new)
        kinds = self._classes(made)
        for key, space in spaces.items():
            if key not in self._own:                            # once, for a module has many names
                self._own[key] = [name for name, v in space.items() if _exchanged(v, {**made, **kinds}) is not v]
            space.update({name: _exchanged(space[name], {**made, **kinds}) for name in self._own[key]})
        for cell in cells:
            cell.cell_contents = _exchanged(cell.cell_contents, {**made, **kinds})
        return Built(made, kinds, self.owner, self.of_object)

    @contextmanager
    def edited(self, *edits):
        """A `Built` of everything with these edits (of `repairs.py`), while the context lasts.

        It is always the same one, in which the changed functions get other code: so hundreds of edits can be tried. Raises
        SyntaxError and the like, if an edit makes no sense.
        """
        built, kept = self._unchanged, {}                       # (compiled while nothing is changed)
        choice = self._choices.get(tuple(map(id, edits)))
        if choice:
            codes, space, number, *_ = choice
            space[CHOSEN] = number
        else:
            with ExitStack() as contexts:
                for edit in edits:
                    contexts.enter_context(edit.applied())
                changed = {id(edit.definition): edit.definition for edit in edits}
                codes = {d.function: self._code_of(d, d.again()) for d in changed.values()}
                if any(code.co_freevars != function.__code__.co_freevars for function, code in codes.items()):
                    built, codes = self.built(lambda d: d.again() if id(d) in changed else d.tree), {}
        try:
            for function, code in codes.items():
                kept[function] = built.functions[function].__code__
                built.functions[function].__code__ = code
            yield built
        finally:
            for function, code in kept.items():
                built.functions[function].__code__ = code

    def prepare(self, made, edits):
        """Compile many edits at once, each of which is to be tried after those that are made.

        What is changed becomes a choice between what stands there and all that may stand there. A function that is compiled
        so costs little more than with one edit, and `edited` then only says which is chosen.
        """
        self._choices, by_function = {}, {}
        for edit in edits:
            by_function.setdefault(edit.definition.function, []).append(edit)
        with ExitStack() as contexts:
            for edit in made:
                contexts.enter_context(edit.applied())
            changed = {edit.definition.function: edit.definition for edit in made}
            for function, group in by_function.items():
                definition, by_node, together = group[0].definition, {}, {}
                parents, bound = parents_in(definition.tree), _bound_in(definition.tree)
                for number, edit in enumerate(group):
                    choices = _choices_of(edit, parents, bound)
                    for node, other in choices:
                        by_node.setdefault(id(node), []).append((number, other))
                    together |= {number: edit} if choices else {}
                try:
                    codes = {f: self._code_of(d, d.again()) for f, d in changed.items() if f is not function}
                    codes[function] = self._code_of(definition, _choosing(definition.tree, by_node))
                except Exception:                               # one of them makes no sense: each is compiled alone
                    continue
                if all(code.co_freevars == f.__code__.co_freevars for f, code in codes.items()):
                    space, ids = self._unchanged.functions[function].__globals__, tuple(map(id, made))
                    self._choices |= {(*ids, id(edit)): (codes, space, number, made, edit)
                                      for number, edit in together.items()}

    @functools.cached_property
    def _unchanged(self):
        return self.built()

    def reached_from(self, function):
        """The definitions of a function and of all that it calls of its own, the class's own before its ancestors'."""
        found, waiting = [], [unbound(function)]
        while waiting:
            current = waiting.pop(0)
            if current in self.definitions and not any(self.definitions[current] is one for one in found):
                found.append(self.definitions[current])
                waiting += self._called_by(current)
        return sorted(found, key=lambda definition: definition.ancestor)

    def _is_own(self, cell):
        """Whether a closure's cell holds a function or class that is compiled again."""
        try:
            value = cell.cell_contents
        except ValueError:                                      # nothing, yet
            return False
        return isinstance(value, types.FunctionType | type) and (value in self.definitions or value in self.kinds) or any(
            type(part) in self.kinds for part in _parts_of(value))

    def _classes(self, made):
        """class -> a copy of it that has the new methods; each derives from its original."""
        kinds = {}

        def member(value):
            if isinstance(value, staticmethod | classmethod):
                return type(value)(made.get(value.__func__, value.__func__))
            return made.get(value, value) if isinstance(value, types.FunctionType) else value

        for kind in sorted(self.kinds, key=lambda kind: len(kind.__mro__)):    # ancestors first
            members = {name: member(value) for name, value in vars(kind).items()
                       if name not in ("__dict__", "__weakref__", "__slots__")}
            bases = [kinds[base] for base in kind.__bases__ if base in kinds]
            kinds[kind] = type(kind)(kind.__name__, (*bases, kind), members)
        return kinds

    def _definition(self, function):
        try:
            code = function.__code__
            definition, lines, first = _lambda_of(code) if code.co_name == LAMBDA else _function_of(code)
        except (AttributeError, TypeError) as error:
            raise OSError(str(error)) from None
        except SyntaxError as error:
            raise ValueError(f"its source cannot be read on its own: {error}") from None
        if not isinstance(definition, ast.FunctionDef) or definition.name != code.co_name:
            raise ValueError(f"{function!r} is not written with def")
        definition.decorator_list, definition.returns = [], None
        ancestor = next((k for k, kind in enumerate(self.ancestors) if function in map(_plain, vars(kind).values())), 0)
        return Definition(function, definition, dict(enumerate(lines, first)), code.co_filename, ancestor)

    def _called_by(self, function):
        """What a function calls that is its own; of a method, also what it is in ancestors; of a class, all of it."""
        found, module = [], function.__globals__.get("__name__")
        for name in sorted(_names(function.__code__)):
            found += [vars(kind)[name] for kind in self.ancestors if name in vars(kind)]
            named = function.__globals__.get(name)
            if isinstance(named, type) and named.__module__ == module:
                found += self._of_kind(named)
            found += self._held_by(named, module)
        for cell in function.__closure__ or ():
            try:
                found += self._held_by(cell.cell_contents, module)
            except ValueError:
                pass
        for value in [value for thing in self.things for value in vars(thing).values()]:
            found += self._held_by(value, module)
        found = [_plain(value) for value in found]
        own = [f for f in found if isinstance(f, types.FunctionType)]
        methods = {f for kind in self.ancestors for f in map(_plain, vars(kind).values()) if isinstance(f, types.FunctionType)}
        return [f for f in own if f in methods or f.__module__ == module]

    def _of_kind(self, kind):
        """What a class and its ancestors of the same module have, which are then compiled again."""
        family = [one for one in kind.__mro__ if one.__module__ == kind.__module__]
        self.kinds += [one for one in family if one not in self.kinds]
        return [member for one in family for member in vars(one).values()]

    def _held_by(self, value, module):
        """The functions that a value is, or holds as a table; and those of the classes of objects that it is, or holds."""
        values = _parts_of(value)
        kinds = dict.fromkeys(type(one) for one in values if _is_object_of(one, module))
        return [*values, *(member for kind in kinds for member in self._of_kind(kind))]

    def _bounded(self, definition, tree):
        """The tree to compile, in which every loop ends."""
        if definition.function not in self._endless:            # (as it is: after a change a node may be a part of itself)
            self._endless[definition.function] = _may_not_end(definition.tree)
        return ast.fix_missing_locations(_Bounded().visit(copy.deepcopy(tree))) if self._endless[definition.function] else tree

    def _code_of(self, definition, tree):
        """The code object of a definition; compiled in a class of the same name, which private names and super() need."""
        if tree is definition.tree and definition.function in self._compiled:
            return self._compiled[definition.function]
        function = definition.function
        kind = next((kind for kind in self.kinds if function in map(_plain, vars(kind).values())), None)
        around = [name for name in function.__code__.co_freevars if not kind or name != "__class__"]
        shell = f"class {kind.__name__}:\n        pass" if kind else "pass"
        known = f"global {kind.__name__}\n    " if kind and kind.__name__ not in around else ""       # by its methods, too
        module = ast.parse(f"def make({', '.join(around)}):\n    {known}{shell}")
        (module.body[0].body[-1] if kind else module.body[0]).body = [self._bounded(definition, tree)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)      # a change that makes no sense is nothing to bother anybody with
            try:
                code = compile(module, inspect.getfile(function), "exec")
            except TypeError:                                   # a new node without a line
                code = compile(ast.fix_missing_locations(module), inspect.getfile(function), "exec")
        for name in ["make", *([kind.__name__] if kind else []), tree.name]:
            inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
            code = next(c for c in inner if c.co_name == name)
        if tree is definition.tree:
            self._compiled[function] = code
        return code


class Built:
    """What `Code.built` made: `functions`, original -> new; `kinds`, class -> copy; `kind`, the copy of the owner, or None.

    `of_object`: whether the owner is the class of an object whose methods were given, not that of the cell.
    """

    def __init__(self, functions, kinds, owner=None, of_object=False):
        self.functions, self.kinds, self.kind = functions, kinds, kinds.get(owner)
        self.owner, self.of_object = owner, of_object

    def function(self, original):
        """The new function; as a method it works on a stand-in for the object that it is given, or is of."""
        if isinstance(original, functools.partial):
            return functools.partial(self.function(original.func), *original.args, **original.keywords)
        new, thing = self.functions[unbound(original)], thing_of(original)
        if thing is not None:
            return lambda *args, **kwargs: new(self.stand_in(thing), *args, **kwargs)
        if self.kind is None or self.of_object:
            return new
        return lambda thing, *args, **kwargs: new(self.stand_in(thing), *args, **kwargs)

    def stand_in(self, thing):
        """An object with the attributes of this one, whose methods are the new ones. What they set, it keeps to itself."""
        if isinstance(thing, type):                             # of a class method
            return self.kind if thing is self.owner else thing
        other = object.__new__(self.kind)
        vars(other).update({name: _exchanged(value, self.kinds) for name, value in vars(thing).items()
                            if not isinstance(value, CalledStep)})
        return other


def _function_of(code):
    """(tree, lines, number of the first line) of a function that is written with def; of one that wraps another, its own."""
    lines, first = inspect.getsourcelines(code)
    tree, first = ast.parse(textwrap.dedent("".join(lines))), max(first, 1)
    ast.increment_lineno(tree, first - 1)
    return tree.body[0], lines, first


def _lambda_of(code):
    """The same of a lambda, as a function that returns its value: the one of its line with the same code."""
    everything = inspect.findsource(code)[0]
    for node in ast.walk(ast.parse("".join(everything))):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            value = ast.copy_location(ast.Return(node.body), node.body)
            tree = ast.copy_location(ast.FunctionDef(LAMBDA, node.args, [value], []), node)
            alone = compile(ast.fix_missing_locations(ast.Expression(node)), code.co_filename, "eval").co_consts[0]
            if (alone.co_varnames, alone.co_consts) == (code.co_varnames, code.co_consts) and (
                    {*alone.co_names} == {*code.co_names, *code.co_freevars}) and _operations(alone) == _operations(code):
                return tree, everything[node.lineno - 1:node.end_lineno], node.lineno
    raise OSError("its source is not found")


def _operations(code):
    """What a code object does: its operations, but for how it gets at names of its surroundings."""
    return [(i.opname, i.argval if "GLOBAL" not in i.opname else "") for i in dis.get_instructions(code)
            if not i.opname.endswith(("DEREF", "GLOBAL")) and i.opname not in ("COPY_FREE_VARS", "PUSH_NULL", "CACHE")]


class _Bounded(ast.NodeTransformer):
    """Loops that could go on for ever after a change end with an error."""

    def visit_While(self, node):                                # while test: -> for k in turns(): if not test: break
        node = self.generic_visit(node)
        ends = ast.If(ast.UnaryOp(ast.Not(), node.test), [*node.orelse, ast.Break()], [])
        return ast.copy_location(ast.For(ast.Name(f"{TURNS}k", ast.Store()), self._turns(), [ends, *node.body], []), node)

    def visit_For(self, node):
        node = self.generic_visit(node)
        node.iter = self._turns(node.iter)
        return node

    def _turns(self, *given):
        return ast.Call(ast.Name(TURNS, ast.Load()), list(given), [])


def _may_not_end(tree):
    """Whether a function has a loop that need not end: a while loop, or one in which a list grows."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)]
    calls = [getattr(n.func, "attr", "") for loop in loops for n in ast.walk(loop) if isinstance(n, ast.Call)]
    return any(isinstance(loop, ast.While) for loop in loops) or any(name in GROWING for name in calls)


def _turns(values=None):
    """The values, or as many as anybody could want.

    Raises:
        RuntimeError: if there were more than any right code has.
    """
    for k, value in enumerate(itertools.repeat(None) if values is None else values):
        if k == MOST_TURNS:
            raise RuntimeError(f"a loop does not end: it has had {MOST_TURNS} turns")
        yield value


def parents_in(tree):
    """id of every node in a function's body -> (the node that it is a part of, the field, its place in a list or None)."""
    found, waiting = {}, [tree]
    while waiting:
        parent = waiting.pop()
        for field in ("body",) if parent is tree else parent._fields:
            value = getattr(parent, field, None)
            for k, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST):
                    found[id(child)] = parent, field, k
                    waiting.append(child)
    return found


def _choices_of(edit, parents, bound):
    """[(node, what may be chosen in its place)] of an edit: expressions, or else whole statements; [] if that cannot be done.

    Args:
        parents: as `parents_in` gives them. bound: the names that are the function's own.
    """
    edit.settle()
    if not all(id(node) in parents for node, _ in edit.changes):
        return []
    found = [_lifted(node, new, parents) for node, new in edit.changes]
    ids = {id(node) for node, _ in found}
    if len(ids) < len(found) or any(_is_inside(node, ids, parents) for node, _ in found):       # they cannot be chosen alone
        statements = {id(s): s for s in (statement_around(node, parents) for node, _ in found)}
        outer = [s for s in statements.values() if not _is_inside(s, statements, parents)]
        put = {id(node): new for node, new in edit.changes}
        with edit.applied():
            found = [(s, copy.deepcopy(put.get(id(s), [s])) or [ast.copy_location(ast.Pass(), s)]) for s in outer]
    fresh = [one for _, new in found if isinstance(new, list) for one in new if id(one) not in parents]
    return found if not fresh or _bound_in(*fresh) <= bound else []         # else a name would be another one


def _lifted(node, new, parents):
    """(node, what is to stand there), or the same of the nearest node around it in the place of which a choice can stand."""
    while not isinstance(node, ast.stmt) and not (len(new) == 1 and _may_be_chosen(node) and _may_be_chosen(new[0])):
        parent, field, k = parents[id(node)]
        value = getattr(parent, field)
        fields = {**dict(ast.iter_fields(parent)), field: new[0] if k is None else [*value[:k], *new, *value[k + 1:]]}
        node, new = parent, [ast.copy_location(type(parent)(**fields), parent)]
    if isinstance(node, ast.stmt):
        return node, new or [ast.copy_location(ast.Pass(), node)]
    return node, new[0]


def _is_inside(node, ids, parents):
    """Whether a node is a part of one of the nodes with these ids."""
    while id(node) in parents:
        node = parents[id(node)][0]
        if id(node) in ids:
            return True
    return False


def statement_around(node, parents):
    """The innermost statement that a node is in; itself, if it is one."""
    while not isinstance(node, ast.stmt):
        node = parents[id(node)][0]
    return node


def _bound_in(*trees):
    """The names that are assigned or given somewhere in some trees."""
    parts = [n for tree in trees for n in ast.walk(tree)]
    return {n.id for n in parts if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} | {
        n.arg for n in parts if isinstance(n, ast.arg)}


def _may_be_chosen(node):
    """Whether a node is an expression that is read, in the place of which a choice between several can stand."""
    is_read = isinstance(getattr(node, "ctx", None), ast.Load | None)
    return is_read and isinstance(node, ast.expr) and not any(isinstance(n, ast.Slice | ast.Starred) for n in (
        node, *getattr(node, "elts", ())))


def _choosing(node, by_node):
    """The node, anew, in which expressions and statements are a choice between what stands there and others.

    Args:
        by_node: id of a node -> [(number, what may stand there: an expression, or a list of statements)].
    """
    fields, found = dict(ast.iter_fields(node)), node
    new = {name: [_choosing(v, by_node) if isinstance(v, ast.AST) else v for v in value] if isinstance(value, list)
           else _choosing(value, by_node) if isinstance(value, ast.AST) else value for name, value in fields.items()}
    if any(new[name] is not value and new[name] != value for name, value in fields.items()):
        found = ast.copy_location(type(node)(**new), node)
    return _choice(by_node[id(node)], node, found) if id(node) in by_node else found


def _choice(others, node, usual=None):
    """One of several, by the number that is chosen; `usual` if it is none of theirs."""
    if usual is None and len(others) == 1:
        return others[0][1]
    half = others if usual else others[:len(others) // 2]
    first, second = _choice(half, node), usual or _choice(others[len(half):], node)
    test = ast.Compare(ast.Name(CHOSEN, ast.Load()), [ast.In()], [ast.Set([ast.Constant(number) for number, _ in half])])
    for part in (test, test.left, *test.comparators, *test.comparators[0].elts):
        ast.copy_location(part, node)
    if isinstance(node, ast.expr):
        return ast.copy_location(ast.IfExp(test, first, second), node)
    several = lambda found: found if isinstance(found, list) else [found]
    return ast.copy_location(ast.If(test, several(first), several(second)), node)


def unbound(function):
    """The plain function in a method of an object, in an object that can be called, and in one with arguments given."""
    if isinstance(function, functools.partial):
        return unbound(function.func)
    if isinstance(function, types.FunctionType | types.MethodType):
        return getattr(function, "__func__", function)
    return unbound(function.__call__) if isinstance(getattr(function, "__call__", None), types.MethodType) else function


def thing_of(function):
    """The object, or class, that a method is of; the object that is called; None of a plain function."""
    if isinstance(function, functools.partial):
        return thing_of(function.func)
    if isinstance(function, types.MethodType):
        return function.__self__
    return function if unbound(function) is not function else None


def arguments_of(function):
    """The names of the arguments that a function still takes."""
    plain, given = inspect.unwrap(unbound(function)), 0
    while isinstance(function, functools.partial):
        given, function = given + len(function.args), function.func
    return plain.__code__.co_varnames[:plain.__code__.co_argcount][given + (thing_of(function) is not None):]


def numbers_known_to(function):
    """name -> number, of a function's module and, where its code names them, of functions around it."""
    function = unbound(function)
    around = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        with suppress(ValueError):                              # nothing is in it yet
            around[name] = cell.cell_contents
    return {name: value for name, value in {**function.__globals__, **around}.items()
            if isinstance(value, int | float) and not isinstance(value, bool)}


def _plain(value):
    """The function in a static or class method."""
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def _parts_of(value):
    """A value itself, or what is in a table, as {"tanh": (tanh, slope_of_tanh)}."""
    if isinstance(value, dict | list | tuple) and len(value) < 50:
        return [part for one in (value.values() if isinstance(value, dict) else value) for part in _parts_of(one)]
    return [value]


def _is_object_of(value, module):
    """Whether a value is a plain object of a class of a module; not a cell, whose class is looked into by itself."""
    kind = type(value)
    return (kind.__module__ == module and type(kind) is type and hasattr(value, "__dict__")
            and kind.__new__ is object.__new__ and not isinstance(value, Cell))


def _exchanged(value, by):
    """A function, class or object that another stands in for; in a table, too.

    The object that stands in for one shares what that holds, so it finds what the other's methods left there.
    """
    if isinstance(value, types.FunctionType | type):
        return by.get(value, value)
    if type(value) in by and hasattr(value, "__dict__"):
        other = object.__new__(by[type(value)])
        other.__dict__ = vars(value)
        return other
    if not isinstance(value, dict | list | tuple) or not any(
            isinstance(f, types.FunctionType) and f in by or type(f) in by for f in _parts_of(value)):
        return value
    if isinstance(value, dict):
        return {key: _exchanged(one, by) for key, one in value.items()}
    parts = [_exchanged(one, by) for one in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _names(code):
    """The names of attributes and globals in a code object, and in the functions within it, in the order of their use."""
    inner = [name for c in code.co_consts if isinstance(c, types.CodeType) for name in _names(c)]
    return list(dict.fromkeys([*code.co_names, *inner]))
