"""What the notebooks on gated cells show: what gates keep, what a part of a cell is worth, and where a cell stops counting."""

import numpy as np

from .style import BLUE, FAINT, GREEN, INK, ORANGE, PINK, SKY, cell_style, figure, line_style, tidy

SHADES = (SKY, BLUE, GREEN, ORANGE, PINK)          # with its own line and marker each, for grey print
LINES, MARKERS = ((0, (1, 1)), "-", "--", "-.", (0, (5, 1))), "o^sDv"


def telephone_figure(measured, longest=100_000):
    """What a gate that is always equally open keeps, against the number of steps.

    Args:
        measured: gate -> (steps, shares), two sequences of the same length: what a cell's own gradient says.
        longest: to how many steps the closed form is drawn.
    """
    fig = figure(8, 4.2)
    axes = fig.subplots()
    steps = np.geomspace(1, longest, 400)
    for (gate, (at, shares)), colour, line, marker in zip(measured.items(), SHADES, LINES, MARKERS):
        axes.plot(steps, gate**steps, color=colour, linestyle=line, linewidth=1.8)
        axes.plot(at, shares, marker, color=colour, markersize=6, label=f"f = {gate:g}")
        if gate**longest > 1e-6:
            axes.annotate(f"{gate**longest:.1e}", (longest, gate**longest), xytext=(6, 0), textcoords="offset points",
                          color=colour, va="center", fontsize=9, annotation_clip=False)
    axes.axhline(0.5, color=FAINT, linewidth=0.8)
    axes.text(1.1, 0.42, "half", color=INK, fontsize=8.5, va="top")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-6, 2)
    axes.set_xlim(1, longest)
    axes.plot([], [], color=INK, linewidth=1.2, label="line: f to the power of the steps")
    axes.plot([], [], "o", color=INK, markersize=5, label="mark: the library's gradient of c")
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    tidy(axes, "The telephone game: what is left of a memory", "number of steps (logarithmic)", "share left (logarithmic)")
    return fig


def fresh_memory_figure(direct, whole):
    """What new networks keep: their memory along the direct way, and a gradient along all ways together.

    Args:
        direct: label -> (T + 1,) the share of the memory that is left after 0, 1, ..., T steps.
        whole: label -> (T + 1,) the norm of a gradient that has gone back so many steps; those in `direct`, and more.
    """
    fig = figure(10, 3.9)
    panels = fig.subplots(1, 2)
    looks = {label: {"color": colour, "linestyle": line, "marker": marker}
             for label, colour, line, marker in zip(direct, SHADES, LINES, MARKERS)}
    for axes, curves in zip(panels, (direct, whole)):
        for label, values in curves.items():
            look = looks.get(label, cell_style(label))
            axes.plot(np.arange(len(values)), values, **look, linewidth=1.9, markevery=10, markersize=5, label=label)
        axes.axhline(1, color=FAINT, linewidth=0.7)
        axes.set_yscale("log")
    panels[0].set_ylim(1e-16, 10)
    panels[1].set_ylim(1e-7, 1e3)
    panels[0].legend(frameon=False, fontsize=9, loc="lower left")
    panels[1].legend(frameon=False, fontsize=9, loc="upper left", ncols=2)
    tidy(panels[0], "The direct way: the product of the forget gates", "number of steps", "share of c that is left")
    tidy(panels[1], "All ways together: the gradient", "steps back", "norm of the gradient")
    return fig


def learning_times_figure(panels, labels, reference=None):
    """How many steps each cell needed to learn, one point per seed.

    Args:
        panels: title -> {cell: list of `experiments.Learned`}, one panel each.
        labels: cell -> what it is called in the figure, in the order of the rows from above.
        reference: the cell whose mean is drawn as a line through each panel.
    """
    fig = figure(10, 1.1 + 0.36 * len(labels))
    axes_of = np.atleast_1d(fig.subplots(1, len(panels), sharey=True))
    rows = {cell: len(labels) - 1 - k for k, cell in enumerate(labels)}
    marks = "mark: one training; bar: their mean"
    if reference:
        marks += f"; dashed: mean of {labels[reference].partition(':')[0]}"
    for axes, (title, found) in zip(axes_of, panels.items()):
        for cell, row in rows.items():
            steps = np.array([one.steps for one in found[cell]])
            style = cell_style(cell)
            axes.plot([0, steps.mean()], [row, row], color=style["color"], linewidth=5, alpha=0.25, solid_capstyle="butt")
            for one in found[cell]:
                axes.plot(one.steps, row, style["marker"], color=style["color"], markersize=6, clip_on=False,
                          markerfacecolor=style["color"] if one.solved_at else "white")
        if reference:
            axes.axvline(np.mean([one.steps for one in found[reference]]), color=INK, linewidth=0.8, linestyle="--")
        axes.set_xlim(0, None)
        axes.set_ylim(-0.6, len(labels) - 0.4)
        tidy(axes, title, f"steps of training until it is learned\n({marks})")
    axes_of[0].set_yticks(list(rows.values()), [labels[cell] for cell in rows])
    if any(not one.solved_at for found in panels.values() for ones in found.values() for one in ones):
        axes_of[-1].plot([], [], "o", color=INK, markerfacecolor="white", label="not learned by then")
        axes_of[-1].legend(frameon=False, fontsize=9)
    return fig


def beyond_figure(right, memory, trained_at):
    """Two kinds of networks that run beyond the length they were trained at: how often they are right, and a memory of each.

    Args:
        right: label -> (T,) the share of right answers at each step.
        memory: label -> (K,) the memory of one unit over the first K steps of one sequence; the labels of `right`.
        trained_at: the length they were trained at.
    """
    fig = figure(10, 4.2)
    grid = fig.add_gridspec(2, 2)
    answers = fig.add_subplot(grid[:, 0])
    traces = [fig.add_subplot(grid[row, 1]) for row in range(2)]
    for (label, values), trace, colour, line in zip(right.items(), traces, (BLUE, ORANGE), ("-.", "-")):
        answers.plot(np.arange(1, len(values) + 1), values, color=colour, linestyle=line, linewidth=1.8, label=label)
        trace.plot(np.arange(1, len(memory[label]) + 1), memory[label], color=colour, linewidth=1)
        tidy(trace, f"A memory: {label}", "step t" if trace is traces[-1] else None, "c")
    for axes in (answers, *traces):
        axes.axvline(trained_at, color=FAINT, linewidth=0.8)
    answers.axhline(0.5, color=FAINT, linewidth=0.8, linestyle=":")
    answers.text(2, 0.51, "guessing", fontsize=8.5, color=INK)
    answers.text(trained_at + 2, 0.47, "trained to here", fontsize=8.5, color=INK)
    answers.set_ylim(0.45, 1.03)
    answers.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 0.2))
    tidy(answers, "Right answers", "step t", "share of sequences")
    return fig


def counting_figure(memory, states, resolution):
    """An LSTM's memory and a GRU's state that count steps, and by how much they rise.

    Args:
        memory: (T,) the LSTM's c. states: z -> (T,) the GRU's h.
        resolution: the smallest difference that can be told apart; drawn as a line.
    """
    fig = figure(10, 3.6)
    panels = fig.subplots(1, 2)
    t = np.arange(1, len(memory) + 1)
    lines = ((0, (1, 1)), "--", "-")
    for axes, rises in zip(panels, (False, True)):
        shown = (lambda a: np.diff(a, prepend=0)) if rises else (lambda a: a)
        axes.plot(t, shown(memory), **line_style("lstm"), linewidth=1.9, label="LSTM: c")
        for (z, h), line in zip(states.items(), lines):
            axes.plot(t, shown(h), color=line_style("gru")["color"], linestyle=line, linewidth=1.9, label=f"GRU: h, z = {z:g}")
        axes.set_yscale("log")
    panels[1].axhline(resolution, color=INK, linewidth=0.8)
    panels[1].text(t[-1], resolution * 1.25, f"{resolution:g}: the smallest difference that counts", ha="right", fontsize=8.5,
                   color=INK)
    panels[1].set_ylim(resolution / 100, 3)
    panels[0].legend(frameon=False, fontsize=9, loc="center right", bbox_to_anchor=(1, 0.7))
    tidy(panels[0], "Counting steps", "step t", "value (logarithmic)")
    tidy(panels[1], "What one more step adds", "step t", "rise (logarithmic)")
    return fig


def answers_figure(panels):
    """What networks answer against what they should.

    Args:
        panels: title -> (targets, answers), two arrays of the same size, one panel each.
    """
    fig = figure(4.2 * len(panels), 3.9)
    for axes, (title, (targets, answers)) in zip(np.atleast_1d(fig.subplots(1, len(panels), sharey=True)), panels.items()):
        axes.plot([0, 2], [0, 2], color=FAINT, linewidth=0.9)
        axes.plot(np.ravel(targets), np.ravel(answers), linestyle="none", marker=".", markersize=5, alpha=0.6,
                  color=cell_style("gru")["color"])
        axes.set_aspect("equal")
        axes.set_xlim(0, 2.05)
        axes.set_ylim(0, 2.05)
        tidy(axes, title, "the right sum", "the network's answer" if axes.get_subplotspec().is_first_col() else None)
    return fig


def sizes_figure(counts, n_hidden):
    """How many parameters cells of a given size have, against the number of inputs.

    Args:
        counts: cell -> (D,) numbers of parameters for 1, 2, ... inputs; the first is drawn broad, below the others.
        n_hidden: H; where D = H is marked.
    """
    fig = figure(6.6, 3.9)
    axes = fig.subplots()
    widths = (6, 1.5, 1.5, 1.5)
    for (cell, values), line, marker, width in zip(counts.items(), ("-", "--", "-", ":"), ("", "P", "o", "D"), widths):
        axes.plot(np.arange(1, len(values) + 1), values, color=cell_style(cell)["color"], linestyle=line, marker=marker,
                  markersize=5, linewidth=width, alpha=0.4 if width > 2 else 1, label=cell)
    axes.axvline(n_hidden, color=FAINT, linewidth=0.8)
    axes.text(n_hidden + 0.15, min(map(min, counts.values())), "D = H", fontsize=9, color=INK, va="bottom")
    axes.legend(frameon=False, fontsize=9)
    tidy(axes, f"Parameters of cells with H = {n_hidden} units", "number of inputs D", "number of parameters")
    return fig
