"""The figures of notebook 08: what they draw is what they were given."""

import matplotlib
import numpy as np

from minirnn import gradcheck, plots
from minirnn.cells.lstm import LSTM
from minirnn.checking.diagnosis import diagnose

matplotlib.use("Agg")


def labelled(axes):
    return {line.get_label(): line for line in axes.lines}


def test_each_version_has_its_line_and_the_axis_is_cut_where_it_is_asked_for():
    losses = {f"{n} mistakes": np.full(30, 0.1 * n) for n in range(5)}
    axes, = plots.versions_figure(losses, "a task", window=10, guessing=0.7, top=1).axes
    assert all(np.allclose(labelled(axes)[f"{n} mistakes"].get_ydata(), 0.1 * n) for n in range(5))
    assert axes.get_ylim()[1] == 1 and [text.get_text() for text in axes.texts] == ["guessing"]
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines[:5]}
    assert len(looks) == 5


def test_measured_errors_lie_beside_the_predicted_and_the_best_step_on_its_prediction():
    steps = np.geomspace(1e-8, 1, 9)
    keys = [(method, dtype) for method in ("one-sided", "central") for dtype in ("float64", "float32")]
    errors, predicted = ({key: scale * (k + 1) * steps for k, key in enumerate(keys)} for scale in (1, 2))
    double, single = plots.differences_figure(steps, errors, predicted, dict.fromkeys(keys, 1e-4)).axes
    for axes, dtype in ((double, "float64"), (single, "float32")):
        found = [line for line in axes.lines if len(line.get_xdata()) == len(steps)]
        assert np.array_equal(found[2].get_ydata(), errors["central", dtype])
        assert np.array_equal(found[3].get_ydata(), predicted["central", dtype])
        mark = labelled(axes)["its best step, predicted"]
        assert np.allclose(mark.get_ydata(), np.interp(1e-4, steps, predicted["central", dtype]))


def test_errors_of_the_complex_step_below_the_last_digit_are_drawn_at_it():
    tiny = np.array([1e-100, 1e-10, 1e-5])
    left, right = plots.complex_step_figure(np.array([0.1]), np.array([1e-3]), tiny, np.array([0, 1e-16, 1e-9])).axes
    line, = [line for line in left.lines if "complex step" in line.get_label()]
    assert list(line.get_ydata()) == [np.finfo(float).eps, np.finfo(float).eps, 1e-9]
    assert list(right.lines[1].get_xdata()) == [1e-10, 1e-5]


def test_relative_errors_have_a_point_for_every_element_of_any_shape():
    size = np.array([[1e-3, 1.0], [0.1, 0.5]])
    axes, = plots.relative_errors_figure(size, 2 * size, 3 * size, 1e-9, 1e-6).axes
    assert list(axes.lines[0].get_ydata()) == list(2 * size.ravel()) and list(axes.lines[1].get_xdata()) == list(size.ravel())


def test_a_kink_is_drawn_with_both_slopes():
    axes, = plots.kink_figure([-1, 0, 1], [0, 0, 1], [0, 0.5, 1]).axes
    assert list(axes.lines[0].get_ydata()) == [0, 0, 1]
    assert list(labelled(axes)["central difference"].get_ydata()) == [0, 0.5, 1]


def test_a_repair_is_shown_stage_by_stage_with_what_is_said_of_it():
    class NoMemory(LSTM):
        def step_backward(self, dnew, old, new, memo):
            da, (dh, dc) = super().step_backward(dnew, old, new, memo)
            return da, (dh, 0 * dc)

    wrong = gradcheck(NoMemory(2, 3)).diagnosis
    first, last = plots.repairs_figure([(wrong, "one mistake left"), (diagnose(LSTM(2, 3)), "none")]).axes
    crosses = [sum(text.get_text() == "×" for text in axes.texts) for axes in (first, last)]
    assert crosses[0] == list(wrong.matrix.values()).count("wrong") > 0 and crosses[1] == 0
    assert first.get_xlabel() == "one mistake left"
