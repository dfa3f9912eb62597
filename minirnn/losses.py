"""Losses: one number from the network's outputs, and its gradient with respect to them.

Each is called as `loss(outputs, targets, weights=None)` and returns `(value, doutputs)`.

- outputs: (T, n_out, B), the network's outputs; for the cross-entropies they are logits.
- targets: (T, n_out, B) floats; for `softmax_cross_entropy`, (T, B) integers, the right class.
- weights: (T, B), how much each position counts; by default all count the same. The value is the weighted mean over
  positions; for the cross-entropies it is in nats.

ValueError is raised if targets or weights do not fit the outputs, TypeError if one of them is of the wrong kind.
"""

import numpy as np

from . import checks
from .activations import sigmoid, softplus


def mean_squared_error(outputs, targets, weights=None):
    """The mean of (y − t)² over positions and outputs. Its gradient is 2(y − t), divided by their number."""
    outputs = _checked(outputs)
    targets = checks.floats("targets", targets, outputs.dtype, outputs.shape, "T, outputs, batch")
    error = outputs - targets
    return _mean(error**2, 2 * error, weights)


def sigmoid_cross_entropy(outputs, targets, weights=None):
    """−t log σ(y) − (1 − t) log(1 − σ(y)), for targets t from 0 to 1. Its gradient is σ(y) − t.

    Computed as log(1 + e^y) − t y, which is equal and finite for every y.
    """
    outputs = _checked(outputs)
    targets = checks.floats("targets", targets, outputs.dtype, outputs.shape, "T, outputs, batch")
    return _mean(softplus(outputs) - targets * outputs, sigmoid(outputs) - targets, weights)


def softmax_cross_entropy(outputs, targets, weights=None):
    """−log p[t] with p = softmax(y) over the outputs. Its gradient is p, minus 1 at the right class.

    The largest logit is subtracted first. That does not change p, and keeps every exponential within [0, 1].
    """
    outputs, targets = _checked(outputs), checks.array("targets", targets)
    n_steps, n_out, batch = outputs.shape
    if targets.dtype.kind not in "iu":
        raise TypeError(f"targets has dtype {targets.dtype}, expected integers (the index of the right class)")
    if targets.shape != (n_steps, batch):
        raise ValueError(f"targets has shape {targets.shape}, expected {(n_steps, batch)} (T, batch)")
    if targets.min() < 0 or targets.max() >= n_out:
        raise ValueError(f"targets has classes from {targets.min()} to {targets.max()}, expected 0 to {n_out - 1}")
    right = targets[:, None]
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    loss = np.log(total) - np.take_along_axis(shifted, right, axis=1)
    np.put_along_axis(p, right, np.take_along_axis(p, right, axis=1) - 1, axis=1)
    return _mean(loss, p, weights)


def _checked(outputs):
    outputs = checks.array("outputs", outputs)
    if outputs.dtype.kind not in "fc":
        raise TypeError(f"outputs has dtype {outputs.dtype}, expected floating point numbers")
    if outputs.ndim != 3 or not outputs.size:
        raise ValueError(f"outputs has shape {outputs.shape}, expected (T, outputs, batch), each of at least 1")
    return outputs


def _mean(losses, dlosses, weights):
    """The weighted mean of losses (T, k, B) over all its entries, and its gradient."""
    n_steps, n_terms, batch = losses.shape
    wide = np.result_type(losses.dtype, np.float64)             # the sum, not the elements, in double precision
    if weights is None:
        return losses.mean(dtype=wide)[()], dlosses / losses.size
    weights = checks.floats("weights", weights, np.float64, (n_steps, batch), "T, batch")
    total = weights.sum()
    if not total > 0:
        raise ValueError(f"weights sums to {total:g}, expected a positive sum")
    share = (weights / (total * n_terms))[:, None]
    return (losses * share).sum(dtype=wide)[()], (dlosses * share).astype(dlosses.dtype)
