"""A task that is looked at: as text, as a figure, and on the command line."""

import re

import matplotlib
import numpy as np
import pytest

import minirnn
from minirnn import cli, plots
from minirnn.tasks import Batch, Task
from minirnn.tasks.showing import as_text, samples

from every_task import made_up_mnist, small_task  # noqa: F401

matplotlib.use("Agg")
pytestmark = pytest.mark.usefixtures("made_up_mnist")


def rows(text):
    """Label -> what stands behind it, of one block of text."""
    return {label: rest for label, rest in re.findall(r"^(\S.*?)  +(.*)$", text, re.M)}


def test_the_text_of_a_copy_shows_what_was_drawn():
    task = minirnn.make_task("copy", length=9, n_copied=3)
    batch = task.batch(np.random.default_rng(5), 8)
    one, = samples(task, seed=5)
    column = next(k for k in range(8) if one.inputs[0].values == ["ABCDEFGH·?"[i] for i in batch.xs[:, :, k].argmax(axis=1)])
    text = rows(as_text(one))
    assert text["target"] == "".join("ABCDEFGH·"[i] for i in batch.targets[:, column])


def test_the_text_of_an_addition_has_its_numbers_marks_and_sum():
    task = minirnn.make_task("addition", length=8)
    text = rows(as_text(samples(task, seed=1)[0]))
    numbers, marks = [float(word) for word in text["number"].split()], [int(word) for word in text["marked"].split()]
    assert len(numbers) == len(marks) == 8 and sum(marks) == 2
    assert float(text["sum"]) == pytest.approx(sum(n for n, mark in zip(numbers, marks) if mark), abs=0.011)


def test_nothing_stands_where_nothing_is_asked_or_read():
    for one in samples(minirnn.make_task("length", length=10), seed=2, n=2):
        (noise,), (target,) = one.inputs, one.targets
        asked = [t for t, value in enumerate(target.values) if value is not None]
        assert len(asked) == 1 and [value is None for value in noise.values] == [t > asked[0] for t in range(10)]
        assert target.values[asked[0]] == (asked[0] + 1 > 5)


def test_sequences_are_shown_with_different_answers_first_and_none_twice():
    answers = [next(v for v in one.targets[0].values if v is not None) for one in samples(minirnn.make_task("reber"), n=2)]
    assert sorted(answers) == [0, 1]
    assert len(samples(minirnn.make_task("alternate", length=5), n=3)) == 1
    digits = [one.targets[0].values[-1] for one in samples(minirnn.make_task("digits"), n=6)]
    assert len(set(digits)) == 6


def test_a_picture_is_drawn_as_it_was_written_and_as_it_is_read():
    one, = samples(minirnn.make_task("digits-permuted"))
    text = as_text(one)
    assert text.startswith("as written") and "as read" in text and len(text.splitlines()) == 10
    order = minirnn.make_task("digits-permuted").order
    np.testing.assert_array_equal(one.read.ravel(), one.picture.ravel()[order])
    assert "as read" not in as_text(samples(minirnn.make_task("digits"))[0])


def test_long_sequences_are_broken_into_lines_that_fit():
    lines = as_text(samples(minirnn.make_task("addition", length=50))[0], width=60).splitlines()
    assert max(map(len, lines)) <= 60 and len([line for line in lines if line.startswith("number")]) >= 5


def test_unprintable_characters_do_not_break_a_line(tmp_path):
    (tmp_path / "a.txt").write_bytes("a\nb\tc\x07".encode() * 50)
    text = as_text(samples(minirnn.make_task("text", path=tmp_path / "a.txt", length=20))[0])
    assert len(text.splitlines()) == 2 and "¶" in text and "�" in text


class Crowd(Task):
    """Twelve numbers at every step; their mean."""

    n_in, n_out, targets = 12, 1, "numbers"

    def batch(self, rng, batch_size):
        xs = rng.standard_normal((6, 12, batch_size)).astype(np.float32)
        return Batch(xs, xs.mean(axis=1, keepdims=True))


@pytest.mark.parametrize("name", [*minirnn.TASKS, "own"])
def test_every_task_has_a_figure_with_inputs_above_targets(name, tmp_path):
    task = Crowd() if name == "own" else small_task(name)
    figure = plots.task_figure(task, seed=1, n=2)
    found = samples(task, seed=1, n=2)
    strips = [axes for axes in figure.axes if axes.get_yticks().size]
    assert len(strips) == len(found)
    for axes, one in zip(strips, found):
        labels = [label.get_text() for label in axes.get_yticklabels()]
        places = list(axes.get_yticks())
        assert labels[-len(one.targets):] == [strip.label for strip in one.targets]
        assert places == sorted(places) and axes.get_ylim()[0] > axes.get_ylim()[1]    # drawn from the top
        assert axes.get_xlim()[1] == pytest.approx(len(one.inputs[0].values) + 0.6)
    plots.save(figure, tmp_path / "task.png", dpi=40)
    assert (tmp_path / "task.png").read_bytes()[:4] == b"\x89PNG"


def test_a_figure_writes_the_letters_of_a_sequence_in_their_places():
    task = minirnn.make_task("reber", length=12)
    axes, = plots.task_figure(task, seed=3, n=1).axes
    one, = samples(task, seed=3)
    letters = {round(text.get_position()[0]): text.get_text() for text in axes.texts if text.get_text() in "BEPSTVX"}
    assert letters == {t: letter for t, letter in enumerate(one.inputs[0].values, 1) if letter}


def test_the_command_shows_words_numbers_and_sequences(capsys, tmp_path):
    assert cli.main(["tasks", "addition", "--task-option", "length=9", "--task-option", "markers=halves",
                     "--figure", str(tmp_path / "a.png")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("addition: Numbers between 0 and 1, two of them marked")
    assert "markers: \"anywhere\"" in said and "Solved    when loss < 0.001" in said and "Guessing  loss 0.1" in said
    assert "9 steps; at each it reads 2 numbers, and at the last step of each sequence it should say 1 number" in said
    assert "Two sequences, with length=9, markers=halves" in said and said.count("marked  ") == 2
    assert (tmp_path / "a.png").exists() and f"figure: {tmp_path / 'a.png'}" in said


@pytest.mark.parametrize("name", minirnn.TASKS)
def test_the_command_shows_every_task(name, capsys):
    assert cli.main(["tasks", name]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{name}: ") and minirnn.TASKS[name].source in said
    assert ("Its sequence" if name == "alternate" else "Two sequences") in said


def test_the_command_shows_a_task_of_the_users_with_what_is_to_be_noted(capsys, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nfrom minirnn import Batch, Task\n\nclass Same(Task):\n    n_in, n_out, targets = 1, 1, 'bits'\n\n"
        "    def batch(self, rng, batch_size):\n        xs = np.ones((3, 1, batch_size), np.float32)\n"
        "        return Batch(xs, xs)\n")
    assert cli.main(["tasks", f"{tmp_path / 'mine.py'}:Same"]) == 0
    said = capsys.readouterr().out
    assert "Note      Same.batch does not use rng" in said and "(it does not say)" in said and "Its sequence" in said


@pytest.mark.parametrize("arguments, words", [
    (["sorting"], "task 'sorting' is unknown, expected one of addition, "),
    (["reber", "--task-option", "length"], "--task-option is 'length', expected NAME=VALUE"),
    (["reber", "--task-option", "size=3"], "reber has no option 'size', expected one of length, error"),
    (["reber", "--seed", "-1"], "rng is -1, expected a seed"),
    (["reber", "--figure", "a.xyz"], "a.xyz ends in .xyz, expected a figure's format"),
    (["none.py:X"], "there is no file none.py"),
])
def test_what_the_command_cannot_do_it_says_in_one_sentence(arguments, words, capsys):
    assert cli.main(["tasks", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
