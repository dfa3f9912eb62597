"""What all figures share: one style per cell, sizes, saving.

matplotlib is loaded only when a figure is drawn. A cell has the same colour, line and marker in every figure, chosen so that
cells can be told apart with any kind of colour vision and in grey print (colours from Okabe & Ito 2008, "Color Universal
Design").
"""

import importlib
import io
import os

import numpy as np

from ..files import replacing

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"

STYLES = {                      # how names of cells begin -> colour, line, marker; the first that fits
    "rwa": (ORANGE, "-", "o"),
    "rda-sigmoid": ("#004D38", (0, (6, 1, 1, 1)), "X"),
    "rda": (GREEN, "--", "s"),
    "lstm": (BLUE, "-.", "^"),
    "gru": (PINK, ":", "D"),
    "rnn": ("#000000", (0, (1, 1)), "x"),
    "indrnn": (YELLOW, (0, (5, 1)), "v"),
    "mut": (SKY, (0, (3, 1, 1, 1)), "P"),
}
OTHER = ("#777777", (0, (8, 2)), "*")
ROLES = {                       # what a quantity of a step is -> its colour, dark enough to be read as text on white
    "input": "#005F99", "state": "#00704F", "gate": "#8F3F75", "value": "#333333", "weight": "#5F5F5F", "gradient": "#B84A00",
}
INK, FAINT = "#333333", "#999999"           # lines from theory; lines for orientation


def cell_style(name):
    """How a cell is drawn in every figure: a dict of `color`, `linestyle` and `marker` for matplotlib.

    Variants share the style of their family (`lstm-np` that of `lstm`), but for `rda-sigmoid-id`, which often stands beside
    `rda-exp-tanh`. Unknown names get grey.
    """
    family = next((family for family in STYLES if str(name).startswith(family)), None)
    return dict(zip(("color", "linestyle", "marker"), STYLES.get(family, OTHER)))


def line_style(name):
    """`cell_style` without the marker, for lines of many points."""
    style = cell_style(name)
    return {key: style[key] for key in ("color", "linestyle")}


def figure(width, height):
    """An empty `Figure` of the given size in inches. It opens no window, and arranges its panels by itself."""
    backend = os.environ.get("MPLBACKEND", "")
    if backend.startswith("module://matplotlib_inline"):
        importlib.import_module(backend.removeprefix("module://"))      # so that the notebook knows how to show a figure
    from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def check_format(path):
    """The format that the ending of `path` stands for, "png" without one; a ValueError if no figure can be written in it."""
    from matplotlib.backend_bases import FigureCanvasBase
    extension = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    formats = FigureCanvasBase.get_supported_filetypes()
    if extension not in formats:
        raise ValueError(f"{path} ends in .{extension}, expected a figure's format: {', '.join(sorted(formats))}")
    return extension


def save(figure, path, dpi=150):
    """Write a figure to `path`; its ending says in which format (see `check_format`). An older file stays whole until then."""
    content = io.BytesIO()
    figure.savefig(content, format=check_format(path), dpi=dpi, facecolor="white")
    with replacing(path) as file:
        file.write(content.getvalue())


def tidy(axes, title=None, xlabel=None, ylabel=None):
    """Title at the left, labels, no frame above and at the right."""
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(title, loc="left", fontsize=10.5)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)


def running_mean(values, width):
    """The means of `width` values in a row, after the positions of their middles, counted from 1."""
    values = np.asarray(values, float)
    width = min(width, len(values))
    means = np.convolve(values, np.full(width, 1 / width), mode="valid")
    return np.arange(len(means)) + (width + 1) / 2, means
