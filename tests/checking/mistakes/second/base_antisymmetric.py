"""Gated AntisymmetricRNN (Chang et al. 2019): the recurrent matrix is U - U^T, slightly damped, and the gate shares it."""

import numpy as np

from minirnn import Cell, Memo, Stack

EPS, GAMMA = 0.3, 0.1       # step size, damping


class AntisymmetricRNN(Cell):
    """A = U - U^T - GAMMA I;  z = sigmoid(W_z x + A h + b_z);  h' = h + EPS z tanh(W_n x + A h + b_n)."""

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("n", "z"), (H, D)), Stack("b", ("n", "z"), (H, 1)), Stack("U", (), (H, H))]

    def initialise(self, rng):
        super().initialise(rng)
        self.U[...] = rng.normal(0, 0.7, self.U.shape)

    def recurrent_matrix(self):
        return self.U - self.U.T - GAMMA * np.eye(self.n_hidden)

    def step(self, wx, old):
        h, = old
        Ah = self.recurrent_matrix() @ h
        a_n, a_z = self.split(wx)
        n = np.tanh(a_n + Ah)
        z = 1 / (1 + np.exp(-a_z - Ah))
        return (h + EPS * z * n,), Memo(n=n, z=z)

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        n, z = memo.n, memo.z
        dn = EPS * dh_new * z
        dz = EPS * dh_new * n
        da_n = dn * (1 - n**2)
        da_z = dz * z * (1 - z)
        A = self.recurrent_matrix()
        dh = dh_new + A.T @ (da_n + da_z)
        return np.vstack([da_n, da_z]), (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        for dwx, x, h in zip(dwxs, xs, olds[0]):
            grads.stacked["W"] += dwx @ x.T
            grads.stacked["b"] += dwx.sum(axis=1, keepdims=True)
            da_n, da_z = self.split(dwx)
            dA = (da_n + da_z) @ h.T
            grads["U"] += dA - dA.T
        return self.W.T @ dwxs


def make(n_in, n_hidden):
    return AntisymmetricRNN(n_in, n_hidden, rng=111, dtype="float64")
