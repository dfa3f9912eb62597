"""The library's IndRNN (relu), with a backward pass of my own that goes over time and units in plain loops."""

import numpy as np

import minirnn


class MyIndRNN(minirnn.CELLS["indrnn"]):
    """h' = relu(W x + u h + b)."""

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h_new, = new
        da = dh_new.copy()
        da[h_new.real <= 0] = 0
        dh = np.empty_like(da)
        for j in range(self.n_hidden):
            dh[j] = self.u[j] * da[j]
        return da, (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        n_steps = len(xs)
        dxs = np.zeros_like(xs)
        for t in range(n_steps):
            da, x, h = dwxs[t], xs[t], olds[0][t]
            grads["W"] += np.outer(da[:, 0], x[:, 0])
            for b in range(1, x.shape[1]):
                grads["W"] += np.outer(da[:, b], x[:, b])
            for j in range(self.n_hidden):
                grads["u"][j] += np.dot(da[j], h[j])
                grads["b"][j] += np.sum(da[j])
                dxs[t] += self.W[j][:, None] * da[j]
        return dxs


def make(n_in, n_hidden):
    cell = MyIndRNN(n_in, n_hidden, rng=115, dtype="float64")
    rng = np.random.default_rng(115)
    cell.W[...] = rng.normal(0, 0.8, cell.W.shape)
    cell.u[...] = rng.uniform(-1.1, 1.1, cell.u.shape)
    cell.b[...] = rng.uniform(0, 0.4, cell.b.shape)
    return cell
