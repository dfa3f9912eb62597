"""LSTM variants, GRU, MUT, IndRNN: what their papers write, name and count, and what they refuse."""

import numpy as np
import pytest

import minirnn
from minirnn.cells.indrnn import recurrent_bounds
from minirnn.cells.lstm_variants import LSTMPeephole

VARIANTS = ["lstm-nig", "lstm-nfg", "lstm-nog", "lstm-niaf", "lstm-noaf", "lstm-np", "lstm-cifg", "lstm-fgr"]


def names(*groups):
    """names("W ifoz", "R_n") -> {"W_i", "W_f", "W_o", "W_z", "R_n"}."""
    found = set()
    for group in groups:
        symbol, _, gates = group.partition(" ")
        found |= {f"{symbol}_{gate}" for gate in gates} if gates else {symbol}
    return found


NAMES = {
    "lstm-peephole": names("W ifoz", "R ifoz", "b ifoz", "p ifo"),
    "lstm-nig": names("W foz", "R foz", "b foz", "p fo"),
    "lstm-nfg": names("W ioz", "R ioz", "b ioz", "p io"),
    "lstm-nog": names("W ifz", "R ifz", "b ifz", "p if"),
    "lstm-niaf": names("W ifoz", "R ifoz", "b ifoz", "p ifo"),
    "lstm-noaf": names("W ifoz", "R ifoz", "b ifoz", "p ifo"),
    "lstm-np": names("W ifoz", "R ifoz", "b ifoz"),
    "lstm-cifg": names("W ioz", "R ioz", "b ioz", "p io"),
    "lstm-fgr": names("W ifoz", "R ifoz", "b ifoz", "p ifo",
                      "R_ii", "R_fi", "R_oi", "R_if", "R_ff", "R_of", "R_io", "R_fo", "R_oo"),
    "gru": names("W rzn", "R rzn", "b rzn"),
    "mut1": names("W zr", "R rh", "b zrh", "P"),
    "mut2": names("W zh", "R zrh", "b zrh", "P"),
    "mut3": names("W zrh", "R zrh", "b zrh"),
    "indrnn": names("W", "u", "b"),
}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_have_the_symbols_of_the_paper(name):
    assert set(minirnn.make_cell(name, 3, 4).params) == NAMES[name]


def test_options_that_add_parameters_or_need_none():
    assert set(minirnn.make_cell("gru", 3, 4, reset_after=True).params) == NAMES["gru"] | {"c_n"}
    for name in ("mut1", "mut2"):
        assert set(minirnn.make_cell(name, 4, 4).params) == NAMES[name] - {"P"}
    assert set(minirnn.make_cell("lstm-fgr", 3, 4, learned_state=True).params) == NAMES["lstm-fgr"] | {"s"}


@pytest.mark.parametrize("D, H", [(3, 4), (4, 4), (7, 2), (28, 100)])
def test_as_many_parameters_as_the_papers_count(D, H):
    """A gate that reads x and h has DH + H² + H parameters, its peephole H."""
    gate, projection = D*H + H*H + H, 0 if D == H else D*H
    counts = {
        "rnn": gate,
        "lstm": 4*gate,
        "lstm-peephole": 4*gate + 3*H,
        "lstm-nig": 3*gate + 2*H,
        "lstm-nfg": 3*gate + 2*H,
        "lstm-nog": 3*gate + 2*H,
        "lstm-niaf": 4*gate + 3*H,
        "lstm-noaf": 4*gate + 3*H,
        "lstm-np": 4*gate,
        "lstm-cifg": 3*gate + 2*H,
        "lstm-fgr": 4*gate + 3*H + 9*H*H,
        "gru": 3*gate,
        "mut1": 2*D*H + 2*H*H + 3*H + projection,
        "mut2": 2*D*H + 3*H*H + 3*H + projection,
        "mut3": 3*gate,
        "indrnn": D*H + 2*H,
        "rwa": 3*D*H + 2*H*H + 2*H + H,
        "rda": 4*D*H + 3*H*H + 3*H,
        "rda-exp-tanh": 4*D*H + 3*H*H + 3*H,
        "rda-sigmoid-id": 4*D*H + 3*H*H + 4*H,
    }
    assert {name: minirnn.make_cell(name, D, H).n_params for name in minirnn.CELLS} == counts
    assert minirnn.make_cell("gru", D, H, reset_after=True).n_params == 3*gate + H


def test_twenty_cells_in_the_order_of_the_course():
    lstms = ["lstm", "lstm-peephole", *VARIANTS]
    assert list(minirnn.CELLS) == ["rnn", *lstms, "gru", "mut1", "mut2", "mut3", "indrnn",
                                   "rwa", "rda", "rda-exp-tanh", "rda-sigmoid-id"]


# ---- the equations, as plainly as they can be written ----------------------------------------------------------------

def σ(x):
    return 1 / (1 + np.exp(-x))


def tanh(x):
    return np.tanh(x)


def lstm(p, x, h, c, *gates, i=True, f=True, o=True, squash_in=tanh, squash_out=tanh, coupled=False):
    def a(k):
        fed_back = [p[f"R_{source}{k}"] @ gate for source, gate in zip("ifo", gates)] if k != "z" else []
        return p["W_" + k] @ x + p["R_" + k] @ h + p["b_" + k] + sum(fed_back)

    p = {**{"p_" + k: 0 for k in "ifo"}, **p}
    z = squash_in(a("z"))
    i = σ(a("i") + p["p_i"] * c) if i else 1
    f = 1 - i if coupled else σ(a("f") + p["p_f"] * c) if f else 1
    c_new = i * z + f * c
    o = σ(a("o") + p["p_o"] * c_new) if o else 1
    return (o * squash_out(c_new), c_new, i, f, o) if gates else (o * squash_out(c_new), c_new)


def gru(p, x, h):
    r = σ(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
    z = σ(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
    n = tanh(p["W_n"] @ x + p["R_n"] @ (r * h) + p["b_n"])
    return z * h + (1 - z) * n,


def gru_reset_after(p, x, h):
    r = σ(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
    z = σ(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
    n = tanh(p["W_n"] @ x + p["b_n"] + r * (p["R_n"] @ h + p["c_n"]))
    return z * h + (1 - z) * n,


def mut1(p, x, h):
    z = σ(p["W_z"] @ x + p["b_z"])
    r = σ(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
    return tanh(p["R_h"] @ (r * h) + tanh(p["P"] @ x if "P" in p else x) + p["b_h"]) * z + h * (1 - z),


def mut2(p, x, h):
    z = σ(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
    r = σ((p["P"] @ x if "P" in p else x) + p["R_r"] @ h + p["b_r"])
    return tanh(p["R_h"] @ (r * h) + p["W_h"] @ x + p["b_h"]) * z + h * (1 - z),


def mut3(p, x, h):
    z = σ(p["W_z"] @ x + p["R_z"] @ tanh(h) + p["b_z"])
    r = σ(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
    return tanh(p["R_h"] @ (r * h) + p["W_h"] @ x + p["b_h"]) * z + h * (1 - z),


def indrnn(p, x, h):
    a = p["W"] @ x + p["u"] * h + p["b"]
    return np.where(a > 0, a, 0),


def indrnn_tanh(p, x, h):
    return tanh(p["W"] @ x + p["u"] * h + p["b"]),


def itself(x):
    return x


LITERAL = [
    ("lstm-peephole", {}, lstm, {}),
    ("lstm-nig", {}, lstm, {"i": False}),
    ("lstm-nfg", {}, lstm, {"f": False}),
    ("lstm-nog", {}, lstm, {"o": False}),
    ("lstm-niaf", {}, lstm, {"squash_in": itself}),
    ("lstm-noaf", {}, lstm, {"squash_out": itself}),
    ("lstm-np", {}, lstm, {}),
    ("lstm-cifg", {}, lstm, {"coupled": True}),
    ("lstm-fgr", {}, lstm, {}),
    ("gru", {}, gru, {}),
    ("gru", {"reset_after": True}, gru_reset_after, {}),
    ("mut1", {}, mut1, {}),
    ("mut2", {}, mut2, {}),
    ("mut3", {}, mut3, {}),
    ("indrnn", {}, indrnn, {}),
    ("indrnn", {"activation": "tanh"}, indrnn_tanh, {}),
]


@pytest.mark.parametrize("n_in", [3, 4])
@pytest.mark.parametrize("name, options, literal, how", LITERAL)
def test_a_run_is_what_the_equations_say(name, options, literal, how, n_in):
    rng = np.random.default_rng(1)
    cell = minirnn.make_cell(name, n_in, 4, dtype="float64", **options)
    cell.params.flat[...] = rng.normal(0, 0.6, cell.params.flat.shape)
    xs, state = rng.normal(size=(5, n_in, 2)), cell.random_state(rng, 2)
    run = minirnn.unroll(cell, xs, state)
    for t, x in enumerate(xs):
        state = literal(dict(cell.params), x, *state, **how)
        for symbol, value in zip(cell.state_names, state):
            np.testing.assert_allclose(run[symbol][t], value, atol=1e-13, err_msg=f"{symbol} after step {t}")


# ---- how they start --------------------------------------------------------------------------------------------------

def test_biases_start_where_the_design_says():
    def started(name):
        cell = minirnn.make_cell(name, 3, 4)
        return {k: float(a[0, 0]) for k, a in cell.params.items() if k[0] in "bpc" and (a == a[0, 0]).all() and a.any()}

    for name in ("lstm-peephole", "lstm-nig", "lstm-nog", "lstm-niaf", "lstm-noaf", "lstm-np", "lstm-fgr"):
        assert started(name) == {"b_f": 1}
    assert started("lstm-cifg") == {"b_i": -1}
    for name in ("lstm-nfg", "gru", "mut1", "mut2", "mut3", "indrnn"):
        assert started(name) == {}


@pytest.mark.parametrize("name", NAMES)
def test_biases_and_peepholes_are_constant_at_the_start(name):
    for symbol, value in minirnn.make_cell(name, 3, 4).params.items():
        if symbol[0] in "bpc":
            assert (value == value[0]).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "indrnn"])
def test_matrices_start_xavier_uniform(name):
    """±sqrt(6/(fan_in + H)): fan_in is D + H for a gate that reads x and h, D if it reads x alone (P; z of MUT1)."""
    D, H = 20, 60
    for symbol, value in minirnn.make_cell(name, D, H, dtype="float64").params.items():
        if symbol[0] in "WRP":
            alone = symbol == "P" or (name, symbol) == ("mut1", "W_z")
            bound = (6 / ((D if alone else D + H) + H)) ** 0.5
            assert 0.95 * bound < abs(value).max() <= bound, symbol
            assert abs(value.mean()) < 0.1 * bound


@pytest.mark.parametrize("name", NAMES)
def test_states_start_at_zero(name):
    cell = minirnn.make_cell(name, 3, 4)
    state = cell.initial_state(2)
    expected = {"lstm-fgr": "h c i f o"}.get(name, "h c" if name.startswith("lstm") else "h")
    assert " ".join(cell.state_names) == expected
    assert len(state) == len(cell.state_names) and all((a == 0).all() for a in state)


def test_random_states_could_have_come_from_a_step():
    rng = np.random.default_rng(1)
    gates = minirnn.make_cell("lstm-fgr", 3, 4).random_state(rng, 50)[2:]
    assert all(((gate > 0) & (gate < 1)).all() for gate in gates)
    h, = minirnn.make_cell("indrnn", 3, 4).random_state(rng, 50)
    assert (h >= 0).all() and h.dtype == np.float32


# ---- the family ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, changed", [*zip(VARIANTS, ["i", "f", "o", "z", "h'", "ifo", "f", "ifo"])])
def test_a_variant_changes_the_equations_that_its_name_says(name, changed):
    parent, variant = LSTMPeephole.equations, minirnn.CELLS[name].equations
    assert list(variant) == list(parent)
    assert {k for k in parent if parent[k] != variant[k]} == ({changed} if changed == "h'" else set(changed))


def test_the_equations_of_full_gate_recurrence_name_the_matrices_from_source_to_target():
    assert minirnn.CELLS["lstm-fgr"].equations["i"] == (
        "i = σ(W_i x + R_i h + p_i ⊙ c + R_ii i + R_fi f + R_oi o + b_i)")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_takes_its_step_from_the_parent(name):
    """No copies: what is not replaced is the parent's (FGR adds to the step before, and after)."""
    if name != "lstm-fgr":
        assert minirnn.CELLS[name].step is LSTMPeephole.step
        assert minirnn.CELLS[name].step_backward is LSTMPeephole.step_backward


def test_coupled_gates_can_both_be_read():
    run = minirnn.unroll(minirnn.make_cell("lstm-cifg", 3, 4, dtype="float64"), np.ones((5, 3, 2)))
    np.testing.assert_array_equal(run["i"] + run["f"], 1)


def test_a_gru_stays_within_its_start_and_one():
    cell = minirnn.make_cell("gru", 3, 4, dtype="float64")
    cell.params.flat[...] *= 10
    run = minirnn.unroll(cell, np.random.default_rng(1).normal(size=(50, 3, 2)))
    assert abs(run["h"]).max() <= 1


def test_the_reset_gate_is_true_or_false():
    with pytest.raises(TypeError, match="reset_after is 1, expected True or False"):
        minirnn.make_cell("gru", 3, 4, reset_after=1)


# ---- IndRNN ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("n_steps", [1, 20, 1000])
def test_at_its_bounds_a_gradient_is_halved_or_doubled_over_the_sequence(n_steps):
    for u, expected in zip(recurrent_bounds(n_steps), (0.5, 2)):
        cell = minirnn.make_cell("indrnn", 1, 1, dtype="float64")
        cell.params["u"][...] = u
        run = minirnn.unroll(cell, np.zeros((n_steps, 1, 1)), (np.ones((1, 1)),))
        dhs = np.zeros((n_steps, 1, 1))
        dhs[-1] = 1
        np.testing.assert_allclose(run.backward(dhs)[2][0], expected, rtol=1e-12)


def test_bounds_for_other_sizes_of_the_gradient():
    assert recurrent_bounds(2, smallest=0.25, largest=4) == (0.5, 2)
    assert recurrent_bounds(100)[1] == 2 ** (1 / 100)
    for error, arguments, message in [
            (ValueError, {"n_steps": 0}, "n_steps is 0"), (TypeError, {"n_steps": 2.0}, "n_steps is 2.0"),
            (ValueError, {"n_steps": 5, "smallest": 3}, "smallest is 3, expected a finite number above 0 and of at mo"),
            (ValueError, {"n_steps": 5, "smallest": 0}, "smallest is 0"),
            (ValueError, {"n_steps": 5, "largest": -1}, "largest is -1")]:
        with pytest.raises(error, match=message):
            recurrent_bounds(**arguments)


def test_after_an_update_recurrent_weights_are_within_their_bounds_with_their_signs():
    cell = minirnn.make_cell("indrnn", 2, 7, dtype="float64", recurrent_min_abs=0.5, recurrent_max_abs=1)
    cell.params["u"][:, 0] = [-3, -0.7, -0.1, 0, 0.1, 0.7, 3]
    kept = cell.params["W"].copy()
    cell.after_update()
    np.testing.assert_array_equal(cell.params["u"][:, 0], [-1, -0.7, -0.5, 0.5, 0.5, 0.7, 1])
    np.testing.assert_array_equal(cell.params["W"], kept)


@pytest.mark.parametrize("bounds, expected", [({}, [-3, 0, 0.1]), ({"recurrent_max_abs": 1}, [-1, 0, 0.1]),
                                              ({"recurrent_min_abs": 0.5}, [-3, 0.5, 0.5])])
def test_without_a_bound_nothing_is_moved(bounds, expected):
    cell = minirnn.make_cell("indrnn", 2, 3, dtype="float64", **bounds)
    cell.params["u"][:, 0] = [-3, 0, 0.1]
    cell.after_update()
    np.testing.assert_array_equal(cell.params["u"][:, 0], expected)


@pytest.mark.parametrize("options, low, high", [
    ({}, 0, 1),
    ({"recurrent_max_abs": 1.2}, 0, 1.2),
    ({"recurrent_min_abs": 0.9, "recurrent_max_abs": 1.2}, 0.9, 1.2),
    ({"recurrent_min_abs": 1.5}, 1.5, 1.5),
    ({"recurrent_range": (-0.5, 0.25)}, -0.5, 0.25),
    ({"recurrent_range": (0.5, 3), "recurrent_max_abs": 1}, 0.5, 1),
])
def test_recurrent_weights_start_in_their_range_and_within_the_bounds(options, low, high):
    u = minirnn.make_cell("indrnn", 2, 500, dtype="float64", **options).params["u"]
    assert low <= u.min() <= low + 0.02 and high - 0.02 <= u.max() <= high


def test_input_weights_start_small():
    cell = minirnn.make_cell("indrnn", 50, 200)
    assert abs(cell.params["W"].std() - 0.001) < 2e-5 and abs(cell.params["W"].mean()) < 5e-5
    assert (cell.params["b"] == 0).all()


def test_the_slope_of_relu_at_zero_is_zero():
    cell = minirnn.make_cell("indrnn", 2, 3, dtype="float64")
    cell.params.flat[...] = 0
    dxs, grads, dstart = minirnn.unroll(cell, np.ones((4, 2, 1))).backward(np.ones((4, 3, 1)))
    assert not dxs.any() and not grads.flat.any() and not dstart[0].any()


@pytest.mark.parametrize("error, options, message", [
    (ValueError, {"recurrent_min_abs": 2, "recurrent_max_abs": 1},
     "recurrent_min_abs is 2, expected at most recurrent_max_abs, which is 1"),
    (ValueError, {"recurrent_max_abs": -1}, "recurrent_max_abs is -1, expected a finite number of at least 0"),
    (ValueError, {"recurrent_min_abs": -0.5}, "recurrent_min_abs is -0.5, expected a finite number of at least 0"),
    (ValueError, {"recurrent_max_abs": float("nan")}, "recurrent_max_abs is nan"),
    (TypeError, {"recurrent_max_abs": "1"}, "recurrent_max_abs is '1', expected a number"),
    (TypeError, {"recurrent_range": 1.0}, "recurrent_range is 1.0, expected a pair of numbers"),
    (TypeError, {"recurrent_range": (0, 1, 2)}, "expected a pair of numbers"),
    (TypeError, {"recurrent_range": (0, None)}, r"recurrent_range\[1\] is None, expected a number"),
    (ValueError, {"recurrent_range": (0, float("inf"))}, r"recurrent_range\[1\] is inf"),
    (ValueError, {"recurrent_range": (1, 0)}, r"recurrent_range is \(1, 0\), expected the lower number first"),
    (ValueError, {"activation": "sigmoid"}, "activation is 'sigmoid', expected one of relu, tanh"),
])
def test_options_out_of_range_are_named(error, options, message):
    with pytest.raises(error, match=message):
        minirnn.make_cell("indrnn", 2, 3, **options)
