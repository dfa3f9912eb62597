"""An LSTM with exponential input gate, a normaliser n beside c, and recurrent matrices in blocks (heads); einsum style."""

import numpy as np

from minirnn import FunctionCell

HEADS = 2


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def step(p, x, old):
    h, c, n = old
    H, B = h.shape
    heads = h.reshape(HEADS, H // HEADS, B)
    a = np.einsum("ghd,db->ghb", p["W"], x) + p["b"]
    a = a + np.einsum("gnij,njb->gnib", p["R"], heads).reshape(4, H, B)
    i, f, o, z = np.exp(a[0]), sigmoid(a[1]), sigmoid(a[2]), np.tanh(a[3])
    c_new = f * c + i * z
    n_new = f * n + i
    den = np.sqrt(n_new**2 + 1)
    r = c_new / den
    return (o * r, c_new, n_new), dict(i=i, f=f, o=o, z=z, den=den, r=r)


def step_backward(p, dnew, x, old, new, memo, grads):
    dh, dc, dn = dnew
    h, c, n = old
    n_new = new[2]
    i, f, o, z, den, r = (memo[k] for k in ("i", "f", "o", "z", "den", "r"))
    H, B = h.shape

    do = dh * r
    dr = dh * o
    dc = dc + dr / den                                          # r = c' / den
    dn = dn - dr * r * n_new / den**2                           # den = sqrt(n'^2 + 1)
    di = dc * z + dn
    df = dc * c + dn * n
    dz = dc * i

    da = np.stack([di * i, df * f * (1 - f), do * o * (1 - o), dz * (1 - z**2)])
    da_heads = da.reshape(4, HEADS, H // HEADS, B)
    h_heads = h.reshape(HEADS, H // HEADS, B)
    grads["W"] += np.einsum("ghb,db->ghd", da, x)
    grads["R"] += np.einsum("gnib,njb->gnij", da_heads, h_heads)
    grads["b"] += da.sum(axis=2, keepdims=True)

    dx = np.einsum("ghd,ghb->db", p["W"], da)
    dh_old = np.einsum("gnij,gnib->njb", p["R"], da_heads).reshape(H, B)
    return dx, (dh_old, dc * f, dn * f)


def make(n_in, n_hidden):
    rng = np.random.default_rng(16)
    k = n_hidden // HEADS
    params = {"W": 0.4 * rng.normal(size=(4, n_hidden, n_in)), "R": 0.5 * rng.normal(size=(4, HEADS, k, k)),
              "b": 0.2 * rng.normal(size=(4, n_hidden, 1))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c", "n"))
