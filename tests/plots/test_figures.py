"""Figures say what they should: drawn here, and read back from matplotlib's own objects."""

import base64

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from minirnn import History, plots
from minirnn.checking.diagnosis import diagnose
from minirnn.cells.lstm import LSTM

matplotlib.use("Agg")
PNG = b"\x89PNG\r\n\x1a\n"


def drawn():
    fig, axes = plt.subplots()
    axes.plot([1, 2])
    return fig


def test_a_shown_figure_carries_its_words_wherever_a_notebook_may_look_for_them():
    data, metadata = plots.show(drawn(), 'a line, "rising" & <straight>')._repr_mimebundle_()
    assert 'alt="a line, &quot;rising&quot; &amp; &lt;straight&gt;"' in data["text/html"]
    assert metadata["image/png"]["alt"] == data["text/plain"] == 'a line, "rising" & <straight>'
    assert base64.b64decode(data["image/png"]).startswith(PNG) and data["image/png"] in data["text/html"]


def test_a_shown_figure_is_not_shown_a_second_time_by_pyplot():
    fig = drawn()
    plots.show(fig, "a line")
    assert not plt.fignum_exists(fig.number)


def test_a_figure_without_words_is_refused():
    with pytest.raises(ValueError, match="alt is empty"):
        plots.show(drawn(), " ")


def test_a_text_is_drawn_in_bits_and_not_a_second_time_as_its_loss():
    bits = np.linspace(6, 3, 50)
    history = History(losses=list(bits * np.log(2)), metrics={"bits per character": list(bits)})
    guessing = {"bits per character": (4.6, "guessing")}
    axes, = plots.training_figure(("text", history, guessing)).axes
    assert axes.get_ylabel() == "bits per character" and [text.get_text() for text in axes.texts] == ["4.60: guessing"]
    assert np.allclose(axes.lines[0].get_ydata(), bits)


def test_without_bits_the_loss_is_drawn():
    history = History(losses=[1.0, 0.5], metrics={"accuracy": [0.5, 1.0]})
    assert [axes.get_ylabel() for axes in plots.training_figure(("parity", history)).axes] == ["loss", "accuracy"]


def test_the_matrix_of_a_diagnosis_has_a_cross_for_every_wrong_derivative_and_no_other():
    class NoMemory(LSTM):
        def step_backward(self, dnew, old, new, memo):
            da, (dh, dc) = super().step_backward(dnew, old, new, memo)
            return da, (dh, 0 * dc)

    found = diagnose(NoMemory(2, 3))
    axes, = plots.verdicts_figure(found).axes
    crosses = {(found.rows[round(text.get_position()[1])], found.columns[round(text.get_position()[0])])
               for text in axes.texts if text.get_text() == "×"}
    assert crosses == {place for place, verdict in found.matrix.items() if verdict == "wrong"} and crosses
