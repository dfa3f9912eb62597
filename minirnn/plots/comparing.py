"""How cells learn, side by side: their curves with the spread over seeds, and the table as a figure."""

import numpy as np

from .style import FAINT, INK, cell_style, figure, line_style, tidy


def curves_figure(curves, *, title="", metric="loss", unit="", criterion=None, trivial=None, reference=None):
    """Learning curves of several cells: the median over seeds, and a band from the least to the largest.

    Each curve is a running mean over a sixtieth of the longest; a seed that has ended keeps its last value.

    Args:
        curves: cell -> a list of curves, one per seed; each a dict with "step" and the metric, as `read_curve` gives.
        title: what was learned.
        metric: which of the curves' numbers to draw.
        unit: what a loss is measured in, such as "bits".
        criterion: a number at which the task is solved, drawn as a line.
        trivial: what guessing reaches, drawn as a line.
        reference: label -> (steps, values) of curves to draw under ours, with the style of the cell that the label begins with.
    """
    fig = figure(7.8, 4.4)
    axes = fig.subplots()
    least, largest = np.inf, 0.0
    width = max(1, round(max(seed["step"][-1] for seeds in curves.values() for seed in seeds) / 60))
    for cell, seeds in curves.items():
        steps, values = common_steps(seeds, metric, width)
        low, middle, high = (np.array(line) for line in zip(*map(low_middle_high, values.T)))
        style = cell_style(cell)
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.18, linewidth=0)
        marks = np.unique(np.linspace(0, len(steps) - 1, 9).astype(int)).tolist()
        axes.plot(steps, middle, **style, markevery=marks, markersize=5, linewidth=1.8, label=cell)
        least, largest = min(least, np.nanmin(low)), max(largest, np.nanmax(high))
    for label, (steps, values) in (reference or {}).items():
        axes.plot(steps, values, **line_style(label), linewidth=1, alpha=0.45, label=label)
    for level, words in ((trivial, "guessing"), (criterion, "solved")):
        if level is not None:
            axes.axhline(level, color=FAINT if words != "solved" else INK, linewidth=0.9, linestyle="--")
            axes.annotate(words, (1, level), xycoords=("axes fraction", "data"), xytext=(-4, 3), textcoords="offset points",
                          fontsize=8.5, color="#555555", ha="right")
    if least > 0 and largest > 20 * least and metric == "loss":
        axes.set_yscale("log")
    several = max(map(len, curves.values())) > 1
    smoothed = any(_rows(seed, width) > 1 for seeds in curves.values() for seed in seeds)
    how = [f"mean over {width} steps"] * smoothed + ["median and range over seeds"] * several
    label = f"loss in {unit}" if metric == "loss" and unit else metric
    tidy(axes, title, "training step (batches learned from)", label + (f"\n({'; '.join(how)})" if how else ""))
    axes.legend(frameon=False, fontsize=9)
    return fig


def common_steps(seeds, metric, width=1):
    """(n,) steps and (seeds, n) values of several curves at the same steps, each a running mean over `width` steps.

    A curve may have a row for every so many steps, their mean: then the running mean goes over fewer rows.
    """
    first, last = min(curve["step"][0] for curve in seeds), max(curve["step"][-1] for curve in seeds)
    steps = np.unique(np.linspace(first, last, 200).round())
    return steps, np.array([np.interp(steps, curve["step"], _smoothed(curve[metric], _rows(curve, width))) for curve in seeds])


def _rows(curve, width):
    """How many rows of a curve `width` steps are."""
    return max(1, round(width * len(curve["step"]) / curve["step"][-1]))


def _smoothed(values, width):
    """Running means over `width` values; over fewer at the ends."""
    window = np.ones(min(width, len(values)))
    return np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same")


def low_middle_high(values):
    """The least, the median and the largest of those values that are numbers."""
    there = values[np.isfinite(values)]
    return (there.min(), np.median(there), there.max()) if there.size else (np.nan,) * 3


def table_figure(lines, title=""):
    """A table as a figure: a list of rows of text, the head first."""
    widths = np.array([max(len(row[k]) for row in lines) for k in range(len(lines[0]))], float) + 2
    fig = figure(max(4.0, 0.088 * widths.sum()), 0.5 + 0.3 * len(lines))
    axes = fig.subplots()
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize=11)
    lefts = np.concatenate([[0], np.cumsum(widths)[:-1]]) / widths.sum()
    for k, row in enumerate(lines):
        y = 1 - (k + 0.5) / len(lines)
        color = cell_style(row[0])["color"] if 0 < k else INK
        for j, text in enumerate(row):
            axes.text(lefts[j], y, text, fontsize=9, va="center", weight="bold" if k == 0 or j == 0 else "normal",
                      color=color if j == 0 else INK)
    axes.axhline(1 - 1 / len(lines), color=INK, linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return fig
