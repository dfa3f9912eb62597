"""The simple recurrent network: the smallest cell there is, and the one whose gradient vanishes.

    h' = tanh(W x + R h + b)

The old state enters through R alone, so the gradient goes back one step as dh = R^T (dh' ⊙ (1 − h'²)). Over many steps
that is a product of many such matrices, which shrinks or grows geometrically. Every other cell in this library is an
attempt to avoid that product. (W x + b and the gradients of W, R and b are computed in `cell.py`.)
"""

from ..activations import tanh
from .cell import Cell, Memo
from .parameters import Stack


class RNN(Cell):
    """Simple recurrent network: one tanh layer that reads the input and itself."""

    source = "Elman 1990, Finding structure in time"
    equations = {"h'": "h' = tanh(W x + R h + b)"}

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", (), (H, D)), Stack("R", (), (H, H)), Stack("b", (), (H, 1))]

    def step(self, wx, old):
        h, = old
        h_new = tanh(wx + self.R @ h)
        return (h_new,), Memo()

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h_new, = new
        da = dh_new * (1 - h_new**2)
        return da, (self.R.T @ da,)
