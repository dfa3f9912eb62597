"""The checker itself: its report, what it allows for, what it refuses, and no false alarm."""

import json
import textwrap

import numpy as np
import pytest
from every_cell import CASES, awaken, label
from whole import amount

import minirnn
from minirnn import FunctionCell, gradcheck
from minirnn.cells.elman import RNN
from minirnn.checking import check
from minirnn.checking.loading import load_cell

D, H = 3, 4


# ---- no false alarm --------------------------------------------------------------------------------------------------

def drawn_cell(seed):
    """A cell with options, sizes, weights and sometimes saturated gates, all drawn; and how to check it."""
    rng = np.random.default_rng(seed)
    name, options = CASES[seed % len(CASES)]
    if rng.integers(2):
        options = {**options, "learned_state": True}
    sizes = (int(rng.integers(1, 4)) for _ in range(2))
    cell = minirnn.make_cell(name, *sizes, rng=rng, dtype="float64", **options)
    weights = rng.choice(["as they start", "random", "large", "saturated"])
    if weights != "as they start":
        awaken(cell, rng)
    for parameter, a in cell.params.items():
        if weights == "large":
            a *= 5
        if weights == "saturated" and parameter in ("b_i", "b_f", "b_o", "b_z", "b_r", "b_g", "b_a", "b_gamma"):
            a += rng.choice([-18, 0, 18], a.shape)
    how = {"n_steps": int(rng.integers(1, 4)), "sample": 30, "batch": int(rng.integers(1, 3)), "state": str(rng.choice(["random", "own"]))}
    return cell, how


@pytest.mark.parametrize("part", range(4))
def test_a_thousand_right_cells_raise_no_alarm(part):
    """A hundred day by day; CI checks all of them."""
    if part not in amount([0], range(4)):
        pytest.skip("with MINIRNN_ALL=1")
    for seed in range(250 * part, 250 * part + amount(100, 250)):
        cell, how = drawn_cell(seed)
        for method in ("central", "complex"):
            report = gradcheck(cell, rng=seed, method=method, diagnose=False, **how)
            assert report, f"seed {seed}, {cell}\n{report}"


def test_an_indrnn_with_its_papers_tiny_weights_crosses_kinks_and_they_are_counted():
    skipped = 0
    for seed in range(40):
        report = gradcheck(minirnn.make_cell("indrnn", D, H, rng=seed, dtype="float64"), rng=seed, state="own")
        assert report, report
        skipped += sum(row.skipped for row in report.rows)
        if any(row.skipped for row in report.rows):
            assert "skipped (kink)" in str(report)
    assert skipped > 0


def test_a_kink_hides_no_mistake():
    class Wrong(type(minirnn.make_cell("indrnn", 1, 1))):
        def step_backward(self, dnew, old, new, memo):
            da, (dh,) = super().step_backward(dnew, old, new, memo)
            return da, (1.001 * dh,)

    for seed in range(10):
        report = gradcheck(Wrong(D, H, rng=seed), rng=seed, diagnose=False)
        assert not report and not next(row for row in report.rows if row.name == "h_0").ok


def test_an_lstm_whose_input_gate_is_saturated_passes_and_the_report_says_what_rounding_leaves():
    cell = minirnn.make_cell("lstm", D, H, dtype="float64")
    cell.params["b_i"][...] = 18
    for method in ("central", "complex"):
        assert gradcheck(cell, method=method)
    cell.params["b_i"][...] = 40
    assert gradcheck(cell) and gradcheck(cell, method="complex")


def test_a_loss_that_draws_random_numbers_is_no_kink():
    rng = np.random.default_rng(0)

    class Noisy(RNN):
        def step(self, wx, old):
            new, memo = super().step(wx, old)
            return (new[0] + rng.normal(0, 0.01, new[0].shape),), memo

    report = gradcheck(Noisy(D, H), diagnose=False)
    assert not report and not any(row.skipped for row in report.rows)


@pytest.mark.parametrize("size", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("method, smallest", [("central", 1e-3), ("complex", 1e-3)])
def test_a_small_mistake_is_noticed(size, method, smallest):
    class Off(RNN):
        def step_backward(self, dnew, old, new, memo):
            da, (dh,) = super().step_backward(dnew, old, new, memo)
            return da, (dh * (1 + size),)

    assert not gradcheck(Off(D, H), method=method, diagnose=False)


# ---- the report ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_a_passing_report_is_short_and_complete(name, options):
    cell = minirnn.make_cell(name, D, H, **options)
    report = gradcheck(cell)
    assert report and report.diagnosis is None
    assert [row.name for row in report.rows] == [*cell.params, "x", *(f"{state}_0" for state in cell.state_names)]
    text = str(report)
    assert len(text.splitlines()) == 2 + len(report.rows) and "WRONG" not in text
    found = json.loads(json.dumps(report.as_dict()))
    assert found["ok"] and found["diagnosis"] is None and len(found["rows"]) == len(report.rows)
    assert "<svg" not in report._repr_html_()


def test_a_sample_is_said_to_be_one():
    report = gradcheck(minirnn.make_cell("rnn", D, H), sample=5)
    row = report.rows[0]
    assert (row.checked, row.elements) == (5, 12) and "5 of 12" in str(report)


# ---- mistakes of the contract, told apart from those of calculus -----------------------------------------------------

def cell_of(step=None, step_backward=None):
    def right_step(p, x, old):
        h_new = np.tanh(p["W"] @ x + p["R"] @ old[0] + p["b"])
        return (h_new,), {"slope": 1 - h_new**2}

    def right_backward(p, dnew, x, old, new, memo, grads):
        da = dnew[0] * memo["slope"]
        grads["W"] += da @ x.T
        grads["R"] += da @ old[0].T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"].T @ da,)

    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(H, 2)), "R": rng.normal(size=(H, H)), "b": rng.normal(size=(H, 1))}
    return FunctionCell(step or right_step, step_backward or right_backward, params, n_in=2, n_hidden=H)


BACKWARD_ERRORS = {
    "a wrong shape": (lambda p, dnew, x, old, new, memo, grads: (x.T, (dnew[0],)), ValueError,
                      r"step_backward returned dx with shape \(3, 2\), expected \(2, 3\), its transpose"),
    "a missing return": (lambda p, dnew, x, old, new, memo, grads: None, TypeError, "is a return missing"),
    "no tuple": (lambda p, dnew, x, old, new, memo, grads: (x, dnew[0]), TypeError, r"expected a tuple of 1: \(dh,\)"),
    "a memo name": (lambda p, dnew, x, old, new, memo, grads: memo["f"], KeyError, "did not note: it noted slope"),
    "a parameter's name": (lambda p, dnew, x, old, new, memo, grads: p["V"], KeyError, "'V' is unknown, expected one of W, R"),
    "a dtype": (lambda p, dnew, x, old, new, memo, grads: (x, (dnew[0].astype("float32"),)), TypeError,
                "dh as float32, the cell computes in float64"),
    "an assignment": (lambda p, dnew, x, old, new, memo, grads: grads.__setitem__("b", x), TypeError, r"write grads\["),
    "an error of its own": (lambda p, dnew, x, old, new, memo, grads: x @ x, ValueError, "matmul"),
}


@pytest.mark.parametrize("mistake", BACKWARD_ERRORS)
def test_a_mistake_of_the_contract_is_an_error_that_says_which(mistake):
    step_backward, kind, message = BACKWARD_ERRORS[mistake]
    assert gradcheck(cell_of())
    with pytest.raises(kind, match=message):
        gradcheck(cell_of(step_backward=step_backward))


def test_a_dtype_lost_in_the_forward_pass_is_told():
    def step(p, x, old):
        h_new = np.tanh(np.abs(p["W"] @ x) + p["R"] @ old[0] + p["b"]).real
        return (h_new,), {"slope": 1 - h_new**2}

    with pytest.raises(TypeError, match='method="central"'):
        gradcheck(cell_of(step), method="complex")
    with pytest.raises(TypeError, match="h as float32, the cell computes in float64"):
        gradcheck(cell_of(lambda p, x, old: (((p["W"] @ x).astype("float32"),), {})))


def test_the_users_own_error_says_what_shapes_it_arose_from():
    with pytest.raises(ValueError) as caught:
        gradcheck(cell_of(step_backward=lambda p, dnew, x, old, new, memo, grads: x @ x))
    if hasattr(caught.value, "add_note"):                       # from Python 3.11 on
        assert any("your step_backward" in note and "x (2, 3)" in note for note in caught.value.__notes__)


@pytest.mark.skipif(not hasattr(Exception, "add_note"), reason="notes on errors came with Python 3.11")
def test_numpys_own_error_is_told_with_the_shapes_in_its_line():
    class Product(RNN):
        def step_backward(self, dnew, old, new, memo):
            da = dnew[0] * (1 - new[0]**2)
            return da, (self.W @ da,)

    class Sum(RNN):
        def weight_gradients(self, dwxs, xs, olds, memos, grads):
            grads["W"] += dwxs[0] @ olds[0][0].T
            return self.W.T @ dwxs

    with pytest.raises(ValueError) as caught:
        gradcheck(Product(D, H))
    note, = caught.value.__notes__
    assert "in step_backward" in note and "self.W @ da" in note and "self.W is (4, 3), " not in note.split("`")[1]
    assert "self.W is (4, 3)" in note and "da is (4, 3)" in note
    with pytest.raises(ValueError) as caught:
        gradcheck(Sum(D, H))
    assert "dwxs[0] is (4, 3)" in caught.value.__notes__[0] and "olds[0][0] is (4, 3)" in caught.value.__notes__[0]


def test_what_is_raised_on_purpose_gets_no_shapes():
    class Raises(RNN):
        def step_backward(self, dnew, old, new, memo):
            raise ValueError("not written yet")

    with pytest.raises(ValueError, match="not written yet") as caught:
        gradcheck(Raises(D, H))
    assert not getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize("wrong, kind, message", [
    (lambda da, dh, memo: (da, dh), TypeError, "expected a tuple of 1"),
    (lambda da, dh, memo: (da[:1], (dh,)), ValueError, "returned dwx with shape"),
    (lambda da, dh, memo: (da, (dh[:, :1],)), ValueError, "returned dh with shape"),
    (lambda da, dh, memo: (da, (dh.astype("float32"),)), TypeError, "dh as float32"),
    (lambda da, dh, memo: memo.f, AttributeError, "memo.f, which step did not note: it noted nothing"),
    (lambda da, dh, memo: None, TypeError, "expected a pair"),
])
def test_a_subclass_that_breaks_the_contract_is_told_so(wrong, kind, message):
    class Broken(RNN):
        def step_backward(self, dnew, old, new, memo):
            da, (dh,) = super().step_backward(dnew, old, new, memo)
            return wrong(da, dh, memo)

    with pytest.raises(kind, match=message):
        gradcheck(Broken(D, H))


# ---- bad input -------------------------------------------------------------------------------------------------------

def test_a_forward_that_raises_raises():
    class Raises(RNN):
        def step(self, wx, old):
            raise ZeroDivisionError("this cell is not finished")

    with pytest.raises(ZeroDivisionError, match="not finished"):
        gradcheck(Raises(D, H))


def test_a_forward_that_is_not_finite_is_refused_with_the_place():
    class Explodes(RNN):
        def step(self, wx, old):
            new, memo = super().step(wx, old)
            new[0][1, 0] = np.nan
            return new, memo

    with pytest.raises(ValueError, match="h = nan at step 0, unit 1, column 0"):
        gradcheck(Explodes(D, H))


def test_a_hopeless_size_is_refused_with_the_time_and_a_sample(monkeypatch):
    monkeypatch.setattr(check, "HOPELESS", 1e-3)
    with pytest.raises(ValueError, match=r"about \d+ minutes .* pass sample=\d+"):
        gradcheck(minirnn.make_cell("lstm", D, H))


@pytest.mark.parametrize("how, kind", [({"method": "forward"}, ValueError), ({"state": "zero"}, ValueError), ({"step": 0}, ValueError),
                                       ({"sample": 0}, ValueError), ({"tolerance": -1}, ValueError), ({"n_steps": 0}, ValueError)])
def test_a_bad_argument_is_refused(how, kind):
    with pytest.raises(kind):
        gradcheck(minirnn.make_cell("rnn", D, H), **how)
    with pytest.raises(TypeError):
        gradcheck("lstm")


# ---- a cell from a file ----------------------------------------------------------------------------------------------

MINE = '''
"""My own cell."""
import numpy as np
from minirnn import FunctionCell
from minirnn.cells.elman import RNN


class MyCell(RNN):
    def step_backward(self, dnew, old, new, memo):
        da = dnew[0] * (1 - new[0]**2)
        return da, (self.R @ da,)


def made(n_in, n_hidden):
    return RNN(n_in, n_hidden)


ready = RNN(2, 5)
number = 3


def nothing(n_in, n_hidden):
    return None
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mycell.py"
    path.write_text(textwrap.dedent(MINE), encoding="utf-8")
    return path


def test_a_cell_is_loaded_from_a_file_and_its_line_is_named(file):
    cell = load_cell(f"{file}:MyCell", D, H)
    assert (cell.n_in, cell.n_hidden) == (D, H)
    finding, = gradcheck(cell).diagnosis.findings
    assert finding.kind == "transposed" and "self.R @ da" in file.read_text(encoding="utf-8").splitlines()[finding.line - 1]
    assert load_cell(f"{file}:made", 2, 3).n_hidden == 3 and load_cell(f"{file}:ready", 2, 3).n_hidden == 5


def test_what_cannot_be_loaded_says_why(file, tmp_path):
    with pytest.raises(ValueError, match="expected \"path/to/file.py:Name\""):
        load_cell(str(file), D, H)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_cell(f"{tmp_path / 'other.py'}:MyCell", D, H)
    with pytest.raises(KeyError, match="has no 'YourCell', but it has MyCell, ready"):
        load_cell(f"{file}:YourCell", D, H)
    with pytest.raises(TypeError, match="number .* is a int"):
        load_cell(f"{file}:number", D, H)
    with pytest.raises(TypeError, match="made a NoneType"):
        load_cell(f"{file}:nothing", D, H)
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_module_anywhere\n", encoding="utf-8")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        load_cell(f"{broken}:MyCell", D, H)
    broken.write_text("def (:\n", encoding="utf-8")
    with pytest.raises(SyntaxError):
        load_cell(f"{broken}:MyCell", D, H)


def test_two_kinks_within_a_step_are_no_mistake():
    """Seeds at which the bends of two kinks nearly cancel, as found among 2,000."""
    IndRNN = minirnn.CELLS["indrnn"]
    for seed in (57, 81, 290, 542, 757, 1703, 1747, 1767, 1857):
        assert gradcheck(IndRNN(3, 4, rng=seed), rng=seed, state="own", diagnose=False)
    assert gradcheck(IndRNN(3, 4, rng=1525), rng=1525, diagnose=False)


class LostPeepholes(minirnn.CELLS["lstm-peephole"]):
    """Peepholes that hand nothing back to c. While they are 0, as in a new cell, that is no mistake."""

    def gate_backward(self, k, dgate, gate):
        da, dc = super().gate_backward(k, dgate, gate)
        return da, 0 * dc


def test_a_path_through_parameters_that_start_at_zero_is_checked():
    cell = LostPeepholes(D, H)
    report = gradcheck(cell)
    assert not report and "c_0" in [row.name for row in report.rows if not row.ok]
    assert not cell.params["p_i"].any()                         # the user's own cell is left as it was
    assert gradcheck(cell, state="own", n_steps=1), "from c = 0, at p = 0, one step shows nothing"


def test_a_mistake_in_a_helper_that_calls_its_ancestor_is_looked_into():
    report = gradcheck(LostPeepholes(D, H))
    assert report.diagnosis is not None and not report.undiagnosed and report.diagnosis.findings


def test_a_diagnosis_that_fails_itself_does_not_cost_the_report(monkeypatch):
    def broken(*given):
        raise IndexError("lost")

    monkeypatch.setattr(check, "find_mistake", broken)
    report = gradcheck(LostPeepholes(D, H))
    assert not report and report.diagnosis is None
    assert "the search for the mistake failed itself: IndexError: lost" in str(report) and "WRONG" in str(report)
    assert "IndexError" in report._repr_html_()
