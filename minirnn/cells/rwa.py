"""The recurrent weighted average: h is the tanh of an average over everything the cell has seen.

Each step computes a value z and a logit a from x and h. The state is the average of all values so far, weighted by e^a,
which is called the attention that a value is paid:

    z = u ⊙ tanh(g),    u = W_u x + b_u,    g = W_g x + R_g h + b_g,    a = W_a x + R_a h
    n' = n + z ⊙ e^a,   d' = d + e^a,       h' = tanh(n'/d')                           (equations 4 to 6 of the paper)

The code carries neither the numerator n nor the denominator d, but the average v = n/d and the logarithm l = log d. The
function is the same. Divide n' by d':

    v' = (n + z e^a) / (d + e^a) = v + w (z − v)    with  w = e^a / (d + e^a) = σ(a − l)

and l' = log(e^l + e^a). In this form nothing overflows, however large the logits, because w is between 0 and 1. And it
shows what an RWA is: a leaky average whose gate is σ(a − log d). As l only ever grows, the gate closes unless a grows with
it: this is Lemma 1 of the RDA paper (see `minirnn.lemma1`). n and d can still be read, as `run["n"]` and `run["d"]`.

Two details follow the authors' code. The initial state is learned: h_0 = tanh(s), with s from N(0, 1). And a has no bias:
e^(a + b) = e^a e^b, and the factor e^b cancels between n and d, so the gradient of b would always be zero.
"""

import numpy as np

from ..activations import log_add, sigmoid, tanh
from .cell import Cell, Memo, stack
from .parameters import Stack

EMPTY = -1e30       # l before the first value (in theory log 0): so low that the first value takes the whole average, yet finite


def numerator(run):
    """n = v e^l; infinite where that is too large for the run's dtype."""
    with np.errstate(over="ignore"):
        return run["v"] * np.exp(run["l"])


def denominator(run):
    """d = e^l; infinite where that is too large for the run's dtype."""
    with np.errstate(over="ignore"):
        return np.exp(run["l"])


class RWA(Cell):
    """Recurrent weighted average: attention over its own past, kept as one running average.

    `learned_state` has no effect: the initial state of an RWA is always learned, as h_0 = tanh(s).
    """

    source = "Ostmeyer & Cowell 2017, arXiv 1703.01253, equations 4 to 6"
    equations = {
        "u": "u = W_u x + b_u",
        "g": "g = W_g x + R_g h + b_g",
        "z": "z = u ⊙ tanh(g)",
        "a": "a = W_a x + R_a h",
        "n'": "n' = n + z ⊙ e^a            computed as  v' = v + w ⊙ (z − v),  w = σ(a − l),  v = n/d",
        "d'": "d' = d + e^a                computed as  l' = log(e^l + e^a),                  l = log d",
        "h'": "h' = tanh(n'/d');  h_0 = tanh(s)",
    }
    state_names = ("h", "v", "l")
    state_start = {"l": EMPTY}
    derived = {"n": numerator, "d": denominator}

    def __init__(self, n_in, n_hidden, *, learned_state=True, **kwargs):
        super().__init__(n_in, n_hidden, learned_state=True, **kwargs)

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("u", "g", "a"), (H, D)), Stack("R", ("g", "a"), (H, H)), Stack("b", ("u", "g"), (H, 1))]

    def step(self, wx, old):
        h, v, l = old
        u, wx = wx[:self.n_hidden], wx[self.n_hidden:]
        g, a = self.split(wx + self.R @ h)
        tanh_g = tanh(g)
        z = u * tanh_g
        w = sigmoid(a - l)
        v_new = v + w * (z - v)
        l_new = log_add(a, l, w)
        h_new = tanh(v_new)
        return (h_new, v_new, l_new), Memo(u=u, g=g, tanh_g=tanh_g, z=z, a=a, w=w)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dv_new, dl_new = dnew
        h, v, l = old
        h_new, v_new, l_new = new
        u, tanh_g, z, w = memo.u, memo.tanh_g, memo.z, memo.w
        dv_new = dv_new + dh_new * (1 - h_new**2)               # h' = tanh(v')
        dz, dv, dw = dv_new * w, dv_new * (1 - w), dv_new * (z - v)
        da_l = dw * w * (1 - w)                                 # w = σ(a − l)
        da = da_l + dl_new * w                                  # l' = log(e^l + e^a): e^a is the share w of the sum,
        dl = dl_new * (1 - w) - da_l                            # and e^l the share 1 − w
        du, dg = dz * tanh_g, dz * u * (1 - tanh_g**2)
        dwx = stack(du, dg, da)
        return dwx, (self.R.T @ dwx[self.n_hidden:], dv, dl)

    def initialise(self, rng):
        super().initialise(rng)
        self.s[...] = rng.normal(size=self.s.shape)

    def initial_state(self, batch):
        s, *average = super().initial_state(batch)
        return tanh(s), *average

    def initial_state_backward(self, dstate, grads):
        dh = dstate[0].sum(axis=1, keepdims=True)
        grads["s"] += dh * (1 - tanh(self.s)**2)
