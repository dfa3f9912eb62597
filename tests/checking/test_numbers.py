"""A factor that is a number is told by its name, wherever the number is kept, and a fraction in words."""

import pytest

from minirnn import gradcheck
from minirnn.checking.loading import load_cell

MODULE = '''
import numpy as np

from minirnn import Cell, FunctionCell
from minirnn.cells.parameters import Stack

{module}

def build({around}):
    def step(p, x, old):
        h, = old
        {local}
        n = np.tanh(p["W"] @ x + p["R"] @ h)
        return (h + {scaled}(n - h){divided},), {{"n": n}}

    def step_backward(p, dnew, x, old, new, memo, grads):
        h, d, n = old[0], dnew[0], memo["n"]
        {local}
        dh = d - {scaled}d{divided}
        da = d * (1 - n**2)
        grads["W"] += da @ x.T
        grads["R"] += da @ h.T
        return p["W"].T @ da, (dh + p["R"].T @ da,)

    return step, step_backward


def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {{"W": rng.normal(size=(n_hidden, n_in)), "R": rng.normal(size=(n_hidden, n_hidden))}}
    return FunctionCell(*build({given}), params, n_in=n_in, n_hidden=n_hidden)
'''
PLAIN = {"module": "", "around": "", "local": "", "given": "", "scaled": "rate * ", "divided": ""}
ONE = MODULE.format(**{**PLAIN, "local": "rate = 1"})
PLACES = {
    "module": {"module": "rate = 0.3"},
    "module, as NumPy's": {"module": "rate = np.sqrt(0.1)"},
    "around": {"around": "rate", "given": "0.3"},
    "local": {"local": "rate = np.exp(-1.2)"},
    "divided, module": {"module": "rate = 0.3", "scaled": "", "divided": " / rate"},
    "divided, length": {"local": "rate = len(h)", "scaled": "", "divided": " / rate"},
    "divided, root": {"local": "rate = np.sqrt(len(h))", "scaled": "", "divided": " / rate"},
}


def report_of(tmp_path, text, name="make"):
    (tmp_path / "cell.py").write_text(text)
    report = gradcheck(load_cell(f"{tmp_path / 'cell.py'}:{name}", 3, 4))
    assert not report
    return report


def finding_of(*given):
    return report_of(*given).diagnosis.findings[0]


@pytest.mark.parametrize("place", PLACES)
def test_a_factor_is_told_by_the_name_of_the_number(place, tmp_path):
    finding = finding_of(tmp_path, MODULE.format(**{**PLAIN, **PLACES[place]}))
    belongs = "da = d * (1 - n ** 2) / rate" if "divided" in place else "da = rate * (d * (1 - n ** 2))"
    assert finding.source == "da = d * (1 - n**2)" and finding.certain and "missing factor" in (finding.kind, finding.also)
    assert finding.belongs.replace("n**2", "n ** 2") == belongs


LEAKY = '''
from minirnn.activations import tanh
from minirnn.cells.cell import Memo
from minirnn.cells.elman import RNN


class Leaky(RNN):
    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.rate = 0.3

    def step(self, wx, old):
        h, = old
        n = tanh(wx + self.R @ h)
        return ((1 - self.rate) * h + self.rate * n,), Memo(n=n)

    def step_backward(self, dnew, old, new, memo):
        d, = dnew
        da = d * (1 - memo.n**2)
        return da, ((1 - self.rate) * d + self.R.T @ da,)
'''


def test_a_number_that_the_cell_keeps_is_told_as_its_attribute(tmp_path):
    finding = finding_of(tmp_path, LEAKY, "Leaky")
    assert finding.certain and finding.belongs == "da = self.rate * (d * (1 - memo.n ** 2))"


@pytest.mark.parametrize("wrong, words, belongs", [
    ("n**2", "a third of what it should be", "(3 * n ** 2)"), ("9 * n**2", "three times what it should be", " / 3 ")])
def test_a_simple_fraction_is_told_in_words_and_mended_where_the_product_is_made(wrong, words, belongs, tmp_path):
    text = ONE.replace("(n - h)", "(n**3 - h)").replace("da = d * ", f"da = d * {wrong} * ")
    finding = finding_of(tmp_path, text)
    assert finding.certain and finding.source.startswith("da = ")
    assert words in finding.sentence and belongs in finding.belongs
