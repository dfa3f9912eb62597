"""The figures of notebook 05: what they draw is what they were given."""

import matplotlib
import numpy as np

from minirnn import plots

matplotlib.use("Agg")


def labelled(axes):
    return {line.get_label(): line for line in axes.lines}


def test_a_price_is_marked_at_its_amplitude_on_both_lines():
    axes, = plots.price_figure([0.1, 0.5], [1.1, 1.8], [1.1, 1.4], (0.5, 1.8, 1.4)).axes
    exact, bound, mark = axes.lines
    assert list(exact.get_ydata()) == [1.1, 1.8] and list(bound.get_ydata()) == [1.1, 1.4]
    assert list(mark.get_xdata()) == [0.5, 0.5] and list(mark.get_ydata()) == [1.8, 1.4]


def test_what_is_held_at_the_published_bound_is_read_off_the_curve():
    axes, = plots.held_figure(np.array([1.0, 2.0]), np.array([0.0, 0.6]), exact=1.8, bound=1.5, c=0.5).axes
    assert [text.get_text() for text in axes.texts] == ["holds ±0.30 only"]
    assert list(labelled(axes)["G, by the lemma: 1.8000"].get_xdata()) == [1.8, 1.8]


def test_each_amplitude_has_its_line():
    axes, = plots.lasting_figure([0, 1], {0.1: [3, 9], 0.5: [2, 4]}).axes
    assert list(labelled(axes)["c = 0.5"].get_ydata()) == [2, 4] and len(axes.lines) == 2


def test_the_strongest_unit_stands_out_among_the_logits_of_all():
    logits = np.arange(12.0).reshape(4, 3)
    left, right = plots.fading_figure(([6, 20], [0.9, 0.5]), ([6, 7], [0.4, 0.1]), logits, unit=2, trained_at=3).axes
    assert list(labelled(left)["held by the unit"].get_ydata()) == [0.4, 0.1]
    assert list(left.get_xticks()) == [6, 15]
    assert np.array_equal(labelled(right)["unit 2"].get_ydata(), logits[:, 2])


def test_shares_and_weights_of_two_cells_are_drawn_in_the_cells_own_colours():
    units = {"rwa": ([0.5, 0.2], [1, 2], "RWA, unit 8"), "rda": ([0.9, 0.9], [4, 4], "RDA, unit 7")}
    shares, weights = plots.shares_figure(units, trained_at=1).axes
    assert list(shares.lines[0].get_ydata()) == [0.5, 0.2] and list(weights.lines[1].get_ydata()) == [4, 4]
    assert shares.lines[0].get_color() == plots.cell_style("rwa")["color"]


def test_a_unit_is_drawn_large_where_the_head_listens():
    axes, = plots.room_figure(np.array([0.1, 0.2]), np.array([0.1, 0.3]), np.array([1.0, 2.0]), rwa_room=0.6).axes
    points = axes.collections[0]
    assert points.get_offsets().tolist() == [[0.1, 0.1], [0.2, 0.3]] and list(points.get_sizes()) == [130, 240]
    assert list(axes.lines[1].get_data()) == [[0.6], [1]]


def test_a_bit_has_one_panel_for_each_quantity():
    figure = plots.bits_figure({"one": ([0.1, 0.2], [0.3, 0.4]), "two": ([0.5, 0.6], [0.7, 0.8])}, np.ones(2))
    assert [axes.collections[0].get_offsets().tolist() for axes in figure.axes] == [
        [[0.1, 0.3], [0.2, 0.4]], [[0.5, 0.7], [0.6, 0.8]]]
