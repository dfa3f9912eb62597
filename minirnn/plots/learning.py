"""How several networks learn the same thing, and at which positions of a sequence they are right."""

import numpy as np

from ..cells import CELLS
from .style import BLUE, FAINT, GREEN, INK, ORANGE, PINK, YELLOW, figure, line_style, running_mean, tidy

LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PINK, ":"), (INK, (0, (5, 1))),
         (YELLOW, (0, (3, 1, 1, 1))))


def courses_figure(panels, *, ylabel="loss", guessing=None, solved=None, width=None, log=True, looks=None):
    """The loss of several networks against the training step, one panel for each task or question.

    Args:
        panels: title -> {label: losses}.
        guessing: title -> the loss of guessing, drawn as a thin line; none without it.
        solved: title -> the loss below which the task counts as solved, drawn as a dotted line; none without it.
        width: how many batches each point is a mean of; a fortieth of the longest course without it.
        log: whether the losses are drawn on a logarithmic axis.
        looks: label -> a dict of colour and linestyle for matplotlib. Without it labels that begin with a cell's name take
            that cell's, and others take turns.
    """
    fig = figure(0.8 + 4.6 * len(panels), 3.5)
    axes_of = fig.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, courses) in zip(axes_of, panels.items()):
        window = width or max(5, max(map(len, courses.values())) // 40)
        for number, (label, losses) in enumerate(courses.items()):
            axes.plot(*running_mean(losses, window), linewidth=2, label=label, **_look(label, number, looks))
        if guessing and title in guessing:
            axes.axhline(guessing[title], color=FAINT, linewidth=0.9, label="guessing", zorder=1)
        if solved and title in solved:
            axes.axhline(solved[title], color=INK, linewidth=0.9, linestyle=(0, (1, 2)), label="solved below", zorder=1)
        if log:
            axes.set_yscale("log")
        tidy(axes, title, "training step", f"{ylabel} (mean over {window} batches)" if axes is axes_of[0] else None)
    entries = {label: handle for axes in axes_of for handle, label in zip(*axes.get_legend_handles_labels())}
    n_columns = len(entries) if len(entries) < 6 else (len(entries) + 1) // 2
    fig.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=n_columns, frameon=False, fontsize=9)
    return fig


def positions_figure(curves, title, *, xlabel="position in the sequence", guessing=0.5, trained_at=None, looks=None):
    """The share of right answers at each position of a sequence.

    Args:
        curves: label -> shares, from position 1 on.
        guessing: the share that guessing gets right.
        trained_at: the last position of the sequences of training; everything up to there is shaded.
        looks: see `courses_figure`.
    """
    fig = figure(8.2, 3.5)
    axes = fig.subplots()
    longest = max(map(len, curves.values()))
    if trained_at:
        axes.axvspan(0.5, trained_at + 0.5, color="#eeeeee", linewidth=0, zorder=-1)
        axes.text(0.5 + trained_at / 2, 0.02, "trained here", ha="center", fontsize=8.5, color="#555555")
    axes.axhline(guessing, color=FAINT, linewidth=0.9, label="guessing", zorder=1)
    for number, (label, shares) in enumerate(curves.items()):
        axes.plot(np.arange(1, len(shares) + 1), shares, marker="os^DvP"[number % 6], markersize=4.5, linewidth=1.8,
                  label=label, **_look(label, number, looks))
    axes.set_ylim(0, 1.04)
    axes.set_xlim(0.5, longest + 0.5)
    axes.legend(frameon=False, fontsize=9, loc="center right" if guessing < 0.4 else "lower left")
    tidy(axes, title, xlabel, "share of right answers")
    return fig


def _look(label, number, looks):
    if looks and label in looks:
        return looks[label]
    first = str(label).split()[0].rstrip(",").lower()
    return line_style(first) if first in CELLS else dict(zip(("color", "linestyle"), LOOKS[number % len(LOOKS)]))


def agreement_figure(panels):
    """What a network says against what is right, for a task that asks for numbers: on the diagonal it is right.

    Args:
        panels: title -> (right answers, the network's answers), (N,) each.
    """
    fig = figure(0.6 + 3.4 * len(panels), 3.7)
    axes_of = fig.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, (right, said)) in zip(axes_of, panels.items()):
        ends = [min(right.min(), said.min()), max(right.max(), said.max())]
        axes.plot(ends, ends, color=FAINT, linewidth=1, label="right")
        slope, start = np.polyfit(right, said, 1)
        axes.scatter(right, said, s=9, color=BLUE, alpha=0.6, linewidths=0, label="a sequence")
        axes.plot(ends, slope * np.array(ends) + start, color=ORANGE, linestyle="--", linewidth=1.6,
                  label=f"slope {slope:.2f}")
        axes.legend(frameon=False, fontsize=9, loc="upper left")
        tidy(axes, title, "right answer", "the network's answer" if axes is axes_of[0] else None)
    return fig


def solved_figure(rows, limit, title):
    """After how many updates each variant has solved a task: a row for each group, a mark for each variant.

    Args:
        rows: name of a group -> {variant: updates, or None if it was not solved}.
        limit: how many updates each was given; what is not solved stands there, hollow.
    """
    fig = figure(8.6, 1.1 + 0.55 * len(rows))
    axes = fig.subplots()
    variants = list(dict.fromkeys(variant for row in rows.values() for variant in row))
    shifts = np.linspace(0.24, -0.24, len(variants))
    for k, variant in enumerate(variants):
        colour, marker = LOOKS[k % len(LOOKS)][0], "os^DvP"[k % 6]
        for y, row in enumerate(rows.values()):
            steps = row[variant]
            axes.plot(limit if steps is None else steps, y + shifts[k], marker, color=colour, markersize=8,
                      fillstyle="none" if steps is None else "full", label=variant if y == 0 else None, linestyle="none")
    axes.axvline(limit, color=FAINT, linewidth=0.9, zorder=0)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1.03 * limit)
    axes.legend(frameon=False, fontsize=9, loc="center left")
    tidy(axes, title, f"updates until solved (hollow: not solved in {limit})")
    return fig
