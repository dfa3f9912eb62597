"""The exercises of notebook 04: right answers, typical wrong ones, and what the student is told."""

import numpy as np
import pytest

from minirnn import FunctionCell, gradcheck
from minirnn.exercises.catalogue import EXERCISES
from exercises.answers import revealed, told, written

Z, ATTENTION = np.array([2.0, -2.0, 3.0]), np.array([1.0, 3.0, 4.0])


@pytest.mark.parametrize("averages, words", [
    ((2, -1, 1), "is right"),
    (np.cumsum(Z) / [1, 2, 3], "every value counts alike"),
    (np.cumsum(Z * ATTENTION), "Those are the sums n"),
    (np.cumsum(Z * ATTENTION) / 8, "all the attention there will ever be"),
    (np.cumsum(Z * np.exp(ATTENTION)) / np.cumsum(np.exp(ATTENTION)), "for the logits"),
    ((2, -1), "has shape (2,), expected (3,)"),
])
def test_an_average_by_hand(averages, words):
    assert words in str(told("04.1", averages))


AVERAGE = """\
def average(v, l, z, a):
    w = (1 + np.tanh((a - l) / 2)) / 2
    return v + w * (z - v), np.logaddexp(l, a)
"""


@pytest.mark.parametrize("old, new, words", [
    ("", "", "is right"),
    ("(a - l)", "(l - a)", "belongs to the past"),
    ("np.logaddexp(l, a)", "l + a", "not of a product"),
    ("np.logaddexp(l, a)", "np.maximum(l, a)", "Right: v'. Wrong: l'."),
    ("v + w * (z - v), np.logaddexp(l, a)", "v + w * (z - v)", "expected 2: v', l'"),
])
def test_one_step_of_the_average(old, new, words):
    assert words in str(told("04.2", written(AVERAGE, old, new)))


def test_a_step_that_overflows_on_its_way_to_the_right_result_is_right_and_told_so(recwarn):
    overflowing = written(AVERAGE, "(1 + np.tanh((a - l) / 2)) / 2", "1 / (1 + np.exp(l - a))")
    said = str(told("04.2", overflowing))
    assert said.startswith("04.2 is right.") and "a number overflowed, for logits of size 1000." in said
    assert "overflow" not in str(told("04.2", written(AVERAGE, "", "")))
    assert not recwarn.list


def test_a_step_that_overflows_is_wrong_for_large_logits_and_says_what_came_out():
    body = "    d = np.exp(l) + np.exp(a)\n    return v + np.exp(a) / d * (z - v), np.log(d)\n"
    naive = written("def average(v, l, z, a):\n" + body)
    with np.errstate(all="ignore"):
        feedback = told("04.2", naive)
    assert feedback.status == "wrong" and "has NaN or infinity in it" in str(feedback)


def test_a_prediction_about_a_bias_is_answered_only_by_the_experiment():
    assert revealed("04.3", "they stay as they are")
    for wrong, words in (("they move towards ±1", "so is the total weight"), ("they are infinite or NaN", "never forms e^a")):
        feedback = revealed("04.3", wrong)
        assert not feedback and words in str(feedback)


BACK = """\
def average_backward(dv_new, dl_new, v, l, z, a):
    w = 1 / (1 + np.exp(l - a))
    dw = dv_new * (z - v)
    return dv_new * w, dw * w * (1 - w) + dl_new * w, dv_new * (1 - w), dl_new * (1 - w) - dw * w * (1 - w)
"""


@pytest.mark.parametrize("old, new, words", [
    ("", "", "is right"),
    ("+ dl_new * w, dv_new * (1 - w), dl_new * (1 - w)", ", dv_new * (1 - w), 0", "What reaches l' is not in it"),
    ("dv_new * (1 - w), dl_new", "dv_new, dl_new", "v acts on v' twice"),
    ("dw = dv_new * (z - v)", "dw = 0", "w is taken as a given number"),
    ("dl_new * (1 - w) - dw", "dl_new * (1 - w) + dw", "Right: dz, da, dv. Wrong: dl."),
])
def test_back_through_the_average(old, new, words):
    assert words in str(told("04.4", written(BACK, old, new)))


RWA = """\
def rwa_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dv_new, dl_new = dnew
    h, v, l = old
    h_new, v_new, l_new = new
    u, tanh_g, z, w = memo["u"], memo["tanh_g"], memo["z"], memo["w"]
    dv_new = dv_new + dh_new * (1 - h_new**2)
    dz, dv, dw = dv_new * w, dv_new * (1 - w), dv_new * (z - v)
    da = dw * w * (1 - w) + dl_new * w
    dl = dl_new * (1 - w) - dw * w * (1 - w)
    du, dg = dz * tanh_g, dz * u * (1 - tanh_g**2)
    grads["W_u"] += du @ x.T
    grads["W_g"] += dg @ x.T
    grads["W_a"] += da @ x.T
    grads["R_g"] += dg @ h.T
    grads["R_a"] += da @ h.T
    grads["b_u"] += du.sum(axis=1, keepdims=True)
    grads["b_g"] += dg.sum(axis=1, keepdims=True)
    dx = p["W_u"].T @ du + p["W_g"].T @ dg + p["W_a"].T @ da
    return dx, (p["R_g"].T @ dg + p["R_a"].T @ da, dv, dl)
"""


def test_the_rwa_from_blank():
    right = told("04.5", written(RWA))
    assert right and "All 11 gradients agree" in str(right)


@pytest.mark.parametrize("old, new, words", [
    (" + dl_new * w", "", "W_a"),
    ("dv_new + dh_new * (1 - h_new**2)", "dv_new + dh_new", "derivative"),
    ("dz * u * (1 - tanh_g**2)", "dz * u", "W_g"),
    (' + p["R_a"].T @ da', "", "old h"),
    ("dv_new * (1 - w), dv_new", "dv_new, dv_new", "old v"),
    ("- dw * w * (1 - w)", "+ dw * w * (1 - w)", "old l"),
])
def test_a_mistake_in_it_is_told_by_place_and_not_by_what_belongs_there(old, new, words):
    answer = written(RWA, old, new)
    feedback = told("04.5", answer)
    assert feedback.status == "wrong" and words in str(feedback), str(feedback)
    exercise = EXERCISES["04.5"]
    cell = FunctionCell(exercise.step, answer, exercise.params, n_in=3, n_hidden=4, state_names=exercise.state_names)
    sentences = [finding.sentence for finding in gradcheck(cell, method="complex").diagnosis.findings if finding.code]
    assert not any(sentence in str(feedback) for sentence in sentences) and "belongs," not in str(feedback)


def test_which_task_needs_recurrent_weights():
    assert revealed("04.6", "addition only")
    assert "does not tell how many they are" in str(revealed("04.6", "both"))
    assert "that is enough" in str(revealed("04.6", "neither"))


@pytest.mark.parametrize("logit, words", [
    (np.log(998 * 99 / 2), "is right"),
    (10.8, "is right"),
    (10.81, "is right"),
    (10.82, "what the marked numbers have"),
    (11, "too large"),
    (np.log(998 * 99), "There are two"),
    (998 * 99 / 2, "Asked is its logarithm"),
    (np.log10(998 * 99 / 2), "to base 10"),
    (5.0, "too small"),
])
def test_how_much_attention_a_mark_needs(logit, words):
    assert words in str(told("04.7", logit))
