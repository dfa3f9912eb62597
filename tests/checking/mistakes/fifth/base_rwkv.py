"""The time mixing of RWKV (Peng et al. 2023) as a cell: a weighted average, kept as numerator and denominator, with a
learned decay per channel and a bonus for the present; key, value and receptance also read h.

bonus and decay travel as rows of the input terms, so that their gradients come back as rows, too.
"""

import numpy as np
from minirnn import Cell
from minirnn.cells.cell import Memo
from minirnn.cells.parameters import Stack


class TimeMix(Cell):
    state_names = ("h", "num", "den")
    state_start = {"den": 1}

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("k", "v", "r"), (H, D)), Stack("R", ("k", "v", "r"), (H, H)), Stack("b", ("k", "v", "r"), (H, 1)),
                Stack("bonus", (), (H, 1)), Stack("decay", (), (H, 1))]

    def initialise(self, rng):
        super().initialise(rng)
        self.bonus[...] = rng.normal(0.3, 0.3, self.bonus.shape)
        self.decay[...] = rng.normal(-0.5, 0.5, self.decay.shape)

    def random_state(self, rng, batch):
        h, num, den = super().random_state(rng, batch)
        return h, num, 0.5 + np.abs(den)

    def input_terms(self, xs):
        wx = self.W @ xs + self.b
        ones = np.ones((len(xs), 1, xs.shape[2]), self.dtype)
        return np.concatenate([wx, self.bonus * ones, self.decay * ones], axis=1)

    def step(self, wx, old):
        H = self.n_hidden
        h, num, den = old
        k, v, r = self.split(wx[:3 * H] + self.R @ h)
        bonus, decay = wx[3 * H:4 * H], wx[4 * H:]
        r = 1 / (1 + np.exp(-r))
        eu = np.exp(bonus + k)
        ek = np.exp(k)
        total = den + eu
        wkv = (num + eu * v) / total
        w = np.exp(-np.exp(decay))
        new = r * wkv, w * num + ek * v, w * den + ek
        return new, Memo(v=v, r=r, eu=eu, ek=ek, total=total, wkv=wkv, w=w, decay=decay)

    def step_backward(self, dnew, old, new, memo):
        dy, dnum_new, dden_new = dnew
        _, num, den = old
        v, r, eu, ek, total, wkv, w = memo.v, memo.r, memo.eu, memo.ek, memo.total, memo.wkv, memo.w

        dr = dy * wkv * r * (1 - r)
        dwkv = dy * r
        dtop = dwkv / total
        dtotal = -dwkv * wkv / total

        deu = dtop * v + dtotal
        dek = dnum_new * v + dden_new
        dv = dtop * eu + dnum_new * ek
        dbonus = deu * eu
        dk = deu * eu + dek * ek

        dw = dnum_new * num + dden_new * den
        ddecay = -dw * w * np.exp(memo.decay)
        dnum = dtop + dnum_new * w
        dden = dtotal + dden_new * w

        dpre = np.concatenate([dk, dv, dr])
        dwx = np.concatenate([dpre, dbonus, ddecay])
        return dwx, (self.R.T @ dpre, dnum, dden)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        H = self.n_hidden
        for t in range(len(dwxs)):
            dpre = dwxs[t, :3 * H]
            grads.stacked["W"] += dpre @ xs[t].T
            grads.stacked["R"] += dpre @ olds[0][t].T
            grads.stacked["b"] += dpre.sum(axis=1, keepdims=True)
            grads["bonus"] += dwxs[t, 3 * H:4 * H].sum(axis=1, keepdims=True)
            grads["decay"] += dwxs[t, 4 * H:].sum(axis=1, keepdims=True)
        return self.W.T @ dwxs[:, :3 * H]


def make(n_in, n_hidden):
    return TimeMix(n_in, n_hidden, dtype="float64", rng=6)
