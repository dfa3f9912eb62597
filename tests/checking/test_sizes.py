"""A mistake is looked at in a small cell, if the code can have another size, and what mends it must mend another size, too."""

import numpy as np
import pytest

from minirnn import FunctionCell, gradcheck
from minirnn.checking.loading import load_cell
from minirnn.checking.shrinking import resized, smaller

GROUPS = '''
import numpy as np

from minirnn import FunctionCell


def forward(p, x, h):
    a = p["W"] @ x + p["R"] @ h
    groups = a.reshape(2, len(a) // 2, -1)
    centred = groups - groups.mean(axis=1, keepdims=True)
    rate = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 0.001)
    return (centred * rate).reshape(a.shape), rate


def step(p, x, old):
    y, rate = forward(p, x, old[0])
    return (np.tanh(y),), {"y": y, "rate": rate}


def step_backward(p, dnew, x, old, new, memo, grads):
    y, rate = memo["y"].reshape(2, len(memo["y"]) // 2, -1), memo["rate"]
    dy = (dnew[0] * (1 - new[0]**2)).reshape(y.shape)
    s1, s2 = dy.mean(axis=1, keepdims=True), (dy * y).mean(axis=1, keepdims=True)
    dgroups = dy - s1 - y * s2
    da = (rate * dgroups).reshape(new[0].shape)
    grads["W"] += da @ x.T
    grads["R"] += da @ old[0].T
    return p["W"].T @ da, (p["R"].T @ da,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(1)
    params = {"W": rng.normal(size=(n_hidden, n_in)), "R": rng.normal(size=(n_hidden, n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
'''


def groups(tmp_path, right="", wrong="", n_hidden=4):
    path = tmp_path / "groups.py"
    assert right in GROUPS
    path.write_text(GROUPS.replace(right, wrong) if right else GROUPS)
    return load_cell(f"{path}:make", 3, n_hidden)


def test_what_mends_two_units_by_chance_is_not_told(tmp_path):
    # Two units less their mean, by their deviation, are ±1: there (1 − y²) is nearly nothing, and much of what is wrong passes.
    assert gradcheck(groups(tmp_path))
    finding, = gradcheck(groups(tmp_path, "dy - s1 - y * s2", "dy - s1")).diagnosis.findings
    assert finding.certain and finding.kind == "missing term" and finding.belongs == "dgroups = dy - s1 - s2 * y"


def test_a_size_that_leaves_numbers_unset_is_not_taken():
    def step(p, x, old):
        h_new, half = np.empty_like(old[0]), len(old[0]) // 2
        for rows in (slice(0, half), slice(half, 2 * half)):    # of an odd number of units, the last is nobody's
            h_new[rows] = np.tanh(p["W"][rows] @ x + p["R"][rows] @ old[0])
        return (h_new,), {}

    def step_backward(p, dnew, x, old, new, memo, grads):
        da = dnew[0] * (1 - new[0])
        grads["W"] += da @ x.T
        grads["R"] += da @ old[0].T
        return p["W"].T @ da, (p["R"].T @ da,)

    rng = np.random.default_rng(0)
    cell = FunctionCell(step, step_backward, {"W": rng.normal(size=(4, 3)), "R": rng.normal(size=(4, 4))}, n_in=3, n_hidden=4)
    assert resized(cell, 2, 3, rng) is None and resized(cell, 2, 2, rng).n_hidden == 2
    assert smaller(cell, rng) is cell
    finding, = gradcheck(cell).diagnosis.findings
    assert finding.kind == "derivative" and finding.belongs == "da = dnew[0] * (1 - new[0] ** 2)" and finding.certain


@pytest.mark.parametrize("n_in, n_hidden", [(7, 5), (6, 6)])
def test_another_size_has_the_same_code_and_parameters_of_its_own_shapes(n_in, n_hidden, tmp_path):
    cell = groups(tmp_path)
    rng = np.random.default_rng(0)
    other = resized(cell, n_in, n_hidden, rng)
    if n_hidden % 2:
        assert other is None                                    # it cannot be cut into two groups
    else:
        assert other.params["R"].shape == (n_hidden, n_hidden) and other.functions == cell.functions
        assert gradcheck(other, diagnose=False)
