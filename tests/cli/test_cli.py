"""The command line, as a user meets it: what it prints, its exit status, what it says to bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import minirnn
from minirnn import cli

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, **how):
    return subprocess.run([sys.executable, "-m", "minirnn", *map(str, arguments)], cwd=ROOT, text=True, encoding="utf-8",
                          capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"}, **how)


def test_gradcheck_exits_with_zero_and_prints_every_row():
    done = run("gradcheck", "lstm", "rwa", "--method", "complex")
    assert done.returncode == 0 and done.stderr == ""
    for name in ("W_i", "R_g", "c_0", "l_0", "complex step"):
        assert name in done.stdout


def test_gradcheck_json_has_a_report_per_cell(capsys):
    assert cli.main(["gradcheck", "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert list(reports) == list(minirnn.CELLS)
    for name, report in reports.items():
        assert report["ok"] is True and 0 < report["worst"] <= 1e-6
        names = [row["name"] for row in report["rows"]]
        assert set(names) >= set(minirnn.make_cell(name, 3, 4).params) | {"x", "h_0"}


def test_gradcheck_exits_with_one_when_a_gradient_is_wrong(capsys, monkeypatch):
    right = minirnn.CELLS["rnn"].step_backward
    monkeypatch.setattr(minirnn.CELLS["rnn"], "step_backward",
                        lambda self, *given: tuple(2 * part if i == 0 else part
                                                   for i, part in enumerate(right(self, *given))))
    assert cli.main(["gradcheck", "rnn", "lstm", "--json"]) == 1
    reports = json.loads(capsys.readouterr().out)
    assert not reports["rnn"]["ok"] and reports["lstm"]["ok"]
    assert cli.main(["gradcheck", "rnn"]) == 1
    assert "WRONG" in capsys.readouterr().out


MY_CELL = """
import numpy as np
import minirnn

class MyCell(minirnn.Cell):
    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [minirnn.Stack("W", (), (H, D)), minirnn.Stack("R", (), (H, H)), minirnn.Stack("b", (), (H, 1))]

    def step(self, wx, old):
        return (np.tanh(wx + self.R @ old[0]),), minirnn.Memo()

    def step_backward(self, dnew, old, new, memo):
        da = dnew[0] * (1 - new[0]**2)
        return da, (self.R.T @ da,)

class Wrong(MyCell):
    def step_backward(self, dnew, old, new, memo):
        da = dnew[0] * (1 - new[0])
        return da, (self.R.T @ da,)

class Raises(MyCell):
    def step(self, wx, old):
        raise RuntimeError("not today")

class AsksInVain(MyCell):
    def step_backward(self, dnew, old, new, memo):
        return memo.gate, (dnew[0],)

class ReturnsTooLittle(MyCell):
    def step_backward(self, dnew, old, new, memo):
        return dnew[0], ()

class RaisesFrom(MyCell):
    def step(self, wx, old):
        try:
            return {}["h"]
        except KeyError as error:
            raise RuntimeError("no h") from error
"""


def test_gradcheck_takes_a_cell_from_the_users_file_and_names_its_mistake(tmp_path, capsys):
    file = tmp_path / "mycell.py"
    file.write_text(MY_CELL, encoding="utf-8")
    assert cli.main(["gradcheck", f"{file}:MyCell", "--n-in", "2", "--n-hidden", "5"]) == 0
    assert "MyCell (D=2, H=5): all 5 ok" in capsys.readouterr().out
    assert cli.main(["gradcheck", f"{file}:Wrong"]) == 1
    said = capsys.readouterr().out
    assert "line 19: `1 - new[0]` stands where the derivative of the activation" in said


@pytest.mark.parametrize("content, name, words", [
    (MY_CELL, "Raises", "mycell.py, line 24, in step: RuntimeError: not today"),
    (MY_CELL, "AsksInVain", "line 28, in step_backward: step_backward reads memo.gate, which step did not note: it noted nothing"),
    (MY_CELL, "ReturnsTooLittle", "step_backward returned a tuple of 0 as dold, expected a tuple of 1: (dh,)"),
    (MY_CELL, "Other", "has no 'Other', but it has MyCell, Wrong, Raises, AsksInVain, ReturnsTooLittle, RaisesFrom"),
    (MY_CELL, "RaisesFrom", "mycell.py, line 39, in step: RuntimeError: no h"),
    ("import nonsense_that_is_not_there", "X", "mycell.py, line 1: ModuleNotFoundError: No module named 'nonsense_that"),
    ("x = (", "X", "mycell.py, line 1: SyntaxError: '(' was never closed"),
    ("X = 3", "X", "X in "),
])
def test_what_is_wrong_with_a_users_file_is_said_in_its_own_words(content, name, words, tmp_path, capsys):
    (tmp_path / "mycell.py").write_text(content, encoding="utf-8")
    assert cli.main(["gradcheck", f"{tmp_path / 'mycell.py'}:{name}"]) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said and said.count("\n") == 1


def test_cells_and_tasks_are_listed_with_their_sources(capsys):
    assert cli.main(["cells", "--n-in", "2", "--n-hidden", "5"]) == 0
    text = capsys.readouterr().out
    for name, kind in minirnn.CELLS.items():
        assert name in text and kind.source in text
    assert str(4 * (5 * 2 + 5 * 5 + 5)) in text                 # an LSTM's parameters
    assert cli.main(["tasks"]) == 0
    text = capsys.readouterr().out
    assert all(name in text and kind.source in text for name, kind in minirnn.TASKS.items())


def test_one_cell_is_shown_with_equations_shapes_and_state(capsys):
    for name in minirnn.CELLS:
        assert cli.main(["cells", name, "--n-in", "2"]) == 0
        text = capsys.readouterr().out
        cell = minirnn.make_cell(name, 2, 4)
        assert all(line in text for line in cell.equations.values()), name
        assert all(parameter in text for parameter in cell.params)
        assert ", ".join(cell.state_names) in text


def test_train_writes_weights_numbers_and_a_figure(tmp_path, capsys):
    assert cli.main(["train", "parity", "--cell", "rda", "--option", "attention=sigmoid", "--hidden", "8", "--steps", "30",
                     "--length", "6", "--out", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "training.json").read_text())
    assert written["steps"] == len(written["losses"]) == 30
    assert written["settings"]["options"] == {"attention": "sigmoid"}
    assert (tmp_path / "training.png").read_bytes()[:4] == b"\x89PNG"
    model = minirnn.make_model(minirnn.make_task("parity"), "rda", 8, attention="sigmoid")
    model.load(tmp_path / "model.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.npz", "training.json", "training.png"]
    assert "on fresh sequences: loss" in capsys.readouterr().out


def test_train_reads_a_text_of_the_users(tmp_path, capsys):
    text = tmp_path / "mine.txt"
    text.write_text("to be or not to be, that is the question. " * 50, encoding="utf-8")
    assert cli.main(["train", "text", "--file", str(text), "--hidden", "8", "--steps", "20", "--out", str(tmp_path)]) == 0
    assert "bits per character: validation" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_an_interrupted_training_is_saved(tmp_path):
    training = subprocess.Popen([sys.executable, "-m", "minirnn", "train", "parity", "--steps", "1000000", "--hidden", "4",
                                 "--out", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert "parameters" in training.stdout.readline() and "step" in training.stdout.readline()
    time.sleep(0.3)
    training.send_signal(signal.SIGINT)
    rest = training.communicate(timeout=60)[0]
    assert training.returncode == 130 and "interrupted after" in rest
    written = json.loads((tmp_path / "training.json").read_text())
    assert written["interrupted"] and written["steps"] > 1
    with np.load(tmp_path / "model.npz") as weights:
        assert "cell.W_i" in weights.files


@pytest.mark.parametrize("arguments, words", [
    ("gradcheck lstmm", "cell 'lstmm' is unknown, expected one of rnn, lstm"),
    ("gradcheck lstm --method exact", "invalid choice: 'exact'"),
    ("gradcheck lstm --n-hidden 0", "n_hidden is 0, expected a positive integer"),
    ("gradcheck nowhere.py:MyCell", "there is no file nowhere.py"),
    ("gradcheck nowhere.py", 'expected "path/to/file.py:Name"'),
    ("cells lstmm", "cell 'lstmm' is unknown"),
    ("train sorting", "task 'sorting' is unknown, expected one of alternate, parity"),
    ("train parity --cell lstmm", "cell 'lstmm' is unknown"),
    ("train parity --hidden -3", "n_hidden is -3"),
    ("train parity --steps 0", "steps is 0"),
    ("train parity --steps many", "invalid int value: 'many'"),
    ("train parity --lr nan", "lr is nan"),
    ("train parity --seed -1", "rng is -1"),
    ("train parity --length 0", "length is 0"),
    ("train parity --cell lstm --option attention=exp", "lstm has no option 'attention'"),
    ("train parity --cell rda --option attention=max", "attention is 'max', expected one of exp"),
    ("train parity --option learned_state", "expected NAME=VALUE"),
    ("train text --file no-such-file.txt", "no-such-file.txt"),
    ("train parity --file README.md", "parity has no option 'path'"),
    ("dance", "invalid choice: 'dance'"),
])
def test_bad_input_is_one_sentence_on_stderr_and_status_two(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = cli.main(arguments.split())
    except SystemExit as leave:
        status = leave.code
    captured = capsys.readouterr()
    assert status == 2 and words in captured.err and "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []


def test_help_teaches_every_command():
    for arguments in ([], ["demo"], ["gradcheck"], ["lemma1"], ["train"], ["cells"], ["tasks"]):
        done = run(*arguments, "--help")
        assert done.returncode == 0 and "usage: python -m minirnn" in done.stdout
    assert "first steps" in run("--help").stdout
