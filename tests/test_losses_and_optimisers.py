"""Losses against their definitions and numeric gradients; optimisers against the papers' recursions, written plainly."""

import numpy as np
import pytest

import minirnn
from minirnn.checking.numeric import complex_step

RNG = np.random.default_rng


def draw(seed=0, T=4, K=3, B=5):
    rng = RNG(seed)
    outputs = rng.normal(size=(T, K, B)) * 3
    return rng, outputs, rng.uniform(size=(T, B)) * (rng.uniform(size=(T, B)) > 0.3)


def softmax(y):
    e = np.exp(y - y.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def losses():
    rng, outputs, weights = draw()
    classes = rng.integers(3, size=(4, 5))
    picked = np.take_along_axis(softmax(outputs), classes[:, None], axis=1)[:, 0]
    targets, real = rng.uniform(size=outputs.shape), rng.normal(size=outputs.shape)
    p = 1 / (1 + np.exp(-outputs))
    return {
        "mean squared error": (minirnn.mean_squared_error, outputs, real, ((outputs - real)**2).mean(axis=1)),
        "sigmoid": (minirnn.sigmoid_cross_entropy, outputs, targets,
                    -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean(axis=1)),
        "softmax": (minirnn.softmax_cross_entropy, outputs, classes, -np.log(picked)),
    }, weights


@pytest.mark.parametrize("name", losses()[0])
def test_loss_is_its_definition_and_its_gradient_is_exact(name):
    cases, weights = losses()
    loss, outputs, targets, per_position = cases[name]
    for w in (None, weights):
        value, doutputs = loss(outputs, targets, w)
        np.testing.assert_allclose(value, np.average(per_position, weights=w), rtol=1e-12)
        wide = outputs.astype("complex128")
        numeric, _ = complex_step(lambda: loss(wide, targets, w)[0], wide, np.arange(wide.size), 1e-30)
        np.testing.assert_allclose(doutputs.ravel(), numeric, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropies_are_finite_for_huge_logits(dtype):
    outputs = np.array([[[1e4], [-1e4], [0.0]]], dtype)
    for targets, expected in (([[0]], 0), ([[1]], 2e4)):
        value, doutputs = minirnn.softmax_cross_entropy(outputs, np.array(targets))
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        assert doutputs.dtype == dtype and np.all(np.isfinite(doutputs))
    value, doutputs = minirnn.sigmoid_cross_entropy(outputs, np.ones_like(outputs))
    np.testing.assert_allclose(value, (0 + 1e4 + np.log(2)) / 3, rtol=1e-6)
    assert doutputs.dtype == dtype and np.all(np.isfinite(doutputs))


def test_a_softmax_of_two_is_a_sigmoid_of_the_difference():
    y = RNG(1).normal(size=(6, 2, 3))
    right = RNG(2).integers(2, size=(6, 3))
    two, _ = minirnn.softmax_cross_entropy(y, right)
    one, _ = minirnn.sigmoid_cross_entropy(y[:, 1:] - y[:, :1], right[:, None].astype(float))
    np.testing.assert_allclose(two, one, rtol=1e-12)


@pytest.mark.parametrize("call, error, words", [
    (lambda y: minirnn.softmax_cross_entropy(y, np.zeros((4, 5))), TypeError, "targets has dtype float64, expected integers"),
    (lambda y: minirnn.softmax_cross_entropy(y, np.zeros((5, 5), int)), ValueError, r"targets has shape \(5, 5\), expected \(4, 5\)"),
    (lambda y: minirnn.softmax_cross_entropy(y, np.full((4, 5), 3)), ValueError, "classes from 3 to 3, expected 0 to 2"),
    (lambda y: minirnn.mean_squared_error(y, y[:2]), ValueError, "targets has shape"),
    (lambda y: minirnn.mean_squared_error(y, y, np.zeros((4, 5))), ValueError, "weights sums to 0"),
    (lambda y: minirnn.mean_squared_error(y, y, np.ones((5, 4))), ValueError, r"weights has shape \(5, 4\)"),
])
def test_bad_targets_get_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call(draw()[1])


def descend(optimizer, n=5):
    """Parameters after n updates with known gradients, by the optimiser; and those gradients."""
    cell = minirnn.make_cell("rnn", 2, 3, dtype="float64")
    start, gradients = cell.params.flat.copy(), RNG(3).normal(size=(n, cell.n_params))
    for g in gradients:
        grads = cell.params.like()
        grads.flat[...] = g
        optimizer.update(cell.params, grads)
    return start, gradients, cell.params.flat


def test_sgd_is_its_recursion():
    theta, gradients, found = descend(minirnn.SGD(lr=0.1, momentum=0.9))
    velocity = 0
    for g in gradients:
        velocity = 0.9 * velocity + g
        theta = theta - 0.1 * velocity
    np.testing.assert_allclose(found, theta, rtol=1e-12)


def test_rmsprop_is_its_recursion():
    theta, gradients, found = descend(minirnn.RMSProp(lr=0.01, decay=0.8))
    s = 0
    for g in gradients:
        s = 0.8 * s + 0.2 * g**2
        theta = theta - 0.01 * g / (np.sqrt(s) + 1e-8)
    np.testing.assert_allclose(found, theta, rtol=1e-12)


def test_adam_is_the_papers_algorithm():
    theta, gradients, found = descend(minirnn.Adam(lr=0.01, beta1=0.8, beta2=0.95))
    m = v = 0
    for t, g in enumerate(gradients, 1):
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
        theta = theta - 0.01 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-8)
    np.testing.assert_allclose(found, theta, rtol=1e-12)


def test_clipping_by_element_and_by_norm():
    cell = minirnn.make_cell("rnn", 2, 3)
    grads = cell.params.like()
    grads.flat[...] = np.linspace(-3, 3, grads.flat.size)
    given = grads.flat.copy()
    norm = minirnn.clip_by_norm(grads, 2.0)
    np.testing.assert_allclose(norm, np.linalg.norm(given), rtol=1e-6)
    np.testing.assert_allclose(grads.flat, given * 2 / np.linalg.norm(given), rtol=1e-5)
    assert minirnn.clip_by_norm(grads, 10.0) == pytest.approx(2.0)
    np.testing.assert_allclose(np.linalg.norm(grads.flat), 2, rtol=1e-5)                   # short ones are left alone
    grads.flat[...] = given
    minirnn.clip_by_element(grads, 1.0)
    np.testing.assert_array_equal(grads.flat, np.clip(given, -1, 1))
    np.testing.assert_array_equal(grads["W"].ravel(), grads.flat[:6])                      # in place: the views see it


@pytest.mark.parametrize("loss", [minirnn.mean_squared_error, minirnn.sigmoid_cross_entropy, minirnn.softmax_cross_entropy])
@pytest.mark.parametrize("outputs, targets, error, words", [
    (None, None, TypeError, "outputs has dtype object, expected floating point numbers"),
    (np.zeros((2, 3, 4)), None, TypeError, "targets has dtype object, expected"),
    (np.zeros((2, 3, 4), int), np.zeros((2, 3, 4)), TypeError, "outputs has dtype int64"),
    (np.zeros((3, 4)), np.zeros((3, 4)), ValueError, r"outputs has shape \(3, 4\), expected \(T, outputs, batch\)"),
    (np.zeros((0, 3, 4)), np.zeros((0, 3, 4)), ValueError, r"outputs has shape \(0, 3, 4\)"),
    (np.zeros((2, 3, 4)), np.ma.masked_equal(np.zeros((2, 3, 4)), 0), TypeError, "targets is a masked array with 24 values masked"),
])
def test_what_is_no_output_or_target_is_named(loss, outputs, targets, error, words):
    with pytest.raises(error, match=words):
        loss(outputs, targets)


@pytest.mark.parametrize("call, words", [
    (lambda: minirnn.Adam(lr=10**400), "lr is an integer of 401 digits, expected a number of at most"),
    (lambda: minirnn.Adam(lr=0), "lr is 0, expected a finite number above 0"),
    (lambda: minirnn.Adam(lr=float("nan")), "lr is nan"),
    (lambda: minirnn.SGD(momentum=2), "momentum is 2.*of at least 0 and of at most 1"),
    (lambda: minirnn.clip_by_norm(minirnn.make_cell("rnn", 1, 1).params.like(), -1), "limit is -1"),
])
def test_bad_settings_get_one_clear_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
