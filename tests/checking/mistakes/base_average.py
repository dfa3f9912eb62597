"""A running weighted average over everything seen, after the RWA: numerator n and denominator d are carried as they are."""

import numpy as np

from minirnn import Cell, Memo, Stack


class RunningAverage(Cell):
    """u = tanh(W_u x + R_u h + b_u), w = exp(W_w x + R_w h + b_w), n' = n + w u, d' = d + w, h' = tanh(n'/d')."""

    state_names = ("h", "n", "d")

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("u", "w"), (H, D)), Stack("R", ("u", "w"), (H, H)), Stack("b", ("u", "w"), (H, 1))]

    def random_state(self, rng, batch):
        h, n, d = super().random_state(rng, batch)
        return h, n, 0.5 + d * d                    # a sum of exponentials is positive

    def step(self, wx, old):
        h, n, d = old
        a_u, a_w = self.split(wx + self.R @ h)
        u = np.tanh(a_u)
        w = np.exp(a_w)
        n_new = n + w * u
        d_new = d + w
        h_new = np.tanh(n_new / d_new)
        return (h_new, n_new, d_new), Memo(u=u, w=w)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dn_new, dd_new = dnew
        h, n, d = old
        h_new, n_new, d_new = new
        u, w = memo.u, memo.w
        dratio = dh_new * (1 - h_new**2)
        dn = dn_new + dratio / d_new
        dd = dd_new - dratio * n_new / d_new**2
        du = dn * w
        dw = dn * u + dd
        da_u = du * (1 - u**2)
        da_w = dw * w
        da = np.vstack([da_u, da_w])
        return da, (self.R.T @ da, dn, dd)


def make(n_in, n_hidden):
    return RunningAverage(n_in, n_hidden, rng=12, dtype="float64")
