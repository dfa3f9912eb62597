"""Lemma 1's quantities against literal sums, against a search that knows no lemma, and against running cells."""

import itertools
import math

import numpy as np
import pytest

from minirnn import lemma1, make_cell, unroll

EXAMPLES = [(0.5, 2.0), (0.5, 0.7), (0.1, 3.0), (0.9, 5.0), (0.05, 1.0), (0.999, 4.0)]


def literal_average(z, attention):
    """n_t/d_t with plain Python numbers, as the paper writes it."""
    n = d = 0.0
    for value, a in zip(z, attention):
        n, d = n + value * a, d + a
        yield n / d


def test_the_example_of_the_notebook():
    assert lemma1.growth_factor(0.5, 2.0) == pytest.approx(1.757301, abs=1e-6)
    assert lemma1.growth_bound(0.5, 2.0) == pytest.approx(1.430946, abs=1e-6)


@pytest.mark.parametrize("c, z_max", EXAMPLES)
def test_the_required_attention_reaches_the_target_in_the_literal_sums_and_grows_by_the_factor(c, z_max):
    n_steps = min(60, int(300 / math.log(lemma1.growth_factor(c, z_max))))
    logits = lemma1.required_logits(c, z_max, n_steps)
    z = lemma1.signs(n_steps) * z_max
    z[0] = -math.atanh(c)
    h = np.tanh(list(literal_average(z, np.exp(logits))))
    assert np.allclose(h, [(-1)**t * c for t in range(1, n_steps + 1)], rtol=0, atol=1e-9)
    assert np.allclose(np.diff(logits)[1:], math.log(lemma1.growth_factor(c, z_max)))
    assert lemma1.growth_factor(c, z_max) > lemma1.growth_bound(c, z_max)


@pytest.mark.parametrize("c, z_max", EXAMPLES)
def test_one_percent_less_attention_does_not_reach_the_target_at_any_step(c, z_max):
    logits = lemma1.required_logits(c, z_max, 20)
    z = lemma1.signs(20) * z_max
    z[0] = -math.atanh(c)
    for t in range(1, 20):
        short = np.exp(logits)
        short[t] *= 0.99
        assert abs(np.tanh(list(literal_average(z, short))[t])) < c


def test_values_of_any_size_reach_the_target_with_what_they_ask_for():
    rng = np.random.default_rng(0)
    x = math.atanh(0.3)
    z = lemma1.signs(40) * rng.uniform(1.05 * x, 3, size=40)
    z[0] = -x
    logits = lemma1.required_logits(0.3, z)
    assert np.allclose(list(literal_average(z, np.exp(logits))), lemma1.signs(40) * x, rtol=1e-9)
    assert np.allclose(lemma1.running_average(z, logits), list(literal_average(z, np.exp(logits))), rtol=1e-12)


def longest_found(c, z_max, ratio, rng, n=20_000):
    """How many steps random ways of alternating at |h| ≥ c get with attention in [1, ratio]; the lightest go on."""
    x = math.atanh(c)
    numerator, d = np.zeros(n), np.zeros(n)
    for t in itertools.count(1):
        a = np.where(rng.random(n) < 0.2, 1, np.where(rng.random(n) < 0.2, ratio, ratio ** rng.random(n)))
        side = -1 if t % 2 else 1
        exact = (side * x * (d + a) * (1 + 1e-12) - numerator) / a          # the value that just lands on the target
        z = np.where(rng.random(n) < 0.5, exact, rng.uniform(-z_max, z_max, n))
        z = np.where(rng.random(n) < 0.1, side * z_max, z)
        enough = (x * d - side * numerator) / (z_max - x)                   # that lands on it from z_max
        a = np.where(rng.random(n) < 0.2, np.clip(enough, 1, ratio), a)
        numerator, d = numerator + z * a, d + a
        alive = (np.abs(z) <= z_max) & (side * numerator / d >= x)
        if not alive.any():
            return t - 1
        weight = np.where(alive, d, np.inf)**-4.0
        chosen = rng.choice(n, n, p=weight / weight.sum())
        numerator, d = numerator[chosen], d[chosen]


@pytest.mark.parametrize("c, z_max, ratio", [(0.5, 2, 1), (0.5, 2, 2), (0.5, 2, 8), (0.5, 0.7, 30), (0.3, 1, 3),
                                             (0.2, 2, 1.5), (0.8, 2, 40)])
def test_no_bounded_attention_found_by_search_lasts_longer_than_the_last_step(c, z_max, ratio):
    last = lemma1.last_step(c, z_max, ratio)
    found = max(longest_found(c, z_max, ratio, np.random.default_rng(seed)) for seed in range(3))
    assert found <= last
    assert found >= last - 1                            # a search that finds nothing would prove nothing


@pytest.mark.parametrize("c, z_max", EXAMPLES)
@pytest.mark.parametrize("log_ratio", [0.0, 0.5, 3.0, 40.0])
def test_the_cheapest_schedule_lasts_to_the_last_step_and_costs_too_much_after_it(c, z_max, log_ratio):
    last = lemma1.last_step(c, z_max, log_ratio=log_ratio)
    z, logits = lemma1.cheapest_schedule(c, z_max, last + 1)
    average = np.array(list(literal_average(z, np.exp(logits))))
    assert np.allclose(average, lemma1.signs(last + 1) * math.atanh(c), rtol=1e-9)
    assert (np.abs(z) <= z_max).all() and logits[0] == 0 and (np.diff(logits) >= -1e-12).all()
    assert logits[last - 1] <= log_ratio + 1e-9 < logits[last] + 1e-8
    assert logits[last] > log_ratio


def test_a_ratio_that_just_suffices_counts_and_one_just_below_does_not():
    for n_steps in range(3, 300):
        needed = lemma1.least_log_ratio(0.5, 2.0, n_steps)
        assert lemma1.last_step(0.5, 2.0, log_ratio=needed) == n_steps
        assert lemma1.last_step(0.5, 2.0, log_ratio=needed * (1 - 1e-9)) == n_steps - 1
    assert lemma1.last_step(0.5, 2.0, math.exp(3.0)) == lemma1.last_step(0.5, 2.0, log_ratio=3.0)


def test_with_attention_that_is_always_the_same_the_last_step_is_counted_by_hand():
    c, z_max = 0.1, 3.0                                 # the average of ±z: step t moves it by at most (z_max + x)/t
    x = math.atanh(c)
    by_hand = max(t for t in range(2, 1000) if (z_max + x) / t >= 2 * x)
    assert lemma1.last_step(c, z_max, 1) == by_hand


def test_the_largest_amplitude_is_the_reverse_of_the_last_step():
    for log_ratio, n_steps in itertools.product((0.0, 2.0, 30.0), (7, 90, 2000)):
        c = lemma1.largest_amplitude(2.0, log_ratio, n_steps)
        assert lemma1.last_step(c * (1 - 1e-9), 2.0, log_ratio=log_ratio) >= n_steps
        assert lemma1.last_step(c * (1 + 1e-9), 2.0, log_ratio=log_ratio) < n_steps
    assert lemma1.largest_amplitude(2.0, 5.0, 1) == math.tanh(2.0)


def test_the_amplitude_that_a_growth_holds_is_the_reverse_of_the_growth_factor():
    for c, z_max in EXAMPLES:
        assert lemma1.held_amplitude(lemma1.growth_factor(c, z_max), z_max) == pytest.approx(c, rel=1e-9)


@pytest.mark.parametrize("c, z_max", EXAMPLES)
@pytest.mark.parametrize("log_ratio", [0.0, 1.0, 30.0, 1000.0])
def test_the_rwa_set_by_hand_alternates_through_its_last_step_and_not_beyond(c, z_max, log_ratio):
    last = lemma1.last_step(c, z_max, log_ratio=log_ratio)
    cell, xs = lemma1.alternating_rwa(c, z_max, log_ratio, last + 50)
    assert xs.min() >= 0 and xs.max() <= 1
    run = unroll(cell, xs)
    amplitude = run["h"][:, 0, 0] * lemma1.signs(last + 50)
    assert np.abs(amplitude[:last] - c).max() < 1e-9
    assert (amplitude[last:] < c * (1 - 1e-9)).all() and amplitude[-1] < 0.9 * c
    assert np.ptp(run["a"]) <= log_ratio and np.abs(run["z"]).max() <= z_max * (1 + 1e-12)


def test_limits_are_those_of_the_worst_corner():
    cell = make_cell("rwa", 2, 3, rng=5, dtype="float64")
    low, high = np.array([-1.0, 0.0]), np.array([0.5, 2.0])
    z_max, log_ratio = lemma1.limits(cell, low, high)
    p = cell.params
    corners = [np.array(x)[:, None] for x in itertools.product(*zip(low, high))]
    u = np.concatenate([p["W_u"] @ x + p["b_u"] for x in corners], axis=1)
    logits = np.concatenate([p["W_a"] @ x + p["R_a"] @ np.array(h)[:, None]
                             for x in corners for h in itertools.product((-1, 1), repeat=3)], axis=1)
    assert np.allclose(z_max, np.abs(u).max(axis=1))
    assert np.allclose(log_ratio, np.ptp(logits, axis=1))
    run = unroll(cell, np.random.default_rng(0).uniform(low, high, size=(200, 5, 2)).transpose(0, 2, 1))
    assert (np.abs(run["z"]).max(axis=(0, 2)) <= z_max).all()
    assert (np.ptp(run["a"], axis=(0, 2)) <= log_ratio).all()


def test_growth_is_measured_on_a_run_whichever_side_it_starts_on():
    cell, xs = lemma1.alternating_rwa(0.5, 2.0, 30.0, 55)
    growth = lemma1.measure_growth(unroll(cell, xs), 0.5, first=3)
    G = lemma1.growth_factor(0.5, 2.0)
    assert growth.measured == pytest.approx(G, rel=1e-9) and growth.exact == pytest.approx(G, rel=1e-9)
    assert growth.bound == pytest.approx(lemma1.growth_bound(0.5, 2.0)) and growth.largest_error < 1e-12
    cell.params["s"][...] = -1                          # the same unit, starting on the other side
    other = lemma1.measure_growth(unroll(cell, xs), 0.5, first=4, last=50)
    assert other.measured == pytest.approx(G, rel=1e-9) and other.exact == pytest.approx(G, rel=1e-9)


def test_growth_is_not_measured_where_the_unit_does_not_hold():
    cell, xs = lemma1.alternating_rwa(0.5, 2.0, 30.0, 70)
    with pytest.raises(ValueError, match="step 56, expected about 0.5: the unit does not hold"):
        lemma1.measure_growth(unroll(cell, xs), 0.5)
    with pytest.raises(ValueError, match="first and last are 1 and 70, expected 2 ≤ first < last ≤ 70"):
        lemma1.measure_growth(unroll(cell, xs), 0.5, first=1)
    with pytest.raises(TypeError, match="run is of a LSTM, expected one of an RWA"):
        lemma1.measure_growth(unroll(make_cell("lstm", 1, 1), np.ones((4, 1, 1))), 0.5)


@pytest.mark.parametrize("call, error, message", [
    (lambda: lemma1.growth_factor(0, 2), ValueError, "c is 0, expected a finite number above 0"),
    (lambda: lemma1.growth_factor(1, 2), ValueError, "c is 1, expected a number below 1"),
    (lambda: lemma1.growth_factor(-0.5, 2), ValueError, "c is -0.5"),
    (lambda: lemma1.growth_factor("0.5", 2), TypeError, "c is '0.5', expected a number"),
    (lambda: lemma1.growth_factor(0.5, 0.5), ValueError, "z_max is 0.5, expected above 0.5493"),
    (lambda: lemma1.growth_bound(0.5, float("nan")), ValueError, "z_max is nan"),
    (lambda: lemma1.held_amplitude(0.9, 2), ValueError, "growth is 0.9, expected a finite number of at least 1"),
    (lambda: lemma1.last_step(0.5, 2), TypeError, "one of ratio and log_ratio"),
    (lambda: lemma1.last_step(0.5, 2, 3, log_ratio=1), TypeError, "one of ratio and log_ratio"),
    (lambda: lemma1.last_step(0.5, 2, 0.5), ValueError, "ratio is 0.5, expected a finite number of at least 1"),
    (lambda: lemma1.last_step(0.5, 2, log_ratio=-1), ValueError, "log_ratio is -1"),
    (lambda: lemma1.last_step(0.5, 2, math.inf), ValueError, "ratio is inf"),
    (lambda: lemma1.least_log_ratio(0.5, 2, 0), ValueError, "n_steps is 0, expected a positive integer"),
    (lambda: lemma1.required_logits(0.5, 2), TypeError, "n_steps is None, expected a positive integer"),
    (lambda: lemma1.required_logits(0.5, 0.5, 3), ValueError, "z is 0.5, expected above 0.5493"),
    (lambda: lemma1.required_logits(0.5, np.array([-1.0, 1.0, 1.0])), ValueError, "z.2. is 1, expected below -0.5493"),
    (lambda: lemma1.required_logits(0.5, np.ones((2, 2))), ValueError, "z has shape .2, 2., expected .T,."),
    (lambda: lemma1.running_average(np.ones(2), np.array([0.0, 800.0])), ValueError, "logits has 800 in size"),
    (lambda: lemma1.running_average(np.ones(2), np.ones(3)), ValueError, "logits has shape"),
    (lambda: lemma1.limits(make_cell("rda", 1, 2), 0, 1), TypeError, "cell is a RDA, expected an RWA"),
    (lambda: lemma1.limits(make_cell("rwa", 2, 2), [0, 0, 0], 1), ValueError, "low and high have shapes"),
    (lambda: lemma1.limits(make_cell("rwa", 2, 2), 1, 0), ValueError, "low is above high"),
])
def test_bad_arguments_get_one_clear_sentence(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
