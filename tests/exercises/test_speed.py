"""The exercises of notebook 11: right answers, typical wrong ones, and what the student is told."""

import pytest

from exercises.answers import revealed, told, written


@pytest.mark.parametrize("products, words", [
    ((1, 2), "is right"),
    ((2, 3), "one for each matrix"),
    ((1, 1), "When is that there?"),
    ((1, 3), "two of the GRU's three become one"),
    ((2, 2), "the RWA's two become one"),
    ((1, 4), "wrong at [1] only"),
])
def test_how_many_products_a_step_has(products, words):
    assert words in str(told("11.1", products))


BACKWARD = """\
def stacked_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    z, n = memo["z"], memo["n"]
    dz, dn = dh_new * (n - h), dh_new * z
    da = np.concatenate([dz * z * (1 - z), dn * (1 - n**2)])
    grads["W"] += da @ x.T
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    return p["W"].T @ da, (dh_new * (1 - z) + p["R"].T @ da,)
"""


def test_two_gates_in_one_product_from_blank():
    right = told("11.2", written(BACKWARD))
    assert right and "All 5 gradients agree" in str(right) and "four products stay four" in str(right)


@pytest.mark.parametrize("old, new, wrong", [
    ("[dz * z * (1 - z), dn * (1 - n**2)]", "[dn * (1 - n**2), dz * z * (1 - z)]", "W"),
    ("dh_new * (1 - z) +", "", "old h"),
    ("dn * (1 - n**2)", "dn * n * (1 - n)", "W"),
    ("da @ h.T", "da @ new[0].T", "R"),
])
def test_a_mistake_in_it_is_told_by_what_it_makes_wrong(old, new, wrong):
    feedback = told("11.2", written(BACKWARD, old, new))
    assert feedback.status == "wrong" and wrong in str(feedback) and "belongs:" not in str(feedback), str(feedback)


SUMMED = """\
def summed(das, hs):
    def columns(a):
        return a.transpose(1, 0, 2).reshape(a.shape[1], -1)
    return columns(das) @ columns(hs).T
"""


@pytest.mark.parametrize("old, new, words", [
    ("", "", "is right"),
    ("a.transpose(1, 0, 2)", "a", "in the order of memory"),
    ("columns(das) @ columns(hs).T", "das[-1] @ hs[-1].T", "the last step's share alone"),
    ("columns(hs).T", "columns(hs).T / len(das)", "the mean over the steps"),
    ("columns(das) @ columns(hs).T", "das.sum(axis=0) @ hs.sum(axis=0).T", "no product of sums"),
    ("columns(das) @ columns(hs).T", "columns(hs) @ columns(das).T", "its transpose"),
    ("transpose(1, 0, 2)", "transpose(1, 2, 0)", "is right"),                 # another order of columns, in both: the same sum
])
def test_a_sum_over_time_is_one_product(old, new, words):
    assert words in str(told("11.3", written(SUMMED, old, new)))


def test_what_rounding_leaves_of_a_vanishing_gradient_is_found_in_float32():
    assert revealed("11.4", "the smallest number there is")
    assert "nearer to that than to 0" in str(revealed("11.4", "exactly 0"))
    assert "nothing between 0 and 1.4e-45" in str(revealed("11.4", "about 1e-137"))


BEST = (2 / 7 * 1e5) ** 0.5


@pytest.mark.parametrize("segment, words", [
    ((BEST, 7e5 / (14 * BEST)), "is right"),
    ((169, 296), "is right"),
    ((1e5**0.5, 7e5 / (9 * 1e5**0.5)), "That is √T"),
    ((591.6, 7e5 / (7 * 591.6 + 2e5 / 591.6)), "the other way round"),
    ((169, 1e5 / 169), "counts the steps of a segment only"),
    ((169, 350), "wrong at [1] only"),
])
def test_the_best_segment(segment, words):
    assert words in str(told("11.5", segment))


def test_near_its_least_what_is_kept_hardly_changes():
    kept = lambda k: 7 * k + 2e5 / k
    assert 1.15 < kept(1e5**0.5) / kept(BEST) < 1.25
