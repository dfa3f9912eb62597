"""Matrix calculus by the book: explicit Jacobians, vec and Kronecker products, gradients as rows. Right, if wasteful."""

import numpy as np

from minirnn.cells.cell import Cell, Memo
from minirnn.cells.parameters import Stack


def vec(a):
    return a.reshape(-1, order="F")


class Kronecker(Cell):
    """a = W x + b + R h, h' = a / sqrt(1 + a^2), kept half."""

    def stacks(self):
        return [Stack("W", (), (self.n_hidden, self.n_in)), Stack("R", (), (self.n_hidden,) * 2), Stack("b", (), (self.n_hidden, 1))]

    def step(self, wx, old):
        a = wx + self.R @ old[0]
        return ((old[0] + a / np.sqrt(1 + a * a)) / 2,), Memo(a=a)

    def step_backward(self, dnew, old, new, memo):
        n, B = old[0].shape
        row = vec(dnew[0])[None]
        dphi = np.diag(vec((1 + memo.a ** 2) ** -1.5))
        row_a = row @ dphi / 2
        row_h = row / 2 + row_a @ np.kron(np.eye(B), self.R)
        return row_a.reshape((n, B), order="F"), (row_h.reshape((n, B), order="F"),)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        n = self.n_hidden
        dxs = np.empty_like(xs)
        for t in range(len(xs)):
            row_a = vec(dwxs[t])[None]
            for name, reads in (("W", xs[t]), ("R", olds[0][t]), ("b", np.ones_like(xs[t][:1]))):
                jac = np.kron(reads.T, np.eye(n))               # of vec(M r) with respect to vec(M)
                grads[name] += (row_a @ jac).reshape((n, -1), order="F")
            dxs[t] = (row_a @ np.kron(np.eye(xs.shape[2]), self.W)).reshape(xs[t].shape, order="F")
        return dxs


def make(n_in, n_hidden):
    return Kronecker(n_in, n_hidden, rng=63)
