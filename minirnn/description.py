"""What a cell is, on one page: its equations, its parameters with their shapes, its state and where it comes from."""

import ast
import html
import inspect
import re
import textwrap

from . import checks
from .cells import CELLS, make_cell
from .memory import kept


LEARNED = "whether the state that a sequence starts from is a parameter, s"


def summary(kind):
    """The first line of a class's docstring, which `python -OO` leaves in the file alone; empty where there is none."""
    return _docstring(kind).partition("\n")[0]


def _docstring(kind):
    return inspect.getdoc(kind) or next(filter(None, map(_docstring_in_file, kind.__mro__)), "")


def option_meanings(kind):
    """option -> what it is, from the part "Options:" of the class's docstring; of a cell with fixed options its base's."""
    written = next((text for text in map(_docstring, kind.__mro__) if "Options:" in text), "").partition("Options:")[2]
    entries = re.findall(r"(?m)^ {4}(\w+): (.+(?:\n {8}.+)*)", written)
    return {"learned_state": LEARNED, **{name: " ".join(meaning.split()).removesuffix(".") for name, meaning in entries}}


def _docstring_in_file(kind):
    try:
        return ast.get_docstring(ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0])
    except (OSError, TypeError):                                # built in, or from a program without files
        return None


class Description:
    """One cell, described. Prints as text; in a notebook it shows as HTML."""

    def __init__(self, name, cell, bytes_kept):
        self.name, self.cell, self.bytes_kept = name, cell, bytes_kept
        self.summary = summary(type(cell))
        self.shapes = {parameter: a.shape for parameter, a in cell.params.items()}

    def _options(self):
        """("attention='exp'", what it is) of each option; fixed ones, which explain the equations, are marked."""
        kind = type(self.cell)
        meanings, fixed = option_meanings(kind), getattr(kind, "fixed", {})
        return [(f"{name}={value!r}", meanings.get(name, "") + (" (fixed in this cell)" if name in fixed else ""))
                for name, value in {**kind.options(), **fixed}.items()]

    def _symbols(self):
        """What the signs in the equations mean, of those that this cell has."""
        lines = "".join(self.cell.equations.values())
        old = " and ".join(", ".join(self.cell.state_names).rsplit(", ", 1))
        said = f"{old} without ' {'is' if old == 'h' else 'are'} the previous step's"
        return said + "; σ is the logistic function" * ("σ" in lines) + "; ⊙ multiplies element by element" * ("⊙" in lines)

    def __str__(self):
        cell = self.cell
        widths = {}
        for parameter, (rows, *columns) in self.shapes.items():
            widths.setdefault((rows, *columns), []).append(parameter)
        lines = [f"{self.name}: {self.summary}", "", f"Equations ({self._symbols()})",
                 *(f"  {line}" for line in cell.equations.values()), "",
                 f"Parameters ({cell.n_params:,} numbers for D = {cell.n_in} inputs and H = {cell.n_hidden} hidden units)",
                 *(f"  {'×'.join(map(str, shape)):<9} {'  '.join(names)}" for shape, names in widths.items()), "",
                 f"State    {', '.join(cell.state_names)}",
                 f"Keeps    {self.bytes_kept} bytes of each step, per unit and column, from forward to backward (in float32)",
                 f"Source   {cell.source}", "", "Options"]
        for setting, meaning in self._options():
            lines += textwrap.wrap(f"{setting:<26} {meaning}".rstrip(), 118, initial_indent="  ", subsequent_indent=" " * 29)
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self):
        cell = self.cell
        equations = "<br>".join(html.escape(line) for line in cell.equations.values())
        rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{'×'.join(map(str, shape))}</td></tr>"
                       for name, shape in self.shapes.items())
        options = "".join(f"<tr><td><code>{html.escape(setting)}</code></td><td>{html.escape(meaning)}</td></tr>"
                          for setting, meaning in self._options())
        return (f"<p><b>{html.escape(self.name)}</b>: {html.escape(self.summary)}</p>"
                f"<p>{html.escape(self._symbols())}.</p>"
                f"<p style='font-family:monospace;white-space:pre'>{equations}</p>"
                f"<table><thead><tr><th>parameter</th><th>shape</th></tr></thead><tbody>{rows}</tbody></table>"
                f"<p>{cell.n_params:,} numbers for D = {cell.n_in}, H = {cell.n_hidden}. "
                f"State: {html.escape(', '.join(cell.state_names))}. Keeps {self.bytes_kept} bytes of each step, per unit and "
                f"column, in float32. Source: {html.escape(cell.source)}.</p>"
                f"<table><thead><tr><th>option</th><th>what it is</th></tr></thead><tbody>{options}</tbody></table>")


def describe(name, n_in=3, n_hidden=4, **options):
    """A cell's equations, parameters, state and source.

    Args:
        name: a key of `CELLS`.
        n_in, n_hidden: D and H, for the shapes.
        options: the cell's.

    Returns:
        A `Description`: print it, or let a notebook show it.

    Raises:
        KeyError, TypeError, ValueError: as `make_cell`.
    """
    cell = make_cell(name, n_in, n_hidden, **options)
    return Description(name, cell, sum(kept(name, **{**options, "dtype": "float32"})))


def cell_table(n_in, n_hidden):
    """All cells: rows of name, parameter count for D = n_in and H = n_hidden, summary, source."""
    n_in, n_hidden = checks.positive_integer("n_in", n_in), checks.positive_integer("n_hidden", n_hidden)
    return [(name, make_cell(name, n_in, n_hidden).n_params, summary(kind), kind.source) for name, kind in CELLS.items()]
