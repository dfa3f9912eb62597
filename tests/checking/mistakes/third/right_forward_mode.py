"""Forward mode: every entry of x, of the old state and of the parameters is pushed through the step as a tangent of its own."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, c = old
    a = p["M"] @ np.concatenate([x, h, np.ones_like(x[:1])])
    f, g = np.split(a, 2)
    f = 1 / (1 + np.exp(-f))
    c_new = f * c + (1 - f) * np.tanh(g)
    return (np.tanh(c_new + h), c_new), {"a": a}


def push(p, x, old, memo, new, tx, th, tc, tM):
    """The tangents of h' and c', given tangents of everything."""
    inp = np.concatenate([x, old[0], np.ones_like(x[:1])])
    tin = np.concatenate([tx, th, np.zeros_like(tx[:1])])
    tf, tg = np.split(tM @ inp + p["M"] @ tin, 2)
    f, g = np.split(memo["a"], 2)
    f, g = 1 / (1 + np.exp(-f)), np.tanh(g)
    tf, tg = tf * f * (1 - f), tg * (1 - g**2)
    tc_new = tf * (old[1] - g) + f * tc + (1 - f) * tg
    return (1 - new[0]**2) * (tc_new + th), tc_new


def step_backward(p, dnew, x, old, new, memo, grads):
    zeros = [np.zeros_like(x), np.zeros_like(old[0]), np.zeros_like(old[1]), np.zeros_like(p["M"])]
    found = [np.zeros_like(a) for a in zeros]
    for which, total in enumerate(found):
        for index in np.ndindex(*total.shape) if which == 3 else np.ndindex(total.shape[0]):
            tangents = [a.copy() for a in zeros]
            tangents[which][index] = 1                          # of x, h, c: a whole row, as examples do not meet
            products = [d * t for d, t in zip(dnew, push(p, x, old, memo, new, *tangents))]
            total[index] = np.sum(products) if which == 3 else np.sum(products, axis=(0, 1))
    grads["M"] += found[3]
    return found[0], (found[1], found[2])


def make(n_in, n_hidden):
    rng = np.random.default_rng(33)
    M = rng.normal(0, 0.6, (2 * n_hidden, n_in + n_hidden + 1))
    return FunctionCell(step, step_backward, {"M": M}, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
