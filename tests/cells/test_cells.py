"""The cells' forward passes against closed forms and literal sums, written here anew."""

import numpy as np
import pytest
from every_cell import CASES, awaken, label
from whole import amount

import minirnn

RNG = np.random.default_rng


def logistic(x):
    return 1 / (1 + np.exp(-x))


def make(name, D=3, H=4, seed=0, **options):
    rng = RNG(seed)
    return awaken(minirnn.make_cell(name, D, H, rng=rng, dtype="float64", **options), rng)


def literal_averages(cell, xs, h, attention, f_h, discounted):
    """RWA or RDA as the papers write it, with the sums n and d themselves. Returns the lists of n, d and h."""
    p = cell.params
    n, d, kept = 0.0, 0.0, []
    for x in xs:
        u = p["W_u"] @ x + p["b_u"]
        g = p["W_g"] @ x + p["R_g"] @ h + p["b_g"]
        a = attention(p["W_a"] @ x + p["R_a"] @ h + (p["b_a"] if "b_a" in p else 0))
        gamma = logistic(p["W_gamma"] @ x + p["R_gamma"] @ h + p["b_gamma"]) if discounted else 1.0
        n = gamma * n + u * np.tanh(g) * a
        d = gamma * d + a
        h = f_h(n / np.where(d > 0, d, 1))
        kept.append((n, np.broadcast_to(d, n.shape), h))
    return [np.array(list(column)) for column in zip(*kept)]


def test_rwa_equals_its_literal_sums():
    cell, xs = make("rwa"), RNG(1).normal(size=(40, 3, 5))
    run = minirnn.unroll(cell, xs)
    h_0 = np.tanh(np.repeat(cell.params["s"], 5, axis=1))
    n, d, h = literal_averages(cell, xs, h_0, np.exp, np.tanh, discounted=False)
    for found, expected in ((run["n"], n), (run["d"], d), (run["h"], h), (run.hs, h)):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("hidden, f_h", [("identity", lambda v: v), ("tanh", np.tanh)])
@pytest.mark.parametrize("attention, f_a", [
    ("exp", np.exp), ("sigmoid", logistic), ("softplus", lambda a: np.log(1 + np.exp(a))),
    ("relu", lambda a: np.maximum(a, 0))])
def test_rda_equals_its_literal_sums(attention, f_a, hidden, f_h):
    cell, xs = make("rda", attention=attention, hidden=hidden, output="tanh"), RNG(1).normal(size=(40, 3, 5))
    run = minirnn.unroll(cell, xs)
    n, d, h = literal_averages(cell, xs, np.zeros((4, 5)), f_a, f_h, discounted=True)
    for found, expected in ((run["n"], n), (run["d"], d), (run["h"], h), (run.hs, np.tanh(h))):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_rwa_without_recurrence_is_the_tanh_of_a_softmax_weighted_mean():
    cell, xs = make("rwa"), RNG(2).normal(size=(30, 3, 4))
    for name in ("R_g", "R_a"):
        cell.params[name][...] = 0
    p = cell.params
    z = (p["W_u"] @ xs + p["b_u"]) * np.tanh(p["W_g"] @ xs + p["b_g"])
    logits = p["W_a"] @ xs
    softmax = np.exp(logits) / np.exp(logits).sum(axis=0)
    np.testing.assert_allclose(minirnn.unroll(cell, xs).state[0], np.tanh((softmax * z).sum(axis=0)), rtol=1e-12)


def test_rda_that_discounts_nothing_is_an_rwa():
    rda, xs = make("rda", hidden="tanh"), RNG(3).normal(size=(30, 3, 4))
    rda.params["W_gamma"][...] = rda.params["R_gamma"][...] = 0
    rda.params["b_gamma"][...] = 1e3
    rwa = make("rwa", seed=9)
    for name in rwa.params:
        rwa.params[name][...] = rda.params[name] if name in rda.params else 0
    np.testing.assert_allclose(minirnn.unroll(rda, xs).hs, minirnn.unroll(rwa, xs).hs, rtol=1e-12)


def test_rda_that_discounts_everything_sees_only_the_present():
    rda, xs = make("rda"), RNG(4).normal(size=(20, 3, 4))
    rda.params["b_gamma"][...] = -1e3
    run = minirnn.unroll(rda, xs)
    np.testing.assert_allclose(run["h"], run["z"], rtol=1e-12)


def test_relu_attention_that_never_pays_leaves_the_average_at_zero_without_gradient():
    rda, xs = make("rda", attention="relu"), RNG(5).normal(size=(20, 3, 4))
    rda.params["W_a"][...] = rda.params["R_a"][...] = 0
    rda.params["b_a"][...] = -1
    run = minirnn.unroll(rda, xs)
    assert np.all(run.hs == 0) and np.all(run["d"] == 0)
    dxs, grads, _ = run.backward(np.ones_like(run.hs))
    assert np.all(dxs == 0) and np.all(grads.flat == 0)


def test_relu_attention_starts_its_average_at_the_first_value_it_pays_for():
    rda, xs = make("rda", attention="relu"), RNG(5).normal(size=(9, 3, 4))
    rda.params["W_a"][...] = rda.params["R_a"][...] = 0
    rda.params["W_a"][:, 0] = 1
    rda.params["b_a"][...] = 0
    xs[:, 0], xs[4, 0] = -1, 2                      # step 4 alone is paid for
    run = minirnn.unroll(rda, xs)
    assert np.all(run.hs[:4] == 0)
    np.testing.assert_allclose(run.hs[4:], np.broadcast_to(run["z"][4], (5, 4, 4)), rtol=1e-12)


def test_rnn_equals_a_plain_loop():
    cell, xs = make("rnn"), RNG(6).normal(size=(12, 3, 2))
    h = np.zeros((4, 2))
    for x, found in zip(xs, minirnn.unroll(cell, xs).hs):
        h = np.tanh(cell.params["W"] @ x + cell.params["R"] @ h + cell.params["b"])
        np.testing.assert_allclose(found, h, rtol=1e-12)


def test_lstm_equals_a_plain_loop():
    cell, xs = make("lstm"), RNG(7).normal(size=(12, 3, 2))
    p, h, c = cell.params, np.zeros((4, 2)), np.zeros((4, 2))
    run = minirnn.unroll(cell, xs)
    for t, x in enumerate(xs):
        a = {k: p[f"W_{k}"] @ x + p[f"R_{k}"] @ h + p[f"b_{k}"] for k in "ifog"}
        c = logistic(a["f"]) * c + logistic(a["i"]) * np.tanh(a["g"])
        h = logistic(a["o"]) * np.tanh(c)
        np.testing.assert_allclose(run["c"][t], c, rtol=1e-12)
        np.testing.assert_allclose(run.hs[t], h, rtol=1e-12)
        np.testing.assert_allclose(run["f"][t], logistic(a["f"]), rtol=1e-12)


def test_lstm_keeps_its_memory_exactly_when_it_forgets_nothing_and_writes_nothing():
    cell = make("lstm")
    cell.params["b_f"][...], cell.params["b_i"][...] = 1e3, -1e3
    c_0 = RNG(8).normal(size=(4, 2))
    run = minirnn.unroll(cell, RNG(9).normal(size=(200, 3, 2)), (np.zeros((4, 2)), c_0))
    np.testing.assert_array_equal(run["c"], np.broadcast_to(c_0, (200, 4, 2)))


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_float32_stays_float32_and_close_to_float64(name, options):
    rng = RNG(10)
    cell = awaken(minirnn.make_cell(name, 3, 8, rng=rng, **options, learned_state=True), rng)
    xs, dhs = rng.normal(size=(50, 3, 4)).astype("float32"), rng.normal(size=(50, 8, 4)).astype("float32")
    run, wide = minirnn.unroll(cell, xs), minirnn.unroll(cell.astype("float64"), xs.astype("float64"))
    dxs, grads, dstate = run.backward(dhs)
    arrays = {name: run[name] for name in run.names} | dict(grads) | {"dxs": dxs, "hs": run.hs}
    arrays |= {f"d{name}": a for name, a in zip(cell.state_names, dstate)}
    assert {name: a.dtype for name, a in arrays.items() if a.dtype != np.float32} == {}
    assert all(a.dtype == np.float32 for a in cell.initial_state(2))
    np.testing.assert_allclose(run.hs, wide.hs, rtol=0, atol=2e-4 * max(1, np.abs(wide.hs).max()))


@pytest.mark.parametrize("name, options, T", [
    *[(name, options, 3_000) for name, options in CASES if name in ("rwa", "rda")],
    *[(name, options, amount(20_000, 100_000)) for name, options in (
        ("rwa", {}), ("rda", {"attention": "exp"}), ("rda", {"attention": "relu"}))]], ids=str)
def test_attention_logits_of_ten_thousand_stay_finite(name, options, T):
    """Four units: logits of both signs, against discounts of both signs."""
    cell = minirnn.make_cell(name, 1, 4, **options)
    cell.params["W_a"][...] = 1e4 * np.array([[1.0], [-1.0], [1.0], [-1.0]])
    if "W_gamma" in cell.params:
        cell.params["W_gamma"][...] = 1e4 * np.array([[1.0], [-1.0], [-1.0], [1.0]])
    xs = RNG(11).choice([-1.0, 0.0, 1e-3, 1.0], size=(T, 1, 1)).astype("float32")
    run = minirnn.unroll(cell, xs)
    dxs, grads, dstate = run.backward(np.ones_like(run.hs))
    for a in (run.hs, run["l"], run["w"], dxs, grads.flat, *dstate):
        assert np.all(np.isfinite(a))


def test_make_cell_gives_the_same_weights_for_the_same_seed_and_in_both_precisions():
    for name in minirnn.CELLS:
        one, two = (minirnn.make_cell(name, 3, 4, rng=5) for _ in range(2))
        wide = minirnn.make_cell(name, 3, 4, rng=5, dtype="float64")
        np.testing.assert_array_equal(one.params.flat, two.params.flat)
        np.testing.assert_array_equal(one.params.flat, wide.params.flat.astype("float32"))
        other = minirnn.make_cell(name, 3, 4, rng=6)
        assert not np.array_equal(one.params.flat, other.params.flat)


def test_weights_start_within_the_xavier_bound_and_fill_it():
    cell = minirnn.make_cell("lstm", 30, 50)
    bound = np.sqrt(6 / (30 + 50 + 50))
    for name in ("W_i", "R_g"):
        assert 0.97 * bound < np.abs(cell.params[name]).max() <= bound
    rwa = minirnn.make_cell("rwa", 30, 50)
    assert 0.97 * np.sqrt(6 / 80) < np.abs(rwa.params["W_u"]).max() <= np.sqrt(6 / 80)     # u reads x alone
    assert np.all(cell.params["b_f"] == 1) and np.all(cell.params["b_i"] == 0)
    assert np.all(minirnn.make_cell("rda", 3, 4).params["b_gamma"] == 1)


def test_parameters_are_views_that_cannot_be_rebound():
    cell = minirnn.make_cell("lstm", 3, 4)
    a = np.full((4, 4), 7, "float32")
    cell.params["R_f"][...] = a
    np.testing.assert_array_equal(cell.R[4:8], a)                   # the array the cell computes with has changed
    with pytest.raises(TypeError, match=r'params\["R_f"\]\[\.\.\.\]'):
        cell.params["R_f"] = a
    with pytest.raises(KeyError, match="'R_q'.*R_f"):
        cell.params["R_q"]


def test_parameter_names_are_the_papers():
    names = {"rnn": "W R b", "lstm": "W_i W_f W_o W_g R_i R_f R_o R_g b_i b_f b_o b_g",
             "rwa": "W_u W_g W_a R_g R_a b_u b_g s",
             "rda": "W_u W_g W_gamma W_a R_g R_gamma R_a b_u b_g b_gamma",
             "rda-sigmoid-id": "W_u W_g W_gamma W_a R_g R_gamma R_a b_u b_g b_gamma b_a"}
    for cell, expected in names.items():
        assert list(minirnn.make_cell(cell, 2, 3).params) == expected.split()


def test_a_learned_state_is_the_start_of_every_column():
    cell = minirnn.make_cell("lstm", 2, 3, learned_state=True)
    cell.params["s"][...] = np.array([[1.0], [2.0], [3.0]])
    h, c = cell.initial_state(4)
    np.testing.assert_array_equal(h, [[1] * 4, [2] * 4, [3] * 4])
    assert np.all(c == 0)
    rwa = minirnn.make_cell("rwa", 2, 3)
    np.testing.assert_allclose(rwa.initial_state(2)[0], np.tanh(rwa.params["s"]).repeat(2, axis=1))


@pytest.mark.parametrize("call, error, words", [
    (lambda: minirnn.make_cell("lstmm", 2, 3), KeyError, "lstmm.*rda-exp-tanh"),
    (lambda: minirnn.make_cell("lstm", 2, 3, attention="exp"), TypeError, "lstm has no option 'attention'.*learned_state"),
    (lambda: minirnn.make_cell("rda-exp-tanh", 2, 3, attention="exp"), TypeError, "no option 'attention'"),
    (lambda: minirnn.make_cell("rda", 2, 3, attention="max"), ValueError, "attention is 'max'.*exp, sigmoid"),
    (lambda: minirnn.make_cell("lstm", -2, 3), ValueError, "n_in is -2"),
    (lambda: minirnn.make_cell("lstm", 2, 0), ValueError, "n_hidden is 0"),
    (lambda: minirnn.make_cell("lstm", 2, 3.5), TypeError, "n_hidden is 3.5"),
    (lambda: minirnn.make_cell("lstm", 2, 3, dtype="float16"), ValueError, "float16.*float32, float64"),
    (lambda: minirnn.make_cell("lstm", 2, 3, dtype=None), ValueError, "dtype is None, expected one of float32"),
    (lambda: minirnn.make_cell("lstm", 2, 3, dtype="f4,,"), ValueError, "dtype is 'f4,,', expected one of float32"),
    (lambda: minirnn.make_cell("lstm", 2, 3, rng="seed"), TypeError, "rng is 'seed'"),
    (lambda: minirnn.make_cell("lstm", 2, 3, rng=-1), TypeError, "rng is -1"),
    (lambda: minirnn.make_cell("lstm", 2, 3, learned_state="yes"), TypeError, "learned_state is 'yes'"),
    (lambda: minirnn.make_cell("lstm", 2, 3).initial_state(0), ValueError, "batch is 0"),
])
def test_bad_arguments_get_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


class LSTMWithStacks(minirnn.CELLS["lstm"]):
    """An LSTM whose gates are stacked in an order of the test's choice."""

    W = R = b = ("i", "f", "o", "g")

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [minirnn.Stack("W", self.W, (H, D)), minirnn.Stack("R", self.R, (H, H)), minirnn.Stack("b", self.b, (H, 1))]


@pytest.mark.parametrize("stack, gates, words", [
    ("b", ("i", "g", "o", "f"), "stack b has its gates in the order i, g, o, f, expected that of W: i, f, o, g"),
    ("R", ("f", "i", "o", "g"), "stack R has its gates in the order f, i, o, g, expected that of W"),
    ("b", ("f", "o", "g"), "stack b has biases for f, o, g, expected the first gates of W, which are i, f, o"),
    ("R", ("i", "f", "o"), "stack R has matrices for i, f, o, expected the last gates of W, which are f, o, g"),
    ("b", ("i", "k"), "stack b has its gates in the order i, k, expected that of W"),
])
def test_stacks_in_different_orders_are_refused_by_name(stack, gates, words):
    """Otherwise b_f = 5 would open g, and no gradient would show it."""
    wrong = type("Wrong", (LSTMWithStacks,), {stack: gates})
    with pytest.raises(ValueError, match=words):
        wrong(2, 3)
    assert LSTMWithStacks(2, 3).n_params == minirnn.make_cell("lstm", 2, 3).n_params
