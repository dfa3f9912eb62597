"""A function's own source, compiled once more, with changes, in the same surroundings; the original is not touched.

What is to be read or repaired in somebody's backward pass is rarely one function: a method calls others of its class,
its ancestors through super(), and functions of its module. `Code` reads all of them. `Code.built` compiles them again,
changed or not, and lets them find each other: in copies of their modules' names, and in a copy of the class and its
ancestors. No class and no module is changed, so any number of threads can do this at once.
"""

import ast
import inspect
import textwrap
import types
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import NamedTuple

from ..cells.cell import CalledStep

CHOSEN = "__chosen__"


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
        entries: functions (or methods, as functions), written in Python.
        owner: the class whose methods they are, if they are.
        all_needed: whether each of the entries must have a source; if not, those without are left out.

    Attributes:
        definitions: function -> `Definition`, of the entries first. A called function without source is left as it is.

    Raises:
        OSError: the source of an entry cannot be found. ValueError: an entry is not written with def.
    """

    def __init__(self, entries, owner=None, all_needed=True):
        self.owner = owner
        self.ancestors = [kind for kind in owner.__mro__ if kind is not object] if owner else []
        self.kinds = list(self.ancestors)                       # every class that is compiled again
        self.definitions, self._compiled, self._own, self._choices = {}, {}, {}, {}
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
                spaces[id(function.__globals__)] = {**function.__globals__, **(given or {})}
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
            cell.cell_contents = made.get(cell.cell_contents, kinds.get(cell.cell_contents))
        return Built(made, kinds.get(self.owner), self.owner)

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

        A changed expression becomes a choice between what stands there and all that may stand there. A function that is
        compiled so costs little more than with one edit, and `edited` then only says which is chosen.
        """
        self._choices = {}
        by_function = {}
        for edit in edits:
            (node, new), *others = edit.changes
            if not others and len(new) == 1 and _may_be_chosen(node) and _may_be_chosen(new[0]):
                by_function.setdefault(edit.definition.function, []).append(edit)
        with ExitStack() as contexts:
            for edit in made:
                contexts.enter_context(edit.applied())
            changed = {edit.definition.function: edit.definition for edit in made}
            for function, group in by_function.items():
                definition, by_node = group[0].definition, {}
                for number, edit in enumerate(group):
                    edit.settle()
                    by_node.setdefault(id(edit.changes[0][0]), []).append((number, edit.changes[0][1][0]))
                try:
                    codes = {f: self._code_of(d, d.again()) for f, d in changed.items() if f is not function}
                    codes[function] = self._code_of(definition, _choosing(definition.tree, by_node))
                except Exception:                               # one of them makes no sense: each is compiled alone
                    continue
                if all(code.co_freevars == f.__code__.co_freevars for f, code in codes.items()):
                    space, ids = self._unchanged.functions[function].__globals__, tuple(map(id, made))
                    self._choices |= {(*ids, id(edit)): (codes, space, number, made, edit) for number, edit in enumerate(group)}

    @cached_property
    def _unchanged(self):
        return self.built()

    def reached_from(self, function):
        """The definitions of a function and of all that it calls of its own, the class's own before its ancestors'."""
        found, waiting = [], [function]
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
        return isinstance(value, types.FunctionType | type) and (value in self.definitions or value in self.kinds)

    def _classes(self, made):
        """class -> a copy of it that has the new methods; each derives from its original."""
        kinds = {}

        def member(value):
            if isinstance(value, staticmethod | classmethod):
                return type(value)(made.get(value.__func__, value.__func__))
            return made.get(value, value) if isinstance(value, types.FunctionType) else value

        for kind in reversed(self.kinds):
            members = {name: member(value) for name, value in vars(kind).items()
                       if name not in ("__dict__", "__weakref__", "__slots__")}
            bases = [kinds[base] for base in kind.__bases__ if base in kinds]
            kinds[kind] = type(kind)(kind.__name__, (*bases, kind), members)
        return kinds

    def _definition(self, function):
        try:
            lines, first = inspect.getsourcelines(function)
            tree = ast.parse(textwrap.dedent("".join(lines)))
        except TypeError as error:
            raise OSError(str(error)) from None
        except SyntaxError as error:
            raise ValueError(f"its source cannot be read on its own: {error}") from None
        definition, first = tree.body[0], max(first, 1)
        if not isinstance(definition, ast.FunctionDef) or definition.name != inspect.unwrap(function).__name__:
            raise ValueError(f"{function!r} is not written with def")
        ast.increment_lineno(tree, first - 1)
        definition.decorator_list, definition.returns = [], None
        ancestor = next((k for k, kind in enumerate(self.ancestors) if function in map(_plain, vars(kind).values())), 0)
        return Definition(inspect.unwrap(function), definition, dict(enumerate(lines, first)), inspect.getfile(function),
                          ancestor)

    def _called_by(self, function):
        """What a function calls that is its own; of a method, also what it is in ancestors; of a class, all of it."""
        found, module = [], function.__globals__.get("__name__")
        for name in sorted(_names(function.__code__)):
            found += [vars(kind)[name] for kind in self.ancestors if name in vars(kind)]
            named = function.__globals__.get(name)
            if isinstance(named, type) and named.__module__ == module:
                self.kinds += [named] * (named not in self.kinds)
                found += vars(named).values()
            found += _functions_in(named)
        for cell in function.__closure__ or ():
            try:
                found.append(cell.cell_contents)
            except ValueError:
                pass
        found = [_plain(value) for value in found]
        own = [f for f in found if isinstance(f, types.FunctionType)]
        methods = {f for kind in self.ancestors for f in map(_plain, vars(kind).values()) if isinstance(f, types.FunctionType)}
        return [f for f in own if f in methods or f.__module__ == module]

    def _code_of(self, definition, tree):
        """The code object of a definition; compiled in a class of the same name, which private names and super() need."""
        if tree is definition.tree and definition.function in self._compiled:
            return self._compiled[definition.function]
        function = definition.function
        kind = next((kind for kind in self.kinds if function in map(_plain, vars(kind).values())), None)
        around = [name for name in function.__code__.co_freevars if not kind or name != "__class__"]
        shell = f"class {kind.__name__}:\n        pass" if kind else "pass"
        module = ast.parse(f"def make({', '.join(around)}):\n    {shell}")
        (module.body[0].body[0] if kind else module.body[0]).body = [tree]
        try:
            code = compile(module, inspect.getfile(function), "exec")
        except TypeError:                                       # a new node without a line
            code = compile(ast.fix_missing_locations(module), inspect.getfile(function), "exec")
        for name in ["make", *([kind.__name__] if kind else []), tree.name]:
            inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
            code = next(c for c in inner if c.co_name == name)
        if tree is definition.tree:
            self._compiled[function] = code
        return code


class Built:
    """What `Code.built` made: `functions`, original -> new; `kind`, the copy of the class (None without one)."""

    def __init__(self, functions, kind, owner=None):
        self.functions, self.kind, self.owner = functions, kind, owner

    def function(self, original):
        """The new function; as a method it works on a stand-in for the object that it is given."""
        new = self.functions[original]
        if self.kind is None:
            return new
        return lambda thing, *args, **kwargs: new(self.stand_in(thing), *args, **kwargs)

    def stand_in(self, thing):
        """An object with the attributes of this one, whose methods are the new ones. What they set, it keeps to itself."""
        other = object.__new__(self.kind)
        vars(other).update({name: value for name, value in vars(thing).items() if not isinstance(value, CalledStep)})
        return other


def _may_be_chosen(node):
    """Whether a node is an expression that is read, in the place of which a choice between several can stand."""
    is_read = isinstance(getattr(node, "ctx", None), ast.Load | None)
    return is_read and isinstance(node, ast.expr) and not any(isinstance(n, ast.Slice | ast.Starred) for n in (
        node, *getattr(node, "elts", ())))


def _choosing(node, by_node):
    """The node, anew, in which expressions are a choice between what stands there and others.

    Args:
        by_node: id of a node -> [(number, another expression)], with numbers in rising order.
    """
    fields, found = dict(ast.iter_fields(node)), node
    new = {name: [_choosing(v, by_node) if isinstance(v, ast.AST) else v for v in value] if isinstance(value, list)
           else _choosing(value, by_node) if isinstance(value, ast.AST) else value for name, value in fields.items()}
    if any(new[name] is not value and new[name] != value for name, value in fields.items()):
        found = ast.copy_location(type(node)(**new), node)
    for number, other in by_node.get(id(node), ()):
        test = ast.Compare(ast.Name(CHOSEN, ast.Load()), [ast.Eq()], [ast.Constant(number)])
        found = ast.copy_location(ast.IfExp(test, other, found), node)
        for part in (test, test.left, *test.comparators):
            ast.copy_location(part, node)
    return found


def _plain(value):
    """The function in a static or class method."""
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def _functions_in(value):
    """A function itself, and those in a table of them, as {"tanh": (tanh, slope_of_tanh)}; else the value."""
    if isinstance(value, dict | list | tuple) and len(value) < 50:
        return [f for one in (value.values() if isinstance(value, dict) else value) for f in _functions_in(one)]
    return [value]


def _exchanged(value, by):
    """A function or class that another stands in for; in a table, too."""
    if isinstance(value, types.FunctionType | type):
        return by.get(value, value)
    if not isinstance(value, dict | list | tuple) or not any(
            isinstance(f, types.FunctionType) and f in by for f in _functions_in(value)):
        return value
    if isinstance(value, dict):
        return {key: _exchanged(one, by) for key, one in value.items()}
    parts = [_exchanged(one, by) for one in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _names(code):
    """The names of attributes and globals in a code object, and in the functions within it, in the order of their use."""
    inner = [name for c in code.co_consts if isinstance(c, types.CodeType) for name in _names(c)]
    return list(dict.fromkeys([*code.co_names, *inner]))
