"""Right, in the row layout of most courses: inside, a column per example becomes a row per example, and the other way at the end."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    X, H = x.T, old[0].T                                    # (B, D), (B, H)
    A = X.dot(p["Wx"]) + H.dot(p["Wh"]) + p["b"]            # Wx (D, 3H), Wh (H, 3H), b (3H,)
    n = H.shape[1]
    U = 1 / (1 + np.exp(-A[:, :2 * n]))
    z, s = U[:, :n], U[:, n:]
    C = np.tanh(A[:, 2 * n:])
    new = z * H + (1 - z) * s * C
    return (np.ascontiguousarray(new.T),), {"z": z.T, "s": s.T, "C": C.T}


def step_backward(p, dnew, x, old, new, memo, grads):
    D, X, H = dnew[0].T, x.T, old[0].T
    z, s, C = memo["z"].T, memo["s"].T, memo["C"].T
    dz = D * (H - s * C)
    ds = D * (1 - z) * C
    dC = D * (1 - z) * s
    dA = np.hstack([dz * z * (1 - z), ds * s * (1 - s), dC * (1 - C**2)])
    grads["Wx"] += X.T.dot(dA)
    grads["Wh"] += H.T.dot(dA)
    grads["b"] += dA.sum(axis=0)
    return dA.dot(p["Wx"].T).T, ((D * z + dA.dot(p["Wh"].T)).T,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(201)
    params = {"Wx": rng.normal(0, 0.8, (n_in, 3 * n_hidden)), "Wh": rng.normal(0, 0.6, (n_hidden, 3 * n_hidden)),
              "b": rng.normal(0, 0.3, 3 * n_hidden)}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
