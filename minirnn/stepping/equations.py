"""A cell's equations, read: from the lines that the cell shows to the values of one step.

`Cell.equations` has the papers' lines, as a reader sees them, with what depends on an option beside them ("with
reset_after: ...", "or tanh", "where D ≠ H: ...", "computed as ..."). `definitions` picks what holds for one cell, and
`values` computes it: a small parser for sums, products ⊙, quotients, functions and matrix products (W x), which are told
from products of numbers by the parameter's shape. What comes out is compared with what the cell's own `step` returns, so
an equation that says something else than the code is an error, not a wrong picture.
"""

import re

import numpy as np

from .graph import Graph, Value, apply, combine, constant, leaf

SYMBOLS = {"gamma": "γ", "log_a": "log a'"}     # how a name of the code is written in an equation
TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-zσγ]\w*'?)|(.))")
OPTION_OF = {"f_a": "attention", "f_h": "hidden", "f_o": "squashed_output"}
NAMED = {"identity": None, "sigmoid": "σ", "exp": "exp"}


def symbol_of(name):
    """A name as it is written in an equation: W_gamma is W_γ."""
    if name in SYMBOLS:
        return SYMBOLS[name]
    for code, symbol in SYMBOLS.items():
        name = re.sub(rf"(^|_){code}(?=$|_|')", rf"\1{symbol}", name)
    return name


def definitions(cell):
    """symbol -> right side, for this cell with its options, in the order of its equations."""
    found, carried = {}, []
    for line in cell.equations.values():
        for part in _apart(_chosen(cell, line).split(";")[0]):
            left, _, right = (side.strip() for side in part.partition(" = "))
            left = left.removeprefix("output ").strip()
            if left in cell.state_names and "computed as" in "".join(cell.equations.values()):
                carried.append((left, right))                   # v = n/d: how what is carried is read
            else:
                found[left + "'" * (left in cell.state_names)] = right
    for symbol, meaning in carried:
        if meaning.startswith("log "):
            found[meaning.removeprefix("log ")] = f"e^{symbol}"
        else:
            primed = re.sub(r"(\w)\b", r"\1'", meaning)
            found = {left: right.replace(primed, symbol + "'").replace(meaning, symbol) for left, right in found.items()}
    return found


def _chosen(cell, line):
    """The line as it holds for this cell's options."""
    if "computed as" in line:
        line = line.partition("computed as")[2]
    option = re.search(r"\s{2,}with (\w+):(.*)", line)
    if option:
        line = option[2] if getattr(cell, option[1]) else line[:option.start()]
    other = re.search(r"\s{2,}or (\w+);?.*", line)
    if other:
        line = line[:other.start()]
        line = line.replace("relu", other[1]) if getattr(cell, "activation", "") == other[1] else line
    unequal = re.search(r"\s{2,}where D ≠ H: (.*)", line)
    if unequal:
        line, instead = line[:unequal.start()], unequal[1].strip()
        if "P" in cell.params:
            plain = instead.replace("P x", "x")
            line = re.sub(rf"(?<![\w ]){re.escape(plain)}|(?<=\+ ){re.escape(plain)}", instead, line, count=1)
    bias = re.search(r"\(\+ (\w+), unless[^)]*\)", line)
    if bias:
        line = line[:bias.start()] + (f"+ {bias[1]}" if bias[1] in cell.params else "") + line[bias.end():]
    return line.strip()


def _apart(line):
    """Split at commas outside brackets."""
    return [part for part in re.split(r",\s+(?![^(]*\))", line) if " = " in part]


class Reader:
    """Reads right sides into values, each symbol when it is first asked for."""

    def __init__(self, cell, given, found):
        self.cell, self.given, self.definitions = cell, given, found
        self.values = {}        # symbol -> Value
        self.logarithms = {}    # of the attention, which is computed once
        self.tokens = []        # of the right side that is being read

    def symbol(self, name, behind_matrix=False):
        """The value of a symbol. Behind a matrix a gate that is fed back is that of the step before."""
        if name + "'" in self.definitions and name in self.cell.state_names and not behind_matrix and \
                name in self.cell.equations:
            name += "'"
        if symbol_of(name) in self.given and name not in self.definitions:
            return self.given[symbol_of(name)]
        if name not in self.values:
            if name not in self.definitions:
                raise KeyError(f"the equations of {type(self.cell).__name__} use {name!r}, which they do not define")
            value = self.read(self.definitions[name])
            if "f_a(" in self.definitions[name] or self.definitions[name].startswith("e^"):
                return value                                    # a' and d are not computed: their logarithms are
            if value.op == "constant":                          # i = 1: a gate that is not there
                value = leaf("", np.full(self.given["h"].shape, float(value.array)), "fixed")
            if value.name:                                      # another name for what has one already
                value = Value("select", (value,), value.array, _all_of(value))
            value.name = symbol_of(name)
            self.values[name] = value
        return self.values[name]

    def read(self, text):
        outer = self.tokens
        self.tokens = [(m[1] or m[2] or m[3], bool(m[1]), bool(m[2])) for m in TOKEN.finditer(text.strip())]
        value = self._sum()
        if self.tokens:
            raise ValueError(f"the equation {text!r} cannot be read from {self.tokens[0][0]!r} on")
        self.tokens = outer
        return value

    def _next(self):
        return self.tokens[0][0] if self.tokens else ""

    def _take(self):
        return self.tokens.pop(0)

    def _sum(self):
        value = self._product()
        while self._next() in ("+", "−", "-"):
            sign = "+" if self._take()[0] == "+" else "−"
            value = combine(sign, value, self._product())
        return value

    def _product(self):
        value = self._factor()
        while self.tokens and (self._next() in ("⊙", "/", "(") or self.tokens[0][1] or self.tokens[0][2]):
            if self._next() in ("⊙", "/"):
                op = self._take()[0]
                value = combine(op, value, self._factor())
            else:                                               # W x, or γ d
                matrix = value.role == "parameter" and value.name[0] in "WRP"
                value = combine("matmul" if matrix else "⊙", value, self._factor(behind_matrix=matrix))
        return value

    def _factor(self, behind_matrix=False):
        text, is_number, is_name = self._take()
        if text in ("−", "-"):
            inner = self._factor()
            return Value("neg", (inner,), -inner.array)
        if text == "(":
            value = self._sum()
            self._take()
            return value
        if is_number:
            return constant(float(text))
        if text == "e" and self._next() == "^":
            self._take()
            return apply("exp", self._factor())
        if is_name and text in ("σ", "tanh", "relu", "log", "softplus", *OPTION_OF):
            return self._function(text, self._factor())
        return self.symbol(text, behind_matrix)

    def _function(self, name, argument):
        if name in OPTION_OF:
            chosen = getattr(self.cell, OPTION_OF[name])
            if name == "f_a":                                   # attention is computed as its logarithm
                if chosen != "exp":
                    self.logarithms[name] = self.logarithms.get(name) or apply("log " + NAMED.get(chosen, chosen), argument)
                return apply("exp", self.logarithms.get(name, argument))
            name = NAMED.get(chosen, chosen)
        return argument if name is None else apply(name, argument)


def _all_of(value):
    return np.zeros(value.shape, int), np.arange(value.array.size).reshape(value.shape)


def graph_of_equations(cell, x, old):
    """The step as its equations have it.

    Args:
        cell: with `equations`. x: (D, B). old: the state before, a tuple.

    Returns:
        A `Graph`. Its ends are the components of the new state, and "output" where the equations say what is read of it.

    Raises:
        KeyError, ValueError: an equation cannot be read.
    """
    found = definitions(cell)
    given = {symbol_of(name): leaf(symbol_of(name), a, "parameter") for name, a in cell.params.items()}
    given |= {name: leaf(name, a, "state") for name, a in zip(cell.state_names, old)}
    given["x"] = leaf("x", x, "x")
    reader = Reader(cell, given, found)
    named = [reader.symbol(name) for name in found]
    ends = {name: reader.symbol(name + "'") for name in cell.state_names}
    output = next((line for line in cell.equations.values() if line.startswith("output ")), None)
    if output:
        ends["output"] = reader.symbol(output.removeprefix("output ").split(" = ")[0])
    return Graph(ends, [value for value in named if value.name])
