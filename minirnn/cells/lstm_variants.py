"""The LSTM with peepholes, "V", and eight variants of it, each of which takes one thing away or adds one.

Greff et al. asked which parts of an LSTM matter, and trained thousands of networks to find out. Their reference is V:

    z = tanh(W_z x + R_z h + b_z)                       what is offered to the memory
    i = σ(W_i x + R_i h + p_i ⊙ c + b_i)                how much of it is written
    f = σ(W_f x + R_f h + p_f ⊙ c + b_f)                how much of the memory is kept
    c' = i ⊙ z + f ⊙ c
    o = σ(W_o x + R_o h + p_o ⊙ c' + b_o)               how much of it is shown
    h' = o ⊙ tanh(c')

A peephole p lets a gate see the memory that it controls, even while o hides it from h. It is a vector, not a matrix: each
unit sees its own memory only. So c' reaches the loss in more ways than in the textbook LSTM (see `lstm.py`): not only
through h' and the next memory, but also through the gate o of this step and the gates i and f of the next. The backward
pass adds p ⊙ da for each of these gates.

Each variant replaces one line of the forward pass, and the matching line of the backward pass:

    NIG    no input gate                i = 1               di is not used
    NFG    no forget gate               f = 1               df is not used, and dc = dc'
    NOG    no output gate               o = 1               do is not used
    NIAF   no input activation          z = W_z x + ...     da_z = dz
    NOAF   no output activation         h' = o ⊙ c'         dc' += ds
    NP     no peepholes                 p = 0               the gates add nothing to dc
    CIFG   coupled input and forget     f = 1 − i           i gets di − df
    FGR    full gate recurrence         the gates also read i, f and o of the step before, through nine more matrices

Where the paper is silent, we choose: a gate that is removed has no parameters and no peephole. b_f starts at 1, so that a
new network remembers; in CIFG, where f = 1 − i = σ(−a_i), b_i starts at −1 for the same reason. Peepholes start at 0.
The gates that FGR reads are 0 before the first step.
"""

import numpy as np

from ..activations import sigmoid, tanh
from .cell import Cell, Memo, columns, stack
from .parameters import Stack
from .lstm import LSTM


class LSTMPeephole(Cell):
    """LSTM with peepholes, through which the gates see the memory: the "vanilla" LSTM of the comparison."""

    source = "Greff et al. 2015, LSTM: a search space odyssey, arXiv 1503.04069, sections II (V) and IV-C (variants)"
    equations = {
        "z": "z = tanh(W_z x + R_z h + b_z)",
        "i": "i = σ(W_i x + R_i h + p_i ⊙ c + b_i)",
        "f": "f = σ(W_f x + R_f h + p_f ⊙ c + b_f)",
        "c'": "c' = i ⊙ z + f ⊙ c",
        "o": "o = σ(W_o x + R_o h + p_o ⊙ c' + b_o)",
        "h'": "h' = o ⊙ tanh(c')",
    }
    state_names = ("h", "c")
    state_learnable = ("h", "c")
    bias_start = {"b_f": 1}
    gates = ("i", "f", "o")             # the gates that have parameters
    peepholes = True                    # whether they see the memory

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        rows = (*self.gates, "z")
        stacks = [Stack("W", rows, (H, D)), Stack("R", rows, (H, H)), Stack("b", rows, (H, 1))]
        return [*stacks, Stack("p", self.gates, (H, 1))] if self.peepholes else stacks

    def step(self, wx, old):
        h, c = old
        a = self.by_name(wx + self.R @ h)
        i, f = self.input_and_forget(a, c)
        z = self.squash_input(a["z"])
        c_new = i * z + f * c
        o = self.output_gate(a, c_new)
        s = self.squash_output(c_new)
        h_new = o * s
        return (h_new, c_new), Memo(i=i, f=f, o=o, z=z, s=s)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dc_new, *dgates_new = dnew                                  # dgates_new: only in FGR, where gates are state
        h, c = old
        i, f, o, z, s = memo.i, memo.f, memo.o, memo.z, memo.s
        do, ds = dh_new * s, dh_new * o                                     # h' = o ⊙ s
        dc_new = dc_new + self.squash_output_backward(ds, s)                # s = tanh(c')
        da_o, dc_seen = self.output_gate_backward(do, o, *dgates_new)
        dc_new = dc_new + dc_seen                                           # o sees c' through its peephole
        di, dz, df, dc = dc_new * z, dc_new * i, dc_new * c, dc_new * f     # c' = i ⊙ z + f ⊙ c
        da_z = self.squash_input_backward(dz, z)
        da_if, dc_seen = self.input_and_forget_backward(di, df, i, f, *dgates_new)
        dc = dc + dc_seen                                                   # i and f see c through theirs
        da = stack(*da_if, *da_o, da_z)
        return da, (self.R.T @ da, dc)

    # ---- the lines that a variant replaces, each with its derivative -------------------------------------------------
    # The derivative of a line that computes gates returns the gradients of their pre-activations and of the memory they see.

    def input_and_forget(self, a, c):
        return self.gate("i", a, c), self.gate("f", a, c)

    def input_and_forget_backward(self, di, df, i, f):
        da_i, dc_i = self.gate_backward("i", di, i)
        da_f, dc_f = self.gate_backward("f", df, f)
        return [da_i, da_f], dc_i + dc_f

    def output_gate(self, a, c_new):
        return self.gate("o", a, c_new)

    def output_gate_backward(self, do, o):
        da_o, dc_o = self.gate_backward("o", do, o)
        return [da_o], dc_o

    def squash_input(self, a_z):
        return tanh(a_z)

    def squash_input_backward(self, dz, z):
        return dz * (1 - z**2)

    def squash_output(self, c_new):
        return tanh(c_new)

    def squash_output_backward(self, ds, s):
        return ds * (1 - s**2)

    def gate(self, k, a, c):
        return sigmoid(a[k] + self.params["p_" + k] * c)

    def gate_backward(self, k, dgate, gate):
        da = dgate * gate * (1 - gate)
        return da, self.params["p_" + k] * da

    # ------------------------------------------------------------------------------------------------------------------

    def by_name(self, a):
        """Gate (or z) -> its rows of a stacked array, a view of (H, B)."""
        return dict(zip((*self.gates, "z"), self.split(a)))

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        if self.peepholes:
            self._peephole_gradients(dwxs, olds[1], memos, grads)
        return super().weight_gradients(dwxs, xs, olds, memos, grads)

    def _peephole_gradients(self, dwxs, c, memos, grads):
        """A peephole acts unit by unit: its gradient is the sum of da ⊙ c over time and batch, for o of da ⊙ c'."""
        c_new = memos.i * memos.z + memos.f * c
        for k, da in zip(self.gates, np.split(dwxs, len(self.gates) + 1, axis=1)):
            grads["p_" + k] += np.einsum("khb,khb->h", da, c_new if k == "o" else c)[:, None]


V = LSTMPeephole.equations


class LSTMNIG(LSTMPeephole):
    """LSTM without input gate: everything that is offered to the memory is written."""

    equations = {**V, "i": "i = 1"}
    gates = ("f", "o")

    def input_and_forget(self, a, c):
        return np.ones_like(c), self.gate("f", a, c)

    def input_and_forget_backward(self, di, df, i, f):
        da_f, dc_f = self.gate_backward("f", df, f)
        return [da_f], dc_f


class LSTMNFG(LSTMPeephole):
    """LSTM without forget gate: the memory is only ever added to, as in 1997."""

    equations = {**V, "f": "f = 1"}
    bias_start = {}
    gates = ("i", "o")

    def input_and_forget(self, a, c):
        return self.gate("i", a, c), np.ones_like(c)

    def input_and_forget_backward(self, di, df, i, f):
        da_i, dc_i = self.gate_backward("i", di, i)
        return [da_i], dc_i


class LSTMNOG(LSTMPeephole):
    """LSTM without output gate: the memory is always shown."""

    equations = {**V, "o": "o = 1"}
    gates = ("i", "f")

    def output_gate(self, a, c_new):
        return np.ones_like(c_new)

    def output_gate_backward(self, do, o):
        return [], 0


class LSTMNIAF(LSTMPeephole):
    """LSTM without input activation: what is offered to the memory is not squashed."""

    equations = {**V, "z": "z = W_z x + R_z h + b_z"}

    def squash_input(self, a_z):
        return a_z

    def squash_input_backward(self, dz, z):
        return dz


class LSTMNOAF(LSTMPeephole):
    """LSTM without output activation: the memory is shown as it is, however large."""

    equations = {**V, "h'": "h' = o ⊙ c'"}

    def squash_output(self, c_new):
        return c_new

    def squash_output_backward(self, ds, s):
        return ds


class LSTMNP(LSTMPeephole):
    """LSTM without peepholes: the textbook LSTM, with the symbols of `lstm-peephole`."""

    equations = {**V, **{k: LSTM.equations[k] for k in ("i", "f", "o")}}
    peepholes = False

    def gate(self, k, a, c):
        return sigmoid(a[k])

    def gate_backward(self, k, dgate, gate):
        return dgate * gate * (1 - gate), 0


class LSTMCIFG(LSTMPeephole):
    """LSTM with coupled input and forget gate: what is written takes the place of what is forgotten."""

    equations = {**V, "f": "f = 1 − i"}
    bias_start = {"b_i": -1}
    gates = ("i", "o")

    def input_and_forget(self, a, c):
        i = self.gate("i", a, c)
        return i, 1 - i

    def input_and_forget_backward(self, di, df, i, f):
        da_i, dc_i = self.gate_backward("i", di - df, i)
        return [da_i], dc_i


class LSTMFGR(LSTMPeephole):
    """LSTM with full gate recurrence: every gate also reads all three gates of the step before.

    Each of the nine matrices is named after the gate that it reads and the gate that it acts on: R_fi leads from f to i. The
    gates are part of the state, and 0 before the first step.
    """

    equations = {**V, **{k: V[k].replace(" + b_", f" + R_i{k} i + R_f{k} f + R_o{k} o + b_") for k in ("i", "f", "o")}}
    state_names = ("h", "c", "i", "f", "o")

    def stacks(self):
        nine = tuple(source + target for source in self.gates for target in self.gates)
        return [*super().stacks(), Stack("R", nine, (self.n_hidden, self.n_hidden), array="R_gates")]

    def step(self, wx, old):
        h, c, *gates = old
        a = wx.copy()
        a[:3 * self.n_hidden] += (self.nine @ np.stack(gates)).sum(axis=0)
        new, memo = super().step(a, (h, c))
        return (*new, memo.i, memo.f, memo.o), memo

    def step_backward(self, dnew, old, new, memo):
        da, (dh, dc) = super().step_backward(dnew, old[:2], new[:2], memo)
        dgates = self.nine.transpose(0, 2, 1) @ da[:3 * self.n_hidden]
        return da, (dh, dc, *dgates)

    def input_and_forget_backward(self, di, df, i, f, di_new, df_new, do_new):
        return super().input_and_forget_backward(di + di_new, df + df_new, i, f)

    def output_gate_backward(self, do, o, di_new, df_new, do_new):
        return super().output_gate_backward(do + do_new, o)

    @property
    def nine(self):
        """The nine matrices as three, (3, 3H, H), one for each gate that is read: its rows lead to all three gates."""
        return self.R_gates.reshape(3, -1, self.n_hidden)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        da = columns(dwxs)[:3 * self.n_hidden]
        dnine = grads.stacked["R_gates"].reshape(self.nine.shape)
        for k, gate in enumerate(olds[2:]):
            dnine[k] += da @ columns(gate).T
        return super().weight_gradients(dwxs, xs, olds, memos, grads)

    def random_state(self, rng, batch):
        h, c, *gates = super().random_state(rng, batch)
        return h, c, *(sigmoid(gate) for gate in gates)
