# coupled LSTM (input gate = 1 - forget gate), no temporaries where one can do without
import numpy as np
from minirnn import FunctionCell


def step(p, x, old):
    h, c = old
    H = len(h)
    act = p["W"] @ x
    act += p["U"] @ h
    act += p["b"]
    fo, g = act[:2 * H], act[2 * H:]
    fo *= 0.5
    np.tanh(act, out=act)
    fo += 1
    fo *= 0.5
    f, o = fo[:H], fo[H:]
    cn = np.subtract(c, g)
    cn *= f
    cn += g                                 # f c + (1 - f) g
    th = np.tanh(cn)
    hn = np.multiply(o, th)
    return (hn, cn), {"act": act, "th": th}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh, dc = dnew
    h, c = old
    H = len(h)
    act, th = memo["act"], memo["th"]
    f, o, g = act[:H], act[H:2 * H], act[2 * H:]
    dact = np.empty_like(act)
    df, do, dg = dact[:H], dact[H:2 * H], dact[2 * H:]
    tmp = np.empty_like(th)

    # gradient of cn, in tmp
    np.multiply(th, th, out=tmp)
    np.subtract(1, tmp, out=tmp)
    tmp *= o
    tmp *= dh
    tmp += dc
    dc_old = np.multiply(tmp, f)

    # gates and candidate
    np.multiply(dh, th, out=do)
    do *= o
    do *= 1 - o
    np.subtract(c, g, out=df)
    df *= tmp
    df *= f
    df *= 1 - f
    np.subtract(1, f, out=dg)
    dg *= tmp
    dg *= 1 - g * g

    grads["W"] += dact @ x.T
    grads["U"] += dact @ h.T
    grads["b"] += dact.sum(1, keepdims=True)
    return p["W"].T @ dact, (p["U"].T @ dact, dc_old)


def make(n_in, n_hidden):
    r = np.random.default_rng(7)
    return FunctionCell(step, step_backward,
                        dict(W=r.normal(0, .5, (3 * n_hidden, n_in)), U=r.normal(0, .5, (3 * n_hidden, n_hidden)),
                             b=r.normal(0, .2, (3 * n_hidden, 1))),
                        n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
