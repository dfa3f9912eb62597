"""The exercises of notebook 11: products that are stacked, sums that are products, what is almost zero, and what is kept."""

import numpy as np

from ..activations import sigmoid
from ..cells import make_cell
from ..experiments import calls_of_a_step
from ..memory import kept
from .backward import Backward
from .values import Formula, Number, Prediction, Slip, derivative

FORGET_GATE, STEPS_BACK = 0.73, 1000            # of 11.4
LONG = 100_000                                  # the steps of 11.5


def _products():
    """The matrix products of one step forward, counted: of an RWA, and of a GRU."""
    return np.array([calls_of_a_step(make_cell(name, 2, 4))[0]["matmul"] for name in ("rwa", "gru")])


def stacked_step(p, x, old):
    h, = old
    a = p["W"] @ x + p["R"] @ h + p["b"]
    z, n = sigmoid(a[:len(h)]), np.tanh(a[len(h):])
    return (h + z * (n - h),), {"z": z, "n": n}


def _summed(das, hs):
    """The gradient of Σ_t Σ da_t ⊙ (R h_t) with respect to R."""
    return derivative(lambda R: (das * (R @ hs)).sum(), (np.zeros((das.shape[1], hs.shape[1])),))


def _side_by_side(a):
    return np.reshape(a, (a.shape[1], -1))


def _steps(K, batch):
    return lambda rng: (rng.normal(size=(K, 4, batch)), rng.normal(size=(K, 3, batch)))


def _what_is_left():
    """What float32 makes of a gradient of 1 that passes the forget gate so often."""
    dc = np.float32(1)
    for _ in range(STEPS_BACK):
        dc = dc * np.float32(FORGET_GATE)
    smallest = np.nextafter(np.float32(0), np.float32(1))
    return "exactly 0" if dc == 0 else "the smallest number there is" if dc <= 2 * smallest else "about 1e-137"


def _numbers_kept(k):
    """What an LSTM keeps in segments of k steps, in numbers per unit and column: of a segment's steps, and of all starts."""
    lstm = kept("lstm")
    return ((lstm.states + lstm.memo) * k + lstm.states * LONG / k) / 4


def _in_segments(k):
    lstm = kept("lstm")
    return np.array([k, (lstm.states + lstm.memo) / 4 * LONG / _numbers_kept(k)])


def _best_segment():
    k = np.arange(1, LONG + 1)
    return _in_segments(k[_numbers_kept(k).argmin()])


EXERCISES = [
    Number(
        "11.1", "How many products",
        "An RWA computes g and a from x and h. A GRU computes r and z from x and h, and n from x and r ⊙ h. The terms of x are "
        "computed beforehand. How many matrix products does one step of each need forward, if matrices are stacked wherever "
        "they can be? Hand in two whole numbers.",
        answer=_products,
        slips=[Slip(lambda: np.array([2, 3]), "That is one for each matrix. Which of them multiply the same thing?"),
               Slip(lambda: np.array([1, 1]), "The first is right. But the GRU's n multiplies r ⊙ h. When is that there?"),
               Slip(lambda: np.array([1, 3]), "The first is right. By the same reason two of the GRU's three become one."),
               Slip(lambda: np.array([2, 2]), "The second is right. By the same reason the RWA's two become one.")],
        after="What a step must wait for is what decides.",
        hints=["Matrices can stand on top of each other if they multiply the same thing. List what each matrix multiplies.",
               "And if it is there at the same time: r must be known before r ⊙ h is."]),
    Backward(
        "11.2", "Two gates, one product, from blank",
        "W is (2H, D), R is (2H, H), b is (2H, 1), with the rows of z above those of n: a = W x + R h + b, z = σ(a[:H]), n = "
        "tanh(a[H:]), h' = h + z ⊙ (n − h). Write its step_backward with one product each for dx, dh and the gradients of W "
        "and R. The step notes z and n. Return dx, (dh,).",
        step=stacked_step, params={"W": (8, 3), "R": (8, 4), "b": (8, 1)}, n_in=3, n_hidden=4,
        after="However many gates there are, four products stay four.",
        hints=["First as ever: dz, dn, and a first term of dh, from the last equation. Then each with the slope of its own "
               "function.",
               "Now put the two on top of each other, in the order in which a has them: np.concatenate([first, second]).",
               "With da of shape (2H, B), every product is the one of a single layer: da xᵀ, da hᵀ, Wᵀ da, Rᵀ da."]),
    Formula(
        "11.3", "A sum over time is one product",
        "Write summed(das, hs): das (K, G, B) and hs (K, H, B) are gradients and states of K steps. Return (G, H): the sum "
        "over all steps of da hᵀ, with one single product and no loop.",
        truth=_summed,
        probes={"a single step": _steps(1, 5), "one column": _steps(6, 1), "several steps and columns": _steps(6, 5)},
        slips=[Slip(lambda das, hs: _side_by_side(das) @ _side_by_side(hs).T,
                    "The shapes are right, but not the numbers in them: reshape takes them in the order of memory, where "
                    "the steps come first. Move the axis of the rows to the front before."),
               Slip(lambda das, hs: das[-1] @ hs[-1].T, "That is the last step's share alone."),
               Slip(lambda das, hs: _summed(das, hs) / len(das), "That is the mean over the steps. A gradient is their sum."),
               Slip(lambda das, hs: das.sum(axis=0) @ hs.sum(axis=0).T,
                    "That multiplies the sums. Each da_t belongs to its own h_t: a sum of products is no product of sums.")],
        after="The product does not care whether its columns are examples or steps.",
        hints=["The columns of one step are examples. Put the K steps side by side: K·B columns. What is then the product of "
               "(G, K·B) with the transpose of (H, K·B)?",
               "From (K, G, B) to (G, K·B): first the axes, then the shape. a.transpose(1, 0, 2) puts the rows to the front."]),
    Prediction(
        "11.4", "0.73 to the power of a thousand",
        "A gradient of 1 goes back through 1000 steps, and at each one it is multiplied by a forget gate of 0.73, in float32. "
        "0.73^1000 is 1e-137; the smallest number of float32 is 1.4e-45. What is left in the end: \"exactly 0\", \"the "
        "smallest number there is\", or \"about 1e-137\"?",
        answer=_what_is_left,
        options={"exactly 0": "So one would think. But each product is rounded to the nearest number, and 0.73 times the "
                              "smallest one is nearer to that than to 0.",
                 "the smallest number there is": "0.73 times the smallest number, rounded, is the smallest number: it never "
                                                 "gets past it.",
                 "about 1e-137": "In the real numbers, yes. float32 has nothing between 0 and 1.4e-45."},
        after="So it stays subnormal to the end, and every product on the way meets it.",
        hints=["Near the end of float32 numbers are 1.4e-45 apart. Where does 0.73 times 1.4e-45 lie, between which two?"]),
    Number(
        "11.5", "The best segment",
        "An LSTM, 100,000 steps in segments of k. Within a segment every step keeps 7 numbers per unit and column (h, c, and "
        "five in the memo); of each start of a segment only h and c are kept, 2 numbers. Which k keeps least? And how many "
        "times as much would be kept without segments, 7 numbers of every step? Hand in two numbers, to one percent.",
        answer=_best_segment, tolerance=0.01,
        slips=[Slip(lambda: _in_segments(LONG**0.5),
                    "That is √T. It is least if a start takes as much as a step of the segment; here it takes less."),
               Slip(lambda: _in_segments((LONG * 7 / 2)**0.5),
                    "It is the other way round: starts are the cheaper ones, so there may be more of them, and shorter "
                    "segments."),
               Slip(lambda: np.array([_best_segment()[0], LONG / _best_segment()[0]]),
                    "The first is right. The second counts the steps of a segment only; the starts of all others are kept "
                    "as well.")],
        after="√T keeps a fifth more, which nobody will notice; near its least, such a sum is flat.",
        hints=["Write what is kept as a function of k: 7 k for one segment, and 2 for each of the T/k starts.",
               "Where is 7 k + 2 T/k least? Its derivative is 7 − 2 T/k².",
               "At the best k both terms are equal. Then compare their sum with 7 T."]),
]
