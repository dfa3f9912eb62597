"""The exercises of notebook 04: an average of all that was, its recursion, and the way back through it."""

import numpy as np

from ..activations import log_add, sigmoid
from ..cells import make_cell
from ..lemma1 import running_average
from ..tasks import make_task
from ..unrolling import unroll
from .backward import Backward
from .values import Formula, Number, Prediction, Slip, derivative

VALUES, ATTENTION = np.array([2.0, -2.0, 3.0]), np.array([1.0, 3.0, 4.0])
RIVALS, SHARE = 998, 0.01                       # unmarked numbers of an addition of 1000 steps; what they may take of it


def _averages(attention=ATTENTION):
    with np.errstate(divide="ignore"):
        return running_average(VALUES, np.log(attention))


def _shifted():
    rng = np.random.default_rng(0)
    values, logits = rng.normal(size=20), rng.normal(size=20)
    before, after = running_average(values, logits), running_average(values, logits + 50)
    return "they stay as they are" if np.allclose(before, after) else "they move towards ±1"


def average(v, l, z, a):
    """One step of an average (v, l): the library's own lines."""
    w = sigmoid(a - l)
    return v + w * (z - v), log_add(a, l, w)


def _parts(scale, start=0.0):
    def probe(rng):
        v, l, z, a = rng.normal(size=(4, 3, 2))
        return v, start + scale * l, z, scale * a
    return probe


def _average_backward(dv_new, dl_new, *given):
    def loss(v, l, z, a):
        v_new, l_new = average(v, l, z, a)
        return (dv_new * v_new + dl_new * l_new).sum()
    dv, dl, dz, da = (derivative(loss, given, k) for k in range(4))
    return dz, da, dv, dl


def _without_l(dv_new, dl_new, *given):
    return _average_backward(dv_new, 0 * dl_new, *given)


def _all_of_v(dv_new, dl_new, *given):
    dz, da, dv, dl = _average_backward(dv_new, dl_new, *given)
    return dz, da, dv_new, dl


def _fixed_share(dv_new, dl_new, v, l, z, a):
    w = sigmoid(a - l)
    return dv_new * w, dl_new * w, dv_new * (1 - w), dl_new * (1 - w)


def _back(batch):
    return lambda rng: tuple(rng.normal(size=(6, 3, batch)))


def rwa_step(p, x, old):
    h, v, l = old
    u = p["W_u"] @ x + p["b_u"]
    tanh_g = np.tanh(p["W_g"] @ x + p["R_g"] @ h + p["b_g"])
    z = u * tanh_g
    a = p["W_a"] @ x + p["R_a"] @ h
    w = sigmoid(a - l)
    v_new = v + w * (z - v)
    return (np.tanh(v_new), v_new, log_add(a, l, w)), {"u": u, "tanh_g": tanh_g, "z": z, "w": w}


def adder(logit=20.0, scale=0.01):
    """An RWA of one unit without recurrent weights, whose value is the number that it reads and whose attention the mark."""
    cell = make_cell("rwa", n_in=2, n_hidden=1, dtype="float64")
    for name, value in (("W_u", [[scale, 0]]), ("b_u", 0), ("W_g", 0), ("R_g", 0), ("b_g", 20), ("W_a", [[0, logit]]),
                        ("R_a", 0)):
        cell.params[name][...] = value
    return cell


def _without_recurrence():
    """Which of the two tasks a network without recurrent weights can do: found on the library's cell."""
    batch = make_task("addition", length=200).batch(np.random.default_rng(0), 50)
    sums = 200 * unroll(adder(), batch.xs.astype(float)).hs[-1]
    adds = np.abs(sums - batch.targets[-1]).max() < 0.02
    cell = make_cell("rwa", n_in=1, n_hidden=8, dtype="float64")
    cell.params["R_g"][...] = cell.params["R_a"][...] = 0
    hs = unroll(cell, np.full((40, 1, 1), 0.5)).hs                      # after 40 steps of the same number as after 10
    counts = not np.allclose(hs[9], hs[39])
    return {(True, False): "addition only", (False, True): "length only", (True, True): "both"}.get((adds, counts), "neither")


EXERCISES = [
    Number(
        "04.1", "An average by hand",
        "Three values z = 2, −2, 3 are paid the attentions e^a = 1, 3, 4. What is the average v after each of the three "
        "steps? Hand in three numbers.",
        answer=_averages,
        slips=[Slip(lambda: np.cumsum(VALUES) / [1, 2, 3], "That is the plain average: every value counts alike in it."),
               Slip(lambda: np.cumsum(VALUES * ATTENTION) / ATTENTION.sum(),
                    "That divides by all the attention there will ever be. The average of step 1 knows only step 1."),
               Slip(lambda: np.cumsum(VALUES * ATTENTION), "Those are the sums n. The average divides by d."),
               Slip(lambda: np.cumsum(VALUES * np.exp(ATTENTION)) / np.cumsum(np.exp(ATTENTION)),
                    "That takes 1, 3, 4 for the logits. They are the attentions, e^a, already.")],
        hints=["Write down n and d after each step: both are running sums.",
               "n is 2, then 2 − 6, and so on; d is 1, then 1 + 3, and so on."]),
    Formula(
        "04.2", "One step of the average",
        "Write average(v, l, z, a): one step of the recursion, for arrays of any shape and logits of any size. Return v', l'.",
        truth=average, returns=("v'", "l'"),
        probes={"ordinary logits": _parts(1.0), "logits of size 1000": _parts(1000.0),
                "an average of nothing (l = −10^30)": _parts(1.0, start=-1e30)},
        slips=[Slip(lambda v, l, z, a: (v + sigmoid(l - a) * (z - v), average(v, l, z, a)[1]),
                    "l' is right. In v', the share that you give to the new value is the one that belongs to the past."),
               Slip(lambda v, l, z, a: (average(v, l, z, a)[0], l + a),
                    "v' is right. l' is the logarithm of a sum, not of a product.")],
        hints=["Which share w does e^a have of the sum e^l + e^a? Divide both by e^a, and it is the logistic function of a "
               "difference.",
               "log(e^l + e^a) overflows if one of them is 1000. Take the larger out of the sum: what stands in the "
               "logarithm then?",
               "np.logaddexp(l, a) is that; and σ(y) = (1 + tanh(y/2))/2 does not overflow either."]),
    Prediction(
        "04.3", "More attention for everybody",
        "A bias of 50 is added to all logits of an RWA, in all units and at all steps. The inputs are the same, and R_a and "
        "R_g are what they were. What becomes of the states h?",
        answer=_shifted,
        options={"they move towards ±1": "Attention is e^50 times as large, but so is the total weight that it is divided by.",
                 "they are infinite or NaN": "e^50 is 5·10^21, which float32 can still hold; and the library never forms e^a.",
                 "they stay as they are": "The factor e^50 stands in the numerator and in the denominator."},
        after="So a bias of the logits would have the gradient 0 for ever: the cell has none.",
        hints=["e^(a + 50) = e^50 e^a. Where does this factor go in n, and in d?", "And in the quotient n/d?"]),
    Formula(
        "04.4", "Back through the average",
        "Write average_backward(dv_new, dl_new, v, l, z, a): the gradients of one step v' = v + w (z − v), l' = log(e^l + "
        "e^a), with w = σ(a − l). Return dz, da, dv, dl.",
        truth=_average_backward, returns=("dz", "da", "dv", "dl"),
        probes={"one column": _back(1), "three columns": _back(3)},
        slips=[Slip(_without_l, "What reaches l' is not in it: dl_new comes back from the steps that follow, where l' is "
                                "read again."),
               Slip(_all_of_v, "dz, da and dl are right. v acts on v' twice: once by itself, and once in z − v."),
               Slip(_fixed_share, "w is taken as a given number. But w depends on a and on l, and dv_new says something of "
                                  "it.")],
        hints=["v' has three factors to think of: z, v and w. So dv_new gives dz, a part of dv, and dw.",
               "w = σ(a − l): the slope of σ is w (1 − w). With which sign does it reach a, and with which l?",
               "How much does log(e^l + e^a) grow if a grows a little? By the share that e^a has of the sum. And l?"]),
    Backward(
        "04.5", "The RWA from blank",
        "Write step_backward of the RWA: u = W_u x + b_u, g = W_g x + R_g h + b_g, z = u ⊙ tanh(g), a = W_a x + R_a h, w = "
        "σ(a − l), v' = v + w ⊙ (z − v), l' = log(e^l + e^a), h' = tanh(v'). The step notes u, tanh_g, z and w. Return dx, "
        "(dh, dv, dl).",
        step=rwa_step, n_in=3, n_hidden=4, state_names=("h", "v", "l"),
        params={"W_u": (4, 3), "W_g": (4, 3), "W_a": (4, 3), "R_g": (4, 4), "R_a": (4, 4), "b_u": (4, 1), "b_g": (4, 1)},
        after="Seven weights and three states: that is a whole cell of the literature, derived and confirmed.",
        hints=["Begin with dv_new: what comes from later steps, and what comes through h' = tanh(v'). From there exercise "
               "04.4 does most of it.",
               "z = u ⊙ tanh(g) is a product of two: each receives dz times the other. u has no slope, g has that of tanh.",
               "h acts by R_g and by R_a only; x by three matrices. Only u and g have a bias."]),
    Prediction(
        "04.6", "A recurrent network without recurrence",
        "We set R_g and R_a to 0 and keep them there while the RWA is trained, so that no state is ever fed back into a "
        "value or a logit. Which of the two tasks can it still learn?",
        answer=_without_recurrence,
        options={"neither": "What is left is an average with weights that depend on the input. For one of the two tasks that "
                            "is enough.",
                 "addition only": "An average of the two marked numbers is half of their sum, and a mark is an input. Counting "
                                  "is another matter: an average of equal things does not tell how many they are.",
                 "length only": "The other way round: an average of equal things does not tell how many they are.",
                 "both": "Not length: an average of equal things does not tell how many they are."},
        after="Addition was made to test long memory. For an average over everything it needs no recurrent weight at all.",
        hints=["Without R, z and a depend on the input of their own step alone. What is then left that connects the steps?",
               "Can you find z and a so that the average is that of the two marked numbers? And can an average count?"]),
    Number(
        "04.7", "How much attention a mark needs",
        "An addition of 1000 steps, done by attention alone: the two marked numbers have the logit k, the 998 others the "
        "logit 0. At which k do the others have exactly one hundredth of all attention, the marked numbers' included? Two "
        "decimals.",
        answer=lambda: float(np.log(RIVALS * (1 - SHARE) / SHARE / 2)), tolerance=8e-4,
        slips=[Slip(lambda: float(np.log(RIVALS / SHARE / 2)),
                    "Then the others have one hundredth of what the marked numbers have. Asked is one hundredth of all."),
               Slip(lambda: float(np.log(RIVALS * (1 - SHARE) / SHARE)),
                    "That would be right for a single marked number. There are two."),
               Slip(lambda: RIVALS * (1 - SHARE) / SHARE / 2, "That is the attention e^k. Asked is its logarithm, k."),
               Slip(lambda: float(np.log10(RIVALS * (1 - SHARE) / SHARE / 2)),
                    "That is the logarithm to base 10; attention is e^k.")],
        after="A thousand steps more cost a logit of 0.7 more: attention is cheap, for its logit grows as a logarithm.",
        hints=["The others together are paid 998 e^0, the marked ones 2 e^k. Write down the share of the others.",
               "998 / (998 + 2 e^k) = 0.01: solve for e^k."]),
]
