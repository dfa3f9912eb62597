"""One gated average in many styles of code: the same mistake is found, and its line, however its backward pass is written."""

import textwrap

import pytest

from minirnn import gradcheck
from minirnn.checking.loading import load_cell

FORWARD = '''
import functools
from dataclasses import dataclass

import numpy as np

from minirnn import FunctionCell


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def step(p, x, old):
    h, = old
    z, n = sigmoid(p["Wz"] @ x + p["Rz"] @ h + p["bz"]), np.tanh(p["Wn"] @ x + p["Rn"] @ h + p["bn"])
    return (z * h + (1 - z) * n,), {"z": z, "n": n}


def parameters(n_in, n_hidden):
    rng, shapes = np.random.default_rng(0), {"W": (n_hidden, n_in), "R": (n_hidden, n_hidden), "b": (n_hidden, 1)}
    return {kind + gate: rng.normal(0, 0.7, shape) for gate in "zn" for kind, shape in shapes.items()}
'''

MAKE = '''

def make(n_in, n_hidden):
    return FunctionCell(step, BACKWARD, parameters(n_in, n_hidden), n_in=n_in, n_hidden=n_hidden)
'''

# What follows the gradients dz and dn of the pre-activations, in every style but those that do without.
REST = '''
grads["Wz"] += dz @ x.T
grads["Rz"] += dz @ h.T
grads["bz"] += dz.sum(axis=1, keepdims=True)
grads["Wn"] += dn @ x.T
grads["Rn"] += dn @ h.T
grads["bn"] += dn.sum(axis=1, keepdims=True)
return p["Wz"].T @ dz + p["Wn"].T @ dn, (d * z + p["Rz"].T @ dz + p["Rn"].T @ dn,)
'''
ARGUMENTS = "p, dnew, x, old, new, memo, grads"
READ = 'h, d, z, n = old[0], dnew[0], memo["z"], memo["n"]\n'
DZ, DN = "dz = d * (h - n) * z * (1 - z)\n", "dn = d * (1 - z) * (1 - n**2)\n"


def function(head, body, indent=4):
    return f"\n\n{head}\n{textwrap.indent(body.strip(), ' ' * indent)}\n"


PLAIN = READ + DZ + DN + REST
LOOP = '''
for gate, a in {each}:
    grads["W" + gate] += a @ x.T
    grads["R" + gate] += a @ h.T
    grads["b" + gate] += a.sum(axis=1, keepdims=True)
    dx = dx + p["W" + gate].T @ a
    dh = dh + p["R" + gate].T @ a
return dx, (dh,)
'''
STYLES = {                      # name -> (code of the backward pass, what it is called)
    "method of an object": (
        "\n\nclass Solver:\n    scale = 1.0\n" + function(f"    def backward(self, {ARGUMENTS}):", PLAIN, 8).lstrip("\n"),
        "Solver().backward"),
    "object that is called": (
        "\n\nclass Backward:\n" + function(f"    def __call__(self, {ARGUMENTS}):", PLAIN, 8).lstrip("\n"), "Backward()"),
    "static method": (
        "\n\nclass Mine:\n    @staticmethod\n    def through_tanh(d, n):\n        return d * (1 - n**2)\n\n    @staticmethod\n"
        + function(f"    def backward({ARGUMENTS}):",
                   READ + DZ + "dn = Mine.through_tanh(d * (1 - z), n)\n" + REST, 8).lstrip("\n"),
        "Mine.backward"),
    "class method": (
        "\n\nclass Mine:\n    @classmethod\n" + function(f"    def backward(cls, {ARGUMENTS}):", PLAIN, 8).lstrip("\n"),
        "Mine.backward"),
    "arguments given": (function(f"def backward(scale, {ARGUMENTS}):", PLAIN), "functools.partial(backward, 1.0)"),
    "wrapped": (
        "\n\ndef logged(f):\n    @functools.wraps(f)\n    def inner(*args):\n        return f(*args)\n    return inner\n"
        + function(f"@logged\ndef backward({ARGUMENTS}):", PLAIN), "backward"),
    "table of lambdas": (
        '\n\nBACK = {"z": lambda d, h, z, n: d * (h - n) * z * (1 - z), "n": lambda d, h, z, n: d * (1 - z) * (1 - n**2)}\n'
        + function(f"def backward({ARGUMENTS}):", READ + "dx, dh = 0, d * z\n" + LOOP.format(
            each="[(gate, f(d, h, z, n)) for gate, f in BACK.items()]")), "backward"),
    "dataclass": (
        "\n\n@dataclass\nclass Slopes:\n    z: np.ndarray\n    n: np.ndarray\n"
        + function(f"def backward({ARGUMENTS}):", READ + "dx, dh = 0, d * z\n"
                   "both = Slopes(z=d * (h - n) * z * (1 - z), n=d * (1 - z) * (1 - n**2))\n"
                   + LOOP.format(each='(("z", both.z), ("n", both.n))')), "backward"),
    "layers in a list": (
        "\n\nclass Layer:\n    def __init__(self, gate):\n        self.gate = gate\n\n"
        "    def backward(self, p, da, x, h, grads):\n"
        '        grads["W" + self.gate] += da @ x.T\n        grads["R" + self.gate] += da @ h.T\n'
        '        grads["b" + self.gate] += da.sum(axis=1, keepdims=True)\n'
        '        return p["W" + self.gate].T @ da, p["R" + self.gate].T @ da\n'
        "\n\nclass Keep(Layer):\n    def slope(self, d, h, z, n):\n        return d * (h - n) * z * (1 - z)\n"
        "\n\nclass New(Layer):\n    def slope(self, d, h, z, n):\n        return d * (1 - z) * (1 - n**2)\n"
        '\n\nLAYERS = [Keep("z"), New("n")]\n'
        + function(f"def backward({ARGUMENTS}):", READ + "dx, dh = 0, d * z\nfor layer in LAYERS:\n"
                   "    of_x, of_h = layer.backward(p, layer.slope(d, h, z, n), x, h, grads)\n"
                   "    dx, dh = dx + of_x, dh + of_h\nreturn dx, (dh,)"), "backward"),
    "generator": (
        "\n\ndef each(d, h, z, n):\n    yield 'z', d * (h - n) * z * (1 - z)\n    yield 'n', d * (1 - z) * (1 - n**2)\n"
        + function(f"def backward({ARGUMENTS}):", READ + "dx, dh = 0, d * z\n" + LOOP.format(each="each(d, h, z, n)")),
        "backward"),
    "one column after the other": (
        function(f"def backward({ARGUMENTS}):",
                 "dx, dh = np.zeros(x.shape), np.zeros(old[0].shape)\nfor b in range(x.shape[1]):\n"
                 + textwrap.indent('h, d, z, n = old[0][:, b], dnew[0][:, b], memo["z"][:, b], memo["n"][:, b]\n' + DZ + DN
                                   + 'for gate, a in (("z", dz), ("n", dn)):\n    grads["W" + gate] += np.outer(a, x[:, b])\n'
                                   '    grads["R" + gate] += np.outer(a, h)\n    grads["b" + gate] += a[:, None]\n'
                                   'dx[:, b] = p["Wz"].T @ dz + p["Wn"].T @ dn\n'
                                   'dh[:, b] = d * z + p["Rz"].T @ dz + p["Rn"].T @ dn\n', "    ") + "return dx, (dh,)"),
        "backward"),
}
MISTAKES = {                    # what is written wrong -> (right, wrong, kind)
    "sign": ("(h - n)", "(n - h)", "sign"),
    "slope of tanh": ("* (1 - n**2)", "* (1 - n)", "derivative"),
    "half a sigmoid's slope": ("* z * (1 - z)", "* (1 - z)", "derivative"),
}


LAYERED = '''
import numpy as np

from minirnn.cells.cell import Memo
from minirnn.cells.elman import RNN


class Layer:
    def __init__(self, name):
        self.name = name

    def back(self, y, d):
        return d * self.slope(y)


class Tanh(Layer):
    def slope(self, y):
        return 1 - y**2


class Layered(RNN):
    """An Elman network, whose activation is an object that it holds."""

    def __init__(self, n_in, n_hidden, **options):
        self.activation = Tanh("tanh")
        super().__init__(n_in, n_hidden, **options)

    def step_backward(self, dnew, old, new, memo):
        da = self.activation.back(new[0], dnew[0])
        return da, (self.R.T @ da,)


def make(n_in, n_hidden):
    return Layered(n_in, n_hidden, rng=3)
'''


def cell_in(style, tmp_path, right="", wrong=""):
    code, name = STYLES[style]
    text = FORWARD + code + MAKE.replace("BACKWARD", name)
    assert right in text
    path = tmp_path / "mine.py"
    path.write_text(text.replace(right, wrong) if right else text)
    return load_cell(f"{path}:make", 3, 4)


@pytest.mark.parametrize("style", STYLES)
def test_however_it_is_written_what_belongs_there_is_found(style, tmp_path):
    assert gradcheck(cell_in(style, tmp_path))
    for name, (right, wrong, kind) in MISTAKES.items():
        finding, = gradcheck(cell_in(style, tmp_path, right, wrong)).diagnosis.findings
        line = (tmp_path / "mine.py").read_text().splitlines()[finding.line - 1]
        assert finding.certain and finding.kind == kind and wrong in line, (name, finding)


def test_an_object_that_a_cell_holds_is_looked_into_with_its_ancestors(tmp_path):
    path = tmp_path / "layered.py"
    path.write_text(LAYERED)
    assert gradcheck(load_cell(f"{path}:make", 3, 4))
    for right, wrong, kind in (("1 - y**2", "1 - y", "derivative"), ("d * self.slope(y)", "-d * self.slope(y)", "sign")):
        path.write_text(LAYERED.replace(right, wrong))
        finding, = gradcheck(load_cell(f"{path}:make", 3, 4)).diagnosis.findings
        assert finding.certain and finding.kind == kind and wrong in path.read_text().splitlines()[finding.line - 1], finding


def test_two_names_that_are_wrong_in_one_line_are_told_together(tmp_path):
    right, wrong = 'p["Wz"].T @ dz + p["Wn"].T @ dn, (d * z + p["Rz"]', 'p["Wn"].T @ dz + p["Wn"].T @ dn, (d * z + p["Rn"]'
    finding, = gradcheck(cell_in("arguments given", tmp_path, right, wrong)).diagnosis.findings
    assert finding.certain and finding.belongs == REST.strip().splitlines()[-1], finding
    assert set(finding.wrong) == {"x", "old h"} and finding.sentence.count("stands where") == 2


PRODUCT = '''
import numpy as np

from minirnn import FunctionCell


class Product:
    @staticmethod
    def features(p, x):
        left, right = p["A"] @ x, p["C"] @ x
        return left, right


def step(p, x, old):
    one, other = Product.features(p, x)
    return (np.tanh(one * other + p["R"] @ old[0]),), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    left, right = Product.features(p, x)
    da = dnew[0] * (1 - new[0]**2)
    first, second = da * right, da * left
    grads["A"] += first @ x.T
    grads["C"] += second @ x.T
    grads["R"] += da @ old[0].T
    return p["A"].T @ first + p["C"].T @ second, (p["R"].T @ da,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(0)
    params = {name: rng.normal(size=(n_hidden, n)) for name, n in (("A", n_in), ("C", n_in), ("R", n_hidden))}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden)
'''


def test_what_a_function_returns_is_not_taken_in_another_order_than_it_says(tmp_path):
    path = tmp_path / "product.py"
    path.write_text(PRODUCT)
    assert gradcheck(load_cell(f"{path}:make", 3, 4))
    path.write_text(PRODUCT.replace("da * right, da * left", "da * left, da * right"))
    finding, = gradcheck(load_cell(f"{path}:make", 3, 4)).diagnosis.findings    # (right, left = ... would mend it, too)
    assert finding.certain and finding.source == "first, second = da * left, da * right", finding


ONE_ARRAY = {                   # what gives each gate an array of its own -> what gives both the same
    "{k: np.zeros_like(d) for k in 'zn'}": "dict.fromkeys('zn', np.zeros_like(d))",
    "dict(zip('zn', [np.zeros_like(d) for _ in range(2)]))": "dict(zip('zn', [np.zeros_like(d)] * 2))",
    "dict(z=np.zeros_like(d), n=np.zeros_like(d))": "dict(z=one, n=other)",
}


@pytest.mark.parametrize("right", ONE_ARRAY)
def test_one_array_under_several_names_is_told_where_it_is_made(right, tmp_path):
    wrong, path = ONE_ARRAY[right], tmp_path / "mine.py"
    sums = "da['z'] += d * (h - n) * z * (1 - z)\nda['n'] += d * (1 - z) * (1 - n**2)\ndz, dn = da['z'], da['n']\n"
    first = "one = other = np.zeros_like(d)\n" if "one" in wrong else ""
    for made in (f"da = {right}\n", f"{first}da = {wrong}\n"):
        backward = function(f"def backward({ARGUMENTS}):", READ + made + sums + REST)
        path.write_text(FORWARD + backward + MAKE.replace("BACKWARD", "backward"))
        report = gradcheck(load_cell(f"{path}:make", 3, 4))
    finding, = report.diagnosis.findings
    line = path.read_text().splitlines()[finding.line - 1]
    assert finding.certain and finding.kind == "changes its input" and (first or wrong).strip() in line, finding
    assert "one" in finding.sentence or "same array" in finding.sentence


def test_a_list_of_one_array_that_does_no_harm_does_not_stop_the_search(tmp_path):
    # [a] * 2 is read only here; what is wrong is the sign.
    backward = function(f"def backward({ARGUMENTS}):", READ + "zeros = [np.zeros_like(d)] * 2\n" + DZ.replace("h - n", "n - h")
                        + DN.rstrip() + " + zeros[0]\n" + REST)
    path = tmp_path / "mine.py"
    path.write_text(FORWARD + backward + MAKE.replace("BACKWARD", "backward"))
    report = gradcheck(load_cell(f"{path}:make", 3, 4))
    assert not report.undiagnosed
    finding, = report.diagnosis.findings
    assert finding.certain and finding.kind == "sign"


@pytest.mark.parametrize("wrong, kind, belongs", [
    ("dx[:] = np.sqrt(scale) *", "overwritten", "dx[:] += np.sqrt(scale) *"),
    ("dx[:1] = 0\n    dx[:] += np.sqrt(scale) *", "carry", "(nothing)"),
    ("dx[np.abs(dx) < 0.05] = 0\n    dx[:] += np.sqrt(scale) *", "not linear", ""),
])
def test_what_is_written_into_an_array_is_told_by_what_it_does(wrong, kind, belongs, tmp_path):
    loop = ("dx, dh, scale = np.zeros(x.shape), d * z, 4.0\nfor gate, a in (('z', dz), ('n', dn)):\n"
            "    dh += p['R' + gate].T @ a\n    dx[:] += np.sqrt(scale) * (p['W' + gate].T @ a / 2)\n")
    rest = REST.replace(REST.strip().splitlines()[-1], loop + "return dx, (dh,)")
    path = tmp_path / "mine.py"
    for line in ("dx[:] += np.sqrt(scale) *", wrong):
        backward = function(f"def backward({ARGUMENTS}):", READ + DZ + DN + rest.replace("dx[:] += np.sqrt(scale) *", line))
        path.write_text(FORWARD + backward + MAKE.replace("BACKWARD", "backward"))
        report = gradcheck(load_cell(f"{path}:make", 3, 4))
        assert bool(report) == (line != wrong)
    finding = report.diagnosis.findings[0]
    assert finding.kind == kind and belongs in finding.belongs, finding
    assert wrong.splitlines()[0] in path.read_text().splitlines()[finding.line - 1]
