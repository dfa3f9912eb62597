"""The exercises of notebook 08: three broken backward passes, of which less is told each time, one from blank, and a better
difference."""

import numpy as np

from ..activations import sigmoid
from .backward import Backward
from .values import Formula, Slip


def leaky_step(p, x, old):
    h, = old
    n = np.tanh(p["W"] @ x + p["R"] @ h + p["b"])
    alpha = sigmoid(p["k"])
    return (h + alpha * (n - h),), {"n": n}


def coupled_step(p, x, old):
    h, c = old
    a_i, a_o, a_g = (p[f"W_{gate}"] @ x + p[f"R_{gate}"] @ h + p[f"b_{gate}"] for gate in "iog")
    i, g = sigmoid(a_i), np.tanh(a_g)
    c_new = (1 - i) * c + i * g
    o = sigmoid(a_o + p["p"] * c_new)
    return (o * np.tanh(c_new), c_new), {"i": i, "o": o, "g": g}


def gru_step(p, x, old):
    h, = old
    r = sigmoid(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
    z = sigmoid(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
    n = np.tanh(p["W_n"] @ x + p["R_n"] @ (r * h) + p["b_n"])
    return (z * h + (1 - z) * n,), {"r": r, "z": z, "n": n}


def minimal_step(p, x, old):
    h, = old
    f = sigmoid(p["W_f"] @ x + p["R_f"] @ h + p["b_f"])
    n = np.tanh(p["W_n"] @ x + p["R_n"] @ (f * h) + p["b_n"])
    return ((1 - f) * h + f * n,), {"f": f, "n": n}


def _through_five_points(loss, theta, delta):
    """The slope at theta of the polynomial of degree four through the loss at theta, theta ± delta/2 and theta ± delta."""
    points = np.linspace(-1, 1, 5)
    return np.polyfit(points, [loss(theta + delta * point) for point in points], 4)[3] / delta


def _central(loss, theta, delta):
    return (loss(theta + delta) - loss(theta - delta)) / (2 * delta)


def _combined(of_half, of_whole):
    """The slope that the central differences with delta/2 and delta give, in these shares."""
    return lambda loss, theta, delta: of_half * _central(loss, theta, delta / 2) + of_whole * _central(loss, theta, delta)


def _at(loss, delta):
    return lambda rng: (loss, float(rng.normal()), delta)


def _gates(letters):
    return {f"{symbol}_{gate}": shape for symbol, shape in (("W", (4, 3)), ("R", (4, 4)), ("b", (4, 1))) for gate in letters}


EXERCISES = [
    Backward(
        "08.1", "The leaky unit: read",
        "n = tanh(W x + R h + b), α = σ(k), h' = h + α ⊙ (n − h), with one k per unit. The backward pass in the notebook has "
        "two mistakes: mend leaky_step_backward.",
        step=leaky_step, params={"W": (4, 3), "R": (4, 4), "b": (4, 1), "k": (4, 1)}, n_in=3, n_hidden=4, broken=True,
        hints=["Two lines are named. For each, write the equation that the line computes, then differentiate it once more.",
               "k is not α: by the chain rule, dk is dα times the slope of σ at k. What is that slope, in terms of α?",
               "R takes h (H numbers) to the pre-activation. What takes the gradient of the pre-activation back to h?"]),
    Backward(
        "08.2", "The coupled LSTM: look",
        "c' = (1 − i) ⊙ c + i ⊙ g, o = σ(a_o + p ⊙ c'), h' = o ⊙ tanh(c'). One mistake in step_backward of CoupledLSTM; hand "
        "in a cell.",
        step=coupled_step, params={**_gates("iog"), "p": (4, 1)}, n_in=3, n_hidden=4, state_names=("h", "c"), broken=True,
        detail="matrix",
        hints=["Is anything wrong that does not go through h'? Is o's own gradient wrong?",
               "Draw the three equations as a graph. In how many ways does c' reach h'?",
               "For each of those ways there must be a term in dc_new."]),
    Backward(
        "08.3", "The GRU: calculate",
        "r, z = σ(W_k x + R_k h + b_k), n = tanh(W_n x + R_n (r ⊙ h) + b_n), h' = z ⊙ h + (1 − z) ⊙ n. Three mistakes in "
        "gru_step_backward, and only numbers to find them by.",
        step=gru_step, params=_gates("rzn"), n_in=3, n_hidden=4, broken=True, detail="numbers",
        hints=["A quotient of exactly −1 in W, R and b of one gate is one mistake, not three.",
               "If W_n and b_n are right over one step but R_n is not, the outer product has the wrong second factor: what "
               "does R_n multiply?",
               "h acts on h' by four ways: count them, and what stands on each."]),
    Backward(
        "08.4", "The minimal gated unit: from blank",
        "f = σ(W_f x + R_f h + b_f), n = tanh(W_n x + R_n (f ⊙ h) + b_n), h' = (1 − f) ⊙ h + f ⊙ n. Write its step_backward; "
        "the step notes f and n. Add to all six grads, return dx, (dh,).",
        step=minimal_step, params=_gates("fn"), n_in=3, n_hidden=4,
        after="One gate in two roles: it resets what the candidate reads, and it mixes. So its gradient has two terms.",
        hints=["Write down every place in the three equations where f stands, and every place where h stands. Each place is a "
               "term of df or of dh.",
               "Begin with h' = (1 − f) ⊙ h + f ⊙ n: it gives dn, a first term of df and a first term of dh.",
               "The gradient of the product f ⊙ h inside the tanh is R_nᵀ da_n. What do its two factors get of it?",
               "Only when df has both of its terms does it go on through the slope f (1 − f)."]),
    Formula(
        "08.5", "Better than central",
        "The central difference D(δ) = (L(θ + δ) − L(θ − δ))/2δ is the slope plus a term in δ², plus one in δ⁴. Write "
        "better_slope(loss, theta, delta): a combination of D(δ) and D(δ/2) without the term in δ². `loss` is a function of "
        "one number.",
        truth=_through_five_points,
        probes={"a sine": _at(np.sin, 0.3), "an exponential": _at(np.exp, 0.5), "a fifth power": _at(lambda y: y**5, 0.2)},
        slips=[Slip(_central, "That is the central difference with δ alone: its error still falls with δ² only."),
               Slip(_combined(1, 0), "That is the central difference with δ/2 alone: a quarter of the error, but no term is "
                                      "gone."),
               Slip(_combined(2, -1), "In this combination a term in δ would cancel. The central difference has none: its "
                                       "first is the one in δ²."),
               Slip(_combined(4, -1), "The term in δ² is gone, but the slope itself now counts 4 − 1 times."),
               Slip(_combined(0.5, 0.5), "Both are off in the same direction, and so is their mean."),
               Slip(_combined(-1 / 3, 4 / 3), "These are the right shares, the wrong way round. Which of the two has the "
                                               "larger error, and by which factor?")],
        after="Its error falls with δ⁴. Richardson found that in 1911, and one can go on: with δ/4 the next term goes, too.",
        hints=["Let D(δ) = slope + K δ². What is D(δ/2) then?",
               "You have two equations for two unknowns, the slope and K. Get rid of K.",
               "4 D(δ/2) has K δ², just like D(δ). Subtract, and see how often the slope is left."]),
]
