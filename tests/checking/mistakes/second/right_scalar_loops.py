"""Right, without a single matrix product: plain loops over units, inputs and columns, as in C."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, = old
    H, B = h.shape
    z, n, out = np.zeros_like(h), np.zeros_like(h), np.zeros_like(h)
    for b in range(B):
        for i in range(H):
            a_z, a_n = p["bias"][0, i], p["bias"][1, i]
            for j in range(len(x)):
                a_z = a_z + p["w"][0, i, j] * x[j, b]
                a_n = a_n + p["w"][1, i, j] * x[j, b]
            for j in range(H):
                a_z = a_z + p["r"][0, i, j] * h[j, b]
                a_n = a_n + p["r"][1, i, j] * h[j, b]
            z[i, b] = 1 / (1 + np.exp(-a_z))
            n[i, b] = np.tanh(a_n)
            out[i, b] = z[i, b] * h[i, b] + (1 - z[i, b]) * n[i, b]
    return (out,), {"z": z, "n": n}


def step_backward(p, dnew, x, old, new, memo, grads):
    h, = old
    H, B = h.shape
    z, n = memo["z"], memo["n"]
    dx, dh = np.zeros_like(x), np.zeros_like(h)
    for b in range(B):
        for i in range(H):
            d = dnew[0][i, b]
            dh[i, b] += d * z[i, b]
            delta = (d * (h[i, b] - n[i, b]) * z[i, b] * (1 - z[i, b]),
                     d * (1 - z[i, b]) * (1 - n[i, b] * n[i, b]))
            for k in (0, 1):
                grads["bias"][k, i] += delta[k]
                for j in range(len(x)):
                    grads["w"][k, i, j] += delta[k] * x[j, b]
                    dx[j, b] += p["w"][k, i, j] * delta[k]
                for j in range(H):
                    grads["r"][k, i, j] += delta[k] * h[j, b]
                    dh[j, b] += p["r"][k, i, j] * delta[k]
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(205)
    params = {"w": rng.normal(0, 0.8, (2, n_hidden, n_in)), "r": rng.normal(0, 0.6, (2, n_hidden, n_hidden)),
              "bias": rng.normal(0, 0.3, (2, n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
