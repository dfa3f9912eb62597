"""The exercises of notebook 02: what a gate keeps, the LSTM's backward pass, and what its parts are worth."""

import numpy as np

from ..activations import sigmoid
from ..cells import make_cell
from ..cells.cell import Memo
from ..experiments.learning import learning_times
from ..unrolling import unroll
from .backward import Backward
from .values import Number, Prediction, Slip

# The step of one unit that the notebook asks to go back through, and the gradients that arrive at it.
STEP = {"c": 1.2, "i": 0.5, "f": 0.9, "o": 0.8, "g": -0.4}
DH_NEW, DC_NEW = 0.5, 0.3

ADDITION = {"length": 10, "until": "loss < 0.005", "seeds": 2}          # the notebook's second task: see learning_times


def _bias_that_halves(n_steps=1000):
    """By halving an interval: of σ(b) to the power n_steps is asked that it be a half."""
    low, high = 0.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if sigmoid(np.array(middle))**n_steps > 0.5 else (middle, high)
    return low


def _one_step_back(dh_new=DH_NEW, dc_new=DC_NEW, **changed):
    """The gradient of c', that of c and that of the forget gate's pre-activation, by the library."""
    values = {**STEP, "s": np.tanh(STEP["f"] * STEP["c"] + STEP["i"] * STEP["g"]), **changed}
    cell = make_cell("lstm", n_in=1, n_hidden=1, dtype="float64")
    c, i, f, o, g, s = (np.array([[values[name]]]) for name in "cifogs")
    da, (_, dc) = cell.step_backward((np.array([[dh_new]]), np.array([[dc_new]])), (0 * c, c), (o * s, f * c + i * g),
                                     Memo(i=i, f=f, o=o, g=g, s=s))
    return np.array([dc[0, 0] / STEP["f"], dc[0, 0], da[1, 0]])


def _without_gate_slope():
    dc_new, dc, _ = _one_step_back()
    return np.array([dc_new, dc, dc_new * STEP["c"]])


def _what_is_left():
    """What share of the memory is still there after 50 steps, in a new LSTM of 64 units that reads random numbers."""
    cell = make_cell("lstm", n_in=1, n_hidden=64, dtype="float64")
    f = unroll(cell, np.random.default_rng(0).normal(size=(50, 1, 20)))["f"]
    left = float(np.median(np.prod(f, axis=0)))
    return "about all of it" if left > 0.5 else "about a hundredth" if left > 1e-4 else "less than a hundred thousandth"


def _dearest():
    """The variant that needs most steps to learn to add."""
    found = learning_times("addition", tuple(PARTS.values()), **ADDITION)
    needed = {cell: np.mean([one.steps for one in trained]) for cell, trained in found.items()}
    return max(PARTS, key=lambda part: needed[PARTS[part]])


PARTS = {"the input gate": "lstm-nig", "the forget gate": "lstm-nfg", "the output gate": "lstm-nog", "the peepholes": "lstm-np"}


def lstm_step(p, x, old):
    h, c = old
    i, f, o = (sigmoid(p[f"W_{k}"] @ x + p[f"R_{k}"] @ h + p[f"b_{k}"]) for k in "ifo")
    g = np.tanh(p["W_g"] @ x + p["R_g"] @ h + p["b_g"])
    c_new = f * c + i * g
    s = np.tanh(c_new)
    return (o * s, c_new), {"i": i, "f": f, "o": o, "g": g, "s": s}


def peephole_step(p, x, old):
    h, c = old
    z = np.tanh(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
    i = sigmoid(p["W_i"] @ x + p["R_i"] @ h + p["p_i"] * c + p["b_i"])
    c_new = c + i * z
    o = sigmoid(p["W_o"] @ x + p["R_o"] @ h + p["p_o"] * c_new + p["b_o"])
    s = np.tanh(c_new)
    return (o * s, c_new), {"i": i, "o": o, "z": z, "s": s}


def gate_in_the_state_step(p, x, old):
    h, c, f = old
    f_new = sigmoid(p["W_f"] @ x + p["R_f"] @ h + p["R_ff"] @ f + p["b_f"])
    g = np.tanh(p["W_g"] @ x + p["R_g"] @ h + p["b_g"])
    c_new = f_new * c + g
    h_new = np.tanh(c_new)
    return (h_new, c_new, f_new), {"g": g}


def _gates(letters):
    return {f"{symbol}_{gate}": shape for symbol, shape in (("W", (4, 3)), ("R", (4, 4)), ("b", (4, 1))) for gate in letters}


EXERCISES = [
    Number(
        "02.1", "How far open",
        "A memory hears nothing new: c_t = f c_{t−1}, and the gate is f = σ(b_f). Which bias b_f leaves half of c after 1,000 "
        "steps? Three digits.",
        answer=_bias_that_halves,
        slips=[Slip(lambda: sigmoid(np.array(_bias_that_halves())), "That is the gate f. Asked is the bias b_f, from which σ "
                                                                    "makes f."),
               Slip(lambda: -_bias_that_halves(), "That bias closes the gate as far as the right one opens it: check the "
                                                  "sign."),
               Slip(lambda: np.log(999.0), "With that bias the gate loses a thousandth in each step. That would leave (1 − "
                                           "0.001)^1000 = 37%."),
               Slip(lambda: np.log(1999.0), "With that bias the gate loses 1/2000 in each step. But each step takes its share "
                                            "of what is left, not of what there was: 61% are left.")],
        after="A bias of 1 gives 0.73; the gates of a network that is to remember for long must be learned, or set.",
        hints=["First the gate: what must f be, so that f^1000 = 1/2? Take the 1000th root, to six digits.",
               "Then solve f = 1/(1 + e^(−b)) for b. What is (1 − f)/f?"]),
    Number(
        "02.2", "One step back, by hand",
        "One unit of an LSTM: c = 1.2, i = 0.5, f = 0.9, o = 0.8, g = −0.4. Arriving: dh' = 0.5 at h', and 0.3 at c' from the "
        "step after. Compute all that reaches c', then dc, and the gradient of the forget gate's pre-activation a_f. Hand in "
        "three numbers, to three digits.",
        answer=_one_step_back,
        slips=[Slip(lambda: _one_step_back(dh_new=0.0), "That is only what comes from the step after. c' also acts on h', in "
                                                        "its own step."),
               Slip(lambda: _one_step_back(dc_new=0.0), "That is only what comes through h'. c' is also what the next step "
                                                        "starts from."),
               Slip(lambda: _one_step_back(s=0.0), "On its way from h' to c' the gradient passes s = tanh(c'): the slope of "
                                                   "tanh is missing."),
               Slip(lambda: _one_step_back(o=1.0), "On its way from h' to c' the gradient also passes the product with o."),
               Slip(_without_gate_slope, "The third is the gradient of f. Between f and a_f stands σ.")],
        hints=["c' acts in two places: h' = o ⊙ tanh(c'), and the step after. Their gradients are added.",
               "c' = f ⊙ c + i ⊙ g is 0.88. In a product, the gradient of one factor is that of the product times the other "
               "factor.",
               "σ's slope at a_f is f (1 − f)."]),
    Backward(
        "02.3", "The LSTM from blank",
        "i, f, o = σ(W_k x + R_k h + b_k), g = tanh(W_g x + R_g h + b_g), c' = f ⊙ c + i ⊙ g, s = tanh(c'), h' = o ⊙ s. Write "
        "step_backward(p, dnew, x, old, new, memo, grads); step notes i, f, o, g and s. Add to all twelve grads, return dx, "
        "(dh, dc).",
        step=lstm_step, params=_gates("ifog"), n_in=3, n_hidden=4, state_names=("h", "c"),
        after="This is the backward pass behind a decade of speech recognition and translation. Now look at the library's.",
        hints=["Begin at the end, with h' = o ⊙ s: do, and what reaches c' through s. Do not forget what dnew brings for c'.",
               "Then c' = f ⊙ c + i ⊙ g is two products and a sum: four gradients, one for each factor.",
               "Then four pre-activations, each with the slope of its own function, written in terms of its value.",
               "From here it is four times notebook 00: each pre-activation adds to W, R, b of its gate, and to dx and dh."]),
    Prediction(
        "02.4", "What a new LSTM keeps",
        "A new LSTM with 64 units, b_f = 1, reads random numbers. What share of the memory that it starts with is still in c "
        "after 50 steps?",
        answer=_what_is_left,
        options={
            "about all of "
            "it": "No matrix stands on that way, but a gate does: σ(1) is 0.73, and 0.73 is a factor in every step.",
            "about a hundredth": "That would need gates of 0.91. σ(1) is 0.73.",
            "less than a hundred thousandth": "The gates are about σ(1) = 0.73, and 0.73 to the power of 50 is 1.5e-7."},
        after="An LSTM does not remember by itself. It can learn to, since its factor is a gate.",
        hints=["What is the forget gate of a new LSTM, if W and R contribute about 0?", "And that to the power of 50?"]),
    Backward(
        "02.5", "Mend the peepholes",
        "z = tanh(W_z x + R_z h + b_z), i = σ(W_i x + R_i h + p_i ⊙ c + b_i), c' = c + i ⊙ z, o = σ(W_o x + R_o h + p_o ⊙ c' + "
        "b_o), s = tanh(c'), h' = o ⊙ s. The backward pass in the notebook has two mistakes.",
        step=peephole_step, params={**_gates("izo"), "p_i": (4, 1), "p_o": (4, 1)}, n_in=3, n_hidden=4, state_names=("h", "c"),
        broken=True,
        after="A peephole is one more way for c: whoever adds a connection forward owes a term backward.",
        hints=["A weight's gradient is that of the sum it acts in, times what it is multiplied with. What is p_o multiplied "
               "with, and when?",
               "In how many ways does c, the old memory, act? Count its places in the equations."]),
    Prediction(
        "02.6", "The part that is missed most",
        "On parity, the LSTM without forget gate needed most steps. Now the task is addition: two marked numbers among ten, "
        "their sum at the end. Which part does the LSTM miss most there?",
        answer=_dearest,
        options={
            "the input "
            "gate": "Eight of ten numbers must not be written. The input gate is what keeps them out; without it, all that "
                              "is written must cancel.",
            "the forget "
            "gate": "On parity it was. But here nothing has to be forgotten: two numbers are added, and that is all.",
            "the output "
            "gate": "It helps to keep the memory quiet until the end. But the loss looks at the last step only, so a memory "
                               "that is always shown does less harm.",
            "the peepholes": "They let gates see a memory that the output gate hides. This task never asks that of them."},
        after="What a part is worth is a question about the task.",
        hints=["Go through the steps of one sequence. What must happen at a step that is not marked? Which gate does that?",
               "And what must ever be removed from the memory?"]),
    Backward(
        "02.7", "A gate that is remembered",
        "f' = σ(W_f x + R_f h + R_ff f + b_f), g = tanh(W_g x + R_g h + b_g), c' = f' ⊙ c + g, h' = tanh(c'). The state is (h, "
        "c, f). Write its step_backward from blank; step notes g. Return dx, (dh, dc, df).",
        step=gate_in_the_state_step, params={**_gates("fg"), "R_ff": (4, 4)}, n_in=3, n_hidden=4, state_names=("h", "c", "f"),
        after="That is one of the nine matrices of full gate recurrence; the other eight go the same way.",
        hints=["dnew is a tuple of three: what arrives at h', at c', and at f'. The gate f' now acts in two places.",
               "f' acts on c' in this step, and on the pre-activation of the next. The second part has arrived with dnew.",
               "R_ff acts on the old f as R_f acts on the old h: the same product, another factor."]),
]
