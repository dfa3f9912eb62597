"""Attention over the features of the input (the encoder of DA-RNN, Qin et al. 2017), then an update gate unit (UGRNN).

Indices: a attention units, d features, i and j hidden units, n examples.
"""

import numpy as np
from minirnn import FunctionCell

N_ATT = 5


def sigma(y):
    return 0.5 * (1 + np.tanh(0.5 * y))


def step(P, x, old):
    (h,) = old
    n_in = len(x)
    query = np.einsum("aj,jn->an", P["Wq"], h) + P["bq"]
    s = np.tanh(query[:, None, :] + P["Wk"][:, :, None] * x[None, :, :])
    e = np.exp(np.einsum("a,adn->dn", P["v"], s))
    alpha = e / e.sum(0)
    xt = n_in * alpha * x
    c = np.tanh(np.einsum("id,dn->in", P["Wc"], xt) + np.einsum("ij,jn->in", P["Rc"], h) + P["bc"])
    g = sigma(np.einsum("id,dn->in", P["Wg"], xt) + np.einsum("ij,jn->in", P["Rg"], h) + P["bg"])
    h_new = g * h + (1 - g) * c
    return (h_new,), dict(s=s, alpha=alpha, xt=xt, c=c, g=g)


def step_backward(P, dnew, x, old, new, memo, G):
    (dh_new,) = dnew
    (h,) = old
    s, alpha, xt, c, g = memo["s"], memo["alpha"], memo["xt"], memo["c"], memo["g"]
    n_in = x.shape[0]

    # the update gate unit
    dac = dh_new * (1 - g) * (1 - c ** 2)
    dag = dh_new * (h - c) * g * (1 - g)
    dh = dh_new * g
    G["Wc"] += np.einsum("in,dn->id", dac, xt)
    G["Rc"] += np.einsum("in,jn->ij", dac, h)
    G["bc"] += np.einsum("in->i", dac)[:, None]
    G["Wg"] += np.einsum("in,dn->id", dag, xt)
    G["Rg"] += np.einsum("in,jn->ij", dag, h)
    G["bg"] += np.einsum("in->i", dag)[:, None]
    dxt = np.einsum("id,in->dn", P["Wc"], dac) + np.einsum("id,in->dn", P["Wg"], dag)
    dh = dh + np.einsum("ij,in->jn", P["Rc"], dac) + np.einsum("ij,in->jn", P["Rg"], dag)

    # the attention
    dalpha = n_in * dxt * x
    dx = n_in * dxt * alpha
    de = alpha * (dalpha - (alpha * dalpha).sum(0))
    G["v"] += np.einsum("dn,adn->a", de, s)
    ds = np.einsum("a,dn->adn", P["v"], de)
    dpre = ds * (1 - s ** 2)
    G["Wk"] += np.einsum("adn,dn->ad", dpre, x)
    dx = dx + np.einsum("adn,ad->dn", dpre, P["Wk"])
    dquery = dpre.sum(axis=1)
    G["Wq"] += np.einsum("an,jn->aj", dquery, h)
    G["bq"] += dquery.sum(axis=1, keepdims=True)
    dh = dh + np.einsum("aj,an->jn", P["Wq"], dquery)
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(8)
    shapes = {"Wq": (N_ATT, n_hidden), "bq": (N_ATT, 1), "Wk": (N_ATT, n_in), "v": (N_ATT,),
              "Wc": (n_hidden, n_in), "Rc": (n_hidden, n_hidden), "bc": (n_hidden, 1),
              "Wg": (n_hidden, n_in), "Rg": (n_hidden, n_hidden), "bg": (n_hidden, 1)}
    params = {name: rng.normal(0, 0.6, shape) for name, shape in shapes.items()}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
