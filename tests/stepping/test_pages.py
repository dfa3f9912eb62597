"""The pages of a step-through: well formed, nothing loaded from elsewhere, the numbers those of the step-through."""

import html.parser
import json
import re
import sys

import numpy as np
import pytest

import minirnn
from minirnn.stepping.html import MOST_PAGES, Page, document
from minirnn.stepping.words import Digits, number, written

EMPTY = {"meta", "input", "br", "img"}


class Checker(html.parser.HTMLParser):
    """Follows the tags; keeps the text."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.attributes = [], [], []

    def handle_starttag(self, tag, attributes):
        self.attributes += attributes
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)


def read(text):
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert not checker.open
    return checker, "".join(checker.text)


def step_of(name="lstm", n_hidden=2, t=1):
    rng = np.random.default_rng(0)
    cell = minirnn.make_cell(name, 2, n_hidden, dtype="float64")
    cell.params.flat[...] += rng.normal(0, 0.3, cell.n_params)
    return minirnn.step_through(cell, rng.normal(size=(3, 2, 2)), t=t)


@pytest.mark.parametrize("name", list(minirnn.CELLS))
def test_a_still_page_is_well_formed_and_has_every_number(name):
    step = step_of(name)
    _, text = read(step._repr_html_())
    for line in step.forward:
        assert f"= {number(line.value)}" in text, line.name
    for gradient in step.backward:
        assert f"= {number(gradient.total)}" in text, gradient.name
        assert all(number(term.value) in text for term in gradient.terms)
    assert "\x01" not in text and "http" not in text


def test_a_file_loads_nothing_and_holds_every_page():
    step = step_of()
    text = document(step)
    checker, _ = read(text)
    assert not [value for name, value in checker.attributes if name in ("src", "href") or "//" in str(value)]
    assert not re.search(r"https?:|@import|url\(", text)
    data = json.loads(re.search(r'<script type="application/json" id="mr-data">(.*?)</script>', text, re.S)[1])
    assert data["sizes"] == [3, 2, 2] and len(data["pages"]) == 12
    for t in range(3):
        for unit in range(2):
            for example in range(2):
                template, numbers = data["pages"][(t * 2 + unit) * 2 + example]
                page = Page(step.at(t, unit, example))
                assert numbers == page.numbers and data["templates"][template] == page.template
                values = step.at(t, unit, example).values
                assert set(values.values()) <= set(numbers)
    assert len(data["templates"]) <= 4, "pages that differ in their numbers alone share a template"


def test_the_page_can_be_read_without_its_styles():
    page = step_of("rnn", n_hidden=2)._repr_html_()
    text = read(page)[1]
    bare = re.sub(r' class="[^"]*"', "", page.partition("</style>")[2])              # what JupyterLab leaves of one not trusted
    assert '<span style="color:#B84A00">dh</span>' in bare and '<td style="text-align:left' in bare
    assert "Colours: input · state · gate · other value · weight · gradient" in text


@pytest.mark.parametrize("name, n_hidden, opened, folded", [("rnn", 2, True, False), ("rnn", 5, False, True),
                                                            ("lstm", 2, True, True)])
def test_two_products_of_few_terms_are_shown_without_being_asked_for(name, n_hidden, opened, folded):
    page = step_of(name, n_hidden)._repr_html_()
    assert ("<details open>" in page) == opened and ("<details>" in page) == folded


def test_the_sliders_have_labels_and_the_page_shows_without_a_script():
    step = step_of()
    text = document(step)
    for name in ("t", "unit", "example"):
        assert re.search(rf'<label for="mr-{name}">[^<]+<input type="range" id="mr-{name}" min="0" max="[12]"', text)
    assert Page(step).filled() in text and 'lang="en"' in text


def test_a_file_of_too_many_pages_is_refused_in_words(tmp_path):
    step = minirnn.step_through(minirnn.make_cell("rnn", 1, 30), np.ones((20, 1, 10)))
    with pytest.raises(ValueError, match=f"20 steps × 30 units × 10 examples, expected at most {MOST_PAGES:,} pages"):
        step.save_html(tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value, text", [(0.0, "0"), (0.5, "0.500"), (-0.0625, "−0.062"), (1234.56, "1234.6"),
                                         (2.5e-5, "2.50e−5"),
                                         (-1e30, "−1.00e30"), (999.9996, "1000.000")])
def test_numbers_are_written_alike(value, text):
    assert number(value) == text
    assert written([Digits(value, True)]) == (f"({text})" if value < 0 else text)


def test_sliders_in_a_live_notebook_replace_the_page():
    pytest.importorskip("ipywidgets")
    step = step_of()
    live, shown = step.interact(), []
    live.shown = type("Output", (), {"update": staticmethod(shown.append)})
    assert [slider.description for slider in live.sliders] == ["step t", "unit", "example"]
    live.sliders[0].value = 2
    live.sliders[1].value = 1
    assert len(shown) == 2 and shown[-1]._repr_html_() == step.at(2, 1, 0)._repr_html_() == live.step._repr_html_()


def test_the_page_below_the_sliders_is_an_ordinary_output(capsys):
    pytest.importorskip("ipywidgets")
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    InteractiveShell.instance()
    step = step_of()
    with capture_output() as captured:
        step.interact()._ipython_display_()
    sliders, page = (output.data for output in captured.outputs)
    assert "application/vnd.jupyter.widget-view+json" in sliders and "text/html" not in sliders
    assert page["text/html"] == step._repr_html_()


def test_without_widgets_the_still_page_is_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    step = step_of()
    assert step.interact() is step
