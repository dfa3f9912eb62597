"""A clockwork RNN with smooth clocks: blocks of units move when their clock says so, and read only blocks as slow or slower.

Rows of wx: H of W x + b, then the clocks' phases and frequencies (one per block), which do not depend on x.
"""

import numpy as np

from minirnn.activations import sigmoid, tanh
from minirnn.cells.cell import Memo, stack
from minirnn.cells.elman import RNN
from minirnn.cells.parameters import Stack


class SmoothClockwork(RNN):
    """In block k:  h' = s tanh(W x + R h + b) + (1 - s) h,  s = sigmoid(3 cos(omega_k t + phi_k)),  t' = t + 1."""

    state_names = ("h", "t")
    blocks = 2
    sharpness = 3.0

    def stacks(self):
        return [*super().stacks(), Stack("phi", (), (self.blocks, 1)), Stack("omega", (), (self.blocks, 1))]

    def initialise(self, rng):
        for a in self.params.values():
            a[...] = rng.normal(0, 0.6, a.shape)
        self.omega[...] = 2 * np.pi / 2 ** np.arange(2, self.blocks + 2)[:, None]

    def rows(self):
        """Of each block, its rows."""
        n = self.n_hidden // self.blocks
        return [slice(k * n, (k + 1) * n) for k in range(self.blocks)]

    def input_terms(self, xs):
        clocks = np.concatenate([self.phi, self.omega])
        clocks = np.broadcast_to(clocks, (len(xs), 2 * self.blocks, xs.shape[2]))
        return np.concatenate([self.W @ xs + self.b, clocks], axis=1)

    def step(self, wx, old):
        h, t = old
        H, K = self.n_hidden, self.blocks
        phi, omega = wx[H:H + K], wx[H + K:]
        c, s, theta, h_new = (np.empty_like(h) for _ in range(4))
        for k, rows in enumerate(self.rows()):
            c[rows] = tanh(wx[rows] + self.R[rows, rows.start:] @ h[rows.start:])
            theta[rows] = omega[k] * t[rows] + phi[k]
            s[rows] = sigmoid(self.sharpness * np.cos(theta[rows]))
            h_new[rows] = s[rows] * c[rows] + (1 - s[rows]) * h[rows]
        return (h_new, t + 1), Memo(c=c, s=s, theta=theta)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dt_new = dnew
        h, t = old
        c, s, theta = memo.c, memo.s, memo.theta
        dh = dh_new * (1 - s)
        dt = dt_new.copy()
        da = dh_new * s * (1 - c**2)
        ds = dh_new * (c - h)
        dtheta = -ds * s * (1 - s) * self.sharpness * np.sin(theta)
        dphi = np.zeros((self.blocks, h.shape[1]), h.dtype)
        domega = np.zeros_like(dphi)
        for k, rows in enumerate(self.rows()):
            dh[rows.start:] += self.R[rows, rows.start:].T @ da[rows]
            dt[rows] += dtheta[rows] * self.omega[k]
            dphi[k] = dtheta[rows].sum(axis=0)
            domega[k] = (dtheta[rows] * t[rows]).sum(axis=0)
        return stack(da, dphi, domega), (dh, dt)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        H, K = self.n_hidden, self.blocks
        hs, _ = olds
        for dwx, x, h in zip(dwxs, xs, hs):
            da, dphi, domega = np.split(dwx, [H, H + K])
            grads["W"] += da @ x.T
            grads["b"] += da.sum(axis=1, keepdims=True)
            grads["phi"] += dphi.sum(axis=1, keepdims=True)
            grads["omega"] += domega.sum(axis=1, keepdims=True)
            for rows in self.rows():
                grads["R"][rows, rows.start:] += da[rows] @ h[rows.start:].T
        return self.W.T @ dwxs[:, :H]


def make(n_in, n_hidden):
    return SmoothClockwork(n_in, n_hidden, rng=54)
