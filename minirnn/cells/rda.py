"""The recurrent discounted attention unit: an RWA that can forget.

Before each step, the weight of the whole average is multiplied by a discount γ between 0 and 1, which the cell computes from
x and h. An average of little weight is easily moved. So where the RWA must pay ever more attention, the RDA can lower γ and
start afresh:

    n' = γ ⊙ n + z ⊙ a',    d' = γ ⊙ d + a',    h' = f_h(n'/d'),    output o = f_o(h')

Here a' = f_a(a) is the attention, and z, a and γ are computed as the class says. As in the RWA (see `rwa.py` for the
derivation), the code carries the average v = n/d and l = log d instead of n and d:

    v' = v + w (z − v)    with  w = a' / (γ d + a') = σ(log a' − (log γ + l)),    l' = log(γ d + a')

Attention appears only as its logarithm, so the same code serves every attention function, and none over- or underflows.
relu attention can be exactly 0. Its logarithm is then NOTHING, far below EMPTY, the l of an average without values. So an
average whose values were all paid an attention of 0 stays 0 and has no gradient.

The next step reads h, the next layer reads o. The bias of the discount starts at 1, like that of a forget gate. With
exponential attention a has no bias, because it would cancel as in the RWA; the other attentions have b_a.
"""

import numpy as np

from .. import checks
from ..activations import ACTIVATIONS, identity, log_add, log_sigmoid, sigmoid, softplus, tanh
from .cell import Cell, Memo, stack
from .parameters import Stack
from .rwa import EMPTY, denominator, numerator

NOTHING = 2 * EMPTY     # log of an attention of exactly 0
SMALLEST = 1e-30        # relu attention below this counts as 0
FAR = -37               # for a below this, softplus(a) and e^a are the same number


# Each attention function is given by log f_a(a) and its derivative with respect to a.

def log_exp_backward(a, log_a):
    return np.ones_like(a)


def log_sigmoid_backward(a, log_a):
    return 1 - np.exp(log_a)


def log_softplus(a):
    return np.where(a.real < FAR, a, np.log(softplus(np.maximum(a, FAR))))


def log_softplus_backward(a, log_a):
    return np.exp(log_sigmoid(a) - log_a)                       # σ(a)/softplus(a)


def log_relu(a):
    return np.where(a.real < SMALLEST, NOTHING, np.log(np.maximum(a, SMALLEST))).astype(a.dtype)


def log_relu_backward(a, log_a):
    return np.where(a.real < SMALLEST, 0, 1 / np.maximum(a, SMALLEST)).astype(a.dtype)


ATTENTION = {
    "exp": (identity, log_exp_backward),
    "sigmoid": (log_sigmoid, log_sigmoid_backward),
    "softplus": (log_softplus, log_softplus_backward),
    "relu": (log_relu, log_relu_backward),
}


SQUASHING = ("identity", "tanh")        # what f_h and f_o may be


class RDA(Cell):
    """Recurrent discounted attention: a running average that can discount its past.

    Options:
        attention: f_a, one of "exp", "sigmoid", "softplus", "relu".
        hidden: f_h, "identity" or "tanh".
        output: f_o, "identity" or "tanh".
    """

    source = "Maginnis & Richemond 2017, arXiv 1705.08480, section 5; options in 6.2"
    equations = {
        "u": "u = W_u x + b_u",
        "g": "g = W_g x + R_g h + b_g",
        "z": "z = u ⊙ tanh(g)",
        "γ": "γ = σ(W_gamma x + R_gamma h + b_gamma)",
        "a": "a' = f_a(a),  a = W_a x + R_a h (+ b_a, unless f_a = exp)",
        "n'": "n' = γ ⊙ n + z ⊙ a'         computed as  v' = v + w ⊙ (z − v),  w = σ(log a' − log γ − l),  v = n/d",
        "d'": "d' = γ ⊙ d + a'             computed as  l' = log(γ d + a'),                                l = log d",
        "h'": "h' = f_h(n'/d')",
        "o": "output o = f_o(h')",
    }
    state_names = ("h", "v", "l")
    state_start = {"l": EMPTY}
    bias_start = {"b_gamma": 1}
    derived = {"n": numerator, "d": denominator}

    def __init__(self, n_in, n_hidden, *, attention="exp", hidden="identity", output="identity", **kwargs):
        self.attention = checks.choice("attention", attention, ATTENTION)
        self.hidden = checks.choice("hidden", hidden, SQUASHING)
        self.squashed_output = checks.choice("output", output, SQUASHING)
        super().__init__(n_in, n_hidden, **kwargs)

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        biased = ("u", "g", "gamma") if self.attention == "exp" else ("u", "g", "gamma", "a")
        return [Stack("W", ("u", "g", "gamma", "a"), (H, D)), Stack("R", ("g", "gamma", "a"), (H, H)),
                Stack("b", biased, (H, 1))]

    def step(self, wx, old):
        h, v, l = old
        f_h, log_attention = ACTIVATIONS[self.hidden].function, ATTENTION[self.attention][0]
        u, wx = wx[:self.n_hidden], wx[self.n_hidden:]
        g, gamma, a = self.split(wx + self.R @ h)
        tanh_g = tanh(g)
        z = u * tanh_g
        log_gamma = log_sigmoid(gamma)
        log_a = log_attention(a)
        w = sigmoid(log_a - (log_gamma + l))
        v_new = v + w * (z - v)
        l_new = log_add(log_a, log_gamma + l, w)
        h_new = f_h(v_new)
        return (h_new, v_new, l_new), Memo(u=u, g=g, tanh_g=tanh_g, z=z, gamma=np.exp(log_gamma), a=a, log_a=log_a, w=w)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dv_new, dl_new = dnew
        h, v, l = old
        h_new, v_new, l_new = new
        df_h, dlog_attention = ACTIVATIONS[self.hidden].slope, ATTENTION[self.attention][1]
        u, tanh_g, z, gamma, w = memo.u, memo.tanh_g, memo.z, memo.gamma, memo.w
        dv_new = dv_new + dh_new * df_h(h_new)                  # h' = f_h(v')
        dz, dv, dw = dv_new * w, dv_new * (1 - w), dv_new * (z - v)
        dlogit = dw * w * (1 - w)                               # w = σ(log a' − log γ − l)
        dlog_a = dlogit + dl_new * w                            # l' = log(γ d + a'): a' is the share w of the sum,
        dl = dl_new * (1 - w) - dlogit                          # γ d the share 1 − w; log γ and l enter only as a sum
        dgamma = dl * (1 - gamma)                               # log γ = log σ(...)
        da = dlog_a * dlog_attention(memo.a, memo.log_a)
        du, dg = dz * tanh_g, dz * u * (1 - tanh_g**2)
        dwx = stack(du, dg, dgamma, da)
        return dwx, (self.R.T @ dwx[self.n_hidden:], dv, dl)

    def output(self, hs):
        f_o = ACTIVATIONS[self.squashed_output].function
        return f_o(hs)

    def output_backward(self, douts, outs):
        df_o = ACTIVATIONS[self.squashed_output].slope
        return douts * df_o(outs)


class RDAExpTanh(RDA):
    """RDA with exponential attention and tanh output: the first of the two settings that the paper reports."""

    fixed = {"attention": "exp", "hidden": "identity", "output": "tanh"}

    def __init__(self, n_in, n_hidden, **kwargs):
        super().__init__(n_in, n_hidden, **self.fixed, **kwargs)


class RDASigmoidId(RDA):
    """RDA with sigmoid attention and no squashing: the second of the two settings that the paper reports."""

    fixed = {"attention": "sigmoid", "hidden": "identity", "output": "identity"}

    def __init__(self, n_in, n_hidden, **kwargs):
        super().__init__(n_in, n_hidden, **self.fixed, **kwargs)
