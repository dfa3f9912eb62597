"""GRU; weights are (gate, unit, input), gates in the order reset, update, new. k gate, h unit, j unit of the step before,
d input, b example."""
import numpy as np
from minirnn import FunctionCell

sig = lambda a: 0.5 * (np.tanh(0.5 * a) + 1)
es = np.einsum


def step(p, x, old):
    (h,) = old
    gx = es("khd,db->khb", p["Wx"], x) + p["bias"][:, :, None]
    r, z = sig(gx[:2] + es("khj,jb->khb", p["Wh"][:2], h))
    rh = r * h
    n = np.tanh(gx[2] + es("hj,jb->hb", p["Wh"][2], rh))
    return ((1 - z) * n + z * h,), dict(r=r, z=z, n=n, rh=rh)


def step_backward(p, dnew, x, old, new, memo, grads):
    (dout,), (h,) = dnew, old
    r, z, n, rh = (memo[k] for k in ("r", "z", "n", "rh"))
    dpre = np.empty((3,) + h.shape, h.dtype)
    dpre[2] = dout * (1 - z) * (1 - n * n)
    drh = es("hj,hb->jb", p["Wh"][2], dpre[2])
    dpre[0] = drh * h * r * (1 - r)
    dpre[1] = dout * (h - n) * z * (1 - z)
    dh = dout * z + drh * r + es("khj,khb->jb", p["Wh"][:2], dpre[:2])
    grads["Wx"] += es("khb,db->khd", dpre, x)
    grads["Wh"][:2] += es("khb,jb->khj", dpre[:2], h)
    grads["Wh"][2] += es("hb,jb->hj", dpre[2], rh)
    grads["bias"] += es("khb->kh", dpre)
    dx = es("khd,khb->db", p["Wx"], dpre)
    return dx, (dh,)


def make(n_in, n_hidden):
    g = np.random.default_rng(5)
    return FunctionCell(step, step_backward,
                        {"Wx": 0.6 * g.standard_normal((3, n_hidden, n_in)),
                         "Wh": 0.6 * g.standard_normal((3, n_hidden, n_hidden)),
                         "bias": 0.1 * g.standard_normal((3, n_hidden))},
                        n_in=n_in, n_hidden=n_hidden)
