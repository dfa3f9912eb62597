"""Every cell's hand-derived gradient against two numeric ones: central differences and the complex step."""


import numpy as np
import pytest
from every_cell import CASES, awaken, label
from whole import amount

import minirnn
from minirnn import unrolling

SHAPES = [(1, 1, 1, 1), (1, 2, 3, 4), (6, 3, 3, 1), (5, 3, 4, 2), (9, 4, 2, 3)]         # T, D, H, B
ALLOWED = {"complex": 1e-10, "central": 1e-6}


def check(name, options, shape, seed, **how):
    T, D, H, B = shape
    rng = np.random.default_rng(seed)
    cell = awaken(minirnn.make_cell(name, D, H, rng=rng, dtype="float64", **options), rng)
    return minirnn.gradcheck(cell, n_steps=T, batch=B, rng=rng, **how)


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_gradients_agree_from_any_state(name, options, method):
    for seed, shape in enumerate(SHAPES):
        report = check(name, options, shape, seed, method=method)
        assert report and report.worst <= ALLOWED[method], report


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_gradients_agree_from_the_cells_own_start_and_with_a_learned_one(name, options, method):
    for seed, shape in enumerate(amount(SHAPES[::2], SHAPES)):
        for learned in (False, True):
            report = check(name, {**options, "learned_state": learned}, shape, seed, method=method, state="own")
            assert report and report.worst <= ALLOWED[method], report
            assert ("s" in [row.name for row in report.rows]) == (learned or name == "rwa")


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_every_parameter_has_a_gradient(name, options):
    """No row passes by being zero on both sides, from a random state over several steps."""
    report = check(name, options, (6, 3, 4, 3), 0, method="complex")
    assert {row.name for row in report.rows if row.kind == "parameter"} >= set(
        minirnn.make_cell(name, 3, 4, **options).params)
    for row in report.rows:
        assert row.derived != 0, row


def test_a_long_sequence_crosses_the_chunks_of_the_loop(monkeypatch):
    """The sums over time are done K steps at a time: K = 1, K that does not divide T, and K = T give one gradient."""
    rng = np.random.default_rng(0)
    for name, options in CASES:
        cell = awaken(minirnn.make_cell(name, 2, 3, rng=rng, dtype="float64", **options), rng)
        xs, dhs = rng.normal(size=(11, 2, 2)), rng.normal(size=(11, 3, 2))
        found = []
        for steps_at_once in (1, 4, 11):
            monkeypatch.setattr(unrolling, "CHUNK", steps_at_once * 4 * 3 * 2)
            run = minirnn.unroll(cell, xs)
            assert run.n_chunk == steps_at_once
            dxs, grads, dstate = run.backward(dhs)
            found.append([run.hs, dxs, grads.flat, *dstate])
        for other in found[1:]:
            for a, b in zip(found[0], other):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
