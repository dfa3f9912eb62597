"""The checker's second half: it says where a wrong gradient is wrong, and which mistake it is."""

import json
from functools import partial

import numpy as np
import pytest
from every_cell import awaken

import minirnn
from minirnn import FunctionCell, Memo, gradcheck, layers
from minirnn.activations import sigmoid, tanh
from minirnn.cells.elman import RNN
from minirnn.cells.lstm import LSTM
from minirnn.checking.diagnosis import Diagnosis, diagnose
from minirnn.checking.finding import Finding
from minirnn.checking.verdicts import Verdicts
from minirnn.checking.loading import load_cell
from minirnn.model import Model, ModelRun

D, H = 3, 4


def diagnosis_of(cell, **how):
    report = gradcheck(cell, **how)
    assert not report, "the mistake was not noticed"
    return report.diagnosis


def only_finding(cell, **how):
    findings = diagnosis_of(cell, **how).findings
    assert len(findings) == 1, findings
    return findings[0]


# ---- mistakes of public code, rebuilt --------------------------------------------------------------------------------

def lstm_parameters(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"W": (H, D), "R": (H, H), "b": (H, 1)}
    return {f"{symbol}_{gate}": rng.normal(0, 0.5, shape) for symbol, shape in shapes.items() for gate in "ifog"}


def lstm_step(p, x, old):
    h, c = old
    i, f, o = (sigmoid(p[f"W_{k}"] @ x + p[f"R_{k}"] @ h + p[f"b_{k}"]) for k in "ifo")
    g = tanh(p["W_g"] @ x + p["R_g"] @ h + p["b_g"])
    c_new = f * c + i * g
    return (o * tanh(c_new), c_new), {"i": i, "f": f, "o": o, "g": g}


def lstm_cell(step_backward):
    return FunctionCell(lstm_step, step_backward, lstm_parameters(), n_in=D, n_hidden=H, state_names=("h", "c"))


def share_out(p, x, h, das, grads):
    """The last part of every LSTM's backward here: from the pre-activations' gradients to everything else's."""
    dx, dh = 0, 0
    for k, da in das.items():
        grads[f"W_{k}"] += da @ x.T
        grads[f"R_{k}"] += da @ h.T
        grads[f"b_{k}"] += da.sum(axis=1, keepdims=True)
        dx, dh = dx + p[f"W_{k}"].T @ da, dh + p[f"R_{k}"].T @ da
    return dx, dh


def right_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dc_new = dnew
    h, c = old
    i, f, o, g = memo["i"], memo["f"], memo["o"], memo["g"]
    s = tanh(new[1])
    dc_new = dc_new + dh_new * o * (1 - s**2)
    das = {"i": dc_new * g * i * (1 - i), "f": dc_new * c * f * (1 - f), "o": dh_new * s * o * (1 - o),
           "g": dc_new * i * (1 - g**2)}
    dx, dh = share_out(p, x, h, das, grads)
    return dx, (dh, dc_new * f)


def backward_with_the_output_gates_bias(p, dnew, x, old, new, memo, grads):
    """Recomputes the gates, and takes the output gate's bias for two others (ddbourgin/numpy-ml, issue 42)."""
    dh_new, dc_new = dnew
    h, c = old
    i = sigmoid(p["W_i"] @ x + p["R_i"] @ h + p["b_o"])
    f = sigmoid(p["W_f"] @ x + p["R_f"] @ h + p["b_o"])
    o = sigmoid(p["W_o"] @ x + p["R_o"] @ h + p["b_o"])
    g = tanh(p["W_g"] @ x + p["R_g"] @ h + p["b_g"])
    s = tanh(new[1])
    dc_new = dc_new + dh_new * o * (1 - s**2)
    das = {"i": dc_new * g * i * (1 - i), "f": dc_new * c * f * (1 - f), "o": dh_new * s * o * (1 - o),
           "g": dc_new * i * (1 - g**2)}
    dx, dh = share_out(p, x, h, das, grads)
    return dx, (dh, dc_new * f)


def backward_with_one_bias_gradient_for_three(p, dnew, x, old, new, memo, grads):
    """The bias gradients of f and o are filled from i's (hanbt/learn_dl, issue 53)."""
    dh_new, dc_new = dnew
    h, c = old
    i, f, o, g = memo["i"], memo["f"], memo["o"], memo["g"]
    s = tanh(new[1])
    dc_new = dc_new + dh_new * o * (1 - s**2)
    da_i, da_f = dc_new * g * i * (1 - i), dc_new * c * f * (1 - f)
    da_o, da_g = dh_new * s * o * (1 - o), dc_new * i * (1 - g**2)
    for k, da in (("i", da_i), ("f", da_f), ("o", da_o), ("g", da_g)):
        grads[f"W_{k}"] += da @ x.T
        grads[f"R_{k}"] += da @ h.T
    grads["b_i"] += da_i.sum(axis=1, keepdims=True)
    grads["b_f"] += da_i.sum(axis=1, keepdims=True)
    grads["b_o"] += da_i.sum(axis=1, keepdims=True)
    grads["b_g"] += da_g.sum(axis=1, keepdims=True)
    dx = p["W_i"].T @ da_i + p["W_f"].T @ da_f + p["W_o"].T @ da_o + p["W_g"].T @ da_g
    dh = p["R_i"].T @ da_i + p["R_f"].T @ da_f + p["R_o"].T @ da_o + p["R_g"].T @ da_g
    return dx, (dh, dc_new * f)


def test_the_lstm_that_the_mistakes_are_made_in_is_right():
    assert gradcheck(lstm_cell(right_backward)) and gradcheck(lstm_cell(right_backward), method="complex")


def test_another_gates_bias_is_named_with_its_line():
    diagnosis = diagnosis_of(lstm_cell(backward_with_the_output_gates_bias))
    assert [finding.kind for finding in diagnosis.findings] == ["exchanged", "exchanged"]
    source = open(__file__, encoding="utf-8").read().splitlines()
    told = {}
    for finding in diagnosis.findings:
        assert finding.code in ("p['b_o']", 'p["b_o"]')
        told[source[finding.line - 1].strip()[0]] = finding.sentence
    assert set(told) == {"i", "f"}
    for gate, sentence in told.items():
        assert f"b_{gate}" in sentence and "b_o" in sentence


def test_a_hidden_gradient_that_is_never_passed_on_is_named():
    """qixianbiao/RNN, issue 2."""
    class Forgetful(RNN):
        def step_backward(self, dnew, old, new, memo):
            dh_new, = dnew
            h_new, = new
            da = dh_new * (1 - h_new**2)
            return da, (np.zeros_like(da),)

    diagnosis = diagnosis_of(awaken(Forgetful(D, H), np.random.default_rng(0)))
    finding, = diagnosis.findings
    assert finding.kind == "carry" and finding.wrong == ("old h",)
    assert diagnosis.matrix["old h", "h'"] == "wrong"
    assert diagnosis.matrix["W", "h'"] == diagnosis.matrix["x", "h'"] == "ok"


def test_biases_that_hold_another_bias_gradient_are_named():
    diagnosis = diagnosis_of(lstm_cell(backward_with_one_bias_gradient_for_three))
    assert {finding.kind for finding in diagnosis.findings} == {"exchanged"}
    sentences = " ".join(finding.sentence for finding in diagnosis.findings)
    assert "`da_i` stands where `da_f` belongs" in sentences and "`da_i` stands where `da_o` belongs" in sentences
    wrong = {row for (row, column), verdict in diagnosis.matrix.items() if verdict == "wrong"}
    assert wrong == {"b_f", "b_o"}


# ---- one hypothesis after the other ----------------------------------------------------------------------------------

def rnn_cell(step_backward, step=None):
    def right_step(p, x, old):
        h_new = np.tanh(p["W"] @ x + p["R"] @ old[0] + p["b"])
        return (h_new,), {}

    rng = np.random.default_rng(1)
    params = {"W": rng.normal(0, 0.5, (H, D)), "R": rng.normal(0, 0.5, (H, H)), "b": rng.normal(0, 0.5, (H, 1))}
    return FunctionCell(step or right_step, step_backward, params, n_in=D, n_hidden=H)


def rnn_backward(da=lambda dh, h: dh * (1 - h**2), dW=lambda da, x: da @ x.T, dR=lambda da, h: da @ h.T,
                 db=lambda da: da.sum(axis=1, keepdims=True), back=lambda R, da: R.T @ da):
    """The gradient of a simple network, with one part or another exchanged for a wrong one."""
    def step_backward(p, dnew, x, old, new, memo, grads):
        da_ = da(dnew[0], new[0])
        grads["W"] += dW(da_, x)
        grads["R"] += dR(da_, old[0])
        grads["b"] += db(da_)
        return p["W"].T @ da_, (back(p["R"], da_),)

    return step_backward


@pytest.mark.parametrize("kind, part", [
    ("sign", {"dW": lambda da, x: -da @ x.T}),
    ("factor", {"db": lambda da: da.mean(axis=1, keepdims=True)}),
    ("surplus factor", {"dW": lambda da, x: 2 * da @ x.T}),
    ("derivative", {"da": lambda dh, h: dh}),
    ("derivative", {"da": lambda dh, h: dh * h * (1 - h)}),
    ("transposed", {"back": lambda R, da: R @ da}),
    ("transposed", {"dR": lambda da, h: h @ da.T}),
    ("carry", {"back": lambda R, da: 0 * da}),
])
def test_a_hypothesis_that_fits_is_named(kind, part):
    assert gradcheck(rnn_cell(rnn_backward()))
    finding = only_finding(rnn_cell(rnn_backward(**part)))
    assert finding.kind == kind, finding


def test_a_forgotten_mean_is_told_by_its_factor():
    without_source = eval("lambda da: da.mean(axis=1, keepdims=True)")       # so only its numbers are seen
    finding = only_finding(rnn_cell(rnn_backward(db=without_source)))
    assert "divided by the batch (" in finding.sentence and finding.parameters == ("b",)


LSTM_BACKWARD = """
import numpy as np
from minirnn.cells.cell import stack
from minirnn.cells.lstm import LSTM

class Written(LSTM):
    def step_backward(self, dnew, old, new, memo):
        dh_new, dc_new = dnew
        h, c = old
        i, f, o, g, s = memo.i, memo.f, memo.o, memo.g, memo.s
        do = dh_new * s
        dc_new = dc_new + dh_new * o * (1 - s**2)
        di, df, dg, dc = dc_new * g, dc_new * c, dc_new * i, dc_new * f
        da = stack(di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2))
        return da, (self.R.T @ da, dc)
"""


def written_lstm(folder, right="", wrong=""):
    """An LSTM from a file of its own, with a part of its backward step exchanged."""
    assert right in LSTM_BACKWARD
    path = folder / "written.py"
    path.write_text(LSTM_BACKWARD.replace(right, wrong, 1) if right else LSTM_BACKWARD, encoding="utf-8")
    return awaken(load_cell(f"{path}:Written", D, H), np.random.default_rng(0))


def test_a_missing_term_is_spelt_out(tmp_path):
    diagnosis = diagnosis_of(written_lstm(tmp_path, "        dc_new = dc_new + dh_new * o * (1 - s**2)\n", ""))
    finding, = diagnosis.findings
    assert finding.kind == "missing term" and "dh_new · o · (1 − s²)" in finding.sentence
    assert set(finding.parameters) == {f"{s}_{k}" for s in "WRb" for k in "ifg"}
    assert diagnosis.matrix["old c", "h'"] == "wrong" and diagnosis.matrix["old c", "c'"] == "ok"
    assert diagnosis.matrix["a_o", "c'"] == "none"


def test_two_mistakes_are_told_as_two(tmp_path):
    findings = diagnosis_of(written_lstm(tmp_path, "df * f * (1 - f), do * o * (1 - o)", "df * f * (1 + f), do * (1 - o)")).findings
    assert {(finding.kind, finding.parameters[0]) for finding in findings} == {("sign", "W_f"), ("derivative", "W_o")}
    assert len({finding.line for finding in findings}) == 1 and findings[0].line > 0


def test_a_sum_over_time_that_is_assigned_is_seen_though_each_step_is_right():
    def step_backward(p, dnew, x, old, new, memo, grads):
        da = dnew[0] * (1 - new[0]**2)
        grads["W"][...] = da @ x.T
        grads["R"] += da @ old[0].T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"].T @ da,)

    diagnosis = diagnosis_of(rnn_cell(step_backward))
    finding, = diagnosis.findings
    assert finding.kind == "overwritten" and finding.parameters == ("W",)

    class Assigns(RNN):
        def weight_gradients(self, dwxs, xs, olds, memos, grads):
            kept = grads["b"].copy()
            dxs = super().weight_gradients(dwxs, xs, olds, memos, grads)
            grads["b"][...] -= kept
            return dxs

    diagnosis = diagnosis_of(awaken(Assigns(D, H), np.random.default_rng(0)))
    assert "wrong" not in diagnosis.matrix.values()
    finding, = diagnosis.findings
    assert finding.parameters == ("b",) and finding.source == 'grads["b"][...] -= kept' and finding.certain
    assert "each step alone is right" in str(diagnosis)


def test_gradients_left_over_from_an_earlier_call_are_seen():
    total = np.zeros((H, 1))

    def step_backward(p, dnew, x, old, new, memo, grads):
        nonlocal total
        da = dnew[0] * (1 - new[0]**2)
        total = total + da.sum(axis=1, keepdims=True)
        grads["W"] += da @ x.T
        grads["R"] += da @ old[0].T
        grads["b"] += total
        return p["W"].T @ da, (p["R"].T @ da,)

    report = gradcheck(rnn_cell(step_backward))
    assert not report and "b" in report.unsteady
    assert any(finding.kind in ("left over", "not repeatable") for finding in report.diagnosis.findings)


def test_changing_an_input_in_place_is_seen():
    def step_backward(p, dnew, x, old, new, memo, grads):
        da = new[0]
        da **= 2
        da *= -1
        da += 1
        da *= dnew[0]
        grads["W"] += da @ x.T
        grads["R"] += da @ old[0].T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"].T @ da,)

    finding, *_ = diagnosis_of(rnn_cell(step_backward)).findings
    assert finding.kind == "changes its input" and "new h" in finding.sentence


def test_a_forward_that_is_not_repeatable_is_seen():
    rng = np.random.default_rng(0)

    def step(p, x, old):
        h_new = np.tanh(p["W"] @ x + p["R"] @ old[0] + p["b"] + rng.normal(0, 0.1, (H, 1)))
        return (h_new,), {}

    kinds = {finding.kind for finding in diagnosis_of(rnn_cell(rnn_backward(), step)).findings}
    assert "not repeatable" in kinds


def test_what_nothing_explains_is_not_guessed_at():
    def step(p, x, old):
        a = p["W"] @ x + p["R"] @ old[0] + p["b"]
        return (np.tanh(a) + 0.1 * np.sin(40 * a),), {}

    without_source = eval("lambda dh, h: dh * (1 - h**2)")
    finding = only_finding(rnn_cell(rnn_backward(without_source), step))
    assert finding.kind == "unexplained" and "no mistake that I know" in finding.sentence and not finding.belongs
    assert set(finding.parameters) == {"W", "R", "b"}


@pytest.mark.parametrize("right, wrong, kind, words", [
    ("do * o * (1 - o)", "do * (1 - o**2)", "derivative", "the slope of tanh, `1 - o ** 2`, stands where that of the sigmoid, "
     "o(1 − o), belongs"),
    ("dg * (1 - g**2)", "dg * g * (1 - g)", "derivative", "the slope of the sigmoid, g(1 − g), stands where that of tanh, "
     "1 − g², belongs, at `dg * g * (1 - g)`"),
    ("dh_new * o * (1 - s**2)", "dh_new * o * (1 - new[1]**2)", "derivative",
     "`new[1]` stands where `s` belongs"),
    ("dg * (1 - g**2)", "dg * (1 - np.tanh(g)**2)", "derivative", "tanh does not belong here"),
    ("do = dh_new * s", "do = dh_new * s * f", "surplus factor", "the factor f should not be there"),
    ("(self.R.T @ da, dc)", "(self.R.T @ da, dc + dc_new)", "surplus term", "the term `dc_new` should not be there"),
    ("dc_new = dc_new + dh_new", "dc_new = dh_new", "overwritten", "= throws away what `dc_new` already holds"),
    ("(self.R.T @ da, dc)", "(self.R.T @ da, 0 * dc)", "carry", "old c"),
    ("stack(di * i * (1 - i), df * f * (1 - f), ", "stack(df * f * (1 - f), di * i * (1 - i), ", "exchanged",
     "`df * f * (1 - f)` and `di * i * (1 - i)` stand in each other's place"),
    ("dc_new * g, dc_new * c", "dc_new * c, dc_new * g", "exchanged", "stand in each other's place"),
])
def test_a_line_of_an_lstm_made_wrong_is_told_in_words(tmp_path, right, wrong, kind, words):
    finding = only_finding(written_lstm(tmp_path, right, wrong))
    assert finding.kind == kind and words in finding.sentence and finding.line > 0, finding


def test_the_lstm_that_lines_are_made_wrong_in_is_right(tmp_path):
    assert gradcheck(written_lstm(tmp_path))


def test_four_forgotten_derivatives_are_told_as_four(tmp_path):
    findings = diagnosis_of(written_lstm(tmp_path, "stack(di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2))",
                                         "stack(di, df, do, dg)")).findings
    assert [finding.kind for finding in findings] == ["derivative"] * 4
    for gate, slope in {"i": "i(1 − i)", "f": "f(1 − f)", "o": "o(1 − o)", "g": "(1 − g²)"}.items():
        told, = [finding for finding in findings if f"a_{gate}" in finding.wrong]
        assert f"the derivative of the activation {slope} is missing" in told.sentence


def test_a_gradient_that_is_computed_before_all_of_it_has_arrived_is_told(tmp_path):
    complete = "        dc_new = dc_new + dh_new * o * (1 - s**2)\n"
    share_out = "        di, df, dg, dc = dc_new * g, dc_new * c, dc_new * i, dc_new * f\n"
    finding = only_finding(written_lstm(tmp_path, complete + share_out, share_out + complete))
    assert finding.sentence == "the line belongs behind line 13: `dc_new` is only ready there."
    assert finding.line == 12 and finding.certain
    assert finding.belongs == f"behind line 13: {share_out.strip()}"
    assert set(finding.wrong) >= {"a_i", "a_f", "a_g", "old c"}


def test_the_new_state_in_place_of_the_old_one_is_named_also_beside_another_mistake():
    def step_backward(p, dnew, x, old, new, memo, grads):
        da = dnew[0] * (1 - new[0]**2)
        grads["W"] += da @ x.T
        grads["R"] += da @ new[0].T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"].T @ da,)

    def no_square(p, dnew, x, old, new, memo, grads):
        da = dnew[0] * (1 - new[0])
        grads["W"] += da @ x.T
        grads["R"] += da @ new[0].T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"].T @ da,)

    finding = only_finding(rnn_cell(step_backward))
    assert finding.kind == "exchanged" and "`new[0]` stands where `old[0]` belongs" in finding.sentence
    slope, exchanged = diagnosis_of(rnn_cell(no_square)).findings
    assert slope.kind == "derivative" and "(1 − new[0]²)" in slope.sentence
    assert exchanged.kind == "exchanged" and exchanged.wrong == ("R",) and exchanged.belongs.endswith("old[0].T")


@pytest.mark.parametrize("returned, words", [
    ("da, 0 * dc", "the factor 0 lets nothing through"),
    ("da, np.zeros_like(da)", "`np.zeros_like(da)` lets nothing through: `dc` belongs here"),
    ("da, -dc", "wrong sign"),
    ("da, self.params['p_' + k]", "the factor da is missing at `self.params['p_' + k]`"),
])
def test_one_mistake_in_a_method_that_is_called_for_three_gates_is_told_once(tmp_path, returned, words):
    path = tmp_path / "peepholes.py"
    path.write_text("import numpy as np\n"
                    "from minirnn.cells.lstm_variants import LSTMPeephole\n\n"
                    "class Peepholes(LSTMPeephole):\n"
                    "    def gate_backward(self, k, dgate, gate):\n"
                    "        da, dc = super().gate_backward(k, dgate, gate)\n"
                    f"        return {returned}\n", encoding="utf-8")
    finding = only_finding(awaken(load_cell(f"{path}:Peepholes", D, H), np.random.default_rng(0)))
    assert words in finding.sentence and finding.line == 7 and set(finding.wrong) == {"a_i", "a_f", "a_z", "old h", "old c"}


def test_a_gates_rows_of_a_stacked_weight_that_are_another_gates_are_seen_where_they_are_used(tmp_path):
    finding = only_finding(written_lstm(tmp_path, "return da, (self.R.T @ da, dc)",
                                        "R = self.R.copy(); R[:4] = R[4:8]\n        return da, (R.T @ da, dc)"))
    assert finding.wrong == ("old h",) and "`R.T @ da` stands where the parameter Rᵀ da belongs" in finding.sentence or finding.belongs == "R[:4] = R[0:4]"

# ---- kinds of repair ------------------------------------------------------------------------------------------------

GATED = """
import numpy as np
from minirnn import FunctionCell

STEP = 0.3
SLOPES = {{"tanh": lambda y: 1 - y**2}}

def slope_of_gate(k):
    return k * (1 - k)

TABLE = {{"gate": (None, slope_of_gate)}}

def step(p, x, old):
    h, = old
    k = 1 / (1 + np.exp(-(p["Wk"] @ x + p["Uk"] @ h)))
    n = np.tanh(p["Wn"] @ x + p["Un"] @ h)
    return (h + STEP * k * (n - h),), {{"k": k, "n": n}}

def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    k, n = memo["k"], memo["n"]
    back = STEP * dh_new
    dk = back * (n - h)
    dn = back * k
    das = {{"k": dk * TABLE["gate"][1](k), "n": dn * (1 - n**2)}}
    dx, dh = 0, dh_new - back * k
    for gate, da in das.items():
        grads["W" + gate] += da @ x.T
        grads["U" + gate] += da @ h.T
        dx = dx + p["W" + gate].T @ da
        dh = dh + p["U" + gate].T @ da
    return dx, (dh,)

def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {{"W" + k: rng.normal(size=(n_hidden, n_in)) for k in "kn"}}
    params |= {{"U" + k: rng.normal(size=(n_hidden, n_hidden)) for k in "kn"}}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
""".replace("{{", "{").replace("}}", "}")


def cell_of(text, folder, right="", wrong=""):
    """A cell from a file of its own, with a part of its text exchanged."""
    assert right in text
    path = folder / "own.py"
    path.write_text(text.replace(right, wrong, 1) if right else text, encoding="utf-8")
    return load_cell(f"{path}:make", D, H)


gated = partial(cell_of, GATED)


def test_the_cell_with_a_table_and_a_loop_is_right(tmp_path):
    assert gradcheck(gated(tmp_path))


@pytest.mark.parametrize("right, wrong, kind, belongs", [
    ("dn = back * k", "dn = back * (1 - k)", "exchanged", "dn = back * k"),                     # a gate for what it leaves
    ("dk = back * (n - h)", "dk = back * n - h", "missing factor", "dk = (n - h) * back"),      # brackets forgotten
    ("    return k * (1 - k)", "    return 1 - k**2", "derivative", "return k * (1 - k)"),      # in a function of a table
    ("back = STEP * dh_new", "back = 0.5 * dh_new", "factor", "back = STEP * dh_new"),          # a constant that has a name
    ("dh = dh + p[", "dh = p[", "overwritten", "dh = dh + p['U' + gate].T @ da"),               # in a loop
    ("    dk = back * (n - h)\n    dn = back * k\n", "    dn = back * (n - h)\n    dk = back * k\n", "exchanged",
     "dk = back * (n - h), and in line 25: dn = back * k"),
    ("dx = dx + p[\"W\" + gate].T @ da\n        dh = dh", "dx = dx + p[\"W\" + gate].T @ da\n    dh = dh", "missing term",
     "behind line 31, in the loop: dh = dh + p[\"U\" + gate].T @ da"),
])
def test_what_belongs_there_is_tried_and_told_with_its_kind(tmp_path, right, wrong, kind, belongs):
    finding = only_finding(gated(tmp_path, right, wrong))
    assert finding.certain and finding.kind == kind, finding
    assert finding.belongs.replace("'", '"') == belongs.replace("'", '"')


def test_a_factor_that_is_missing_in_every_turn_of_a_loop_is_found(tmp_path):
    finding = only_finding(gated(tmp_path, "TABLE[\"gate\"][1](k), \"n\": dn * (1 - n**2)", "TABLE[\"gate\"][1](k), \"n\": dn"))
    assert finding.kind == "derivative" and finding.belongs.endswith("(1 - n ** 2)}") and finding.certain


# ---- what is carried from step to step -------------------------------------------------------------------------------

class WithOwnCarry(LSTM):
    """Keeps the gradient of c in the object, and adds it to the one that it is handed."""

    def step(self, wx, old):
        self.dc = 0
        return super().step(wx, old)

    def step_backward(self, dnew, old, new, memo):
        da, (dh, dc) = super().step_backward((dnew[0], dnew[1] + self.dc), old, new, memo)
        self.dc = dc
        return da, (dh, dc)


class UsesTheCarryOnce(LSTM):
    """Takes what it is handed in the last step only."""

    first = True

    def step(self, wx, old):
        self.first = True
        return super().step(wx, old)

    def step_backward(self, dnew, old, new, memo):
        dnew, self.first = dnew if self.first else self.later(*dnew), False
        return super().step_backward(dnew, old, new, memo)

    def later(self, dh, dc):
        return dh, 0 * dc


class SwapsTheCarry(UsesTheCarryOnce):
    def later(self, dh, dc):
        return dc, dh


@pytest.mark.parametrize("wrong, words", [
    (WithOwnCarry, "the gradient of c arrives doubled"),
    (UsesTheCarryOnce, "the gradient of c is lost on the way"),
    (SwapsTheCarry, "the gradients of h and c arrive in each other's place"),
])
def test_what_is_lost_doubled_or_misplaced_between_two_right_steps_is_named(wrong, words):
    diagnosis = diagnosis_of(awaken(wrong(D, H), np.random.default_rng(0)))
    assert "wrong" not in diagnosis.matrix.values() and "each step alone is right" in str(diagnosis)
    assert diagnosis.two_steps.verdict["first c", "last c"] == "wrong" and "two steps" in diagnosis.table()
    assert diagnosis.as_dict()["two_steps"]["columns"] == ["last h", "last c"]
    kept, carried = diagnosis.findings
    assert kept.kind == "not repeatable" and f"self.{'dc' if wrong is WithOwnCarry else 'first'}" in kept.sentence
    assert carried.kind == "carry" and words in carried.sentence and carried.wrong == ("old h", "old c")


def test_a_value_of_the_last_step_that_is_used_at_every_step_is_named_with_its_attribute():
    class KeepsItsGate(LSTM):
        def step(self, wx, old):
            new, memo = super().step(wx, old)
            self.forget = memo.f
            return new, memo

        def step_backward(self, dnew, old, new, memo):
            return super().step_backward(dnew, old, new, Memo(**{**vars(memo), "f": self.forget}))

    diagnosis = diagnosis_of(awaken(KeepsItsGate(D, H), np.random.default_rng(0)))
    finding, = diagnosis.findings
    assert finding.kind == "of the last step" and "self.forget" in finding.sentence and "memo" in finding.sentence
    assert "wrong" not in diagnosis.matrix.values()


def test_a_function_that_keeps_a_value_outside_is_told_so_too():
    kept = {}

    def step(p, x, old):
        kept["h"] = np.tanh(p["W"] @ x + p["R"] @ old[0] + p["b"])
        return (kept["h"].copy(),), {}

    finding = only_finding(rnn_cell(rnn_backward(da=lambda dh, h: dh * (1 - kept["h"].real**2)), step))
    assert finding.kind == "of the last step" and "outside" in finding.sentence


def test_a_buffer_that_a_cell_uses_again_is_no_mistake():
    class Reuses(LSTM):
        def step(self, wx, old):
            new, memo = super().step(wx, old)
            if getattr(self, "room", memo.f).shape != memo.f.shape or not hasattr(self, "room") or self.room.dtype != memo.f.dtype:
                self.room = np.empty_like(memo.f)
            self.room[...] = memo.f
            memo.f = self.room
            return new, memo

    cell = awaken(Reuses(D, H), np.random.default_rng(0))
    assert gradcheck(cell)
    assert not diagnose(cell).findings


def test_a_gradient_of_the_last_step_alone_is_told():
    class LastStep(RNN):
        def weight_gradients(self, dwxs, xs, olds, memos, grads):
            dxs = super().weight_gradients(dwxs, xs, olds, memos, grads.like())
            super().weight_gradients(dwxs[-1:], xs[-1:], tuple(old[-1:] for old in olds), memos, grads)
            return dxs

    findings = diagnosis_of(awaken(LastStep(D, H), np.random.default_rng(0))).findings
    assert [finding.parameters for finding in findings] == [("W",), ("R",), ("b",)]
    assert all("of the last step alone" in finding.sentence for finding in findings)


def test_an_output_that_mixes_steps_is_told():
    class Centred(RNN):
        def output(self, hs):
            return hs - hs.mean(axis=0)

        def output_backward(self, douts, outs):
            return douts - douts.mean(axis=0)

    diagnosis = diagnose(Centred(D, H))
    assert [(finding.kind, finding.method) for finding in diagnosis.findings] == [("mixes steps", "output")]


@pytest.mark.parametrize("change, method", [
    ({"output": lambda self, hs: np.tanh(hs), "output_backward": lambda self, douts, outs: douts}, "output_backward"),
    ({"initial_state_backward": lambda self, dstate, grads: None}, "initial_state_backward"),
])
def test_a_mistake_before_the_first_step_or_after_the_last_is_found_there(change, method):
    cell = type("Wrong", (RNN,), change)(D, H, learned_state=True)
    finding, = diagnosis_of(cell).findings
    assert finding.method == method


# ---- a model's guilty part -------------------------------------------------------------------------------------------

class NegativeCarry(RNN):
    def step_backward(self, dnew, old, new, memo):
        da, (dh,) = super().step_backward(dnew, old, new, memo)
        return da, (-dh,)


class NegativeHead(layers.Linear):
    def backward(self, dys, xs, ys, grads):
        return -super().backward(dys, xs, ys, grads)


class ConstantNorm(layers.BatchNorm):
    """As if mean and deviation were constants, in training too."""

    def backward(self, dys, memo, grads):
        x_hat = (memo.x - memo.mean) / memo.deviation
        grads["gamma"] += (dys * x_hat).sum(axis=(0, 2))[:, None]
        grads["beta"] += dys.sum(axis=(0, 2))[:, None]
        return self.params["gamma"] / memo.deviation * dys


class UnscaledDropout(layers.Dropout):
    def backward(self, dys, memo, grads):
        return dys * memo.kept


class EmbeddingOfTheFirstStep(layers.Embedding):
    def backward(self, dys, xs, ys, grads):
        super().backward(dys[:1], xs[:1], ys[:1], grads)


def halved_loss(outputs, targets, weights=None):
    error = outputs - targets
    return (error**2).mean(), error / error.size


def model_of(part=None):
    """Two cells with everything between them, one part of which is replaced by a wrong one."""
    cells = [RNN(D, H, rng=1), (NegativeCarry if part == "cell2" else RNN)(H, H, rng=2)]
    inputs = (EmbeddingOfTheFirstStep if part == "inputs" else layers.Embedding)(5, D)
    model = Model(cells, 2, inputs=inputs, residual=True, normalise=True, dropout=0.3)
    if part == "head":
        model.head = NegativeHead(H, 2)
    if part == "norm1":
        model.norms[0] = ConstantNorm(H)
    if part == "dropout":
        model.dropout = UnscaledDropout(0.3)
    return model


@pytest.mark.parametrize("part, words", [
    ("inputs", "E"), ("cell2", "wrong sign"), ("norm1", "x"), ("dropout", "0.7 times"), ("head", "wrong sign"),
    ("loss", "half of")])
def test_the_guilty_part_of_a_model_is_named(part, words):
    loss = halved_loss if part == "loss" else minirnn.losses.mean_squared_error
    report = gradcheck(model_of(part), loss=loss, training=True)
    assert not report
    diagnosis = report.diagnosis
    assert [name for name, verdict in diagnosis.parts.items() if verdict == "wrong"] == [part]
    assert list(diagnosis.parts) == ["inputs", "cell1", "norm1", "cell2", "norm2", "dropout", "head", "loss"]
    finding, = diagnosis.findings
    assert finding.method.startswith(part) and words in finding.sentence
    assert f"{part} is wrong" in str(report) and part in report._repr_html_()
    assert json.loads(json.dumps(report.as_dict()))["diagnosis"]["parts"][part] == "wrong"


def test_two_guilty_parts_of_a_model_are_both_named():
    model = model_of("head")
    model.norms[1] = ConstantNorm(H)
    diagnosis = gradcheck(model, training=True).diagnosis
    assert {name for name, verdict in diagnosis.parts.items() if verdict == "wrong"} == {"norm2", "head"}
    assert "norm2 and head are wrong" in diagnosis.summary()


def test_a_model_whose_parts_are_right_but_badly_joined_is_told_so(monkeypatch):
    right = ModelRun._backward_layer

    def without_residual(self, i, dys, dstate, grads):
        dxs, dstart = right(self, i, dys, dstate, grads)
        return (dxs - dys if i else dxs), dstart

    monkeypatch.setattr(ModelRun, "_backward_layer", without_residual)
    diagnosis = gradcheck(model_of()).diagnosis
    assert set(diagnosis.parts.values()) == {"ok"} and not diagnosis.findings
    assert "how the model joins them" in diagnosis.summary()


def test_a_right_model_passes_and_has_no_diagnosis():
    for training in (False, True):
        report = gradcheck(model_of(), training=training)
        assert report and report.diagnosis is None


# ---- the report ------------------------------------------------------------------------------------------------------

def broken_lstm():
    class Broken(LSTM):
        def step_backward(self, dnew, old, new, memo):
            da, (dh, dc) = super().step_backward(dnew, old, new, memo)
            return da, (dh, dc * memo.f)

    return awaken(Broken(D, H), np.random.default_rng(0))


def test_the_text_of_a_failing_check_begins_with_ten_lines_at_most():
    report = gradcheck(broken_lstm())
    told = str(report).split("\n\n")[0].splitlines()
    assert len(told) <= 10 and "c' to old c" in told[0]
    assert any("the factor f should not be there" in line for line in told)
    assert any("return da, (dh, dc * memo.f)" in line for line in told)


@pytest.mark.parametrize("n", [2, 3, 4, 9, 12])
def test_ten_lines_tell_every_finding_or_how_many_are_left(n):
    findings = [Finding("sign", f"finding {k}.", ("W",), "step_backward", line=k + 1, source=f"line {k}") for k in range(n)]
    verdicts = Verdicts("one step", ["h'"])
    verdicts.judge("W", "h'", np.ones(1), -np.ones(1), 1e-6, 0)
    told = Diagnosis("Cell", verdicts, None, findings, ["a note."]).summary().splitlines()
    shown = sum("finding" in line and "more" not in line for line in told)
    left = [line for line in told if "more, in `report.diagnosis.findings`" in line]
    assert len(told) <= 10 and (shown == n and not left if n <= 9 else left == [
        f"  and {n - shown} more, in `report.diagnosis.findings`."])


def test_a_report_is_also_html_with_a_picture_and_json():
    report = gradcheck(broken_lstm())
    page = report._repr_html_()
    assert page.count("<svg") == page.count("</svg>") == 1 and "✗" in page and "<table>" in page
    found = json.loads(json.dumps(report.as_dict()))
    assert not found["ok"]
    diagnosis = found["diagnosis"]
    assert diagnosis["columns"] == ["h'", "c'"]
    row = diagnosis["rows"].index("old c")
    assert diagnosis["matrix"][row] == ["wrong", "wrong"]
    assert diagnosis["findings"][0]["kind"] == "surplus factor"


def test_a_passing_check_has_no_diagnosis_and_it_can_be_switched_off():
    passing = gradcheck(minirnn.make_cell("lstm", D, H))
    assert passing.diagnosis is None and "step" not in str(passing)
    assert gradcheck(broken_lstm(), diagnose=False).diagnosis is None


def test_without_source_it_still_says_where_and_what_can_be_seen_from_outside():
    """As in a cell that was typed at a prompt, where the source is gone."""
    space = {"np": np}
    exec("def step_backward(p, dnew, x, old, new, memo, grads):\n"
         "    da = dnew[0] * (1 - new[0]**2)\n"
         "    grads['W'] -= da @ x.T\n"
         "    grads['R'] += da @ old[0].T\n"
         "    grads['b'] += da.sum(axis=1, keepdims=True)\n"
         "    return p['W'].T @ da, (p['R'].T @ da,)\n", space)
    finding = only_finding(rnn_cell(space["step_backward"]))
    assert finding.kind == "sign" and finding.parameters == ("W",) and finding.line == 0


def test_a_cell_that_does_not_run_on_complex_numbers_is_diagnosed_by_differences():
    def step(p, x, old):
        a = p["W"] @ x + p["R"] @ old[0] + p["b"]
        return (np.where(a > 0, np.abs(a), 0.0),), {"a": a}

    def step_backward(p, dnew, x, old, new, memo, grads):
        da = -dnew[0] * (memo["a"] > 0)
        grads["W"] += da @ x.T
        grads["R"] += da @ old[0].T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"].T @ da,)

    diagnosis = diagnosis_of(rnn_cell(step_backward, step))
    assert [finding.kind for finding in diagnosis.findings] == ["sign"]
    assert any("central differences" in note for note in diagnosis.notes)


def test_a_complex_step_that_does_not_apply_is_not_called_a_mistake_of_the_gradient():
    def step(p, x, old):
        h_new = np.tanh(p["W"] @ x + p["R"] @ old[0] + p["b"])
        return (np.where(h_new.real > 0, abs(h_new), -abs(h_new)).astype(h_new.dtype),), {}

    assert gradcheck(rnn_cell(rnn_backward(), step))
    finding = only_finding(rnn_cell(rnn_backward(), step), method="complex")
    assert finding.kind == "not for complex numbers" and "central" in finding.sentence


def test_a_memo_may_be_a_memo():
    def step(p, x, old):
        h_new = np.tanh(p["W"] @ x + p["R"] @ old[0] + p["b"])
        return (h_new,), Memo(slope=1 - h_new**2)

    def step_backward(p, dnew, x, old, new, memo, grads):
        da = dnew[0] * memo.slope
        grads["W"] += da @ x.T
        grads["R"] += da @ old[0].T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (-p["R"].T @ da,)

    assert only_finding(rnn_cell(step_backward, step)).kind == "sign"


@pytest.mark.parametrize("base", [RNN, LSTM])
def test_a_large_cell_is_looked_at_in_a_small_size_and_its_line_is_named(base):
    class Broken(base):
        def step_backward(self, dnew, old, new, memo):
            da, dold = super().step_backward(dnew, old, new, memo)
            return -da, dold

    diagnosis = diagnosis_of(Broken(20, 32), n_steps=2, sample=5)
    finding, = diagnosis.findings
    assert finding.kind == "sign" and finding.source == "return -da, dold" and finding.certain
    assert diagnosis.matrix["W" if base is RNN else "W_i", "h'"] == "wrong" and "H=32" in diagnosis.summary()


def test_a_mistake_in_the_size_itself_is_looked_at_in_that_size():
    class Fixed(RNN):
        def step_backward(self, dnew, old, new, memo):
            da = dnew[0] * (1 - new[0]**2)
            return da, (self.R.T @ (da * (len(da) < 8)),)

    assert diagnosis_of(Fixed(3, 8)).findings[0].line > 0


def test_numbers_of_a_smaller_cell_are_said_to_be_so():
    strange = rnn_backward(da=lambda dh, h: dh * (1 - h**2) * np.exp(0.3 * np.sin(40 * h)), back=lambda R, da: R.T @ da**3)
    diagnosis = diagnosis_of(rnn_cell(strange))
    numbers = any(" is +" in finding.sentence or " is -" in finding.sentence for finding in diagnosis.findings)
    assert numbers == any("of a smaller cell" in note for note in diagnosis.notes)


@pytest.mark.parametrize("name", list(minirnn.CELLS))
def test_a_right_cell_has_no_finding(name):
    cell = awaken(minirnn.make_cell(name, D, H), np.random.default_rng(0))
    diagnosis = diagnose(cell)
    assert not diagnosis.findings and "wrong" not in diagnosis.matrix.values()


def test_an_array_that_is_changed_one_line_too_early_is_named_as_such():
    def backward(p, dnew, x, old, new, memo, grads):
        dh_new, dc_new = dnew
        h, c = old
        i, f, o, g = (memo[name] for name in "ifog")
        s = tanh(new[1])
        ds = dh_new.copy()
        ds *= o * (1 - s**2)
        dc_new = dc_new + ds
        das = {"i": dc_new * g * i * (1 - i), "f": dc_new * c * f * (1 - f), "o": ds * s * o * (1 - o),
               "g": dc_new * i * (1 - g**2)}
        dx, dh = share_out(p, x, h, das, grads)
        return dx, (dh, dc_new * f)

    finding = only_finding(lstm_cell(backward))
    assert finding.kind == "changes its input" and finding.source == "ds *= o * (1 - s**2)" and finding.certain


# ---- a way of the forward step that the backward pass has forgotten --------------------------------------------------

SHARED = """
import numpy as np
from minirnn import FunctionCell

def step(p, x, old):
    a = np.tanh(p["W"] @ x + p["R"] @ old[0])
    share = np.exp(0.3 * (a**3).sum(axis=0, keepdims=True))
    return (a * share,), {"a": a, "share": share}

def step_backward(p, dnew, x, old, new, memo, grads):
    a, share = memo["a"], memo["share"]
    dshare = (dnew[0] * a).sum(axis=0, keepdims=True)
    da = dnew[0] * share + 0.9 * a**2 * dshare * share
    dz = da * (1 - a**2)
    grads["W"] += dz @ x.T
    grads["R"] += dz @ old[0].T
    return p["W"].T @ dz, (p["R"].T @ dz,)

def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "R": rng.normal(size=(n_hidden, n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
"""


shared = partial(cell_of, SHARED)


def test_a_path_that_was_forgotten_is_told_by_the_line_of_the_forward_step(tmp_path):
    assert gradcheck(shared(tmp_path))
    finding = only_finding(shared(tmp_path, " + 0.9 * a**2 * dshare * share", ""))
    assert (finding.kind, finding.also) == ("missing term", "carry")
    assert "`a` acts on line 7, too: `share = np.exp(0.3 * (a**3).sum(axis=0, keepdims=True))`" in finding.sentence
    assert finding.source == "da = dnew[0] * share" and not finding.certain


def test_mean_and_variance_that_are_taken_as_constants_are_told_as_two_paths(tmp_path):
    # Of the way back through a layer norm only the first term is there.
    text = SHARED.replace("share = np.exp(0.3 * (a**3).sum(axis=0, keepdims=True))",
                          "mu = a.mean(axis=0, keepdims=True)\n    share = (((a - mu)**2).mean(axis=0, keepdims=True) + 0.1)**-0.5")
    text = text.replace("(a * share,)", "((a - mu) * share,)").replace(" + 0.9 * a**2 * dshare * share", "")
    finding = only_finding(cell_of(text, tmp_path))
    assert finding.kind == "missing term" and finding.source == "da = dnew[0] * share"
    assert "acts on line 7, too: `mu = a.mean(axis=0, keepdims=True)`" in finding.sentence
    assert "acts on line 8, too: `share = " in finding.sentence


def test_a_gradient_that_is_written_over_what_was_there_is_told(tmp_path):
    finding = only_finding(shared(tmp_path, 'grads["W"] += dz @ x.T', 'np.dot(dz, x.T, out=grads["W"])'))
    assert finding.kind == "overwritten" and finding.certain and finding.belongs == 'grads["W"] += np.dot(dz, x.T)'


def test_one_name_for_another_is_told_with_the_factor_between_them(tmp_path):
    finding = only_finding(shared(tmp_path, "dz @ x.T", "da @ x.T"))
    assert (finding.kind, finding.also) == ("derivative", "exchanged") and finding.certain
    assert finding.sentence == "`da` stands where `dz` belongs: between them lies the factor (1 − a²)."


@pytest.mark.parametrize("right, wrong, kind, words", [
    ("(dnew[0] * a).sum(axis=0, keepdims=True)", "dnew[0].sum(axis=0, keepdims=True) * a.sum(axis=0, keepdims=True)", "axis",
     "the sum of the products belongs here"),
    ("dz @ x.T", 'np.einsum("ib,jc->ij", dz, x)', "axis", "belongs here"),
    ('grads["W"] += dz @ x.T', 'grads["W"][1:] += dz[1:] @ x.T', "missing term", "only a part is added, `[1:]`"),
    ("da * (1 - a**2)", "da * a * (1 - a)", "derivative", "1 − a²"),
    ("da * (1 - a**2)", "da / np.cosh(a)**2", "derivative", "is what comes out of tanh"),
])
def test_a_small_change_that_makes_it_right_is_told_in_words(tmp_path, right, wrong, kind, words):
    finding = only_finding(shared(tmp_path, right, wrong))
    assert finding.kind == kind and words in finding.sentence and finding.certain, finding


@pytest.mark.parametrize("right, wrong, kind, words", [
    ("dshare = (dnew[0] * a).sum(axis=0, keepdims=True)", "dshare = (dnew[0] * a).sum(keepdims=True)", "axis", "axis 0"),
    ('grads["W"] += dz @ x.T', 'grads["W"] += dz[:, 1:] @ x[:, 1:].T', "missing term", "only the part `[:, 1:]` is taken"),
    ('grads["W"] += dz @ x.T', 'es = np.einsum\n    grads["W"] += es("ib,jc->ij", dz, x)', "axis", "belongs here"),
])
def test_a_change_of_axes_and_slices_is_told_in_words(tmp_path, right, wrong, kind, words):
    finding = only_finding(shared(tmp_path, right, wrong))
    assert finding.kind == kind and words in finding.sentence and finding.certain, finding


MIXING = """
import numpy as np
from minirnn import FunctionCell

def step(p, x, old):
    h, = old
    z = 1 / (1 + np.exp(-p["Z"] @ x))
    n = np.cos(p["R"] @ h + p["W"] @ x)
    return (z * h + (1 - z) * n,), {"z": z, "n": n}

def step_backward(p, dnew, x, old, new, m, grads):
    dh, = dnew
    h, = old
    d = {"z": dh * (h - m["n"]), "n": dh * (1 - m["z"]), "h": dh * m["z"]}
    dz = d["z"] * m["z"] * (1 - m["z"])
    da = -np.sin(p["R"] @ h + p["W"] @ x) * d["n"]
    grads["Z"] += dz @ x.T
    grads["W"] += da @ x.T
    dx = p["Z"].T @ dz
    dx += p["W"].T @ da
    for k in range(len(h)):
        grads["R"][k] += h @ da[k]
        d["h"] += np.outer(p["R"][k], da[k])
    return dx, (d["h"],)

def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {"Z": rng.normal(size=(n_hidden, n_in)), "W": rng.normal(size=(n_hidden, n_in)),
              "R": rng.normal(size=(n_hidden, n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
"""
mixing = partial(cell_of, MIXING)


@pytest.mark.parametrize("right, wrong, kind, words", [
    # n' − h' is (h − n) z: without the gate's own factor every gradient is right, too, but no gate has such a slope.
    ('(h - m["n"])', '(new[0] - m["n"])', "exchanged", "`new[0]` stands where `h` belongs"),
    ("-np.sin(", "-np.cos(", "derivative", "sin belongs here instead of cos"),
    ('dh * m["z"]}', "np.zeros_like(h)}", "carry", "lets nothing through"),
    ("        d[\"h\"] +=", "    d[\"h\"] +=", "missing term", "the line belongs in the loop"),
    ("dx += p[", "dx = p[", "overwritten", "throws away what `dx` already holds"),
])
def test_of_several_changes_that_help_the_one_that_says_what_was_meant_is_told(tmp_path, right, wrong, kind, words):
    assert gradcheck(mixing(tmp_path))
    finding = only_finding(mixing(tmp_path, right, wrong))
    assert finding.kind == kind and words in finding.sentence and finding.certain, finding


LAYERS = """
import numpy as np
from minirnn import FunctionCell

class Affine:
    def __init__(self, W, dW):
        self.W, self.dW = W, dW
    def forward(self, X):
        self.X = X
        return self.W @ X
    def backward(self, d):
        self.dW += d @ self.X.T
        return self.W.T @ d

class Tanh:
    def forward(self, X):
        self.out = np.tanh(X)
        return self.out
    def backward(self, d):
        return d * (1 - self.out**2)

class Scale:
    def __init__(self, gamma, dgamma):
        self.gamma, self.dgamma = gamma, dgamma
    def forward(self, X):
        self.X = X
        return self.gamma * X
    def backward(self, d):
        self.dgamma += (d * self.X).sum(axis=1, keepdims=True)
        return d * self.gamma

class Block:
    def __init__(self, p, g):
        self.fc, self.scale = Affine(p["W"], g["W"]), Scale(p["s"], g["s"])
        self.first, self.last = Tanh(), Tanh()
    def forward(self, x, h):
        return self.last.forward(self.scale.forward(h + self.first.forward(self.fc.forward(np.vstack([x, h])))))
    def backward(self, d):
        ds = self.scale.backward(self.last.backward(d))
        dxh = self.fc.backward(self.first.backward(ds))
        n = len(dxh) - len(d)
        return dxh[:n], ds + dxh[n:]

def step(p, x, old):
    return (Block(p, p).forward(x, old[0]),), {}

def step_backward(p, dnew, x, old, new, memo, grads):
    block = Block(p, grads)
    block.forward(x, old[0])
    dx, dh = block.backward(dnew[0])
    return dx, (dh,)

def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(n_hidden, n_in + n_hidden)), "s": rng.normal(size=(n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
"""
layered = partial(cell_of, LAYERS)


@pytest.mark.parametrize("right, wrong, kind, words", [
    ("self.dW += d", "self.dW = d", "overwritten", "throws away what `self.dW` already holds"),
    ("self.first.backward", "self.last.backward", "exchanged", "`self.last` stands where `self.first` belongs"),
    ("return d * self.gamma", "return d", "missing factor", "gamma"),
])
def test_layers_that_keep_what_they_were_given_are_looked_into(tmp_path, right, wrong, kind, words):
    assert gradcheck(layered(tmp_path))
    finding = only_finding(layered(tmp_path, right, wrong))
    assert finding.kind == kind and words in finding.sentence and finding.certain, finding


CLOSURES = """
import numpy as np
from minirnn import FunctionCell

def product(W, x):
    return W @ x, lambda d: (d @ x.T, W.T @ d)

def tanh(a):
    y = np.tanh(a)

    def back(d):
        return d * (1 - y * y)
    return y, back

def whole(p, x, h):
    a, a_back = product(p["W"], np.vstack([x, h]))
    y, y_back = tanh(a)

    def back(d):
        dW, dxh = a_back(y_back(d))
        return {"W": dW}, dxh[:len(x)], dxh[len(x):]
    return y, back

def step(p, x, old):
    return (whole(p, x, *old)[0],), {}

def step_backward(p, dnew, x, old, new, memo, grads):
    _, back = whole(p, x, *old)
    found, dx, dh = back(dnew[0])
    for name, value in found.items():
        grads[name] += value
    return dx, (dh,)

def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(n_hidden, n_in + n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
"""
closures = partial(cell_of, CLOSURES)


@pytest.mark.parametrize("right, wrong, kind, words", [
    ("(1 - y * y)", "(1 - a * a)", "derivative", "`a` stands where `y` belongs"),
    ("a_back(y_back(d))", "a_back(d)", "missing factor", "`y_back` is called nowhere: `d` has to go through it"),
])
def test_functions_that_are_made_on_the_way_forward_are_looked_into(tmp_path, right, wrong, kind, words):
    assert gradcheck(closures(tmp_path))
    finding = only_finding(closures(tmp_path, right, wrong))
    assert finding.kind == kind and words in finding.sentence and finding.certain, finding


def test_a_number_that_mends_only_the_smaller_cell_is_not_what_belongs_there(tmp_path):
    # The sum over the units is divided by the root of their number; a small cell cannot tell that from another number.
    text = SHARED.replace("np.exp(0.3 * (a**3).sum(axis=0, keepdims=True))",
                          "np.exp((a**3).sum(axis=0, keepdims=True) / np.sqrt(len(a)))")
    text = text.replace("0.9 * a**2 * dshare * share", "3 / np.sqrt(len(a)) * a**2 * dshare * share")
    assert gradcheck(cell_of(text, tmp_path))
    finding = only_finding(cell_of(text, tmp_path, "3 / np.sqrt(len(a)) * a**2", "3 * a**2"))
    assert finding.kind == "factor" and "in another size it is another number" in finding.sentence and not finding.certain


def test_a_line_that_changes_an_array_too_early_is_told_with_the_line_that_reads_it(tmp_path):
    right = "da = dnew[0].copy()\n    back = da * share + 0.9 * a**2 * dshare * share\n    da = back + 0 * da"
    text = SHARED.replace("da = dnew[0] * share + 0.9 * a**2 * dshare * share", right)
    text = text.replace("da = back + 0 * da", "da = back + 0.1 * (da - dnew[0])")
    assert gradcheck(cell_of(text, tmp_path))
    early = text.replace("back = da * share", "da *= share\n    back = da")
    finding = only_finding(cell_of(early, tmp_path))
    assert finding.kind == "changes its input" and finding.source == "da *= share", finding
    assert finding.belongs == "(nothing), and in line 15: back = da * share + 0.9 * a ** 2 * dshare * share", finding


DELAYED = """
import numpy as np
from minirnn import FunctionCell

def step(p, x, old):
    h, d1, d2 = old
    return (np.tanh(p["W"] @ x + p["R"] @ d2), h, d1), {}

def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dd1_new, dd2_new = dnew
    da = dh_new * (1 - new[0]**2)
    grads["W"] += da @ x.T
    grads["R"] += da @ old[2].T
    return p["W"].T @ da, (dd1_new, dd2_new, p["R"].T @ da)

def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "R": rng.normal(size=(n_hidden, n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "d1", "d2"))
"""
delayed = partial(cell_of, DELAYED)


def test_a_name_for_an_incoming_gradient_is_taken_at_its_word(tmp_path):
    # To unpack them in another order would help as well, but then they would not be what they are called.
    assert gradcheck(delayed(tmp_path))
    finding = only_finding(delayed(tmp_path, "(dd1_new, dd2_new, p", "(dd2_new, dd1_new, p"))
    assert finding.source.startswith("return") and finding.kind == "exchanged" and finding.certain, finding


@pytest.mark.parametrize("cell, right, wrong, kinds", [
    (delayed, "1 - new[0]**2", "1 - old[0]**2", ("exchanged", "derivative")),
    (mixing, "dx += p[", "dx = p[", ("overwritten", "missing term")),
])
def test_what_has_two_fair_names_is_told_with_both(tmp_path, cell, right, wrong, kinds):
    finding = only_finding(cell(tmp_path, right, wrong))
    assert (finding.kind, finding.also) == kinds


def test_a_sum_in_fewer_digits_is_not_called_an_alias(tmp_path):
    single = SHARED.replace("    da = dnew[0] * share +", "    part = np.zeros(a.shape, dtype=np.float32)\n"
                            "    part += dnew[0] * share\n    da = part +")
    finding, *_ = diagnose(cell_of(single, tmp_path), gradcheck(cell_of(single, tmp_path), diagnose=False)).findings
    assert finding.kind == "precision" and "float32" in finding.sentence
