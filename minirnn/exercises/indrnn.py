"""The exercises of notebook 07: one recurrent weight per unit, and what can be said of it without a matrix."""

import functools

import numpy as np

from ..activations import tanh
from ..cells import make_cell
from ..cells.indrnn import recurrent_bounds
from ..experiments.distance import jacobian, steps_of
from ..tasks import make_task
from ..training import evaluate, make_model, train
from ..unrolling import unroll
from .backward import Backward
from .values import Formula, Number, Prediction, Slip

U, PIXELS = 0.99, 784


def _chain(u, pushes):
    """One relu unit with the weight u, pushed by positive numbers, as the library runs it."""
    cell = make_cell("indrnn", n_in=1, n_hidden=1, dtype="float64")
    for name, value in (("W", 1.0), ("u", u), ("b", 0.0)):
        cell.params[name][...] = value
    run = unroll(cell, pushes.reshape(-1, 1, 1), (np.zeros((1, 1)),))
    dhs = np.zeros_like(run.hs)
    dhs[-1] = 1
    dxs, grads, _ = run.backward(dhs)
    return run.hs.ravel(), dxs.ravel(), float(grads["u"][0, 0])


def _closed_form(u, pushes):
    return _chain(u, pushes)[1:]


def _pushes(n_steps):
    return lambda rng: (float(rng.uniform(0.5, 1.1)), rng.uniform(0.1, 1, n_steps))


def _last_state_alone(u, pushes):
    hs, dpushes, _ = _chain(u, pushes)
    return dpushes, float(hs[-2]) if len(hs) > 1 else 0.0


def _one_power_more(u, pushes):
    return u * _chain(u, pushes)[1], _chain(u, pushes)[2]


def tanh_step(p, x, old):
    h, = old
    return (tanh(p["W"] @ x + p["u"] * h + p["b"]),), {}


def residual_step(p, x, old):
    _, g, k = old
    g_new = np.tanh(p["W"] @ x + p["u"] * g + p["b"])
    k_new = np.tanh(p["V"] @ g_new + p["s"] * k + p["c"])
    return (g_new + k_new, g_new, k_new), {}


@functools.cache
def counting_network():
    """An IndRNN of 32 units that tells sequences of more than 25 steps from shorter ones, and the task: (model, task)."""
    task = make_task("length", length=50)
    model = make_model(task, "indrnn", 32, recurrent_max_abs=recurrent_bounds(50)[1], rng=0)
    train(model, task, steps=600, batch=50, lr=0.02, schedule="cosine 600", until=task.criterion, rng=0)
    return model, task


@functools.cache
def units_needed():
    """How many of the units, taken in the order of |u| from the largest, do the task as well as all of them."""
    model, task = counting_network()
    head, order = model.params["head.W"], np.argsort(-np.abs(model.params["cell.u"].ravel()))
    weights, whole = head.copy(), evaluate(model, task)["accuracy"]
    needed = len(order)
    for n in range(1, len(order)):
        head[...] = 0
        head[:, order[:n]] = weights[:, order[:n]]
        if evaluate(model, task)["accuracy"] >= whole:
            needed = n
            break
    head[...] = weights
    return needed


def _flips():
    """Whether a unit can keep its state at 0 and turn it over at 1: the sign of dh'/dh would have to depend on the input."""
    cell = make_cell("indrnn", n_in=1, n_hidden=50, activation="tanh", dtype="float64")
    rng = np.random.default_rng(0)
    for name in ("W", "u", "b"):
        cell.params[name][...] = rng.normal(size=cell.params[name].shape)
    state = (rng.normal(size=(50, 1)),)
    at_0, at_1 = (np.diag(jacobian(cell, steps_of(cell, np.full((1, 1, 1), x), state)[0])) for x in (0.0, 1.0))
    return "it is never right beyond the first few bits" if (np.sign(at_0) == np.sign(at_1)).all() else "it learns it, too"


EXERCISES = [
    Number(
        "07.1", "How long a unit remembers",
        "A unit has the recurrent weight u = 0.99, and its relu lets everything through. After how many steps is half of "
        "what it held left? (A fraction is fine.)",
        answer=lambda: float(np.log(0.5) / np.log(U)),
        slips=[Slip(lambda: 1 / (1 - U), "That is when 1/e, some 37%, is left. Asked is one half."),
               Slip(lambda: 0.5 / (1 - U), "It does not fall in a straight line: each step multiplies what is left.")],
        hints=["After k steps the factor is u^k.", "Take the logarithm of u^k = 1/2."]),
    Formula(
        "07.2", "All gradients in closed form",
        "One relu unit that is always on: h_t = u h_{t−1} + y_t, with h_0 = 0 and y_t > 0. The loss is L = h_T. Write "
        "closed_form(u, ys): return dys (T,), the gradient of every y_t, and du, a number.",
        truth=_closed_form, returns=("dys", "du"),
        probes={"one step": _pushes(1), "three steps": _pushes(3), "twelve steps": _pushes(12)},
        slips=[Slip(_last_state_alone, "dys is right. du is the last step's share alone: u acted in every step before it as "
                                       "well."),
               Slip(lambda u, ys: (_chain(u, ys)[1][::-1], _chain(u, ys)[2]),
                    "du is right. dys is the right way up for time that runs backward: who is multiplied with u more often, "
                    "the first or the last?"),
               Slip(_one_power_more, "du is right. dys has one factor u too many, everywhere: y_T stands in h_T itself.")],
        hints=["Write h_3 as a sum: y_3 + u y_2 + u² y_1. What is its derivative with respect to y_1? In general, to y_t?",
               "And with respect to u? y_3 does not have it, u y_2 once, u² y_1 twice.",
               "np.arange(T)[::-1] counts T − 1, ..., 1, 0: the power of u at each step."]),
    Number(
        "07.3", "How near to 1",
        "Images of 784 pixels are read a pixel a step. By how much may u exceed 1, if a gradient that goes back through all "
        "784 steps is at most to double? Hand in u − 1.",
        answer=lambda: recurrent_bounds(PIXELS)[1] - 1,
        slips=[Slip(lambda: recurrent_bounds(PIXELS)[1], "That is u. Asked is by how much it exceeds 1."),
               Slip(lambda: 2 / PIXELS, "(1 + y)^784 is not 1 + 784 y: it grows faster."),
               Slip(lambda: 1 / PIXELS, "(1 + y)^784 is not 1 + 784 y: it grows faster.")],
        after="Adam at its usual rate of 0.001 moves a weight by about 0.001 in one update: farther than the whole way.",
        hints=["Which u has u^784 = 2?", "The 784th root of 2 is 2^(1/784)."]),
    Backward(
        "07.4", "One weight per unit, from blank",
        "Write step_backward of h' = tanh(W x + u ⊙ h + b), where u is (H, 1): one recurrent weight per unit.",
        step=tanh_step, params={"W": (4, 3), "u": (4, 1), "b": (4, 1)}, n_in=3, n_hidden=4,
        after="No transposed matrix on the way back in time: a unit's gradient stays in its unit.",
        hints=["Element by element: h'_i depends on h_i and on no other unit's state. So what is dh_i?",
               "u has one column and da has many: a weight that acted in every column gets a sum over them, as a bias does."]),
    Prediction(
        "07.5", "How many units count",
        "An IndRNN of 32 units has learned to tell sequences of more than 25 steps from shorter ones, without a mistake. We "
        "silence units at the head, those with the smallest |u| first. How many must stay for the answers to stay as good?",
        answer=units_needed, within=1.5,
        told="Counting takes one number. The other units have fallen silent: their relu lets nothing through any more, and no "
             "gradient either.",
        hints=["How many numbers does it take to count?",
               "What becomes of a relu unit whose pre-activation has fallen below 0 at every step, and what of its gradient?"]),
    Prediction(
        "07.6", "Wide and alone",
        "An Elman network of 32 units learns the parity of up to 10 bits in a few hundred updates: is the number of ones so "
        "far odd? What does a single layer of 256 independent units learn?",
        answer=_flips,
        options={"it learns it, too": "More units are no help if none of them can do its part: a unit's u has one sign, "
                                      "whatever the input.",
                 "it learns it, if only with more units": "More units are no help if none of them can do its part: a unit's "
                                                          "u has one sign, whatever the input.",
                 "it is never right beyond the first few bits": "At a 0 the state must be kept, at a 1 turned over. But a "
                                                                "unit's dh'/dh has the sign of its u, whatever the input."},
        after="To turn over depends on input and state together; a single layer of independent units keeps these two apart.",
        hints=["What must become of a unit's state at the bit 0? And at the bit 1?",
            "By which factor does h act on h' at each, and what is its sign?"]),
    Backward(
        "07.7", "Two layers and a shortcut",
        "Two layers, the second with a residual connection: g' = tanh(W x + u ⊙ g + b), k' = tanh(V g' + s ⊙ k + c), h' = g' "
        "+ k'. What follows reads h'; the layers themselves read only their own old states g and k. The state is (h, g, k). "
        "Return dx, (dh, dg, dk).",
        step=residual_step, n_in=3, n_hidden=4, state_names=("h", "g", "k"),
        params={"W": (4, 3), "u": (4, 1), "b": (4, 1), "V": (4, 4), "s": (4, 1), "c": (4, 1)},
        after="The 1 of the shortcut is why twenty such layers can be trained: it takes the gradient down past all of them.",
        hints=["dnew has three parts: dh_new, dg_new, dk_new. Through h' = g' + k' the first is added to both of the others.",
               "Go from the top down: first k', then g'. In which two ways does g' act, beside what later steps say of it?",
               "Nothing reads the old h, so its gradient is 0: np.zeros_like(h)."]),
]
