"""The exercises of notebook 00: right answers, typical wrong ones, and what the student is told."""

import numpy as np
import pytest

from minirnn import FunctionCell, gradcheck
from minirnn.exercises.catalogue import EXERCISES
from exercises.answers import revealed, told, written


@pytest.mark.parametrize("shape, words", [
    ((7, 5, 20), "is right"),
    ([7, 5, 20], "is right"),
    ((20, 7, 5), "batch first"),
    ((7, 20, 5), "an example per row"),
    ((7, 3, 20), "the shape of the input"),
    ((5, 7, 20), "Time comes first"),
    ((5, 20), "has shape (2,), expected (3,)"),
])
def test_the_shape_of_a_run(shape, words):
    assert words in str(told("00.1", shape))


def test_a_step_by_hand():
    a = np.array([0.5 * -0.5 + 0.5 * 0.6 - 0.5 * 0.2 - 0.4, 1 * -0.5 - 0.6 + 0.5 * 0.2 + 0.3])
    assert told("00.2", np.tanh(a)) and told("00.2", np.round(np.tanh(a), 3))
    assert "the tanh is still to come" in str(told("00.2", a))
    assert "The bias" in str(told("00.2", np.tanh(a - [-0.4, 0.3])))
    assert "Row i of R" in str(told("00.2", np.tanh([0.5 * -0.5 + 0.5 * 0.6 - 0.2 - 0.4, -0.5 - 0.5 * 0.6 + 0.5 * 0.2 + 0.3])))
    assert "wrong at [0] only" in str(told("00.2", (0.1, np.tanh(a)[1])))


def test_a_step_back_by_hand():
    h_new, R = np.tanh([-0.45, -0.7]), np.array([[0.5, -0.5], [-1.0, 0.5]])
    dh_new = np.array([1, -0.5])
    da = dh_new * (1 - h_new**2)
    assert told("00.3", np.round(R.T @ da, 3))
    for wrong, words in ((R.T @ dh_new, "slope of tanh, by which"), (R @ da, "as the forward pass does"), (da, "That is da"),
                         (R.T @ (dh_new * (1 - np.array([0.6, 0.2])**2)), "at the old state h"),
                         (R.T @ (dh_new * (1 - h_new)), "not 1 − h'")):
        assert words in str(told("00.3", wrong))


TANH = """\
def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    h_new, = new
    da = dh_new * (1 - h_new**2)
    grads["W"] += da @ x.T
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    return p["W"].T @ da, (p["R"].T @ da,)
"""


def test_the_first_backward_pass_from_blank():
    right = told("00.4", written(TANH))
    assert right and "All 5 gradients agree" in str(right)


@pytest.mark.parametrize("old, new, wrong, kind", [
    (" * (1 - h_new**2)", "", "x, old h, W, R and b", "derivative"),
    ("1 - h_new**2", "1 - h_new", "x, old h, W, R and b", "derivative"),
    ("1 - h_new**2", "1 - h**2", "x, old h, W, R and b", "another's place"),
    ('p["R"].T @ da', "0 * h", "old h", "not passed on"),
    ('p["R"].T @ da', 'p["R"] @ da', "old h", "transposed"),
    ("da @ h.T", "da @ h_new.T", "R", "another's place"),
    ("+= da @ x.T", "-= da @ x.T", "W", "a sign is wrong"),
    ("da.sum", "da.mean", "b", "a mean over the columns"),
    ('    grads["R"] += da @ h.T\n', "", "R", "nothing is ever added"),
])
def test_a_mistake_in_it_is_told_by_place_and_kind_and_not_by_what_belongs_there(old, new, wrong, kind):
    answer = written(TANH, old, new)
    feedback = told("00.4", answer)
    said = str(feedback)
    assert feedback.status == "wrong" and f"the gradient of {wrong} is wrong" in said and kind in said, said
    cell = FunctionCell(EXERCISES["00.4"].step, answer, EXERCISES["00.4"].params, n_in=3, n_hidden=4)
    findings = gradcheck(cell, method="complex").diagnosis.findings
    assert findings and not any(finding.code and finding.sentence in said for finding in findings) and "belongs," not in said


def test_a_backward_pass_of_the_wrong_kind_is_told_in_a_sentence():
    def one_value(p, dnew, x, old, new, memo, grads):
        return p["W"].T @ dnew[0]

    def no_tuple(p, dnew, x, old, new, memo, grads):
        return p["W"].T @ dnew[0], dnew[0]

    def assigned(p, dnew, x, old, new, memo, grads):
        grads["W"] = dnew[0] @ x.T
        return p["W"].T @ dnew[0], dnew

    def misshapen(p, dnew, x, old, new, memo, grads):
        grads["b"] += dnew[0]
        return p["W"].T @ dnew[0], dnew

    for answer, words in ((one_value, "expected a pair: dx, dold"), (no_tuple, "expected a tuple of 1"),
                          (assigned, "write grads[\"W\"] +="), (misshapen, "raised ValueError"),
                          (lambda p, dnew: None, "expected (p, dnew, x, old, new, memo, grads)"),
                          (np.zeros(3), "expected a function"), (dict, "the class dict"), ("text", "a str")):
        feedback = told("00.4", answer)
        assert feedback.status == "wrong" and words in str(feedback)


def test_the_price_of_a_firm_answer():
    assert "it is 417" in str(revealed("00.5", 2)) and not revealed("00.5", 2)
    assert revealed("00.5", 400) and revealed("00.5", 1000)


def logistic_backward(slope, carry):
    def backward(p, dnew, x, old, new, memo, grads):
        dh_new, = dnew
        h, = old
        h_new, = new
        da = dh_new * slope(h_new)
        grads["W"] += da @ x.T
        grads["R"] += da @ h.T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (carry(p) @ da,)
    return backward


def test_the_logistic_unit_has_two_mistakes_and_both_are_told_without_what_belongs_there():
    def as_it_stands(p, dnew, x, old, new, memo, grads):
        dh_new, = dnew
        h, = old
        h_new, = new
        da = dh_new * (1 - h_new**2)
        grads["W"] += da @ x.T
        grads["R"] += da @ h.T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"] @ da,)

    said = str(told("00.6", as_it_stands))
    assert "derivative of an activation" in said and "a matrix should be transposed" in said
    assert "h_new(1" not in said and "belongs" not in said and "Rᵀ" not in said and 'p["R"].T' not in said
    assert told("00.6", logistic_backward(lambda h: h * (1 - h), lambda p: p["R"].T))
    assert "old h is wrong" in str(told("00.6", logistic_backward(lambda h: h * (1 - h), lambda p: p["R"])))


def test_two_factors_from_blank():
    def right(p, dnew, x, old, new, memo, grads):
        dh_new, = dnew
        q, r = memo["q"], memo["r"]
        da_q, da_r = dh_new * r * (1 - q**2), dh_new * q * (1 - r**2)
        grads["W"] += da_q @ x.T
        grads["b"] += da_q.sum(axis=1, keepdims=True)
        grads["R"] += da_r @ old[0].T
        return p["W"].T @ da_q, (p["R"].T @ da_r,)

    def exchanged(p, dnew, x, old, new, memo, grads):
        dh_new, = dnew
        q, r = memo["q"], memo["r"]
        da_q, da_r = dh_new * q * (1 - q**2), dh_new * q * (1 - r**2)
        grads["W"] += da_q @ x.T
        grads["b"] += da_q.sum(axis=1, keepdims=True)
        grads["R"] += da_r @ old[0].T
        return p["W"].T @ da_q, (p["R"].T @ da_r,)

    assert told("00.7", right)
    said = str(told("00.7", exchanged))
    assert "x, W and b is wrong; that of old h and R is right" in said and "another's place" in said
