"""Multiplicative RNN (Sutskever et al. 2011): the input chooses the recurrent matrix, by way of factors. In-place, to save memory."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, = old
    fx = np.einsum("fd,db->fb", p["A"], x)
    fh = np.einsum("fh,hb->fb", p["B"], h)
    m = fx * fh
    a = np.einsum("hf,fb->hb", p["V"], m)
    a += p["W"] @ x
    a += p["b"]
    np.tanh(a, out=a)
    return (a,), {"fx": fx, "fh": fh, "m": m}


def step_backward(p, dnew, x, old, new, memo, grads):
    da, = dnew
    h, h_new = old[0], new[0]
    fx, fh, m = memo["fx"], memo["fh"], memo["m"]

    da *= 1 - h_new * h_new
    dm = np.einsum("hf,hb->fb", p["V"], da)
    dfx = dm * fh
    dfh = dm * fx

    grads["V"] += np.einsum("hb,fb->hf", da, m)
    grads["W"] += np.einsum("hb,db->hd", da, x)
    grads["b"] += np.einsum("hb->h", da)[:, None]
    grads["A"] += np.einsum("fb,db->fd", dfx, x)
    grads["B"] += np.einsum("fb,hb->fh", dfh, h)
    dx = p["W"].T @ da
    dx += np.einsum("fd,fb->db", p["A"], dfx)
    dh = np.einsum("fh,fb->hb", p["B"], dfh)
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(109)
    n_factors = n_hidden
    params = {
        "A": rng.normal(0, 0.9, (n_factors, n_in)),
        "B": rng.normal(0, 0.9, (n_factors, n_hidden)),
        "V": rng.normal(0, 0.9, (n_hidden, n_factors)),
        "W": rng.normal(0, 0.9, (n_hidden, n_in)),
        "b": rng.normal(0, 0.2, (n_hidden, 1)),
    }
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
