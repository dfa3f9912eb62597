"""How several networks learn the same thing, and at which positions of a sequence they are right."""

import numpy as np

from ..cells import CELLS
from .style import FAINT, INK, cell_style, figure, line_style, running_mean, tidy

LOOKS = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"), (INK, (0, (5, 1))), ("#E69F00", (0, (3, 1, 1, 1))))


def courses_figure(panels, *, ylabel="loss", guessing=None, width=None, log=True, looks=None):
    """The loss of several networks against the training step, one panel for each task or question.

    Args:
        panels: title -> {label: losses}.
        guessing: title -> the loss of guessing, drawn as a thin line; none without it.
        width: how many batches each point is a mean of; a fortieth of the longest course without it.
        log: whether the losses are drawn on a logarithmic axis.
        looks: label -> the name of the cell whose colour and line it takes; without it labels that begin with a cell's name
            take that cell's, and others take turns.
    """
    fig = figure(0.8 + 4.6 * len(panels), 3.5)
    axes_of = fig.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, courses) in zip(axes_of, panels.items()):
        window = width or max(5, max(map(len, courses.values())) // 40)
        for number, (label, losses) in enumerate(courses.items()):
            axes.plot(*running_mean(losses, window), linewidth=2, label=label, **_look((looks or {}).get(label, label), number))
        if guessing and title in guessing:
            axes.axhline(guessing[title], color=FAINT, linewidth=0.9)
            axes.text(0.99, guessing[title], "guessing", ha="right", va="bottom", fontsize=8.5, color="#555555",
                      transform=axes.get_yaxis_transform())
        if log:
            axes.set_yscale("log")
        axes.legend(frameon=False, fontsize=9)
        tidy(axes, title, "training step", f"{ylabel} (mean over {window} batches)" if axes is axes_of[0] else None)
    return fig


def positions_figure(curves, title, *, xlabel="position in the sequence", guessing=0.5, trained_at=None, looks=None, guess=None):
    """The share of right answers at each position of a sequence.

    Args:
        curves: label -> shares, from position 1 on.
        guessing: the share that guessing gets right.
        trained_at: the last position of the sequences of training; everything up to there is shaded.
        looks: see `courses_figure`.
        guess: (position, share, label) of somebody's prediction, drawn as a star.
    """
    fig = figure(8.2, 3.5)
    axes = fig.subplots()
    longest = max(map(len, curves.values()))
    if trained_at:
        axes.axvspan(0.5, trained_at + 0.5, color="#eeeeee", linewidth=0)
        axes.text(0.5 + trained_at / 2, 0.02, "trained here", ha="center", fontsize=8.5, color="#555555")
    axes.axhline(guessing, color=FAINT, linewidth=0.9)
    axes.text(longest + 0.4, guessing + 0.015, "guessing", ha="right", va="bottom", fontsize=8.5, color="#555555")
    for number, (label, shares) in enumerate(curves.items()):
        name = (looks or {}).get(label, label)
        look = _look(name, number)
        marker = cell_style(name)["marker"] if look == line_style(name) else "os^DvP"[number % 6]
        axes.plot(np.arange(1, len(shares) + 1), shares, marker=marker, markersize=5, linewidth=2, label=label, **look)
    if guess:
        axes.plot(guess[0], guess[1], "k*", markersize=12, label=guess[2], clip_on=False)
    axes.set_ylim(0, 1.04)
    axes.set_xlim(0.5, longest + 0.5)
    axes.legend(frameon=False, fontsize=9, loc="center right" if guessing < 0.4 else "lower left")
    tidy(axes, title, xlabel, "share of right answers")
    return fig


def _look(name, number):
    first = str(name).split()[0].split(",")[0].lower()
    if first in CELLS:
        return line_style(first)
    return dict(zip(("color", "linestyle"), LOOKS[number % len(LOOKS)]))
