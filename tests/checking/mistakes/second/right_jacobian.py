"""Right, with whole Jacobians: dh = J^T dh', where J is an (H, H) matrix for every column; no memo, all is computed again."""

import numpy as np

from minirnn import FunctionCell


def parts(p, x, h):
    r = 1 / (1 + np.exp(-(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])))
    n = np.tanh(p["W_n"] @ x + p["R_n"] @ (r * h) + p["b_n"])
    return r, n


def step(p, x, old):
    _, n = parts(p, x, old[0])
    return (0.5 * (old[0] + n),), None


def step_backward(p, dnew, x, old, new, memo, grads):
    d, = dnew
    h, = old
    r, n = parts(p, x, h)
    eye = np.eye(len(h))
    slope_r, slope_n = r * (1 - r), 1 - n * n

    dr_dh = np.einsum("ib,ij->bij", slope_r, p["R_r"])                          # one (H, H) matrix per column
    drh_dh = np.einsum("ij,ib->bij", eye, r) + h.T[:, :, None] * dr_dh
    dn_dh = slope_n.T[:, :, None] * (p["R_n"] @ drh_dh)
    J = 0.5 * (eye + dn_dh)

    dr_dx = np.einsum("ib,id->bid", slope_r, p["W_r"])
    dn_dx = slope_n.T[:, :, None] * (p["W_n"] + p["R_n"] @ (h.T[:, :, None] * dr_dx))

    e_n = 0.5 * d * slope_n
    e_r = (p["R_n"].T @ e_n) * h * slope_r
    for e, gate, read in ((e_n, "n", r * h), (e_r, "r", h)):
        grads["W_" + gate] += sum(np.outer(e[:, b], x[:, b]) for b in range(x.shape[1]))
        grads["R_" + gate] += sum(np.outer(e[:, b], read[:, b]) for b in range(x.shape[1]))
        grads["b_" + gate] += e @ np.ones((x.shape[1], 1))
    return np.einsum("bid,ib->db", 0.5 * dn_dx, d), (np.einsum("bij,ib->jb", J, d),)


def make(n_in, n_hidden):
    rng = np.random.default_rng(202)
    params = {}
    for k in "rn":
        params["W_" + k] = rng.normal(0, 0.8, (n_hidden, n_in))
        params["R_" + k] = rng.normal(0, 0.7, (n_hidden, n_hidden))
        params["b_" + k] = rng.normal(0, 0.3, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
