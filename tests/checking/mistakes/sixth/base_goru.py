"""Gated unit with a nearly orthogonal transition (one Bjorck step on U) and a soft threshold on the modulus; a student's script."""

import numpy as np

from minirnn import FunctionCell

EPS = 0.1


def sigm(v):
    return 1 / (1 + np.exp(-v))


def bjorck(U):
    return 1.5 * U - 0.5 * U @ U.T @ U


def bjorck_backward(U, dQ):
    first = dQ @ U.T @ U
    second = U @ dQ.T @ U
    third = U @ U.T @ dQ
    return 1.5 * dQ - 0.5 * (first + second + third)


def modrelu(v, b):
    mod = np.sqrt(v * v + EPS)
    return v / mod * np.log(1 + np.exp(mod + b))


def modrelu_backward(dc, v, b):
    mod = np.sqrt(v * v + EPS)
    thr = np.log(1 + np.exp(mod + b))
    dthr = dc * v / mod
    dinner = dthr * sigm(mod + b)
    db = dinner.sum(axis=1, keepdims=True)
    dmod = dinner - dc * v * thr / mod ** 2
    dv = dc * thr / mod + dmod * v / mod
    return dv, db


def goru_step(p, x, old):
    h = old[0]
    r = sigm(p["Wr"] @ x + p["Ur"] @ h + p["br"])
    z = sigm(p["Wz"] @ x + p["Uz"] @ h + p["bz"])
    Qh = bjorck(p["U"]) @ h
    v = p["Wc"] @ x + r * Qh
    c = modrelu(v, p["bc"])
    h_new = z * h + (1 - z) * c
    return (h_new,), {"r": r, "z": z, "Qh": Qh, "v": v, "c": c}


def goru_backward(p, dnew, x, old, new, memo, grads):
    dh_new, h = dnew[0], old[0]
    r, z, Qh, v, c = memo["r"], memo["z"], memo["Qh"], memo["v"], memo["c"]

    # h_new = z * h + (1 - z) * c
    dz = dh_new * (h - c)
    dc = dh_new * (1 - z)
    dh = dh_new * z

    # c = modrelu(v, bc)
    dv, dbc = modrelu_backward(dc, v, p["bc"])
    grads["bc"] += dbc

    # v = Wc x + r * Qh
    grads["Wc"] += dv @ x.T
    dr = dv * Qh
    dQh = dv * r
    grads["U"] += bjorck_backward(p["U"], dQh @ h.T)
    dh = dh + bjorck(p["U"]).T @ dQh

    # the two gates
    dr_pre = dr * r * (1 - r)
    dz_pre = dz * z * (1 - z)
    grads["Wr"] += dr_pre @ x.T
    grads["Ur"] += dr_pre @ h.T
    grads["br"] += dr_pre.sum(axis=1, keepdims=True)
    grads["Wz"] += dz_pre @ x.T
    grads["Uz"] += dz_pre @ h.T
    grads["bz"] += dz_pre.sum(axis=1, keepdims=True)
    dh = dh + p["Ur"].T @ dr_pre + p["Uz"].T @ dz_pre
    dx = p["Wc"].T @ dv + p["Wr"].T @ dr_pre + p["Wz"].T @ dz_pre
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(51)
    p = {}
    for g in "rzc":
        p["W" + g] = rng.normal(0, 0.6, (n_hidden, n_in))
        p["b" + g] = rng.normal(0, 0.3, (n_hidden, 1))
    for g in "rz":
        p["U" + g] = rng.normal(0, 0.5, (n_hidden, n_hidden))
    p["U"] = np.linalg.qr(rng.normal(size=(n_hidden, n_hidden)))[0] + rng.normal(0, 0.15, (n_hidden, n_hidden))
    return FunctionCell(goru_step, goru_backward, p, n_in=n_in, n_hidden=n_hidden)
