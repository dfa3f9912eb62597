"""Wrong backward passes, made from right ones: every line of a cell's derivation changed through its syntax tree.

The operators know nothing of the diagnosis that they are used to judge (`minirnn/checking/diagnosis.py`). Each mutant is one
change in one function; what the change is, and where, is known, so that a diagnosis can be marked.
"""

import ast
import copy
import inspect
import itertools
import linecache
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass

from every_cell import CASES

import minirnn
from minirnn import activations
from minirnn.cells import rda

BACKWARD = ("step_backward", "weight_gradients", "initial_state_backward", "output_backward")


@dataclass
class Mutant:
    """One change: `kind` of mutation, `change` in words, the function's name and line, and the cell it is tried on."""

    name: str               # of the cell
    options: dict
    kind: str
    function: str
    line: int               # in the file of the mutant, which is that of the function's own text
    before: str             # the statement
    after: str
    in_derivative: bool     # whether what changed is (part of) an activation's derivative
    place: object           # the class or dict that holds the function
    key: str
    wrong: object           # the changed function
    shape: tuple = (2, 3)   # D, H

    def __str__(self):
        return f"{self.name} {self.function}: {self.before}  ->  {self.after}  ({self.kind})"

    @contextmanager
    def cell(self, dtype="float64", rng=0):
        """The cell with the change, while the context lasts."""
        options = dict(self.options)
        if isinstance(self.place, dict):
            kept = self.place[self.key]
            changed = [self.wrong if f is self.original else f for f in kept]
            self.place[self.key] = kept._make(changed) if hasattr(kept, "_make") else tuple(changed)
            try:
                yield minirnn.make_cell(self.name, *self.shape, rng=rng, dtype=dtype, **options)
            finally:
                self.place[self.key] = kept
        else:
            base = minirnn.CELLS[self.name]
            yield type(base.__name__, (base,), {self.key: self.wrong})(*self.shape, rng=rng, dtype=dtype, **options)


def functions():
    """(cell name, options, shape, where the function is held, its name, function) for every function to be mutated, once.

    These are the backward methods of every cell, whatever methods of its own they call, and the slopes of activations
    that stand in a module's table. Each is tried on the first cell (and the first of its options) that defines it.
    """
    seen = set()
    for name, options in CASES:
        owner, waiting, followed = minirnn.CELLS[name], list(BACKWARD), set()
        while waiting:
            key = waiting.pop(0)
            function = inspect.getattr_static(owner, key, None)
            if key in followed or not inspect.isfunction(function):
                continue
            followed.add(key)
            waiting += [called for called in function.__code__.co_names if called != "step"]
            if function not in seen:
                seen.add(function)
                for shape, extra in variations(name, options, key):
                    yield name, {**options, **extra}, shape, owner, key, function
    slopes = {key: slope for key, (_, slope) in activations.ACTIVATIONS.items()}
    for key in rda.SQUASHING:
        yield "rda", {"hidden": key}, (2, 3), activations.ACTIVATIONS, key, slopes[key]
    for key, (_, slope) in rda.ATTENTION.items():
        yield "rda", {"attention": key}, (2, 3), rda.ATTENTION, key, slope
    for key in ("relu", "tanh"):
        yield "indrnn", {"activation": key}, (2, 3), activations.ACTIVATIONS, key, slopes[key]


def variations(name, options, key):
    """The sizes and options under which every line of a function does something."""
    if key == "initial_state_backward":
        return [((2, 3), {} if name == "rwa" else {"learned_state": True})]
    if name == "gru" and key in ("step_backward", "weight_gradients"):
        return [((2, 3), {"reset_after": True}), ((2, 3), {})]
    if name == "rda" and key == "output_backward":
        return [((2, 3), {"output": "tanh"})]
    if name == "rda" and key == "step_backward":
        return [((2, 3), {"attention": "sigmoid", "hidden": "tanh"})]
    return [((2, 3), {})]


def mutants():
    """Every mutant of every function of `functions()`, each once per cell that it is tried on."""
    for number, (name, options, shape, place, key, function) in enumerate(functions()):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        definition = tree.body[0]
        seen = {ast.unparse(definition)}
        for kind, in_derivative, changed, line in changes(definition):
            text = ast.unparse(changed)
            if text in seen:
                continue
            seen.add(text)
            yield _compiled(name, options, shape, place, key, function, definition, changed, kind, in_derivative)


_numbers = itertools.count()


def _compiled(name, options, shape, place, key, function, original, changed, kind, in_derivative):
    text = ast.unparse(changed)
    file = f"<mutant {next(_numbers)} of {key}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    free = function.__code__.co_freevars
    inner = ast.parse(text)
    made = ast.parse(f"def make({', '.join(free)}):\n    return {changed.name}")
    made.body[0].body.insert(0, inner.body[0])
    namespace = {}
    exec(compile(ast.fix_missing_locations(made), file, "exec"), function.__globals__, namespace)
    wrong = namespace["make"](*[cell.cell_contents for cell in function.__closure__ or ()])
    wrong.__defaults__, wrong.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    wrong.__module__ = function.__module__
    before, after = ast.unparse(original).splitlines(), text.splitlines()
    line = next(k for k, (a, b) in enumerate(itertools.zip_longest(before, after)) if a != b)
    mutant = Mutant(name, options, kind, function.__qualname__, line + 1, before[line].strip(), after[line].strip(),
                    in_derivative, place, key, wrong, shape)
    mutant.original = function
    return mutant


# ---- the operators ---------------------------------------------------------------------------------------------------

def changes(definition):
    """(kind, in an activation's derivative?, changed definition, line) for every mutation of a function."""
    body = [node for statement in definition.body for node in ast.walk(statement)]
    whole = definition.name.startswith(("log_", "tanh_", "relu_", "identity_"))         # a function that is a derivative
    derivative = {id(part) for node in body if whole or _is_derivative(node) for part in ast.walk(node)}
    for index, node in enumerate(body):
        for kind, replacement in replacements(node):
            gone = [side for side in (getattr(node, "left", None), getattr(node, "right", None)) if side is not replacement]
            of_derivative = id(node) in derivative or kind == "factor dropped" and any(map(_is_slope, gone))
            yield kind, of_derivative, _with(definition, index, replacement), node.lineno
    for index, node in enumerate(body):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return)) and node.value is not None:
            for kind, _, changed, line in exchanges(definition, body, index, node):
                yield kind, whole, changed, line
    for index, node in enumerate(body):
        if isinstance(node, ast.Return) and definition.name == "step_backward":
            *_, carried = node.value.elts
            for k in range(len(carried.elts)):
                changed = copy.deepcopy(node)
                old = changed.value.elts[-1].elts[k]
                text = f"[*(0 * {ast.unparse(old.value)})]" if isinstance(old, ast.Starred) else f"[0 * ({ast.unparse(old)})]"
                zero = ast.parse(text, mode="eval").body.elts[0]
                changed.value.elts[-1].elts[k] = zero
                yield "carry zeroed", False, _with(definition, index, changed), node.lineno


def replacements(node):
    """(kind, what to put in the node's place)."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield "factor dropped", node.left
        yield "factor dropped", node.right
        if _is_derivative(node):                                # ... y * (1 - y): the logistic function's
            y = copy.deepcopy(node.right.right)
            other = ast.parse(f"1 - {ast.unparse(y)}**2", mode="eval").body
            yield "derivative replaced", other if ast.unparse(node.left) == ast.unparse(y) else ast.BinOp(
                node.left.left, ast.Mult(), other)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        flipped = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield "sign flipped", ast.BinOp(node.left, flipped, node.right)
        to_one = isinstance(node.left, ast.Constant)            # ... * (1 - y) becomes ... * 1: the factor is gone
        yield "factor dropped" if to_one else "term dropped", node.left
        yield "term dropped", ast.UnaryOp(ast.USub(), node.right) if isinstance(node.op, ast.Sub) else node.right
        if _is_derivative(node):                                # 1 - y**2: that of tanh
            y = ast.unparse(node.right.left)
            yield "derivative replaced", ast.parse(f"{y} * (1 - {y})", mode="eval").body
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        target = copy.deepcopy(node.target)
        yield "+= made =", ast.Assign([target], node.value)
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        for changed in _negated(node):
            yield "sign flipped", changed
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose dropped", node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "transpose":
        yield "transpose dropped", node.func.value


def _negated(node):
    """An assignment with a product on its right side, or one of a tuple's, negated."""
    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    for k, value in enumerate(values):
        if isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Mult, ast.MatMult)):
            changed = copy.deepcopy(node)
            minus = ast.UnaryOp(ast.USub(), copy.deepcopy(value))
            if isinstance(node.value, ast.Tuple):
                changed.value.elts[k] = minus
            else:
                changed.value = minus
            yield changed


def exchanges(definition, body, index, node):
    """Two names of a statement's right side, next to each other, exchanged wherever they stand in it."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    within = {id(n.value) for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    names = [n.id for n in ast.walk(node.value) if isinstance(n, ast.Name) and id(n) not in called | within]
    names = [name for name in dict.fromkeys(names) if name not in ("self", "grads", "new", "old", "memo", "dnew", "k")]
    for one, other in itertools.pairwise(names):
        swap = {one: other, other: one}
        changed = copy.deepcopy(node)
        for n in ast.walk(changed.value):
            if isinstance(n, ast.Name) and n.id in swap:
                n.id = swap[n.id]
        yield "names exchanged", False, _with(definition, index, changed), node.lineno


def _is_slope(node):
    """A whole derivative as a factor: 1 - y**2, or a call of the activation's slope."""
    names = ("slope", "df_h", "df_o", "dlog_attention")
    return _is_derivative(node) or isinstance(node, ast.Call) and getattr(node.func, "id", "") in names


def _is_derivative(node):
    """1 - y**2, or y * (1 - y) at the end of a product."""
    if not isinstance(node, ast.BinOp):
        return False
    if isinstance(node.op, ast.Sub):
        return (isinstance(node.left, ast.Constant) and isinstance(node.right, ast.BinOp)
                and isinstance(node.right.op, ast.Pow))
    if isinstance(node.op, ast.Mult) and isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Sub):
        last = node.left.right if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Mult) else node.left
        return isinstance(node.right.left, ast.Constant) and ast.unparse(node.right.right) == ast.unparse(last)
    return False


def _with(definition, index, replacement):
    """A copy of the definition with its index-th node (in the order of `changes`) replaced."""
    changed = copy.deepcopy(definition)
    body = [node for statement in changed.body for node in ast.walk(statement)]
    target = body[index]
    for parent in [changed, *body]:
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, copy.deepcopy(replacement))
            elif isinstance(value, list):
                setattr(parent, field, [copy.deepcopy(replacement) if v is target else v for v in value])
    return ast.fix_missing_locations(changed)
