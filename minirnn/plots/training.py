"""How a training went."""

import numpy as np

from .style import figure, running_mean, tidy


def training_figure(data):
    """The course of a training run.

    Args:
        data: (title, `History`), where the history has at least one step.
    """
    title, history = data
    fig = figure(7.5, 2.4 + 1.9 * len(history.metrics))
    panels = np.atleast_1d(fig.subplots(1 + len(history.metrics), 1, sharex=True))
    for axes, (name, values) in zip(panels, {"loss": history.losses, **history.metrics}.items()):
        steps = np.arange(1, len(values) + 1)
        few = len(values) < 40
        axes.plot(steps, values, color="#9ec5e0", linewidth=1, marker="o" if few else None, markersize=3, label="each batch")
        if not few:
            middle, mean = running_mean(values, max(5, len(values) // 40))
            axes.plot(middle, mean, color="#0072B2", linewidth=2, label=f"mean over {max(5, len(values) // 40)} batches")
        if name == "loss" and min(values) > 0 and max(values) > 20 * min(values):
            axes.set_yscale("log")
        tidy(axes, ylabel=name)
    panels[0].set_title(title, loc="left", fontsize=11)
    panels[0].legend(frameon=False, fontsize=9)
    panels[-1].set_xlabel("training step (batches learned from)")
    return fig
