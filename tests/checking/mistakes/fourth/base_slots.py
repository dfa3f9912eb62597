"""Memory with two slots, each a state of its own. Read by scaled dot-product attention, written where it was read."""
import numpy as np
from minirnn import FunctionCell


class Context:
    def save_for_backward(self, *tensors):
        self.saved_tensors = tensors


class Linear:
    @staticmethod
    def forward(ctx, input, weight):
        ctx.save_for_backward(input, weight)
        return weight @ input

    @staticmethod
    def backward(ctx, grad_output):
        input, weight = ctx.saved_tensors
        return weight.T @ grad_output, grad_output @ input.T


class Softmax:
    @staticmethod
    def forward(ctx, scores):
        e = np.exp(scores)
        w = e / e.sum(0)
        ctx.save_for_backward(w)
        return w

    @staticmethod
    def backward(ctx, grad_output):
        w, = ctx.saved_tensors
        return w * (grad_output - (w * grad_output).sum(0))


class Attend:
    """key (H, B), memory (K, H, B) -> scores (K, B)"""

    @staticmethod
    def forward(ctx, key, memory):
        ctx.save_for_backward(key, memory)
        return (memory * key).sum(1) / np.sqrt(len(key))

    @staticmethod
    def backward(ctx, grad_output):
        key, memory = ctx.saved_tensors
        grad_scores = grad_output[:, None] / np.sqrt(len(key))
        return (grad_scores * memory).sum(0), grad_scores * key


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(p, x, state):
    c_key, c_att, c_soft, c_read, c_gate = ctxs = [Context() for _ in range(5)]
    h, M = state[0], np.stack(state[1:])
    key = Linear.forward(c_key, np.concatenate([h, x]), p["Wk"])
    w = Softmax.forward(c_soft, Attend.forward(c_att, key, M))[:, None]
    r = (w * M).sum(0)
    h_new = np.tanh(Linear.forward(c_read, np.concatenate([h, x, r]), p["W"]) + p["b"])
    g = sigmoid(Linear.forward(c_gate, h_new, p["Wg"]))
    M_new = M + w * g * (h_new - M)
    return (h_new, *M_new), (ctxs, M, w, g, h_new)


def step(p, x, old):
    return forward(p, x, old)[0], {}


def step_backward(p, dnew, x, old, new, memo, grads):
    _, ((c_key, c_att, c_soft, c_read, c_gate), M, w, g, h_new) = forward(p, x, old)
    H, D = len(h_new), len(x)
    dM_new = np.stack(dnew[1:])

    # M_new = M + w g (h_new - M)
    diff = h_new - M
    dw = (dM_new * g * diff).sum(1)
    dg = (dM_new * w * diff).sum(0)
    dM = dM_new * (1 - w * g)
    dh_new = dnew[0] + (dM_new * w * g).sum(0)
    dh_gate, dWg = Linear.backward(c_gate, dg * g * (1 - g))
    dh_new = dh_new + dh_gate

    # h_new = tanh(W [h, x, r] + b)
    da = dh_new * (1 - h_new ** 2)
    dhxr, dW = Linear.backward(c_read, da)
    dh, dx, dr = dhxr[:H], dhxr[H:H + D], dhxr[H + D:]

    # r = sum_k w_k M_k
    dw = dw + (dr * M).sum(1)
    dM = dM + w * dr
    dkey, dM_att = Attend.backward(c_att, Softmax.backward(c_soft, dw))
    dM = dM + dM_att
    dhx, dWk = Linear.backward(c_key, dkey)
    dh = dh + dhx[:H]
    dx = dx + dhx[H:]

    grads["W"] += dW
    grads["b"] += da.sum(axis=1, keepdims=True)
    grads["Wg"] += dWg
    grads["Wk"] += dWk
    return dx, (dh, *dM)


def make(n_in, n_hidden):
    rng = np.random.default_rng(17)
    params = {"Wk": rng.normal(0, 0.8, (n_hidden, n_hidden + n_in)), "W": rng.normal(0, 0.6, (n_hidden, 2 * n_hidden + n_in)),
              "b": rng.normal(0, 0.2, (n_hidden, 1)), "Wg": rng.normal(0, 0.8, (n_hidden, n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "m1", "m2"))
