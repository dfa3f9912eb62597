"""How a training went."""

import numpy as np

from .style import BLUE, FAINT, figure, running_mean, tidy

BITS = "bits per character"         # the loss of a text, in bits instead of nats: one of the two curves is enough


def training_figure(data):
    """The course of a training run: a panel for the loss and one for every metric.

    Args:
        data: (title, `History`), where the history has at least one step. Or (title, `History`, guessing), where guessing
            maps the name of a panel to what guessing reaches there, drawn as a dashed line: (number, words).
    """
    title, history, *rest = data
    guessing = rest[0] if rest else {}
    curves = {"loss": history.losses, **history.metrics}
    if BITS in curves:
        del curves["loss"]
    fig = figure(7.5, 0.5 + 1.9 * len(curves))
    panels = np.atleast_1d(fig.subplots(len(curves), 1, sharex=True))
    for axes, (name, values) in zip(panels, curves.items()):
        steps = np.arange(1, len(values) + 1)
        few = len(values) < 40
        axes.plot(steps, values, color="#9ec5e0", linewidth=1, marker="o" if few else None, markersize=3, label="each batch")
        if not few:
            middle, mean = running_mean(values, max(5, len(values) // 40))
            axes.plot(middle, mean, color=BLUE, linewidth=2, label=f"mean over {max(5, len(values) // 40)} batches")
        if name in guessing:
            level, words = guessing[name]
            axes.axhline(level, color=FAINT, linewidth=1, linestyle="--")
            axes.text(len(values), level, f"{level:.2f}: {words}", ha="right", va="bottom", fontsize=8.5, color="#555555")
        if name == "loss" and min(values) > 0 and max(values) > 20 * min(values):
            axes.set_yscale("log")
        tidy(axes, ylabel=name)
    panels[0].set_title(title, loc="left", fontsize=11)
    panels[-1].legend(frameon=False, fontsize=9)
    panels[-1].set_xlabel("training step (batches learned from)")
    return fig
