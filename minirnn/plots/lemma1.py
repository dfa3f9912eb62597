"""Lemma 1: right answers at each position, and what the attention must do."""

import numpy as np

from .style import FAINT, INK, cell_style, figure, line_style, running_mean, tidy


def lemma1_figure(result):
    """What `experiments.lemma1` found, in four panels: right answers at each position, and what the attention must do.

    Args:
        result: an `experiments.Lemma1`.
    """
    fig = figure(11.5, 6.6)
    fig.suptitle("An RWA learns to keep changing its mind, but cannot keep it up: "
                 "its attention would have to grow for ever", fontsize=12.5, x=0.01, ha="left", weight="bold")
    panels = fig.subplots(2, 2, width_ratios=(1.15, 1))
    questions = {"alternate": "Say −, +, −, +, … (no input to go by)",
                 "parity": "Is the number of ones so far odd? (random bits)"}
    tasks = list(dict.fromkeys(trial.task for trial in result.trials))[:2]
    for axes, task in zip(panels[:, 0], tasks):
        accuracy_panel(axes, [trial for trial in result.trials if trial.task == task], title=questions.get(task, task))
    for axes in panels[len(tasks):, 0]:
        axes.set_axis_off()
    panels[0, 0].legend(loc="lower left", frameon=False, fontsize=9)
    attention_panel(panels[0, 1], result.hand_set, result.growth)
    amplitude_panel(panels[1, 1], result.hand_set)
    return fig


def accuracy_panel(axes, trials, title=None):
    """The share of right answers at each position of the sequence, for `Trial`s of one task; positions are logarithmic.

    This is not the `accuracy` of a trial, which counts all positions up to a length, the good ones at the start included.
    """
    length, total = trials[0].trained_at, len(trials[0].curve)
    width = max(2, length // 10 * 2)
    axes.axvspan(0, length, color="#f0f0f0", zorder=0)
    axes.text(length * 0.96, 0.63, "trained on\nthese positions", ha="right", va="center", fontsize=8.5, color=INK)
    axes.axhline(0.5, color=FAINT, linewidth=0.8)
    for i, trial in enumerate(sorted(trials, key=lambda trial: trial.curve.mean(), reverse=True)):
        position, share = running_mean(trial.curve, width)
        marks = np.unique(np.searchsorted(position, length * 2.0**np.arange(-2, 5)).clip(0, len(position) - 1))
        linewidth = max(2.0, 4.5 - 2.5 * i)                     # where lines coincide, the lower ones are wider and still show
        axes.plot(position, share, **cell_style(trial.cell), markevery=marks.tolist(), markersize=linewidth + 3.5,
                  linewidth=linewidth, label=trial.cell.upper())
    axes.set_xscale("log", base=2)
    axes.set_xlim(length / 6, total * 1.03)
    axes.set_xticks([k * length for k in trials[0].accuracy],
                    [f"{k * length}" if k == 1 else f"{k * length}\n({k}×)" for k in trials[0].accuracy])
    axes.minorticks_off()
    axes.set_ylim(0.35, 1.05)
    axes.set_yticks([0.5, 0.75, 1], ["50 %\n(guessing)", "75 %", "100 %"])
    tidy(axes, title, "position t in the sequence (steps, logarithmic)",
         f"right answers at position t\n(mean over {width} positions)")


def attention_panel(axes, unit, growth):
    """The logit of a hand-set unit (the logarithm of its attention) against t, beside what the lemma requires.

    Args:
        unit, growth: `hand_set` and `growth` of an `experiments.Lemma1`.
    """
    t, last, top = np.arange(1, len(unit["h"]) + 1), unit["last_step"], unit["log_ratio"]
    lead = int(np.argmax(unit["required"] > 0))         # from here on the least attention no longer suffices
    published = unit["required"][lead] + np.log(growth["bound"]) * (t[lead:] - t[lead])
    axes.axhline(top, color=FAINT, linewidth=0.8)
    axes.axvline(last, ymax=0.6, color=FAINT, linewidth=0.8)
    axes.text(1, top * 1.03, "the largest logit it can reach", ha="left", va="bottom", fontsize=8.5, color="#555555")
    axes.plot(t, unit["required"], color=INK, linestyle="--", linewidth=1.4,
              label=f"what Lemma 1 requires, exactly: ×{growth['exact']:.3f} a step")
    axes.plot(t[lead:], published, color=INK, linestyle=":", linewidth=1.6,
              label=f"the paper's weaker lower bound: ×{growth['bound']:.3f} a step")
    axes.plot(t, unit["logits"], **line_style("rwa"), linewidth=2.6, label="paid by an RWA unit set by hand")
    axes.set_ylim(-top / 20, top * 2.4)
    axes.set_xlim(0, t[-1] + 1)
    axes.legend(loc="upper left", frameon=False, fontsize=9, handlelength=2.6)
    tidy(axes, f"To hold h = ±{unit['c']:g} with |z| ≤ {unit['z_max']:g}, attention must grow …", "step t",
         "logit: log of the attention\n(first step = 0)")


def amplitude_panel(axes, unit):
    """The output of a hand-set unit (`experiments.Lemma1.hand_set`) against t, and its predicted last step."""
    t, last, c = np.arange(1, len(unit["h"]) + 1), unit["last_step"], unit["c"]
    for level in (-c, c):
        axes.axhline(level, color=INK, linestyle="--", linewidth=1)
    axes.axvline(last, color=FAINT, linewidth=0.8)
    axes.plot(t, unit["h"], color=cell_style("rwa")["color"], linewidth=0.9, marker="o", markersize=3)
    axes.text(last + 1, -c * 1.36, f"step {last}: the last one possible,\nas computed beforehand", fontsize=8.5, va="center",
              color=INK)
    axes.text(t[-1], c * 1.08, f"target: ±{c:g}", ha="right", va="bottom", fontsize=8.5, color=INK)
    axes.set_ylim(-c * 1.75, c * 1.4)
    axes.set_xlim(0, t[-1] + 1)
    tidy(axes, "… and when the logit can rise no further:", "step t", "output h of the unit")


def fitted_panels(panels, fitted):
    """Two panels on `Lemma1.fitted`: its output, and its attention beside what its own values require."""
    output, attention = panels
    t, first, c = np.arange(1, len(fitted["h"]) + 1), fitted["first"], fitted["c"]
    for level in (-c, c):
        output.axhline(level, color=INK, linestyle="--", linewidth=1)
    output.axvspan(0, first - 1.5, color="#f0f0f0", zorder=0)
    output.plot(t, fitted["h"], color=cell_style("rwa")["color"], linewidth=0.9, marker="o", markersize=3)
    tidy(output, f"A unit that learned to say ±{c:g} (shaded: not in the loss)", "step t", "output h of the unit")
    measured = fitted["logits"][first - 1:]
    attention.plot(t[first - 1:], fitted["required"], color=INK, linestyle="--",
                   label=f"what Lemma 1 requires for its values z: ×{fitted['exact']:.4f} a step")
    attention.plot(t[first - 1:], np.log(fitted["bound"]) * np.arange(len(measured)), color=INK, linestyle=":",
                   label=f"the paper's weaker lower bound: ×{fitted['bound']:.4f} a step")
    attention.plot(t[first - 1:], measured, color=cell_style("rwa")["color"], linestyle="none", marker="o", markersize=4,
                   label=f"paid by the unit: ×{fitted['measured']:.4f} a step")
    attention.set_ylim(None, 1.35 * max(fitted["required"].max(), measured.max()))             # room for the legend
    attention.legend(loc="upper left", frameon=False, fontsize=9)
    tidy(attention, "Its attention, on a logarithmic scale", "step t", f"logit (step {first} = 0)")
