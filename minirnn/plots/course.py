"""What the course's first notebooks show: equations beside the library's lines, and gradients on their way back in time."""

import html
import inspect
import re
import textwrap

import numpy as np

from .style import BLUE, FAINT, GREEN, INK, ORANGE, PINK, YELLOW, figure, tidy


class Beside:
    """Equations and lines of code in two columns, and what names in the code mean: what `beside` returns."""

    def __init__(self, title, rows, names):
        self.title, self.rows, self.names = title, rows, names

    def __repr__(self):
        width = max(len(equation) for equation, _ in self.rows)
        lines = [f"{equation:<{width}}   {code}" for equation, code in self.rows]
        meanings = [f"{name}: {words}" for name, words in self.names.items()]
        return "\n".join([f"{'':<{width}}   # {self.title}", *(line.rstrip() for line in lines), *meanings])

    def _repr_html_(self):
        left = "style='text-align: left; padding-right: 2em'"
        rows = "".join(f"<tr><td {left}>{html.escape(equation)}</td><td {left}><code>{html.escape(code)}</code></td></tr>"
                       for equation, code in self.rows)
        meanings = "".join(f"<li><code>{html.escape(name)}</code>: {html.escape(words)}</li>"
                           for name, words in self.names.items())
        return (f"<table style='font-size: 100%'><thead><tr><th {left}>on paper</th><th {left}>{html.escape(self.title)}</th>"
                f"</tr></thead><tbody>{rows}</tbody></table>" + f"<ul>{meanings}</ul>" * bool(meanings))


def beside(function, equations, names=None):
    """Equations beside the lines of the library that compute them, which are taken from the source as it is.

    Args:
        function: a function, method, class or module.
        equations: a list of pairs: an equation, and how its line begins in the source (or a part of the line that no other
            line has).
        names: name in those lines -> what it is, written below them.

    Returns:
        A `Beside`: two columns, as text and as HTML.

    Raises:
        ValueError: no line of the source, or more than one, has that part, or a name is in none of the lines shown; so a
            notebook cannot show what is not there.
    """
    source = [line.strip() for line in textwrap.dedent(inspect.getsource(function)).splitlines()]
    module, name = getattr(function, "__module__", function.__name__), getattr(function, "__qualname__", "")
    rows = []
    for equation, part in equations:
        found = [line for line in source if part in line]
        if len(found) != 1:
            raise ValueError(f"{len(found)} lines of {name or module} have {part!r}, expected one")
        rows.append((equation, found[0]))
    for word in names or {}:
        if not any(re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", line) for _, line in rows):
            raise ValueError(f"names has {word!r}, which none of the lines shown has")
    place = f"{module.removeprefix('minirnn.').replace('.', '/')}.py"
    return Beside(f"{place}, {name}" if name else place, rows, dict(names or {}))


def firmness_figure(scales, states, slopes, guess=None):
    """What a unit answers, and how much gradient passes it, when all its parameters grow.

    Args:
        scales: (n,) the factors.
        states: (n, H) the new state of each unit. slopes: (n, H) 1 − h'².
        guess: a factor by which somebody expects the second unit's slope to have shrunk at the last scale; drawn if given.
    """
    fig = figure(9, 3.4)
    answers, passes = fig.subplots(1, 2)
    for axes in (answers, passes):
        axes.grid(color="#dddddd", linewidth=0.7)
        axes.set_axisbelow(True)
    for i, (colour, style) in enumerate(((BLUE, "-"), (ORANGE, "--"))):
        answers.plot(scales, states[:, i], color=colour, linestyle=style, linewidth=2, label=f"unit {i + 1}")
        passes.plot(scales, slopes[:, i], color=colour, linestyle=style, linewidth=2, label=f"unit {i + 1}")
    if guess:
        passes.plot(scales[-1], slopes[0, 1] / guess, "k*", markersize=11, clip_on=False, label="your prediction (unit 2)")
    passes.set_yscale("log")
    answers.set_ylim(0, 1.05)
    answers.legend(frameon=False, loc="lower right")
    passes.legend(frameon=False, loc="lower left")
    tidy(answers, "What the unit answers", "factor on all parameters", "new state h'")
    tidy(passes, "What share of a gradient passes it", "factor on all parameters", "slope 1 − h'² (logarithmic)")
    return fig


def distance_figure(panels, guess=None):
    """The size of a gradient against how many steps it has gone back.

    Args:
        panels: title -> {spectral radius: (T + 1,) norms}, one panel each, on common axes.
        guess: a mark at the end of the last panel: (label, norm); drawn if given.
    """
    fig = figure(10, 3.8)
    axes_of = np.atleast_1d(fig.subplots(1, len(panels), sharey=True))
    looks = {0.8: (BLUE, "-", "o"), 1.0: (INK, "--", "s"), 1.2: (ORANGE, "-.", "^")}
    for axes, (title, curves) in zip(axes_of, panels.items()):
        for radius, norms in curves.items():
            colour, style, marker = looks.get(radius, (GREEN, ":", "D"))
            k = np.arange(len(norms))
            axes.plot(k, radius**k.astype(float), color=colour, linewidth=0.9, alpha=0.7)
            if axes is axes_of[-1]:
                axes.annotate(f"${radius:g}^k$", (k[-1], radius**float(k[-1])), (5, 0), textcoords="offset points",
                              va="center", fontsize=10, color=colour, annotation_clip=False)
            axes.plot(k, norms, color=colour, linestyle=style, linewidth=2, marker=marker, markevery=10, markersize=5,
                      label=f"spectral radius {radius:g}")
        axes.axhline(1, color=FAINT, linewidth=0.6)
        axes.set_yscale("log")
        tidy(axes, title, "steps back in time, k", "norm of the gradient" if axes is axes_of[0] else None)
    if guess:
        label, norm = guess
        axes_of[-1].plot(k[-1], norm, "k*", markersize=11, clip_on=False, label=label)
    axes_of[-1].plot([], [], color=FAINT, linewidth=0.9, label="thin: what R alone would do")
    axes_of[-1].legend(frameon=False, fontsize=9, loc="lower left")
    return fig


def singular_values_figure(own, products):
    """The singular values of R, and of products of the Jacobians of k steps.

    Args:
        own: (H,) those of R, from the largest.
        products: k -> (H,) those of the product of k Jacobians.
    """
    fig = figure(10, 3.8)
    left, right = fig.subplots(1, 2)
    units = np.arange(1, len(own) + 1)
    left.plot(units, own, color=INK, marker="o", markersize=3, linewidth=1)
    left.axhline(1, color=FAINT, linewidth=0.8)
    left.set_ylim(-0.03 * own[0], None)
    shades = [BLUE, GREEN, YELLOW, ORANGE, PINK]
    for (k, values), colour, marker in zip(products.items(), shades, "os^Dv"):
        right.plot(units, values, color=colour, marker=marker, markevery=7, markersize=5, linewidth=1.4,
                   label=f"{k} step{'s' * (k > 1)}")
    right.axhline(1, color=FAINT, linewidth=0.8)
    right.set_yscale("log")
    right.legend(frameon=False, fontsize=9, loc="lower left", title="product over", bbox_to_anchor=(0, 0.05))
    tidy(left, "Singular values of R", "number, from the largest", "factor on a direction")
    tidy(right, "Singular values of the product of Jacobians", "number, from the largest", "factor (logarithmic)")
    return fig


def delay_line_figure(norms, largest):
    """A gradient in a chain of units: it grows by the largest singular value in every step, and is gone after H.

    Args:
        norms: (T + 1,) its norm after 0, 1, ... steps back.
        largest: the largest singular value of R.
    """
    fig = figure(6.4, 3.4)
    axes = fig.subplots()
    k = np.arange(len(norms))
    alive = norms > 0
    axes.plot(k[alive], norms[alive], color=BLUE, marker="o", linewidth=2, label="norm of the gradient")
    zero = norms[alive].min() / 4                               # a logarithmic axis has no place for 0: one below a break
    axes.plot(k[~alive], np.full((~alive).sum(), zero), "x", color=ORANGE, markersize=8, mew=2, label="exactly 0")
    axes.axhline(2 * zero, color=FAINT, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.text(0.02, 2 * zero, "the axis is broken here", fontsize=8.5, color=INK, va="bottom",
              transform=axes.get_yaxis_transform())
    axes.plot(k[alive], largest**k[alive].astype(float), color=FAINT, linewidth=1, linestyle="--",
              label="largest singular value, to the power k")
    axes.set_yscale("log")
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if norms[alive].min() <= tick <= 1.2 * norms.max()]
    axes.set_yticks([zero, *ticks], ["0", *(f"{tick:g}" for tick in ticks)])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9)
    tidy(axes, "All eigenvalues of R are 0", "steps back in time, k", "norm (logarithmic)")
    return fig
