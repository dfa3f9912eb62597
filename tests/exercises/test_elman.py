"""The exercises of notebook 01: right answers, typical wrong ones, and what the student is told."""

import numpy as np

from exercises.answers import revealed, told


def test_one_weight_over_three_steps():
    u, h = 0.8, [0.2]
    for x in (0.5, -0.3, 0.6):
        h.append(np.tanh(u * h[-1] + x))
    du, dh, terms = 0, 1, []
    for t in (3, 2, 1):
        da = dh * (1 - h[t]**2)
        terms.append(da * h[t - 1])
        du, dh = du + terms[-1], u * da
    assert told("01.1", du) and told("01.1", round(du, 3))
    assert "the last step's term alone" in str(told("01.1", terms[0]))
    assert "The slopes" in str(told("01.1", h[2] + u * h[1] + u**2 * h[0]))
    assert "wrong sign" in str(told("01.1", -du))


def through_time(carry=True, direct=True, read="before", slope="after", returned=5):
    def backward(p, xs, h_0, hs, dhs):
        dxs, dh = np.zeros_like(xs), np.zeros_like(h_0)
        dW, dR, db = (np.zeros_like(p[name]) for name in ("W", "R", "b"))
        for t in reversed(range(len(xs))):
            before = h_0 if t == 0 and read != "minus one" else hs[t - 1]
            dh = dh + dhs[t] if direct or t == len(xs) - 1 else dh
            da = dh * (1 - (hs[t] if slope == "after" else before)**2)
            dW += da @ xs[t].T
            dR += da @ (hs[t] if read == "after" else before).T
            db += da.sum(axis=1, keepdims=True)
            dxs[t] = p["W"].T @ da
            dh = p["R"].T @ da
            if not carry and t:
                dh = np.zeros_like(dh)
        return (dxs, dW, dR, db, dh)[:returned]
    return backward


def test_backpropagation_through_time_from_blank():
    assert told("01.2", through_time())
    for options, words in ((dict(carry=False), "nothing is handed on"), (dict(read="minus one"), "Which state did that step read?"),
                           (dict(read="after"), "Right: dxs, dW, db, dh_0. Wrong: dR."),
                           (dict(direct=False), "is right for one step and one column and one step and three columns, wrong for "
                                                "four steps"),
                           (dict(slope="before"), "Wrong: dxs, dW, dR, db, dh_0"),
                           (dict(returned=3), "It returns 3 values, expected 5: dxs, dW, dR, db, dh_0")):
        feedback = told("01.2", through_time(**options))
        assert feedback.status == "wrong" and words in str(feedback), str(feedback)


def test_the_jacobian_of_a_step():
    assert told("01.3", lambda R, h_new: np.diag(1 - h_new[:, 0]**2) @ R)
    for wrong, words in ((lambda R, h_new: R, "The tanh has one, too"),
                         (lambda R, h_new: R @ np.diag(1 - h_new[:, 0]**2), "gone to a column"),
                         (lambda R, h_new: R.T @ np.diag(1 - h_new[:, 0]**2), "takes gradients back"),
                         (lambda R, h_new: R @ (1 - h_new**2), "has shape (2, 1), expected (2, 2)")):
        assert words in str(told("01.3", wrong))


def test_predictions_about_vanishing_and_exploding():
    assert revealed("01.4", "it vanishes") and "So says R alone" in str(revealed("01.4", "it explodes"))
    assert not revealed("01.4", "it keeps its size")
    assert revealed("01.5", "it grows for a while, then it is exactly 0")
    assert not revealed("01.5", "it is 0 after one step") and "1.5" in str(revealed("01.5", "it shrinks in every step"))


def test_a_leash():
    def right(grads, limit):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        return [g * min(1, limit / norm) for g in grads]

    def in_place(grads, limit):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        for g in grads:
            g *= min(1, limit / norm)
        return grads

    assert told("01.6", right)
    for wrong, words in ((lambda grads, limit: [g * min(1, limit / np.linalg.norm(g)) for g in grads], "on its own"),
                         (lambda grads, limit: [np.clip(g, -limit, limit) for g in grads], "Each element"),
                         (lambda grads, limit: [g * limit / np.sqrt(sum((a**2).sum() for a in grads)) for g in grads],
                          "Short gradients are made longer"),
                         (lambda grads, limit: grads, "is right for gradients that are short enough, wrong for gradients that are too"),
                         (in_place, "changes one of its arguments")):
        assert words in str(told("01.6", wrong))


def test_a_step_that_adds_from_blank():
    def backward(direct=True, through=True):
        def step_backward(p, dnew, x, old, new, memo, grads):
            dh_new, = dnew
            da = dh_new * (1 - memo["n"]**2)
            grads["W"] += da @ x.T
            grads["R"] += da @ old[0].T
            grads["b"] += da.sum(axis=1, keepdims=True)
            return p["W"].T @ da, (direct * dh_new + through * (p["R"].T @ da),)
        return step_backward

    def forgets_the_way_past_tanh(p, dnew, x, old, new, memo, grads):
        dh_new, = dnew
        da = dh_new * (1 - memo["n"]**2)
        grads["W"] += da @ x.T
        grads["R"] += da @ old[0].T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"].T @ da,)

    assert told("01.7", backward())
    said = str(told("01.7", forgets_the_way_past_tanh))
    assert "old h is wrong" in said and "a term is missing" in said and "+ dh" not in said
    assert "old h is wrong" in str(told("01.7", backward(through=False)))
