"""The exercises of notebook 01: backpropagation through time, and what becomes of the gradient on the way."""

import numpy as np

from ..cells import make_cell
from ..cells.cell import Memo
from ..experiments.distance import Step, gradient_norms, jacobian
from ..optim import clip_by_norm
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
        shapes = {"W": (n_hidden, n_in), "R": (n_hidden, n_hidden), "b": (n_hidden, 1)}
        p = {name: rng.normal(size=shape) for name, shape in shapes.items()}
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


def _one_jacobian(R, h_new):
    cell = make_cell("rnn", n_in=1, n_hidden=len(R), dtype="float64")
    cell.params["R"][...] = R
    return jacobian(cell, Step((np.zeros_like(h_new),), (h_new,), Memo()))


def _ordinary_inputs():
    """What becomes of a gradient in 50 steps through R = 1.2 times a rotation, if the inputs are of size 1."""
    rng = np.random.default_rng(0)
    cell = make_cell("rnn", n_in=1, n_hidden=64, dtype="float64")
    cell.params["R"][...] = 1.2 * np.linalg.qr(rng.normal(size=(64, 64)))[0]
    cell.params["W"][...] = rng.normal(size=(64, 1))
    left = np.median(gradient_norms(cell, rng.normal(size=(50, 1, 20)))[-1])
    return "it explodes" if left > 10 else "it vanishes" if left < 0.1 else "it keeps its size"


def _delay_line():
    """What becomes of a gradient in a chain of 8 units, each of which reads the one before with weight 1.5."""
    cell = make_cell("rnn", n_in=1, n_hidden=8, dtype="float64")
    cell.params["W"][...], cell.params["R"][...] = 0, 1.5 * np.eye(8, k=-1)
    last_unit = np.eye(8)[:, -1:]
    norms = gradient_norms(cell, np.zeros((10, 1, 1)), dstate=(last_unit,))[:, 0]
    if norms[1] == 0:
        return "it is 0 after one step"
    return "it grows for a while, then it is exactly 0" if norms.max() > 2 and norms[-1] == 0 else "it shrinks in every step"


def _gradients(size):
    def probe(rng):
        grads = [rng.normal(size=shape) for shape in ((4, 3), (4, 4), (4, 1))]
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        return [g * size / norm for g in grads], 1.0
    return probe


def _clipped(grads, limit):
    held = make_cell("rnn", n_in=3, n_hidden=4, dtype="float64").params.like()
    for name, g in zip(held, grads):
        held[name][...] = g
    clip_by_norm(held, limit)
    return [np.array(held[name]) for name in held]


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
        "(T, D, B), h_0 (H, B), hs (T, H, B) with hs[t] the state after step t, dhs (T, H, B) what the loss itself says of "
        "each hs[t]. Return dxs, dW, dR, db, dh_0.",
        truth=_through_time, returns=("dxs", "dW", "dR", "db", "dh_0"),
        probes={"one step and one column": _sequence(1, 1), "one step and three columns": _sequence(1, 3),
                "four steps and three columns": _sequence(4, 3)},
        slips=[Slip(_last_step_only, "Each step's own gradient is right, but nothing is handed on from a step to the one "
                                     "before."),
               Slip(_last_state_as_first, "Nearly: only dR is wrong, by what the first step adds. Which state did that step "
                                          "read?")],
        after="That loop is all of backpropagation through time; unrolling.py has it once, for every cell.",
        hints=["Start with dh = zeros like h_0, and go through the steps in reverse. At step t, dh + dhs[t] is all that "
               "reaches hs[t]; from it comes da.",
               "Inside the loop, xs[t] and the state before step t have multiplied W and R. So W, R, b, xs[t] and that state each "
               "receive from da what they received in a single step; dxs[t] = W.T @ da.",
               "The state before step t is hs[t − 1], and h_0 where t is 0. Mind that hs[-1] is the last state, and raises no "
               "error.",
               "At the end of the loop body, dh becomes what the step before must receive. After the loop, it is dh_0."]),
    Formula(
        "01.3", "The Jacobian of a step",
        "Write jacobian(R, h_new): the matrix J = ∂h'/∂h of one step h' = tanh(W x + R h + b), from R (H, H) and h_new (H, 1), "
        "the state after the step. J[i, j] is what h_j does to h'_i.",
        truth=_one_jacobian,
        probes={"two units": lambda rng: (rng.normal(size=(2, 2)), np.tanh(rng.normal(size=(2, 1)))),
                "five units": lambda rng: (rng.normal(size=(5, 5)), np.tanh(rng.normal(size=(5, 1))))},
        slips=[Slip(lambda R, h_new: R, "That is the Jacobian of the pre-activation. The tanh has one, too."),
               Slip(lambda R, h_new: R * (1 - h_new**2).T, "The slope of unit i belongs to h'_i, so to row i of J. Here it has "
                                                           "gone to a column."),
               Slip(lambda R, h_new: R.T * (1 - h_new**2).T, "That takes gradients back: the gradient goes through the "
                                                             "transposed Jacobian. J itself goes forward.")],
        hints=["h'_i = tanh(a_i), and a_i has the term R_ij h_j. Use the chain rule for one i and one j.",
               "A column (H, 1) times a matrix (H, H), element by element, multiplies each row by one number."]),
    Prediction(
        "01.4", "A matrix that makes everything longer",
        "R is 1.2 times a rotation, so it makes every vector 1.2 times as long; 1.2^50 is 9,100. The inputs are of size 1, and "
        "the units are tanh. What is left of a gradient after 50 steps back?",
        answer=_ordinary_inputs,
        options={
            "it explodes": "So says R alone. But each step also multiplies by the slopes 1 − h², and inputs of size 1 keep the "
                           "units so busy that the slopes win.",
            "it keeps its size": "R and the slopes do work against each other, but nothing balances them: the slopes win.",
            "it vanishes": "The slopes 1 − h² are below 1 at every step, and inputs of size 1 make them so small that they win "
                           "over R."},
        after="Whether a gradient explodes is no property of R alone: the data take part.",
        hints=["What stands between two factors R in the product of Jacobians?",
               "How large is 1 − h² for h = 0.8? Is 1.2 enough to make up for it?"]),
    Prediction(
        "01.5", "A matrix whose eigenvalues are all 0",
        "Eight units in a chain: unit i reads unit i − 1 with weight 1.5, and nothing else. All eigenvalues of this R are 0, "
        "R^8 = 0. A gradient of size 1 starts at the last unit. What becomes of it?",
        answer=_delay_line,
        options={
            "it is 0 after one step": "Eigenvalues of 0 say only how it ends. R hands the gradient of a unit to the unit before "
                                      "it, 1.5 times as large.",
            "it shrinks in every step": "The spectral radius is 0, but that is about many steps. In a single one, R makes some "
                                        "vectors longer: its largest singular value is 1.5.",
            "it grows for a while, then it is exactly 0": "It walks along the chain, 1.5 times as large at each unit, and falls "
                                                          "off the end."},
        after="Eigenvalues say how it ends, singular values what can happen in a step.",
        hints=["Write down R for three units, and multiply the gradient (0, 0, 1) with its transpose, twice.",
               "And a third time?"]),
    Formula(
        "01.6", "A leash for explosions",
        "Write clip(grads, limit): grads is a list of arrays, which together are one long vector. If that vector is longer "
        "than limit, return all of them scaled by one common factor, so that it has the length limit; else as they are. Return "
        "a list.",
        truth=_clipped, returns=("dW", "dR", "db"),
        probes={"gradients that are short enough": _gradients(0.5), "gradients that are too long": _gradients(7.0)},
        slips=[Slip(lambda grads, limit: [g * min(1, limit / np.linalg.norm(g)) for g in grads],
                    "Each array is shortened on its own. That turns the direction of the step; one common factor keeps it."),
               Slip(lambda grads, limit: [np.clip(g, -limit, limit) for g in grads],
                    "Each element is clipped on its own. That is done, too, but it turns the direction of the step."),
               Slip(lambda grads, limit: [g * limit / np.sqrt(sum((g**2).sum() for g in grads)) for g in grads],
                    "Short gradients are made longer, too. Only those that are too long should change.")],
        after="Pascanu, Mikolov and Bengio proposed it in 2013; few recurrent networks have been trained without it since.",
        hints=["The length of all of them together: the root of the sum of all squares, over all arrays.",
               "The factor is limit over length, but never above 1."]),
    Backward(
        "01.7", "A step that adds",
        "n = tanh(W x + R h + b), h' = h + n. Write its step_backward from blank; step notes memo[\"n\"].",
        step=residual_step, params={"W": (4, 3), "R": (4, 4), "b": (4, 1)}, n_in=3, n_hidden=4,
        after="The gradient of h now has a way back that no matrix and no slope touches; the LSTM's memory is built on it.",
        hints=["In how many ways does h act on h'?", "Each way adds a term to dh. One of them is very short."]),
]
