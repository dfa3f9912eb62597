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
from .words import Writer

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
        step = some_step(cell)
    elif edges != "plain":
        words = f", step {step.t}, example {step.example}"
    picture = picture_of(step.graph, cell, title, step.flows)
    if edges != "plain":
        what = "value that goes along it" if edges == "value" else "gradient that comes back along it"
        picture = picture._replace(title=f"{title}: {edges}s along the lines{words}",
                                   alt=f"{picture.alt} The colour and width of each line say how large the {what} is; "
                                       f"{_largest(picture, edges)}")
    from ..plots.cells import cell_figure
    colour_by = None if edges == "plain" else edges
    return Drawing(cell_figure(picture, lay_out(picture), colour_by, equations), picture.alt)


def some_step(cell):
    """A `StepThrough` of random inputs."""
    rng = np.random.default_rng(0)
    return step_through(cell, rng.normal(size=(6, cell.n_in, 1)), t=3)


def _largest(picture, edges):
    """Which lines carry most, in words."""
    name = lambda key: picture.nodes[key].name or picture.nodes[key].label.replace("\n", " ") or "the meeting point"
    first = sorted(picture.edges, key=lambda edge: -getattr(edge, edges))[:3]
    return "largest: " + ", ".join(f"{name(edge.source)} to {name(edge.target)} ({getattr(edge, edges):.2g})"
                                   for edge in first) + "."


def draw_unrolled(cell, xs, name="h", *, unit=0, example=0, state=None, loss="last", dhs=None, first_step=0):
    """The network unrolled through time, with one of its values and that value's gradient at every step.

    Args:
        cell: a `Cell`. xs: (T, D, B).
        name: what to follow: a state or a value that the step-through shows, such as "c'" or "f" ("c" is taken as "c'").
        unit, example: which to draw thick, and of which column of the batch.
        state, loss, dhs: as in `step_through`; the loss is here that of the last step, unless it is said otherwise.
        first_step: what the first step is called: 0, as Python counts, or 1, as formulas do.

    Returns:
        A `Drawing`.

    Raises:
        TypeError, ValueError: as `step_through`. KeyError: the step has no such value; the message lists those it has.
    """
    if not isinstance(cell, Cell):
        raise TypeError(f"cell is a {type(cell).__name__}, expected a Cell")
    checks.choice("first_step", first_step, (0, 1))
    first = step_through(cell, xs, t=0, unit=unit, example=example, state=state, loss=loss, dhs=dhs)
    passage, names = first.passage, cell.state_names
    shape = (passage.n_units, 1)
    there = {value.name: value for value in first.graph.named if not value.is_given and value.shape == shape}
    wanted = name + "'" if name in names else name
    checks.lookup("value", wanted, there)
    values, gradients, back = [], [], []
    for t in range(passage.n_steps):
        graph, gradient, _ = passage.part(t, example)
        value = graph[wanted]
        values.append(value.array[:, 0])
        gradients.append(gradient.of(value)[:, 0])
        back.append(float(np.mean([np.abs(gradient.of(v)).mean() for v in graph.named if v.role == "state"] or [0.0])))
    reaching = np.abs(passage.reaching_h[:, :, example]).mean(axis=1)
    duration = f"{passage.n_steps} step{'s' * (passage.n_steps > 1)}"
    title = f"{_title(cell)} over {duration}: {wanted} and its gradient"
    sizes = np.abs(np.array(gradients)).mean(axis=1)
    alt = (f"The {_title(cell)} unrolled over {duration}. Above, a row of cells: the state ({', '.join(names)}) goes from each to "
           f"the next, the gradient comes back. Middle: {wanted} of unit {unit} goes from {values[0][unit]:.2g} at step "
           f"{first_step} to {values[-1][unit]:.2g} at the last. Below: the size of its gradient, averaged over the units, is "
           f"{sizes[-1]:.2g} at the last step and {sizes[0]:.2g} at the first.")
    from ..plots.cells import unrolled_figure
    data = {"title": title, "name": wanted, "unit": unit, "states": names, "values": values, "gradients": gradients,
            "back": back, "loss": reaching, "cell": _title(cell), "first_step": first_step}
    return Drawing(unrolled_figure(data), alt)


def draw_shapes(cell, batch=2):
    """The matrix products of a cell as rectangles, to scale: W x is (H×D)·(D×B).

    Values whose products have the same shapes share a row.

    Args:
        cell: a `Cell`, or the name of one in `CELLS`. batch: B, the number of columns.

    Returns:
        A `Drawing`.

    Raises:
        KeyError: no such cell. TypeError, ValueError: not a cell, a batch that is no positive integer.
    """
    cell, batch = _cell(cell), checks.positive_integer("batch", batch)
    graph = some_step(cell).graph
    groups = {}
    for value in graph.values:
        terms = _shapes_of(value, batch)
        if terms and not any(value in user.args and user.op in ("+", "−") and not value.name for user in graph.values):
            name = next((use.user.name for use in graph.uses[id(value)] if value.inner and use.user.name), value.name) or "part"
            key = tuple((role, rows, columns, before, symbol.split("_")[0]) for symbol, role, rows, columns, before in terms)
            groups.setdefault(key, ([], terms, (len(value.array), batch)))[0].append(name)
    rows = [(names, [(_common(symbol, names), *rest) for symbol, *rest in terms], result) for names, terms,
            result in groups.values()]
    sizes = {"D (inputs)": cell.n_in, "H (hidden units)": cell.n_hidden, "B (columns, one for each example)": batch}
    said = "; ".join(f"for {', '.join(names)}: " + " ".join(f"{before} {symbol} ({r}×{c})".strip() for symbol, _, r, c,
                                                            before in terms)
                     for names, terms, _ in rows)
    alt = (f"The products of {_title(cell)} as rectangles to scale, with D = {cell.n_in}, H = {cell.n_hidden}, B = {batch}; "
           f"{said}. Each "
           f"row adds up to a (the sum that the activation is applied to), {cell.n_hidden}×{batch}.")
    from ..plots.cells import shapes_figure
    data = {"title": f"{_title(cell)}{_options(cell)}: the shapes of its products, to scale", "sizes": sizes, "rows": rows}
    return Drawing(shapes_figure(data), alt)


def _shapes_of(value, batch):
    """(symbol, role, rows, columns, sign before it) of each part of a sum of products; [] if it is none."""
    writer, found = Writer(0), []

    def look(part, sign):
        if part.op in ("+", "−") and (part is value or not part.name):
            look(part.args[0], sign)
            look(part.args[1], "+" if part.op == "+" else "-")
        elif part.op in ("matmul", "⊙") and part.args[0].role == "parameter":
            matrix, other = part.args
            found.append((matrix.name, "weight", *matrix.shape, sign))
            role = {"x": "input", "state": "state"}.get(other.role, "value")
            found.append((writer.symbols(other, whole=False), role, len(other.array), batch,
                          "·" if part.op == "matmul" else "⊙"))
        elif part.role == "parameter":
            found.append((part.name, "weight", *part.shape, sign))
        elif part.op != "constant":
            found.append((writer.symbols(part, whole=False), "input" if part.role == "x" else "value", len(part.array), batch,
                          sign))

    if value.op not in ("+", "−", "matmul"):
        return []
    look(value, "")
    return found if any(role == "weight" and columns > 1 for _, role, _, columns, _ in found) else []


def _common(symbol, names):
    """W_i is W_k where the row stands for several."""
    base, _, index = symbol.partition("_")
    return f"{base}_k" if index and len(names) > 1 else symbol
