"""Two things that no formula shows: arrays with two names, and backward passes that are not linear."""

import numpy as np
import pytest

from minirnn import FunctionCell, gradcheck
from minirnn.checking.diagnosis import diagnose

D, H = 3, 4


def cell_of(step_backward, step=None):
    def right_step(p, x, old):
        r = 1 / (1 + np.exp(-(p["W"] @ x)))
        h_new = np.tanh(p["R"] @ old[0] + p["b"] + r)
        return (h_new,), {"r": r}

    rng = np.random.default_rng(1)
    params = {"W": rng.normal(0, 0.5, (H, D)), "R": rng.normal(0, 0.5, (H, H)), "b": rng.normal(0, 0.5, (H, 1))}
    return FunctionCell(step or right_step, step_backward, params, n_in=D, n_hidden=H)


def share(p, x, h, da, dr, grads):
    grads["W"] += dr @ x.T
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    return p["W"].T @ dr, (p["R"].T @ da,)


def right_backward(p, dnew, x, old, new, memo, grads):
    da = dnew[0] * (1 - new[0]**2)
    dr = da * memo["r"] * (1 - memo["r"])
    return share(p, x, old[0], da, dr, grads)


def test_the_cell_that_is_made_wrong_here_is_right():
    assert gradcheck(cell_of(right_backward))


# ---- linearity ------------------------------------------------------------------------------------------------------

def clipped(p, dnew, x, old, new, memo, grads):
    da = dnew[0] * (1 - new[0]**2)
    dr = np.clip(da * memo["r"] * (1 - memo["r"]), -5, 5)
    return share(p, x, old[0], da, dr, grads)


def cut_off(p, dnew, x, old, new, memo, grads):
    da = dnew[0] * (1 - new[0]**2)
    da[np.abs(da) < 1e-7] = 0
    dr = da * memo["r"] * (1 - memo["r"])
    return share(p, x, old[0], da, dr, grads)


def scaled_down(p, dnew, x, old, new, memo, grads):
    da = dnew[0] * (1 - new[0]**2)
    da = da * min(1.0, 100 / np.linalg.norm(da))
    dr = da * memo["r"] * (1 - memo["r"])
    return share(p, x, old[0], da, dr, grads)


@pytest.mark.parametrize("step_backward, code", [(clipped, "np.clip("), (cut_off, "1e-7"), (scaled_down, "min(1.0")])
def test_what_is_not_linear_is_caught_where_no_number_is_wrong_and_its_line_is_named(step_backward, code):
    report = gradcheck(cell_of(step_backward))
    assert not report and all(row.ok for row in report.rows) and report.nonlinear
    assert ": FAILED, not linear in the incoming gradient: " in report.title and "apart from that all" in report.title
    finding, = report.diagnosis.findings
    assert finding.kind == "not linear" and code in finding.source


def rounded(p, dnew, x, old, new, memo, grads):
    da = dnew[0] * (1 - new[0]**2)
    dr = (da * memo["r"]).astype(np.float32) * (1 - memo["r"])
    return share(p, x, old[0], da, dr, grads)


def test_a_cast_in_the_middle_is_caught_and_named():
    report = gradcheck(cell_of(rounded))
    assert not report and all(row.ok for row in report.rows)
    finding = report.diagnosis.findings[0]
    assert finding.kind == "precision" and "float32" in finding.sentence and "astype" in finding.source


def test_a_memo_of_fewer_digits_is_caught_and_the_forward_line_is_named():
    def step(p, x, old):
        r = 1 / (1 + np.exp(-(p["W"] @ x)))
        h_new = np.tanh(p["R"] @ old[0] + p["b"] + r)
        return (h_new,), {"r": r.astype(np.float32) if r.dtype == np.float64 else r}

    report = gradcheck(cell_of(right_backward, step))
    assert not report and report.lowered == {"r": "float32"} and "r (float32)" in report.title
    finding = report.diagnosis.findings[0]
    assert (finding.kind, finding.method) == ("precision", "step") and "astype" in finding.source


# ---- aliasing -------------------------------------------------------------------------------------------------------

def in_place(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    da = dh_new
    da *= 1 - new[0]**2
    dr = dh_new * (1 - new[0]**2) * memo["r"] * (1 - memo["r"])
    return share(p, x, old[0], da, dr, grads)


def out_of_itself(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    da = np.multiply(dh_new, 1 - new[0]**2, out=dh_new)
    dr = dh_new * (1 - new[0]**2) * memo["r"] * (1 - memo["r"])
    return share(p, x, old[0], da, dr, grads)


def times_slope(d, y):
    d *= 1 - y**2
    return d


def by_a_helper(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    da = times_slope(dh_new, new[0])
    dr = dh_new * (1 - new[0]**2) * memo["r"] * (1 - memo["r"])
    return share(p, x, old[0], da, dr, grads)


@pytest.mark.parametrize("step_backward, writes, name", [(in_place, "da *=", "da"), (out_of_itself, "out=dh_new", "dh_new"),
                                                         (by_a_helper, "d *=", "d")])
def test_an_array_that_is_changed_too_early_is_named_with_both_lines(step_backward, writes, name):
    finding, = gradcheck(cell_of(step_backward)).diagnosis.findings
    assert finding.kind == "changes its input" and finding.certain and writes in finding.source
    lines = open(__file__, encoding="utf-8").read().splitlines()
    needs = next(k for k, line in enumerate(lines, 1) if k > step_backward.__code__.co_firstlineno and "dr = dh_new" in line)
    assert f"`{name}` is changed in place, and line {needs} still needs what `dh_new` was" in finding.sentence


def test_a_memo_that_forward_changes_after_it_was_noted_is_named_in_forward():
    def step(p, x, old):
        r = 1 / (1 + np.exp(-(p["W"] @ x)))
        memo = {"r": r}
        r += p["R"] @ old[0] + p["b"]
        return (np.tanh(r),), memo

    finding, = gradcheck(cell_of(right_backward, step)).diagnosis.findings
    assert finding.kind == "changes its input" and finding.method == "step" and finding.source.startswith("r +=")
    assert "still needs" in finding.sentence


def test_a_buffer_of_its_own_that_is_changed_in_place_is_no_mistake():
    def own_buffers(p, dnew, x, old, new, memo, grads):
        da = dnew[0].copy()
        da *= 1 - new[0]**2
        dr = da * memo["r"]
        dr *= 1 - memo["r"]
        return share(p, x, old[0], da, dr, grads)

    cell = cell_of(own_buffers)
    assert gradcheck(cell) and not diagnose(cell).findings


# ---- NaN, and size --------------------------------------------------------------------------------------------------

def test_a_value_that_is_not_finite_is_named_where_it_first_appears():
    def step_backward(p, dnew, x, old, new, memo, grads):
        da = dnew[0] * np.sqrt(new[0]**2 - 1)
        dr = da * memo["r"] * (1 - memo["r"])
        return share(p, x, old[0], da, dr, grads)

    with np.errstate(all="ignore"):
        finding, = gradcheck(cell_of(step_backward)).diagnosis.findings
    assert finding.kind == "not finite" and "np.sqrt(new[0] ** 2 - 1)" in finding.sentence and "np.sqrt" in finding.source
