"""What a cell pays attention to: gates over time as heat maps, and the weight of every past value at every step."""

import numpy as np

from .style import figure, tidy

TITLES = {
    "a": "logit of the attention, a", "c": "memory c", "f": "forget gate f", "g": "g", "gamma": "discount γ", "h": "state h",
    "i": "input gate i", "l": "logarithm of the total weight, l", "log_a": "logarithm of the attention", "o": "output gate o",
    "r": "reset gate r", "u": "u", "v": "average v", "w": "share of the newest value, w", "z": "z",
}
SHARES, SIGNED, ANY = "cividis", "PuOr_r", "cividis"        # of 0 to 1; of both signs, white at 0; of anything else


def gates_figure(run, names, *, example=0, features=None, marks=(), units=None, titles=None):
    """What a cell's gates (or any named intermediate or state) did over a sequence: heat maps, with the input above.

    Rows are units, columns are steps. Values between 0 and 1 share one scale; of values with both signs white is 0.

    Args:
        run: a `Run` of any cell.
        names: what to draw, one panel each: names that `run[name]` has.
        example: which column of the batch.
        features: a name for each feature of the input; numbers without it.
        marks: steps, counted from 0, before which a line is drawn through all panels: where something new begins.
        units: which units to draw, from the top down; all without it.
        titles: name -> what to write above its panel, where that is to be other than the name in words.

    Raises:
        KeyError: the run has nothing of such a name. ValueError: it has no such example, or features do not fit its input.
    """
    names = [names] if isinstance(names, str) else list(names)
    if not isinstance(example, (int, np.integer)) or not 0 <= example < run.batch:
        raise ValueError(f"example is {example!r}, expected an integer from 0 to {run.batch - 1}: a column of the run")
    xs = run.xs[:, :, example].T
    if features is not None and len(features) != len(xs):
        raise ValueError(f"features has {len(features)} names, expected {len(xs)}: one for each feature of the input")
    panels = [run[name][:, :, example].T if units is None else run[name][:, units, example].T for name in names]
    heights = [max(0.6, min(0.22 * len(xs), 1.6)), *[max(0.9, min(0.08 * len(panel), 2.4)) for panel in panels]]
    fig = figure(9.5, 0.9 + sum(heights) + 0.42 * len(panels))
    axes_of = fig.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    _heat(fig, axes_of[0], xs, "input x")
    axes_of[0].set_yticks(range(len(xs)), features or range(len(xs)), fontsize=8)
    for axes, name, panel in zip(axes_of[1:], names, panels):
        _heat(fig, axes, panel, (titles or {}).get(name, TITLES.get(name, name)))
        axes.set_ylabel("unit")
        axes.set_yticks([])
    for axes in axes_of:
        for step in marks:
            axes.axvline(step - 0.5, color="white", linewidth=2.5)
            axes.axvline(step - 0.5, color="#333333", linewidth=0.8)
    axes_of[-1].set_xlabel("step t, counted from 0")
    return fig


def _heat(fig, axes, values, title):
    values = np.asarray(values, float)
    low, high = values.min(), values.max()
    if low >= 0 and high <= 1:
        colours, low, high = SHARES, 0, 1
    elif low < 0 < high:
        colours, low, high = SIGNED, -max(-low, high), max(-low, high)
    else:
        colours = ANY
    image = axes.imshow(values, aspect="auto", interpolation="nearest", cmap=colours, vmin=low, vmax=high)
    fig.colorbar(image, ax=axes, pad=0.01, fraction=0.03)
    tidy(axes, title)


def weights_figure(panels):
    """How much every past value counts at every step: a row for each step, which adds up to 1.

    Colours go by the square root of the weight, so that small ones can be told apart, and the brightest stands for the largest
    weight after step 1 and for all above it (the first average is its only value, with the weight 1).

    Args:
        panels: title -> (T, T) weights, row t and column j: how much the value of step j counts in the average of step t.
    """
    from matplotlib.colors import PowerNorm                     # between 0 and 1/10 there is more to see than above
    fig = figure(0.9 + 3.3 * len(panels), 4.1)
    axes_of = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    largest = max(np.max(np.where(np.arange(len(p)) > 0, p.T, 0)) for p in map(np.asarray, panels.values()))
    largest = min(1, float(largest))                            # after step 1, where it is always 1
    for axes, (title, weights) in zip(axes_of, panels.items()):
        hidden = np.ma.masked_where(np.triu(np.ones_like(weights), 1) > 0, weights)
        image = axes.imshow(hidden, cmap="cividis", norm=PowerNorm(0.5, 0, largest), interpolation="nearest",
                            extent=(0.5, len(weights) + 0.5, len(weights) + 0.5, 0.5))
        tidy(axes, title, "value of step j", "average of step t" if axes is axes_of[0] else None)
    fig.colorbar(image, ax=list(axes_of), pad=0.01, fraction=0.03, extend="max" if largest < 1 else "neither",
                 label="weight (colours by its square root)")
    return fig
