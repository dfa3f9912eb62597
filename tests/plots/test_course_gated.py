"""The figures of the notebooks on gated cells, read back from matplotlib's own objects."""

import matplotlib
import numpy as np

from minirnn import plots
from minirnn.experiments import Learned

matplotlib.use("Agg")


def test_the_marks_of_the_telephone_game_are_what_was_measured_and_its_lines_the_closed_form():
    axes, = plots.telephone_figure({0.9: ([1, 10], [0.9, 0.4]), 0.9999: ([5], [0.9])}, longest=1000).axes
    marks = {line.get_label(): line for line in axes.lines}
    assert list(marks["f = 0.9"].get_ydata()) == [0.9, 0.4] and list(marks["f = 0.9999"].get_xdata()) == [5]
    steps, shares = axes.lines[0].get_data()
    assert np.allclose(shares, 0.9**steps) and steps[-1] == 1000


def test_learning_times_have_a_row_for_each_cell_a_mark_for_each_seed_and_are_hollow_if_it_was_not_learned():
    found = {"lstm": [Learned("lstm", 0, 100, 100, None), Learned("lstm", 1, 140, 140, None)],
             "gru": [Learned("gru", 0, None, 600, None)]}
    axes, = plots.learning_times_figure({"task": found}, {"lstm": "LSTM", "gru": "GRU"}, reference="lstm").axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["LSTM", "GRU"]
    marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(100, 1), (140, 1), (600, 0)]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [False, False, True]
    assert any(list(line.get_xdata()) == [120, 120] for line in axes.lines)
    assert axes.get_legend().texts[0].get_text() == "not learned by then"


def test_what_counting_adds_is_drawn_from_the_first_step_on():
    _, rises = plots.counting_figure(np.arange(1, 5), {0.5: 1 - 0.5**np.arange(1, 5)}, resolution=0.1).axes
    assert [list(line.get_ydata()) for line in rises.lines[:2]] == [[1, 1, 1, 1], [0.5, 0.25, 0.125, 0.0625]]


def test_the_other_figures_draw_the_numbers_they_are_given():
    line = np.linspace(1, 0.5, 11)
    direct, whole = plots.fresh_memory_figure({"b_f = 1": line}, {"b_f = 1": line / 2, "rnn": line}).axes
    assert list(direct.lines[0].get_ydata()) == list(line) and len(whole.lines) == 3
    answers, *traces = plots.beyond_figure({"with": line, "without": line / 2}, {"with": line, "without": -line}, 5).axes
    assert list(answers.lines[1].get_ydata()) == list(line / 2) and list(traces[1].lines[0].get_ydata()) == list(-line)
    axes, = plots.answers_figure({"one": (line, 2 * line)}).axes
    assert list(axes.lines[1].get_ydata()) == list(2 * line)
    axes, = plots.sizes_figure({"gru": [3, 4], "mut1": [2, 1]}, n_hidden=2).axes
    assert list(axes.lines[1].get_ydata()) == [2, 1]
