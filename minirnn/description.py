"""What a cell is, on one page: its equations, its parameters with their shapes, its state and where it comes from."""

import ast
import html
import inspect
import textwrap

from . import checks
from .cells import CELLS, make_cell
from .memory import kept


def summary(kind):
    """The first line of a class's docstring, which `python -OO` leaves in the file alone; empty where there is none."""
    written = inspect.getdoc(kind) or next(filter(None, map(_docstring_in_file, kind.__mro__)), "")
    return written.partition("\n")[0]


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
        return ", ".join(f"{name}={value!r}" for name, value in type(self.cell).options().items())

    def __str__(self):
        cell = self.cell
        widths = {}
        for parameter, (rows, *columns) in self.shapes.items():
            widths.setdefault((rows, *columns), []).append(parameter)
        lines = [f"{self.name}: {self.summary}", "", "Equations (h and c without ' are the previous step's)",
                 *(f"  {line}" for line in cell.equations.values()), "",
                 f"Parameters ({cell.n_params:,} numbers for D = {cell.n_in} inputs and H = {cell.n_hidden} hidden units)",
                 *(f"  {'×'.join(map(str, shape)):<9} {'  '.join(names)}" for shape, names in widths.items()), "",
                 f"State    {', '.join(cell.state_names)}",
                 f"Keeps    {self.bytes_kept} bytes of each step, per unit and column, from forward to backward (in float32)",
                 f"Options  {self._options()}",
                 f"Source   {cell.source}"]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self):
        cell = self.cell
        equations = "<br>".join(html.escape(line) for line in cell.equations.values())
        rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{'×'.join(map(str, shape))}</td></tr>"
                       for name, shape in self.shapes.items())
        return (f"<p><b>{html.escape(self.name)}</b>: {html.escape(self.summary)}</p>"
                f"<p style='font-family:monospace;white-space:pre'>{equations}</p>"
                f"<table><thead><tr><th>parameter</th><th>shape</th></tr></thead><tbody>{rows}</tbody></table>"
                f"<p>{cell.n_params:,} numbers for D = {cell.n_in}, H = {cell.n_hidden}. "
                f"State: {html.escape(', '.join(cell.state_names))}. Keeps {self.bytes_kept} bytes of each step, per unit and "
                f"column, in float32. Options: {html.escape(self._options())}. "
                f"Source: {html.escape(cell.source)}.</p>")


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
