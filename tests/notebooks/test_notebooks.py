"""The notebooks: what is stored in them, what they do in a fresh kernel, and whether they keep the frame.

A kernel is started for one notebook only, unless MINIRNN_ALL=1: then for all, also for the solutions.
"""

import os
import re
import time

import pytest

from minirnn.exercises.catalogue import EXERCISES
from minirnn.exercises.values import Prediction
from notebooks import frame

NOTEBOOKS, SOLUTIONS = frame.notebooks(), frame.solutions()
EVERYTHING = os.environ.get("MINIRNN_ALL") == "1"
QUICK = frame.FOLDER / "00_start_here.ipynb"


def of(paths, only=None):
    """Parameters: one per notebook, named after it. With `only`, the others wait for MINIRNN_ALL=1."""
    def marks(path):
        waits = only is not None and not EVERYTHING and path != only
        return [pytest.mark.skip(reason="a kernel for each notebook: with MINIRNN_ALL=1")] * waits
    return pytest.mark.parametrize("path", [
        pytest.param(path, id=str(path.relative_to(frame.FOLDER)).removesuffix(".ipynb"), marks=marks(path)) for path in paths])


# ---- what is stored --------------------------------------------------------------------------------------------------

@of([*NOTEBOOKS, *SOLUTIONS])
def test_it_was_run_from_top_to_bottom_without_an_error_or_a_warning(path):
    notebook = frame.read(path)
    counts = [cell.execution_count for _, cell in frame.code(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    for k, output in frame.outputs(notebook):
        assert output.output_type != "error" and output.get("name") != "stderr", f"cell {k}"


@of([*NOTEBOOKS, *SOLUTIONS])
def test_nothing_in_it_tells_of_the_machine_that_it_was_run_on(path):
    assert not frame.PATHS.search(path.read_text(encoding="utf-8"))


@of([*NOTEBOOKS, *SOLUTIONS])
def test_every_link_leads_somewhere(path):
    assert not frame.dead_links(path, frame.read(path))


@of([*NOTEBOOKS, *SOLUTIONS])
def test_every_figure_has_words_for_who_does_not_see_it(path):
    assert not frame.figures_without_words(frame.read(path))


# ---- the frame -------------------------------------------------------------------------------------------------------

@of(NOTEBOOKS)
def test_the_first_cell_says_what_it_is_for_how_long_it_takes_and_what_it_needs(path):
    first = frame.read(path).cells[0].source
    number = int(path.stem[:2])
    assert re.match(rf"# {number}\. \S", first)
    for words in ("**Afterwards you can**", "**Time**", "**You need**", "**Exercises**"):
        assert f"\n{words}" in first, words
    minutes = int(re.search(r"\*\*Time\*\*: about (\d+) minutes", first)[1])
    assert 30 <= minutes <= 60


@of(NOTEBOOKS)
def test_it_has_a_step_through_a_picture_questions_and_something_to_read_next(path):
    notebook = frame.read(path)
    sources = "\n".join(cell.source for _, cell in frame.code(notebook))
    text = "\n".join(cell.source for _, cell in frame.prose(notebook))
    assert "minirnn.step_through(" in sources
    assert "minirnn.draw" in sources
    assert len(re.findall(r"\*\*A question to think about\.\*\*", text)) >= 2
    last = frame.prose(notebook)[-1][1].source
    assert "## What to read next" in last and "## References" in last
    assert len(frame.LINK.findall(last.partition("## References")[2])) >= 2


@of(NOTEBOOKS)
def test_its_exercises_are_those_of_the_library_and_each_is_checked(path):
    sources = "\n".join(cell.source for _, cell in frame.code(frame.read(path)))
    own = [number for number in EXERCISES if number.startswith(path.stem[:2] + ".")]
    assert len(own) >= 3
    assert re.findall(r'exercises\.check\("([\d.]+)"', sources) == own
    assert [n for n in own if isinstance(EXERCISES[n], Prediction)] == re.findall(r'exercises\.reveal\("([\d.]+)"', sources)
    assert any(EXERCISES[number].kind == "a backward pass from blank" for number in own)


@of(NOTEBOOKS)
def test_every_symbol_is_declared_before_it_is_used(path):
    assert not frame.undeclared(frame.read(path))


@of(NOTEBOOKS)
def test_every_name_in_the_prose_is_one_of_its_code_or_of_the_library(path):
    assert not frame.unknown_names(frame.read(path))


@of(NOTEBOOKS)
def test_its_solutions_are_there_solve_every_exercise_and_say_why(path):
    solved = frame.read(frame.FOLDER / "solutions" / path.name)
    shown = "\n".join(frame.output_text(cell) for _, cell in frame.code(solved))
    for number in EXERCISES:
        if number.startswith(path.stem[:2] + "."):
            assert f"{number} is right." in shown, number
            reasons = [cell.source for _, cell in frame.prose(solved) if f"## {number}" in cell.source]
            assert len(" ".join(reasons).split()) > 25, number


# ---- in a fresh kernel -----------------------------------------------------------------------------------------------

@of([*NOTEBOOKS, *SOLUTIONS], only=QUICK)
def test_it_runs_in_a_fresh_kernel_and_shows_what_is_stored(path, record_property):
    from nbclient import NotebookClient

    stored, fresh = frame.read(path), frame.read(path)
    started = time.perf_counter()
    NotebookClient(fresh, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    record_property("seconds", round(time.perf_counter() - started, 1))
    print(f"{path.stem} ran in {time.perf_counter() - started:.0f} s")
    for (k, old), (_, new) in zip(frame.code(stored), frame.code(fresh)):
        assert not any(output.get("name") == "stderr" for output in new.outputs), f"cell {k}: {frame.output_text(new)}"
        assert not frame.PATHS.search(frame.output_text(new)), f"cell {k}"
        if "varies" not in frame.tags(new):
            assert frame.same_but_for_rounding(frame.output_text(old), frame.output_text(new)), f"cell {k}"


# ---- the tests' own tools --------------------------------------------------------------------------------------------

def test_symbols_are_the_letters_of_a_formula_without_words_and_functions():
    assert frame.symbols(r"\mathrm da = \sum_i W_{ik}\,\tanh(x_t) \odot \lambda^\top \text{ and } \operatorname{diag}(v)") == {
        "a", "i", "W", "k", "x", "t", "lambda", "v"}
    assert frame.symbols(r"\textstyle \sum_t \mathrm d h") == {"t", "h"}
    assert frame.symbols(r"\begin{aligned} a &= 1 \\[4pt] b &= 2 \end{aligned}") == {"a", "b"}


def test_a_symbol_that_is_used_before_its_table_is_found():
    from nbformat.v4 import new_markdown_cell, new_notebook

    early = new_markdown_cell("Take $h$.")
    table = new_markdown_cell("| symbol | what |\n|---|---|\n| $h$ | state |\n\nand $h + W$")
    table.metadata["tags"] = ["symbols"]
    assert frame.undeclared(new_notebook(cells=[early, table])) == [(0, "h"), (1, "W")]


def test_numbers_may_differ_in_the_last_digits_and_words_may_not():
    assert frame.same_but_for_rounding("error 1.1e-10 at 0.3799", "error 3.4e-11 at 0.3798")
    assert not frame.same_but_for_rounding("norm 0.38", "norm 0.45")
    assert not frame.same_but_for_rounding("it grows 1", "it shrinks 1")
