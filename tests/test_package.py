"""What the package is made of, and what importing it brings in."""

import ast
import importlib
import inspect
import os
import re
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


def test_the_versions_that_are_needed_are_stated_once():
    """requirements.txt is what pyproject.toml asks for, and pytest and Jupyter beside."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    stated = [line.strip().strip('",').replace("'", '"') for line in re.search(r"dependencies = \[(.*?)\n\]", project, re.S)[1]
              .splitlines() if line.strip().startswith('"')]
    asked = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert stated and asked[:len(stated)] == stated
    assert [line.partition(">")[0] for line in asked[len(stated):]] == ["pytest", "jupyter"]


def test_python_without_docstrings_shows_the_same_of_the_cells():
    show = "from minirnn import cli; [cli.main(given.split()) for given in ('cells', 'cells rda-exp-tanh', 'tasks')]"
    shown = [subprocess.run([sys.executable, *how, "-B", "-c", show], cwd=ROOT, capture_output=True, check=True,
                            env={**os.environ, "PYTHONIOENCODING": "utf-8"}).stdout for how in ([], ["-OO"])]
    assert shown[0] == shown[1] and b"h' =" in shown[0]


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


def rooms():
    """The package and its folders, as (folder, imported module)."""
    for path in [p for p in PACKAGE if p.name == "__init__.py"]:
        yield path.parent, importlib.import_module(".".join(path.parent.relative_to(ROOT).parts))


def test_no_module_has_the_name_of_a_function_beside_it():
    """Otherwise `minirnn.unroll` would be the one or the other, depending on what was imported last."""
    for folder, room in rooms():
        for path in folder.iterdir():
            thing = vars(room).get(path.stem)
            assert thing is None or inspect.ismodule(thing), (room.__name__, path.stem)


def test_no_underscore_name_is_imported_from_another_module():
    for path in PACKAGE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert not any(alias.name.startswith("_") and alias.name != "__version__" for alias in node.names), path


def test_no_underscore_attribute_is_used_outside_of_the_module_that_defines_it():
    of_others = {"_replace", "_make", "_asdict", "_fields", "_exit", "_repr_mimebundle_"}           # named tuples, os, Jupyter
    for path in PACKAGE:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        attributes = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr.startswith("_") and not n.attr.endswith("__")]
        own = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        own |= {n.attr for n in attributes if isinstance(n.ctx, ast.Store)}
        own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {n.arg for n in nodes if isinstance(n, ast.keyword)}
        foreign = [n.attr for n in attributes if n.attr not in own | of_others]
        assert not foreign, f"{path}: {foreign}"


def test_every_folder_says_what_it_is_for():
    for folder, room in rooms():
        assert len(room.__doc__.split()) > 20, folder


def test_the_core_that_a_student_reads_is_small():
    core = [ROOT / "minirnn" / "activations.py", ROOT / "minirnn" / "unrolling.py", *(ROOT / "minirnn" / "cells").glob("*.py")]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in core) < 2000


ORDER = ("checks", "activations", "cells", "returned", "function_cell", "threads", "unrolling", "files", "arrays", "about", "own_file",
         "memory", "layers", "losses", "optim", "architecture", "model", "description", "lemma1", "checking", "stepping", "tasks", "training",
         "experiments", "exercises", "plots", "bench", "cli")


def test_imports_point_one_way():
    """Each module imports only what stands before it in ORDER; inside a folder, anything but in a circle."""
    place = {name: k for k, name in enumerate(ORDER)}
    for path in PACKAGE:
        parts = path.relative_to(ROOT / "minirnn").with_suffix("").parts
        if parts[0] in ("__init__", "__main__", "interrupts"):
            continue
        for level, name in imports(path):
            if level == len(parts) and name.split(".")[0] in place:
                assert place[name.split(".")[0]] < place[parts[0]], (path, name)
