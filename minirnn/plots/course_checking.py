"""What notebook 08 shows: how far a measured derivative can be trusted, and how a wrong LSTM is repaired."""

import numpy as np

from .style import BLUE, FAINT, GREEN, INK, ORANGE, PINK, YELLOW, figure, running_mean, tidy
from .verdicts import verdicts_panel

METHODS = {"one-sided": (GREEN, "^", "one-sided: (L(θ+δ) − L(θ))/δ"), "central": (BLUE, "o", "central: (L(θ+δ) − L(θ−δ))/2δ")}


def versions_figure(losses, title, *, window, guessing, top=None):
    """The loss of several versions of one cell while they learn; where lines coincide, the first is broad and still shows.

    Args:
        losses: label -> (steps,) loss at each training step, at most five, from the rightest version.
        title: the task, in words.
        window: the mean of how many batches is drawn.
        guessing: the loss of who guesses, drawn as a line.
        top: the upper end of the axis, if it is to be cut.
    """
    fig = figure(7.4, 3.6)
    axes = fig.subplots()
    looks = ((BLUE, "-.", 2), (YELLOW, "-", 5), (PINK, ":", 2), (GREEN, "--", 1.6), (INK, "-", 1.4))
    if len(losses) == 2:
        looks = looks[0], looks[-1]
    for k, ((label, loss), (colour, line, width)) in enumerate(zip(losses.items(), looks)):
        axes.plot(*running_mean(loss, window), color=colour, linestyle=line, linewidth=width, label=label, zorder=10 - width)
    axes.axhline(guessing, color=FAINT, linewidth=0.8)
    axes.text(len(loss), guessing * 1.03, "guessing", ha="right", va="bottom", fontsize=9, color=INK)
    if top:
        axes.set_ylim(-0.02, top)
    axes.legend(frameon=False, fontsize=9, loc="center right", bbox_to_anchor=(1, 0.4))
    tidy(axes, title, "training step", f"loss (mean over {window} batches)")
    return fig


def differences_figure(steps, errors, predicted, best):
    """The error of measured derivatives against the step, in double and in single precision.

    Args:
        steps: (n,) δ.
        errors, predicted: (method, dtype) -> (n,) errors; the methods are "one-sided" and "central", the dtypes "float64"
            and "float32".
        best: (method, dtype) -> the step with the least error, predicted.
    """
    fig = figure(11, 4.2)
    panels = fig.subplots(1, 2, sharex=True, sharey=True)
    for axes, (dtype, words) in zip(panels, (("float64", "Double precision"), ("float32", "Single precision"))):
        for method, (colour, marker, label) in METHODS.items():
            delta, central = best[method, dtype], method == "central"
            axes.plot(steps, errors[method, dtype], linestyle="none", marker=marker, markersize=4, color=colour, label=label)
            axes.plot(steps, predicted[method, dtype], "k--", linewidth=0.9,
                      label="predicted: truncation + ε|L|/δ" if central else None)
            axes.plot(delta, np.interp(delta, steps, predicted[method, dtype]), marker=marker, markersize=11, color=colour,
                      markeredgecolor="k", linestyle="none", label="its best step, predicted" if central else None)
        cube_root = np.finfo(dtype).eps ** (1 / 3)
        axes.axvline(cube_root, color=FAINT, linewidth=0.9, zorder=0)
        axes.text(cube_root * 1.3, 3e-14, r"$\varepsilon^{1/3}$", fontsize=11, color=INK)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(1e-14, 1e2)
        tidy(axes, words, "step δ", "error of the derivative" if axes is panels[0] else None)
    panels[1].legend(frameon=False, fontsize=9, loc="lower left")
    return fig


def complex_step_figure(steps, central, tiny, flat, taken=1e-30):
    """The error of the complex step beside that of the central difference, down to the smallest steps there are.

    Args:
        steps, central: (n,) δ, and the error of the central difference.
        tiny, flat: (m,) δ, and the error of the complex step.
        taken: the step that the checker takes, marked.
    """
    fig = figure(11, 3.6)
    panels = fig.subplots(1, 2, sharey=True, width_ratios=(1.5, 1))
    titles = (1e-322, "Steps as small as floats can be …"), (1e-16, "… and the right end of it, enlarged")
    for axes, (low, words) in zip(panels, titles):
        chosen = tiny >= low
        axes.plot(steps, central, linestyle="none", marker="o", markersize=2.5, color=BLUE, label="central difference")
        axes.plot(tiny[chosen], flat[chosen].clip(np.finfo(float).eps), color=ORANGE, linewidth=2,
                  label="complex step (errors below ε are drawn at ε)")
        axes.set_xscale("log")
        axes.set_yscale("log")
        tidy(axes, words, "step δ", "error of the derivative" if axes is panels[0] else None)
    panels[0].set_xticks(10.0 ** np.arange(-300, 1, 50))
    panels[0].axvline(taken, color=FAINT, linewidth=0.9)
    panels[0].text(taken / 1e4, 1e-3, f"what the checker\ntakes: δ = {taken:g}", ha="right", fontsize=9, color=INK)
    panels[0].legend(frameon=False, fontsize=9, loc="upper left")
    return fig


def relative_errors_figure(size, by_element, of_block, rounding, allowed):
    """Errors of a right gradient, divided by each element itself and by the largest of the block.

    Args:
        size: the size of each element's gradient. by_element, of_block: the relative errors, of the same shape.
        rounding: the absolute error that rounding leaves; its share of each element is drawn as a line.
        allowed: the relative error that passes, drawn as a line.
    """
    fig = figure(7.4, 4)
    axes = fig.subplots()
    axes.plot(np.ravel(size), np.ravel(by_element), "o", color=ORANGE, markersize=4.5, markerfacecolor="none",
              label="error / this element")
    axes.plot(np.ravel(size), np.ravel(of_block).clip(1e-17), "x", color=BLUE, markersize=4,
              label="error / largest element of the block")
    line = np.geomspace(np.min(size), np.max(size), 50)
    axes.plot(line, np.minimum(rounding / line, 1), "k--", linewidth=1, label="predicted: ε|L|/δ over the element, 1 at most")
    axes.axhline(allowed, color=FAINT, linewidth=1)
    axes.text(np.max(size), 1.4 * allowed, "allowed", ha="right", fontsize=9, color=INK)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-19, 10)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    tidy(axes, "A right gradient, checked element by element", "size of the element's gradient (each input of 60 steps)",
         "relative error")
    return fig


def kink_figure(distances, derived, measured):
    """The slope of a relu near its kink.

    Args:
        distances: (n,) of the pre-activation from the kink, in steps δ. derived, measured: (n,) slopes.
    """
    fig = figure(7, 3)
    axes = fig.subplots()
    axes.plot(distances, derived, color=INK, drawstyle="steps-pre", linewidth=1.6,
              label="derived: the true slope on either side")
    axes.plot(distances, measured, color=BLUE, linestyle="--", linewidth=2, label="central difference")
    axes.plot(0, 0.5, "o", color=BLUE, markersize=8)
    axes.text(0.15, 0.45, "½: wrong for both sides", fontsize=9, color=INK)
    axes.legend(frameon=False, loc="upper left")
    tidy(axes, "A relu's slope near its kink", "distance of the pre-activation from the kink, in steps δ", "dh'/db")
    return fig


def repairs_figure(stages):
    """The matrices of verdicts of a cell while it is repaired, side by side.

    Args:
        stages: a list of (what `checking.diagnosis.diagnose` returned, what to write below), from the first.
    """
    fig = figure(11, 5)
    for axes, (diagnosis, words) in zip(fig.subplots(1, len(stages), sharey=True), stages):
        verdicts_panel(axes, diagnosis)
        axes.set_xlabel(words)
    fig.suptitle("One step, by component of the new state: wrong (×), right (light), no path (·)", fontsize=11, x=0.01,
                 ha="left")
    return fig
