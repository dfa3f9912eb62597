"""The figures of the notebooks 04, 06 and 07: what they draw is what they were given."""

import numpy as np
import pytest

import minirnn
from minirnn import plots


def a_run(name="rda", n_steps=12):
    cell = minirnn.make_cell(name, n_in=3, n_hidden=5, rng=0)
    return minirnn.unroll(cell, np.random.default_rng(0).normal(size=(n_steps, 3, 2)).astype(np.float32))


def images(figure):
    return [axes.images[0] for axes in figure.axes if axes.images and axes.get_label() != "<colorbar>"]


@pytest.mark.parametrize("cell, names", [("rda", ["gamma", "w"]), ("lstm", ["f", "i", "c"]), ("gru", ["z"]), ("indrnn", ["h"])])
def test_gates_of_any_cell_are_drawn_below_the_input_with_a_row_per_unit(cell, names):
    run = a_run(cell)
    shown = [np.asarray(image.get_array()) for image in images(plots.gates_figure(run, names, example=1))]
    assert np.array_equal(shown[0], run.xs[:, :, 1].T)
    for name, panel in zip(names, shown[1:], strict=True):
        assert np.array_equal(panel, run[name][:, :, 1].T)


def test_gates_share_the_scale_from_0_to_1_and_0_is_in_the_middle_of_what_has_signs():
    run = a_run()
    _, gamma, v = images(plots.gates_figure(run, ["gamma", "v"]))
    assert gamma.get_clim() == (0, 1)
    low, high = v.get_clim()
    assert low == -high and high == np.abs(run["v"][:, :, 0]).max()


def test_units_come_in_the_order_that_is_asked_for():
    run, order = a_run(), [3, 0, 4]
    _, gamma = images(plots.gates_figure(run, "gamma", units=order, features=["a", "b", "c"], marks=[4]))
    assert np.array_equal(np.asarray(gamma.get_array()), run["gamma"][:, order, 0].T)


def test_what_a_run_does_not_have_is_told():
    with pytest.raises(KeyError, match="the run has no 'f', expected one of"):
        plots.gates_figure(a_run(), ["f"])
    with pytest.raises(ValueError, match="example is 2, expected an integer from 0 to 1"):
        plots.gates_figure(a_run(), ["w"], example=2)
    with pytest.raises(ValueError, match="features has 2 names, expected 3"):
        plots.gates_figure(a_run(), ["w"], features=["a", "b"])


def test_a_table_of_weights_hides_what_comes_later():
    table = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]
    image, = images(plots.weights_figure({"equal": table}))
    assert np.array_equal(np.ma.getmaskarray(image.get_array()), np.triu(np.ones((4, 4)), 1) > 0)


@pytest.mark.parametrize("table, extend", [([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]], "max"), (np.eye(3), "neither")])
def test_a_scale_that_is_cut_says_so_at_its_end(table, extend):
    figure = plots.weights_figure({"a": np.array(table)})
    bar = next(axes for axes in figure.axes if axes.get_label() == "<colorbar>")
    assert images(figure)[0].colorbar.extend == extend and "square root" in bar.get_ylabel()


def test_a_task_is_solved_below_a_line_of_its_own():
    figure = plots.courses_figure({"one": {"rwa": np.ones(50)}, "two": {"rwa": np.ones(50)}}, guessing={"two": 0.5},
                                  solved={"one": 0.001})
    assert [line.get_ydata()[0] for line in figure.axes[0].lines[1:]] == [0.001]
    assert [line.get_ydata()[0] for line in figure.axes[1].lines[1:]] == [0.5]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["rwa", "solved below", "guessing"]


def test_a_cell_keeps_its_colour_among_the_courses_and_labels_are_not_repeated():
    figure = plots.courses_figure({"one": {"rwa": np.ones(50), "something": np.ones(50)}, "two": {"rwa": np.ones(50)}})
    assert [axes.lines[0].get_color() for axes in figure.axes] == [plots.cell_style("rwa")["color"]] * 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["rwa", "something"]


def test_shares_are_drawn_from_position_1_on():
    axes, = plots.positions_figure({"rwa": [1.0, 0.5, 0.25]}, "title", guessing=0.25, trained_at=2).axes
    line = next(line for line in axes.lines if line.get_label() == "rwa")
    assert list(line.get_xdata()) == [1, 2, 3] and list(line.get_ydata()) == [1.0, 0.5, 0.25]


def test_what_was_not_solved_stands_hollow_at_the_limit():
    axes, = plots.solved_figure({"f_a = exp": {"plain": 120}, "f_a = relu": {"plain": None}}, 300, "title").axes
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(mark.get_xdata()[0], mark.get_fillstyle()) for mark in marks] == [(120, "full"), (300, "none")]


def test_the_slope_of_answers_is_written_into_the_figure():
    right = np.linspace(0, 2, 20)
    axes, = plots.agreement_figure({"200 steps": (right, 0.5 * right + 0.5)}).axes
    assert "slope 0.50" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_powers_gradients_and_reaches_are_drawn_as_they_are():
    axes, = plots.powers_figure({"0.9": 0.9, "1.1": 1.1}, 20).axes
    assert np.allclose([line.get_ydata()[-1] for line in axes.lines], [0.9**20, 1.1**20])
    axes, = plots.vanishing_figure({"lstm": np.array([1.0, 0.1, 0.0])}, "title").axes
    assert list(axes.lines[0].get_ydata()) == [1.0, 0.1]            # what is exactly 0 has no place on a logarithmic axis
    sizes = np.array([[0.0, 1.0, 2.0], [3.0, 3.0, 3.0]])
    image, = images(plots.reach_figure(sizes, [0.5, 1.0]))
    assert np.allclose(image.get_array(), [[0, 0.5, 1], [1, 1, 1]])
