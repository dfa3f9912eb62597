"""What the search for a mistake makes of code that it may not understand, that runs in one size, or that may not end."""

import pytest

from minirnn import gradcheck
from minirnn.checking import mending
from minirnn.checking.loading import load_cell

RIGHT = '''
import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, = old
    n = np.tanh(p["W"] @ x + np.roll(p["r"] * h, 1, axis=0))
    scale = np.exp(-(n * h).sum(axis=0, keepdims=True) * p["k"].sum())
    return (scale * n,), {"n": n, "scale": scale}


def step_backward(p, dnew, x, old, new, memo, grads):
    h, d, n, scale = old[0], dnew[0], memo["n"], memo["scale"]
    dscale = (d * n).sum(axis=0, keepdims=True)
    dn, dh = d * scale, np.zeros_like(h)
    dsum = -dscale * scale * p["k"].sum()
    grads["k"] += -(dscale * scale * (n * h).sum(axis=0)).sum()
    for total, other in ((dn, h), (dh, n)):
        total += dsum * other
    da = dn * (1 - n**2)
    grads["W"] += da @ x.T
    grads["r"] += (np.roll(da, -1, axis=0) * h).sum(axis=1, keepdims=True)
    return p["W"].T @ da, (dh + p["r"] * np.roll(da, -1, axis=0),)


def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "r": rng.normal(size=(n_hidden, 1)), "k": rng.normal(size=(2, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
'''


def report_of(tmp_path, right="", wrong="", text=RIGHT):
    assert text.count(right) == 1 or not right
    (tmp_path / "cell.py").write_text(text.replace(right, wrong) if right else text)
    return gradcheck(load_cell(f"{tmp_path / 'cell.py'}:make", 3, 4))


def test_the_cell_is_right(tmp_path):
    assert report_of(tmp_path) and report_of(tmp_path, text=WORKLIST) and report_of(tmp_path, text=TABLES)


@pytest.mark.parametrize("right, wrong, belongs, words", [
    ('dh + p["r"] * np.roll(da, -1, axis=0)', 'dh + np.roll(p["r"] * da, -1, axis=0)',
     "dh + p['r'] * np.roll(da, -1, axis=0)", "does not belong into roll"),
    ('(np.roll(da, -1, axis=0) * h)', '(np.roll(da * h, -1, axis=0))', "np.roll(da, -1, axis=0)", "does not belong into roll"),
    ('-(dscale * scale * (n * h).sum(axis=0)).sum()', '-(dscale * scale).sum() * (n * h).sum()',
     "(dscale * scale * ", "the sum of the products belongs here"),
    ("((dn, h), (dh, n))", "((dn, n), (dh, h))", "((dh, n), (dn, h))", "`dn` and `dh` stand in each other's place"),
])
def test_mistakes_of_less_usual_kinds_are_mended(right, wrong, belongs, words, tmp_path):
    finding, = report_of(tmp_path, right, wrong).diagnosis.findings
    assert finding.certain and belongs in finding.belongs.replace('"', "'") and words in finding.sentence


TABLES = '''
import numpy as np

from minirnn import FunctionCell

HEADS = 3


def step(p, x, old):
    a = p["W"] @ x + p["R"] @ old[0]
    dist = np.array([((a - p["C"][m][:, None])**2).sum(axis=0) for m in range(HEADS)])
    phi = np.exp(-dist)
    gate = np.tanh(np.einsum("mh,hb->mb", p["G"], old[0]))
    y = p["V"][:, :, None] * gate[:, None]
    return (np.tanh((y * phi[:, None]).sum(axis=0)),), {"a": a, "phi": phi, "gate": gate}


def whole_way_back(p, dnew, x, old, new, memo, grads):
    a, phi, gate = memo["a"], memo["phi"], memo["gate"]
    dsum = dnew[0] * (1 - new[0]**2)
    dy = dsum[None] * phi[:, None]
    dphi = (dsum * p["V"][:, :, None] * gate[:, None]).sum(axis=1)
    dv = dy * gate[:, None]
    grads["V"] += dv.sum(axis=2)
    dgate = (dy * p["V"][:, :, None]).sum(axis=1) * (1 - gate**2)
    grads["G"] += dgate @ old[0].T
    da = np.zeros_like(a)
    for m in range(HEADS):
        ddist = -dphi[m] * phi[m]
        diff = a - p["C"][m][:, None]
        ddiff = 2 * diff * ddist
        grads["C"][m] -= ddiff.sum(axis=1)
        da += ddiff
    grads["W"] += da @ x.T
    grads["R"] += da @ old[0].T
    return p["W"].T @ da, (p["R"].T @ da + p["G"].T @ dgate,)


def make(n_in, n_hidden):
    draw = np.random.default_rng(0).normal
    params = {"W": draw(0, 0.5, (n_hidden, n_in)), "R": draw(0, 0.5, (n_hidden, n_hidden)), "C": draw(0, 0.5, (3, n_hidden)),
              "G": draw(size=(3, n_hidden)), "V": draw(size=(3, n_hidden))}
    return FunctionCell(step, whole_way_back, params, n_in=n_in, n_hidden=n_hidden)
'''


@pytest.mark.parametrize("right, wrong, belongs, words", [
    ("ddiff = 2 * diff * ddist", "ddiff = diff * ddist", "ddiff = 2 * (diff * ddist)", "half of"),      # ddist is right
    ("dv = dy * gate[:, None]", "dv = dy", "gate[:, None]", "the factor gate[:, None] is missing"),      # which lacks an axis
    ("    da = np.zeros_like(a)\n    for m in range(HEADS):\n", "    for m in range(HEADS):\n        da = np.zeros_like(a)\n",
     "before the loop", "each turn begins anew"),
])
def test_of_places_that_would_all_do_that_one_is_told_where_the_mistake_is(right, wrong, belongs, words, tmp_path):
    finding, = report_of(tmp_path, right, wrong, TABLES).diagnosis.findings
    assert finding.certain and belongs in finding.belongs and words in finding.sentence


def test_the_function_is_told_by_its_own_name(tmp_path):
    diagnosis = report_of(tmp_path, "da += ddiff", "da -= ddiff", TABLES).diagnosis
    assert "\n  whole_way_back, line " in diagnosis.summary()
    assert (diagnosis.findings[0].method, diagnosis.findings[0].function) == ("step_backward", "whole_way_back")


WORKLIST = '''
import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    n = np.tanh(p["W"] @ x + p["R"] @ old[0])
    return (n * n,), {"n": n}


def step_backward(p, dnew, x, old, new, memo, grads):
    n, dx, dh = memo["n"], 0, 0
    waiting, going_on = [("new", dnew[0])], {"new": "n", "n": "a"}
    while waiting:
        name, d = waiting.pop()
        if name == "new":
            waiting.append((going_on[name], 2 * n * d))
        elif name == "n":
            waiting.append((going_on[name], (1 - n**2) * d))
        else:
            grads["W"] += d @ x.T
            grads["R"] += d @ old[0].T
            dx, dh = dx + p["W"].T @ d, dh + p["R"].T @ d
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "R": rng.normal(size=(n_hidden, n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
'''


def test_a_loop_that_never_ends_after_a_change_does_not_stop_the_search(tmp_path):
    """Many changes of this one keep it waiting for ever, as the other name for what is put on the list."""
    finding, = report_of(tmp_path, "(1 - n**2) * d", "(1 + n**2) * d", WORKLIST).diagnosis.findings
    assert finding.certain and finding.source == "waiting.append((going_on[name], (1 + n**2) * d))"


def test_a_part_of_the_search_that_fails_does_not_end_it(tmp_path, monkeypatch):
    def fails(tree):
        yield from ()
        raise RuntimeError("of the search's own")
    monkeypatch.setattr(mending, "KINDS_OF_REPAIR", (fails, *mending.KINDS_OF_REPAIR))
    diagnosis = report_of(tmp_path, "da = dn", "da = -dn").diagnosis
    assert diagnosis.findings[0].kind == "sign" and diagnosis.findings[0].certain
    assert "failed itself: RuntimeError: of the search's own" in diagnosis.summary()


def test_what_runs_only_where_the_batch_is_as_large_as_the_input_is_mended_for_every_batch(tmp_path):
    """With D = 3 inputs and 3 columns, no shape tells that a transpose is missing."""
    diagnosis = report_of(tmp_path, 'grads["W"] += da @ x.T', 'grads["W"] += da @ x').diagnosis
    finding, = diagnosis.findings
    assert finding.kind == "transposed" and finding.belongs == 'grads["W"] += da @ x.T' and finding.certain
    assert f"With 5 columns instead of 3 line {finding.line} fails: ValueError: matmul" in diagnosis.summary()


def test_where_several_lines_could_be_to_blame_each_is_shown(tmp_path):
    """Two mistakes in one line, which no single change mends."""
    diagnosis = report_of(tmp_path, "da = dn * (1 - n**2)", "da = dn[::-1] * np.cos(n)").diagnosis
    finding, = diagnosis.findings
    assert finding.kind == "unexplained" and "most likely the mistake is in one of them" in finding.sentence
    assert "\n      22: da = dn[::-1] * np.cos(n)" in diagnosis.summary() and len(finding.source.splitlines()) > 1
