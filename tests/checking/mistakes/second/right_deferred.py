"""Right, but backwards in organisation: step_backward returns only what it must, the gates' gradients are made in weight_gradients."""

import numpy as np

from minirnn import Cell, Memo, Stack


class DeferredMGU(Cell):
    """h' = (1 - f) h + f tanh(W_n x + b_n + R_n h), f = sigmoid(W_f x + b_f + u_f h). What step_backward
    returns for wx bends the contract: it is dh', twice, and weight_gradients multiplies it by the slopes."""

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("n", "f"), (H, D)), Stack("b", ("n", "f"), (H, 1)), Stack("R", ("n",), (H, H)), Stack("u", (), (H, 1))]

    def initialise(self, rng):
        super().initialise(rng)
        self.u[...] = rng.normal(size=self.u.shape)

    def input_terms(self, xs):
        return np.stack([self.W @ x + self.b for x in xs])

    def step(self, wx, old):
        h, = old
        wx = np.array(wx)
        wx[:self.n_hidden] += self.R @ h
        wx[self.n_hidden:] += self.u * h
        n, f = np.tanh(wx[:self.n_hidden]), np.reciprocal(1 + np.exp(-wx[self.n_hidden:]))
        return (h + f * (n - h),), Memo(n=n, f=f)

    def slopes(self, n, f, h):
        """What turns the gradient of h' into that of the two pre-activations, rows n and f."""
        return np.concatenate([f * (1 + n) * (1 - n), (n - h) * (f - f**2)], axis=-2)

    def step_backward(self, dnew, old, new, memo):
        h, = old
        twice = np.tile(dnew[0], (2, 1))
        through = twice * self.slopes(memo.n, memo.f, h)
        dh = dnew[0] - memo.f * dnew[0] + self.R.T @ through[:len(h)] + self.u * through[len(h):]
        return twice, (dh,)                         # not yet the gradient of wx: see below

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        h = olds[0]
        da = dwxs * self.slopes(memos.n, memos.f, h)
        da_n, da_f = np.split(da, 2, axis=1)
        grads.stacked["W"] += np.tensordot(da, xs, axes=([0, 2], [0, 2]))
        grads.stacked["b"] += np.add.reduce(np.add.reduce(da, axis=0), axis=1)[:, None]
        grads.stacked["R"] += np.tensordot(da_n, h, axes=((0, 2), (0, 2)))
        grads["u"] += np.einsum("tib,tib->i", da_f, h).reshape(-1, 1)
        return np.swapaxes(np.swapaxes(da, 1, 2) @ self.W, 1, 2)


def make(n_in, n_hidden):
    return DeferredMGU(n_in, n_hidden, rng=207, dtype="float64")
