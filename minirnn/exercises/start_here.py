"""The exercises of notebook 00: shapes, one step by hand, and the first backward passes."""

import numpy as np

from ..activations import sigmoid
from ..cells import make_cell
from ..unrolling import unroll
from .backward import Backward
from .values import Number, Prediction, Slip

# The network of two units on the notebook's first pages, and its second column.
W, R, b = np.array([[0.5], [1.0]]), np.array([[0.5, -0.5], [-1.0, 0.5]]), np.array([[-0.4], [0.3]])
X, H = np.array([[-0.5]]), np.array([[0.6], [0.2]])
DH_NEW = np.array([[1.0], [-0.5]])


def two_units(scale=1.0):
    """The notebook's network, in double precision, with all its parameters times `scale`."""
    cell = make_cell("rnn", n_in=1, n_hidden=2, dtype="float64")
    for name, value in (("W", W), ("R", R), ("b", b)):
        cell.params[name][...] = scale * value
    return cell


def _new_state():
    return unroll(two_units(), X[None], (H,)).hs[0][:, 0]


def _old_gradient():
    run = unroll(two_units(), X[None], (H,))
    return run.backward(DH_NEW[None])[2][0][:, 0]


def _shrinks_by():
    x, h = np.array([[1.0]]), np.array([[0.4], [-0.2]])
    small, large = (unroll(two_units(scale), x[None], (h,)).backward(DH_NEW[None])[1]["W"][1, 0] for scale in (1, 5))
    return float(small / large)


def _slope():
    return 1 - _new_state()[:, None]**2


def tanh_step(p, x, old):
    h, = old
    return (np.tanh(p["W"] @ x + p["R"] @ h + p["b"]),), {}


def logistic_step(p, x, old):
    h, = old
    return (sigmoid(p["W"] @ x + p["R"] @ h + p["b"]),), {}


def product_step(p, x, old):
    h, = old
    q, r = np.tanh(p["W"] @ x + p["b"]), np.tanh(p["R"] @ h)
    return (q * r,), {"q": q, "r": r}


PARAMS = {"W": (4, 3), "R": (4, 4), "b": (4, 1)}

EXERCISES = [
    Number(
        "00.1", "The shape of a run",
        "A cell reads 3 features and has 5 units. You run it over a batch of 20 sequences, each of 7 steps. What is the shape "
        "of run.hs? Hand in three numbers: (…, …, …).",
        answer=lambda: np.array(unroll(make_cell("rnn", 3, 5), np.zeros((7, 3, 20))).hs.shape),
        slips=[Slip(lambda: np.array([20, 7, 5]), "That is batch first, as some libraries have it. Here an example is a "
                                                  "column: where does the batch stand in the shape of a matrix whose columns "
                                                  "are examples?"),
               Slip(lambda: np.array([7, 20, 5]), "That has an example per row. Here an example is a column."),
               Slip(lambda: np.array([7, 3, 20]), "That is the shape of the input xs. run.hs holds what the units answer."),
               Slip(lambda: np.array([5, 7, 20]), "Time comes first.")],
        hints=["What is one time step of hs? A matrix with one column per example. How many rows has it?",
               "Time stands in front of that matrix."]),
    Number(
        "00.2", "A step by hand",
        "The second column of the network of two units: x = −0.5, h = (0.6, 0.2). Compute h' with a pocket calculator, to "
        "three digits, and hand in two numbers.",
        answer=_new_state,
        slips=[Slip(lambda: (W @ X + R @ H + b)[:, 0], "That is the pre-activation a: the tanh is still to come."),
               Slip(lambda: np.tanh(W @ X + R @ H)[:, 0], "The bias b is not in it."),
               Slip(lambda: np.tanh(W @ X + R.T @ H + b)[:, 0], "That multiplies h with the columns of R. Row i of R belongs "
                                                                "to unit i."),
               Slip(lambda: np.tanh(W @ X + b)[:, 0], "That has not read the old state h."),
               Slip(lambda: np.tanh(R @ H + b)[:, 0], "That has not read the input x.")],
        hints=["First a_1 = W_1 x + R_11 h_1 + R_12 h_2 + b_1, with the numbers of the second column.",
               "The two pre-activations are negative, both between −1 and 0."]),
    Number(
        "00.3", "A step back by hand",
        "For the same column, with dh' = (1, −0.5): compute dh, the gradient of the loss with respect to the old state, to "
        "three digits. Hand in two numbers.",
        answer=_old_gradient,
        slips=[Slip(lambda: (R.T @ DH_NEW)[:, 0], "The slope of tanh, by which the gradient passes from h' to a, is not in "
                                                  "it."),
               Slip(lambda: (R @ (DH_NEW * _slope()))[:, 0], "That goes through R as the forward pass does. Unit 1 of the old "
                                                             "state acts on the units by the first column of R: sum over that "
                                                             "column."),
               Slip(lambda: (DH_NEW * _slope())[:, 0], "That is da. From a to the old state it goes once more through R."),
               Slip(lambda: (R.T @ (DH_NEW * (1 - H**2)))[:, 0], "That takes the slope at the old state h. tanh was applied to "
                                                                 "a, and gave h'."),
               Slip(lambda: (R.T @ (DH_NEW * (1 - _new_state()[:, None])))[:, 0], "The slope of tanh is not 1 − h'.")],
        hints=["First da_i = dh'_i times the slope of tanh at a_i. You know that slope from h'_i.",
               "h_1 acts on a_1 by R_11 and on a_2 by R_21. So dh_1 is a sum of two terms."]),
    Backward(
        "00.4", "The first backward pass",
        "Write step_backward(p, dnew, x, old, new, memo, grads) of h' = tanh(W x + R h + b), for any number of columns: add "
        "to grads[\"W\"], grads[\"R\"] and grads[\"b\"], and return dx, (dh,).",
        step=tanh_step, params=PARAMS, n_in=3, n_hidden=4,
        after="You have derived a gradient by hand and had it confirmed by a witness that knows no derivation.",
        hints=["dnew and new are tuples of one array each: dh_new, = dnew and h_new, = new. Begin with da.",
               "Every gradient has the shape of what it belongs to: W is (H, D), x is (D, B), da is (H, B). Which product of "
               "da and x is (H, D), and sums over the columns?",
               "The bias is added to every column, so its gradient is a sum over the columns; keepdims=True keeps it (H, 1)."]),
    Prediction(
        "00.5", "What a firm answer costs",
        "All parameters of the two units times 5: h'_2 rises from 0.664 to 0.999. By what factor does the gradient of W_2 "
        "shrink? Guess a number.",
        answer=_shrinks_by, within=3,
        told="The state moved by half; its slope 1 − h'² all but vanished. A unit that answers firmly hardly learns.",
        hints=["The gradient is in proportion to the slope 1 − h'². What is it at 0.664, and at 0.999?"]),
    Backward(
        "00.6", "Mend a logistic unit",
        "h' = σ(W x + R h + b), with σ(a) = 1/(1 + e^(−a)). The backward pass in the notebook has two mistakes.",
        step=logistic_step, params=PARAMS, n_in=3, n_hidden=4, broken=True,
        after="Every activation brings a slope of its own: look it up by its output, never by habit.",
        hints=["One mistake is a habit from tanh. What is the derivative of 1/(1 + e^(−a)), in terms of its value?",
               "The other is in what reaches the old state. R is square, so its shape does not complain: which way does a "
               "gradient go through it?"]),
    Backward(
        "00.7", "Two factors",
        "q = tanh(W x + b), r = tanh(R h), h' = q ⊙ r. Write its step_backward from blank; step notes memo[\"q\"] and "
        "memo[\"r\"].",
        step=product_step, params=PARAMS, n_in=3, n_hidden=4,
        after="A product of two signals is what a gate is; the LSTM has three of them.",
        hints=["The product rule: what multiplies dh' on its way to q? And on its way to r?",
               "From there each factor is a tanh layer, of which you have written one already: one reads x and b, the other "
               "h."]),
]
