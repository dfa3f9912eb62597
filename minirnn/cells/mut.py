"""MUT1, MUT2 and MUT3: three cells from an evolutionary search that do as well as GRU and LSTM, or better.

Jozefowicz, Zaremba and Sutskever changed cells at random, operation by operation, and kept those that learned well. They
tried more than ten thousand. The best of them look like a GRU:

    h' = n ⊙ z + h ⊙ (1 − z)    with a candidate    n = tanh(R_h (r ⊙ h) + ... + b_h)

so a part of the gradient goes straight back, dh = (1 − z) ⊙ dh', as in the GRU. (Here z is the fraction of the new; in our
GRU, see `gru.py`, it is that of the old.) The three differ in what the gates and the candidate read:

             update gate z                  reset gate r            candidate n, added to R_h (r ⊙ h)
    MUT1     W_z x                          W_r x + R_r h           tanh(x)
    MUT2     W_z x + R_z h                  x + R_r h               W_h x
    MUT3     W_z x + R_z tanh(h)            W_r x + R_r h           W_h x

MUT1 and MUT2 add x itself to a vector of size H, for which the paper needs D = H. With D = H these cells are the
paper's, exactly. With D ≠ H a learned matrix P (H, D) stands in for the identity: tanh(P x) and P x.
"""

import numpy as np

from ..activations import sigmoid, tanh
from .cell import Cell, Memo, columns, stack
from .parameters import Stack


class MUT(Cell):
    """What the three cells share: two gates, a candidate, and how they make the new state.

    The rows of all pre-activations are in the order h (the candidate), z, r. Each of the three cells defines the part that
    depends on x (`input_terms`) and how the gates read h (`gates`), both with their derivatives.
    """

    source = "Jozefowicz, Zaremba & Sutskever 2015, An empirical exploration of recurrent network architectures"

    def step(self, wx, old):
        h, = old
        a_h, a_zr = wx[:self.n_hidden], wx[self.n_hidden:]
        z, r = self.split(sigmoid(self.gates(a_zr, h)))
        n = tanh(a_h + self.R_h @ (r * h))
        h_new = n * z + h * (1 - z)
        return (h_new,), Memo(z=z, r=r, n=n)

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h, = old
        z, r, n = memo.z, memo.r, memo.n
        dn, dz, dh = dh_new * z, dh_new * (n - h), dh_new * (1 - z)     # h' = n ⊙ z + h ⊙ (1 − z)
        da_h = dn * (1 - n**2)
        drh = self.R_h.T @ da_h                                         # R_h (r ⊙ h)
        dr, dh = drh * h, dh + drh * r                                  # r ⊙ h
        da_zr = stack(dz * z * (1 - z), dr * r * (1 - r))
        return stack(da_h, da_zr), (dh + self.gates_backward(da_zr, h),)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        da, h = columns(dwxs), columns(olds[0])
        grads["R_h"] += da[:self.n_hidden] @ columns(memos.r * olds[0]).T
        grads.stacked["R"] += da[-len(self.R):] @ h.T
        grads.stacked["b"] += da.sum(axis=1, keepdims=True)
        return self.input_terms_backward(dwxs, xs, grads)

    # ---- how x enters: W x, or x itself ------------------------------------------------------------------------------

    def weigh(self, xs):
        """W x, (K, D, B) -> (K, rows of W, B)."""
        return self.W @ xs

    def weigh_backward(self, dys, xs, grads):
        grads.stacked["W"] += columns(dys) @ columns(xs).T
        return self.W.T @ dys

    def fit(self, xs):
        """x itself if D = H, otherwise P x: (K, D, B) -> (K, H, B)."""
        return xs if self.n_in == self.n_hidden else self.P @ xs

    def fit_backward(self, dys, xs, grads):
        if self.n_in == self.n_hidden:
            return dys
        grads["P"] += columns(dys) @ columns(xs).T
        return self.P.T @ dys


class MUT1(MUT):
    """MUT1: the update gate reads only the input, and the candidate adds tanh(x) without a matrix."""

    equations = {
        "z": "z = σ(W_z x + b_z)",
        "r": "r = σ(W_r x + R_r h + b_r)",
        "h'": "h' = tanh(R_h (r ⊙ h) + tanh(x) + b_h) ⊙ z + h ⊙ (1 − z)       where D ≠ H: tanh(P x)",
    }

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        stacks = [Stack("W", ("z", "r"), (H, D)), Stack("R", ("r",), (H, H)), Stack("R_h", (), (H, H)),
                  Stack("b", ("h", "z", "r"), (H, 1))]
        return stacks if D == H else [*stacks, Stack("P", (), (H, D))]

    def input_terms(self, xs):
        return np.concatenate([tanh(self.fit(xs)), self.weigh(xs)], axis=1) + self.b

    def input_terms_backward(self, dwxs, xs, grads):
        da_h, da_zr = np.split(dwxs, [self.n_hidden], axis=1)
        dx = self.fit_backward(da_h * (1 - tanh(self.fit(xs))**2), xs, grads)
        return dx + self.weigh_backward(da_zr, xs, grads)

    def gates(self, a_zr, h):
        a_z, a_r = self.split(a_zr)
        return stack(a_z, a_r + self.R @ h)

    def gates_backward(self, da_zr, h):
        da_z, da_r = self.split(da_zr)
        return self.R.T @ da_r


class MUT2(MUT):
    """MUT2: the reset gate adds x without a matrix, and both gates read h."""

    equations = {
        "z": "z = σ(W_z x + R_z h + b_z)",
        "r": "r = σ(x + R_r h + b_r)                                           where D ≠ H: P x",
        "h'": "h' = tanh(R_h (r ⊙ h) + W_h x + b_h) ⊙ z + h ⊙ (1 − z)",
    }

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        stacks = [Stack("W", ("h", "z"), (H, D)), Stack("R", ("z", "r"), (H, H)), Stack("R_h", (), (H, H)),
                  Stack("b", ("h", "z", "r"), (H, 1))]
        return stacks if D == H else [*stacks, Stack("P", (), (H, D))]

    def input_terms(self, xs):
        return np.concatenate([self.weigh(xs), self.fit(xs)], axis=1) + self.b

    def input_terms_backward(self, dwxs, xs, grads):
        da_hz, da_r = np.split(dwxs, [2 * self.n_hidden], axis=1)
        return self.weigh_backward(da_hz, xs, grads) + self.fit_backward(da_r, xs, grads)

    def gates(self, a_zr, h):
        return a_zr + self.R @ h

    def gates_backward(self, da_zr, h):
        return self.R.T @ da_zr


class MUT3(MUT):
    """MUT3: the update gate reads tanh(h), and x always goes through a matrix, so that D may differ from H."""

    equations = {
        "z": "z = σ(W_z x + R_z tanh(h) + b_z)",
        "r": "r = σ(W_r x + R_r h + b_r)",
        "h'": "h' = tanh(R_h (r ⊙ h) + W_h x + b_h) ⊙ z + h ⊙ (1 − z)",
    }

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("h", "z", "r"), (H, D)), Stack("R", ("r",), (H, H)), Stack("R_z", (), (H, H)),
                Stack("R_h", (), (H, H)), Stack("b", ("h", "z", "r"), (H, 1))]

    def input_terms(self, xs):
        return self.weigh(xs) + self.b

    def input_terms_backward(self, dwxs, xs, grads):
        return self.weigh_backward(dwxs, xs, grads)

    def gates(self, a_zr, h):
        a_z, a_r = self.split(a_zr)
        return stack(a_z + self.R_z @ tanh(h), a_r + self.R @ h)

    def gates_backward(self, da_zr, h):
        da_z, da_r = self.split(da_zr)
        return self.R_z.T @ da_z * (1 - tanh(h)**2) + self.R.T @ da_r

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        da_h, da_z, da_r = self.split(columns(dwxs))
        grads["R_z"] += da_z @ columns(tanh(olds[0])).T
        return super().weight_gradients(dwxs, xs, olds, memos, grads)
