"""Fast weights: a slow network that writes key ⊗ value into a small matrix, which fades, and reads it back.

The matrix M (2 keys × H/2 values) is kept flat in the second component of the state.

    a = W x + R h + b,   h0 = tanh(a)
    key = tanh(K h),   value = V x
    M' = λ M + η key ⊗ value            λ = sigmoid(decay), one for each key
    query = tanh(K h0)                  (the same K)
    h' = tanh(a + U M'ᵀ query)
"""

import numpy as np

import minirnn

ETA = 0.5
N_KEYS = 2


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def as_matrix(flat):
    return flat.reshape(N_KEYS, len(flat) // N_KEYS, -1)


def step(p, x, old):
    h, m = old
    M = as_matrix(m)
    lam = sigmoid(p["decay"])

    a = np.einsum("hd,db->hb", p["W"], x) + np.einsum("hj,jb->hb", p["R"], h) + p["b"]
    h0 = np.tanh(a)

    # write
    key = np.tanh(np.einsum("kh,hb->kb", p["K"], h))
    value = np.einsum("vd,db->vb", p["V"], x)
    M_new = lam * M + ETA * np.einsum("kb,vb->kvb", key, value)

    # read
    query = np.tanh(np.einsum("kh,hb->kb", p["K"], h0))
    read = np.einsum("kvb,kb->vb", M_new, query)
    h_new = np.tanh(a + np.einsum("hv,vb->hb", p["U"], read))

    return (h_new, M_new.reshape(m.shape)), dict(h0=h0, key=key, value=value, query=query, read=read)


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dm_new = dnew
    h, m = old
    h_new, m_new = new
    h0, key, value, query, read = (memo[name] for name in ("h0", "key", "value", "query", "read"))
    M, M_new, dM_new = as_matrix(m), as_matrix(m_new), as_matrix(dm_new)
    lam = sigmoid(p["decay"])

    # read
    dout = dh_new * (1 - h_new**2)
    grads["U"] += np.einsum("hb,vb->hv", dout, read)
    dread = np.einsum("hv,hb->vb", p["U"], dout)
    dM = dM_new + np.einsum("kb,vb->kvb", query, dread)
    dquery = np.einsum("kvb,vb->kb", M_new, dread)
    dquery_pre = dquery * (1 - query**2)
    grads["K"] += np.einsum("kb,hb->kh", dquery_pre, h0)
    dh0 = np.einsum("kh,kb->hb", p["K"], dquery_pre)
    da = dout + dh0 * (1 - h0**2)

    # write
    dlam = np.einsum("kvb,kvb->k", dM, M).reshape(N_KEYS, 1, 1)
    grads["decay"] += dlam * lam * (1 - lam)
    dkey = ETA * np.einsum("kvb,vb->kb", dM, value)
    dvalue = ETA * np.einsum("kvb,kb->vb", dM, key)
    dkey_pre = dkey * (1 - key**2)
    grads["K"] += np.einsum("kb,hb->kh", dkey_pre, h)
    grads["V"] += np.einsum("vb,db->vd", dvalue, x)

    # the slow network
    grads["W"] += np.einsum("hb,db->hd", da, x)
    grads["R"] += np.einsum("hb,jb->hj", da, h)
    grads["b"] += np.einsum("hb->h", da)[:, None]
    dx = np.einsum("hd,hb->db", p["W"], da) + np.einsum("vd,vb->db", p["V"], dvalue)
    dh = np.einsum("hj,hb->jb", p["R"], da) + np.einsum("kh,kb->hb", p["K"], dkey_pre)
    dm = (lam * dM).reshape(m.shape)
    return dx, (dh, dm)


def make(n_in, n_hidden):
    rng = np.random.default_rng(5)
    n_values = n_hidden // N_KEYS
    shapes = {"W": (n_hidden, n_in), "R": (n_hidden, n_hidden), "b": (n_hidden, 1), "K": (N_KEYS, n_hidden),
              "V": (n_values, n_in), "U": (n_hidden, n_values), "decay": (N_KEYS, 1, 1)}
    params = {name: rng.normal(0, 0.6, shape) for name, shape in shapes.items()}
    return minirnn.FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "m"))
