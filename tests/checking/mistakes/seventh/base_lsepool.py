"""A soft running maximum: every unit pools what it remembers with two candidates by logsumexp, with its own sharpness.

    u1, u2 = W x + R h + b
    m' = log(exp(β (m − drift)) + exp(β u1) + exp(β u2)) / β          β = exp(log_beta)
    h' = tanh(V m' + c)

Written like torch.autograd.Function: every operation has a forward that saves in ctx what its backward asks for.
"""

import numpy as np

import minirnn


class Candidates:
    @staticmethod
    def forward(ctx, p, x, h):
        return (p["W"] @ x + p["R"] @ h + p["b"]).reshape(2, *h.shape)

    @staticmethod
    def backward(ctx, p, x, h, du, grads):
        du = du.reshape(-1, du.shape[-1])
        grads["W"] += du @ x.T
        grads["R"] += du @ h.T
        grads["b"] += du.sum(axis=1, keepdims=True)
        return p["W"].T @ du, p["R"].T @ du


class LogSumExp:
    @staticmethod
    def forward(ctx, p, z):
        beta = np.exp(p["log_beta"])
        t = beta * z
        top = t.real.max(axis=0)
        e = np.exp(t - top)
        total = e.sum(axis=0)
        share = e / total
        out = (top + np.log(total)) / beta
        ctx["z"], ctx["share"], ctx["pooled"] = z, share, out
        return out

    @staticmethod
    def backward(ctx, p, dout, grads):
        z, share, pooled = ctx["z"], ctx["share"], ctx["pooled"]
        beta = np.exp(p["log_beta"])
        dbeta = -dout * pooled / beta
        dt = share * (dout / beta)
        dbeta = dbeta + (dt * z).sum(axis=0)
        grads["log_beta"] += (dbeta * beta).sum(axis=1, keepdims=True)
        return dt * beta


class Readout:
    @staticmethod
    def forward(ctx, p, m):
        ctx["read"] = m
        ctx["out"] = np.tanh(p["V"] @ m + p["c"])
        return ctx["out"]

    @staticmethod
    def backward(ctx, p, dout, grads):
        dpre = dout * (1 - ctx["out"] ** 2)
        grads["V"] += dpre @ ctx["read"].T
        grads["c"] += dpre.sum(axis=1, keepdims=True)
        return p["V"].T @ dpre


def step(p, x, old):
    h, m = old
    ctx = {}
    u = Candidates.forward(ctx, p, x, h)
    z = np.concatenate([(m - p["drift"])[None], u])
    m_new = LogSumExp.forward(ctx, p, z)
    h_new = Readout.forward(ctx, p, m_new)
    return (h_new, m_new), ctx


def step_backward(p, dnew, x, old, new, ctx, grads):
    dh_new, dm_new = dnew
    h, m = old
    dm_all = dm_new + Readout.backward(ctx, p, dh_new, grads)
    dz = LogSumExp.backward(ctx, p, dm_all, grads)
    dm = dz[0]
    grads["drift"] -= dm.sum(axis=1, keepdims=True)
    dx, dh = Candidates.backward(ctx, p, x, h, dz[1:], grads)
    return dx, (dh, dm)


def make(n_in, n_hidden):
    rng = np.random.default_rng(11)
    D, H = n_in, n_hidden
    params = {
        "W": rng.normal(0, 0.7, (2 * H, D)),
        "R": rng.normal(0, 0.5, (2 * H, H)),
        "b": rng.normal(0, 0.2, (2 * H, 1)),
        "drift": rng.uniform(0.1, 0.5, (H, 1)),
        "log_beta": rng.normal(0.4, 0.3, (H, 1)),
        "V": rng.normal(0, 0.5, (H, H)),
        "c": rng.normal(0, 0.2, (H, 1)),
    }
    return minirnn.FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "m"))
