"""Somebody's own file, from which a cell or a task is taken by its name."""

import importlib.util
import re
import sys
from pathlib import Path


def named_in_file(place, what, kind, importing):
    """What has a name in somebody's own file. While the file is imported, its folder is searched for modules.

    Args:
        place: "path/to/file.py:Name".
        what: what is expected there, for messages: "cell".
        kind: a class; if the name is missing, the file's instances and subclasses of it are listed.
        importing: called with the path and the module, gives a context manager for the import: what becomes of the file's
            own errors.

    Returns:
        (path, module, name, the value).

    Raises:
        ValueError: place is not of that form, or the file is no Python text. FileNotFoundError: there is no such file.
        KeyError: the file has no such name. What `importing` makes of the file's own errors.
    """
    path, _, name = str(place).rpartition(":")
    if not path or not name.isidentifier():
        raise ValueError(f'the {what} is given as {str(place)!r}, expected "path/to/file.py:Name"')
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    module = _imported(path, what, importing)
    if not hasattr(module, name):
        there = [n for n, value in vars(module).items() if isinstance(value, kind) or isinstance(value, type)
                 and issubclass(value, kind) and value.__module__ == module.__name__]
        raise KeyError(f"{path} has no {name!r}" + f", but it has {', '.join(there)}" * bool(there))
    return path, module, name, getattr(module, name)


def _imported(path, what, importing):
    """The module in a file."""
    _check_text(path)
    spec = importlib.util.spec_from_file_location(f"_{what}_from_{path.stem}", path)
    if spec is None:
        raise ValueError(f"{path} is no Python file (*.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module                             # where `inspect` and `pickle` look for it
    sys.path.insert(0, str(path.parent))
    try:
        with importing(path, module):
            code = spec.loader.source_to_code(spec.loader.get_data(str(path)), str(path))
            exec(code, vars(module))                            # (bytecode that is kept may be of a second ago)
    except BaseException:
        del sys.modules[spec.name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module


def _check_text(path):
    """ValueError if a file is no text that Python could read; it names the line."""
    content = path.read_bytes()
    declared = re.match(rb"(?:[^\n]*\n)?[ \t\f]*#[^\n]*coding[:=]", content)
    try:
        content.decode("ascii" if b"\0" in content else "utf-8")
        bad = content.find(b"\0")
    except UnicodeDecodeError as error:
        bad = -1 if declared and b"\0" not in content else content.find(b"\0") if b"\0" in content else error.start
    if bad >= 0:
        raise ValueError(f"{path}, line {content[:bad].count(10) + 1}: the file is no Python text (byte {content[bad]:#04x})")
