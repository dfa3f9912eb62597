"""The exercises of notebook 08, as they stand there and mended, and `hand_in`, which takes any cell."""

import numpy as np
import pytest

import minirnn
from minirnn import Cell, FunctionCell, Memo, Stack, exercises
from minirnn.activations import sigmoid, tanh
from minirnn.cells.cell import stack
from exercises.answers import told, written


def leaky(mended_slope, mended_carry):
    def leaky_step_backward(p, dnew, x, old, new, memo, grads):
        dh_new, = dnew
        h, = old
        n, alpha = memo["n"], sigmoid(p["k"])
        dn, dalpha = dh_new * alpha, dh_new * (n - h)
        da = dn * (1 - n**2)
        grads["W"] += da @ x.T
        grads["R"] += da @ h.T
        grads["b"] += da.sum(axis=1, keepdims=True)
        slope = alpha * (1 - alpha) if mended_slope else alpha
        grads["k"] += (dalpha * slope).sum(axis=1, keepdims=True)
        R = p["R"].T if mended_carry else p["R"]
        return p["W"].T @ da, (dh_new * (1 - alpha) + R @ da,)
    return leaky_step_backward


def test_the_leaky_unit():
    assert told("08.1", leaky(True, True))
    said = str(told("08.1", leaky(False, False)))
    assert "old h and k is wrong; that of x, W, R and b is right" in said
    assert "derivative of an activation" in said
    assert "alpha(1" not in said and "alpha * (1" not in said.replace("slope = alpha * (1 - alpha)", "")


class CoupledLSTM(Cell):
    state_names = ("h", "c")
    peephole = False

    def stacks(self):
        D, H = self.n_in, self.n_hidden
        gates = ("i", "o", "g")
        return [Stack("W", gates, (H, D)), Stack("R", gates, (H, H)), Stack("b", gates, (H, 1)), Stack("p", (), (H, 1))]

    def step(self, wx, old):
        h, c = old
        a_i, a_o, a_g = self.split(wx + self.R @ h)
        i, g = sigmoid(a_i), tanh(a_g)
        c_new = (1 - i) * c + i * g
        o = sigmoid(a_o + self.p * c_new)
        s = tanh(c_new)
        return (o * s, c_new), Memo(i=i, o=o, g=g, s=s, c_new=c_new)

    def weight_gradients(self, dwxs, xs, olds, memos, grads):
        da_i, da_o, da_g = np.split(dwxs, 3, axis=1)
        grads["p"] += (da_o * memos.c_new).sum(axis=(0, 2))[:, None]
        return super().weight_gradients(dwxs, xs, olds, memos, grads)

    def step_backward(self, dnew, old, new, memo):
        dh_new, dc_new = dnew
        h, c = old
        i, o, g, s = memo.i, memo.o, memo.g, memo.s
        da_o = dh_new * s * o * (1 - o)
        dc_new = dc_new + dh_new * o * (1 - s**2) + self.peephole * self.p * da_o
        di, dg = dc_new * (g - c), dc_new * i
        da = stack(di * i * (1 - i), da_o, dg * (1 - g**2))
        return da, (self.R.T @ da, dc_new * (1 - i))


class Mended(CoupledLSTM):
    peephole = True


class OtherForward(Mended):
    def step(self, wx, old):
        return super().step(2 * wx, old)


def test_the_coupled_lstm_is_a_cell_and_is_told_by_its_matrix():
    assert told("08.2", Mended(3, 4))
    said = str(told("08.2", CoupledLSTM(3, 4)))
    assert "13 gradients are wrong" in said and "a_o" in said and "dc_new" not in said
    assert "forward pass is not the one of the exercise" in str(told("08.2", OtherForward(3, 4)))
    assert "expected D = 3, H = 4" in str(told("08.2", Mended(2, 4)))
    assert "parameters" in str(told("08.2", minirnn.make_cell("lstm", 3, 4)))
    assert "the class Mended, expected a function" in str(told("08.2", Mended))


def gru(mended):
    def gru_step_backward(p, dnew, x, old, new, memo, grads):
        dh_new, = dnew
        h, = old
        r, z, n = memo["r"], memo["z"], memo["n"]
        dz, dn = dh_new * ((h - n) if mended else (n - h)), dh_new * (1 - z)
        da_n = dn * (1 - n**2)
        drh = p["R_n"].T @ da_n
        da_r, da_z = drh * h * r * (1 - r), dz * z * (1 - z)
        for gate, da, read in (("r", da_r, h), ("z", da_z, h), ("n", da_n, r * h if mended else h)):
            grads[f"W_{gate}"] += da @ x.T
            grads[f"R_{gate}"] += da @ read.T
            grads[f"b_{gate}"] += da.sum(axis=1, keepdims=True)
        dx = p["W_r"].T @ da_r + p["W_z"].T @ da_z + p["W_n"].T @ da_n
        dh = dh_new * z + p["R_r"].T @ da_r + p["R_z"].T @ da_z + (drh * r if mended else drh)
        return dx, (dh,)
    return gru_step_backward


def test_the_gru_is_told_by_numbers():
    assert told("08.3", gru(True))
    said = str(told("08.3", gru(False)))
    assert "derived/numeric" in said and "-1.000" in said and "another's place" not in said


def test_hand_in_takes_any_cell():
    rng = np.random.default_rng(0)
    params = {name: rng.normal(size=shape) for name, shape in (("W", (4, 3)), ("R", (4, 4)), ("b", (4, 1)), ("k", (4, 1)))}
    step = exercises.catalogue.EXERCISES["08.1"].step
    right, wrong = (FunctionCell(step, leaky(*[mended] * 2), params, n_in=3, n_hidden=4) for mended in (True, False))
    assert exercises.hand_in(right) and "All 6 gradients agree" in str(exercises.hand_in(right))
    assert "transposed" not in str(exercises.hand_in(wrong, "numbers"))
    assert "WRONG" in str(exercises.hand_in(wrong, "matrix"))
    assert "derivative of an activation" in str(exercises.hand_in(wrong))
    with pytest.raises(ValueError, match="expected one of diagnosis, matrix, numbers"):
        exercises.hand_in(wrong, "all")
    with pytest.raises(TypeError, match="expected a Cell"):
        exercises.hand_in(step)


MINIMAL = """\
def minimal_backward(p, dnew, x, old, new, memo, grads):
    dh_new, = dnew
    h, = old
    f, n = memo["f"], memo["n"]
    da_n = dh_new * f * (1 - n**2)
    dfh = p["R_n"].T @ da_n
    df = dh_new * (n - h) + dfh * h
    da_f = df * f * (1 - f)
    for k, da, read in (("f", da_f, h), ("n", da_n, f * h)):
        grads["W_" + k] += da @ x.T
        grads["R_" + k] += da @ read.T
        grads["b_" + k] += da.sum(axis=1, keepdims=True)
    dx = p["W_f"].T @ da_f + p["W_n"].T @ da_n
    return dx, (dh_new * (1 - f) + dfh * f + p["R_f"].T @ da_f,)
"""


def test_the_minimal_gated_unit_from_blank():
    right = told("08.4", written(MINIMAL))
    assert right and "All 8 gradients agree" in str(right)


@pytest.mark.parametrize("old, new, wrong", [
    (" + dfh * h", "", "W_f"),
    (" + dfh * f", " + dfh", "old h"),
    ("(n - h)", "(h - n)", "W_f"),
    ('("n", da_n, f * h)', '("n", da_n, h)', "R_n"),
    ("dh_new * (1 - f) +", "", "old h"),
    ("da_n = dh_new * f", "da_n = dh_new * (1 - f)", "W_n"),
])
def test_a_mistake_in_it_is_told_by_what_it_makes_wrong(old, new, wrong):
    feedback = told("08.4", written(MINIMAL, old, new))
    assert feedback.status == "wrong" and wrong in str(feedback) and "belongs" not in str(feedback), str(feedback)


BETTER = """\
def better_slope(loss, theta, delta):
    def central(delta):
        return (loss(theta + delta) - loss(theta - delta)) / (2 * delta)
    return (4 * central(delta / 2) - central(delta)) / 3
"""


@pytest.mark.parametrize("old, new, words", [
    ("", "", "is right"),
    ("(4 * central(delta / 2) - central(delta)) / 3", "central(delta)", "falls with δ² only"),
    ("(4 * central(delta / 2) - central(delta)) / 3", "central(delta / 2)", "a quarter of the error"),
    ("(4 * central(delta / 2) - central(delta)) / 3", "2 * central(delta / 2) - central(delta)", "a term in δ would cancel"),
    (" / 3", "", "counts 4 − 1 times"),
    ("4 * central(delta / 2) - central(delta)", "4 * central(delta) - central(delta / 2)", "the wrong way round"),
    ("(4 * central(delta / 2) - central(delta)) / 3", "(central(delta / 2) + central(delta)) / 2", "off in the same direction"),
    ("4 * central(delta / 2)", "8 * central(delta / 2)", "is too large"),
])
def test_a_difference_without_its_square_term(old, new, words):
    assert words in str(told("08.5", written(BETTER, old, new)))


def test_the_error_of_the_right_one_falls_with_the_fourth_power_of_the_step():
    slope = written(BETTER)
    errors = [abs(slope(np.sin, 0.7, delta) - np.cos(0.7)) for delta in (0.2, 0.1)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.05)
