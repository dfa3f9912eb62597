"""The gated recurrent unit: h itself is the memory. A fraction z of it is kept, and 1 − z is replaced.

    r = σ(W_r x + R_r h + b_r)                          how much of h the candidate may see
    z = σ(W_z x + R_z h + b_z)                          how much of h is kept
    n = tanh(W_n x + R_n (r ⊙ h) + b_n)                 the candidate
    h' = z ⊙ h + (1 − z) ⊙ n

Where z is near 1, the gradient dh = z ⊙ dh' goes back one step almost unchanged, as that of c does in an LSTM. z and 1 − z
add up to 1, so h stays between −1 and 1 and needs no squashing. The equations are those of Cho et al. (Chung et al. 2014
exchange z and 1 − z); the paper leaves out the biases.

With `reset_after` the reset gate acts after the matrix instead of before it:

    n = tanh(W_n x + b_n + r ⊙ (R_n h + c_n))

This is another function, though a similar one, with one more bias c_n. cuDNN and PyTorch compute it, because then all
three matrices act on h and can share one product. In the backward pass, r and the matrix change places too.
"""

from .. import checks
from ..activations import sigmoid, tanh
from .cell import Cell, Memo, columns, stack
from .parameters import Stack


class GRU(Cell):
    """Gated recurrent unit: a fraction z of h is kept, and 1 − z is replaced.

    Options:
        reset_after: with True, r acts on R_n h + c_n instead of on h, as in cuDNN and PyTorch.
        gate_bias: where b_r and b_z start. With 1, as in TensorFlow's GRUCell of 2017, a new network keeps nearly three
            quarters of h in each step and half of it with 0.
    """

    source = "Cho et al. 2014, arXiv 1406.1078, equations 5 to 8; reset_after as in cuDNN"
    equations = {
        "r": "r = σ(W_r x + R_r h + b_r)",
        "z": "z = σ(W_z x + R_z h + b_z)",
        "n": "n = tanh(W_n x + R_n (r ⊙ h) + b_n)      with reset_after:  n = tanh(W_n x + b_n + r ⊙ (R_n h + c_n))",
        "h'": "h' = z ⊙ h + (1 − z) ⊙ n",
    }

    def __init__(self, n_in, n_hidden, *, reset_after=False, gate_bias=0.0, **kwargs):
        if not isinstance(reset_after, bool):
            raise TypeError(f"reset_after is {checks.shown(reset_after)}, expected True or False")
        self.reset_after = reset_after
        self.bias_start = {name: checks.number("gate_bias", gate_bias) for name in ("b_r", "b_z")}
        super().__init__(n_in, n_hidden, **kwargs)

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        stacks = [Stack("W", ("n", "r", "z"), (H, D)), Stack("R", ("r", "z"), (H, H)), Stack("R_n", (), (H, H)),
                  Stack("b", ("n", "r", "z"), (H, 1))]
        return [*stacks, Stack("c_n", (), (H, 1))] if self.reset_after else stacks

    def step(self, wx, old):
        h, = old
        a_n, a_rz = wx[:self.n_hidden], wx[self.n_hidden:]
        r, z = self.split(sigmoid(a_rz + self.R @ h))
        if self.reset_after:
            q = self.R_n @ h + self.c_n
            n = tanh(a_n + r * q)
            memo = Memo(r=r, z=z, q=q, n=n)
        else:
            n = tanh(a_n + self.R_n @ (r * h))
            memo = Memo(r=r, z=z, n=n)
        h_new = z * h + (1 - z) * n
        return (h_new,), memo

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h, = old
        r, z, n = memo.r, memo.z, memo.n
        dz, dh, dn = dh_new * (h - n), dh_new * z, dh_new * (1 - z)     # h' = z ⊙ h + (1 − z) ⊙ n
        da_n = dn * (1 - n**2)
        if self.reset_after:
            dr, dq = da_n * memo.q, da_n * r                            # r ⊙ q
            dh = dh + self.R_n.T @ dq                                   # q = R_n h + c_n
        else:
            drh = self.R_n.T @ da_n                                     # R_n (r ⊙ h)
            dr, dh = drh * h, dh + drh * r                              # r ⊙ h
        da_rz = stack(dr * r * (1 - r), dz * z * (1 - z))
        return stack(da_n, da_rz), (dh + self.R.T @ da_rz,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        da_n = columns(dwxs)[:self.n_hidden]
        if self.reset_after:
            dq = da_n * columns(memos.r)
            grads["R_n"] += dq @ columns(olds[0]).T
            grads["c_n"] += dq.sum(axis=1, keepdims=True)
        else:
            grads["R_n"] += da_n @ columns(memos.r * olds[0]).T
        return super().weight_gradients(dwxs, xs, olds, memos, grads)
