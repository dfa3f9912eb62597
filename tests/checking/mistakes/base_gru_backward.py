"""Exercise: derive the backward pass of the library's GRU (reset before the matrix) again, by hand."""

import numpy as np

import minirnn


def d_sigmoid(y):
    return y - y * y


def d_tanh(y):
    return 1 - y * y


class MyGRU(minirnn.CELLS["gru"]):
    """Only step_backward is mine. h' = z h + (1 - z) n;  n = tanh(W_n x + R_n (r h) + b_n);  rows of wx: n, r, z."""

    def step_backward(self, dnew, old, new, memo):
        delta, = dnew
        h, = old
        r, z, n = memo.r, memo.z, memo.n
        delta_n = delta * (1 - z) * d_tanh(n)
        delta_z = delta * (h - n) * d_sigmoid(z)
        back = self.R_n.T @ delta_n                     # reaches r * h
        delta_r = back * h * d_sigmoid(r)
        R_r, R_z = self.split(self.R)
        dh = np.zeros_like(h)
        dh += delta * z                                 # kept
        dh += back * r                                  # through the candidate
        dh += R_r.T @ delta_r + R_z.T @ delta_z         # through the gates
        return np.vstack([delta_n, delta_r, delta_z]), (dh,)


def make(n_in, n_hidden):
    return MyGRU(n_in, n_hidden, rng=16, dtype="float64")
