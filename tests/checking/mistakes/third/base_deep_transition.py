"""A residual cell with a hidden layer inside the step (Pascanu et al. 2014), made of layer functions like torch.autograd's."""

import numpy as np

from minirnn import FunctionCell


class Linear:
    @staticmethod
    def forward(ctx, name, w, b, inp):
        ctx[name] = inp
        return w @ inp + b

    @staticmethod
    def backward(ctx, name, w, grad, dw, db):
        dw += grad @ ctx[name].T
        db += grad.sum(axis=1, keepdims=True)
        return w.T @ grad


class Relu:
    @staticmethod
    def forward(ctx, name, inp):
        ctx[name] = inp
        return np.maximum(inp, 0)

    @staticmethod
    def backward(ctx, name, grad):
        return grad * (ctx[name].real > 0)


class Tanh:
    @staticmethod
    def forward(ctx, name, inp):
        ctx[name] = np.tanh(inp)
        return ctx[name]

    @staticmethod
    def backward(ctx, name, grad):
        return grad * (1 - ctx[name]**2)


class Sigmoid:
    @staticmethod
    def forward(ctx, name, inp):
        ctx[name] = 1 / (1 + np.exp(-inp))
        return ctx[name]

    @staticmethod
    def backward(ctx, name, grad):
        return grad * ctx[name] * (1 - ctx[name])


def step(p, x, old):
    h, = old
    ctx = {}
    inp = np.concatenate([x, h])
    hidden = Relu.forward(ctx, "relu", Linear.forward(ctx, "first", p["w1"], p["b1"], inp))
    update = Tanh.forward(ctx, "tanh", Linear.forward(ctx, "second", p["w2"], p["b2"], hidden))
    gate = Sigmoid.forward(ctx, "gate", Linear.forward(ctx, "third", p["w3"], p["b3"], inp))
    change = gate * update
    return (h + change,), ctx


def step_backward(p, dnew, x, old, new, ctx, grads):
    dh_new, = dnew
    dgate, dupdate = dh_new * ctx["tanh"], dh_new * ctx["gate"]

    dinp = Linear.backward(ctx, "third", p["w3"], Sigmoid.backward(ctx, "gate", dgate), grads["w3"], grads["b3"])
    dhidden = Linear.backward(ctx, "second", p["w2"], Tanh.backward(ctx, "tanh", dupdate), grads["w2"], grads["b2"])
    dinp += Linear.backward(ctx, "first", p["w1"], Relu.backward(ctx, "relu", dhidden), grads["w1"], grads["b1"])
    dx, dh = np.split(dinp, [len(x)])
    dh = dh + dh_new
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(26)
    D, H, M = n_in, n_hidden, n_hidden + 2
    params = {"w1": rng.normal(size=(M, D + H)), "b1": rng.normal(size=(M, 1)), "w2": 0.5 * rng.normal(size=(H, M)),
              "b2": rng.normal(size=(H, 1)), "w3": rng.normal(size=(H, D + H)), "b3": rng.normal(size=(H, 1))}
    return FunctionCell(step, step_backward, params, n_in=D, n_hidden=H)
