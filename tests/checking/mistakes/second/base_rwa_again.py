"""The library's RWA; its backward pass derived again from v' = (1 - w) v + w z and l' = log(e^l + e^a)."""

import numpy as np

import minirnn


def d_tanh(y):
    return 1 - y**2


def d_sigmoid(y):
    return y * (1 - y)


class MyRWA(minirnn.CELLS["rwa"]):
    """Rows of wx: u, g, a; rows of R: g, a. z = u tanh(g), w = sigmoid(a - l), h' = tanh(v')."""

    def step_backward(self, dnew, old, new, memo):
        dh_new, dv_new, dl_new = dnew
        h, v, l = old
        h_new, v_new, l_new = new
        w, z, u = memo.w, memo.z, memo.u
        squashed = memo.tanh_g

        dv_new = dv_new + dh_new * d_tanh(h_new)
        dv = (1 - w) * dv_new
        dz = w * dv_new
        dw = (z - v) * dv_new

        dgap = dw * d_sigmoid(w)                    # of a - l
        da = dgap + w * dl_new                      # e^a is the share w of e^l'
        dl = (1 - w) * dl_new - dgap

        du = squashed * dz
        dg = u * dz * d_tanh(squashed)
        dga = np.concatenate([dg, da])
        return np.concatenate([du, dga]), (self.R.T @ dga, dv, dl)


def make(n_in, n_hidden):
    return MyRWA(n_in, n_hidden, rng=116, dtype="float64")
