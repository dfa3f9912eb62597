"""A network that predicts a mixture of Gaussians (Bishop 1994; Graves 2013), with its negative log-likelihood as the loss."""

import numpy as np

import minirnn

K = 3       # components; the outputs are K logits, K means and K logarithms of deviations


def log_sum_exp(a):
    top = a.max(axis=1, keepdims=True)
    return top + np.log(np.exp(a - top).sum(axis=1, keepdims=True))


def mixture_loss(outputs, targets, weights=None):
    """-log p(target), the mean over steps and columns. Only the first row of the targets is predicted."""
    logits, mu, log_sigma = outputs[:, :K], outputs[:, K:2 * K], outputs[:, 2 * K:]
    target = targets[:, :1]
    positions = outputs.shape[0] * outputs.shape[2]

    log_pi = logits - log_sum_exp(logits)
    sigma = np.exp(log_sigma)
    z = (target - mu) / sigma
    log_joint = log_pi - 0.5 * z**2 - log_sigma - 0.5 * np.log(2 * np.pi)
    log_p = log_sum_exp(log_joint)

    resp = np.exp(log_joint - log_p)            # how much each component is responsible for the target
    dlogits = np.exp(log_pi) - resp
    dmu = -resp * z / sigma
    dlog_sigma = resp * (1 - z**2)
    doutputs = np.concatenate([dlogits, dmu, dlog_sigma], axis=1)
    return -log_p.mean(), doutputs / positions


def make(n_in, n_hidden):
    rng = np.random.default_rng(117)
    cell = minirnn.make_cell("lstm-peephole", n_in, n_hidden, rng=rng, dtype="float64")
    return minirnn.Model(cell, n_out=3 * K, rng=rng)
