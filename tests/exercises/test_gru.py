"""The exercises of notebook 03: right answers, typical wrong ones, and what the student is told."""

import numpy as np
import pytest

import minirnn
from exercises.answers import revealed, told, written


def test_four_ways_by_hand():
    right = (0.6, -0.24, 0.48, 0.024)
    assert told("03.1", right)
    for wrong, words in (((0.4, 0.24, 0.72, 0.036), "the share of the new"), ((0.6, -0.24, 0.024, 0.48), "changed places"),
                         ((0.6, -0.24, 0.48, 0.15), "its slope is missing"), ((0.6, -1, 0.48, 0.024), "its slope is missing"),
                         ((0.6, 0.24, 0.48, 0.024), "wrong at [1] only"), (0.864, "expected (4,)")):
        feedback = told("03.1", wrong)
        assert feedback.status == "wrong" and words in str(feedback), str(feedback)


GRU = """
def gru_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    r, z, n = memo["r"], memo["z"], memo["n"]
    da_n = dh_new * (1 - z) * (1 - n**2)
    drh = p["R_n"].T @ da_n
    da_r = drh * h * r * (1 - r)
    da_z = dh_new * (h - n) * z * (1 - z)
    for k, da in (("r", da_r), ("z", da_z), ("n", da_n)):
        grads["W_" + k] += da @ x.T
        grads["b_" + k] += da.sum(axis=1, keepdims=True)
    grads["R_r"] += da_r @ h.T
    grads["R_z"] += da_z @ h.T
    grads["R_n"] += da_n @ (r * h).T
    dx = p["W_r"].T @ da_r + p["W_z"].T @ da_z + p["W_n"].T @ da_n
    dh = dh_new * z + drh * r + p["R_z"].T @ da_z + p["R_r"].T @ da_r
    return dx, (dh,)
"""


def test_the_gru_from_blank():
    assert "All 11 gradients agree" in str(told("03.2", written(GRU)))


@pytest.mark.parametrize("old, new, words", [
    ("da_n @ (r * h).T", "da_n @ h.T", "the gradient of R_n is wrong"),
    ("dh_new * z + drh * r", "drh * r", "a term is missing"),
    (' + p["R_z"].T @ da_z', "", "a term is missing"),
    ("dh_new * (h - n)", "dh_new * (n - h)", "a sign is wrong"),
    ("drh * h * r * (1 - r)", "drh * h * (1 - r**2)", "Line 8, at `1 - r ** 2`: the derivative of an activation"),
    ('p["R_n"].T @ da_n', 'p["R_n"] @ da_n', "transposed"),
])
def test_a_mistake_in_the_gru_is_told_and_not_what_belongs_there(old, new, words):
    feedback = told("03.2", written(GRU, old, new))
    assert feedback.status == "wrong" and words in str(feedback), str(feedback)
    assert old.strip(" +") not in str(feedback)


def test_the_other_order_is_another_function_and_a_neighbour():
    assert revealed("03.3", "it gets worse, but stays better than guessing")
    assert not revealed("03.3", "nothing") and "another function" in str(revealed("03.3", "nothing"))
    assert not revealed("03.3", "it becomes worse than guessing")


RESET_AFTER = """
def reset_after_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    r, z, n, q = (memo[name] for name in "rznq")
    dz, dh, dn = dh_new * (h - n), dh_new * z, dh_new * (1 - z)
    da_n = dn * (1 - n**2)
    dr, dq = da_n * q, da_n * r
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    dx = 0
    for k, da in (("r", da_r), ("z", da_z), ("n", da_n)):
        grads["W_" + k] += da @ x.T
        grads["b_" + k] += da.sum(axis=1, keepdims=True)
        dx = dx + p["W_" + k].T @ da
    grads["c_n"] += dq.sum(axis=1, keepdims=True)
    grads["R_r"] += da_r @ h.T
    grads["R_z"] += da_z @ h.T
    grads["R_n"] += dq @ h.T
    dh = dh + p["R_r"].T @ da_r + p["R_z"].T @ da_z + p["R_n"].T @ dq
    return dx, (dh,)
"""


def test_the_other_order_is_mended_one_by_one():
    assert told("03.4", written(RESET_AFTER))
    gate, matrix = ("da_n * q, da_n * r", "da_n * h, da_n * r"), ("dq @ h.T", "da_n @ h.T")
    for change, words in ((gate, "another's place"), (matrix, "the gradient of R_n is wrong")):
        said = str(told("03.4", written(RESET_AFTER, *change)))
        assert words in said and change[0] not in said, said
    assert told("03.4", written(RESET_AFTER.replace(*gate), *matrix)).status == "wrong"


def test_how_far_a_gru_counts():
    assert told("03.5", np.log(0.1) / np.log(0.99)) and told("03.5", 229) and told("03.5", 230)
    assert told("03.5", 231) and not told("03.5", 228)          # it is 230: the 230th step adds 0.01 · 0.99^229 = 0.00100
    for wrong, words in ((10, "How do the rises shrink"), (1000, "does not rise evenly"), (687, "from step to step"),
                         (200, "too small"), (300, "too large")):
        assert words in str(told("03.5", wrong))


def test_translating_an_embedding():
    assert told("03.6", lambda A_z, A_r, P: (A_z @ P, A_r @ P))
    for wrong, words in ((lambda A_z, A_r, P: (A_z, A_r), "expected (4, 2)"),
                         (lambda A_z, A_r, P: (A_z @ np.tanh(P), A_r @ np.tanh(P)), "the candidate alone"),
                         (lambda A_z, A_r, P: (A_z.T @ P, A_r.T @ P), "transposed"),
                         (lambda A_z, A_r, P: (A_z @ P, A_z @ P), "Right: W_z. Wrong: W_r"),
                         (lambda A_z, A_r, P: A_z @ P, "expected 2: W_z, W_r")):
        feedback = told("03.6", wrong)
        assert feedback.status == "wrong" and words in str(feedback), str(feedback)


@pytest.mark.parametrize("n_in, n_hidden", [(2, 4), (5, 3)])
def test_the_translated_cell_computes_what_the_papers_cell_does_with_an_embedding(n_in, n_hidden):
    rng = np.random.default_rng(0)
    paper = minirnn.make_cell("mut1", n_hidden, n_hidden, rng=1, dtype="float64")
    ours = minirnn.make_cell("mut1", n_in, n_hidden, rng=2, dtype="float64")
    P, xs = rng.normal(size=(n_hidden, n_in)), rng.normal(size=(6, n_in, 3))
    for name in ("R_r", "R_h", "b_z", "b_r", "b_h"):
        ours.params[name][...] = paper.params[name]
    ours.params["P"][...] = P
    for name in ("W_z", "W_r"):
        ours.params[name][...] = paper.params[name] @ P
    assert np.allclose(minirnn.unroll(ours, xs).hs, minirnn.unroll(paper, P @ xs).hs)


MUT1 = """
def mut1_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    u, z, r, n = (memo[name] for name in "uzrn")
    da_n = dh_new * z * (1 - n**2)
    drh = p["R_h"].T @ da_n
    da_z = dh_new * (n - h) * z * (1 - z)
    da_r = drh * h * r * (1 - r)
    da_u = da_n * (1 - u**2)
    grads["R_h"] += da_n @ (r * h).T
    grads["b_h"] += da_n.sum(axis=1, keepdims=True)
    grads["W_z"] += da_z @ x.T
    grads["b_z"] += da_z.sum(axis=1, keepdims=True)
    grads["W_r"] += da_r @ x.T
    grads["R_r"] += da_r @ h.T
    grads["b_r"] += da_r.sum(axis=1, keepdims=True)
    grads["P"] += da_u @ x.T
    dx = p["W_z"].T @ da_z + p["W_r"].T @ da_r + p["P"].T @ da_u
    dh = dh_new * (1 - z) + drh * r + p["R_r"].T @ da_r
    return dx, (dh,)
"""


def test_mut1_from_blank():
    assert told("03.7", written(MUT1))


@pytest.mark.parametrize("old, new, words", [
    ("da_u = da_n * (1 - u**2)", "da_u = da_n", "the gradient of x and P is wrong"),
    ("dh_new * (n - h)", "dh_new * (h - n)", "a sign is wrong"),
    (' + p["P"].T @ da_u', "", "the gradient of x is wrong"),
])
def test_a_mistake_in_mut1_is_told_and_not_what_belongs_there(old, new, words):
    feedback = told("03.7", written(MUT1, old, new))
    assert feedback.status == "wrong" and words in str(feedback), str(feedback)
    assert old.strip(" +") not in str(feedback)
