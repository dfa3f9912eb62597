"""How often a step calls NumPy, against counting by hand."""

import numpy as np
import pytest

from minirnn import Memo, make_cell
from minirnn.cells.elman import RNN
from minirnn.experiments import calls_of_a_step


def test_the_calls_of_an_elman_step_are_those_in_its_source():
    forward, backward = calls_of_a_step(make_cell("rnn", 2, 4))
    assert (forward["matmul"], forward["add"], forward["tanh"]) == (1, 1, 1)        # tanh(wx + R @ h)
    assert backward["matmul"] == 1 and backward["tanh"] == 0                        # R.T @ da; the slope needs no tanh


@pytest.mark.parametrize("name, products", [("lstm", 1), ("gru", 2), ("rwa", 1), ("indrnn", 0)])
def test_products_are_counted_in_both_directions(name, products):
    forward, backward = calls_of_a_step(make_cell(name, 2, 4))
    assert forward["matmul"] == backward["matmul"] == products


def test_a_call_more_in_the_code_is_a_call_more_in_the_count():
    class Squared(RNN):
        def step(self, wx, old):
            new, memo = super().step(wx, old)
            return (np.square(new[0]),), Memo(**vars(memo))

    plain, more = (calls_of_a_step(kind(2, 4))[0] for kind in (RNN, Squared))
    assert more - plain == {"square": 1}


def test_two_counts_do_not_add_up():
    first, second = calls_of_a_step(make_cell("lstm", 2, 4)), calls_of_a_step(make_cell("lstm", 2, 4))
    assert first == second
