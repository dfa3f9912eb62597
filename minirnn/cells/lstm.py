"""The textbook LSTM: a memory c that is changed by adding to it.

    i, f, o = σ(a_i), σ(a_f), σ(a_o)                    how much is written to the memory, kept in it, shown of it
    g = tanh(a_g)                                       what is written
    c' = f ⊙ c + i ⊙ g
    h' = o ⊙ tanh(c')

The gradient of c goes back one step as dc = f ⊙ dc': no matrix, no squashing function. Where the forget gate f stays
near 1, this gradient neither shrinks nor grows, and that is the whole idea. The gates learn when to write, keep and show.

`step` and `step_backward` below are one step and its gradient. The pre-activations are a_k = W_k x + R_k h + b_k for each
gate k. What depends on x alone, and the sums over time that are the gradients of the weights, are the same in most cells.
They stand once, in `cell.py`:

    wx = W x + b                                        `Cell.input_terms`
    dW = Σ_t da x^T,   dR = Σ_t da h^T,   db = Σ_t da   `Cell.weight_gradients`

The forget gate was added in 2000. Its bias starts at 1, so that a new network remembers before it has learned to
(Gers et al. 2000; Jozefowicz et al. 2015, section 2.2).
"""

from ..activations import sigmoid, tanh
from .cell import Cell, Memo, stack
from .parameters import Stack


class LSTM(Cell):
    """Long short-term memory with forget gate, without peepholes: the form that most libraries compute."""

    source = "Hochreiter & Schmidhuber 1997; forget gate Gers, Schmidhuber & Cummins 2000"
    equations = {
        "i": "i = σ(W_i x + R_i h + b_i)",
        "f": "f = σ(W_f x + R_f h + b_f)",
        "o": "o = σ(W_o x + R_o h + b_o)",
        "g": "g = tanh(W_g x + R_g h + b_g)",
        "c'": "c' = f ⊙ c + i ⊙ g",
        "h'": "h' = o ⊙ tanh(c')",
    }
    state_names = ("h", "c")
    state_learnable = ("h", "c")
    bias_start = {"b_f": 1}

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        gates = ("i", "f", "o", "g")
        return [Stack("W", gates, (H, D)), Stack("R", gates, (H, H)), Stack("b", gates, (H, 1))]

    def step(self, wx, old):
        h, c = old
        a = wx + self.R @ h
        i, f, o = self.split(sigmoid(a[:-self.n_hidden]))
        g = tanh(a[-self.n_hidden:])
        c_new = f * c + i * g
        s = tanh(c_new)
        h_new = o * s
        return (h_new, c_new), Memo(i=i, f=f, o=o, g=g, s=s)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dc_new = dnew
        h, c = old
        i, f, o, g, s = memo.i, memo.f, memo.o, memo.g, memo.s
        do = dh_new * s                                                     # h' = o ⊙ s
        dc_new = dc_new + dh_new * o * (1 - s**2)                           # s = tanh(c')
        di, df, dg, dc = dc_new * g, dc_new * c, dc_new * i, dc_new * f     # c' = f ⊙ c + i ⊙ g
        da = stack(di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2))
        return da, (self.R.T @ da, dc)
