"""`python -m minirnn step`: a step as text or as a page, of our cells and of the user's, and what it says of bad input."""

import pytest

from minirnn import cli

OWN = '''
import numpy as np, minirnn

class Leaky(minirnn.Cell):
    """h' = h/2 + tanh(W x + b)/2"""

    def stacks(self):
        return [minirnn.Stack("W", (), (self.n_hidden, self.n_in)), minirnn.Stack("b", (), (self.n_hidden, 1))]

    def step(self, wx, old):
        h, = old
        s = np.tanh(wx)
        return (0.5 * h + 0.5 * s,), minirnn.Memo(s=s)

    def step_backward(self, dnew, old, new, memo):
        dh, = dnew
        return 0.5 * dh * (1 - memo.s**2), (0.5 * dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        from minirnn.cells.cell import columns
        grads["W"] += columns(dwxs) @ columns(xs).T
        grads["b"] += columns(dwxs).sum(axis=1, keepdims=True)
        return self.W.T @ dwxs

class Broken(Leaky):
    def step(self, wx, old):
        return undefined
'''


def test_a_step_is_printed(capsys):
    assert cli.main(["step", "lstm", "--t", "3", "--unit", "1", "--example", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("LSTM, step t = 3 of 0 to 5, unit 1 of 0 to 3, example 1 of 0 to 1")
    assert "i = σ(W_i x + R_i h + b_i) = σ(" in printed and "through R_i" in printed
    assert "largest relative difference" in printed


def test_options_and_sizes_are_taken(capsys):
    assert cli.main(["step", "gru", "--option", "reset_after=True", "--n-hidden", "2", "--n-in", "1", "--steps", "2",
                     "--batch", "1"]) == 0
    printed = capsys.readouterr().out
    assert "q = R_n h + c_n" in printed and "step t = 1 of 0 to 1, unit 0 of 0 to 1" in printed


def test_a_cell_of_ones_own_is_shown(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(OWN, encoding="utf-8")
    assert cli.main(["step", f"{tmp_path / 'mine.py'}:Leaky"]) == 0
    printed = capsys.readouterr().out
    assert "s = tanh(wx[0])" in printed or "s = tanh(wx)" in printed
    assert "h' = 0.5 ⊙ h + 0.5 ⊙ s" in printed and "do NOT" not in printed


def test_a_page_is_written(tmp_path, capsys):
    page = tmp_path / "pages" / "rnn.html"
    assert cli.main(["step", "rnn", "--steps", "2", "--n-hidden", "2", "--html", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>") and str(page) in capsys.readouterr().out


@pytest.mark.parametrize("arguments, words", [
    (["step", "ltsm"], "cell 'ltsm' is unknown, expected one of rnn, lstm"),
    (["step", "lstm", "--t", "60"], "t is 60, expected an integer from 0 to 5: there are 6 steps"),
    (["step", "lstm", "--steps", "0"], "steps is 0, expected a positive integer"),
    (["step", "lstm", "--option", "colour=blue"], "lstm has no option 'colour'"),
    (["step", "nowhere.py:Cell"], "there is no file nowhere.py"),
])
def test_bad_input_is_a_sentence_and_status_2(arguments, words, capsys):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("minirnn: ") and words in captured.err and not captured.out


def test_an_error_in_ones_own_cell_is_told_with_its_line(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(OWN, encoding="utf-8")
    assert cli.main(["step", f"{tmp_path / 'mine.py'}:Broken"]) == 2
    assert "mine.py, line 27, in step: NameError" in capsys.readouterr().err
