"""The exercises of notebook 08: three broken backward passes, of which less is told each time."""

import numpy as np

from ..activations import sigmoid
from .backward import Backward


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
               "Draw the three equations as a graph. By how many ways does c' reach h'?",
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
]
