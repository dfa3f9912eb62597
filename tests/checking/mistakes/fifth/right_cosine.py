"""Right: cosine normalisation (Luo et al. 2017), tanh of the cosine between each row of W and [x; h; 1], one example at a time.

The gradient of a cosine is written as a projection: what lies along the vector itself is taken away.
"""

import numpy as np
import minirnn

SHARP = 3.0


def unit(v):
    length = (v * v).sum() ** 0.5
    return v / length, length


def step(p, x, old):
    h = old[0]
    out = np.zeros_like(h)
    for n in range(x.shape[1]):
        s, _ = unit(np.hstack([x[:, n], h[:, n], [1.0]]))
        for j, row in enumerate(p["W"]):
            w, _ = unit(row)
            out[j, n] = np.tanh(SHARP * (w @ s))
    return (out,), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    D, (h,), (y,), (d,) = len(x), old, new, dnew
    dx, dh = np.zeros_like(x), np.zeros_like(h)
    for n in range(x.shape[1]):
        s, long = unit(np.hstack([x[:, n], h[:, n], [1.0]]))
        pull = np.zeros_like(s)
        for j, row in enumerate(p["W"]):
            w, wide = unit(row)
            slope = (1 + y[j, n]) * (1 - y[j, n]) * d[j, n] * SHARP
            cosine = w @ s
            grads["W"][j] += slope / wide * (s - cosine * w)
            pull += slope / long * (w - cosine * s)
        dx[:, n], dh[:, n] = pull[:D], pull[D:-1]         # the last one is that of the 1
    return dx, (dh,)


def make(n_in, n_hidden):
    W = np.random.default_rng(13).normal(size=(n_hidden, n_in + n_hidden + 1))
    return minirnn.FunctionCell(step, step_backward, {"W": W}, n_in=n_in, n_hidden=n_hidden)
