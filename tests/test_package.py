"""What the package is made of, and what importing it brings in."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = sorted((ROOT / "minirnn").rglob("*.py"))


def test_import_brings_in_numpy_and_the_standard_library_only():
    code = ("import sys, json, numpy; known = set(sys.modules) | {'minirnn'}; import minirnn; "
            "print(json.dumps([m for m in sys.modules if m.split('.')[0] not in {k.split('.')[0] for k in known}]))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    foreign = [m for m in ast.literal_eval(done.stdout) if m.split(".")[0] not in sys.stdlib_module_names]
    assert foreign == []


def imports(path):
    """The modules a file imports when it is imported itself: those at its top level."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


def test_modules_import_numpy_the_standard_library_and_each_other():
    for path in PACKAGE:
        for level, name in imports(path):
            top = name.split(".")[0]
            assert level or top == "numpy" or top in sys.stdlib_module_names, (path.name, name)


def test_a_cell_imports_nothing_from_above_it():
    for path in (ROOT / "minirnn" / "cells").glob("*.py"):
        below = {"activations", "checks", ""} | {p.stem for p in (ROOT / "minirnn" / "cells").glob("*.py")}
        for level, name in imports(path):
            if level:
                assert name.split(".")[0] in below, (path.name, name)


def test_every_module_class_and_public_function_says_what_it_is():
    for path in PACKAGE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                assert ast.get_docstring(node), (path.name, node.name)
