"""The exercises of notebook 06: what a discount does to an average, and to its gradient."""

import functools

import numpy as np

from ..activations import log_add, log_sigmoid, sigmoid
from ..cells import make_cell
from ..tasks import make_task
from ..training import evaluate, make_model, train
from ..unrolling import unroll
from .backward import Backward
from .values import Formula, Number, Prediction, Slip, derivative

GAMMA = 0.9


def _settled():
    """The newest value's share in percent, after very many steps of equal attention, and the half-life of a weight in steps."""
    l, w = -1e30, 1.0
    for _ in range(2000):
        past = np.log(GAMMA) + l
        w = sigmoid(np.float64(-past))
        l = log_add(0.0, past, w)
    return np.array([100 * w, np.log(0.5) / np.log(GAMMA)])


def sleeper():
    """An RDA of one unit with γ = 1/2: at an input of 0 it stores 0.8, at 1 it offers −0.8 for next to no attention."""
    cell = make_cell("rda", n_in=1, n_hidden=1, dtype="float64")
    for name, value in (("W_u", -1.6), ("b_u", 0.8), ("W_g", 0), ("R_g", 0), ("b_g", 20), ("W_gamma", 0), ("R_gamma", 0),
                        ("b_gamma", 0), ("W_a", -1000), ("R_a", 0)):
        cell.params[name][...] = value
    return cell


def _asleep():
    xs = np.ones((101, 1, 1))
    xs[0] = 0
    h = unroll(sleeper(), xs).hs[-1, 0, 0]
    return "it is still 0.8" if abs(h - 0.8) < 1e-6 else "it is as good as 0" if abs(h) < 1e-6 else "it is −0.8"


def _final_average(gamma, attention, z):
    v, l = 0 * z[0], -1e30
    for gamma_t, attention_t, z_t in zip(gamma, attention, z):
        past = np.log(gamma_t) + l
        w = sigmoid(np.log(attention_t) - past)
        v, l = v + w * (z_t - v), log_add(np.log(attention_t), past, w)
    return v


def _weights(gamma, attention):
    return derivative(lambda z: _final_average(gamma, attention, z), (np.ones(len(gamma)),))


def _with_own_discount(gamma, attention):
    raw = np.cumprod(gamma[::-1])[::-1] * attention
    return raw / raw.sum()


def _not_shared_out(gamma, attention):
    return np.append(np.cumprod(gamma[:0:-1])[::-1], 1) * attention


def _sequence(n_steps):
    return lambda rng: (rng.uniform(0.3, 0.95, n_steps), rng.uniform(0.2, 3, n_steps))


def _log_attention(kind, a):
    return a if kind == "exp" else log_sigmoid(a)


def _step(kind):
    def step(p, x, old):
        h, v, l = old
        z = np.tanh(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
        log_gamma = log_sigmoid(p["W_gamma"] @ x + p["R_gamma"] @ h + p["b_gamma"])
        a = p["W_a"] @ x + p["R_a"] @ h + (p["b_a"] if kind == "sigmoid" else 0)
        log_a = _log_attention(kind, a)
        w = sigmoid(log_a - log_gamma - l)
        v_new = v + w * (z - v)
        return (v_new, v_new, log_add(log_a, log_gamma + l, w)), {"z": z, "gamma": np.exp(log_gamma), "log_a": log_a, "w": w}
    return step


exp_step, sigmoid_step = _step("exp"), _step("sigmoid")
WEIGHTS = {f"{kind}_{gate}": (4, 3) if kind == "W" else (4, 4) for kind in "WR" for gate in ("z", "gamma", "a")}


@functools.cache
def far_copies():
    """An RWA trained on sequences of five copies: its share of right symbols in sequences of twenty-five."""
    task = make_task("multicopy", length=40, n_copied=3, symbols=4)
    model = make_model(task, "rwa", 48, rng=0)
    train(model, task, steps=900, batch=50, lr=0.005, until=task.criterion, rng=0)
    return evaluate(model, make_task("multicopy", length=200, n_copied=3, symbols=4))["symbols"]


EXERCISES = [
    Number(
        "06.1", "What a discount keeps",
        "The discount is γ = 0.9 at every step, and every value is paid the attention 1. Hand in two numbers: the share w of "
        "the newest value after very many steps, in percent, and after how many steps the weight of a value has halved (a "
        "fraction is fine).",
        answer=_settled,
        slips=[Slip(lambda: np.array([100 * GAMMA, np.log(0.5) / np.log(GAMMA)]),
                    "The second is right. The first is the share of the past; asked is that of the newest."),
               Slip(lambda: np.array([1 - GAMMA, np.log(0.5) / np.log(GAMMA)]), "Nearly: the share is asked for in percent."),
               Slip(lambda: np.array([100 * (1 - GAMMA), 1 / (1 - GAMMA)]),
                    "The first is right. The second is d in the long run, which one may call the number of steps remembered; "
                    "asked is the half-life."),
               Slip(lambda: np.array([100 * (1 - GAMMA), 0.5 / (1 - GAMMA)]),
                    "The first is right. A weight does not fall in a straight line: each step multiplies it.")],
        hints=["In the long run d does not change any more: d = 0.9 d + 1. What is d, and which share of it is the newest 1?",
               "After k steps a weight has met k factors of 0.9. For which k is 0.9^k one half?"]),
    Prediction(
        "06.2", "A discount and no attention",
        "A unit has stored v = 0.8. For the next 100 steps its discount is γ = 1/2, and it pays the new values, all −0.8, an "
        "attention of e^(−1000). What is v then? (2^(−100) is about 10^(−30).)",
        answer=_asleep,
        options={"it is as good as 0": "So it would be in an LSTM with a forget gate of 1/2. But here the discount divides "
                                       "numerator and denominator alike, and their quotient does not notice.",
                 "it is still 0.8": "The discount makes the average lighter, so that a new value moves it more easily. As "
                                    "long as no new value is paid for, nothing moves it.",
                 "it is −0.8": "The average has become very light, 2^(−100) of what it weighed, but e^(−1000) is lighter "
                               "still."},
        after="A discount is no decay: it does not forget, it makes ready to be overwritten.",
        hints=["Write down n' and d' without the new value, and then their quotient.",
               "Is the attention e^(−1000) large or small beside what the average still weighs?"]),
    Formula(
        "06.3", "What every value weighs",
        "Write weights(gamma, attention): gamma (T,) and attention (T,) are the discounts and attentions of T steps. Return "
        "(T,): how much each value counts in the average after the last step.",
        truth=_weights,
        probes={"one step": _sequence(1), "two steps": _sequence(2), "six steps": _sequence(6)},
        slips=[Slip(lambda gamma, attention: attention / attention.sum(),
                    "There is no discount in it: these are the weights of an RWA."),
               Slip(_with_own_discount, "Nearly: a value is not discounted in its own step, but from the next one on."),
               Slip(_not_shared_out, "These are in the right proportion, but the weights of an average add up to 1.")],
        after="The rows of the tables in section 1 are made of such numbers, one row for each step.",
        hints=["Follow the value of step s: it is paid attention[s] in step s. What happens to it in step s + 1, and so on "
               "to the end?",
               "The product gamma[s + 1] gamma[s + 2] ... gamma[T − 1], times attention[s]. What is it for the last step, s "
               "= T − 1?",
               "At last divide by the sum of all of them, which is d."]),
    Formula(
        "06.4", "A GRU inside the RDA",
        "With d = 1 and γ = σ(k), for which logit of an exponential attention is d' = 1 again? Write logit(k): an array, "
        "from an array.",
        truth=lambda k: log_sigmoid(-k),
        probes={"ordinary k": lambda rng: (rng.normal(size=8),), "k up to 800": lambda rng: (np.linspace(-800, 800, 9),)},
        slips=[Slip(lambda k: 1 - sigmoid(k), "That is the attention itself, e^a. Asked is the logit a."),
               Slip(lambda k: -k, "That is the logit of w, log((1 − γ)/γ). Asked is the logarithm of the attention.")],
        after="With that logit d stays 1 and v' = γ v + (1 − γ) z: the update of a GRU, or of an LSTM whose gates are coupled.",
        hints=["1 = γ · 1 + e^a. What must e^a be?",
               "1 − σ(k) = σ(−k). Now take the logarithm so that σ(−800) = 0 does no harm.",
               "log σ(−k) = −log(1 + e^k), and np.logaddexp(0, k) is log(1 + e^k) for k of any size."]),
    Backward(
        "06.5", "A discounted average from blank",
        "Write step_backward of z = tanh(W_z x + R_z h + b_z), γ = σ(W_gamma x + R_gamma h + b_gamma), a = W_a x + R_a h, w "
        "= σ(a − log γ − l), v' = v + w ⊙ (z − v), l' = log(γ e^l + e^a), h' = v'. The step notes z, gamma and w. Return dx, "
        "(dh, dv, dl).",
        step=exp_step, n_in=3, n_hidden=4, state_names=("h", "v", "l"), params={**WEIGHTS, "b_z": (4, 1), "b_gamma": (4, 1)},
        after="log γ always stands beside l: what is right for one is right for the other.",
        hints=["log γ and l enter as their sum, in w and in l'. So the gradient of log γ is that of l: compute dl first.",
               "log γ = log σ(k). Why is the slope of log σ not γ (1 − γ)? The logarithm divides by γ.",
               "h' = v', so what reaches h' and what reaches v' from later steps are added."]),
    Backward(
        "06.6", "Mend the sigmoid attention",
        "The same cell, with the attention σ(a) in place of e^a, and a bias b_a. The backward pass in the notebook has two "
        "mistakes. The step notes z, gamma, log_a and w.",
        step=sigmoid_step, n_in=3, n_hidden=4, state_names=("h", "v", "l"), broken=True,
        params={**WEIGHTS, "b_z": (4, 1), "b_gamma": (4, 1), "b_a": (4, 1)},
        after="And b_a does not cancel here: σ(a + b) is not σ(a) times a number.",
        hints=["Two lines go through a logistic function to its argument. Which slopes do log σ(a) and log σ(k) have?",
               "What comes back to l' from later steps has two ways to go: which share of it goes to the new attention, and "
               "which to what was there before?"]),
    Prediction(
        "06.7", "An RWA in 25 copies",
        "An RWA of 48 units has learned to copy three symbols, five times in a sequence of 40 steps, with more than 97% of "
        "the symbols right. Now its sequences have 25 copies. Which share of all symbols is right? (Guessing one of four is "
        "right in 0.25.)",
        answer=far_copies, within=1.25,
        told="An average over the whole past gets heavier with each copy; beyond the length that it was trained at nothing "
             "new moves it.",
        hints=["Which quantity grows with every step, whatever the cell does?",
            "What becomes of w = σ(a − l) if a stays where it is?"]),
]
