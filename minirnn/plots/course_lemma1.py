"""What notebook 05 shows of Lemma 1: the price of an alternation, how long it can be paid, and how a discount avoids it."""

import numpy as np

from .style import FAINT, INK, cell_style, figure, line_style, tidy


def price_figure(amplitudes, exact, bound, marked):
    """The factor by which attention must grow, against the amplitude that is held.

    Args:
        amplitudes: (n,) c. exact, bound: (n,) the factor by the lemma, and the published lower bound.
        marked: (c, exact, bound), an example.
    """
    fig = figure(7, 3.4)
    axes = fig.subplots()
    axes.plot(amplitudes, exact, color=INK, linestyle="--", label="what must be paid: G = (z_max + V)/(z_max − V)")
    axes.plot(amplitudes, bound, color=INK, linestyle=":", label="the published lower bound: 1 + 2V/(z_max + V)")
    c, *factors = marked
    axes.plot([c, c], factors, "o", color=cell_style("rwa")["color"],
              label=f"our example, c = {c:g}: {factors[0]:.3f} and {factors[1]:.3f}")
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.legend(frameon=False)
    tidy(axes, "The price of an alternation", "amplitude c of the output", "growth of attention\nper step (factor)")
    return fig


def held_figure(factors, held, exact, bound, c):
    """The amplitude that a running unit settles at, against the factor by which its attention grows.

    Args:
        factors, held: (n,) each.
        exact, bound: the factor that the lemma asks for to hold c, and the published bound, drawn as lines.
        c: the amplitude that is to be held, drawn as a line.
    """
    fig = figure(7, 3.6)
    axes = fig.subplots()
    at_bound = float(np.interp(bound, factors, held))
    axes.plot(factors, held, **line_style("rwa"), linewidth=2.2, label="a running RWA unit")
    axes.axhline(c, color=FAINT, linewidth=0.8)
    axes.axvline(exact, color=INK, linestyle="--", linewidth=1.2, label=f"G, by the lemma: {exact:.4f}")
    axes.axvline(bound, color=INK, linestyle=":", linewidth=1.2, label=f"the published bound: {bound:.4f}")
    axes.annotate(f"holds ±{at_bound:.2f} only", (bound, at_bound), xytext=(factors[0] + 0.04, 0.9 * c), fontsize=9,
                  arrowprops={"arrowstyle": "-", "color": INK})
    axes.legend(frameon=False, loc="lower right")
    tidy(axes, "Pay less, and less is held", "growth of attention per step (factor)", "amplitude |h| it settles at")
    return fig


def lasting_figure(log_ratios, lasting):
    """The last step through which an amplitude can be held, against log A.

    Args:
        log_ratios: (n,) log A. lasting: c -> (n,) the last step.
    """
    fig = figure(7, 3.4)
    axes = fig.subplots()
    for (amplitude, steps), style in zip(lasting.items(), (":", "-.", "-", "--")):
        axes.plot(log_ratios, steps, linestyle=style, color=INK, label=f"c = {amplitude:g}")
    axes.legend(frameon=False, title="amplitude held")
    axes.set_ylim(0, 400)
    tidy(axes, "How long a bounded attention can hold ±c", "log A = largest logit − smallest logit", "last step possible")
    return fig


def fading_figure(possible, held, logits, unit, trained_at):
    """A unit of a trained RWA: the amplitude it held beside what its weights allow, and its logit beside the others'.

    Args:
        possible: (steps, amplitudes), two sequences. held: (steps, amplitudes) that it held so far.
        logits: (T, H), those of all units. unit: its number. trained_at: the length of training, drawn as a line.
    """
    fig = figure(11, 3.8)
    panels = fig.subplots(1, 2)
    t = np.arange(1, len(logits) + 1)
    panels[0].plot(*possible, color=INK, linestyle="--", label="possible at most, by its weights")
    panels[0].plot(*held, **line_style("rwa"), linewidth=2.4, label="held by the unit")
    panels[0].set_xscale("log")
    ticks = [n for n in (6, 15, 30, 60, 120, 240, 480, 960) if n <= max(possible[0])]
    panels[0].set_xticks(ticks, [str(n) for n in ticks])
    panels[0].minorticks_off()
    panels[0].set_ylim(-0.04, 1.3)
    panels[0].legend(frameon=False, loc="upper right")
    panels[1].plot(t, logits, color="#bbbbbb", linewidth=0.7)
    panels[1].plot(t, logits[:, unit], **line_style("rwa"), linewidth=2.2, label=f"unit {unit}")
    panels[1].plot([], [], color="#bbbbbb", label="the other units")
    panels[1].legend(frameon=False)
    for axes in panels:
        axes.axvline(trained_at, color=FAINT, linewidth=0.8)
    panels[1].text(trained_at + 1, logits.min(), "trained to here", fontsize=8.5, color=INK)
    tidy(panels[0], f"Unit {unit} of the trained RWA", "step t (logarithmic)", "amplitude held since step 6")
    tidy(panels[1], "Logits of all units", "step t", "logit (log of the attention)")
    return fig


def shares_figure(units, trained_at):
    """The share of the newest value and the logarithm of all attention, for a unit of each cell.

    Args:
        units: cell -> (w, l, label), two sequences over the steps and a name.
        trained_at: the length of training, drawn as a line.
    """
    fig = figure(11, 3.6)
    panels = fig.subplots(1, 2)
    for cell, (*values, label) in units.items():
        for axes, ys in zip(panels, values):
            axes.plot(np.arange(1, len(ys) + 1), ys, **line_style(cell), linewidth=2, label=label)
    for axes in panels:
        axes.axvline(trained_at, color=FAINT, linewidth=0.8)
    panels[0].text(trained_at + 2, 0.8, "trained to here", fontsize=8.5, color=INK)
    panels[0].set_ylim(0, 1.05)
    panels[0].legend(frameon=False, loc="center right")
    tidy(panels[0], "Share w of the newest value", "step t", "w")
    tidy(panels[1], "All attention that still counts", "step t", "log d")
    return fig


def room_figure(room, kept, weight, rwa_room):
    """What is kept of the past beside what is left to it, a point for each unit of an RDA.

    Args:
        room: (H,) 1 − w. kept: (H,) γ. weight: (H,) how much the head listens to the unit.
        rwa_room: 1 − w of an RWA, whose γ is 1.
    """
    fig = figure(5.6, 4.6)
    axes = fig.subplots()
    axes.plot([1e-3, 1], [1e-3, 1], color=FAINT, linewidth=0.9, label="γ = 1 − w: attention need not grow")
    _points(axes, room, kept, weight, "a unit of the RDA (large: the head listens)")
    axes.plot([rwa_room], [1], "o", color=cell_style("rwa")["color"], markersize=9,
              label="the RWA while it worked: γ = 1, attention grew")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-3, 4)
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    tidy(axes, "Forgetting makes room for writing", "1 − w: the share left to the past (mean over time)",
         "γ: what is kept of the past")
    return fig


def bits_figure(panels, weight):
    """What units do at a 1 against what they do at a 0.

    Args:
        panels: title -> (at a 0, at a 1), (H,) each. weight: (H,) how much the head listens to the unit.
    """
    fig = figure(10, 3.9)
    for axes, (title, (at_0, at_1)) in zip(fig.subplots(1, 2), panels.items()):
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, label="no difference")
        _points(axes, at_0, at_1, weight, "a unit (large: the head listens)")
        tidy(axes, title, "mean over the steps with a 0", "mean over the steps with a 1")
    fig.axes[0].legend(frameon=False, loc="upper left", fontsize=8.5)
    return fig


def _points(axes, x, y, weight, label):
    axes.scatter(x, y, s=20 + 220 * weight / np.max(weight), color=cell_style("rda")["color"], alpha=0.65, edgecolor="white",
                 label=label)
