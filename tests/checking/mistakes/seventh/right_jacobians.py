"""A tensor-product RNN whose backward writes down the whole Jacobian of a step, one matrix for each example, and multiplies by it.

    h' = tanh(A [x; h; 1]) ⊙ sigmoid(C [x; h; 1])       A, C in one parameter (2, H, D + H + 1)
    c' = c / 2 + h' cos(c)
"""

import numpy as np

import minirnn


def parts(p, x, h):
    everything = np.vstack((x, h, np.ones_like(x[:1])))
    a, g = p["AC"] @ everything
    return everything, np.tanh(a), 1 / (1 + np.exp(-g))


def step(p, x, old):
    _, s, k = parts(p, x, old[0])
    h_new = s * k
    return (h_new, old[1] / 2 + h_new * np.cos(old[1])), None


def step_backward(p, dnew, x, old, new, memo, grads):
    (D, B), H = x.shape, len(old[0])
    everything, s, k = parts(p, x, old[0])
    dx, dh, dc = np.empty_like(x), np.empty_like(old[0]), np.empty_like(old[1])
    for n in range(B):
        c = old[1][:, n]
        by_pre = np.hstack((np.diag((1 - s[:, n]**2) * k[:, n]), np.diag(s[:, n] * k[:, n] * (1 - k[:, n]))))      # dh'/d(a, g)
        by_pre = np.vstack((by_pre, np.cos(c)[:, None] * by_pre))                                               # d(h', c')/d(a, g)
        by_c = np.vstack((np.zeros((H, H)), np.diag(0.5 - new[0][:, n] * np.sin(c))))
        row = np.concatenate((dnew[0][:, n], dnew[1][:, n]))
        at_pre = row @ by_pre
        at_all = at_pre @ p["AC"].reshape(2 * H, -1)
        dx[:, n], dh[:, n], dc[:, n] = at_all[:D], at_all[D:-1], row @ by_c
        grads["AC"] += np.multiply.outer(at_pre.reshape(2, H), everything[:, n])
    return dx, (dh, dc)


def make(n_in, n_hidden):
    rng = np.random.default_rng(33)
    params = {"AC": rng.normal(0, 0.5, (2, n_hidden, n_in + n_hidden + 1))}
    return minirnn.FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
