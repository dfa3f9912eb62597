"""The element-wise functions of the papers, in forms that neither overflow nor change the dtype, and their slopes.

Each function takes and returns an array of any shape, in float32, float64 or complex128. Complex input comes from the
complex-step derivative (see `gradcheck`). There, a function that must choose between two branches chooses by the real part.
NumPy orders complex numbers by their real part first, so `np.maximum` and `np.minimum` do just that.
"""

from typing import NamedTuple

import numpy as np

tanh = np.tanh


def tanh_slope(y):
    """tanh′(x) = 1 − y², where y = tanh(x)."""
    return 1 - y**2


def sigmoid(x):
    """σ(x) = 1/(1 + e^−x), written as (1 + tanh(x/2))/2.

    The two are the same function. But the second has no exponential that could overflow, and for very negative x it is
    exactly 0, where the first would give a subnormal: a number too small for some processors to multiply at full speed.
    """
    y = np.tanh(0.5 * x)
    y *= 0.5
    y += 0.5
    return y


def sigmoid_slope(y):
    """σ′(x) = y (1 − y), where y = σ(x)."""
    return y * (1 - y)


def log_sigmoid(x):
    """log σ(x), accurate where σ(x) itself would round to 0 or to 1."""
    return np.minimum(x, 0) - log1p(np.exp(np.minimum(x, -x)))


def softplus(x):
    """log(1 + e^x) = −log σ(−x)."""
    return np.maximum(x, 0) + log1p(np.exp(np.minimum(x, -x)))


def log1p(x):
    """log(1 + x), accurate for small x. NumPy's is not accurate for complex x, where log|1 + x| + i·arg(1 + x) is used."""
    if x.dtype.kind != "c":
        return np.log1p(x)
    return 0.5 * np.log1p(x.real * (2 + x.real) + x.imag**2) + 1j * np.arctan2(x.imag, 1 + x.real)


def relu(x):
    """max(x, 0). Its derivative at 0 is taken as 0."""
    return np.maximum(x, 0)


def relu_slope(y):
    """1 where y = relu(x) is above 0, else 0."""
    return y.real > 0


def identity(x):
    """x itself, for options that ask for no activation."""
    return x


def identity_slope(y):
    """1, whatever y is."""
    return 1


class Activation(NamedTuple):
    """A function y of x, and its slope as a function of y, which the step has kept anyway."""

    function: object
    slope: object


ACTIVATIONS = {
    "identity": Activation(identity, identity_slope),
    "relu": Activation(relu, relu_slope),
    "sigmoid": Activation(sigmoid, sigmoid_slope),
    "tanh": Activation(tanh, tanh_slope),
}


def log_add(a, b, share):
    """log(e^a + e^b), given share = σ(a − b), which is e^a's share of the sum.

    log(sum) = log(larger term) − log(its share of the sum). The larger of the two terms is at least half of the sum, so the
    second logarithm is between −log 2 and 0, whatever a and b are.
    """
    return np.maximum(a, b) - np.log(np.maximum(share, 1 - share))
