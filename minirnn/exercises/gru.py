"""The exercises of notebook 03: the GRU's four ways back, a gate before or after a matrix, and the mutations' input."""

import math

import numpy as np

from ..activations import sigmoid
from ..cells import make_cell
from ..cells.cell import Memo
from ..experiments.learning import learning_times
from ..model import Model
from ..tasks import make_task
from ..training import evaluate
from ..unrolling import unroll
from .backward import Backward
from .values import Formula, Number, Prediction, Slip

# The step of one unit that the notebook asks to go back through: its recurrent weights, its values, and what arrives.
WEIGHTS = {"R_r": 0.5, "R_z": -1.0, "R_n": 2.0}
STEP = {"h": 0.5, "r": 0.8, "z": 0.6, "n": -0.5}
DH_NEW = 1.0

KEEPS, RESOLUTION = 0.99, 0.001                                         # the counter: its z, and what can be told apart
TRAINED = {"length": 10, "until": "loss < 0.005"}                       # the notebook's GRU: see learning_times


def _dh(**weights):
    cell = make_cell("gru", n_in=1, n_hidden=1, dtype="float64")
    for name in WEIGHTS:
        cell.params[name][...] = weights.get(name, 0)
    h, r, z, n = (np.array([[STEP[name]]]) for name in "hrzn")
    _, (dh,) = cell.step_backward((np.array([[DH_NEW]]),), (h,), (z * h + (1 - z) * n,), Memo(r=r, z=z, n=n))
    return dh[0, 0]


def _four_ways():
    """Each way alone, by the library: with the weights of the other ways set to 0."""
    direct = _dh()
    through_n = _dh(R_n=WEIGHTS["R_n"]) - direct
    return np.array([direct, _dh(R_z=WEIGHTS["R_z"]) - direct, through_n,
                     _dh(R_n=WEIGHTS["R_n"], R_r=WEIGHTS["R_r"]) - direct - through_n])


def _turned_z():
    """What comes out where z is taken for the share of the new."""
    one, two, three, four = _four_ways()
    z = STEP["z"]
    return np.array([one * (1 - z) / z, -two, three * z / (1 - z), four * z / (1 - z)])


def reset_moved(cell):
    """The same weights in a GRU whose reset gate comes after the matrix, with c_n = 0."""
    moved = make_cell("gru", cell.n_in, cell.n_hidden, reset_after=True, dtype=cell.dtype)
    for name, a in cell.params.items():
        moved.params[name][...] = a
    return moved


def _after_the_move():
    trained = learning_times("addition", ("gru",), seeds=1, **TRAINED)["gru"][0].model
    other = Model(reset_moved(trained.cells[0]), 1)
    for name in ("head.W", "head.b"):
        other.params[name][...] = trained.params[name]
    task = make_task("addition", length=TRAINED["length"])
    before, after, guessing = evaluate(trained, task)["loss"], evaluate(other, task)["loss"], task.trivial()["loss"]
    return "nothing" if after < 2 * before else "it gets worse, but stays better than guessing" if after < guessing else (
        "it becomes worse than guessing")


def _counts_to():
    """The step up to which two neighbouring values of the counter differ by as much as can be told apart."""
    cell = make_cell("gru", n_in=1, n_hidden=1, dtype="float64")
    cell.params.flat[...] = 0
    cell.params["b_z"][...], cell.params["b_n"][...] = math.log(KEEPS / (1 - KEEPS)), 50.0
    rises = np.diff(unroll(cell, np.zeros((2000, 1, 1))).hs.ravel(), prepend=0)
    return float((rises >= RESOLUTION).sum())


def _matrices(D, H):
    def probe(rng):
        return rng.normal(size=(H, H)), rng.normal(size=(H, H)), rng.normal(size=(H, D))
    return probe


def _translated(W_z, W_r, P):
    """By measuring: the columns of the matrices are what a step's pre-activations do when one input is 1."""
    H, D = P.shape
    paper = make_cell("mut1", n_in=H, n_hidden=H, dtype="float64")
    paper.params["W_z"][...], paper.params["W_r"][...] = W_z, W_r
    terms = paper.input_terms((P @ np.eye(D))[None])[0]
    return terms[H:2 * H], terms[2 * H:]


def gru_step(p, x, old):
    h, = old
    r = sigmoid(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
    z = sigmoid(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
    n = np.tanh(p["W_n"] @ x + p["R_n"] @ (r * h) + p["b_n"])
    return (z * h + (1 - z) * n,), {"r": r, "z": z, "n": n}


def reset_after_step(p, x, old):
    h, = old
    r = sigmoid(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
    z = sigmoid(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
    q = p["R_n"] @ h + p["c_n"]
    n = np.tanh(p["W_n"] @ x + p["b_n"] + r * q)
    return (z * h + (1 - z) * n,), {"r": r, "z": z, "n": n, "q": q}


def mut1_step(p, x, old):
    h, = old
    u = np.tanh(p["P"] @ x)
    z = sigmoid(p["W_z"] @ x + p["b_z"])
    r = sigmoid(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
    n = np.tanh(p["R_h"] @ (r * h) + u + p["b_h"])
    return (n * z + h * (1 - z),), {"u": u, "z": z, "r": r, "n": n}


def _gates(letters):
    return {f"{symbol}_{gate}": shape for symbol, shape in (("W", (4, 3)), ("R", (4, 4)), ("b", (4, 1))) for gate in letters}


EXERCISES = [
    Number(
        "03.1", "Four ways, by hand",
        "One unit of a GRU: h = 0.5, r = 0.8, z = 0.6, n = −0.5, with R_r = 0.5, R_z = −1, R_n = 2, and dh' = 1. By four ways "
        "h acts on h': directly, through z, through n (with r held), and through r. What does each of them add to dh? Hand in "
        "four numbers, in this order, to three digits.",
        answer=_four_ways,
        slips=[Slip(_turned_z, "That takes z for the share of the new. In this GRU z is the share that is kept."),
               Slip(lambda: _four_ways()[[0, 1, 3, 2]], "Right numbers, wrong order: the last two have changed places."),
               Slip(lambda: np.array([*_four_ways()[:3], _four_ways()[3] / STEP["r"] / (1 - STEP["r"])]),
                    "The fourth way goes through r = σ(a_r): its slope is missing."),
               Slip(lambda: np.array([_four_ways()[0], _four_ways()[1] / STEP["z"] / (1 - STEP["z"]), *_four_ways()[2:]]),
                    "The second way goes through z = σ(a_z): its slope is missing.")],
        hints=["Write h' = z h + (1 − z) n. What multiplies dh' on its way to h, to z, to n?",
               "da_n = dh' (1 − z)(1 − n²). From there it goes through R_n to the product r h, and each factor receives its "
               "share.",
               "Through a gate: times its slope, then times its recurrent weight."]),
    Backward(
        "03.2", "The GRU from blank",
        "r, z = σ(W_k x + R_k h + b_k), n = tanh(W_n x + R_n (r ⊙ h) + b_n), h' = z ⊙ h + (1 − z) ⊙ n. Write step_backward(p, "
        "dnew, x, old, new, memo, grads); step notes r, z and n. Return dx, (dh,).",
        step=gru_step, params=_gates("rzn"), n_in=3, n_hidden=4,
        after="Four ways, four terms. Whoever has written this one can write any gated cell.",
        hints=["Begin with h' = z ⊙ h + (1 − z) ⊙ n: three factors, three gradients. One of them is the first part of dh.",
               "Then da_n, and back through R_n to the product r ⊙ h. R_n itself multiplies that product, not h.",
               "dr comes from the product r ⊙ h. Only then can the two gates go back through their σ.",
               "dh is a sum of four terms. Count them before you hand in."]),
    Prediction(
        "03.3", "The same weights, the other order",
        "A GRU has learned to add. You copy its weights into a GRU whose reset gate comes after the matrix, with c_n = 0, as "
        "an import into another library might do. What happens to its loss?",
        answer=_after_the_move,
        options={
            "nothing": "With r outside, unit i of the candidate multiplies its whole sum by r_i. With r inside, each unit j of "
                       "h is multiplied by its own r_j. That is another function.",
            "it gets worse, but stays better than guessing": "The two are different functions, but neighbours: where the gates "
                                                             "r are about alike, they nearly agree.",
            "it becomes worse than guessing": "So bad it is not: where the gates r are about alike, both orders nearly agree."},
        after="A file of weights is worth nothing without the equations it belongs to.",
        hints=["Write out one unit: Σ_j R_ij r_j h_j, or r_i Σ_j R_ij h_j. When are they equal?"]),
    Backward(
        "03.4", "Mend the other order",
        "q = R_n h + c_n, n = tanh(W_n x + b_n + r ⊙ q), all else as in the GRU. Somebody has changed the forward pass and "
        "only half of the backward pass: it has two mistakes.",
        step=reset_after_step, params={**_gates("rzn"), "c_n": (4, 1)}, n_in=3, n_hidden=4, broken=True,
        after="Now the matrix comes first and r after it, so going back r comes first and the matrix after it.",
        hints=["What is r multiplied with now?",
               "Which gradient stands right behind the matrix R_n, that of a_n or that of q?"]),
    Number(
        "03.5", "How far a GRU counts",
        "A unit of a GRU with n = 1 and z = 0.99 at every step counts: h = 0, 0.01, 0.0199, … Two values of h "
        "can be told apart if they differ by 0.001 or more. Up to which step do neighbouring values differ enough? (One step "
        "more or less does not matter.)",
        answer=_counts_to, tolerance=6e-3,
        slips=[Slip(lambda: (1 - KEEPS) / RESOLUTION, "That divides the first rise by what can be told apart. How do the rises "
                                                      "shrink?"),
               Slip(lambda: 1 / RESOLUTION, "That would be so if h rose evenly, all the way up to 1. It does not rise evenly."),
               Slip(lambda: math.log(RESOLUTION) / math.log(KEEPS), "There h itself is within 0.001 of 1. Asked is how much h "
                                                                    "changes from step to step.")],
        after="An LSTM's memory c counts on, since it has no bound, although the head sees it only through a tanh.",
        hints=["1 − h shrinks by the factor z in each step. So what is h after t steps?",
               "And by how much does it rise in step t?"]),
    Formula(
        "03.6", "The puzzle of D and H",
        "With D ≠ H the library's MUT1 has z = σ(W_z x + b_z), r = σ(W_r x + R_r h + b_r) and tanh(P x) in its candidate. "
        "Another way out: embed the input first, e = P x, and give e to the paper's own cell, with D = H, whose weights are "
        "A_z and A_r. Write translate(A_z, A_r, P): the W_z and W_r with which the library's cell computes the same.",
        truth=_translated, returns=("W_z", "W_r"),
        probes={"D = 2, H = 4": _matrices(2, 4), "D = 5, H = 3": _matrices(5, 3)},
        slips=[Slip(lambda A_z, A_r, P: (A_z @ np.tanh(P), A_r @ np.tanh(P)),
                    "The gates read e = P x itself; the tanh belongs to the candidate alone."),
               Slip(lambda A_z, A_r, P: (A_z.T @ P, A_r.T @ P), "Why transposed? This is a forward pass.")],
        after="So whatever an embedding can do, the library's cell can do. With D > H it can do more: its gates see all of x, "
              "while e has room for only H numbers.",
        hints=["Write the pre-activation of z in both cells, and put e = P x into the second.",
               "Two matrices in a row are one matrix."]),
    Backward(
        "03.7", "MUT1 from blank",
        "u = tanh(P x), z = σ(W_z x + b_z), r = σ(W_r x + R_r h + b_r), n = tanh(R_h (r ⊙ h) + u + b_h), h' = n ⊙ z + h ⊙ (1 − "
        "z). Write its step_backward from blank; step notes u, z, r and n. Return dx, (dh,).",
        step=mut1_step,
        params={**{name: (4, 3) for name in ("W_z", "W_r", "P")}, **{name: (4, 4) for name in ("R_r", "R_h")},
                **{name: (4, 1) for name in ("b_z", "b_r", "b_h")}},
        n_in=3, n_hidden=4,
        after="Three ways for h, since z no longer reads it; and three for x.",
        hints=["Here z is the share of the new: it has changed sides since the GRU.",
               "x acts through P, W_z and W_r; between P x and the candidate's sum there is a tanh of its own.",
               "h acts directly, through r ⊙ h, and through r. Not through z."]),
]
