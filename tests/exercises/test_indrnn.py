"""The exercises of notebook 07: right answers, typical wrong ones, and what the student is told."""

import numpy as np
import pytest

from minirnn.exercises import indrnn
from exercises.answers import revealed, told, written


@pytest.mark.parametrize("steps, words", [
    (np.log(0.5) / np.log(0.99), "is right"),
    (69, "is right"),
    (100, "some 37%"),
    (50, "not fall in a straight line"),
    (30, "too small"),
])
def test_how_long_a_unit_remembers(steps, words):
    assert words in str(told("07.1", steps))


CLOSED = """\
def closed_form(u, ys):
    T = len(ys)
    powers = np.arange(T)[::-1]
    return u**powers, sum((T - 1 - j) * u**(T - 2 - j) * ys[j] for j in range(T - 1))
"""


@pytest.mark.parametrize("old, new, words", [
    ("", "", "is right"),
    ("return u**powers", "return u**(powers + 1)", "one factor u too many"),
    ("return u**powers", "return u**powers[::-1]", "for time that runs backward"),
    ("sum((T - 1 - j) * u**(T - 2 - j) * ys[j] for j in range(T - 1))", "sum(u**(T - 2 - j) * ys[j] for j in range(T - 1))",
     "the last step's share alone"),
    ("(T - 1 - j) * ", "(T - j) * ", "Right: dys. Wrong: du."),
])
def test_all_gradients_in_closed_form(old, new, words):
    assert words in str(told("07.2", written(CLOSED, old, new)))


@pytest.mark.parametrize("excess, words", [
    (2**(1 / 784) - 1, "is right"),
    (np.log(2) / 784, "is right"),
    (2**(1 / 784), "That is u"),
    (1 / 784, "grows faster"),
    (0.001, "too large"),
])
def test_how_near_to_1(excess, words):
    assert words in str(told("07.3", excess))


TANH = """\
def indrnn_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    h_new, = new
    da = dh_new * (1 - h_new**2)
    grads["W"] += da @ x.T
    grads["u"] += (da * h).sum(axis=1, keepdims=True)
    grads["b"] += da.sum(axis=1, keepdims=True)
    return p["W"].T @ da, (p["u"] * da,)
"""


def test_one_weight_per_unit_from_blank():
    assert told("07.4", written(TANH))


@pytest.mark.parametrize("old, new, words", [
    ("(da * h).sum", "(da * h_new).sum", "the gradient of u is wrong"),
    ("(da * h).sum", "(da * h).mean", "a mean over the columns"),
    ('p["u"] * da,', "da,", "the gradient of old h is wrong"),
    (" * (1 - h_new**2)", "", "derivative"),
    ('grads["u"] += (da * h).sum(axis=1, keepdims=True)', 'grads["u"] += da @ h.T', "line 7, raised ValueError"),
])
def test_a_mistake_in_it_is_told_by_place_and_kind(old, new, words):
    feedback = told("07.4", written(TANH, old, new))
    assert feedback.status == "wrong" and words in str(feedback) and "belongs," not in str(feedback), str(feedback)


def test_how_many_units_count_is_found_by_silencing_those_of_a_trained_network():
    model, task = indrnn.counting_network()
    before = model.params["head.W"].copy()
    needed = indrnn.units_needed()
    assert (model.params["head.W"] == before).all()
    assert revealed("07.5", needed)
    feedback = revealed("07.5", 32)
    assert not feedback and "fallen silent" in str(feedback)


def test_parity_needs_a_sign_that_depends_on_the_input():
    assert revealed("07.6", "it is never right beyond the first few bits")
    assert "one sign" in str(revealed("07.6", "it learns it, too"))


RESIDUAL = """\
def residual_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dg_new, dk_new = dnew
    h, g, k = old
    h_new, g_new, k_new = new
    da_k = (dk_new + dh_new) * (1 - k_new**2)
    dg_new = dg_new + dh_new + p["V"].T @ da_k
    da_g = dg_new * (1 - g_new**2)
    grads["V"] += da_k @ g_new.T
    grads["s"] += (da_k * k).sum(axis=1, keepdims=True)
    grads["c"] += da_k.sum(axis=1, keepdims=True)
    grads["W"] += da_g @ x.T
    grads["u"] += (da_g * g).sum(axis=1, keepdims=True)
    grads["b"] += da_g.sum(axis=1, keepdims=True)
    return p["W"].T @ da_g, (np.zeros_like(h), p["u"] * da_g, p["s"] * da_k)
"""


def test_two_layers_and_a_shortcut_from_blank():
    right = told("07.7", written(RESIDUAL))
    assert right and "All 10 gradients agree" in str(right)


@pytest.mark.parametrize("old, new, words", [
    ("dg_new + dh_new + ", "dg_new + ", "u"),
    (' + p["V"].T @ da_k', "", "W"),
    ("da_k @ g_new.T", "da_k @ g.T", "V"),
    ("(da_k * k)", "(da_k * k_new)", "s"),
    ('p["s"] * da_k)', 'p["u"] * da_k)', "old k"),
])
def test_a_mistake_in_two_layers_is_told_by_what_it_makes_wrong(old, new, words):
    feedback = told("07.7", written(RESIDUAL, old, new))
    assert feedback.status == "wrong" and words in str(feedback).partition("wrong")[2], str(feedback)
