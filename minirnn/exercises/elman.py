"""The exercises of notebook 01: backpropagation through time, and what becomes of the gradient on the way."""

import numpy as np

from ..cells import make_cell
from ..unrolling import unroll
from .backward import Backward
from .values import Formula, Number, Prediction, Slip

U, XS, H_0 = 0.8, (0.5, -0.3, 0.6), 0.2          # the notebook's single unit, its inputs and its start


def one_unit():
    cell = make_cell("rnn", n_in=1, n_hidden=1, dtype="float64")
    for name, value in (("W", 1.0), ("R", U), ("b", 0.0)):
        cell.params[name][...] = value
    return cell


def _run():
    return unroll(one_unit(), np.array(XS).reshape(3, 1, 1), (np.array([[H_0]]),))


def _recurrent_gradient():
    run = _run()
    dhs = np.zeros_like(run.hs)
    dhs[-1] = 1
    return float(run.backward(dhs)[1]["R"][0, 0])


def _last_term():
    h = [H_0, *_run().hs.ravel()]
    return (1 - h[3]**2) * h[2]


def _without_slopes():
    h = [H_0, *_run().hs.ravel()]
    return h[2] + U * h[1] + U**2 * h[0]


def _sequence(n_steps, batch):
    def probe(rng):
        n_in, n_hidden = 2, 3
        p = {"W": rng.normal(size=(n_hidden, n_in)), "R": rng.normal(size=(n_hidden, n_hidden)), "b": rng.normal(size=(n_hidden, 1))}
        xs, h_0 = rng.normal(size=(n_steps, n_in, batch)), rng.normal(size=(n_hidden, batch))
        hs = _unrolled(p, xs, h_0).hs
        return p, xs, h_0, np.array(hs), rng.normal(size=hs.shape)
    return probe


def _unrolled(p, xs, h_0):
    cell = make_cell("rnn", n_in=xs.shape[1], n_hidden=len(h_0), dtype="float64")
    for name in p:
        cell.params[name][...] = p[name]
    return unroll(cell, xs, (h_0,))


def _through_time(p, xs, h_0, hs, dhs):
    dxs, grads, (dh_0,) = _unrolled(p, xs, h_0).backward(dhs)
    return dxs, grads["W"], grads["R"], grads["b"], dh_0


def _last_step_only(p, xs, h_0, hs, dhs):
    """Every step's own gradient alone: nothing is carried from step to step."""
    before = np.concatenate([h_0[None], hs[:-1]])
    parts = [_through_time(p, x[None], h, new[None], dh[None]) for x, h, new, dh in zip(xs, before, hs, dhs)]
    dxs, dW, dR, db, _ = zip(*parts)
    return np.concatenate(dxs), sum(dW), sum(dR), sum(db), parts[0][-1]


def _last_state_as_first(p, xs, h_0, hs, dhs):
    """hs[t − 1] also at t = 0, where it is the last state."""
    dxs, dW, dR, db, dh_0 = _through_time(p, xs, h_0, hs, dhs)
    da_0 = np.linalg.solve(p["R"].T, dh_0)
    return dxs, dW, dR + da_0 @ (hs[-1] - h_0).T, db, dh_0


def residual_step(p, x, old):
    h, = old
    n = np.tanh(p["W"] @ x + p["R"] @ h + p["b"])
    return (h + n,), {"n": n}


def _delay_line(n_hidden=8, weight=1.5):
    """The largest gradient 7 steps back over that at the start, in a chain of units of which each reads the one before."""
    return weight ** (n_hidden - 1)


EXERCISES = [
    Number(
        "01.1", "One weight, three steps",
        "One unit, h_t = tanh(u h_{t−1} + x_t), with u = 0.8, h_0 = 0.2 and x = 0.5, −0.3, 0.6. The loss is L = h_3. What is "
        "dL/du? Three digits, by pocket calculator or by a few lines of Python.",
        answer=_recurrent_gradient,
        slips=[Slip(_last_term, "That is the last step's term alone. u acted in steps 1 and 2 as well."),
               Slip(_without_slopes, "The slopes 1 − h_t² are missing: each passage through a tanh costs one.")],
        hints=["Write dh_3 = 1, then da_3, then dh_2, and so on back. Each da_t adds da_t h_{t−1} to du.",
               "There are three terms, and each has one more factor u (1 − h²) than the one before."]),
    Formula(
        "01.2", "Backpropagation through time",
        "Write backward(p, xs, h_0, hs, dhs): the gradient of an Elman network over a whole sequence. p has W, R and b; xs is "
        "(T, D, B), h_0 (H, B), hs (T, H, B) with hs[t] the state after step t, dhs (T, H, B) what the loss itself says of each "
        "hs[t]. Return dxs, dW, dR, db, dh_0.",
        truth=_through_time, returns=("dxs", "dW", "dR", "db", "dh_0"),
        probes={"one step and one column": _sequence(1, 1), "one step and three columns": _sequence(1, 3),
                "four steps and three columns": _sequence(4, 3)},
        slips=[Slip(_last_step_only, "Each step's own gradient is right, but nothing is handed on from a step to the one before."),
               Slip(_last_state_as_first, "Nearly: only dR is wrong, by what the first step adds. Which state did that step read?")],
        after="That loop is all of backpropagation through time; unrolling.py has it once, for every cell.",
        hints=["Start with dh = zeros like h_0, and go through the steps in reverse. At step t, dh + dhs[t] is all that reaches "
               "hs[t].",
               "The state before step t is hs[t − 1], and h_0 where t is 0. Mind that hs[-1] is the last state, and raises no error.",
               "At the end of the loop body, dh becomes what the step before must receive. After the loop, it is dh_0."]),
]
