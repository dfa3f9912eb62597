"""The layers around the cells, against loops, plain formulas and numeric gradients."""

import numpy as np
import pytest

import minirnn
from minirnn import layers
from minirnn.checking.numeric import complex_step
from minirnn.layers import BatchNorm, Dropout, Embedding, Linear, OneHot

RNG = np.random.default_rng


def draw(T=7, H=3, B=5, seed=0):
    return RNG(seed).normal(size=(T, H, B))


def awake(layer, seed=1):
    """Parameters and statistics away from where they start: a gamma of 1 and a beta of 0 would hide mistakes."""
    rng = RNG(seed)
    for a in layer.params.values():
        a[...] = rng.normal(0, 1, a.shape)
    for a in getattr(layer, "statistics", {}).values():
        a[...] = rng.uniform(0.5, 2, a.shape)
    return layer


def numeric_gradients(layer, xs, dys, **how):
    """Those of Σ dys ⊙ ys by the complex step: of xs first, then of each parameter. Dropout draws the same every time."""
    layer, xs = layer.astype("complex128"), np.array(xs, complex)
    rng = getattr(layer, "rng", None)
    state = rng and rng.bit_generator.state

    def loss():
        if rng:
            rng.bit_generator.state = state
        ys = layer.forward(xs, **how)
        return ((ys[0] if isinstance(ys, tuple) else ys) * dys).sum()
    for array in (xs, *layer.params.values()):
        yield complex_step(loss, array, np.arange(array.size), 1e-30)[0].reshape(array.shape)


# ---- linear, one-hot, embedding --------------------------------------------------------------------------------------

def test_linear_is_its_sum_over_features_at_every_step(monkeypatch):
    monkeypatch.setattr(layers, "STEPS_AT_ONCE", 3)                     # so that seven steps take three products
    layer, xs, dys = awake(Linear(3, 2, dtype="float64")), draw(), draw(H=2, seed=2)
    W, b = layer.params["W"], layer.params["b"]
    ys = layer.forward(xs)
    np.testing.assert_allclose(ys, np.einsum("oi,tib->tob", W, xs) + b, rtol=1e-13)
    grads = layer.params.like()
    dxs = layer.backward(dys, xs, ys, grads)
    np.testing.assert_allclose(grads["W"], np.einsum("tob,tib->oi", dys, xs), rtol=1e-12)
    np.testing.assert_allclose(grads["b"], np.einsum("tob->o", dys)[:, None], rtol=1e-12)
    np.testing.assert_allclose(dxs, np.einsum("oi,tob->tib", W, dys), rtol=1e-12)


def test_one_hot_and_embedding_look_symbols_up(monkeypatch):
    monkeypatch.setattr(layers, "STEPS_AT_ONCE", 3)
    symbols = RNG(0).integers(4, size=(7, 5))
    one_hot, embedding = OneHot(4, dtype="float64"), Embedding(4, 3, rng=1, dtype="float64")
    E, dys = embedding.params["E"], draw()
    picked, vectors = one_hot.forward(symbols), embedding.forward(symbols)
    grads, expected = embedding.params.like(), np.zeros_like(E)
    assert embedding.backward(dys, symbols, vectors, grads) is None and one_hot.backward(dys, symbols, picked, {}) is None
    for t in range(7):
        for b in range(5):
            k = symbols[t, b]
            np.testing.assert_array_equal(picked[t, :, b], np.eye(4)[k])
            np.testing.assert_array_equal(vectors[t, :, b], E[:, k])
            expected[:, k] += dys[t, :, b]
    np.testing.assert_allclose(grads["E"], expected, rtol=1e-12)


# ---- batch normalisation ---------------------------------------------------------------------------------------------

def test_batch_norm_in_training_is_the_plain_formula(monkeypatch):
    monkeypatch.setattr(layers, "ELEMENTS_AT_ONCE", 40)                    # so that seven steps of fifteen values take four pieces
    layer, xs = awake(BatchNorm(3, dtype="float64")), draw() * 5 + 2
    ys, _ = layer.forward(xs, training=True)
    x_hat = (xs - xs.mean(axis=(0, 2), keepdims=True)) / np.sqrt(xs.var(axis=(0, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(ys, layer.params["gamma"] * x_hat + layer.params["beta"], rtol=1e-12)


def test_batch_norm_gives_every_unit_the_mean_beta_and_the_deviation_gamma():
    layer = awake(BatchNorm(3, epsilon=1e-12, dtype="float64"))
    ys, _ = layer.forward(draw() * [[1e-2], [1.0], [1e3]] - 7, training=True)
    np.testing.assert_allclose(ys.mean(axis=(0, 2)), layer.params["beta"][:, 0], rtol=1e-9)
    np.testing.assert_allclose(ys.std(axis=(0, 2)), np.abs(layer.params["gamma"][:, 0]), rtol=1e-7)


def test_batch_norm_in_evaluation_uses_the_statistics_and_leaves_them():
    layer, xs = BatchNorm(1, epsilon=0.01, dtype="float64"), np.array([[[4.0, 0.0]]])
    for name, value in (("gamma", 3), ("beta", 5)):
        layer.params[name][...] = value
    for name, value in (("mean", 2), ("variance", 3.99)):
        layer.statistics[name][...] = value
    ys, _ = layer.forward(xs)
    np.testing.assert_allclose(ys, [[[3 * (4 - 2) / 2 + 5, 3 * (0 - 2) / 2 + 5]]], rtol=1e-14)
    assert (layer.statistics["mean"], layer.statistics["variance"]) == (2, 3.99)


def test_running_statistics_are_exponential_averages_of_the_batches():
    layer = BatchNorm(3, momentum=0.8, dtype="float64")
    batches = [draw(seed=k) * (k + 1) + k for k in range(5)]
    for xs in batches:
        layer.forward(xs, training=True)
    ages = 0.2 * 0.8 ** np.arange(4, -1, -1)
    means = np.array([xs.mean(axis=(0, 2)) for xs in batches])
    variances = np.array([xs.transpose(1, 0, 2).reshape(3, -1).var(axis=1, ddof=1) for xs in batches])
    np.testing.assert_allclose(layer.statistics["mean"][:, 0], ages @ means, rtol=1e-12)
    np.testing.assert_allclose(layer.statistics["variance"][:, 0], 0.8**5 * 1 + ages @ variances, rtol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_gradients_agree_with_the_complex_step(training, monkeypatch):
    monkeypatch.setattr(layers, "ELEMENTS_AT_ONCE", 40)
    layer, xs, dys = awake(BatchNorm(3, dtype="float64")), draw() * 2 + 1, draw(seed=2)
    grads = layer.params.like()
    numeric = list(numeric_gradients(layer, xs, dys, training=training))
    _, memo = layer.forward(xs, training)
    derived = [layer.backward(dys, memo, grads), grads["gamma"], grads["beta"]]
    for a, b in zip(derived, numeric, strict=True):
        assert np.abs(a - b).max() <= 1e-13 * np.abs(b).max()


def test_neither_shift_nor_scale_of_the_input_reaches_past_a_batch_norm_in_training():
    layer, xs = awake(BatchNorm(3, epsilon=1e-14, dtype="float64")), draw()
    ys, memo = layer.forward(xs, training=True)
    np.testing.assert_allclose(layer.forward(5 * xs - 3, training=True)[0], ys, rtol=1e-10, atol=1e-12)
    dxs = layer.backward(draw(seed=2), memo, layer.params.like())
    np.testing.assert_allclose(dxs.sum(axis=(0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose((dxs * xs).sum(axis=(0, 2)), 0, atol=1e-12)


def test_batch_norm_in_float32_stays_in_float32_and_accurate_far_from_zero():
    layer, xs = BatchNorm(2), (draw(T=2000, H=2, B=100) + 100).astype(np.float32)
    ys, memo = layer.forward(xs, training=True)
    grads, dys = layer.params.like(), draw(T=2000, H=2, B=100, seed=1).astype(np.float32)
    dxs = layer.backward(dys, memo, grads)
    arrays = [ys, dxs, *vars(memo).values(), *grads.values(), *layer.statistics.values()]
    assert all(a.dtype == np.float32 for a in arrays if isinstance(a, np.ndarray))
    exact = layer.astype("float64")
    wide, wide_memo = exact.forward(xs.astype(float), training=True)
    wide_dxs = exact.backward(dys.astype(float), wide_memo, exact.params.like())
    np.testing.assert_allclose(ys, wide, atol=1e-5)
    np.testing.assert_allclose(dxs, wide_dxs, atol=1e-6)


def test_what_a_batch_norm_noted_outlives_its_next_forward_pass():
    layer, dys = awake(BatchNorm(3, dtype="float64")), draw(seed=2)
    _, memo = layer.forward(draw())
    grads, again = layer.params.like(), layer.params.like()
    dxs = layer.backward(dys, memo, grads)
    layer.forward(draw(seed=3) + 10, training=True)
    np.testing.assert_array_equal(layer.backward(dys, memo, again), dxs)
    np.testing.assert_array_equal(again.flat, grads.flat)


# ---- dropout ---------------------------------------------------------------------------------------------------------

def test_dropout_drops_its_share_and_keeps_the_mean():
    layer, xs = Dropout(0.3, rng=0), np.ones((100, 20, 50), np.float32)
    ys, memo = layer.forward(xs, training=True)
    n, dropped = xs.size, (ys == 0).mean()
    assert abs(dropped - 0.3) < 4 * (0.3 * 0.7 / n) ** 0.5                  # four standard deviations of such a share
    np.testing.assert_array_equal(ys, memo.kept * np.float32(1 / 0.7))
    np.testing.assert_allclose(ys.mean(), 1, atol=4 * (0.3 / 0.7 / n) ** 0.5)
    assert not np.array_equal(ys[0], ys[1]) and ys.dtype == np.float32


def test_dropout_does_nothing_in_evaluation_and_draws_nothing():
    layer, other, xs = Dropout(0.9, dtype="float64"), Dropout(0.9, dtype="float64"), draw()
    ys, memo = layer.forward(xs)
    np.testing.assert_array_equal(ys, xs)
    np.testing.assert_array_equal(layer.backward(xs, memo, None), xs)
    np.testing.assert_array_equal(layer.forward(xs, training=True)[0], other.forward(xs, training=True)[0])


def test_dropout_is_the_same_for_the_same_seed_in_every_dtype_and_another_every_time(monkeypatch):
    layer = Dropout(0.5, rng=3)
    copies = [layer.astype(dtype) for dtype in ("float32", "float64", "complex128")]
    first, second = (layer.forward(draw(), training=True)[1].kept for _ in range(2))
    assert not np.array_equal(first, second)
    monkeypatch.setattr(layers, "ELEMENTS_AT_ONCE", 40)                    # nor does it matter in how many pieces it is drawn
    for again in (Dropout(0.5, rng=3), Dropout(0.5, rng=RNG(3)), *copies):
        np.testing.assert_array_equal(again.forward(draw(), training=True)[1].kept, first)
    assert not np.array_equal(Dropout(0.5, rng=4).forward(draw(), training=True)[1].kept, first)


def test_dropout_gradient_agrees_with_the_complex_step():
    layer, xs, dys = Dropout(0.4, rng=1, dtype="float64"), draw(), draw(seed=2)
    numeric, = numeric_gradients(layer, xs, dys, training=True)
    _, memo = layer.forward(xs, training=True)
    np.testing.assert_allclose(layer.backward(dys, memo, None), numeric, rtol=1e-14)


def test_dropout_of_nothing_keeps_everything():
    np.testing.assert_array_equal(Dropout(0, dtype="float64").forward(draw(), training=True)[0], draw())


# ---- bad input -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call, error, words", [
    (lambda: Linear(0, 2), ValueError, "n_in is 0, expected a positive integer"),
    (lambda: Linear(2, 2.0), TypeError, "n_out is 2.0, expected a positive integer"),
    (lambda: Linear(2, 2, rng="1"), TypeError, "rng is '1', expected a seed"),
    (lambda: Linear(2, 2, dtype="float16"), ValueError, "dtype is 'float16', expected one of float32"),
    (lambda: Linear(2, 1).forward(draw()), ValueError, r"xs has shape \(7, 3, 5\), expected \(T, 2, batch\)"),
    (lambda: Linear(3, 1).forward(draw()[0]), ValueError, r"xs has shape \(3, 5\), expected \(T, 3, batch\)"),
    (lambda: Linear(3, 1).forward(draw()[:0]), ValueError, "expected.*at least one step and one column"),
    (lambda: Linear(3, 1).forward(np.ones((7, 3, 5), int)), TypeError, "xs has dtype int64, expected floating point"),
    (lambda: OneHot(True), TypeError, "n_symbols is True, expected a positive integer"),
    (lambda: OneHot(4).forward(np.full((2, 2), 4)), ValueError, "xs has symbols from 4 to 4, expected 0 to 3"),
    (lambda: OneHot(4).forward(np.full((2, 2), -1)), ValueError, "xs has symbols from -1 to -1, expected 0 to 3"),
    (lambda: OneHot(4).forward(np.zeros((2, 2))), TypeError, "xs has dtype float64, expected integers"),
    (lambda: OneHot(4).forward(np.zeros(2, int)), ValueError, r"xs has shape \(2,\), expected \(T, batch\)"),
    (lambda: OneHot(4).forward(np.zeros((0, 2), int)), ValueError, "at least one step and one column"),
    (lambda: Embedding(4, -1), ValueError, "n_dims is -1, expected a positive integer"),
    (lambda: Embedding(4, 2, rng=-1), TypeError, "rng is -1, expected a seed"),
    (lambda: BatchNorm("3"), TypeError, "n_in is '3', expected a positive integer"),
    (lambda: BatchNorm(3, momentum=1.5), ValueError, "momentum is 1.5, expected.*at least 0 and of at most 1"),
    (lambda: BatchNorm(3, epsilon=0), ValueError, "epsilon is 0, expected a finite number above 0"),
    (lambda: BatchNorm(2).forward(draw()), ValueError, r"xs has shape \(7, 3, 5\), expected \(T, 2, batch\)"),
    (lambda: BatchNorm(3).forward(draw(1, 3, 1), training=True), ValueError,
     r"xs has shape \(1, 3, 1\), one value per unit.*at least two"),
    (lambda: Dropout(1), ValueError, "dropout is 1, expected a number of at least 0 and below 1"),
    (lambda: Dropout(-0.1), ValueError, "dropout is -0.1, expected a number of at least 0 and below 1"),
    (lambda: Dropout(np.nan), ValueError, "dropout is nan, expected a finite number"),
    (lambda: Dropout("0.5"), TypeError, "dropout is '0.5', expected a number"),
    (lambda: Dropout(0.5, rng=0.5), TypeError, "rng is 0.5, expected a seed"),
    (lambda: Dropout(0.5).forward(np.ones((2, 2, 2), int), training=True), TypeError, "xs has dtype int64"),
])
def test_bad_input_gets_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_single_value_per_unit_is_fine_in_evaluation():
    assert BatchNorm(3).forward(draw(1, 3, 1))[0].shape == (1, 3, 1)


def test_layers_are_copied_with_everything_they_have():
    layer = awake(BatchNorm(3))
    copy = layer.astype("float32")
    assert minirnn.Linear(3, 1).astype("float64").params["W"].dtype == np.float64
    np.testing.assert_array_equal(copy.forward(draw())[0], layer.forward(draw())[0])
    copy.forward(draw() + 9, training=True)
    assert not np.array_equal(copy.statistics.flat, layer.statistics.flat)
