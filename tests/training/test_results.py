"""What the repository's records say, which its README and its notebooks retell."""

import json
import math
import statistics
from pathlib import Path

import pytest

from minirnn.training import FIVE, preset
from minirnn.training.comparing import steps_in_words
from minirnn.training.tables import RESULTS

ROOT = Path(__file__).resolve().parents[2]


def compared(task):
    """The rows of a comparison with the settings for a class."""
    return json.loads((RESULTS / "teach" / task / "compare.json").read_text(encoding="utf-8"))["rows"]


def steps_to_solve(task):
    """Cell -> the steps of its seeds until the task was solved, infinite where it was not."""
    rows = compared(task)
    return {cell: [math.inf if row["solved_at"] is None else row["solved_at"] for row in rows if row["cell"] == cell]
            for cell in FIVE}


@pytest.mark.parametrize("task", ["addition", "length", "multicopy"])
def test_there_are_five_seeds_of_each_cell_made_with_the_settings_of_today(task):
    rows = compared(task)
    assert sorted((row["cell"], row["seed"]) for row in rows) == sorted((cell, seed) for cell in FIVE for seed in range(5))
    for row in rows:
        most = preset("teach", task, row["cell"]).steps
        assert row["steps"] == (row["solved_at"] or most)


def test_on_multicopy_the_rdas_learn_first_and_the_rwa_last_or_not_at_all():
    steps = steps_to_solve("multicopy")
    first = max(steps["rda-exp-tanh"] + steps["rda-sigmoid-id"])
    assert first < min(steps["gru"] + steps["lstm"] + steps["rwa"])
    right = {cell: [row["metrics"]["symbols"] for row in compared("multicopy") if row["cell"] == cell] for cell in FIVE}
    assert max(right["rwa"]) < min(right["gru"] + right["lstm"])


@pytest.mark.parametrize("task", ["addition", "length"])
def test_on_addition_and_length_rwa_and_gru_learn_long_before_the_lstm(task):
    steps = steps_to_solve(task)
    assert max(steps["rwa"]) < math.inf and statistics.median(steps["gru"]) < math.inf
    assert min(steps["lstm"]) == math.inf
    losses = {cell: [row["metrics"]["loss"] for row in compared(task) if row["cell"] == cell] for cell in FIVE}
    assert max(losses["rwa"] + losses["gru"]) < min(losses["lstm"])


def test_the_readme_says_of_each_cell_what_the_records_say():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Who learns what")[2]
    for cell in FIVE:
        line = next(line for line in readme.splitlines() if line.startswith(f"| `{cell}` | "))
        said = [part.strip() for part in line.strip("|").split("|")][1:]
        for words, task in zip(said, ("multicopy", "length", "addition")):
            rows = [row for row in compared(task) if row["cell"] == cell]
            assert words == steps_in_words([row["solved_at"] for row in rows], max(row["steps"] for row in rows)), (cell, task)
