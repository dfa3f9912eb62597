"""Mutations run backwards: every small change of a function's code that could be the repair of a mistake in it.

A mistake is a small change of right code, so there is a small change that makes it right again. The generators below
walk through a function's syntax tree and propose such changes; each is then tried, on the method that is wrong and on the
whole check (see `mending.py`). What passes is no guess.

A generator yields (kind, [(node, what is to stand there), ...], cost, why): the kind of finding that it would be, how
far-fetched it is (of those that work the least is told), and half a sentence. A new kind of repair is a generator here, and
a place in `KINDS_OF_REPAIR`.
"""

import ast
import copy
import dis
import re
from functools import partial
from itertools import combinations, permutations
from keyword import iskeyword
from typing import NamedTuple

import numpy as np

from .source import LAMBDA, Definition, numbers_known_to, parents_in, statement_around
from .trace import plain

BINDING, READING = ast.Store(), ast.Load()


class Edit(NamedTuple):
    """A change of one function: nodes of its tree, each with what is to stand there instead."""

    definition: Definition
    kind: str                   # of finding that it would be
    changes: tuple              # of (node, [new nodes])
    cost: float
    why: str = ""               # half a sentence

    @property
    def line(self):
        return self.changes[0][0].lineno

    def before_and_after(self):
        """The statement as it is, and as it would be; of a loop its first line; where others change, too, in which line."""
        parents, put = parents_in(self.definition.tree), {id(old): new for old, new in self.changes}
        first = partial(self._first_line, self.source)
        statements = list(dict.fromkeys(statement_around(old, parents) for old, _ in self.changes))
        before = "; ".join(map(first, statements))
        (old, new), *others = self.changes
        if new == [old] and others:                             # a line that belongs elsewhere than where it was missed
            (anchor, (line, _)), = others
            return first(old), f"before line {anchor.lineno}: {first(line)}"
        for anchor, new in self.changes:                        # a statement that is moved
            if put.get(id(statements[0])) == [] and statements[0] in new:
                is_before = new.index(statements[0]) < new.index(anchor)
                loop = "the loop of " * isinstance(anchor, ast.For)
                place = f"{'before' if is_before else 'behind'} {loop}line {anchor.lineno}"
                inside = ", in the loop" * (anchor.col_offset > statements[0].col_offset)
                return before, f"{place}{inside}: {first(statements[0])}"
        with self.applied():
            after = ["; ".join(map(first, put.get(id(s), [s]))) or "(nothing)" for s in statements]
        after = ["(nothing)" if text == "pass" else text for text in after]
        return before, after[0] + "".join(f", and in line {s.lineno}: {text}" for s, text in zip(statements[1:], after[1:]))

    def _first_line(self, source, statement):
        tree = self.definition.tree
        whole = ast.Lambda(tree.args, statement.value) if tree.name == LAMBDA else statement
        first, *more = in_the_style_of(source, ast.unparse(whole)).splitlines()
        return first + " ..." * (bool(more) and not hasattr(statement, "end_lineno"))   # (what is new)

    @property
    def source(self):
        """The statement as it is written, in one line; of a loop or a condition its first line."""
        statement = statement_around(self.changes[0][0], parents_in(self.definition.tree))
        heads = [getattr(statement, name, None) for name in ("iter", "test", "args")] if hasattr(statement, "body") else []
        last = max((head.end_lineno for head in heads if hasattr(head, "end_lineno")), default=statement.end_lineno)
        last = statement.lineno if heads and last == statement.end_lineno else last
        lines = [self.definition.lines.get(k, "").strip() for k in range(statement.lineno, last + 1)]
        own = self.definition.lines.get(self.line, "").strip()
        return " ".join(lines) if all(lines) and self.definition.tree.name != LAMBDA else own

    def settle(self):
        """Give what is new the place of what it stands for."""
        for node, new in self.changes:
            for part in (part for n in new for part in ast.walk(n)):
                if isinstance(part, ast.expr | ast.stmt | ast.keyword) and "lineno" not in vars(part):
                    ast.copy_location(part, node)

    def applied(self):
        """A context in which the tree has the change; afterwards it is what it was."""
        return _Applied(self)


class _Applied:
    """The context of `Edit.applied`."""

    def __init__(self, edit):
        self.edit, self.undo = edit, []

    def __enter__(self):
        places = [(*_place(self.edit.definition.tree, node), new) for node, new in self.edit.changes]
        self.edit.settle()
        for parent, field, index, new in sorted(places, key=lambda place: -(place[2] or 0)):
            value = getattr(parent, field)
            self.undo.append((parent, field, value))
            setattr(parent, field, new[0] if index is None else [*value[:index], *new, *value[index + 1:]])
        return self.edit

    def __exit__(self, *_):
        for parent, field, value in reversed(self.undo):
            setattr(parent, field, value)


def in_the_style_of(source, code):
    """Code in the quotation marks of a line beside it, and without brackets around several values, if that has none."""
    if '"' in source and "'" not in source:
        code = code.replace("'", '"')
    found = re.fullmatch(r"(return |[^=]* = )\((.*)\)", code)
    bare = found and found[1] + found[2]
    return bare if found and f"{found[1]}(" not in source and _same_code(bare, code) else code


def _same_code(one, other):
    """Whether two texts are the same code; False if the first is none."""
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except SyntaxError:
        return False


def _place(tree, node):
    """(parent, field, index) of a node in a tree."""
    if not hasattr(tree, "places"):                             # noted once: an edit that is undone leaves all as it was
        tree.places = parents_in(tree)
    parent, field, index = tree.places.get(id(node), (None, "", None))
    if parent is not None:
        value = getattr(parent, field)
        if value is node or index is not None and index < len(value) and value[index] is node:
            return parent, field, index
    moved = parents_in(tree)                                    # by another edit
    if id(node) not in moved:
        raise LookupError("the node is not in the tree")
    return moved[id(node)]


def edits(definition, kinds=None, more_numbers=()):
    """Every `Edit` of a function, the plainest kinds first. `more_numbers`: name -> number that its code knows, too."""
    known = numbers_known_to(definition.function) | dict(more_numbers)
    given = {numbers: [known], scales: [known], callees: [_held_by_class(definition.function)]}
    for generator in kinds or KINDS_OF_REPAIR:
        for kind, changes, cost, *why in generator(definition.tree, *given.get(generator, [])):
            put = tuple((node, new if isinstance(new, list) else [new]) for node, new in changes)
            yield Edit(definition, kind, put, cost, *why)


def exchanges(definition, survey, wanted, others=()):
    """Every `Edit` that puts one name in another's place, or a number of the module before a term: many, and rarely needed.

    Args:
        survey: a `Survey`, which knows what is of the same shape. wanted: of a node, whether it is to be replaced.
        others: definitions of other functions, which may name entries that this one should read.
    """
    tree, reads = definition.tree, lambda n: isinstance(getattr(n, "ctx", READING), ast.Load)
    entries = [written(n) for n in _nodes(tree, ast.Subscript)]
    in_place = {n.target.id for n in _nodes(tree, ast.AugAssign) if isinstance(n.target, ast.Name)}
    changed = {id(n.value) for n in _nodes(tree, ast.Assign) if written(n.targets[0]) in in_place}
    inner = {id(n): f for f in _nodes(tree, ast.FunctionDef, ast.Lambda) for n in ast.walk(f)}     # which nobody looks into
    outer = [*(a.arg for a in tree.args.args), *(n.id for n in _nodes(tree, ast.Name) if isinstance(n.ctx, ast.Store))]
    theirs = {written(n) for other in others for n in _nodes(other.tree, ast.Subscript)
              if {i.id for i in ast.walk(n) if isinstance(i, ast.Name)} <= {*outer}}
    within = lambda node: [*(n.id for n in ast.walk(inner[id(node)]) if isinstance(n, ast.Name)), *outer]
    for node in filter(reads, _nodes(tree, ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)):
        if not wanted(node):
            continue
        own, names = written(node), survey.alike(definition, node)
        if id(node) in inner and isinstance(node, ast.Subscript):
            names = [text for text in entries if text.startswith(f"{written(node.value)}[")]
        elif id(node) in inner and isinstance(node, ast.Name):
            names = within(node)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript) and not names:   # a number in a table
            tables, of_these = entries + list(survey.given), f"{written(node.value.value)}["
            cut = written(node)[len(written(node.value)):]
            names = [f"{text}{cut}" for text in tables if text.startswith(of_these)]
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and isinstance(node.value, ast.Name):
            names = [*names, *(f"{name}[{node.slice.id}]" for name in sorted({*outer}))]    # of another list, the same turn's
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.value, ast.Name):
            names = [*names, *sorted(text for text in theirs if text.startswith(f"{node.value.id}["))]
        for name in dict.fromkeys(names):
            if name != own:
                new = f"{name}.copy()" if id(node) in changed else name
                cost = 1.4 + 0.2 * isinstance(node, ast.Call | ast.BinOp)
                yield Edit(definition, "exchanged", ((node, [expression_of(new)]),), cost,
                           f"`{own}` stands where `{name}` belongs")
    for statement in _nodes(tree, ast.Assign, ast.AugAssign, ast.Return, ast.Expr):
        read = {}
        for node in [n for n in ast.walk(statement) if isinstance(n, ast.Name) and reads(n)]:
            read.setdefault(node.id, []).append(node)
        for old, many in read.items():                          # everywhere in the statement
            names = within(many[0]) if id(many[0]) in inner else survey.alike(definition, many[0])
            for name in dict.fromkeys(names) if len(many) > 1 else ():
                yield Edit(definition, "exchanged", tuple((node, [expression_of(name)]) for node in many), 1.45,
                           f"`{old}` stands where `{name}` belongs")
    yield from edits(definition, (swaps, crossed, arguments, scales), survey.numbers(definition))


def more(definition, survey, wanted):
    """Every `Edit` that multiplies a term or an argument by a quantity, or adds one to a value; arguments as of `exchanges`."""
    values = [v for s in _nodes(definition.tree, ast.Assign, ast.AugAssign, ast.Return) for v in _elements(s.value)]
    terms = [term for value in values for term in _terms(value)]
    given = [a for call in _nodes(definition.tree, ast.Call) for a in call.args]
    sides = [side for n in _nodes(definition.tree, ast.BinOp) if isinstance(n.op, ast.MatMult) for side in (n.left, n.right)]
    for node in filter(wanted, values):
        for name in survey.alike(definition, node):
            yield Edit(definition, "missing term", ((node, [expression_of(f"{name} + {written(node)}")]),), 1.55,
                       f"the term {plain(name)} is missing")
    for node in filter(wanted, _nodes(definition.tree, ast.Expr, ast.AugAssign)):
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        array = out_of(node.value) if called else getattr(node, "target", None)     # an array that is changed in place
        for name in survey.of_one_shape(definition, array.id) if isinstance(array, ast.Name) else ():
            line = ast.parse(f"{array.id} += {name}").body[0]
            yield Edit(definition, "missing term", ((node, [node, line]),), 1.57, f"the term {plain(name)} is missing in "
                       f"`{array.id}`, after this line")
    factors = [side for n in _nodes(definition.tree, ast.BinOp) if isinstance(n.op, ast.Mult) for side in (n.left, n.right)]
    for node in filter(wanted, factors):
        for name in survey.alike(definition, node) if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) else ():
            for sign in "-+":
                yield Edit(definition, "missing term", ((node, [expression_of(f"{written(node)} {sign} {name}")]),), 1.58,
                           f"the term {sign.replace('-', '−')} {plain(name)} is missing at `{written(node)}`")
    for node in filter(wanted, dict.fromkeys([*terms, *given, *sides])):
        names = survey.alike(definition, node, broadcast=True)
        for name in [*names, *survey.factors(definition, node)]:
            new = expression_of(f"({written(node)}) * ({name})")
            yield Edit(definition, "missing factor", ((node, [new]),), 1.6 + 0.1 * (name not in names),
                       f"the factor {plain(name)} is missing at `{written(node)}`")


def missing_lines(definition, empty):
    """Every `Edit` that lets a line add to a parameter that has no gradient, or repeats it for that, with one name exchanged.

    Args:
        empty: name -> the parameters of its kind, whose lines could be the pattern.
    """
    keys = [n.slice for n in _nodes(definition.tree, ast.Subscript) if isinstance(n.ctx, ast.Store)]
    keys += [argument for call in _nodes(definition.tree, ast.Call) for argument in call.args]
    for node in [key for key in keys if isinstance(key, ast.Constant)] if empty else ():       # grads["R"] += ... for "W"
        for name in [name for name, alike in empty.items() if node.value in alike]:
            yield Edit(definition, "other parameter", ((node, [ast.Constant(name)]),), 0.9,
                       f"this is the gradient of {name}, and is added to that of {node.value}")
    names = {written(n) for n in _nodes(definition.tree, ast.Name, ast.Subscript) if isinstance(n.ctx, ast.Load)}
    names = sorted(names, key=lambda name: (not name.isidentifier(), name))
    for node in _nodes(definition.tree, ast.AugAssign) if empty else ():
        text, target = written(node.value), written(node.target)
        for name, alike in empty.items():
            pattern = next((other for other in alike if target.endswith(f"['{other}']")), None)
            if pattern is None:
                continue
            read = dict.fromkeys(written(n) for n in ast.walk(node.value) if isinstance(n, ast.Name | ast.Subscript))
            for old, new in [("", "")] + [(old, new) for old in read for new in names if new != old]:
                value = re.sub(rf"(?<![\w.\]]){re.escape(old)}(?![\w\[])", lambda _: new, text) if old else text
                line = ast.parse(f"{target[:-len(pattern) - 4]}['{name}'] += {value}").body[0]
                yield Edit(definition, "missing term", ((node, [node, line]),), 1.0 + 0.1 * bool(old),
                           f"nothing is ever added to the gradient of {name}: a line is missing here")


def unaliased(definition):
    """Every `Edit` that makes a new array where one is changed in place."""
    return edits(definition, (in_place, too_early, one_array))


def written(node):
    """A node as text, made once: for trees as they are, without an edit."""
    if "text" not in vars(node):
        node.text = ast.unparse(node)
    return node.text


def expression_of(text):
    """An expression without a place, which it gets where it is put."""
    if text.isidentifier() and not iskeyword(text):             # most are: this is faster
        return ast.Name(text, ast.Load())
    tree = ast.parse(text, mode="eval").body
    for node in ast.walk(tree):
        for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
            vars(node).pop(name, None)
    return tree


def is_slope(node):
    """Whether it looks like the derivative of an activation: 1 − y², 1 − y, (1 + y²)^…, a comparison, slope(y)."""
    text = written(node).replace(" ", "").replace("(", "").replace(")", "")
    return bool(re.search(r"(^|[*/])1(\.0?)?[-+][\w.\[\]\"']+(\*\*[\d.]+)*$", text) or isinstance(node, ast.Compare)
                or re.search(r"slope|deriv|prime|^d_?(tanh|sig|logi|relu|leaky|elu|soft|act|phi)\w*\(", written(node)))


def in_slope(tree, node):
    """Whether a node is part of a sum 1 ± ..., as derivatives of activations are."""
    return any(isinstance(n.op, ast.Add | ast.Sub) and isinstance(n.left, ast.Constant)
               and any(inner is node for inner in ast.walk(n)) for n in _nodes(tree, ast.BinOp))


def is_number(node):
    """Whether an expression is a number whatever the gradient is: a constant, a length, a size."""
    names = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    constant = all(isinstance(n, ast.Constant | ast.UnaryOp | ast.USub) for n in ast.walk(node))
    return constant or bool(names & {"len", "shape", "size", "n_hidden", "n_in", "sqrt"})


def _nodes(tree, *kinds):
    if not hasattr(tree, "parts"):                              # noted once, like `places`
        tree.parts = [node for statement in tree.body for node in ast.walk(statement)]
    return (node for node in tree.parts if isinstance(node, kinds))


def _bodies(tree):
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            if isinstance(getattr(node, name, None), list):
                yield getattr(node, name)


def _own_names(tree):
    """The names that a function is given, or gives to something itself."""
    return sorted({n.id for n in _nodes(tree, ast.Name) if isinstance(n.ctx, ast.Store)} | {a.arg for a in tree.args.args})


def _called(node):
    """The name of the function or method that a call calls."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _number(value):
    return expression_of(repr(int(value) if value == int(value) else value))


def _whole(node):
    """A whole number that is written as one, also a negative one; None for anything else."""
    minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    constant = node.operand if minus else node
    if isinstance(constant, ast.Constant) and isinstance(constant.value, int) and not isinstance(constant.value, bool):
        return -constant.value if minus else constant.value
    return None


# ---- arithmetic -----------------------------------------------------------------------------------------------------

def sums(tree):
    """a + b for a − b; b − a; a alone, b alone."""
    for node in _nodes(tree, ast.BinOp):
        if not isinstance(node.op, ast.Add | ast.Sub):
            continue
        left, right, added = written(node.left), written(node.right), isinstance(node.op, ast.Add)
        flipped, sign = (ast.Sub(), "−") if added else (ast.Add(), "+")
        yield ("sign", [(node, ast.BinOp(node.left, flipped, node.right))], 0.5,
               f"`{right}` has the wrong sign: {sign} belongs before it")
        if isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.MatMult):
            turned = expression_of(f"{_transposed(node.right.left)} @ ({written(node.right.right)})")
            yield ("sign", [(node, ast.BinOp(node.left, flipped, turned))], 1.2,
                   f"`{right}` has the wrong sign, and `{written(node.right.left)}` should be transposed")
        if not isinstance(node.left, ast.Constant):             # (of 1 - y only 1: the factor is gone, see `products`)
            yield "surplus term", [(node, node.left)], 0.9, f"the term `{right}` should not be there"
        kept = node.right if added else ast.UnaryOp(ast.USub(), node.right)
        yield "surplus term", [(node, kept)], 0.95, f"the term `{left}` should not be there"
        if not added:
            cost = 0.55 if isinstance(node.left, ast.Constant) else 0.4
            yield ("sign", [(node, ast.BinOp(node.right, node.op, node.left))], cost,
                   f"`{written(node)}` has the wrong sign: the difference is the other way round")


def brackets(tree):
    """a · b + c for a · (b + c), and the other way round; also of quotients."""
    outer, inner = (ast.Mult, ast.Div), (ast.Add, ast.Sub)
    for node in _nodes(tree, ast.BinOp):
        if isinstance(node.op, outer):
            for side, factor in [("left", node.right)] + [("right", node.left)] * isinstance(node.op, ast.Mult):
                total = getattr(node, side)
                if isinstance(total, ast.BinOp) and isinstance(total.op, inner):
                    times = lambda term: ast.BinOp(term, node.op, factor)
                    for one, other, free in ((times(total.left), total.right, total.right),
                                             (total.left, times(total.right), total.left)):
                        yield ("surplus factor", [(node, ast.BinOp(one, total.op, other))], 0.9,
                               f"the brackets end elsewhere: the factor {plain(written(factor))} should not reach "
                               f"`{written(free)}`")
        elif isinstance(node.op, inner):
            for part, free in ((node.left, node.right), (node.right, node.left)):
                if isinstance(part, ast.BinOp) and isinstance(part.op, outer):
                    for kept, factor in [(part.left, part.right)] + [(part.right, part.left)] * isinstance(part.op, ast.Mult):
                        total = ast.BinOp(kept, node.op, free) if part is node.left else ast.BinOp(free, node.op, kept)
                        yield ("missing factor", [(node, ast.BinOp(total, part.op, factor))], 0.95,
                               f"the factor {plain(written(factor))} belongs to `{written(free)}`, too")


def sums_of_products(tree):
    """(a · b).sum() for a.sum() · b.sum()."""
    for node in _nodes(tree, ast.BinOp):
        before, last = _last_factor(node.left)                  # of q · a.sum() · b.sum(), the last two
        minus = isinstance(last, ast.UnaryOp) and isinstance(last.op, ast.USub)
        sides = last.operand if minus else last, node.right
        if not isinstance(node.op, ast.Mult) or not all(isinstance(n, ast.Call) and _called(n) == "sum" for n in sides):
            continue
        of = [n.func.value if isinstance(n.func, ast.Attribute) and written(n.func.value) != "np" else n.args[0] for n in sides]
        given = [ast.keyword(k.arg, k.value) for k in node.right.keywords]
        for parts in [given] if given else [[], [ast.keyword("axis", expression_of("1"))]]:
            new = ast.Call(expression_of(f"(({written(of[0])}) * ({written(of[1])})).sum"), [], parts)
            new = ast.UnaryOp(ast.USub(), new) if minus else new
            new = ast.BinOp(before, ast.Mult(), new) if before else new
            yield "axis", [(node, new)], 0.6, "the sum of the products belongs here, not the product of the sums"


def complements(tree):
    """1 − a for a factor a, and a for 1 − a."""
    for node in _nodes(tree, ast.BinOp):
        if isinstance(node.op, ast.Mult):
            for side in (node.left, node.right):
                if complement(side) and side.left.value == 1:
                    new = side.right
                elif isinstance(side, ast.Name | ast.Attribute | ast.Subscript):
                    new = ast.BinOp(ast.Constant(1), ast.Sub(), side)
                else:
                    continue
                yield "exchanged", [(side, new)], 0.75, f"`{written(side)}` stands where `{written(new)}` belongs"


def slopes(tree):
    """The derivative of tanh for that of the sigmoid, and the other way round; 1 − y² for (1 − y)² and for 1 − y."""
    for node in _nodes(tree, ast.BinOp):
        text, new, squared = written(node), "", isinstance(node.op, ast.Pow) and written(node.right) == "2"
        if found := re.fullmatch(r"1(?:\.0)? - (.+?)(?: \*\* 2| \* \1)", text):
            a = found[1]
            new = f"{a} * (1 - {a})"
            why = f"the slope of tanh, `{text}`, stands where that of the sigmoid, {plain(a)}(1 − {plain(a)}), belongs"
        elif complement(base := node.left if squared else node) and base.left.value == 1 and (squared or "*" not in text):
            a = written(base.right)
            new, why = f"1 - ({a}) ** 2", f"`{text}` stands where the derivative of the activation, (1 − {plain(a)}²), belongs"
        elif isinstance(node.op, ast.Mult) and complement(node.right):
            a, (before, last) = written(node.right.right), _last_factor(node.left)
            if a == written(last):
                new = f"{written(before)} * (1 - {a} ** 2)" if before else f"1 - {a} ** 2"
                why = (f"the slope of the sigmoid, {plain(a)}(1 − {plain(a)}), stands where that of tanh, 1 − {plain(a)}², "
                       f"belongs, at `{text}`")
        elif isinstance(node.op, ast.Div) and (found := re.fullmatch(r"(?:np\.)?cosh\((.+)\) \*\* 2", written(node.right))):
            a, kept = found[1], f"{written(node.left)} * " * (written(node.left) != "1")
            new, why = f"{kept}(1 - {a} ** 2)", f"`{a}` is what comes out of tanh, and its slope is 1 − {plain(a)}² then"
        if new:
            yield "derivative", [(node, expression_of(new))], 0.7, why
        if isinstance(node.op, ast.Mult):
            yield from _unfinished(node)


def _last_factor(node):
    """(what stands before the last factor of a product, or None; the last factor)."""
    return (node.left, node.right) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else (None, node)


def _unfinished(node):
    """The other factor of the sigmoid's slope, for a product that has one; the derivative of softmax for the sigmoid's."""
    slope = "of the slope of the sigmoid, {0}(1 − {0}), the {1} factor is missing"
    if isinstance(node.right, ast.Name | ast.Attribute | ast.Subscript):
        a = written(node.right)
        new = ast.BinOp(node, ast.Mult(), expression_of(f"1 - {a}"))
        yield "derivative", [(node, new)], 0.9, slope.format(plain(a), "second")
    inner = node.left
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult) and complement(inner.right) and (
            written(inner.left) == written(inner.right.right)):
        yield from _of_softmax(node, written(inner.left), node.right)
    if complement(node.right):
        a, left = written(node.right.right), node.left
        new = ast.BinOp(ast.BinOp(left, ast.Mult(), node.right.right), ast.Mult(), node.right)
        yield "derivative", [(node, new)], 0.9, slope.format(plain(a), "first")
        sides = [left.left, left.right] if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mult) else []
        for d in [side for side in sides if a in map(written, sides) and written(side) != a]:
            yield from _of_softmax(node, a, d)


def _of_softmax(node, a, d):
    """The derivative of softmax, along each axis, for a · (1 − a) · d."""
    for axis in ("0", "-1", "1", "-2"):
        new = expression_of(f"{a} * ({written(d)} - ({a} * {written(d)}).sum(axis={axis}, keepdims=True))")
        yield ("missing term", [(node, new)], 1.0, f"`{written(node)}` would do for a sigmoid; each value of a softmax "
               f"changes the others too, through the sum that it is divided by: − Σ {a} · {written(d)} is missing")


def products(tree):
    """a for a · b and a / b; a · b for a / b and the other way round; another power."""
    for node in _nodes(tree, ast.BinOp):
        over = isinstance(node.op, ast.Div)
        if over or isinstance(node.op, ast.Mult):
            for kept, dropped in [(node.left, node.right)] + [(node.right, node.left)] * (not over):
                text, zero = plain(written(dropped)), isinstance(dropped, ast.Constant) and dropped.value == 0
                literal = isinstance(dropped, ast.Constant) and not over
                kind = ("derivative" if is_slope(dropped) else "carry" if zero else
                        "factor" if over or is_number(dropped) and not literal else "surplus factor")
                yield kind, [(node, kept)], 1.0, (
                    f"it is divided by {text}, which does not belong here" if over else
                    "the factor 0 lets nothing through" if zero else f"the factor {text} should not be there")
        right = getattr(node, "right", None)
        if over:
            yield "factor", [(node, ast.BinOp(node.left, ast.Mult(), right))], 1.6, f"`{written(right)}` multiplies here"
            if not is_number(right):
                square = ast.BinOp(node.left, ast.Div(), ast.BinOp(right, ast.Pow(), ast.Constant(2)))
                yield ("derivative", [(node, square)], 1.1, f"the derivative of 1/{plain(written(right))} is "
                       f"−1/{plain(written(right))}²: it is divided by the square")
        elif isinstance(node.op, ast.Mult) and not isinstance(right, ast.BinOp):
            yield "factor", [(node, ast.BinOp(node.left, ast.Div(), right))], 1.7, f"`{written(right)}` divides here"
        elif isinstance(node.op, ast.FloorDiv):
            yield "factor", [(node, ast.BinOp(node.left, ast.Div(), right))], 0.5, "// rounds down to a whole number"
        elif isinstance(node.op, ast.Pow) and (n := _power(right)) is not None:
            for power in dict.fromkeys([n - 1, n + 1, n / 2, n * 2, n - 0.5, n + 0.5]):
                if power:
                    new = node.left if power == 1 else ast.BinOp(node.left, ast.Pow(), _number(power))
                    cost = 0.8 if power == 1 and in_slope(tree, node) else 1.1
                    yield "derivative", [(node, new)], cost, f"the power {power:g} belongs here"


def _power(node):
    """The number in an exponent; None, if it is something else."""
    constant = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    return node.value if constant else _whole(node)


def transposes(tree):
    """Aᵀ for A, A for Aᵀ; B @ A for A @ B."""
    for node in _nodes(tree, ast.BinOp):
        if isinstance(node.op, ast.MatMult):
            for side in (node.left, node.right):
                if not (isinstance(side, ast.Attribute) and side.attr == "T"):
                    yield ("transposed", [(side, ast.Attribute(side, "T", READING))], 0.5,
                           f"`{written(side)}` should be transposed")
            turned = expression_of(f"({written(node.right)}) @ ({written(node.left)})")
            yield "transposed", [(node, turned)], 0.7, "the factors of the matrix product stand the other way round"
            turned = expression_of(f"{_transposed(node.right)} @ {_transposed(node.left)}")
            yield "transposed", [(node, turned)], 0.8, f"`{written(node)}` should be transposed"
    for node in _nodes(tree, ast.Call):
        sides = [node.func.value] if _called(node) == "dot" and isinstance(node.func, ast.Attribute) else []
        for side in [*node.args, *sides]:
            if isinstance(side, ast.Name | ast.Subscript | ast.Attribute) and getattr(side, "attr", "") != "T":
                yield ("transposed", [(side, ast.Attribute(side, "T", READING))], 0.9,
                       f"`{written(side)}` should be transposed")
        first = getattr(node.args[0], "value", "") if node.args else ""         # of einsum, under whatever name it is called
        letters = first if isinstance(first, str) and (_called(node) == "einsum" or "->" in first) else ""
        for term in re.finditer(r"[a-zA-Z]{2,}", letters):      # "ij,jb->ib": two letters of one of its parts exchanged
            for k in range(term.start(), term.end() - 1):
                turned = letters[:k] + letters[k + 1] + letters[k] + letters[k + 2:]
                operand = node.args[1 + letters[:k].count(",")] if "->" not in letters[:k] else None
                weights = operand is not None and re.match(r"p\[|self\.|params", written(operand))
                kind = "axis" if len(term[0]) > 2 and not weights else "transposed"
                yield (kind, [(node.args[0], ast.Constant(turned))], 0.6, f'"{turned}" belongs here: the axes that are '
                       "multiplied stand in another order")
        for k, letter in enumerate(letters):                    # "ib,jc->ij": a letter that should be another
            for other in sorted({*filter(str.isalpha, letters)} - {letter}) if letter.isalpha() else ():
                changed = letters[:k] + other + letters[k + 1:]
                yield "axis", [(node.args[0], ast.Constant(changed))], 0.7, f'"{changed}" belongs here'
    for node in _nodes(tree, ast.Attribute):
        if node.attr == "T" and isinstance(node.ctx, ast.Load):
            yield "transposed", [(node, node.value)], 0.5, f"`{written(node.value)}` should not be transposed"


def _transposed(node):
    """The transpose of an expression, as text."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return written(node.value)
    return f"{written(node)}.T" if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) else f"({written(node)}).T"


def minuses(tree):
    """a for −a, anywhere; −a for the value a of a statement."""
    cuts = {id(n) for s in _nodes(tree, ast.Subscript) for n in ast.walk(s.slice)}
    for node in _nodes(tree, ast.UnaryOp):
        if isinstance(node.op, ast.USub) and id(node) not in cuts:
            yield "sign", [(node, node.operand)], 0.35, f"`{written(node)}` has the wrong sign: the minus does not belong here"
    for argument in [a for call in _nodes(tree, ast.Call) for a in call.args if isinstance(a, ast.Name)]:
        yield "sign", [(argument, ast.UnaryOp(ast.USub(), argument))], 0.6, f"`{argument.id}` has the wrong sign"
    for node in _nodes(tree, ast.Assign, ast.AugAssign, ast.Return):
        for value in _elements(node.value):
            if isinstance(value, ast.BinOp | ast.Call) and not isinstance(getattr(value, "op", None), ast.Add | ast.Sub):
                yield "sign", [(value, ast.UnaryOp(ast.USub(), value))], 0.55, f"`{written(value)}` has the wrong sign"


def _elements(node):
    if isinstance(node, ast.Tuple | ast.List):
        return [one for element in node.elts for one in _elements(element)]
    return [node] if node else []


def numbers(tree, known):
    """Other numbers in a number's place, if it is no index, no axis and no power. `known`: name -> number, where it has one."""
    other = {id(n) for s in _nodes(tree, ast.Subscript) for n in ast.walk(s.slice)}
    other |= {id(b.right) for b in _nodes(tree, ast.BinOp) if isinstance(b.op, ast.Pow)}
    for call in _nodes(tree, ast.Call):
        given = [*call.args, *(k.value for k in call.keywords)] if _called(call) in AXIS_TAKING else [
            k.value for k in call.keywords if k.arg in ("axis", "keepdims")]
        other |= {id(n) for a in given for n in ast.walk(a)}
    rolled = {id(n) for call in _nodes(tree, ast.Call) if _called(call) == "roll" for a in call.args[1:] for n in ast.walk(a)}
    counts = [written(n) for n in _nodes(tree, ast.Call, ast.Attribute, ast.Subscript) if COUNT.fullmatch(written(n))]
    counts += [written(a.targets[0]) for a in _nodes(tree, ast.Assign) if COUNT.fullmatch(written(a.value))]
    names = list(dict.fromkeys([*known, *counts]))
    arrays = _own_names(tree)
    for node in _nodes(tree, ast.Constant, ast.Name, ast.Call, ast.Attribute, ast.Subscript):
        value, text = getattr(node, "value", None) if isinstance(node, ast.Constant) else None, written(node)
        number = isinstance(value, int | float) and not isinstance(value, bool) and value
        if id(node) in other or not number and (text not in names or isinstance(getattr(node, "ctx", READING), ast.Store)):
            continue
        for n in dict.fromkeys([-value, 2 * value, value / 2, 1 - value, 1 / value, value + 1, value - 1] if number else []):
            if n not in (value, 0):
                kind = "sign" if n == -value and value != 1 else "derivative" if in_slope(tree, node) else "factor"
                kind = "shifted" if id(node) in rolled else kind
                yield kind, [(node, _number(n))], 1.5 - 0.4 * (n == -value), f"{n:g} belongs here instead of {value:g}"
        for name in names if not isinstance(value, int) else ():
            if name != text:
                yield "factor", [(node, expression_of(name))], 0.9, f"the number {name} belongs here instead of {text}"
        if re.fullmatch(r"\w+\.shape\[-?\d\]", text):         # the length of something else
            for name in [f"{array}.shape[{k}]" for array in arrays for k in range(3)]:
                if name not in (text, *names):
                    yield "factor", [(node, expression_of(name))], 1.3, f"the number {name} belongs here instead of {text}"


COUNT = re.compile(r"{0}(?: \* {0})*".format(r"(?:len\([^()]*\)|[\w.]+\.shape\[-?\d\]|[\w.]+\.size)"))
ROOT = re.compile(r"(?:\w+\.)?sqrt\((.*)\)")
AXIS_TAKING = ("reshape", "transpose", "sum", "mean", "split")


FIXED = ast.Slice | ast.Tuple | ast.Constant | ast.UnaryOp | ast.USub | ast.Load     # of an index that is the same every time


# ---- statements -----------------------------------------------------------------------------------------------------

def statements(tree):
    """+= for =, −= for +=, without one of them."""
    assigned = set()
    for body in _bodies(tree):
        for node in body:
            is_entry = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
            if is_entry and isinstance(node.value, ast.Constant):
                fixed = all(isinstance(n, FIXED) for n in ast.walk(node.targets[0].slice))
                kind, what = ("carry", "this part") if fixed else ("not linear", "what is chosen here")
                yield kind, [(node, ast.Pass())], 0.35, f"{what} is set to {written(node.value)}"
            elif isinstance(node, ast.Assign) and len(node.targets) == 1:
                yield from _added(node.targets[0], node.value, node, assigned)
                if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for target, value in zip(node.targets[0].elts, node.value.elts):
                        yield from _added(target, value, value, assigned)
                assigned |= {n.id for n in ast.walk(node.targets[0]) if isinstance(n, ast.Name)}
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and (out := out_of(node.value)):
                new = ast.parse(f"{written(out)} += {written(_without_out(node.value))}").body[0]
                yield ("overwritten", [(node, new)], 0.4, f"out= throws away what `{written(out)}` already holds; "
                       "every step and every path adds its share")
            if isinstance(node, ast.AugAssign):
                if isinstance(node.op, ast.Add | ast.Sub):
                    other, sign = (ast.Sub(), "−=") if isinstance(node.op, ast.Add) else (ast.Add(), "+=")
                    yield ("sign", [(node, ast.AugAssign(node.target, other, node.value))], 0.6 - 0.2 * (sign == "+="),
                           f"`{written(node.value)}` has the wrong sign: {sign} belongs here")
                else:
                    other, words = (ast.Div(), "multiplies") if isinstance(node.op, ast.Mult) else (ast.Mult(), "divides")
                    yield ("surplus factor", [(node, ast.AugAssign(node.target, other, node.value))], 1.1,
                           f"`{written(node.value)}` {words} here")
                kind = "surplus term" if isinstance(node.op, ast.Add | ast.Sub) else "surplus factor"
                yield kind, [(node, ast.Pass())], 1.0, "the line does not belong here"


def _kind_of_order(first, second):
    """What it is that a line stands before another: a mask or a factor comes too late, or acts on too much."""
    if any(isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Subscript) and isinstance(s.value, ast.Constant)
           for s in (first, second)):
        return "derivative"
    if not _changes(first) & _changes(second):                  # one of them only reads what the other changes
        return "order"
    multiplies = [isinstance(getattr(s, "op", None), ast.Mult | ast.Div) for s in (first, second)]
    if multiplies[1] and isinstance(getattr(first, "op", None), ast.Add | ast.Sub):
        return "surplus factor"
    return "missing factor" if any(multiplies) else "missing term"


def _why_behind(one, others, known):
    """The reason why a line belongs behind others, where one name tells it: what it reads is not ready, or still needed."""
    changes = known[id(one)][0]
    reads = _reads(one.value) | (changes if isinstance(one, ast.AugAssign) else set())
    for other in others:
        others_changes, others_reads = known[id(other)]
        if unready := sorted(reads & others_changes):
            return f": `{unready[0]}` is only ready there"
        if needed := sorted(changes & others_reads):
            return f", which still needs `{needed[0]}` as it was"
    return ""


def order_of_lines(tree):
    """A line put behind others; two names that are assigned exchanged; a line put behind a loop, or into one."""
    plain_lines = ast.AugAssign | ast.Assign | ast.Expr
    for body in _bodies(tree):
        known = {id(s): (_changes(s), _reads(s)) for s in body if isinstance(s, plain_lines)}

        def depend(one, other):
            """Whether the order of two statements matters."""
            (changes, reads), (others_changes, others_reads) = known[id(one)], known[id(other)]
            return bool(changes & others_reads or others_changes & reads)

        for i, k in combinations(range(len(body)), 2):
            one, other, between = body[i], body[k], body[i:k + 1]
            if k - i < 4 and all(isinstance(s, plain_lines) for s in between):
                if any(depend(one, s) for s in between[1:]):
                    yield (_kind_of_order(one, other), [(one, []), (other, [other, one])], 1.2 + 0.05 * (k - i - 1),
                           f"the line belongs behind line {other.lineno}{_why_behind(one, between[1:], known)}")
                if k - i > 1 and any(depend(other, s) for s in between[:-1]):
                    yield (_kind_of_order(one, other), [(other, []), (one, [other, one])], 1.25,
                           f"line {other.lineno} belongs before line {one.lineno}")
        named = [s for s in body if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name | ast.Subscript)]
        for one, other in combinations(named, 2):
            pair = one.targets[0], other.targets[0]
            names = tuple(map(written, pair))
            if names[0] != names[1] and other.lineno - one.lineno < 4:
                yield ("exchanged", [(pair[0], copy.deepcopy(pair[1])), (pair[1], copy.deepcopy(pair[0]))], 0.8,
                       f"`{names[0]}` and `{names[1]}` stand in each other's place")
        for loop, following in zip(body, [*body[1:], None]):
            if isinstance(loop, ast.For):
                first, last = loop.body[0], loop.body[-1]
                if isinstance(first, ast.Assign) and len(loop.body) > 1:
                    yield ("missing term", [(first, []), (loop, [first, loop])], 1.1,
                           f"the line belongs before the loop of line {loop.lineno}: each turn begins anew with it")
                if len(loop.body) > 1:
                    yield ("surplus term", [(last, []), (loop, [loop, last])], 1.1,
                           f"the line belongs behind the loop of line {loop.lineno}, not in it")
                if isinstance(following, ast.Assign | ast.AugAssign):
                    yield ("missing term", [(following, []), (last, [last, following])], 1.1,
                           f"the line belongs in the loop of line {loop.lineno}, not behind it")


def turns(tree):
    """A loop the other way round; lines of it at one turn only; a function made in it that keeps its turn's value."""
    for loop in _nodes(tree, ast.For):
        way, text, names = loop.iter, written(loop.iter), [n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)]
        counts, backwards = text.startswith(("range(", "reversed(range(")), text.startswith("reversed(")
        turned = text[9:-1] if backwards else f"reversed({text})" if counts else f"reversed(list({text}))"
        yield ("order", [(way, expression_of(turned))], 0.7,
               "the loop goes the other way round" + ": the way back begins with what came last" * (not backwards))
        once = text[9:-1] if backwards else text
        ends = f"list({once})[0]", f"list({once})[-1]"
        if counts and "," not in once:
            ends = "0", f"{once[6:-1]} - 1"
        for i, k in combinations(range(len(loop.body) + 1), 2):
            lines = loop.body[i:k]
            if k - i < 4 and all(isinstance(s, ast.AugAssign) for s in lines) and len(names) == 1:
                for end, words in zip(ends, ("first", "last")):
                    new = ast.If(expression_of(f"{names[0]} == {end}"), lines, [])
                    yield ("surplus term", [(lines[0], new), *((s, []) for s in lines[1:])], 1.1,
                           f"this belongs to the {words} `{names[0]}` alone")
        for inner in [n for s in loop.body for n in ast.walk(s) if isinstance(n, ast.FunctionDef)]:
            for name in {*names} & _reads(inner) - {a.arg for a in inner.args.args}:
                given = copy.copy(inner.args)
                given.args, given.defaults = [*given.args, ast.arg(name)], [*given.defaults, ast.Name(name, READING)]
                new = ast.FunctionDef(inner.name, given, inner.body, inner.decorator_list, inner.returns)
                yield "exchanged", [(inner, new)], 0.6, LATE.format(name)
        yield from _kept_for_later([n for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Lambda)], names)
        inside = way.args[0] if backwards else way
        bounds = inside.args if isinstance(inside, ast.Call) and _called(inside) == "range" else []
        if len(bounds) == 2 and _whole(bounds[0]) == 1:
            yield "missing term", [(bounds[0], _number(0))], 1.0, "a turn of the loop is left out"
        if len(bounds) == 1 and isinstance(bounds[0], ast.BinOp) and isinstance(bounds[0].op, ast.Sub):
            yield "missing term", [(bounds[0], bounds[0].left)], 1.0, "a turn of the loop is left out"
    for node in _nodes(tree, ast.ListComp, ast.DictComp, ast.GeneratorExp):
        names = [n.id for part in node.generators for n in ast.walk(part.target) if isinstance(n, ast.Name)]
        yield from _kept_for_later([n for n in ast.walk(node) if isinstance(n, ast.Lambda)], names)
    for node in _nodes(tree, ast.If):
        if not node.orelse:
            yield "missing term", [(node, node.body)], 1.1, "this belongs to every turn, not only to some"


def _kept_for_later(lambdas, names):
    """A lambda that keeps the value that a loop's variable has in its own turn."""
    for inner in lambdas:
        for name in {*names} & _reads(inner.body) - {a.arg for a in inner.args.args}:
            given = copy.copy(inner.args)
            given.args, given.defaults = [*given.args, ast.arg(name)], [*given.defaults, ast.Name(name, READING)]
            yield "exchanged", [(inner, ast.Lambda(given, inner.body))], 0.6, LATE.format(name)


LATE = ("a function that is made in a loop looks `{0}` up when it is called, and then it is the last one; `{0}={0}` keeps the "
        "one of its own turn")


def _added(target, value, node, assigned):
    """+= for =, where the target may hold something already. `node`: the statement, or its value, that is to be changed."""
    if isinstance(target, ast.Subscript) and isinstance(node, ast.stmt):
        place = ast.Subscript(target.value, target.slice, BINDING)
        if written(target.slice) in ("...", ":"):               # grads["W"][...] = is grads["W"] +=
            inner = target.value
            place = ast.Subscript(inner.value, inner.slice, BINDING) if isinstance(inner, ast.Subscript) else place
        new = ast.AugAssign(place, ast.Add(), value)
    elif isinstance(target, ast.Attribute) and isinstance(node, ast.stmt):
        new = ast.AugAssign(ast.Attribute(target.value, target.attr, BINDING), ast.Add(), value)
    elif isinstance(target, ast.Name) and target.id in assigned:
        total = ast.BinOp(ast.Name(target.id, READING), ast.Add(), value)
        new = ast.Assign([target], total) if isinstance(node, ast.stmt) else total          # (a new array)
    else:
        return
    yield ("overwritten", [(node, new)], 0.3,
           f"= throws away what `{written(target)}` already holds; every step and every path adds its share")


def _changes(statement):
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", statement)]
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _reads(statement):
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}


def in_place(tree):
    """A new array, where one is changed in place: x = x · a for x *= a, no out=, a copy before x[...] = a."""
    kind = "changes its input"
    for body in _bodies(tree):
        for node in body:
            target = getattr(node, "target", None) if isinstance(node, ast.AugAssign) else (
                node.targets[0] if isinstance(node, ast.Assign) else None)
            if isinstance(node, ast.AugAssign) and isinstance(target, ast.Name):
                value = ast.BinOp(ast.Name(target.id, READING), node.op, node.value)
                yield kind, [(node, ast.Assign([target], value))], 0.1
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                name, entry = target.value.id, written(target)
                yield kind, [(node, [*ast.parse(f"{name} = {name}.copy()").body, node])], 0.2
                if isinstance(node, ast.AugAssign):             # an array in a dict
                    new = ast.parse(f"{name} = dict({name})\n{entry} = {entry}").body
                    new[1].value = ast.BinOp(new[1].value, node.op, node.value)
                    yield kind, [(node, new)], 0.3
            elif isinstance(target, ast.Name) and isinstance(node.value, ast.Name | ast.Subscript | ast.Attribute):
                yield kind, [(node, ast.Assign(node.targets, expression_of(f"({written(node.value)}).copy()")))], 0.25
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                out = out_of(node.value)
                if isinstance(out, ast.Name):
                    yield kind, [(node, ast.Assign([ast.Name(out.id, BINDING)], _without_out(node.value)))], 0.1
    for node in _nodes(tree, ast.Call):
        if out_of(node):
            yield kind, [(node, _without_out(node))], 0.15


def too_early(tree):
    """x op= a, of which only the next line, or one of its reads, should know: it reads x op a, and x stays what it was."""
    for body in _bodies(tree):
        for node, following in zip(body, body[1:]):
            if isinstance(node, ast.AugAssign):
                target = written(node.target)
                value = ast.BinOp(expression_of(target), node.op, node.value)
                reads = [n for n in ast.walk(following) if isinstance(n, ast.Name | ast.Subscript) and written(n) == target
                         and isinstance(n.ctx, ast.Load)]
                for chosen in [reads, *([n] for n in reads if len(reads) > 1)]:
                    if chosen:
                        yield "changes its input", [(node, ast.Pass()), *((n, value) for n in chosen)], 0.2


def one_array(tree):
    """An array for each, where one array is given to several: dict.fromkeys(names, array), [array] · n, a = b = array."""
    kind, made = "changes its input", {"copy"} | {f"{name}{like}" for name in ("zeros", "empty", "ones", "full")
                                                  for like in ("", "_like")}
    is_new = lambda node: isinstance(node, ast.Call) and _called(node) in made
    for node in _nodes(tree, ast.Call):
        if written(node.func) == "dict.fromkeys" and len(node.args) == 2 and is_new(node.args[1]):
            new = expression_of(f"{{each: {written(node.args[1])} for each in {written(node.args[0])}}}")
            yield kind, [(node, new)], 0.1, f"`{written(node)}` gives every key the same array"
    for node in _nodes(tree, ast.BinOp):
        for part, times in ((node.left, node.right), (node.right, node.left)) if isinstance(node.op, ast.Mult) else ():
            if isinstance(part, ast.List) and len(part.elts) == 1 and is_new(part.elts[0]):
                new = expression_of(f"[{written(part.elts[0])} for _ in range({written(times)})]")
                yield kind, [(node, new)], 0.1, f"`{written(node)}` is a list of one and the same array"
    for node in _nodes(tree, ast.Assign):
        if len(node.targets) > 1 and is_new(node.value):
            new = [ast.Assign([target], node.value) for target in node.targets]
            names = " and ".join(f"`{written(target)}`" for target in node.targets)
            yield kind, [(node, new)], 0.1, f"{names} are names of one array: what is added to one is added to the other"


FEWER_DIGITS = re.compile(r"float32|float16|single|half|['\"][<=]?f[24]['\"]")


def casts(tree):
    """Numbers with all their digits: no astype or float32, no dtype of fewer digits."""
    for node in _nodes(tree, ast.Call):
        name = _called(node)
        if name == "astype" or FEWER_DIGITS.fullmatch(name) and len(node.args) == 1:
            kept = node.func.value if name == "astype" else node.args[0]
            yield "precision", [(node, kept)], 0.1, f"{name} rounds to fewer digits"
        args = [a for a in node.args if not FEWER_DIGITS.search(written(a)) or not isinstance(a, ast.Attribute | ast.Constant)]
        keywords = [k for k in node.keywords if k.arg != "dtype"]
        if name != "astype" and (len(args), len(keywords)) != (len(node.args), len(node.keywords)):
            yield "precision", [(node, ast.Call(node.func, args, keywords))], 0.2, "it holds fewer digits"


def out_of(call):
    """What a ufunc writes to: out=a, or the third of its arguments; None if to a new array."""
    third = call.args[2] if len(call.args) == 3 and _called(call) in ("multiply", "add", "subtract", "divide") else None
    return next((k.value for k in call.keywords if k.arg == "out"), third)


def _without_out(call):
    """The same call, to a new array."""
    return ast.Call(call.func, [a for a in call.args if a is not out_of(call)], [k for k in call.keywords if k.arg != "out"])


# ---- order, axes, places --------------------------------------------------------------------------------------------

def orders(tree):
    """Two of several targets, elements or arguments exchanged."""
    in_pairs = {id(target) for a in _nodes(tree, ast.Assign) if isinstance(a.value, ast.Tuple) for target in a.targets}
    of_calls = {id(target) for a in _nodes(tree, ast.Assign) if isinstance(getattr(a.value, "func", None), ast.Name)
                for target in a.targets}
    for node in _nodes(tree, ast.Tuple, ast.List, ast.Call):
        call = isinstance(node, ast.Call)
        elements = node.args if call else node.elts
        if call and _called(node) == "where":
            continue
        for i, k in combinations(range(len(elements)), 2):
            if isinstance(elements[i], ast.Starred) or isinstance(elements[k], ast.Starred):
                continue
            new = list(elements)
            new[i], new[k] = new[k], new[i]
            unpacked = not call and isinstance(node.ctx, ast.Store) and id(node) not in in_pairs
            words = f"`{written(elements[i])}` and `{written(elements[k])}` stand in each other's place"
            kind, why = ("sign", f"the difference has the wrong sign: {words}") if call and _called(node) == "subtract" else (
                "exchanged", words)
            yield (kind, [(node, ast.Call(node.func, new, node.keywords) if call else type(node)(new, node.ctx))],
                   0.8 if call else 0.45 if unpacked and id(node) not in of_calls else 0.7 + 0.05 * unpacked, why)
        rows = [] if call else [row.elts for row in elements if isinstance(row, ast.Tuple | ast.List)]
        for one, other in combinations(rows, 2):                # of a table of pairs
            for a, b in zip(one, other):
                if written(a) != written(b):
                    yield ("exchanged", [(a, copy.deepcopy(b)), (b, copy.deepcopy(a))], 0.75,
                           f"`{written(a)}` and `{written(b)}` stand in each other's place")
        for order in permutations(elements) if not call and len(elements) in (3, 4) else ():
            if sum(a is not b for a, b in zip(order, elements)) > 2:
                yield "order", [(node, type(node)(list(order), node.ctx))], 0.9, "the parts stand in another order"


def shifted(tree):
    """roll(a · b) for a · roll(b), and the other way round: what is turned, or put in another order, with its factor."""
    for node in _nodes(tree, ast.BinOp):
        for call, factor in ((node.left, node.right), (node.right, node.left)) if isinstance(node.op, ast.Mult) else ():
            if isinstance(call, ast.Call) and _called(call) in TURNING and call.args:
                inside = ast.BinOp(factor, ast.Mult(), call.args[0])
                yield ("shifted", [(node, ast.Call(call.func, [inside, *call.args[1:]], call.keywords))], 0.7,
                       f"`{written(factor)}` belongs into {_called(call)}, too: it goes with what is turned")
    for call in _nodes(tree, ast.Call):
        product = call.args[0] if _called(call) in TURNING and call.args else None
        if isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult):
            for factor, rest in ((product.left, product.right), (product.right, product.left)):
                outside = ast.BinOp(factor, ast.Mult(), ast.Call(call.func, [rest, *call.args[1:]], call.keywords))
                yield "shifted", [(call, outside)], 0.7, f"`{written(factor)}` does not belong into {_called(call)}: it stays"


def axes(tree):
    """Another axis, sum for mean, another order of axes, a transpose before a reshape."""
    for node in _nodes(tree, ast.Call):
        name, method = _called(node), isinstance(node.func, ast.Attribute)
        given = [k.value for k in node.keywords if k.arg == "axis"]
        if name in (*REDUCING, "concatenate", "stack", "split", "flip") and node.args:
            given += [node.args[-1]] if _whole(node.args[-1]) is not None or isinstance(node.args[-1], ast.Tuple) else []
        for axis in given:
            for text in AXES:
                if text != written(axis) and (_whole(axis) is not None or isinstance(axis, ast.Tuple)):
                    yield "axis", [(axis, expression_of(text))], 0.5, f"the axis {text} belongs here"
        if name in ("roll", "flip", "cumsum", "concatenate", "repeat") and not given:
            for axis in ("0", "1", "-1"):
                new = ast.Call(node.func, node.args, [*node.keywords, ast.keyword("axis", expression_of(axis))])
                yield "axis", [(node, new)], 0.6, f"it goes along axis {axis} alone"
        if name in ("sum", "mean"):
            for axis in ("0", "1", "(0, 2)") if not given else ():
                along, kept = ast.keyword("axis", expression_of(axis)), ast.keyword("keepdims", ast.Constant(True))
                for more in ([along, kept], [along]) if "keepdims" not in [k.arg for k in node.keywords] else ([along],):
                    new = ast.Call(node.func, node.args, [*node.keywords, *more])
                    yield "axis", [(node, new)], 0.6, f"it goes along axis {axis} alone"
            other = "mean" if name == "sum" else "sum"
            func = ast.Attribute(node.func.value, other, READING) if method else ast.Name(other, READING)
            yield "factor", [(node, ast.Call(func, node.args, node.keywords))], 0.6, (
                "each adds its share, so the sum belongs here" if name == "mean" else
                "the mean belongs here")
        if name == "transpose" and len(node.args) == 3:
            for order in list(permutations(range(3)))[1:]:
                new = ast.Call(node.func, list(map(ast.Constant, order)), node.keywords)
                yield "axis", [(node, new)], 0.6, "the axes stand in another order"
        inner = node.func.value if method else None
        if name == "transpose" and isinstance(inner, ast.Call) and _called(inner) == "reshape" and (
                len(inner.args) == len(node.args) > 1 and None not in map(_whole, node.args)):
            new = ast.Call(inner.func, [inner.args[_whole(k)] for k in node.args], inner.keywords)
            yield "axis", [(node, new)], 0.55, "reshape cuts in the order of the memory, so it needs no transpose here"
        if name == "reshape" and method:
            for before in ("transpose(1, 0, 2)", "transpose(1, 2, 0)", "transpose(2, 0, 1)", "transpose(0, 2, 1)", "T"):
                func = ast.Attribute(expression_of(f"({written(node.func.value)}).{before}"), "reshape", READING)
                yield "axis", [(node, ast.Call(func, node.args, node.keywords))], 0.8, "reshape cuts in the order of the memory"
            for arguments in permutations(node.args) if len(node.args) < 4 else ():
                if list(arguments) != node.args:
                    new = ast.Call(node.func, list(arguments), node.keywords)
                    yield "axis", [(node, new)], 0.7, "the axes stand in another order"
        if name in ("reshape", "transpose", "swapaxes", "repeat", "tile") and method:
            yield "axis", [(node, node.func.value)], 0.6, f"{name} does not belong here"


TURNING = ("roll", "flip", "flipud")
REDUCING = ("sum", "mean", "max", "cumsum", "softmax")
AXES = ("0", "1", "2", "-1", "(0, 2)", "(0, 1)", "(1, 2)")


def places(tree):
    """Another slice, another index, no slice."""
    pairs, functions = {}, {id(call.func) for call in _nodes(tree, ast.Call)}   # a[:n] and a[n:]
    turning, around = set(), {}                                 # the variables of loops; id of a node -> those around it
    for loop in _nodes(tree, ast.For):
        own = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
        turning |= own
        for part in (part for s in loop.body for part in ast.walk(s)):
            around.setdefault(id(part), []).extend(sorted(own))
    for node in _nodes(tree, ast.Subscript):
        if isinstance(node.ctx, ast.Load) and any(isinstance(n, ast.Slice) for n in ast.walk(node.slice)):
            turned = any(isinstance(n, ast.Slice) and n.step for n in ast.walk(node.slice))
            yield "order" if turned else "shifted", [(node, node.value)], 0.7, f"`[{written(node.slice)}]` does not belong here"
        for axis, cut in enumerate(node.slice.elts) if isinstance(node.slice, ast.Tuple) else ():
            if isinstance(cut, ast.Slice) and not isinstance(node.value, ast.Name) and written(cut) in (":1", "0:1", "-1:"):
                total = expression_of(f"({written(node.value)}).sum(axis={axis}, keepdims=True)")
                yield "axis", [(node, total)], 0.8, "one of them is taken for the sum of all"
        for cut in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
            if isinstance(cut, ast.Slice) and not cut.step:
                for new, cost, kind in _other_cuts(cut):
                    yield kind, [(cut, new)], cost, f"`{written(new)}` belongs here instead of `{written(cut)}`"
        whole = node.slice if isinstance(node.slice, ast.Slice) and not node.slice.step else None
        if whole and (whole.lower is None) != (whole.upper is None):
            pairs.setdefault((written(node.value), written(node.slice.lower or node.slice.upper)), []).append(node)
        if isinstance(node.slice, ast.Name) and node.slice.id in turning:
            for sign in "+-":
                new = expression_of(f"{node.slice.id} {sign} 1")
                yield "shifted", [(node.slice, new)], 1.0, f"[{written(new)}] belongs here instead of [{node.slice.id}]"
        if _whole(node.slice) is not None:
            kind = "derivative" if id(node) in functions else "exchanged"       # (one of a table of functions)
            for n in (_whole(node.slice) + 1, _whole(node.slice) - 1, _whole(node.slice) + 2):
                yield (kind, [(node.slice, expression_of(str(n)))], 0.8 + 0.1 * (n < 0),
                       f"[{n}] belongs here instead of [{written(node.slice)}]")
            for name in around.get(id(node), ()):               # the last one at every turn of a loop
                yield ("exchanged", [(node.slice, ast.Name(name, READING))], 0.85,
                       f"[{name}] belongs here instead of [{written(node.slice)}]: each turn has its own")
            if isinstance(node.ctx, ast.Load) and not isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript):
                total = expression_of(f"({written(node.value)}).sum(axis=0)")
                yield "axis", [(node, total)], 0.9, "one of them is taken for the sum of all"
    for statement in _nodes(tree, ast.Assign, ast.AugAssign, ast.For):          # d[1:] with x[1:]
        value = statement.iter if isinstance(statement, ast.For) else statement.value
        cuts = [n for n in ast.walk(value) if isinstance(n, ast.Subscript)
                and any(isinstance(part, ast.Slice) for part in ast.walk(n.slice))]
        if len(cuts) in (2, 3) and len({written(n.slice) for n in cuts}) == 1:
            others = isinstance(value, ast.Call) and len(cuts) < len(value.args)            # of zip, which then are not in step
            yield ("shifted" if others else "missing term", [(n, n.value) for n in cuts], 0.9,
                   f"only the part `{written(cuts[0]).removeprefix(written(cuts[0].value))}` is taken; the rest belongs to it")
    for statement in _nodes(tree, ast.AugAssign):               # grads["W"][1:] += d @ x[1:].T
        cut = [n for n in ast.walk(statement) if isinstance(n, ast.Subscript)
               and any(isinstance(part, ast.Slice) for part in ast.walk(n.slice))]
        if len(cut) == 2 and isinstance(cut[0].ctx, ast.Store) and isinstance(cut[0].value, ast.Subscript):
            whole = ast.Subscript(cut[0].value.value, cut[0].value.slice, BINDING)
            yield ("missing term", [(cut[0], whole), (cut[1], cut[1].value)], 0.9,
                   f"only a part is added, `[{written(cut[0].slice)}]`; the rest gets nothing")
    for statement in _nodes(tree, ast.Assign, ast.AugAssign):   # a[k + 1:] with b[k + 1:], also where it is assigned
        bounds = {}
        for cut in [n for n in ast.walk(statement) if isinstance(n, ast.Slice)]:
            for bound in filter(None, (cut.lower, cut.upper)):
                bounds.setdefault(written(bound), []).append(bound)
        for text, nodes in bounds.items():
            for by in (-1, 1) if len(nodes) > 1 else ():
                new = _moved(nodes[0], by, True)
                if new is not None:
                    yield ("shifted", [(node, expression_of(new or "0")) for node in nodes], 0.95,
                           f"`{new or 0}` belongs here instead of `{text}`")
    for (array, bound), nodes in pairs.items():
        for edge in (bound, f"-({bound})", f"{array}.shape[0] - ({bound})") if len(nodes) == 2 else ():
            for turned in (False, True):
                new = [ast.Slice(None, expression_of(edge)) if (node.slice.lower is None) != turned
                       else ast.Slice(expression_of(edge), None) for node in nodes]
                if turned or edge != bound:
                    yield ("order", list(zip([node.slice for node in nodes], new)), 0.75,
                           f"`{array}` is cut in another place, or its parts are in another order")


def _other_cuts(cut):
    """(slice, cost, kind): other parts of the same array, and parts of other lengths."""
    part = lambda *ends: ast.Slice(*(expression_of(end) if end else None for end in ends))
    for by in (1, -1) if cut.lower or cut.upper else ():
        ends = _moved(cut.lower, by, True), _moved(cut.upper, by, False)
        if None not in ends:
            yield part(*ends), 1.0, "shifted"
    if cut.lower and cut.upper:
        low, high = written(cut.lower), written(cut.upper)
        bounds = [(high, f"2 * ({high}) - ({low})"), (f"2 * ({low}) - ({high})", low)]
        if None not in (_whole(cut.lower), _whole(cut.upper)):
            bounds = [tuple(str(eval(text, {})) for text in pair) for pair in bounds]
        yield from ((part(*pair), 0.8, "order") for pair in bounds)
    elif cut.lower or cut.upper:
        n = written(cut.lower or cut.upper)
        above, below = (n, None), (None, n)
        yield part(*(above if cut.upper else below)), 0.6, "order"
        for pair in ((f"-({n})", None), (None, f"-({n})"), (n, f"2 * ({n})"), (f"2 * ({n})", None)):
            yield part(*pair), 0.9, "order"
        for edge in (f"({n}) - 1", f"({n}) + 1"):
            yield part(*((edge, None) if cut.lower else (None, edge))), 1.0, "shifted"


def _moved(bound, by, lower):
    """A bound of a slice, as text, one further or one back; "" for an open end, None if there is none."""
    if bound is None or _whole(bound) is not None:
        n = (_whole(bound) if bound else 0) + by
        return None if bound and _whole(bound) * n < 0 or not bound and n == (1 if not lower else -1) else str(n) if n else ""
    steps = isinstance(bound, ast.BinOp) and isinstance(bound.op, ast.Add | ast.Sub) and _whole(bound.right)
    n = by + (steps * (1 if isinstance(bound.op, ast.Add) else -1) if steps else 0)
    return written(bound.left if steps else bound) + (f" {'+' if n > 0 else '-'} {abs(n)}" if n else "")


# ---- calls and names ------------------------------------------------------------------------------------------------

CALLS = {                       # what it is to call a function that does not belong there
    **dict.fromkeys(("clip", "minimum", "maximum", "where", "sign", "round"), "not linear"),
    **dict.fromkeys(("astype", "float32", "float16"), "precision"),
    **dict.fromkeys(("flip", "roll"), "shifted"),
}
NEEDED = ("sum", "mean", "copy", "get", "items", "step_backward", "weight_gradients", "zip", "len", "range", "enumerate",
          "empty", "zeros", "zeros_like", "empty_like")


def calls(tree):
    """A call left out; the two cases of where, and comparisons, turned round; a slope in one of the cases."""
    own = _own_names(tree)
    for node in _nodes(tree, ast.Call):
        name, method = _called(node), isinstance(node.func, ast.Attribute)
        method = method and not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy"))
        kind = CALLS.get(name, "derivative" if is_slope(node) or in_slope(tree, node) else "exchanged")
        kept = [] if name in NEEDED else [node.func.value] if method else (
            node.args[1:3] if name == "where" else node.args[:2] if name in ("minimum", "maximum") else node.args[:1])
        for argument in kept:
            if not isinstance(argument, ast.Starred | ast.Constant):
                yield kind, [(node, argument)], 0.5 if name == "abs" else 1.0, f"{name} does not belong here"
        if name in ("concatenate", "roll", "append", "pad", "vstack", "hstack", "stack"):
            parts = [n for a in node.args for n in ast.walk(a) if isinstance(n, ast.Name | ast.Attribute)
                     or isinstance(n, ast.Subscript) and not isinstance(n.slice, ast.Slice)]
            for text in dict.fromkeys(map(written, parts)):
                yield "shifted", [(node, expression_of(text))], 1.2, f"`{text}` belongs here as it is"
        if name in ("sin", "cos"):
            other = "cos" if name == "sin" else "sin"
            func = expression_of(written(node.func)[:-len(name)] + other)
            yield ("derivative", [(node, ast.Call(func, node.args, node.keywords))], 0.7,
                   f"{other} belongs here instead of {name}")
        if name == "where" and len(node.args) == 3:
            turned = ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], node.keywords)
            yield "derivative", [(node, turned)], 0.6, "the two cases stand in each other's place"
            for arm in [arm for arm in node.args[1:] if isinstance(arm, ast.Constant)]:
                for y in own:
                    for slope in (f"{y} * (1 - {y})", f"1 - {y} ** 2", f"{y} + 1", y):
                        yield ("derivative", [(arm, expression_of(slope))], 1.0,
                               f"`{written(arm)}` stands where the slope of this part, {plain(slope)}, belongs")
    for node in _nodes(tree, ast.Compare):
        turned = {ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Lt: ast.GtE, ast.LtE: ast.Gt}.get(type(node.ops[0]))
        if turned:
            new = ast.Compare(node.left, [turned()], node.comparators)
            yield "derivative", [(node, new)], 0.6, "the comparison is turned round"
            or_equal = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}[type(node.ops[0])]
            yield ("derivative", [(node, ast.Compare(node.left, [or_equal()], node.comparators))], 0.5,
                   "what is equal belongs to the other side")


def compared(tree):
    """Another name of the function in a comparison, where no number tells it."""
    stored = dict.fromkeys(n.id for n in _nodes(tree, ast.Name) if isinstance(n.ctx, ast.Store))
    names = [*stored, *(a.arg for a in tree.args.args)]
    for comparison in _nodes(tree, ast.Compare):
        for node in ast.walk(comparison):
            for name in names if isinstance(node, ast.Name) else ():
                if name != node.id:
                    yield "derivative", [(node, ast.Name(name, READING))], 0.9, f"what `{name}` is decides, not `{node.id}`"


def arguments(tree):
    """What another call of the same function is given in the same place, or what nobody reads."""
    given, read = {}, {n.id for n in _nodes(tree, ast.Name) if isinstance(n.ctx, ast.Load)}
    idle = {n.id for n in _nodes(tree, ast.Name)} - read - {"_"}
    for call in _nodes(tree, ast.Call):
        for place, argument in enumerate(call.args):
            given.setdefault((written(call.func), place), []).append(argument)
    words = [n.value for n in _nodes(tree, ast.Constant) if isinstance(n.value, str) and n.value.isidentifier()]
    for many in given.values():
        names = {n.id for n in many if isinstance(n, ast.Name)} | idle
        for node in many:
            for name in sorted(names - {written(node)}):
                kind = "overwritten" if isinstance(node, ast.Dict | ast.DictComp) else "exchanged"
                yield kind, [(node, ast.Name(name, READING))], 1.3, f"`{written(node)}` stands where `{name}` belongs"
            for text in dict.fromkeys(words) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ():
                if text != node.value:
                    yield "exchanged", [(node, ast.Constant(text))], 1.0, f'"{node.value}" stands where "{text}" belongs'


def _held_by_class(function):
    """What the class of a method gives an object when it is made, as `self.gate`."""
    kind = function.__globals__.get(function.__qualname__.rpartition(".")[0])
    code = getattr(getattr(kind, "__init__", None), "__code__", None)
    return [f"self.{i.argval}" for i in dis.get_instructions(code) if i.opname == "STORE_ATTR"] if code else []


def callees(tree, held):
    """Another of the functions or objects that are called alike; two values of a dict exchanged; a function that was made, and
    is called nowhere, around an argument. `held`: what an object of the class holds."""
    stored = {n.id for n in _nodes(tree, ast.Name) if isinstance(n.ctx, ast.Store)}
    idle = stored - {n.id for n in _nodes(tree, ast.Name) if isinstance(n.ctx, ast.Load)}
    every_call, by_method = list(_nodes(tree, ast.Call)), {}
    for call in every_call:
        if isinstance(call.func, ast.Attribute) and not hasattr(np.ndarray, call.func.attr):
            by_method.setdefault(call.func.attr, []).append(call.func.value)
        elif isinstance(call.func, ast.Name) and call.func.id in stored:        # made in this function, as a closure is
            by_method.setdefault("", []).append(call.func)
    for nodes in by_method.values():
        names = dict.fromkeys(map(written, nodes))
        names |= dict.fromkeys(held if any(name in held for name in names) else ())
        for node in nodes:
            for name in names:
                if name != written(node) and isinstance(node, ast.Name | ast.Attribute) and written(node) != "np":
                    yield "exchanged", [(node, expression_of(name))], 1.25, f"`{written(node)}` stands where `{name}` belongs"
    plain_calls = [call for call in every_call if isinstance(call.func, ast.Name) and call.func.id not in stored]
    for call in plain_calls:                                    # sigmoid for softplus, whose slope it is
        for name in dict.fromkeys(other.func.id for other in plain_calls if len(other.args) == len(call.args) == 1):
            if name != call.func.id and call.func.id not in NEEDED and name not in NEEDED:
                yield ("derivative", [(call.func, ast.Name(name, READING))], 1.2,
                       f"{name} belongs here instead of {call.func.id}")
    for node in _nodes(tree, ast.Dict):
        for i, k in combinations(range(len(node.values)), 2):
            values = list(node.values)
            values[i], values[k] = values[k], values[i]
            names = [written(node.keys[j]) if node.keys[j] else "**" for j in (i, k)]
            yield ("exchanged", [(node, ast.Dict(node.keys, values))], 0.8,
                   f"what belongs to {names[0]} and to {names[1]} stands in each other's place")
    for argument in [a for call in every_call for a in call.args if isinstance(a, ast.Name) and idle]:
        for name in sorted(idle - {"_"}):
            yield ("missing factor", [(argument, expression_of(f"{name}({argument.id})"))], 1.0,
                   f"`{name}` is called nowhere: `{argument.id}` has to go through it")


def unread(tree):
    """A line that adds what a name was given, where nobody reads that, to a name that others are added to."""
    sums = dict.fromkeys(n.target.id for n in _nodes(tree, ast.AugAssign) if isinstance(n.target, ast.Name))
    for body in _bodies(tree):
        for node, following in zip(body, [body[1:] for body in [body[i:] for i in range(len(body))]]):
            if not isinstance(node, ast.Assign):
                continue
            for name in [n.id for n in ast.walk(node.targets[0]) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]:
                used = next((s for s in following if name in _reads(s)), None)
                anew = isinstance(used, ast.Assign) and name in _changes(used) and name not in _reads(used.value)
                for total in sums if used is None or anew else ():
                    line = ast.parse(f"{total} += {name}").body[0]
                    yield ("missing term", [(node, [node, line])], 0.9 + 0.3 * (total == name),
                           f"nobody reads the `{name}` of this line: it belongs into `{total}`")


def scales(tree, known):
    """A number that has a name, what is left of 1 without it, or one divided by it before a term; 2 or 1/2."""
    counted = [written(a.targets[0]) for a in _nodes(tree, ast.Assign) if COUNT.fullmatch(ROOT.sub(r"\1", written(a.value)))]
    forms = {name: f"the factor {name} is missing" for name in known}
    forms |= {f"(1 - {name})": f"the factor (1 − {name}) is missing" for name, value in known.items() if 0 < value < 1}
    forms |= {f"/ {name}": f"the division by {name} is missing" for name in [*counted, *filter(known.get, known)]}
    for statement in _nodes(tree, ast.Assign, ast.AugAssign, ast.Return):
        for value in _elements(statement.value):
            inner = [n for n in ast.walk(value) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add | ast.Sub)]
            terms = dict.fromkeys([*_terms(value), *(term for n in inner for term in _terms(n) if term not in inner)])
            for term in [term for term in terms if not isinstance(value, ast.Starred) and not isinstance(term, ast.Constant)]:
                text, is_name = written(term), isinstance(term, ast.Name | ast.Attribute) or _is_entry(term)
                for form, lacking in forms.items():
                    new = expression_of(f"({text}) {form}" if form.startswith("/") else f"{form} * ({text})")
                    cost = 1.5 + 0.1 * (form not in known) + 0.05 * is_name
                    yield "missing factor", [(term, new)], cost, f"{lacking} at `{text}`"
                for factor, much in (("2", "half of"), ("0.5", "twice")):
                    new = expression_of(f"{factor} * ({text})")
                    yield "factor", [(term, new)], 1.6 + 0.05 * is_name, f"`{text}` is {much} what it should be"


def _is_entry(node):
    """Whether it is an entry of something, as dnew[0] and memo["z"], no part of an array."""
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)


def _terms(node):
    """The terms of a sum: nodes."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        return _terms(node.left) + _terms(node.right)
    return [node]


def swaps(tree):
    """Two names of a statement exchanged, wherever they stand in it."""
    for statement in _nodes(tree, ast.Assign, ast.AugAssign, ast.Return, ast.Expr):
        called = {id(c.func) for c in ast.walk(statement) if isinstance(c, ast.Call)}
        inner = {id(part) for n in ast.walk(statement) if isinstance(n, ast.Attribute | ast.Subscript)
                 for child in ast.iter_child_nodes(n) for part in ast.walk(child)}
        read = {}
        for node in ast.walk(statement.value or statement):
            if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and id(node) not in called | inner and (
                    isinstance(node.ctx, ast.Load)):
                read.setdefault(written(node), []).append(node)
        for one, other in combinations(read, 2):
            yield "exchanged", [*((node, expression_of(other)) for node in read[one]),
                                *((node, expression_of(one)) for node in read[other])], 1.3, (
                f"`{one}` and `{other}` stand in each other's place")


def crossed(tree):
    """What two lines of the same form read, exchanged between them."""
    for body in _bodies(tree):
        assigning = [s for s in body if isinstance(s, ast.Assign | ast.AugAssign)]
        for one, other in [(a, b) for a, b in combinations(assigning, 2) if b.lineno - a.lineno < 4]:
            for a, b in _differing(one.value, other.value):
                lines = f"in lines {one.lineno} and {other.lineno}"
                yield ("exchanged", [(a, expression_of(written(b))), (b, expression_of(written(a)))], 1.2,
                       f"`{written(a)}` and `{written(b)}` stand in each other's place, {lines}")


def _differing(one, other):
    """(node, node) wherever two expressions of the same form read something else."""
    if type(one) is not type(other):
        return []
    if isinstance(one, ast.Name | ast.Attribute | ast.Subscript):
        return [(one, other)] if written(one) != written(other) else []
    pairs = list(zip(ast.iter_child_nodes(one), ast.iter_child_nodes(other)))
    return [found for a, b in pairs if isinstance(a, ast.expr) for found in _differing(a, b)]


def complement(node):
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and isinstance(node.left, ast.Constant)


KINDS_OF_REPAIR = (statements, sums, minuses, brackets, sums_of_products, complements, products, slopes, transposes,
                   orders, shifted, axes, places, calls, callees, compared, numbers, order_of_lines, turns, unread)
