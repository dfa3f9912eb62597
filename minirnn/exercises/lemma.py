"""The exercises of notebook 05: what an alternation costs, when it must end, and what a discount pays in its place."""

import functools

import numpy as np

from .. import lemma1
from ..activations import log_sigmoid
from ..experiments import train_short_test_long
from .backward import Backward
from .values import Formula, Number, Prediction, Slip

C, Z_MAX = 0.8, 3.0                             # the unit of 05.1
GROWTH = 1.25                                   # of the attention, in 05.5


def _buys(growth):
    """How many steps a thousandfold ratio buys, if each costs this factor."""
    return np.log(1000) / np.log(growth)


def _price(growth=None):
    growth = growth or lemma1.growth_factor(C, Z_MAX)
    return np.array([growth, _buys(growth)])


def _two_steps(c, low, high):
    """d grows by this factor from one turn upwards to the next, if the values lie between −low and high."""
    return lemma1.growth_factor(c, low) * lemma1.growth_factor(c, high)


def _limits(low, high):
    return lambda rng: (float(rng.uniform(0.2, 0.6)), low, high)


@functools.cache
def beyond_training():
    """What an RWA that was trained to alternate for 60 steps says at the steps after them."""
    trial = train_short_test_long("alternate", "rwa", length=60)
    right = trial.curve > 0.5
    first_wrong = int(np.argmin(right)) + 1
    late = right[480:].mean()
    if late > 0.9:
        return "right to the end"
    return "wrong from step 61 on" if first_wrong <= 61 else "right for a while, then guesses"


def _same_average():
    """The share of the newest value in the long run, if attention grows by GROWTH: and the discount that gives the same."""
    newest = np.zeros(500)
    newest[-1] = 1
    w = lemma1.running_average(newest, np.log(GROWTH) * np.arange(500))[-1]
    return np.array([1 - w, 100 * w])


def fading_step(p, x, old):
    h, l = old
    z = np.tanh(p["W"] @ x + p["R"] @ h + p["b"])
    log_gamma = log_sigmoid(p["k"])
    l_new = np.log(1 + np.exp(log_gamma + l))
    w = np.exp(-l_new)
    return (h + w * (z - h), l_new), {"z": z, "gamma": np.exp(log_gamma), "w": w}


EXERCISES = [
    Number(
        "05.1", "The price of ±0.8",
        "A unit of an RWA must hold h = ±0.8, in turn, with values |z| ≤ 3. By which factor does its attention grow at each "
        "step, at least? And how many more steps does it last if the largest attention that it can pay becomes a thousand "
        "times as large (a fraction is fine)? Hand in two numbers.",
        answer=_price,
        slips=[Slip(lambda: _price(lemma1.growth_bound(C, Z_MAX)),
                    "That is the published lower bound, and what it would buy. More must be paid."),
               Slip(lambda: _price((Z_MAX + C) / (Z_MAX - C)),
                    "The average is not at ±0.8: the output is its tanh. Where must the average be?"),
               Slip(lambda: np.array([lemma1.growth_factor(C, Z_MAX), 1000 / lemma1.growth_factor(C, Z_MAX)]),
                    "The first is right. But each further step multiplies the attention: the steps are an exponent."),
               Slip(lambda: np.array([lemma1.growth_factor(C, Z_MAX), np.log10(1000)]),
                    "The first is right. The second counts factors of ten; a step costs a factor of G.")],
        after="Nine more steps, for a thousand times the attention.",
        hints=["Where must the average be, for its tanh to be ±0.8? That is V; then G = (z_max + V)/(z_max − V).",
               "After n more steps the attention is G^n times as large. For which n is that 1000?"]),
    Prediction(
        "05.2", "Twice the attention",
        "With c = 0.5, z_max = 2 and a largest ratio of A = 20 the last step is 7. What is the last step with twice as much, "
        "A = 40? Hand in a number.",
        answer=lambda: lemma1.last_step(0.5, 2.0, 40), within=1.05,
        told="Every further step costs a factor of G = 1.757, and a factor of 2 buys one such step.",
        hints=["What must the attention be in step 8, if it was 14.4 in step 7?"]),
    Formula(
        "05.3", "Values that reach farther up than down",
        "The values of a unit lie between −low and +high, and its average must be at ±V in turn, V = artanh(c). Write "
        "growth_of_two_steps(c, low, high): the factor by which d grows, at least, in one step up and one step down together.",
        truth=_two_steps,
        probes={"equal limits": _limits(2.0, 2.0), "a larger high": _limits(1.5, 4.0), "a larger low": _limits(5.0, 1.0)},
        slips=[Slip(lambda c, low, high: lemma1.growth_factor(c, low) + lemma1.growth_factor(c, high),
                    "Those are the two factors, added. A sum that grows by one factor and then by another grows by their "
                    "product."),
               Slip(lambda c, low, high: lemma1.growth_factor(c, (low + high) / 2)**2,
                    "That takes the mean of the limits for both. But the price is no straight line: a near limit costs more "
                    "than a far one saves."),
               Slip(lambda c, low, high: lemma1.growth_factor(c, max(low, high))**2,
                    "That takes the farther limit for both ways. In one of the two directions no value reaches so far."),
               Slip(lambda c, low, high: lemma1.growth_bound(c, low) * lemma1.growth_bound(c, high),
                    "These are published bounds, in which 1/(1 − w) was replaced by 1 + w. Asked is what must be paid."),
               Slip(lambda c, low, high: lemma1.growth_factor(np.tanh(c), low) * lemma1.growth_factor(np.tanh(c), high),
                    "That would be right for an average at ±c. The output is at ±c; where is the average?")],
        after="With one limit infinite its factor is 1, and the other way still costs: there is no escape on one side.",
        hints=["Step 2 of the proof: a step that ends at +V needs the share 2V/(z + V). Which is the largest z there, high or "
               "low?",
               "A step that ends at −V is the mirror image. Which limit stands in for z_max then?",
               "Each of the two steps multiplies d by its own factor (limit + V)/(limit − V)."]),
    Prediction(
        "05.4", "Beyond the end of training",
        "An RWA has learned to say −, +, −, +, … over 60 steps, without a mistake. Now it runs for 960. What are its answers "
        "after step 60: \"wrong from step 61 on\", \"right for a while, then guesses\", or \"right to the end\"?",
        answer=beyond_training,
        options={"wrong from step 61 on": "Nothing in the network knows of step 60. Its units have not stopped in an instant, "
                                          "and a head can make much of little.",
                 "right for a while, then guesses": "The units fade, and the head makes up for it until there is nothing left "
                                                    "to make much of.",
                 "right to the end": "The head could do that for as long as there is a difference to amplify. But the "
                                    "swing of its units shrinks at every step, and soon what they swing around decides."},
        after="The lemma says that it must end. It does not say when.",
        hints=["Which of the three does Lemma 1 exclude for a unit? And for the head above the units?"]),
    Number(
        "05.5", "Two ways to one average",
        "An RWA pays 25% more attention at every step than at the step before. An RDA always pays 1, and both see the same "
        "values. With which constant discount γ are their averages the same at every step? And what is the share w of the "
        "newest value after very many steps, in percent? Hand in two numbers.",
        answer=_same_average,
        slips=[Slip(lambda: np.array([0.75, 25.0]),
                    "25% less does not undo 25% more: 1.25 times 0.75 is not 1."),
               Slip(lambda: np.array([1.25, 20.0]),
                    "The second is right. A γ above 1 would make the past heavier at each step."),
               Slip(lambda: np.array([0.8, 80.0]), "The first is right. The second is the share of the past."),
               Slip(lambda: np.array([0.2, 80.0]), "It is the other way round: one is what is kept, the other what is new."),
               Slip(lambda: np.array([0.8, 0.2]), "Nearly: the share is asked for in percent.")],
        after="To pay more for the new and to let the old count less are one and the same, but only the first must end.",
        hints=["Only ratios of attention matter. Divide all attention by that of the newest step, at every step anew: what "
               "becomes of the attention that was paid one step ago?",
               "In the long run d = γ d + 1. What is d, and which share of it is the newest 1?"]),
    Backward(
        "05.6", "An average that fades, from blank",
        "z = tanh(W x + R h + b), γ = σ(k) with one k per unit, l' = log(γ e^l + 1), w = e^(−l'), h' = h + w ⊙ (z − h). The "
        "state is (h, l). Write its step_backward; the step notes z, gamma and w. Add to grads of W, R, b and k, return dx, "
        "(dh, dl).",
        step=fading_step, n_in=3, n_hidden=4, state_names=("h", "l"),
        params={"W": (4, 3), "R": (4, 4), "b": (4, 1), "k": (4, 1)},
        after="A unit with γ = 1 averages over all that it ever saw; with a smaller γ it goes on for ever. Now k can learn it.",
        hints=["h' = h + w ⊙ (z − h) has three factors to go to: z, w, and h itself. Which share of dh' does each get?",
               "w acts on l' only by w = e^(−l'), whose slope is −w. So dl' gets a second term, beside what dnew brings.",
               "l' = log(γ e^l + 1): the past has the share γ e^l/(γ e^l + 1) of the sum. Why is that 1 − w?",
               "log γ stands beside l, so its gradient is that of l. The slope of log σ(k) is 1 − γ, and k is one number per "
               "unit: sum over the columns."]),
]
