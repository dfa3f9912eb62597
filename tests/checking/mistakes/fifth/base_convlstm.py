"""ConvLSTM in one dimension (Shi et al. 2015): the units lie on a line, every gate is a convolution of width 3 over them.

The input is spread over the line by a matrix first; then the two channels are that image and h.
"""

import numpy as np
from minirnn import FunctionCell

K = 3
PAD = K // 2
GATES = ["i", "f", "o", "g"]


def pad(a):
    return np.pad(a, ((0, 0), (PAD, PAD), (0, 0)))


def conv(image, kernel, bias):
    """image (C, H, B), kernel (C, K) -> (H, B)"""
    n = image.shape[1]
    padded = pad(image)
    out = bias
    for ch in range(len(kernel)):
        for k in range(K):
            out = out + kernel[ch, k] * padded[ch, k:k + n]
    return out


def conv_backward(dout, image, kernel, dkernel, dbias):
    C, n, _ = image.shape
    padded = pad(image)
    dpadded = np.zeros_like(padded)
    for ch in range(C):
        for k in range(K):
            dkernel[ch, k] += np.sum(dout * padded[ch, k:k + n])
            dpadded[ch, k:k + n] += kernel[ch, k] * dout
    dbias += dout.sum()
    return dpadded[:, PAD:PAD + n]


def forward(p, x, old):
    h, c = old
    image = np.stack([p["Win"] @ x, h])
    a = {}
    for j, gate in enumerate(GATES):
        z = conv(image, p["kernel"][j], p["bias"][j])
        a[gate] = np.tanh(z) if gate == "g" else 1 / (1 + np.exp(-z))
    c_new = a["f"] * c + a["i"] * a["g"]
    th = np.tanh(c_new)
    return (a["o"] * th, c_new), {"image": image, "th": th, **a}


def backward(p, dnew, x, old, new, memo, grads):
    dh_next, dc_next = dnew
    _, c_old = old
    image, th = memo["image"], memo["th"]
    i, f, o, g = (memo[gate] for gate in GATES)

    dc = dc_next + dh_next * o * (1 - th * th)
    d = {
        "i": dc * g * i * (1 - i),
        "f": dc * c_old * f * (1 - f),
        "o": dh_next * th * o * (1 - o),
        "g": dc * i * (1 - g * g),
    }
    dimage = np.zeros_like(image)
    for j, gate in enumerate(GATES):
        dimage += conv_backward(d[gate], image, p["kernel"][j], grads["kernel"][j], grads["bias"][j])

    dspread, dh = dimage
    grads["Win"] += dspread @ x.T
    return p["Win"].T @ dspread, (dh, dc * f)


def make(n_in, n_hidden):
    rng = np.random.default_rng(4)
    params = {
        "Win": rng.normal(size=(n_hidden, n_in)) / np.sqrt(n_in),
        "kernel": rng.normal(size=(4, 2, K)) * 0.7,
        "bias": np.array([[0.1], [1.0], [-0.2], [0.3]]),
    }
    return FunctionCell(forward, backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
