"""`draw` and its kin: a cell, a network through time, the shapes of its products, as figures that a notebook shows.

Each returns a `Drawing`: a figure with a text that says what is to be seen on it. What is drawn is worked out here; how
is in `plots/cells.py`, which is loaded when a figure is asked for.
"""

import base64
import html
import io

import numpy as np

from .. import checks
from ..cells import CELLS, make_cell
from ..cells.cell import Cell
from .layout import lay_out
from .one_step import StepThrough, step_through
from .picture import picture_of

EDGES = ("plain", "value", "gradient")


class Drawing:
    """A figure and what is to be seen on it, in words. A notebook shows it, with the words as its alternative text.

    Attributes: `figure`, a matplotlib Figure; `alt`, the words.
    """

    def __init__(self, figure, alt):
        self.figure, self.alt = figure, alt

    def save(self, path):
        """Write it; the ending of the name says as what: .png, .svg or .pdf."""
        from ..plots import save
        save(self.figure, path)

    def _repr_mimebundle_(self, include=None, exclude=None):
        content = io.BytesIO()
        self.figure.savefig(content, format="png", dpi=110, facecolor="white")
        image = base64.b64encode(content.getvalue()).decode()
        width = int(self.figure.get_size_inches()[0] * 88)
        return {"text/html": f'<img style="max-width:100%;background:white" width="{width}" alt="{html.escape(self.alt)}" '
                             f'src="data:image/png;base64,{image}">', "text/plain": self.alt}

    def __repr__(self):
        return self.alt


def _cell(cell):
    if isinstance(cell, str):
        checks.lookup("cell", cell, CELLS)
        return make_cell(cell, 3, 4)
    if not isinstance(cell, Cell):
        raise TypeError(f"cell is a {type(cell).__name__}, expected a Cell or a name of one")
    return cell


def _title(cell):
    return next((name for name, kind in CELLS.items() if type(cell) is kind), type(cell).__name__)


def _options(cell):
    """The options that change the picture, where they are not the default."""
    kind = type(cell)
    names = {"output": "squashed_output"}
    differing = [f"{name} = {getattr(cell, names.get(name, name))}" for name, default in kind.options().items()
                 if name in ("reset_after", "attention", "hidden", "output", "activation")
                 and getattr(cell, names.get(name, name), default) != default]
    return f" ({', '.join(differing)})" if differing else ""


def draw(cell, *, edges="plain", step=None, equations=True):
    """A cell as a graph: what it reads, its gates, products and sums, and what it carries from step to step.

    A box is a sum of matrix products with its activation, σ(W x + R h + b); a circle is one operation, unit by unit. Time
    goes from left to right. The memory is carried along the thick line at the top, where nothing but circles is on it.

    Args:
        cell: a `Cell`, or the name of one in `CELLS`. One without equations is drawn from its code.
        edges: "plain"; "value" or "gradient": colour and width of each line say how large is what goes along it, or the
            gradient that comes back along it, in a step: the mean size over the units.
        step: the `StepThrough` to take those from; without it a step of random inputs.
        equations: whether they stand below the picture.

    Returns:
        A `Drawing`.

    Raises:
        KeyError: no such cell. TypeError, ValueError: not a cell, its code cannot be followed; an unknown `edges`.
    """
    cell, edges = _cell(cell), checks.choice("edges", edges, EDGES)
    if step is not None and not isinstance(step, StepThrough):
        raise TypeError(f"step is a {type(step).__name__}, expected a StepThrough, as minirnn.step_through returns it")
    title, words = _title(cell) + _options(cell), ""
    if step is None:
        step = _some_step(cell)
    elif edges != "plain":
        words = f", step {step.t}, example {step.example}"
    picture = picture_of(step.graph, cell, title, step._gradients)
    if edges != "plain":
        what = "value that goes along it" if edges == "value" else "gradient that comes back along it"
        picture = picture._replace(title=f"{title}: {edges}s along the lines{words}",
                                   alt=f"{picture.alt} The colour and width of each line say how large the {what} is; "
                                       f"{_largest(picture, edges)}")
    from ..plots.cells import cell_figure
    colour_by = None if edges == "plain" else edges
    return Drawing(cell_figure(picture, lay_out(picture), colour_by, equations), picture.alt)


def _some_step(cell):
    rng = np.random.default_rng(0)
    return step_through(cell, rng.normal(size=(6, cell.n_in, 1)), t=3)


def _largest(picture, edges):
    """Which lines carry most, in words."""
    name = lambda key: picture.nodes[key].name or picture.nodes[key].label.replace("\n", " ") or "the meeting point"
    first = sorted(picture.edges, key=lambda edge: -getattr(edge, edges))[:3]
    return "largest: " + ", ".join(f"{name(edge.source)} to {name(edge.target)} ({getattr(edge, edges):.2g})" for edge in first) + "."
