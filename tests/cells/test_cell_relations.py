"""Where two cells are the same function, they give the same numbers: forward, and every gradient.

No derivation is trusted here. One cell's parameters are set so that it must be the other cell, and both are run.
"""

import numpy as np
import pytest

import minirnn

D, H, T, B = 3, 4, 7, 2
OPEN = 1e3                          # a bias with which a gate is 1, to the last bit


def awake(name, seed=1, **options):
    """A cell of which no parameter is 0."""
    cell = minirnn.make_cell(name, D, H, dtype="float64", **options)
    cell.params.flat[...] = np.random.default_rng(seed).normal(0, 0.6, cell.params.flat.shape)
    return cell


def give(cell, other, **renamed):
    """Parameters of `cell` to those of `other` with the same names, or with new ones: W_z="W_g". Others stay."""
    for name, value in cell.params.items():
        if renamed.get(name, name) in other.params:
            other.params[renamed.get(name, name)][...] = value


def assign(cell, **values):
    for name, value in values.items():
        cell.params[name][...] = value


def both_ways(cell, start=None):
    """A run, and its gradients: the same inputs and the same gradients from above for every cell."""
    rng = np.random.default_rng(5)
    xs, dhs, h, c = (rng.normal(size=shape) for shape in ((T, D, B), (T, H, B), (H, B), (H, B)))
    dh, dc = rng.normal(size=(2, H, B))
    zero = np.zeros((H, B))
    n_others = len(cell.state_names) - 2
    if start is None:
        start = (h, c, *[zero] * n_others)[:len(cell.state_names)]
    run = minirnn.unroll(cell, xs, start)
    return run, *run.backward(dhs, (dh, dc, *[zero] * n_others)[:len(cell.state_names)])


def assert_same(one, other, ignore=(), **renamed):
    """Runs agree, and the gradients of inputs, start and parameters; `ignore`: parameters of which one has none."""
    (run, dxs, grads, dstart), (run_other, dxs_other, grads_other, dstart_other) = one, other
    close = dict(rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.hs, run_other.hs, **close)
    np.testing.assert_allclose(dxs, dxs_other, **close)
    for a, b in [*zip(run.state, run_other.state), *zip(dstart, dstart_other)]:
        np.testing.assert_allclose(a, b, **close)
    compared = [name for name in grads if name not in ignore]
    assert compared
    for name in compared:
        np.testing.assert_allclose(grads[name], grads_other[renamed.get(name, name)], err_msg=name, **close)


# ---- the LSTM family -------------------------------------------------------------------------------------------------

def test_lstm_without_peepholes_is_the_textbook_lstm():
    np_cell, lstm = awake("lstm-np"), awake("lstm", seed=2)
    renamed = {"W_z": "W_g", "R_z": "R_g", "b_z": "b_g"}
    give(np_cell, lstm, **renamed)
    assert_same(both_ways(np_cell), both_ways(lstm), **renamed)


def test_peepholes_of_zero_are_no_peepholes():
    v, np_cell = awake("lstm-peephole"), awake("lstm-np", seed=2)
    assign(v, p_i=0, p_f=0, p_o=0)
    give(v, np_cell)
    assert_same(both_ways(np_cell), both_ways(v))


def test_full_gate_recurrence_through_matrices_of_zero_is_none():
    fgr, v = awake("lstm-fgr"), awake("lstm-peephole", seed=2)
    for source in "ifo":
        for target in "ifo":
            fgr.params[f"R_{source}{target}"][...] = 0
    give(fgr, v)
    found, other = both_ways(fgr), both_ways(v)
    assert_same(other, found)
    run, *_, (dh, dc, *dgates) = found
    assert all((dgate == 0).all() for dgate in dgates)
    for k in "ifo":
        np.testing.assert_array_equal(run[k], other[0][k])


def test_full_gate_recurrence_reads_the_gates_of_the_step_before():
    """With constant gates, what the nine matrices add is a constant, and can be written into the bias."""
    fgr, v = awake("lstm-fgr"), awake("lstm-peephole", seed=2)
    for k in "ifo":
        assign(fgr, **{"W_" + k: 0, "R_" + k: 0, "p_" + k: 0, "b_" + k: 0})
    rng = np.random.default_rng(3)
    x, h, c, *gates = rng.normal(size=(D, B)), *rng.uniform(0.1, 0.9, (5, H, 1)).repeat(B, axis=2)
    new, _ = fgr.step(fgr.input_terms(x[None])[0], (h, c, *gates))
    give(fgr, v)
    for target in "ifo":
        added = sum(fgr.params[f"R_{source}{target}"] @ gate[:, :1] for source, gate in zip("ifo", gates))
        v.params["b_" + target][...] = added
    expected, memo = v.step(v.input_terms(x[None])[0], (h, c))
    for a, b in zip(new, (*expected, memo.i, memo.f, memo.o)):
        np.testing.assert_allclose(a, b, atol=1e-13)


@pytest.mark.parametrize("name, gate", [("lstm-nig", "i"), ("lstm-nfg", "f"), ("lstm-nog", "o")])
def test_a_gate_that_is_not_there_is_one_held_open_by_its_bias(name, gate):
    variant, v = awake(name), awake("lstm-peephole", seed=2)
    give(variant, v)
    assign(v, **{"b_" + gate: OPEN})
    found, other = both_ways(variant), both_ways(v)
    assert_same(found, other)
    for parameter in ("W_", "R_", "p_", "b_"):
        assert parameter + gate not in variant.params
        assert (other[2][parameter + gate] == 0).all()
    assert (found[0][gate] == 1).all()


def test_coupled_gates_are_two_gates_with_opposite_parameters():
    """1 − σ(a) = σ(−a): V with the parameters of f the negative of those of i is CIFG."""
    cifg, v = awake("lstm-cifg"), awake("lstm-peephole", seed=2)
    give(cifg, v)
    for symbol in ("W_", "R_", "p_", "b_"):
        assign(v, **{symbol + "f": -cifg.params[symbol + "i"]})
    run, dxs, grads, dstart = both_ways(v)
    for symbol in ("W_", "R_", "p_", "b_"):
        grads[symbol + "i"][...] -= grads[symbol + "f"]
    assert_same(both_ways(cifg), (run, dxs, grads, dstart))


def test_a_constant_input_need_not_be_squashed():
    """With W_z = R_z = 0, V offers tanh(b_z); NIAF does so with tanh(b_z) as its bias."""
    niaf, v = awake("lstm-niaf"), awake("lstm-peephole", seed=2)
    give(niaf, v)
    for cell in (niaf, v):
        assign(cell, W_z=0, R_z=0)
    z = np.tanh(v.params["b_z"])
    assign(niaf, b_z=z)
    found, other = both_ways(niaf), both_ways(v)
    found[2]["b_z"][...] *= 1 - z**2                            # db_z through the tanh
    for symbol in ("W_z", "R_z"):
        found[2][symbol][...] *= 1 - z**2
    assert_same(found, other)


def test_output_squashing_does_not_reach_a_memory_that_nobody_reads_back():
    """With R = 0 the memory is the same with and without it; what is shown is o ⊙ c' instead of o ⊙ tanh(c')."""
    noaf, v = awake("lstm-noaf"), awake("lstm-peephole", seed=2)
    for k in "ifoz":
        assign(noaf, **{"R_" + k: 0})
    give(noaf, v)
    (run, *_), (other, *_) = both_ways(noaf), both_ways(v)
    np.testing.assert_allclose(run["c"], other["c"], atol=1e-13)
    np.testing.assert_allclose(run.hs, other["o"] * other["c"], atol=1e-13)


@pytest.mark.parametrize("name", ["lstm-niaf", "lstm-noaf"])
def test_small_signals_do_not_notice_tanh(name):
    """tanh(x) = x − x³/3 + ...: where z and c are of size ε, it makes a difference of ε² to them and to h."""
    small = 1e-5
    variant, v = awake(name), awake("lstm-peephole", seed=2)
    assign(variant, W_z=small * variant.params["W_z"], R_z=0, b_z=small * variant.params["b_z"])
    give(variant, v)
    start = (np.zeros((H, B)), np.zeros((H, B)))
    (run, dxs, *_), (other, dxs_other, *_) = both_ways(variant, start), both_ways(v, start)
    assert abs(run.hs).max() > 1e-6
    np.testing.assert_allclose(run.hs, other.hs, rtol=1e-8)
    np.testing.assert_allclose(dxs, dxs_other, rtol=0, atol=1e-8 * abs(dxs).max())


# ---- GRU and MUT -----------------------------------------------------------------------------------------------------

def test_the_two_forms_of_the_gru_agree_where_nothing_is_reset():
    before, after = awake("gru"), awake("gru", seed=2, reset_after=True)
    assign(before, b_r=OPEN)
    give(before, after)
    assign(after, c_n=0)
    found, other = both_ways(before), both_ways(after)
    assert_same(found, other)
    np.testing.assert_allclose(other[2]["c_n"], other[2]["b_n"], atol=1e-13)


def test_the_two_forms_of_the_gru_agree_where_the_matrix_is_diagonal():
    """r ⊙ (R_n h) = R_n (r ⊙ h) if R_n does not mix the units, whatever r is."""
    before, after = awake("gru"), awake("gru", seed=2, reset_after=True)
    assign(before, R_n=np.diag([0.9, -1.1, 0.4, 1.3]))
    give(before, after)
    assign(after, c_n=0)
    found, other = both_ways(before), both_ways(after)
    for _, _, grads, _ in (found, other):
        grads["R_n"][~np.eye(H, dtype=bool)] = 0                # where the forms do differ
    assert_same(found, other)


def test_mut3_with_both_gates_open_is_the_simple_network():
    mut3, rnn = awake("mut3"), awake("rnn", seed=2)
    assign(mut3, b_z=OPEN, b_r=OPEN)
    renamed = {"W": "W_h", "R": "R_h", "b": "b_h"}
    for name, name_mut3 in renamed.items():
        rnn.params[name][...] = mut3.params[name_mut3]
    assert_same(both_ways(rnn), both_ways(mut3), **renamed)


def test_mut3_without_R_z_is_a_gru_whose_z_is_turned_round():
    """Our GRU keeps the share z, MUT replaces it, and σ(−a) = 1 − σ(a)."""
    mut3, gru = awake("mut3"), awake("gru", seed=2)
    assign(mut3, R_z=0)
    renamed = {"W_h": "W_n", "R_h": "R_n", "b_h": "b_n"}
    give(mut3, gru, **renamed)
    assign(gru, R_z=0, W_z=-mut3.params["W_z"], b_z=-mut3.params["b_z"])
    run, dxs, grads, dstart = both_ways(gru)
    for name in ("W_z", "b_z"):
        grads[name][...] *= -1
    # R_z of the one reads tanh(h), that of the other h: of no effect where both are 0, but their gradients differ.
    assert_same(both_ways(mut3), (run, dxs, grads, dstart), ignore=["R_z"], **renamed)


def test_mut2_is_mut3_with_the_projection_as_W_r_where_z_does_not_read_h():
    mut2, mut3 = awake("mut2"), awake("mut3", seed=2)
    assign(mut2, R_z=0)
    give(mut2, mut3, P="W_r")
    assert_same(both_ways(mut2), both_ways(mut3), ignore=["R_z"], P="W_r")


def test_mut1_is_mut3_fed_with_tanh_of_the_projection():
    """Given tanh(P x) for W_h x, through a constant input, the two are the same step."""
    mut1, mut3 = awake("mut1"), awake("mut3", seed=2)
    x, h = np.random.default_rng(4).normal(size=(D, 1)), np.random.default_rng(5).normal(size=(H, 1))
    give(mut1, mut3)
    assign(mut3, R_z=0, W_h=0, b_h=mut1.params["b_h"] + np.tanh(mut1.params["P"] @ x))
    (h_1,), _ = mut1.step(mut1.input_terms(x[None])[0], (h,))
    (h_3,), _ = mut3.step(mut3.input_terms(x[None])[0], (h,))
    np.testing.assert_allclose(h_1, h_3, atol=1e-13)


@pytest.mark.parametrize("name", ["mut1", "mut2"])
def test_a_projection_by_the_identity_is_no_projection(name):
    """With D = H there is no P: the same as a cell with one more input, always 0, and P = (I 0)."""
    square = minirnn.make_cell(name, H, H, dtype="float64", rng=1)
    wide = minirnn.make_cell(name, H + 1, H, dtype="float64", rng=2)
    for symbol, value in square.params.items():
        wide.params[symbol][:, :value.shape[1]] = value
    wide.params["P"][...] = np.eye(H, H + 1)
    rng = np.random.default_rng(3)
    xs, dhs = rng.normal(size=(T, H, B)), rng.normal(size=(T, H, B))
    run, run_wide = minirnn.unroll(square, xs), minirnn.unroll(wide, np.pad(xs, ((0, 0), (0, 1), (0, 0))))
    np.testing.assert_allclose(run.hs, run_wide.hs, atol=1e-13)
    (dxs, grads, _), (dxs_wide, grads_wide, _) = run.backward(dhs), run_wide.backward(dhs)
    np.testing.assert_allclose(dxs, dxs_wide[:, :H], atol=1e-12)
    for symbol, gradient in grads.items():
        np.testing.assert_allclose(gradient, grads_wide[symbol][:, :gradient.shape[1]], atol=1e-12, err_msg=symbol)


# ---- IndRNN, RWA and RDA ---------------------------------------------------------------------------------------------

def test_a_simple_network_with_a_diagonal_matrix_is_independently_recurrent():
    indrnn, rnn = awake("indrnn", activation="tanh"), awake("rnn", seed=2)
    assign(rnn, W=indrnn.params["W"], R=np.diag(indrnn.params["u"][:, 0]), b=indrnn.params["b"])
    found, (run, dxs, grads, dstart) = both_ways(indrnn), both_ways(rnn)
    np.testing.assert_allclose(np.diag(grads["R"])[:, None], found[2]["u"], atol=1e-12)
    assert_same(found, (run, dxs, grads, dstart), ignore=["u"])


def test_relu_units_that_stay_positive_are_sums_over_the_past():
    """Then h_T = Σ u^(T−t) (W x_t + b): nothing is lost, and nothing squashed."""
    cell = awake("indrnn")
    cell.params.flat[...] = abs(cell.params.flat)
    xs = np.random.default_rng(3).uniform(size=(T, D, B))
    W, u, b = (cell.params[name] for name in "Wub")
    expected = sum(u ** (T - 1 - t) * (W @ xs[t] + b) for t in range(T))
    np.testing.assert_allclose(minirnn.unroll(cell, xs).hs[-1], expected, rtol=1e-13)


def test_discounting_by_one_is_the_recurrent_weighted_average():
    rda, rwa = awake("rda", attention="exp", hidden="tanh"), awake("rwa", seed=2)
    assign(rda, W_gamma=0, R_gamma=0, b_gamma=OPEN)
    give(rda, rwa)
    start = rwa.initial_state(B)
    found, other = both_ways(rda, start), both_ways(rwa, start)
    assert_same(found, other, ignore=["W_gamma", "R_gamma", "b_gamma"])
    assert all((found[2][name] == 0).all() for name in ("W_gamma", "R_gamma", "b_gamma"))
