"""The README tells the truth: its code runs, its lists are complete, its commands are those that exist."""

import re
from pathlib import Path

import pytest

import minirnn
from minirnn import cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


def test_the_readmes_python_runs_in_the_order_in_which_it_stands(capsys):
    names = {}
    for block in BLOCKS:
        exec(block, names)
    printed = capsys.readouterr().out
    assert names["history"].solved_at and "LSTM (D=3, H=4): all 15 ok" in printed and "FunctionCell" in printed


def test_the_readme_lists_every_cell_and_every_task():
    for name in [*minirnn.CELLS, *minirnn.TASKS]:
        assert f"| `{name}` |" in README, name


def test_every_command_of_the_readme_exists():
    commands = set(re.findall(r"python -m minirnn ([a-z]\w*)", README))
    assert {"gradcheck", "lemma1", "train", "cells", "tasks"} <= commands
    for name in commands:
        with pytest.raises(SystemExit) as leave:
            cli.main([name, "--help"])
        assert leave.value.code == 0


def test_every_file_that_the_readme_shows_is_there():
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
