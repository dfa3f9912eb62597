"""DeltaNet as a recurrent cell: a fast weight matrix S (n_val, n_key), kept flat as a state, corrected towards v at key k.

    S' = S + beta (v - S k) k^T,   h' = tanh(Wo S' q + bo)       (H must be even: n_key = 2, n_val = H / 2)
"""
import numpy as np
from minirnn import FunctionCell

N_KEY = 2


def as_matrix(flat):
    return flat.reshape(-1, N_KEY, flat.shape[-1])


def step(p, x, old):
    h, S = old[0], as_matrix(old[1])
    xh = np.concatenate([x, h])
    q = p["Wq"] @ xh
    u = p["Wk"] @ xh
    norm = np.sqrt((u * u).sum(0) + 0.1)
    k = u / norm
    v = p["Wv"] @ xh
    beta = 1 / (1 + np.exp(-(p["wb"] @ xh)))
    err = v - np.einsum("ijb,jb->ib", S, k)
    S_new = S + beta * err[:, None] * k[None]
    o = np.einsum("ijb,jb->ib", S_new, q)
    h_new = np.tanh(p["Wo"] @ o + p["bo"])
    return (h_new, S_new.reshape(h.shape)), dict(xh=xh, q=q, norm=norm, k=k, v=v, beta=beta, err=err, o=o)


def step_backward(p, dnew, x, old, new, memo, grads):
    S, S_new = as_matrix(old[1]), as_matrix(new[1])
    q, k, v, beta, err, xh = (memo[name] for name in ("q", "k", "v", "beta", "err", "xh"))

    # read-out
    dz = dnew[0] * (1 - new[0] ** 2)
    grads["Wo"] += dz @ memo["o"].T
    grads["bo"] += dz.sum(1, keepdims=True)
    do = p["Wo"].T @ dz
    dq = np.einsum("ijb,ib->jb", S_new, do)
    dS = as_matrix(dnew[1]) + do[:, None] * q[None]

    # write
    derr = beta * np.einsum("ijb,jb->ib", dS, k)
    dk = beta * np.einsum("ijb,ib->jb", dS, err)
    dbeta = np.einsum("ijb,ib,jb->b", dS, err, k)[None]
    dS = dS - derr[:, None] * k[None]
    dk = dk - np.einsum("ijb,ib->jb", S, derr)

    # projections
    du = (dk - k * (k * dk).sum(0)) / memo["norm"]
    dab = dbeta * beta * (1 - beta)
    dxh = np.zeros_like(xh)
    for name, d in (("Wq", dq), ("Wk", du), ("Wv", derr), ("wb", dab)):
        grads[name] += d @ xh.T
        dxh += p[name].T @ d
    return dxh[:len(x)], (dxh[len(x):], dS.reshape(old[1].shape))


def make(n_in, n_hidden):
    rng = np.random.default_rng(99)
    n_val = n_hidden // N_KEY
    rows = {"Wq": N_KEY, "Wk": N_KEY, "Wv": n_val, "wb": 1}
    params = {name: rng.normal(0, 0.7, (n, n_in + n_hidden)) for name, n in rows.items()}
    params.update(Wo=rng.normal(0, 0.7, (n_hidden, n_val)), bo=rng.normal(0, 0.2, (n_hidden, 1)))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "S"))
