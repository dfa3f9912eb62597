"""What a student is told, whatever is handed in: right, wrong, not answered; hints, predictions, and what is solved."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minirnn import exercises
from minirnn.exercises.catalogue import EXERCISES, NOTEBOOKS
from minirnn.exercises.values import Formula, Number, Prediction, Slip


@pytest.fixture
def session():
    return exercises.Session({
        "99.1": Number("99.1", "Six", "Two times three.", answer=lambda: 6.0, hints=["Count.", "Count once more."],
                       slips=[Slip(lambda: 5.0, "That is the sum.")], after="Well counted."),
        "99.2": Formula("99.2", "A product", "Write product(a, b).", truth=lambda a, b: a @ b, hints=["Rows by columns."],
                        probes={"small": lambda rng: (rng.normal(size=(2, 2)), rng.normal(size=(2, 2))),
                                "wide": lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(3, 4)))}),
        "99.3": Prediction("99.3", "A guess", "How many?", answer=lambda: 100.0, told="It is a hundred.", hints=[]),
        "99.4": Prediction("99.4", "A choice", "Which?", answer=lambda: "up", hints=[],
                           options={"up": "And up it went.", "down": "It looked like it."}),
        "99.5": Number("99.5", "A matrix", "Four numbers.", answer=lambda: np.array([[1.0, 2.0], [3.0, 4.0]]), hints=[]),
    })


def test_a_right_number_is_right_to_three_digits_and_counts_as_solved(session):
    feedback = session.check("99.1", 6.005)
    assert feedback and str(feedback) == "99.1 is right. Well counted."
    assert "99.1  Six (a number)  [solved]" in str(session.show("99")) and "1 of 5 solved" in str(session.show())
    assert not session.check("99.1", 6.05)


@pytest.mark.parametrize("answer", [None, ..., (..., ...), [1.0, ...]])
def test_what_is_left_open_is_not_answered_yet(session, answer):
    feedback = session.check("99.1", answer)
    assert feedback.status == "open" and not feedback and "99.1 is not answered yet." in str(feedback)


def test_a_function_with_a_blank_in_it_is_not_answered_yet_and_its_line_is_told(session):
    def product(a, b):
        c = ...                     # the product
        return c

    feedback = session.check("99.2", product)
    assert feedback.status == "open" and str(feedback).endswith("c = ...")


def test_numpys_ellipsis_in_an_index_is_no_blank(session):
    def product(a, b):
        return (a @ b)[..., :]

    assert session.check("99.2", product)


@pytest.mark.parametrize("answer, told", [
    (5.0, "That is the sum."),
    (-6.0, "has the right size and the wrong sign"),
    (7, "too large"),
    (3, "too small"),
    ("six", "The answer is a str, expected one number."),
    (1j, "complex numbers"),
    (True, "a bool"),
    (np.nan, "NaN or infinity"),
    ([6.0], "has shape (1,), expected ()"),
    (lambda: 6, "call it, and hand in what it returns"),
    ([[1, 2], [3]], "lists of different lengths"),
    ({"a": 6}, "a dict"),
])
def test_a_wrong_number_is_told_what_it_is(session, answer, told):
    feedback = session.check("99.1", answer)
    assert feedback.status == "wrong" and told in str(feedback)


@pytest.mark.parametrize("answer, told", [
    ([[1, 3], [2, 4]], "transposed"),
    ([[2, 4], [6, 8]], "2 times what it should be"),
    ([[1, 2], [3, 5]], "wrong at [1, 1] only"),
    ([[5, 6], [7, 8]], "wrong in every element"),
    ([1, 2, 3, 4], "has shape (4,), expected (2, 2)"),
])
def test_a_wrong_array_is_told_where_without_the_right_value(session, answer, told):
    assert told in str(session.check("99.5", answer))


@pytest.mark.parametrize("answer, told", [
    (lambda a, b: a * b, "operands could not be broadcast"),
    (lambda a, b: (a.T @ b.T).T if a.shape == b.shape else a @ b, "is right for wide, wrong for small"),
    (lambda a, b: -(a @ b), "wrong sign"),
    (lambda a, b: 2 * (a @ b), "2 times"),
    (lambda a: a, "It is called with 2 arguments"),
    (lambda a, b: None, "returns nothing"),
    (lambda a, b: "no", "a str"),
    (lambda a, b: (a @ b).T, "has shape (4, 2), expected (2, 4), its transpose"),
    (3.0, "It is a float, expected a function"),
])
def test_a_wrong_formula_is_told_what_it_does(session, answer, told):
    feedback = session.check("99.2", answer)
    assert feedback.status == "wrong" and told in str(feedback)


def test_a_formula_that_changes_its_arguments_is_told_so(session):
    def product(a, b):
        a *= 1.5
        return a @ b / 1.5

    assert "changes one of its arguments" in str(session.check("99.2", product))


def test_an_error_in_a_students_function_is_told_with_its_line(session):
    def product(a, b):
        return missing_name(a, b)

    told = str(session.check("99.2", product))
    assert "raised NameError" in told and "return missing_name(a, b)" in told and "session.py" not in told


def test_hints_come_one_by_one_and_then_say_where_the_solution_is(session):
    assert "there are 2" in str(session.check("99.1", 7))
    assert [str(session.hint("99.1")) for _ in range(2)] == ["99.1, hint 1 of 2: Count.", "99.1, hint 2 of 2: Count once more."]
    assert "notebooks/solutions" in str(session.hint("99.1"))
    assert str(session.check("99.1", 7)) == "99.1 is not right yet. It is too large."


def test_a_prediction_is_noted_and_judged_only_when_it_is_revealed(session):
    assert session.guess("99.3") is None and session.reveal("99.3").status == "open"
    assert "100" not in str(session.reveal("99.3"))
    feedback = session.check("99.3", 30)
    assert feedback.status == "noted" and "100" not in str(feedback)
    assert "the one that counts" in str(session.check("99.3", 90)) and session.guess("99.3") == 30
    assert "You predicted 30; it is 100. It is a hundred." in str(session.reveal("99.3")) and not session.reveal("99.3")


def test_a_good_prediction_is_right_within_its_factor(session):
    session.check("99.3", 60)
    assert session.reveal("99.3")


def test_a_choice_gets_the_words_that_belong_to_it(session):
    assert "not among the options: 'up', 'down'" in str(session.check("99.4", "left"))
    session.check("99.4", "down")
    revealed = session.reveal("99.4")
    assert not revealed and "It looked like it." in str(revealed)


@pytest.mark.parametrize("guess", ["many", -1, 0, True, np.inf, [3]])
def test_a_guess_must_be_a_positive_number(session, guess):
    assert "not a positive number" in str(session.check("99.3", guess)) and session.guess("99.3") is None


def test_unknown_numbers_are_told_the_known_ones():
    for call in (exercises.check, exercises.hint, exercises.show, exercises.guess, exercises.reveal):
        with pytest.raises(KeyError, match="00.1, 00.2"):
            call("77.1")
    with pytest.raises(KeyError, match="is unknown"):
        exercises.check(0.1)
    with pytest.raises(ValueError, match="expected a prediction"):
        exercises.reveal("00.1")


def test_show_gives_the_task(session):
    assert str(session.show("99.1")) == "99.1  Six (a number)\n\nTwo times three."


def test_feedback_is_a_box_in_a_notebook_with_its_text_escaped():
    feedback = exercises.Feedback("wrong", "a < b")
    assert "a &lt; b" in feedback._repr_html_() and "border-left" in feedback._repr_html_()


def test_every_exercise_is_complete_and_the_numbers_count_up():
    assert len(EXERCISES) == sum(len(notebook.EXERCISES) for notebook in NOTEBOOKS)
    for notebook in NOTEBOOKS:
        first = notebook.EXERCISES[0].number.partition(".")[0]
        assert [e.number for e in notebook.EXERCISES] == [f"{first}.{k + 1}" for k in range(len(notebook.EXERCISES))]
    for exercise in EXERCISES.values():
        assert exercise.task and exercise.title and exercise.hints and all(hint.endswith((".", "?")) for hint in exercise.hints)


def test_importing_the_library_does_not_load_the_exercises():
    code = "import sys, minirnn; assert not any(name.startswith('minirnn.exercises') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2], check=True)


def test_derivative_is_the_gradient_of_a_function_of_arrays():
    a, b = np.array([[1.0, 2.0]]), np.array([[0.5], [-1.0]])
    found = exercises.derivative(lambda a, b: np.tanh(a @ b)[0, 0], (a, b), 1)
    assert np.allclose(found, (1 - np.tanh(-1.5)**2) * a.T) and found.shape == (2, 1)
    assert exercises.derivative(lambda x: x**3, (2.0,)) == pytest.approx(12)
