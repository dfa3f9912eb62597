"""The exercises of notebook 06: right answers, typical wrong ones, and what the student is told."""

import numpy as np
import pytest

from minirnn.exercises import rda
from exercises.answers import revealed, told, written

HALVED = np.log(0.5) / np.log(0.9)


@pytest.mark.parametrize("kept, words", [
    ((10, HALVED), "is right"),
    ((10, 6.58), "is right"),
    ((90, HALVED), "the share of the past"),
    ((0.1, HALVED), "in percent"),
    ((10, 10), "asked is the half-life"),
    ((10, 5), "does not fall in a straight line"),
    ((10, 7), "wrong at [1] only"),
    (10, "has shape (), expected (2,)"),
])
def test_what_a_discount_keeps(kept, words):
    assert words in str(told("06.1", kept))


def test_a_discount_without_attention_leaves_the_average_where_it_is():
    assert revealed("06.2", "it is still 0.8")
    assert "divides numerator and denominator alike" in str(revealed("06.2", "it is as good as 0"))
    assert "e^(−1000) is lighter still" in str(revealed("06.2", "it is −0.8"))


WEIGHTS = """\
def weights(gamma, attention):
    left = np.array([attention[s] * np.prod(gamma[s + 1:]) for s in range(len(gamma))])
    return left / left.sum()
"""


@pytest.mark.parametrize("old, new, words", [
    ("", "", "is right"),
    (" * np.prod(gamma[s + 1:])", "", "the weights of an RWA"),
    ("gamma[s + 1:]", "gamma[s:]", "not discounted in its own step"),
    (" / left.sum()", "", "add up to 1"),
    ("gamma[s + 1:]", "gamma[:s + 1]", "wrong for"),
])
def test_what_every_value_weighs(old, new, words):
    assert words in str(told("06.3", written(WEIGHTS, old, new)))


@pytest.mark.parametrize("expression, words", [
    ("-np.logaddexp(0, k)", "is right"),
    ("1 - (1 + np.tanh(k / 2)) / 2", "Asked is the logit a"),
    ("-k", "That is the logit of w"),
    ("np.logaddexp(0, k)", "wrong sign"),
])
def test_a_logit_that_keeps_the_weight_at_1(expression, words):
    assert words in str(told("06.4", written(f"def logit(k):\n    return {expression}\n")))


def test_a_logit_by_way_of_a_share_that_rounds_to_0_is_infinite_for_large_k():
    with np.errstate(all="ignore"):
        feedback = told("06.4", written("def logit(k):\n    return np.log(1 - (1 + np.tanh(k / 2)) / 2)\n"))
    assert feedback.status == "wrong" and "infinity" in str(feedback)


BACKWARD = """\
def discounted_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dv_new, dl_new = dnew
    h, v, l = old
    z, gamma, w = memo["z"], memo["gamma"], memo["w"]
    dv_new = dv_new + dh_new
    dz, dv, dw = dv_new * w, dv_new * (1 - w), dv_new * (z - v)
    da_a = dw * w * (1 - w) + dl_new * w
    dl = dl_new * (1 - w) - dw * w * (1 - w)
    da_z, da_gamma = dz * (1 - z**2), dl * (1 - gamma)
    dx, dh = 0, 0
    for gate, da in (("z", da_z), ("gamma", da_gamma), ("a", da_a)):
        grads["W_" + gate] += da @ x.T
        grads["R_" + gate] += da @ h.T
        if gate != "a":
            grads["b_" + gate] += da.sum(axis=1, keepdims=True)
        dx = dx + p["W_" + gate].T @ da
        dh = dh + p["R_" + gate].T @ da
    return dx, (dh, dv, dl)
"""


def test_a_discounted_average_from_blank():
    right = told("06.5", written(BACKWARD))
    assert right and "All 12 gradients agree" in str(right)


@pytest.mark.parametrize("old, new, words", [
    ("dl * (1 - gamma)", "dl * gamma * (1 - gamma)", "W_gamma"),
    ("dv_new = dv_new + dh_new", "dv_new = dv_new + 0", "old v"),
    (" + dl_new * w", "", "W_a"),
    ("dl_new * (1 - w) - dw", "dl_new - dw", "old l"),
])
def test_a_mistake_in_it_is_told_by_what_it_makes_wrong(old, new, words):
    feedback = told("06.5", written(BACKWARD, old, new))
    assert feedback.status == "wrong" and words in str(feedback) and "belongs," not in str(feedback), str(feedback)


BROKEN = """\
def sigmoid_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dv_new, dl_new = dnew
    h, v, l = old
    z, gamma, w, alpha = memo["z"], memo["gamma"], memo["w"], np.exp(memo["log_a"])
    dv_new = dv_new + dh_new
    dz, dv, dw = dv_new * w, dv_new * (1 - w), dv_new * (z - v)
    dlogit = dw * w * (1 - w)
    dlog_a = dlogit + dl_new * w
    dl = dl_new * w - dlogit
    da_z, da_gamma, da_a = dz * (1 - z**2), dl * (1 - gamma), dlog_a * alpha * (1 - alpha)
    dx, dh = 0, 0
    for gate, da in (("z", da_z), ("gamma", da_gamma), ("a", da_a)):
        grads[f"W_{gate}"] += da @ x.T
        grads[f"R_{gate}"] += da @ h.T
        grads[f"b_{gate}"] += da.sum(axis=1, keepdims=True)
        dx = dx + p[f"W_{gate}"].T @ da
        dh = dh + p[f"R_{gate}"].T @ da
    return dx, (dh, dv, dl)
"""


def test_the_broken_backward_pass_is_wrong_twice_and_right_once_both_are_mended():
    first = BROKEN.replace("dl = dl_new * w - dlogit", "dl = dl_new * (1 - w) - dlogit")
    second = BROKEN.replace("dlog_a * alpha * (1 - alpha)", "dlog_a * (1 - alpha)")
    for source in (BROKEN, first, second):
        feedback = told("06.6", written(source))
        assert feedback.status == "wrong" and "Line" in str(feedback), str(feedback)
        said = str(feedback).replace("dlog_a * alpha * (1 - alpha)", "")
        assert "1 - alpha)" not in said and "dl_new * (1 - w)" not in said
    assert told("06.6", written(first.replace("dlog_a * alpha * (1 - alpha)", "dlog_a * (1 - alpha)")))


def test_a_guess_about_the_rwa_is_judged_by_a_training(monkeypatch):
    monkeypatch.setattr(rda.EXERCISES[-1], "answer", lambda: 0.26)         # the training itself: see the notebook
    assert revealed("06.7", 0.25)
    feedback = revealed("06.7", 0.9)
    assert not feedback and "You predicted 0.9; it is 0.26" in str(feedback) and "heavier with each copy" in str(feedback)
