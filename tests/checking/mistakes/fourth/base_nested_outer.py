"""A (small) nested LSTM. I do everything example by example, because then all of it is vectors and np.outer."""
import numpy as np
from minirnn import FunctionCell


def sig(z):
    return 1 / (1 + np.exp(-z))


def step(p, x, old):
    h, c, n = old
    i, f, o, g = [p["W" + q] @ x + p["U" + q] @ h + p["b" + q][:, None] for q in "ifog"]
    i, f, o, g = sig(i), sig(f), sig(o), np.tanh(g)
    u = i * g                       # would be added to the memory in a normal LSTM
    v = f * c
    k = sig(p["Pk"] @ u + p["Qk"] @ v + p["bk"][:, None])
    m = np.tanh(p["Pm"] @ u + p["Qm"] @ v + p["bm"][:, None])
    n_new = k * n + (1 - k) * m     # the inner memory
    c_new = np.tanh(n_new)
    h_new = o * c_new
    return (h_new, c_new, n_new), dict(i=i, f=f, o=o, g=g, u=u, v=v, k=k, m=m)


def step_backward(p, dnew, x, old, new, memo, grads):
    dx = np.zeros_like(x)
    dh_old, dc_old, dn_old = [np.zeros_like(s) for s in old]
    for e in range(x.shape[1]):
        x_e = x[:, e]
        h, c, n = [s[:, e] for s in old]
        h1, c1, n1 = [s[:, e] for s in new]
        dh1, dc1, dn1 = [d[:, e] for d in dnew]
        i, f, o, g, u, v, k, m = [memo[q][:, e] for q in "ifoguvkm"]

        # outer cell: h1 = o * c1, c1 = tanh(n1)
        do = dh1 * c1
        dc1 = dc1 + dh1 * o
        dn1 = dn1 + dc1 * (1 - c1**2)

        # inner cell: n1 = k * n + (1 - k) * m
        dk = dn1 * (n - m)
        dm = dn1 * (1 - k)
        dn_old[:, e] = dn1 * k
        dak = dk * k * (1 - k)
        dam = dm * (1 - m**2)
        grads["Pk"] += np.outer(dak, u)
        grads["Qk"] += np.outer(dak, v)
        grads["bk"] += dak
        grads["Pm"] += np.outer(dam, u)
        grads["Qm"] += np.outer(dam, v)
        grads["bm"] += dam
        du = p["Pk"].T @ dak + p["Pm"].T @ dam
        dv = p["Qk"].T @ dak + p["Qm"].T @ dam

        # u = i * g, v = f * c
        di = du * g
        dg = du * i
        df = dv * c
        dc_old[:, e] = dv * f
        for q, da in zip("ifog", [di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)]):
            grads["W" + q] += np.outer(da, x_e)
            grads["U" + q] += np.outer(da, h)
            grads["b" + q] += da
            dx[:, e] += p["W" + q].T @ da
            dh_old[:, e] += p["U" + q].T @ da
    return dx, (dh_old, dc_old, dn_old)


def make(n_in, n_hidden):
    rng = np.random.default_rng(31)
    params = {}
    for q in "ifog":
        params["W" + q] = rng.normal(0, 0.6, (n_hidden, n_in))
        params["U" + q] = rng.normal(0, 0.6, (n_hidden, n_hidden))
        params["b" + q] = rng.normal(0, 0.2, n_hidden)
    for q in "km":
        params["P" + q] = rng.normal(0, 0.9, (n_hidden, n_hidden))
        params["Q" + q] = rng.normal(0, 0.9, (n_hidden, n_hidden))
        params["b" + q] = rng.normal(0, 0.2, n_hidden)
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c", "n"))
