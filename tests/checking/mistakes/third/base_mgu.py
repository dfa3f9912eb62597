"""The minimal gated unit (Zhou et al. 2016): one gate f for what a GRU's two gates do. A subclass of Cell with stacks."""

from minirnn.activations import sigmoid, tanh
from minirnn.cells.cell import Cell, Memo, columns, stack
from minirnn.cells.parameters import Stack


class MGU(Cell):
    """f = σ(W_f x + R_f h + b_f);  n = tanh(W_n x + R_n (f ⊙ h) + b_n);  h' = (1 − f) ⊙ h + f ⊙ n"""

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", ("n", "f"), (H, D)), Stack("R", ("f",), (H, H)), Stack("R_n", (), (H, H)),
                Stack("b", ("n", "f"), (H, 1))]

    def step(self, wx, old):
        h, = old
        a_n, a_f = self.split(wx)
        f = sigmoid(a_f + self.R @ h)
        m = f * h
        n = tanh(a_n + self.R_n @ m)
        h_new = (1 - f) * h + f * n
        return (h_new,), Memo(f=f, m=m, n=n)

    def step_backward(self, dnew, old, new, memo):
        dh_new, = dnew
        h, = old
        f, n = memo.f, memo.n
        # h' = (1 - f) h + f n
        dh = dh_new * (1 - f)
        dn = dh_new * f
        df = dh_new * (n - h)
        # n = tanh(a_n + R_n m)
        da_n = dn * (1 - n * n)
        dm = self.R_n.T @ da_n
        # m = f h
        df = df + dm * h
        dh = dh + dm * f
        # f = sigmoid(a_f + R h)
        da_f = df * f * (1 - f)
        dh = dh + self.R.T @ da_f
        return stack(da_n, da_f), (dh,)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        da_n = columns(dwxs)[:self.n_hidden]
        grads["R_n"] += da_n @ columns(memos.m).T
        return super().weight_gradients(dwxs, xs, olds, memos, grads)


def make(n_in, n_hidden):
    return MGU(n_in, n_hidden, rng=14, dtype="float64")
