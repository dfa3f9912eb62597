"""Learning curves side by side: what is drawn of several seeds."""

import numpy as np

from minirnn import plots
from minirnn.plots.comparing import common_steps


def curve(values):
    return {"step": np.arange(1, len(values) + 1), "loss": np.asarray(values, float)}


def test_a_seed_that_has_ended_keeps_its_last_value():
    steps, values = common_steps([curve(np.full(100, 3.0)), curve(np.linspace(2, 1, 50))], "loss")
    assert steps[-1] == 100 and np.isfinite(values).all()
    assert (values[0] == 3).all() and (values[1, steps >= 50] == 1).all()


def test_curves_are_running_means_which_the_axis_says():
    flickering = curve(np.tile([0.0, 2.0], 300))
    _, values = common_steps([flickering], "loss", 10)
    assert np.abs(values[0, 5:-5] - 1).max() < 1e-12            # a mean over an even number of values, but at the ends
    axes = plots.curves_figure({"rwa": [flickering]}).axes[0]
    assert "mean over 10 steps" in axes.get_ylabel()            # a sixtieth of 600
    assert np.abs(axes.lines[0].get_ydata()[5:-5] - 1).max() < 1e-12


def test_the_two_discounting_cells_can_be_told_apart():
    axes = plots.curves_figure({name: [curve([1.0, 0.5])] for name in ("rda-exp-tanh", "rda-sigmoid-id")}).axes[0]
    first, second = axes.lines
    assert first.get_color() != second.get_color() and first.get_marker() != second.get_marker()
