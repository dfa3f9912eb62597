"""A gated residual block as recurrent cell, built from layer objects that remember their own inputs."""
import numpy as np
from minirnn import FunctionCell


class Affine:
    def __init__(self, W, b, dW=None, db=None):
        self.W, self.b, self.dW, self.db = W, b, dW, db

    def forward(self, X):
        self.X = X
        return self.W @ X + self.b

    def backward(self, dOut):
        self.dW += dOut @ self.X.T
        self.db += np.sum(dOut, axis=1, keepdims=True)
        return self.W.T @ dOut


class Tanh:
    def forward(self, X):
        self.out = np.tanh(X)
        return self.out

    def backward(self, dOut):
        return dOut * (1 - self.out ** 2)


class Sigmoid:
    def forward(self, X):
        self.out = 1 / (1 + np.exp(-X))
        return self.out

    def backward(self, dOut):
        return dOut * self.out * (1 - self.out)


class Multiply:
    def forward(self, A, B):
        self.A, self.B = A, B
        return A * B

    def backward(self, dOut):
        return dOut * self.B, dOut * self.A


class LayerScale:
    def __init__(self, gamma, dgamma=None):
        self.gamma, self.dgamma = gamma, dgamma

    def forward(self, X):
        self.X = X
        return self.gamma * X

    def backward(self, dOut):
        self.dgamma += np.sum(dOut * self.X, axis=1, keepdims=True)
        return dOut * self.gamma


class Block:
    def __init__(self, p, g=None):
        g = g or dict.fromkeys(p)
        self.fc1 = Affine(p["W1"], p["b1"], g["W1"], g["b1"])
        self.fc2 = Affine(p["W2"], p["b2"], g["W2"], g["b2"])
        self.fc3 = Affine(p["W3"], p["b3"], g["W3"], g["b3"])
        self.scale = LayerScale(p["gamma"], g["gamma"])
        self.gate = Sigmoid()
        self.mul = Multiply()
        self.act = Tanh()
        self.last = Tanh()

    def forward(self, x, h):
        u = self.act.forward(self.fc1.forward(np.vstack([x, h])))
        v = self.fc2.forward(u)
        g = self.gate.forward(self.fc3.forward(u))
        return self.last.forward(h + self.scale.forward(self.mul.forward(v, g)))

    def backward(self, dy, D):
        ds = self.last.backward(dy)
        dv, dg = self.mul.backward(self.scale.backward(ds))
        du = self.fc2.backward(dv)
        du += self.fc3.backward(self.gate.backward(dg))
        dxh = self.fc1.backward(self.act.backward(du))
        return dxh[:D], ds + dxh[D:]


def step(p, x, old):
    return (Block(p).forward(x, old[0]),), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    block = Block(p, grads)
    block.forward(x, old[0])
    dx, dh = block.backward(dnew[0], len(x))
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.RandomState(1)
    p = {"W1": rng.randn(n_hidden, n_in + n_hidden) * 0.5, "W2": rng.randn(n_hidden, n_hidden) * 0.5,
         "W3": rng.randn(n_hidden, n_hidden) * 0.5, "gamma": 0.5 + rng.rand(n_hidden, 1)}
    p.update({f"b{k}": rng.randn(n_hidden, 1) * 0.2 for k in (1, 2, 3)})
    return FunctionCell(step, step_backward, p, n_in=n_in, n_hidden=n_hidden)
