"""Pictures with words, and equations beside lines that are there."""

import base64
import re

import numpy as np
import pytest

from minirnn import experiments, make_cell, plots
from minirnn.cells.elman import RNN


def test_a_shown_figure_is_an_image_with_its_words():
    figure = plots.firmness_figure(np.linspace(1, 2, 3), np.full((3, 2), 0.5), np.full((3, 2), 0.75), guess=4)
    shown = plots.show(figure, 'Two curves; one says "a < b".')
    markup = shown._repr_mimebundle_()[0]["text/html"]
    assert 'alt="Two curves; one says &quot;a &lt; b&quot;."' in markup
    assert base64.b64decode(re.search(r'base64,([^"]+)', markup)[1]).startswith(b"\x89PNG")


def test_an_equation_stands_beside_the_line_as_it_is_in_the_source():
    table = plots.beside(RNN.step, [("h' = tanh(a)", "h_new = ")])
    assert "h_new = tanh(wx + self.R @ h)" in repr(table) and "cells/elman.py, RNN.step" in repr(table)
    assert "<code>h_new = tanh(wx + self.R @ h)</code>" in table._repr_html_()
    with pytest.raises(ValueError, match="0 lines of RNN.step have 'sigmoid'"):
        plots.beside(RNN.step, [("", "sigmoid")])
    with pytest.raises(ValueError, match="lines of RNN.step have 'h', expected one"):
        plots.beside(RNN.step, [("", "h")])


def test_names_in_the_lines_are_explained_below_them_and_must_be_there():
    table = plots.beside(RNN.step, [("h' = tanh(a)", "h_new = ")], {"wx": "W x + b", "self.R": "R"})
    assert repr(table).splitlines()[-2:] == ["wx: W x + b", "self.R: R"]
    assert "<li><code>wx</code>: W x + b</li>" in table._repr_html_()
    for absent in ("w", "memo", "R"):
        with pytest.raises(ValueError, match=f"names has '{absent}', which none of the lines shown has"):
            plots.beside(RNN.step, [("h' = tanh(a)", "h_new = ")], {absent: ""})


def test_the_figures_of_notebook_01_show_what_they_are_given():
    cell = make_cell("rnn", 1, 4, dtype="float64")
    norms = np.median(experiments.gradient_norms(cell, np.ones((5, 1, 2))), axis=1)
    drawn = plots.distance_figure({"a": {1.0: norms}, "b": {0.8: norms}}, guess=("your prediction", 0.5)).axes
    assert len(drawn) == 2 and any(np.array_equal(line.get_ydata(), norms) for line in drawn[0].lines)
    assert "your prediction" in [text.get_text() for text in drawn[1].get_legend().get_texts()]
    singular = plots.singular_values_figure(np.arange(4.0)[::-1], {1: np.ones(4), 2: np.ones(4) / 2}).axes
    assert [text.get_text() for text in singular[1].get_legend().get_texts()] == ["1 step", "2 steps"]
    chain = plots.delay_line_figure(np.array([1, 1.5, 2.25, 0, 0]), 1.5).axes[0]
    zeros = chain.lines[1].get_ydata()[0]
    assert [text.get_text() for at, text in zip(chain.get_yticks(), chain.get_yticklabels()) if at == zeros] == ["0"]
    assert np.array_equal(chain.lines[0].get_xdata(), [0, 1, 2]) and np.array_equal(chain.lines[1].get_xdata(), [3, 4])
