"""The exercises of notebook 02: right answers, typical wrong ones, and what the student is told."""

import numpy as np
import pytest

from exercises.answers import revealed, told, written
from minirnn.exercises.lstm import PARTS
from minirnn.experiments import learning


def test_the_bias_that_keeps_half_over_a_thousand_steps():
    f = 0.5**(1 / 1000)
    bias = np.log(f / (1 - f))
    assert told("02.1", bias) and told("02.1", round(bias, 2))
    for wrong, words in ((f, "That is the gate f"), (-bias, "check the sign"), (np.log(999), "37%"), (np.log(1999), "61%"),
                         (3.0, "too small"), (9.0, "too large")):
        assert words in str(told("02.1", wrong))


def test_one_step_back_by_hand():
    c, i, f, o, g = 1.2, 0.5, 0.9, 0.8, -0.4
    s = np.tanh(f * c + i * g)

    def three(dc_new, slope=f * (1 - f)):
        return dc_new, dc_new * f, dc_new * c * slope

    right = three(0.3 + 0.5 * o * (1 - s**2))
    assert told("02.2", right) and told("02.2", [round(number, 4) for number in right])
    for wrong, words in ((three(0.3), "only what comes from the step after"),
                         (three(0.5 * o * (1 - s**2)), "only what comes through h'"),
                         (three(0.3 + 0.5 * o), "the slope of tanh is missing"),
                         (three(0.3 + 0.5 * (1 - s**2)), "the product with o"),
                         (three(0.3 + 0.5 * o * (1 - s**2), slope=1), "Between f and a_f stands σ"),
                         ((right[0], right[1]), "expected (3,)"), ((right[0], 9.0, right[2]), "wrong at [1] only")):
        feedback = told("02.2", wrong)
        assert feedback.status == "wrong" and words in str(feedback), str(feedback)


LSTM = """
def lstm_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_next = dnew
    h, c = old
    i, f, o, g, s = (memo[name] for name in "ifogs")
    do = dh_new * s
    dc_new = dc_next + dh_new * o * (1 - s**2)
    da_i = dc_new * g * i * (1 - i)
    da_f = dc_new * c * f * (1 - f)
    da_o = do * o * (1 - o)
    da_g = dc_new * i * (1 - g**2)
    dx, dh = 0, 0
    for k, da in (("i", da_i), ("f", da_f), ("o", da_o), ("g", da_g)):
        grads["W_" + k] += da @ x.T
        grads["R_" + k] += da @ h.T
        grads["b_" + k] += da.sum(axis=1, keepdims=True)
        dx = dx + p["W_" + k].T @ da
        dh = dh + p["R_" + k].T @ da
    return dx, (dh, dc_new * f)
"""


def test_the_lstm_from_blank():
    assert "All 15 gradients agree" in str(told("02.3", written(LSTM)))


@pytest.mark.parametrize("old, new, words", [
    ("dc_next + dh_new * o * (1 - s**2)", "dc_next", "a term is missing"),
    ("dc_next + dh_new * o * (1 - s**2)", "dh_new * o * (1 - s**2)", "a term is missing"),
    ("do * o * (1 - o)", "do * (1 - o**2)", "Line 10, at `1 - o ** 2`: the derivative of an activation"),
    ('p["R_" + k].T @ da', 'p["R_" + k] @ da', "transposed"),
    ("dh = dh + p", "dh = p", "the gradient of old h is wrong"),
    ("(dh, dc_new * f)", "(dh, dc_new)", "the gradient of old c is wrong"),
])
def test_a_mistake_in_the_lstm_is_told_and_not_what_belongs_there(old, new, words):
    feedback = told("02.3", written(LSTM, old, new))
    assert feedback.status == "wrong" and words in str(feedback), str(feedback)
    assert old not in str(feedback)


def test_of_a_half_finished_lstm_is_told_what_is_right_already():
    def lstm_backward(p, dnew, x, old, new, memo, grads):
        h, c = old
        o, s = memo["o"], memo["s"]
        dx, dh, dc = 0 * x, 0 * h, 0 * c
        da_o = dnew[0] * s * o * (1 - o)
        grads["W_o"] += da_o @ x.T
        grads["R_o"] += da_o @ h.T
        grads["b_o"] += da_o.sum(axis=1, keepdims=True)
        return dx, (dh, dc)

    said = str(told("02.3", lstm_backward))
    assert "that of W_o, R_o and b_o is right" in said and "The gradient of W_f is 0: nothing is ever added to it" in said


def test_the_blank_of_the_lstm_is_not_answered_yet():
    def lstm_backward(p, dnew, x, old, new, memo, grads):
        dh_new, dc_next = dnew
        ...
        return 0, (0, 0)
    assert told("02.3", lstm_backward).status == "open"


def test_what_a_new_lstm_keeps():
    assert revealed("02.4", "less than a hundred thousandth")
    assert not revealed("02.4", "about all of it") and "0.73" in str(revealed("02.4", "about a hundredth"))


PEEPHOLES = """
def peephole_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_next = dnew
    h, c = old
    _, c_new = new
    i, o, z, s = (memo[name] for name in "iozs")
    da_o = dh_new * s * o * (1 - o)
    dc_new = dc_next + dh_new * o * (1 - s**2) + p["p_o"] * da_o
    da_i, da_z = dc_new * z * i * (1 - i), dc_new * i * (1 - z**2)
    dc = dc_new + p["p_i"] * da_i
    grads["p_i"] += (da_i * c).sum(axis=1, keepdims=True)
    grads["p_o"] += (da_o * c_new).sum(axis=1, keepdims=True)
    dx, dh = 0, 0
    for k, da in (("i", da_i), ("z", da_z), ("o", da_o)):
        grads["W_" + k] += da @ x.T
        grads["R_" + k] += da @ h.T
        grads["b_" + k] += da.sum(axis=1, keepdims=True)
        dx, dh = dx + p["W_" + k].T @ da, dh + p["R_" + k].T @ da
    return dx, (dh, dc)
"""


def test_the_peepholes_are_mended_one_by_one():
    assert told("02.5", written(PEEPHOLES))
    forgets_i, reads_old = (' + p["p_i"] * da_i', ""), ("(da_o * c_new)", "(da_o * c)")
    for change, words in ((forgets_i, "the gradient of old c is wrong"), (reads_old, "the gradient of p_o is wrong"),
                          ((' + p["p_o"] * da_o', ""), "a term is missing")):
        said = str(told("02.5", written(PEEPHOLES, *change)))
        assert words in said and change[0] not in said, said
    both = written(PEEPHOLES.replace(*forgets_i), *reads_old)
    assert "old c and p_o" in str(told("02.5", both))


def test_the_part_that_is_missed_most_is_what_training_says(monkeypatch):
    steps = dict.fromkeys(PARTS.values(), 200)
    for part, cell in PARTS.items():
        trained = {name: [learning.Learned(name, 0, n, n, None)] for name, n in {**steps, cell: 500}.items()}
        monkeypatch.setattr("minirnn.exercises.lstm.learning_times", lambda *given, trained=trained, **options: trained)
        assert revealed("02.6", part)
        assert not revealed("02.6", next(other for other in PARTS if other != part))


GATE = """
def gate_in_the_state_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_next, df_next = dnew
    h, c, f = old
    h_new, c_new, f_new = new
    g = memo["g"]
    dc_new = dc_next + dh_new * (1 - h_new**2)
    df_new = df_next + dc_new * c
    da_f, da_g = df_new * f_new * (1 - f_new), dc_new * (1 - g**2)
    for k, da in (("f", da_f), ("g", da_g)):
        grads["W_" + k] += da @ x.T
        grads["R_" + k] += da @ h.T
        grads["b_" + k] += da.sum(axis=1, keepdims=True)
    grads["R_ff"] += da_f @ f.T
    dx = p["W_f"].T @ da_f + p["W_g"].T @ da_g
    dh = p["R_f"].T @ da_f + p["R_g"].T @ da_g
    return dx, (dh, dc_new * f_new, p["R_ff"].T @ da_f)
"""


def test_a_gate_that_is_remembered_from_blank():
    assert told("02.7", written(GATE))


@pytest.mark.parametrize("old, new, words", [
    ("df_next + dc_new * c", "dc_new * c", "Line 8, at `dc_new * c`: a term is missing"),
    ("da_f @ f.T", "da_f @ f_new.T", "the gradient of R_ff is wrong"),
    ("dc_new * f_new, p", "dc_new * f, p", "the gradient of old c is wrong"),
])
def test_a_mistake_in_a_gate_that_is_remembered_is_told_and_not_what_belongs_there(old, new, words):
    feedback = told("02.7", written(GATE, old, new))
    assert feedback.status == "wrong" and words in str(feedback), str(feedback)
    assert old not in str(feedback)
