"""The command line, as a user meets it: what it prints, its exit status, what it says to bad input."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from whole import amount

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


@pytest.mark.parametrize("name", ["rda", "rda-exp-tanh"])
def test_a_cell_says_what_the_functions_in_its_equations_are_and_speaks_of_its_own_state(name, capsys):
    assert cli.main(["cells", name]) == 0
    said = capsys.readouterr().out
    assert "h, v and l without ' are the previous step's" in said and "h and c" not in said
    for option, symbol in (("attention", "f_a"), ("hidden", "f_h"), ("output", "f_o")):
        assert re.search(rf"  {option}='\w+' +{symbol}, (one of )?\"\w+\"", said)
        assert said.count("(fixed in this cell)") == 3 * (name != "rda")


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
                     "--length", "6", "--out", str(tmp_path / "run")]) == 0
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["steps"] == 30 and record["solved_at"] is None
    assert record["experiment"]["cell_options"] == {"attention": "sigmoid"}
    assert record["experiment"]["task_options"] == {"length": 6}
    assert (tmp_path / "run" / "training.png").read_bytes()[:4] == b"\x89PNG"
    model = minirnn.load(tmp_path / "run" / "model.npz")
    assert type(model.cells[0]).__name__ == "RDA" and model.cells[0].attention == "sigmoid"
    said = capsys.readouterr().out
    assert "held out, test" in said and "guessing" in said and "not solved (loss < 0.001)" in said


def test_train_reads_a_text_of_the_users(tmp_path, capsys):
    text = tmp_path / "mine.txt"
    text.write_text("to be or not to be, that is the question. " * 50, encoding="utf-8")
    assert cli.main(["train", "text", "--task-option", f"path={text}", "--hidden", "8", "--steps", "20",
                     "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "bits per character" in said and "it writes:" in said


def test_a_folder_with_a_run_is_never_overwritten(tmp_path, capsys):
    command = ["train", "parity", "--steps", "3", "--hidden", "4", "--length", "4", "--out", str(tmp_path / "run")]
    assert cli.main(command) == 0
    before = (tmp_path / "run" / "record.json").read_bytes()
    assert cli.main(command) == 2
    assert "holds a run of parity-lstm-0 already" in capsys.readouterr().err
    assert (tmp_path / "run" / "record.json").read_bytes() == before


def test_a_record_can_be_repeated(tmp_path, capsys):
    assert cli.main(["train", "parity", "--steps", "12", "--hidden", "4", "--length", "4", "--out", str(tmp_path / "one")]) == 0
    assert cli.main(["train", "--repeat", str(tmp_path / "one" / "record.json"), "--out", str(tmp_path / "two")]) == 0
    records = [json.loads((tmp_path / name / "record.json").read_text()) for name in ("one", "two")]
    for record in records:
        del record["seconds"], record["versions"]
    assert records[0] == records[1]
    assert (tmp_path / "one" / "curve.csv").read_bytes() == (tmp_path / "two" / "curve.csv").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize("number, status", amount([(signal.SIGTERM, 143)], [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]))
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(number, status, tmp_path):
    command = [sys.executable, "-m", "minirnn", "train", "parity", "--steps", "400", "--until", "never", "--hidden", "4",
               "--length", "5", "--lr", "0.001"]
    training = subprocess.Popen([*command, "--out", str(tmp_path / "cut")], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert "parameters" in training.stdout.readline() and "step" in training.stdout.readline()
    time.sleep(0.1)
    training.send_signal(number)
    rest = training.communicate(timeout=60)[0]
    assert training.returncode == status and "interrupted after" in rest and "--resume" in rest
    assert minirnn.load(tmp_path / "cut" / "checkpoint.npz").n_params > 0
    assert not (tmp_path / "cut" / "record.json").exists()
    done = run("train", "--resume", tmp_path / "cut")
    assert done.returncode == 0, done.stderr
    assert run(*command[3:], "--out", tmp_path / "whole").returncode == 0
    assert (tmp_path / "cut" / "curve.csv").read_bytes() == (tmp_path / "whole" / "curve.csv").read_bytes()


def test_compare_makes_a_table_a_figure_and_json(tmp_path, capsys):
    command = ["compare", "addition", "--cells", "rwa", "gru", "--length", "5", "--hidden", "6", "--steps", "8", "--seeds", "2",
               "--out", str(tmp_path)]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "steps until loss < 0.001" in said and "rwa" in said and "guessing" in said
    found = json.loads((tmp_path / "compare.json").read_text())
    assert [(row["cell"], row["seed"]) for row in found["rows"]] == [("rwa", 0), ("rwa", 1), ("gru", 0), ("gru", 1)]
    for row in found["rows"]:
        assert row["steps"] == 8 and row["solved_at"] is None and row["seconds"] >= 0 and "loss" in row["metrics"]
    assert found["task"] == "addition" and found["versions"]["numpy"] == np.__version__
    assert (tmp_path / "compare.png").read_bytes()[:4] == b"\x89PNG"
    assert len((tmp_path / "compare.csv").read_text().splitlines()) == 5
    assert cli.main(command) == 2 and "already" in capsys.readouterr().err
    assert cli.main([*command, "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == found["rows"]


@pytest.mark.parametrize("arguments, words", [
    ("gradcheck lstmm", "cell 'lstmm' is unknown, expected one of rnn, lstm"),
    ("gradcheck lstm --method exact", "invalid choice: 'exact'"),
    ("gradcheck lstm --n-hidden 0", "n_hidden is 0, expected a positive integer"),
    ("gradcheck nowhere.py:MyCell", "there is no file nowhere.py"),
    ("gradcheck nowhere.py", 'expected "path/to/file.py:Name"'),
    ("cells lstmm", "cell 'lstmm' is unknown"),
    ("train sorting", "task 'sorting' is unknown, expected one of addition, alternate"),
    ("train parity --cell lstmm", "cell 'lstmm' is unknown"),
    ("train parity --hidden -3", "n_hidden is -3"),
    ("train parity --steps 0", "steps is 0"),
    ("train parity --steps many", "invalid int value: 'many'"),
    ("train parity --lr nan", "lr is nan"),
    ("train parity --seed -1", "seed is -1"),
    ("train parity --length 0", "length is 0"),
    ("train parity --cell lstm --option attention=exp", "lstm has no option 'attention'"),
    ("train parity --cell rda --option attention=max", "attention is 'max', expected one of exp"),
    ("train parity --option learned_state", "expected NAME=VALUE"),
    ("train text --task-option path=no-such-file.txt", "no-such-file.txt"),
    ("train parity --task-option path=README.md", "parity has no option 'path'"),
    ("train", "train was given nothing to do, expected one of TASK, --resume DIR and --repeat RECORD"),
    ("train parity --resume x", "train was given task and resume"),
    ("train --resume nowhere", "nowhere"),
    ("train --repeat nowhere.json", "nowhere.json"),
    ("train parity --preset exam", "invalid choice: 'exam'"),
    ("train parity --until soon", "the criterion is 'soon', expected a metric, a relation and a number"),
    ("train parity --schedule sometimes", "schedule is 'sometimes', expected"),
    ("train parity --until accuracy>=2x", "the criterion is 'accuracy>=2x'"),
    ("compare parity --seeds 0", "--seeds is 0"),
    ("compare parity --jobs 0", "--jobs is 0"),
    ("compare parity --cells lstmm", "cell 'lstmm' is unknown"),
    ("compare copy --length 0", "length is 0"),
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


@pytest.mark.parametrize("command", ["", "demo", "gradcheck", "step", "lemma1", "train", "compare", "table", "cells", "tasks",
                                     "bench"])
def test_help_teaches_every_command(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and f"usage: python -m minirnn {command}".strip() in said
    assert command or "first steps" in said
