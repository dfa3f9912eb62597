"""What a task asks: some of its sequences, input above and target below."""

import numpy as np

from ..description import summary
from ..tasks.showing import samples
from .style import FAINT, INK, figure, tidy

INPUT, TARGET = "#D0D0D0", "#F0E442"        # what is filled; the yellow of Okabe & Ito, which stands for no cell
BLANK = "·"
MOST_LETTERS, MOST_NUMBERS = 60, 20         # steps, beyond which there is no room for a letter or a number in each


def task_figure(task, seed=0, n=3):
    """Sequences of a task, drawn step by step: what the network reads, and below it what it should say, where it is asked.

    Args:
        task: a `Task`; a short one shows more (see its `to_show`).
        seed: of the sequences.
        n: how many at most, as different in their answers as may be.
    """
    found = samples(task, seed, n)
    pictures = found[0].picture is not None
    height = max(0.75 + 0.36 * _height(found[0]), 1.5 if pictures else 0)
    fig = figure(9.5, 0.6 + len(found) * height)
    panels = fig.subplots(len(found), 2 if pictures else 1, squeeze=False, width_ratios=[1, 6] if pictures else None)
    for (*pictured, strips), one in zip(panels, found):
        for axes in pictured:
            axes.imshow(one.picture, cmap="Greys", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color(FAINT)
        _draw(strips, one)
    title = summary(type(task)) if type(task).__doc__ else type(task).__name__
    fig.suptitle(f"{title}\nGrey: what the network reads. Yellow: what it should say. "
                 "Dotted: nothing to read, or nothing asked.", fontsize=10, x=0.01, ha="left")
    panels[-1][-1].set_xlabel("step")
    return fig


def _as_shades(one):
    """Whether the input is drawn in shades, as pictures are, and whatever has too many features for a strip each."""
    return one.picture is not None or len(one.inputs) > 4


def _heights(one):
    """Of each strip of input, and of each target: numbers are taller."""
    inputs = [min(len(one.inputs), 4)] if _as_shades(one) else [1.5 if strip.kind == "numbers" else 1 for strip in one.inputs]
    return inputs, [1.5 if strip.kind == "numbers" else 1 for strip in one.targets]


def _height(one):
    return sum(map(sum, _heights(one))) + 0.35


def _draw(axes, one):
    """The strips of a sequence below each other, the first on top."""
    n_steps, y, labels = len(one.inputs[0].values), 0.0, []
    of_inputs, of_targets = _heights(one)
    if _as_shades(one):
        axes.imshow(np.array([strip.values for strip in one.inputs], float), cmap="Greys", aspect="auto",
                    extent=(0.5, n_steps + 0.5, of_inputs[0] - 0.08, 0.08), interpolation="nearest")
        axes.add_patch(_box(0.5, 0.08, n_steps, of_inputs[0] - 0.16, "none", FAINT))
        labels.append((of_inputs[0] / 2, "input" if len(one.inputs) == 1 else f"{len(one.inputs)} inputs"))
        y = of_inputs[0]
    else:
        for strip, height in zip(one.inputs, of_inputs):
            _draw_strip(axes, strip, y, height, INPUT)
            labels.append((y + height / 2, strip.label))
            y += height
    y += 0.35
    for strip, height in zip(one.targets, of_targets):
        _draw_strip(axes, strip, y, height, TARGET)
        labels.append((y + height / 2, strip.label))
        y += height
    axes.set_xlim(0.4, n_steps + 0.6)
    axes.set_ylim(y + 0.05, -0.05)
    axes.set_yticks([place for place, _ in labels], [label for _, label in labels])
    tidy(axes)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_strip(axes, strip, top, height, colour):
    """One strip, between the heights top and top + height."""
    n, top, height = len(strip.values), top + 0.08, height - 0.16
    there = [(t, value) for t, value in enumerate(strip.values, 1) if value is not None]
    axes.add_patch(_box(0.5, top, n, height, "none", FAINT, ":"))
    few = len(there) <= 3                                       # what stands alone is told beside it if there is no room in it,
    wide = max(1, n / 90) if few else 1                         # and is wide enough to be seen
    if strip.kind == "numbers":
        written = n <= MOST_NUMBERS or few
        low, high = min(0, *(v for _, v in there), 0), max(1, *(v for _, v in there), 0)
        scale = (height - 0.45 * written) / (high - low)        # the room above is for the number
        zero = top + height + low * scale
        for t, value in there:
            size = value * scale
            axes.add_patch(_box(t + 0.5 - 0.9 * wide, zero - max(size, 0), 0.8 * wide, abs(size), colour, INK))
            if n <= MOST_NUMBERS:
                _write(axes, t, zero - max(size, 0) - 0.04, f"{value:.2f}", 8, va="bottom")
            elif few:
                _write(axes, t - wide, zero - max(size, 0) / 2, f"{value:.2f}", 8.5, ha="right")
        return
    for t, value in there:
        filled = value == 1 if strip.kind == "bits" else value != BLANK
        word = f"{value:.0f}" if strip.kind == "bits" else value
        if filled or n <= MOST_LETTERS or few:
            axes.add_patch(_box(t + 0.5 - wide, top, wide, height, colour if filled else "white",
                                FAINT if n <= MOST_LETTERS else INK))
        if n <= MOST_LETTERS:
            _write(axes, t, top + height / 2, word, min(10, 420 / n))
        elif few:
            _write(axes, t - wide, top + height / 2, word, 9, ha="right")


def _write(axes, t, y, word, size, ha="center", va="center"):
    if word.isprintable():
        axes.text(t, y, word.replace("$", r"\$"), ha=ha, va=va, color=INK, fontsize=size)


def _box(left, top, width, height, face, edge, line="-"):
    from matplotlib.patches import Rectangle
    return Rectangle((left, top), width, height, facecolor=face, edgecolor=edge, linestyle=line, linewidth=0.6)
