"""What a repair is called: its kind, and half a sentence. The same change of the code may mend quite different mistakes."""

import ast
import re

import numpy as np

from .repairs import complement, in_slope, is_number, is_slope
from .trace import plain

written = ast.unparse           # (not the one of repairs.py, which remembers: trees are changed here)

RESHAPING = ("reshape", "ravel", "flatten", "transpose", "swapaxes", "moveaxis")


def named(edit, definitions, survey):
    """(kind, why, a second kind that tells it as well or "") of an `Edit` that works.

    Args:
        definitions: of all functions of the cell; they say how one quantity is made of another.
        survey: a `Survey`, which knows what they are.
    """
    node, new = edit.changes[0][0], edit.changes[0][1]
    tree, alike = edit.definition.tree, {(written(old), *map(written, put)) for old, put in edit.changes}
    single = len(alike) == 1 and len(new) == 1 and isinstance(node, ast.expr)       # a name may stand there several times
    entry = _around(tree, node, ast.Subscript) if single else None
    if entry and getattr(entry.value, "attr", "") == "shape":
        return "axis", edit.why, ""
    if entry and edit.kind not in ("order", "shifted", "derivative", "axis"):
        before = written(entry)
        with edit.applied():
            return "exchanged", f"`{before}` stands where `{written(entry)}` belongs", ""
    if single and edit.kind == "exchanged" and re.match(r"np\.zeros|0( |$)", written(node)):
        return "carry", f"`{written(node)}` lets nothing through: `{written(new[0])}` belongs here", ""
    reshaped = [call for call in _all_around(tree, node, ast.Call) if getattr(call.func, "attr", "") in RESHAPING]
    arguments = [part for call in reshaped for argument in call.args for part in ast.walk(argument)]
    if edit.kind == "transposed" and reshaped and not _of_one_factor(node, new[0]) or edit.kind == "exchanged" and (
            any(part is node for part in arguments) or getattr(getattr(node, "func", None), "attr", "") in RESHAPING):
        return "axis", edit.why, ""
    if single and edit.kind == "exchanged":
        values = survey.values_of(edit.definition, node, new[0])
        if in_slope(tree, node) and values and _argument_for_value(*values):
            return "derivative", edit.why, "exchanged"
        kind, between = _of_exchange(node, new[0], tree, definitions)
        also = "exchanged" if kind != "exchanged" else "derivative" if in_slope(tree, node) else ""
        return kind, edit.why + between, also
    if single and edit.kind == "missing factor" and _is_exponential(new[0], node, definitions):
        return "derivative", edit.why, "missing factor"
    cases = [call for call in _all_around(tree, node, ast.Call) if getattr(call.func, "attr", "") == "where"]
    if single and edit.kind in ("missing term", "surplus term") and any(
            isinstance(a, ast.Constant) and a.value in (0, 1) for call in cases for a in call.args):
        return "derivative", edit.why, edit.kind                # an activation's slope, in two pieces
    if "of a softmax" in edit.why:
        return edit.kind, edit.why, "derivative"
    if edit.kind == "overwritten" and isinstance(getattr(node, "targets", [None])[0], ast.Name):
        return edit.kind, edit.why, "missing term"              # what a name held before came on another path
    return edit.kind, edit.why, ""


def sigmoid_slopes(tree):
    """How many products hold both q and 1 − q, also where one line goes on multiplying what another made."""
    products, going_on = [], {}                                 # the factors of each; of each name, those that it was given
    for statement in _in_order(tree.body):
        inner = [n for n in ast.walk(statement) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult)]
        products += [_operands(n, False) for n in inner]
        written_to = [statement.target] if isinstance(statement, ast.AugAssign) else getattr(statement, "targets", [])
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            written_to = [k.value for k in statement.value.keywords if k.arg == "out"]
        for name in map(written, written_to):
            more = isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Mult)
            going_on[name] = going_on.get(name, []) + _operands(statement.value, False) if more else []
            products += [going_on[name]] * more
    pairs = [{q for q in factors if f"1 - {q}" in factors or f"1.0 - {q}" in factors} for factors in products]
    return sum(map(len, pairs))


def _in_order(body):
    """The statements of a body, and of those in it, as they stand one below the other; loops and conditions left out."""
    for statement in body:
        inner = [part for name in ("body", "orelse") for part in getattr(statement, name, [])]
        yield from _in_order(inner) if inner else [statement]


def _of_one_factor(before, after):
    """Whether the letters of an einsum differ in one of its factors, not in what comes out."""
    letters = [str(getattr(node, "value", "")).partition("->") for node in (before, after)]
    return isinstance(before, ast.Constant) and letters[0][2] == letters[1][2]


def _is_exponential(new, old, definitions):
    """Whether the factor that is new was made by exp, which is its own derivative."""
    factors = {plain(part) for part in _operands(new, False)} - {plain(part) for part in _operands(old, False)}
    made = [n for d in definitions for n in ast.walk(d.tree) if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)]
    return any(written(n.value.func) in ("np.exp", "exp") and factors & set(map(written, n.targets)) for n in made)


def _all_around(tree, node, kind):
    return [outer for outer in ast.walk(tree) if isinstance(outer, kind) and outer is not node
            and any(part is node for part in ast.walk(outer))]


def _around(tree, node, kind):
    """The entry in whose index a node stands, if that is not a slice; None otherwise."""
    return next((outer for outer in _all_around(tree, node, kind)
                 if any(part is node for part in ast.walk(outer.slice)) and not isinstance(outer.slice, ast.Slice)), None)


def _of_exchange(before, after, tree, definitions):
    """(kind, half a sentence) of one expression in another's place: a factor or a term, if only that tells them apart.

    By the expressions themselves, as d for 0.5 * d; or by how the name that belongs here is made from the other. What is
    exchanged in the argument of an activation's derivative makes a wrong derivative.
    """
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and is_slope(call) and any(part is before for a in call.args for part in ast.walk(a)):
            return "derivative", ""
    stems = {re.sub(r"_?(new|old|prev|next|last)_?", "", written(node)) for node in (before, after)}
    if len(stems) == 1 and not written(before).startswith("d"):
        return "exchanged", ""                                  # the state of another step
    made = {written(before): [before], written(after): [after]}
    for node in [n for definition in definitions for n in ast.walk(definition.tree) if isinstance(n, ast.Assign)]:
        for target in node.targets:
            made.setdefault(written(target), []).append(node.value)
    wrong, right = made[written(before)], made[written(after)]
    if in_slope(tree, before) and any(isinstance(v, ast.Call) and written(before) in map(written, v.args) for v in right):
        return "derivative", ""
    named = isinstance(before, ast.Name) and isinstance(after, ast.Name)
    for of_sum, kinds in ((False, ("missing factor", "surplus factor")), (True, ("missing term", "surplus term"))):
        for whole, part, found in ((right, before, kinds[0]), (wrong[:1], after, kinds[1])):
            for node in whole:
                parts = _operands(node, of_sum)
                if len(parts) > 1 and written(part) in parts and not (of_sum and complement(node)):
                    others = [p for p in parts if p != written(part)]
                    rest, kind = [ast.parse(p, mode="eval").body for p in others], found
                    if not of_sum and any(map(is_slope, rest)):
                        kind = "derivative"
                    elif not of_sum and rest and all(map(is_number, rest)):
                        kind = "factor"
                    listed = (" + " if of_sum else " · ").join(plain(p) if of_sum or p.isidentifier() else f"({plain(p)})"
                                                                for p in others)
                    told = named and others and len(listed) < 50 and found.startswith("missing") and not _inverted(node, of_sum)
                    return kind, f": between them lies the {'term' if of_sum else 'factor'} {listed}" if told else ""
    for whole in right:                                         # f(a) for f(b), which is another name for it
        if isinstance(before, ast.Call) and isinstance(whole, ast.Call) and written(before.func) == written(whole.func):
            differing = [(a, b) for a, b in zip(before.args, whole.args) if written(a) != written(b)]
            if len(differing) == 1:
                return _of_exchange(*differing[0], tree, definitions)
    turned = lambda node: re.sub(r"\.dot\((\w+)\)", r" @ \1", written(node)).replace(".T", "")
    return "transposed" if turned(before) == turned(after) else "exchanged", ""


def _inverted(node, of_sum):
    """Whether a part of a sum or of a product is taken away or divided by."""
    return isinstance(node, ast.BinOp) and (isinstance(node.op, ast.Sub if of_sum else ast.Div) or _inverted(node.left, of_sum)
                                            or _inverted(node.right, of_sum))


def _argument_for_value(wrong, right):
    """Whether the right array is an activation of the wrong one, or both tell the same in other units."""
    with np.errstate(all="ignore"):
        forms = [wrong, np.tanh(wrong), 1 / (1 + np.exp(-wrong))]
        return any(abs(np.corrcoef(form.ravel(), right.ravel())[0, 1]) > 1 - 1e-9 for form in forms)


def _operands(node, of_sum):
    """The terms of a sum, or the factors of a product, each as text."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub if of_sum else ast.Mult | ast.Div):
        return _operands(node.left, of_sum) + _operands(node.right, of_sum)
    return [written(node)]
