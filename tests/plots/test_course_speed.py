"""The figures of notebook 11: what they draw is what they were given."""

import matplotlib
import numpy as np

from minirnn import plots

matplotlib.use("Agg")


def test_calls_are_drawn_in_microseconds_with_a_line_at_each_marked_size():
    axes, = plots.calls_figure([1, 100], {"a · b": [1e-6, 3e-6], "tanh a": [2e-6, 9e-6]}, {"a gate": 50}).axes
    assert np.allclose(axes.lines[0].get_ydata(), [1, 3]) and np.allclose(axes.lines[1].get_ydata(), [2, 9])
    assert list(axes.lines[2].get_xdata()) == [50, 50] and axes.texts[0].get_text() == " a gate"


def test_each_matrix_has_its_line_over_the_widths():
    axes, = plots.widths_figure([1, 2, 4], {"small": [1, 2, 3], "large": [2, 3, 5]}).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 2, 3], [2, 3, 5]] and axes.get_ylim()[0] == 0


def test_a_gradient_that_is_exactly_0_is_left_out():
    sizes = {"set to zero": np.array([1, 1e-20, 0, 0]), "left alone": np.array([1, 1e-20, 1e-40, 1e-45])}
    axes, = plots.subnormal_figure(sizes).axes
    flushed, alone = axes.lines
    assert list(flushed.get_xdata()) == [0, 1] and list(alone.get_xdata()) == [0, 1, 2, 3]


def test_what_is_chosen_is_outlined_among_the_ways():
    speeds = {(32, 32): {"one": 1, "products": 0.9, "columns": 0.5, "chosen": 1}, (250, 100): {"one": 1, "products": 1.3,
                                                                                                "columns": 1.6, "chosen": 1.6}}
    axes, = plots.threads_figure(speeds, cores=2).axes
    assert [bar.get_height() for bar in axes.containers[2]] == [0.5, 1.6]
    assert [group[0].get_linewidth() > 0 for group in axes.containers] == [False, False, False, True]
