"""A user's own file, with whatever can be wrong in it: one sentence with file and line, status 2, no traceback."""

import json
import os
import sys

import numpy as np
import pytest

import minirnn
from minirnn import FunctionCell, gradcheck
from minirnn.checking.loading import load_cell
from minirnn.cli import main

CELL = """\
import sys
import numpy as np
from minirnn import Cell, FunctionCell, Memo, Stack


class Mine(Cell):
    def stacks(self):
        D, H = self.n_in, self.n_hidden
        return [Stack("W", (), (H, D)), Stack("R", (), (H, H)), Stack("b", (), (H, 1))]

    def step(self, wx, old):
        h = np.tanh(wx + self.R @ old[0])
        return (h,), Memo(s=1 - h**2)

    def step_backward(self, dnew, old, new, memo):
        da = dnew[0] * memo.s
        return da, (self.R.T @ da,)
"""

FUNCTIONS = """\
import numpy as np
from minirnn import FunctionCell


def step(p, x, old):
    h = np.tanh(p["W"] @ x + p["a"] * old[0])
    return (h,), {"s": 1 - h**2}


def step_backward(p, dnew, x, old, new, memo, grads):
    da = dnew[0] * memo["s"]
    grads["W"] += da @ x.T
    grads["a"] += (da * old[0]).sum()
    return p["W"].T @ da, (p["a"] * da,)


def make(n_in, n_hidden):
    return FunctionCell(step, step_backward, {"W": np.full((n_hidden, n_in), 0.3), "a": np.array(0.5)}, n_in=n_in,
                        n_hidden=n_hidden)
"""


def said_of(content, name, tmp_path, capsys, *more):
    """What the command line says on stderr, of a file with that content; it is one line, and the status is 2."""
    path = tmp_path / "mine.py"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    status = main(["gradcheck", f"{path}:{name}", *more])
    captured = capsys.readouterr()
    assert status == 2 and "Traceback" not in captured.err and captured.err.count("\n") == 1, captured.err
    return captured.err.replace(str(path), "mine.py")


def test_the_files_that_are_made_wrong_here_are_right(tmp_path, capsys):
    for content, name in (CELL, "Mine"), (FUNCTIONS, "make"):
        path = tmp_path / "mine.py"
        path.write_text(content, encoding="utf-8")
        assert main(["gradcheck", f"{path}:{name}"]) == 0, capsys.readouterr()


CHANGES = {     # what is replaced, by what, and what must be said
    "sys.exit while it is imported": ("import sys\n", "import sys\nsys.exit(0)\n", "mine.py, line 2: it calls sys.exit(0), which"),
    "sys.exit with a text": ("import sys\n", "import sys\nsys.exit('stop')\n", "line 2: it calls sys.exit('stop'), which"),
    "sys.exit in step": ("        h = np.tanh(wx", "        sys.exit(3)\n        h = np.tanh(wx", "line 12, in step: it calls sys.exit(3)"),
    "no super().__init__": ("    def stacks", "    def __init__(self, n_in, n_hidden):\n        self.n_in = n_in\n\n    def stacks",
                            "line 7, in __init__: Mine has no parameters: its __init__ must call super().__init__(n_in, n_hidden"),
    "a step with too few arguments": ("def step(self, wx, old)", "def step(self, wx)",
                                      "line 11, in step: step takes (self, wx), expected (self, wx, old)"),
    "a step without self": ("def step(self, wx, old)", "def step(wx, old)", "step takes (wx, old), expected (self, wx, old)"),
    "a step that is no method": ("    def step(self, wx, old):", "    step = 3\n\n    def other(self, wx, old):",
                                 "line 6, in Mine: step is 3, expected a method step(self, wx, old)"),
    "a step without return": ("        return (h,), Memo(s=1 - h**2)\n", "", "line 11, in step: step returned None, expected a pair"),
    "a step that returns no memo": ("return (h,), Memo(s=1 - h**2)", "return (h,)",
                                    "line 13, in step: step returned a tuple of 1, expected a pair: new state, memo"),
    "a step that returns no tuple": ("return (h,), Memo", "return h, Memo", "line 13, in step: step returned an array of shape (4, 3)"),
    "a memo that is a dict": ("Memo(s=1 - h**2)", "{'s': 1 - h**2}", "line 13, in step: step returned a dict of 1 as the memo"),
    "a tuple in the memo": ("Memo(s=1 - h**2)", "Memo(s=1 - h**2, cache=(h, wx))",
                            "line 13, in step: step noted cache as a tuple of 2, expected an array"),
    "a backward step without return": ("        return da, (self.R.T @ da,)\n", "",
                                       "line 15, in step_backward: step_backward returned None, expected a pair: dwx, dold"),
    "not written yet": ("        da = dnew[0] * memo.s\n", "        raise NotImplementedError\n",
                        "line 16, in step_backward: NotImplementedError: this is not written yet"),
    "an error without a word": ("        da = dnew[0] * memo.s\n", "        raise ValueError\n", "raises ValueError, without a word"),
    "no step_backward at all": ("def step_backward", "def step_backwards", "line 6, in Mine: Mine has no step_backward"),
    "a product of the wrong shapes": ("self.R.T @ da", "self.W @ da", "line 17, in step_backward: ValueError: matmul"),
    "the shapes of that product": ("self.R.T @ da", "self.W @ da", "da is (4, 3), self.W is (4, 3)"),
    "a state of another shape": ("return (h,), Memo", "return (h[:2],), Memo", "step returned h with shape (2, 3), expected (4, 3)"),
    "a name that is not there": ("memo.s", "memo.slope", "line 16, in step_backward: step_backward reads memo.slope"),
    "stacks without W": ('Stack("W", (), (H, D)), ', "", "line 6, in Mine: Mine has no parameters 'W', which input_terms reads"),
    "no stacks": ("def stacks", "def stack", "line 6, in Mine: Mine has no stacks"),
    "stacks without return": ('        return [Stack("W"', '        _ = [Stack("W"', "line 6, in Mine: "),
    "a forward pass with NaN": ("h = np.tanh(wx", "h = np.log(-1 - wx**2", "line 12, in step: the forward pass gives h = nan"),
    "the expression that gives NaN": ("h = np.tanh(wx + self.R @ old[0])", "h = np.log(-1 - wx**2)", "from `np.log(-1 - wx ** 2)`"),
    "no state called h": ("    def stacks", '    state_names = "c"\n\n    def stacks', "line 6, in Mine: state_names is 'c', expected"),
    "a name of the state too many": ("    def stacks", '    state_names = ("h", "c")\n\n    def stacks', "as the new state, expected a tuple of 2"),
    "input terms of the wrong shape": ("    def step(self", "    def input_terms(self, xs):\n        return self.W @ xs[0]\n\n    def step(self",
                                       "line 12, in input_terms: input_terms returned an array of shape (4, 3), expected (1, rows, 3)"),
    "weight gradients without return": ("    def step(self", "    def weight_gradients(self, dwxs, xs, olds, memos, grads):\n        pass\n\n"
                                        "    def step(self", "line 11, in weight_gradients: weight_gradients returned dxs as None"),
    "an endless recursion": ("h = np.tanh(wx", "h = self.step(wx, old)[0][0] + np.tanh(wx", "line 12, in step: RecursionError"),
    "an exception of its own that is none": ("import sys\n", "import sys\nclass Stop(BaseException): pass\nraise Stop\n",
                                             "line 3: it raises Stop, without a word"),
    "a class that takes other arguments": ("    def stacks", "    def __init__(self, size):\n        super().__init__(size, size)\n\n"
                                           "    def stacks", "line 7, in __init__: Mine takes (size), expected (n_in, n_hidden"),
    "an import of what is not there": ("import sys\n", "from . import sys\n", "line 1: ImportError"),
    "a tab among spaces": ("        h = np", "\th = np", "line 12: TabError"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_mistake_in_a_class_is_one_sentence_with_its_line(change, tmp_path, capsys):
    right, wrong, words = CHANGES[change]
    assert right in CELL
    assert words in said_of(CELL.replace(right, wrong, 1), "Mine", tmp_path, capsys)


FUNCTION_CHANGES = {
    "a step with too few arguments": ("def step(p, x, old)", "def step(p, x)", "line 5, in step: step takes (p, x), expected (p, x, old)"),
    "a backward step with too few": ("memo, grads):", "memo):", "line 10, in step_backward: step_backward takes (p, dnew, x, old, new, memo)"),
    "a tuple of different shapes in the memo": ('{"s": 1 - h**2}', '{"s": 1 - h**2, "cache": (h, x[:1])}',
                                                "line 7, in step: step noted cache as a tuple of 2, expected an array"),
    "a text in the memo": ('{"s": 1 - h**2}', '{"s": "slope"}', "line 7, in step: step noted s as a str, expected an array"),
    "a step without return": ('    return (h,), {"s": 1 - h**2}\n', "", "line 5, in step: step returned None, expected a pair"),
    "a state of the wrong dtype": ("return (h,),", "return (h.astype('float32'),),", "line 7, in step: step returned h as float32"),
    "dx forgotten": ('return p["W"].T @ da, (p["a"] * da,)', 'return (p["a"] * da,)', "line 14, in step_backward: step_backward returned a tuple of 1"),
    "a maker without arguments": ("def make(n_in, n_hidden)", "def make()", "line 17, in make: make takes (), expected (n_in, n_hidden"),
    "a maker that makes nothing": ("    return FunctionCell(", "    cell = FunctionCell(", "make in mine.py made a NoneType, expected a Cell"),
    "a gradient that is assigned": ('grads["W"] += da', 'grads["W"] = da', "line 12, in step_backward: TypeError: step_backward assigns"),
    "a name that step did not note": ('memo["s"]', 'memo["slope"]', "line 11, in step_backward: "),
}


@pytest.mark.parametrize("change", FUNCTION_CHANGES)
def test_a_mistake_in_functions_is_one_sentence_with_its_line(change, tmp_path, capsys):
    right, wrong, words = FUNCTION_CHANGES[change]
    assert right in FUNCTIONS
    content = FUNCTIONS.replace(right, wrong, 1).replace("\n\n\ndef step_backward", "\n\n\ndef step_backward")
    assert words in said_of(content, "make", tmp_path, capsys)


@pytest.mark.parametrize("content, words", [
    (b"x = 1\n\0\0\0", "mine.py, line 2: the file is no Python text (byte 0x00)"),
    (b"\x89PNG\r\n\x1a\n\0\0", "mine.py, line 3: the file is no Python text"),
    ("x = 'ä'".encode("latin-1"), "mine.py, line 1: the file is no Python text (byte 0xe4)"),
    (b"", "mine.py has no 'Mine'"),
    (b"def f(:\n", "mine.py, line 1: SyntaxError"),
])
def test_a_file_that_is_no_python_is_told_with_its_line(content, words, tmp_path, capsys):
    assert words in said_of(content, "Mine", tmp_path, capsys)


def test_a_file_may_import_its_neighbour(tmp_path):
    (tmp_path / "my_own_slope.py").write_text("def slope(h):\n    return 1 - h**2\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text(FUNCTIONS.replace("import numpy", "from my_own_slope import slope\nimport numpy", 1)
                                      .replace("1 - h**2", "slope(h)"), encoding="utf-8")
    assert gradcheck(load_cell(f"{tmp_path / 'mine.py'}:make", 2, 3))


def test_a_file_that_changes_within_the_same_second_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "mine.py"
    path.write_text(FUNCTIONS, encoding="utf-8")
    assert gradcheck(load_cell(f"{path}:make", 2, 3))
    stamp = path.stat()
    path.write_text(FUNCTIONS.replace('grads["a"] += (', 'grads["a"] -= ('), encoding="utf-8")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert not gradcheck(load_cell(f"{path}:make", 2, 3), diagnose=False)


def test_a_parameter_that_is_one_number_works(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FUNCTIONS, encoding="utf-8")
    assert gradcheck(load_cell(f"{path}:make", 2, 3), method="complex")
    path.write_text(FUNCTIONS.replace('grads["a"] += (', 'grads["a"] -= ('), encoding="utf-8")
    finding, = gradcheck(load_cell(f"{path}:make", 2, 3)).diagnosis.findings
    assert finding.kind == "sign" and finding.line == 13


def test_several_arrays_of_one_shape_may_be_noted_as_a_tuple(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FUNCTIONS.replace('{"s": 1 - h**2}', '{"both": (h, h**2)}')
                    .replace('memo["s"]', '(1 - memo["both"][1])'), encoding="utf-8")
    assert gradcheck(load_cell(f"{path}:make", 2, 3))


def test_a_gradient_that_is_nan_is_no_error_of_zero_and_json_has_null(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(CELL.replace("da = dnew[0] * memo.s", "da = dnew[0] * memo.s + np.sqrt(-1 - dnew[0]**2)"), encoding="utf-8")
    with np.errstate(all="ignore"):
        assert main(["gradcheck", f"{path}:Mine", "--json"]) == 1
        found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)[f"{path}:Mine"]
        assert found["worst"] is None and found["rows"][0]["relative_error"] is None and not found["rows"][0]["ok"]
        report = gradcheck(load_cell(f"{path}:Mine", 2, 3))
    assert np.isnan(report.rows[0].relative_error) and "0.0e+00" not in str(report)


def test_a_cell_that_was_never_initialised_is_refused_outside_the_command_line_too():
    class Forgets(minirnn.CELLS["rnn"]):
        def __init__(self, n_in, n_hidden):
            self.n_in, self.n_hidden = n_in, n_hidden

    with pytest.raises(TypeError, match=r"Forgets has no parameters: its __init__ must call super\(\).__init__"):
        gradcheck(Forgets(2, 3))


def test_sys_exit_in_a_function_ends_no_program():
    def step(p, x, old):
        raise SystemExit(1)

    cell = FunctionCell(step, step, {"W": np.ones((3, 2))}, n_in=2, n_hidden=3)
    cell.functions = step, lambda p, dnew, x, old, new, memo, grads: None
    with pytest.raises(ValueError, match=r"it calls sys.exit\(1\)"):
        gradcheck(cell)


def test_the_place_of_an_error_survives_for_other_callers(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CELL.replace("        return (h,), Memo(s=1 - h**2)\n", ""), encoding="utf-8")
    with pytest.raises(TypeError) as caught:
        gradcheck(load_cell(f"{path}:Mine", 2, 3))
    assert caught.value.place == (str(path), 11, "step")
