"""A step without equations is followed through its code: the same numbers and gradients, whatever NumPy it is written in."""

import numpy as np
import pytest

import minirnn
from minirnn import Memo
from minirnn.activations import log_add, sigmoid, softplus
from minirnn.stepping.graph import FUNCTIONS
from minirnn.stepping.tracing import Recorded

T, D, H, B = 4, 2, 3, 2


def data(seed=0):
    return np.random.default_rng(seed).normal(size=(T, D, B))


@pytest.mark.parametrize("name", list(minirnn.CELLS))
def test_a_subclass_without_equations_is_followed_through_its_code(name):
    kind = type("Plain", (minirnn.CELLS[name],), {"equations": {}})
    cell, own = kind(D, H, dtype="float64"), minirnn.make_cell(name, D, H, dtype="float64")
    step, other = (minirnn.step_through(c, data(), t=2, unit=1, example=1) for c in (cell, own))
    assert step.gap[0] < 1e-12
    for state in own.state_names:
        assert np.isclose(step.values[state + "'"], other.values[state + "'"], rtol=1e-9)
        assert np.isclose(step.gradients[state], other.gradients.get(state, 0.0), rtol=1e-9, atol=1e-12)
    for gradient in step.backward:
        assert np.isclose(sum(term.value for term in gradient.terms), gradient.total, rtol=1e-9, atol=1e-12)


def lstm_of_functions():
    def gate(x):
        return 1 / (1 + np.exp(-x))

    def step(p, x, old):
        h, c = old
        a = p["W"] @ x + p["R"] @ h + p["b"]
        i, f, g = np.split(a, 3)
        i, f = gate(i), gate(f)
        c_new = f * c + i * np.tanh(g)
        return (np.maximum(c_new, 0), c_new), {"i": i, "f": f, "g": g}

    def step_backward(p, dnew, x, old, new, memo, grads):
        (dh, dc), (h, c), (i, f, g) = dnew, old, memo.values()
        dc = dc + dh * (new[0] > 0)
        da = np.concatenate([dc * np.tanh(g) * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - np.tanh(g)**2)])
        grads["W"] += da @ x.T
        grads["R"] += da @ h.T
        grads["b"] += da.sum(axis=1, keepdims=True)
        return p["W"].T @ da, (p["R"].T @ da, dc * f)

    rng = np.random.default_rng(1)
    params = {"W": rng.normal(size=(9, 2)), "R": rng.normal(size=(9, 3)), "b": rng.normal(size=(9, 1))}
    return minirnn.FunctionCell(step, step_backward, params, n_in=2, n_hidden=3, state_names=("h", "c"))


def test_a_students_functions_are_shown_with_the_names_of_their_variables():
    step = minirnn.step_through(lstm_of_functions(), data(), t=1, unit=2)
    symbols = {line.name: line.symbols for line in step.forward}
    assert symbols["a[2]"] == "W[2] x + R[2] h + b[2]" and symbols["f"] == "σ(a[5])" and symbols["g"] == "a[8]"
    assert symbols["c'"] == "f ⊙ c + i ⊙ tanh(g)" and symbols["h'"] == "relu(c')"
    assert step.gap[0] < 1e-12 and {"dW[2]", "dR[5]", "db[8]"} <= {share.name for share in step.shares}


def test_following_a_cell_leaves_its_gradients_and_the_profiler_as_they_were():
    import sys
    cell = lstm_of_functions()
    before = minirnn.unroll(cell, data()).backward(np.ones((T, H, B)))[1]
    minirnn.step_through(cell, data())
    after = minirnn.unroll(cell, data()).backward(np.ones((T, H, B)))[1]
    assert (before.flat == after.flat).all() and sys.getprofile() is None


OPERATIONS = {
    "in place": lambda a, b: _in_place(a, b),
    "part of an array replaced": lambda a, b: _replaced(a, b),
    "mean and sum": lambda a, b: a - a.mean(axis=0, keepdims=True) + b.sum(axis=0, keepdims=True),
    "stack and index": lambda a, b: np.stack([a, b])[1] * np.stack([a, b])[0],
    "where": lambda a, b: np.where(a.value.array > 0 if isinstance(a, Recorded) else a > 0, a * b, b),
    "clip and extremes": lambda a, b: np.clip(a, -0.5, 0.5) + np.maximum(a, b) - np.minimum(b, 0.3),
    "powers and roots": lambda a, b: np.sqrt(a**2 + 1) + b**3 + np.square(a) / (2 + b**2),
    "unknown to it": lambda a, b: np.einsum("hb,hb->hb", a, b) + np.cumsum(a, axis=0),
    "our activations": lambda a, b: sigmoid(a) * softplus(b) + log_add(a, b, sigmoid(a - b)),
    "every function": lambda a, b: np.exp(a) + np.log1p(a**2) + np.sin(b) + np.cos(a) + np.arctan(b) + abs(a) + np.sinh(b) +
    np.expm1(a),
    "transposes and reshapes": lambda a, b: a.T.reshape(1, -1).T.reshape(b.shape[::-1]).T * b,
    "rolls": lambda a, b: np.roll(a, 1, axis=0) * b + np.vstack([a[1:], b[:1]]),
}


def _in_place(a, b):
    y = a * 1.0
    y *= b
    y += 0.5
    return y


def _replaced(a, b):
    y = a.copy()
    y[1:] += b[1:] * a[:-1]
    return y


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_operations_of_numpy_are_followed_with_their_slopes(name):
    function = OPERATIONS[name]

    def step(p, x, old):
        h, = old
        y = function(p["R"] @ h + p["W"] @ x, h)
        return (np.tanh(y),), {}

    rng = np.random.default_rng(3)
    params = {"W": rng.normal(size=(H, D)), "R": rng.normal(size=(H, H))}

    def numeric(p, dnew, x, old, new, memo, grads):         # by differences: independent of what is checked here
        def at(array, k, d):
            kept = array.flat[k]
            array.flat[k] = kept + d
            value = (dnew[0] * step({"W": w, "R": r}, x_, (h_,))[0][0]).sum()
            array.flat[k] = kept
            return value
        w, r, x_, h_ = np.array(p["W"]), np.array(p["R"]), np.array(x), np.array(old[0])
        slopes = [np.array([(at(a, k, 1e-5) - at(a, k, -1e-5)) / 2e-5 for k in range(a.size)]).reshape(a.shape)
                  for a in (w, r, x_, h_)]
        grads["W"] += slopes[0]
        grads["R"] += slopes[1]
        return slopes[2], (slopes[3],)

    cell = minirnn.FunctionCell(step, numeric, params, n_in=D, n_hidden=H)
    step_shown = minirnn.step_through(cell, data(5), t=2, unit=1)
    assert step_shown.gap[0] < 1e-6
    for gradient in step_shown.backward:
        assert np.isclose(sum(term.value for term in gradient.terms), gradient.total, rtol=1e-6, atol=1e-9)
        for term in gradient.terms:
            if term.pieces:                                 # the factors that are written down
                found = np.prod([piece.value for piece in term.pieces if not isinstance(piece, str)])
                assert np.isclose(found * (-1 if term.sign == "−" else 1), term.value, rtol=1e-6, atol=1e-9), term


@pytest.mark.parametrize("write", [
    lambda x: 1 / (1 + np.exp(-x)), lambda x: 1.0 / (np.exp(-x) + 1),
    lambda x: 0.5 * (1 + np.tanh(x / 2)), lambda x: 0.5 * np.tanh(0.5 * x) + 0.5, sigmoid])
def test_sigma_is_recognised_however_it_is_written(write):
    def step(p, x, old):
        z = write(p["W"] @ x)
        return (z * old[0],), Memo(z=z)

    cell = minirnn.FunctionCell(step, lambda p, dnew, x, old, new, memo, grads: (
        p["W"].T @ (dnew[0] * old[0] * memo.z * (1 - memo.z)), (dnew[0] * memo.z,)), {"W": np.ones((H, D))}, n_in=D, n_hidden=H)
    lines = {line.name: line.symbols for line in minirnn.step_through(cell, data(), t=1).forward}
    assert lines["z"] == "σ(W x)"


def test_a_step_that_cannot_be_followed_is_an_error_that_says_why():
    def step(p, x, old):
        new = np.empty_like(old[0])
        np.add(p["W"] @ x, old[0], out=new)
        return (new,), {}

    cell = minirnn.FunctionCell(step, lambda p, dnew, x, old, new, memo, grads: (p["W"].T @ dnew[0], dnew),
                                {"W": np.ones((H, D))},
                                n_in=D, n_hidden=H)
    with pytest.raises(TypeError, match="step of FunctionCell cannot be followed: .*out="):
        minirnn.step_through(cell, data())


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_slopes_of_functions_agree_with_differences(name):
    function = FUNCTIONS[name]
    x = np.array([0.3, 1.2, 2.5]) if "log" in name or name == "sqrt" else np.array([-1.3, 0.4, 2.1])
    h = 1e-6
    assert np.allclose(function.slope(x, function.of(x)), (function.of(x + h) - function.of(x - h)) / (2 * h), rtol=1e-7)
    if function.parts:
        assert np.allclose(np.prod(function.parts(x, function.of(x)), axis=0), function.slope(x, function.of(x)))
