"""The exercises of notebook 05: right answers, typical wrong ones, and what the student is told."""

import numpy as np
import pytest

from minirnn.exercises.catalogue import EXERCISES
from exercises.answers import revealed, told, written

V = np.arctanh(0.8)
G, BOUND, OF_H = (3 + V) / (3 - V), 1 + 2 * V / (3 + V), 3.8 / 2.2


@pytest.mark.parametrize("price, words", [
    ((G, np.log(1000) / np.log(G)), "is right"),
    ((2.156, 8.99), "is right"),
    ((BOUND, np.log(1000) / np.log(BOUND)), "More must be paid"),
    ((OF_H, np.log(1000) / np.log(OF_H)), "the output is its tanh"),
    ((G, 1000 / G), "the steps are an exponent"),
    ((G, 3), "counts factors of ten"),
    ((G, 9.5), "wrong at [1] only"),
])
def test_the_price_of_an_alternation(price, words):
    assert words in str(told("05.1", price))


def test_twice_the_attention_buys_one_step():
    assert revealed("05.2", 8)
    for guess in (7, 10, 14):
        feedback = revealed("05.2", guess)
        assert not feedback and f"You predicted {guess}; it is 8." in str(feedback) and "a factor of G" in str(feedback)


TWO_STEPS = """\
def growth_of_two_steps(c, low, high):
    V = np.arctanh(c)
    return (low + V) / (low - V) * (high + V) / (high - V)
"""


@pytest.mark.parametrize("old, new, words", [
    ("", "", "is right"),
    ("np.arctanh(c)", "c", "right for an average at ±c"),
    ("(low - V) * (high", "(low - V) + (high", "grows by their product"),
    ("(low + V) / (low - V)", "(high + V) / (high - V)", "right for equal limits, wrong for a larger high and a larger low"),
    ("(low + V) / (low - V) * (high + V) / (high - V)", "(1 + 2 * V / (low + V)) * (1 + 2 * V / (high + V))",
     "published bounds"),
    ("    return (low", "    low = high = (low + high) / 2\n    return (low", "the mean of the limits"),
    ("    return (low", "    low = high = max(low, high)\n    return (low", "no value reaches so far"),
])
def test_limits_that_differ(old, new, words):
    assert words in str(told("05.3", written(TWO_STEPS, old, new)))


def test_what_is_said_of_the_growth_agrees_with_the_running_average():
    from minirnn.lemma1 import running_average, signs

    def drift(growth, c=0.5, low=1.5, high=4.0, n_steps=60):
        """How far from ±V an average is in the end, if attention follows from a growth of d of this size in each two steps."""
        V = np.arctanh(c)
        z = np.where(signs(n_steps) > 0, high, -low)
        z[0] = -V
        log_d = np.zeros(n_steps)
        upwards = (high + V) / (high - V)                               # the rest of `growth` is for the steps down
        for t in range(1, n_steps):
            log_d[t] = log_d[t - 1] + np.log(upwards if z[t] > 0 else growth / upwards)
        alpha = np.diff(np.exp(log_d), prepend=0)
        return np.abs(running_average(z, np.log(alpha)) * signs(n_steps) - V).max()

    right = EXERCISES["05.3"].truth(0.5, 1.5, 4.0)
    assert drift(right) < 1e-9 < 0.01 < drift(0.9 * right)


def test_what_becomes_of_a_trained_rwa_is_found_by_training_one():
    assert revealed("05.4", "right for a while, then guesses")
    assert "Nothing in the network knows of step 60" in str(revealed("05.4", "wrong from step 61 on"))
    assert "shrinks at every step" in str(revealed("05.4", "right to the end"))


@pytest.mark.parametrize("both, words", [
    ((0.8, 20), "is right"),
    ((0.75, 25), "does not undo 25% more"),
    ((1.25, 20), "heavier at each step"),
    ((0.8, 80), "the share of the past"),
    ((0.2, 80), "the other way round"),
    ((0.8, 0.2), "in percent"),
    ((0.9, 20), "wrong at"),
])
def test_a_growing_attention_and_a_discount_are_one_average(both, words):
    assert words in str(told("05.5", both))


BACKWARD = """\
def fading_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dl_new = dnew
    h, l = old
    z, gamma, w = memo["z"], memo["gamma"], memo["w"]
    dz, dw = dh_new * w, dh_new * (z - h)
    dl_new = dl_new - dw * w
    dl = dl_new * (1 - w)
    da = dz * (1 - z**2)
    grads["W"] += da @ x.T
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    grads["k"] += (dl * (1 - gamma)).sum(axis=1, keepdims=True)
    return p["W"].T @ da, (dh_new * (1 - w) + p["R"].T @ da, dl)
"""


def test_an_average_that_fades_from_blank():
    right = told("05.6", written(BACKWARD))
    assert right and "All 7 gradients agree" in str(right)


@pytest.mark.parametrize("old, new, wrong", [
    ("dl_new - dw * w", "dl_new + 0", "old l"),
    ("dl_new = dl_new - dw * w", "dl_new = -dw * w", "old l"),
    ("dl = dl_new * (1 - w)", "dl = dl_new * w", "old l"),
    ("(1 - gamma)", "gamma * (1 - gamma)", "k is wrong"),
    ("dh_new * (1 - w) +", "dh_new +", "old h"),
    ('grads["k"] += ', 'grads["k"][...] = ', "k"),
])
def test_a_mistake_in_it_is_told_by_what_it_makes_wrong(old, new, wrong):
    feedback = told("05.6", written(BACKWARD, old, new))
    assert feedback.status == "wrong" and wrong in str(feedback) and "belongs," not in str(feedback), str(feedback)
