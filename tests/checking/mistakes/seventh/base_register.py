"""An RNN that looks back with two heads at its last three states, which it keeps in a shift register.

    score of head j for lag k:  (Q_j x) · h_k / sqrt(H) + lag_jk,    a_j = softmax over k,    r_j = sum_k a_jk h_k
    h' = tanh(W x + U_1 r_1 + U_2 r_2 + b),    and the register moves on by one place
"""

import numpy as np

import minirnn

HEADS = 2
LAGS = 3


def softmax(s):
    e = np.exp(s - s.real.max(axis=0))
    return e / e.sum(axis=0)


def step(p, x, old):
    H = len(old[0])
    total = p["W"] @ x + p["b"]
    queries, weights, reads = [], [], []
    for j in range(HEADS):
        q = p["Q"][j] @ x
        scores = []
        for k in range(LAGS):
            scores.append((q * old[k]).sum(axis=0) / np.sqrt(H) + p["lag"][j, k])
        a = softmax(np.array(scores))
        r = 0
        for k in range(LAGS):
            r = r + a[k] * old[k]
        total = total + p["U"][j] @ r
        queries.append(q)
        weights.append(a)
        reads.append(r)
    h_new = np.tanh(total)
    return (h_new, old[0], old[1]), {"q": np.array(queries), "a": np.array(weights), "r": np.array(reads)}


def step_backward(p, dnew, x, old, new, memo, grads):
    H = len(old[0])
    back_to_x = [lambda dq, j=j: p["Q"][j].T @ dq for j in range(HEADS)]

    dtotal = dnew[0] * (1 - new[0] ** 2)
    grads["W"] += dtotal @ x.T
    grads["b"] += dtotal.sum(axis=1, keepdims=True)
    dx = p["W"].T @ dtotal
    dold = [dnew[1].copy(), dnew[2].copy(), np.zeros_like(dnew[0])]

    for j in range(HEADS):
        q, a, r = memo["q"][j], memo["a"][j], memo["r"][j]
        grads["U"][j] += dtotal @ r.T
        dr = p["U"][j].T @ dtotal

        da = np.array([(dr * old[k]).sum(axis=0) for k in range(LAGS)])
        ds = a * (da - (a * da).sum(axis=0))

        dq = np.zeros_like(q)
        for k in range(LAGS):
            dold[k] += a[k] * dr
            dold[k] += ds[k] * q / np.sqrt(H)
            dq += ds[k] * old[k] / np.sqrt(H)
            grads["lag"][j, k] += ds[k].sum()
        grads["Q"][j] += dq @ x.T
        dx += back_to_x[j](dq)
    return dx, tuple(dold)


def make(n_in, n_hidden):
    rng = np.random.default_rng(1)
    params = {"W": rng.normal(0, 0.5, (n_hidden, n_in)), "b": rng.normal(0, 0.2, (n_hidden, 1)),
              "Q": rng.normal(0, 1, (HEADS, n_hidden, n_in)), "lag": rng.normal(0, 0.5, (HEADS, LAGS)),
              "U": rng.normal(0, 0.6, (HEADS, n_hidden, n_hidden))}
    return minirnn.FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "lag1", "lag2"))
