# Selective state space layer (Mamba, Gu & Dao 2023) run as an RNN; N states per channel, kept as s1 ... sN.
# H channels. The layer also reads its last output, h, so that it is a recurrent cell like the others.
import numpy as np
import minirnn

N = 2


def sig(a):
    return 1 / (1 + np.exp(-a))


def silu(a):
    return a * sig(a)


def dsilu(a):
    s = sig(a)
    return s + a * s * (1 - s)


def softplus(a):
    return np.log(1 + np.exp(a))


def mamba_step(p, x, old):
    h, *S = old
    u = p["Win"] @ x + p["Rin"] @ h + p["bin"]
    v = silu(u)
    zg = p["Wz"] @ x
    pre_delta = p["Wdelta"] @ v + p["bdelta"]
    delta = softplus(pre_delta)
    Bt = p["WB"] @ v
    Ct = p["WC"] @ v
    A = -np.exp(p["Alog"])
    y = p["skip"] * v
    S_new = []
    for n in range(N):
        s = np.exp(delta * A[:, n:n + 1]) * S[n] + delta * Bt[n] * v
        y = y + Ct[n] * s
        S_new.append(s)
    out = y * silu(zg)
    return (out, *S_new), dict(u=u, v=v, zg=zg, pre_delta=pre_delta, delta=delta, Bt=Bt, Ct=Ct, y=y)


def mamba_step_backward(p, dnew, x, old, new, memo, grads):
    dout, *dS_new = dnew
    h, *S = old
    _, *S_new = new
    u, v, zg, delta, Bt, Ct, y = [memo[k] for k in ["u", "v", "zg", "delta", "Bt", "Ct", "y"]]
    A = -np.exp(p["Alog"])

    # gate
    dy = dout * silu(zg)
    dzg = dout * y * dsilu(zg)
    grads["Wz"] += dzg @ x.T
    dx = p["Wz"].T @ dzg

    # scan, one step
    grads["skip"] += (dy * v).sum(axis=1, keepdims=True)
    dv = dy * p["skip"]
    ddelta = np.zeros_like(delta)
    dBt = np.zeros_like(Bt)
    dCt = np.zeros_like(Ct)
    dS = []
    for n in range(N):
        An = A[:, n:n + 1]
        decay = np.exp(delta * An)
        ds = dS_new[n] + dy * Ct[n]
        dCt[n] = (dy * S_new[n]).sum(axis=0)
        ddecay = ds * S[n]
        ddelta += ddecay * decay * An + ds * Bt[n] * v
        dA = (ddecay * decay * delta).sum(axis=1)
        grads["Alog"][:, n] += dA * A[:, n]
        dBt[n] = (ds * delta * v).sum(axis=0)
        dv += ds * delta * Bt[n]
        dS.append(ds * decay)

    # projections
    dpre_delta = ddelta * sig(memo["pre_delta"])
    grads["Wdelta"] += dpre_delta @ v.T
    grads["bdelta"] += dpre_delta.sum(axis=1, keepdims=True)
    grads["WB"] += dBt @ v.T
    grads["WC"] += dCt @ v.T
    dv += p["Wdelta"].T @ dpre_delta + p["WB"].T @ dBt + p["WC"].T @ dCt
    du = dv * dsilu(u)
    grads["Win"] += du @ x.T
    grads["Rin"] += du @ h.T
    grads["bin"] += du.sum(axis=1, keepdims=True)
    dx += p["Win"].T @ du
    return dx, (p["Rin"].T @ du, *dS)


def make(n_in, n_hidden):
    rng = np.random.default_rng(10)
    params = dict(
        Win=rng.normal(0, 0.7, (n_hidden, n_in)), Rin=rng.normal(0, 0.4, (n_hidden, n_hidden)), bin=np.full((n_hidden, 1), 0.3),
        Wz=rng.normal(0, 0.9, (n_hidden, n_in)), Wdelta=rng.normal(0, 0.5, (n_hidden, n_hidden)), bdelta=np.full((n_hidden, 1), -0.4),
        WB=rng.normal(0, 0.6, (N, n_hidden)), WC=rng.normal(0, 0.6, (N, n_hidden)),
        Alog=np.log(np.tile(np.arange(1.0, N + 1), (n_hidden, 1))), skip=rng.normal(1, 0.2, (n_hidden, 1)))
    names = ["h"] + [f"s{n + 1}" for n in range(N)]
    return minirnn.FunctionCell(mamba_step, mamba_step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=names)
