"""Looking into a function: what is seen there, and that looking changes neither the function nor its class nor its module."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from every_cell import awaken

import minirnn
from minirnn import FunctionCell, Memo, gradcheck
from minirnn.cells.cell import Cell
from minirnn.cells.elman import RNN
from minirnn.cells.lstm import LSTM
from minirnn.cells.lstm_variants import LSTMPeephole
from minirnn.checking.trace import Watched

D, H = 2, 3


# ---- cells with a mistake in a helper, an ancestor's method, a function of the module --------------------------------

class WrongHelper(LSTMPeephole):
    def gate_backward(self, k, dgate, gate):
        da, dc = super().gate_backward(k, dgate, gate)
        return da, -dc


class WrongSplit(LSTM):
    def step_backward(self, dnew, old, new, memo):
        dh, dc = self.__doubled(*dnew)
        return super().step_backward((dh, dc), old, new, memo)

    def __doubled(self, dh, dc):
        return dh, 2 * dc


def slope(h):
    return 1 + h**2


def step(p, x, old):
    return (np.tanh(p["W"] @ x + p["R"] @ old[0]),), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    da = dnew[0] * slope(new[0])
    grads["W"] += da @ x.T
    grads["R"] += da @ old[0].T
    return p["W"].T @ da, (p["R"].T @ da,)


def own_cell():
    rng = np.random.default_rng(3)
    return FunctionCell(step, step_backward, {"W": rng.normal(size=(H, D)), "R": rng.normal(size=(H, H))}, n_in=D, n_hidden=H)


def failing():
    rng = np.random.default_rng(0)
    return [awaken(WrongHelper(D, H), rng), awaken(WrongSplit(D, H), rng), own_cell()]


def everything():
    """What every class and module that a check may look into holds."""
    kinds = [Cell, RNN, LSTM, LSTMPeephole, FunctionCell, WrongHelper, WrongSplit, *minirnn.CELLS.values()]
    modules = [module for name, module in sys.modules.items() if name.startswith("minirnn")] + [sys.modules[__name__]]
    return [dict(vars(thing)) for thing in [*kinds, *modules]]


def test_many_failing_checks_at_once_say_what_they_say_one_by_one_and_leave_everything_as_it_was():
    before = everything()
    alone = [str(gradcheck(cell)) for cell in failing()]
    assert all("line" in text for text in alone)
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda cell: str(gradcheck(cell)), 2 * failing()))
    assert together == 2 * alone
    assert everything() == before


def test_a_method_is_traced_with_its_helpers_and_its_ancestors_and_private_names():
    cell = awaken(WrongSplit(D, H), np.random.default_rng(0))
    run = minirnn.unroll(cell, np.ones((1, D, 2), "float32"))
    memo = Memo(**{name: run[name][0] for name in "ifogs"})
    given = (np.ones((H, 2)), np.ones((H, 2))), run.start, run.state, memo
    traced = Watched(WrongSplit.step_backward, WrongSplit)
    found = []
    values = traced.record(lambda: found.append(traced.function(cell, *given)))
    seen = {traced.expressions[key.expression].text for key in values}
    assert {"2 * dc", "dh_new * o * (1 - s ** 2)"} <= seen
    assert {e.text: e.ancestor for e in traced.expressions if e.text in ("s ** 2", "2 * dc")} == {"s ** 2": 1, "2 * dc": 0}
    plain = cell.step_backward(*given)
    assert np.array_equal(found[0][0], plain[0]) and np.array_equal(found[0][1][1], plain[1][1])


def test_what_a_traced_method_sets_does_not_reach_the_object():
    class Keeps(RNN):
        def step(self, wx, old):
            self.kept = wx
            return super().step(wx, old)

    cell = Keeps(D, H, dtype="float64")
    traced = Watched(Keeps.step, Keeps)
    traced.record(lambda: traced.function(cell, np.ones((H, 1)), (np.ones((H, 1)),)))
    assert not hasattr(cell, "kept")


@pytest.mark.parametrize("how", ["an ancestor by its name", "super with arguments"])
def test_an_ancestor_that_is_called_by_name_is_looked_into(how):
    class Named(RNN):
        def step_backward(self, dnew, old, new, memo):
            return RNN.step_backward(self, dnew, old, new, memo)

    class Asked(RNN):
        def step_backward(self, dnew, old, new, memo):
            return super(Asked, self).step_backward(dnew, old, new, memo)

    kind = Named if how == "an ancestor by its name" else Asked
    cell, a = kind(D, H, dtype="float64"), np.full((H, 1), 0.5)
    traced = Watched(kind.step_backward, kind)
    values = traced.record(lambda: traced.function(cell, (a,), (a,), (a,), Memo()))
    assert any("h_new ** 2" in traced.expressions[key.expression].text for key in values)
    assert kind.step_backward.__globals__["RNN"] is RNN
