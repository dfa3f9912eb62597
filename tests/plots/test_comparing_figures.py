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


def test_a_curve_of_few_rows_is_smoothed_over_as_many_steps_as_one_of_all():
    losses = np.where(np.arange(6000) < 3000, 1.0, 0.0)
    few = {"step": np.arange(15, 6001, 15), "loss": losses.reshape(400, 15).mean(axis=1)}
    steps, (whole, thinned) = common_steps([curve(losses), few], "loss", 100)
    assert np.abs(whole - thinned)[np.abs(steps - 3000) > 15].max() < 0.2 and thinned[steps > 3080].max() == 0


def test_a_loss_is_told_with_its_unit_and_an_accuracy_without():
    seed = {**curve([1.0, 0.5]), "accuracy": np.array([0.5, 0.6])}
    labels = [plots.curves_figure({"rwa": [seed]}, metric=metric, unit="bits").axes[0].get_ylabel()
              for metric in ("loss", "accuracy")]
    assert labels == ["loss in bits", "accuracy"]


def test_the_two_discounting_cells_can_be_told_apart():
    axes = plots.curves_figure({name: [curve([1.0, 0.5])] for name in ("rda-exp-tanh", "rda-sigmoid-id")}).axes[0]
    first, second = axes.lines
    assert first.get_color() != second.get_color() and first.get_marker() != second.get_marker()
