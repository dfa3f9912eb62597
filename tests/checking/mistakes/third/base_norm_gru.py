"""A GRU with the rows of PyTorch (r, z, n), whose two products are layer-normalised before they meet."""

import numpy as np

from minirnn import FunctionCell

EPS = 1e-5


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def layer_norm(a, gain, shift):
    centred = a - a.mean(axis=0, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=0, keepdims=True) + EPS)
    hat = centred / std
    return gain * hat + shift, hat, std


def layer_norm_backward(dout, hat, std, gain):
    dhat = dout * gain
    dgain = (dout * hat).sum(axis=1, keepdims=True)
    dshift = dout.sum(axis=1, keepdims=True)
    da = dhat - dhat.mean(axis=0, keepdims=True)
    da = da - hat * (dhat * hat).mean(axis=0, keepdims=True)
    return da / std, dgain, dshift


def step(p, x, old):
    h, = old
    gi, hat_i, std_i = layer_norm(p["w_ih"] @ x, p["gain_i"], p["shift_i"])
    gh, hat_h, std_h = layer_norm(p["w_hh"] @ h, p["gain_h"], p["shift_h"])
    i_r, i_z, i_n = np.split(gi, 3)
    h_r, h_z, h_n = np.split(gh, 3)
    r = sigmoid(i_r + h_r)
    z = sigmoid(i_z + h_z)
    n = np.tanh(i_n + r * h_n)
    memo = dict(hat_i=hat_i, std_i=std_i, hat_h=hat_h, std_h=std_h, i_n=i_n, h_n=h_n, r=r, z=z, n=n)
    return ((1 - z) * n + z * h,), memo


def step_backward(p, dnew, x, old, new, memo, grads):
    dhy, = dnew
    h, = old
    r, z, n, h_n = memo["r"], memo["z"], memo["n"], memo["h_n"]

    dn = dhy * (1 - z) * (1 - n**2)
    dz = dhy * (h - n) * z * (1 - z)
    dr = dn * h_n * r * (1 - r)

    dgi = np.concatenate([dr, dz, dn])
    dgh = np.concatenate([dr, dz, dn * r])
    dpi, dgain_i, dshift_i = layer_norm_backward(dgi, memo["hat_i"], memo["std_i"], p["gain_i"])
    dph, dgain_h, dshift_h = layer_norm_backward(dgh, memo["hat_h"], memo["std_h"], p["gain_h"])
    grads["gain_i"] += dgain_i
    grads["gain_h"] += dgain_h
    grads["shift_i"] += dshift_i
    grads["shift_h"] += dshift_h
    grads["w_ih"] += dpi @ x.T
    grads["w_hh"] += dph @ h.T

    dhx = p["w_hh"].T @ dph
    dhx += dhy * z
    dx = p["w_ih"].T @ dpi
    return dx, (dhx,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(13)
    H = n_hidden
    params = {"w_ih": rng.normal(size=(3 * H, n_in)), "w_hh": rng.normal(size=(3 * H, H))}
    for side in "ih":
        params["gain_" + side] = rng.uniform(0.5, 1.5, (3 * H, 1))
        params["shift_" + side] = rng.normal(0, 0.3, (3 * H, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
