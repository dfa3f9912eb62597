"""What reaches how far back: gradients by distance for several cells, powers of one number, the reach of single units."""

import numpy as np

from .style import BLUE, FAINT, GREEN, INK, ORANGE, PINK, SKY, YELLOW, figure, line_style, tidy


def vanishing_figure(curves, title, *, reference=None):
    """The size of a gradient against how many steps ago the input was that it belongs to.

    Args:
        curves: name of a cell -> (T,) sizes, for inputs 0, 1, ... steps back; what is exactly 0 is not drawn.
        reference: (size, words) of a level, drawn as a thin line.
    """
    fig = figure(7.6, 3.6)
    axes = fig.subplots()
    for name, sizes in curves.items():
        back = np.arange(len(sizes))
        alive = np.asarray(sizes) > 0
        axes.plot(back[alive], np.asarray(sizes)[alive], linewidth=2, label=name, **line_style(name))
    if reference:
        axes.axhline(reference[0], color=FAINT, linewidth=0.9)
        axes.text(0.99, reference[0], reference[1], transform=axes.get_yaxis_transform(), ha="right", va="bottom", fontsize=9)
    axes.set_yscale("log")
    axes.set_ylim(1e-12, None)
    axes.legend(frameon=False, loc="lower left")
    tidy(axes, title, "how many steps ago the input was read", "size of its gradient (logarithmic)")
    return fig


def powers_figure(bases, n_steps, band=(0.5, 2)):
    """u to the power of k, for k = 0 to n_steps: what is left of a gradient after k steps through one weight u.

    Args:
        bases: label -> u.
        band: between which bounds a gradient should stay; shaded.
    """
    fig = figure(7.6, 3.6)
    axes = fig.subplots()
    k = np.arange(n_steps + 1)
    axes.axhspan(*band, color="#cfe5da", linewidth=0, label=f"from {band[0]:g} to {band[1]:g}")
    colours = (ORANGE, YELLOW, GREEN, INK, SKY, BLUE, PINK)
    lines = ("--", "-.", "-", (0, (1, 1)), "-", "-.", "--")
    for (label, u), colour, line in zip(bases.items(), colours, lines):
        axes.plot(k, np.exp(k * np.log(u)), color=colour, linestyle=line, linewidth=2, label=label)
    axes.set_yscale("log")
    axes.set_ylim(1e-5, 1e5)
    fig.legend(frameon=False, fontsize=9, loc="outside right center", title="recurrent weight")
    tidy(axes, "What one weight does to a gradient", "steps back in time, k", "u to the power k (logarithmic)")
    return fig


def reach_figure(sizes, weights):
    """How far back each unit remembers: the size of the gradient of its last state with respect to every input.

    Args:
        sizes: (H, T): for each unit and each step, counted from the first.
        weights: (H,) the units' recurrent weights: written beside the rows.
    """
    fig = figure(8.6, 0.9 + 0.19 * len(sizes))
    axes = fig.subplots()
    shown = np.asarray(sizes, float) / np.max(sizes, axis=1, keepdims=True, initial=1e-300)
    image = axes.imshow(shown, aspect="auto", interpolation="nearest", cmap="cividis", vmin=0, vmax=1)
    fig.colorbar(image, ax=axes, pad=0.01, fraction=0.03)
    axes.set_yticks(range(len(weights)), [f"{u:+.3f}" for u in weights], fontsize=7.5)
    steps = np.arange(0, shown.shape[1], 10)
    axes.set_xticks(shown.shape[1] - 1 - steps, steps)
    tidy(axes, "How much of an input a unit still holds at the end (share of its best)",
         "how many steps ago the input was read", "unit, by its weight u")
    return fig
