"""What is left of a gradient after k steps, compared with whole backward passes; the Jacobian, with a measured one."""

import numpy as np
import pytest

import minirnn
from minirnn.experiments import gradient_norms, jacobian, steps_of


@pytest.mark.parametrize("name", ["rnn", "lstm", "rda"])
def test_the_norm_after_k_steps_is_that_of_a_backward_pass_over_the_last_k(name):
    rng = np.random.default_rng(0)
    cell, xs = minirnn.make_cell(name, 2, 3, dtype="float64"), rng.normal(size=(6, 2, 2))
    dstate = tuple(rng.normal(size=(3, 2)) for _ in cell.state_names)
    norms, states = gradient_norms(cell, xs, dstate=dstate), [step.old for step in steps_of(cell, xs)]
    assert norms.shape == (7, 2)
    for k in range(1, 7):
        run = minirnn.unroll(cell, xs[6 - k:], states[6 - k])
        _, _, back = run.backward(np.zeros_like(run.hs), dstate)
        assert np.allclose(norms[k], np.sqrt(sum((a**2).sum(axis=0) for a in back)))


def test_without_a_direction_a_random_one_of_length_1_starts():
    cell = minirnn.make_cell("lstm", 2, 3, dtype="float64")
    xs = np.random.default_rng(0).normal(size=(4, 2, 5))
    assert np.allclose(gradient_norms(cell, xs)[0], 1) and np.array_equal(gradient_norms(cell, xs), gradient_norms(cell, xs))


def test_the_jacobian_is_what_a_small_change_of_the_old_state_does():
    rng = np.random.default_rng(0)
    for name in ("rnn", "gru"):
        cell, wx = minirnn.make_cell(name, 2, 3, dtype="float64"), None
        xs = rng.normal(size=(1, 2, 2))
        step = steps_of(cell, xs, (rng.normal(size=(3, 2)),))[0]
        wx = cell.astype("complex128").input_terms(xs.astype("complex128"))[0]
        measured = np.empty((3, 3))
        for j in range(3):
            moved = step.old[0].astype("complex128")
            moved[j, 1] += 1e-30j
            measured[:, j] = cell.astype("complex128").step(wx, (moved,))[0][0][:, 1].imag / 1e-30
        assert np.allclose(jacobian(cell, step, column=1), measured, rtol=1e-12)


def test_what_cannot_be_asked_is_refused_in_a_sentence():
    lstm = minirnn.make_cell("lstm", 2, 3)
    with pytest.raises(ValueError, match="carries h, c, expected one whose state is h alone"):
        jacobian(lstm, steps_of(lstm, np.zeros((1, 2, 1)))[0])
    with pytest.raises(TypeError, match="expected a Cell"):
        gradient_norms("lstm", np.zeros((1, 2, 1)))
    with pytest.raises(ValueError, match="xs has shape"):
        gradient_norms(lstm, np.zeros((4, 3, 1)))
