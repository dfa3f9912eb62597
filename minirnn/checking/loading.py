"""A cell from somebody's own file."""

import importlib.util
import sys
from pathlib import Path

from ..cells.cell import Cell


def load_cell(place, n_in, n_hidden, **options):
    """A cell from somebody's own file, for checking it.

    Args:
        place: "path/to/file.py:Name", where Name is a subclass of `Cell`, a cell (a `FunctionCell`, for example), or a
            function that is called as Name(n_in, n_hidden, **options) and returns a cell.
        n_in, n_hidden: D and H; a cell that is there already keeps its own.
        options: of the cell.

    Returns:
        A `Cell`.

    Raises:
        ValueError: place is not of that form. FileNotFoundError: there is no such file. KeyError: the file has no such name.
        TypeError: what has that name is no cell. What the file itself raises while it is imported comes through as it is.
    """
    path, _, name = str(place).rpartition(":")
    if not path or not name.isidentifier():
        raise ValueError(f'the cell is given as {str(place)!r}, expected "path/to/file.py:Name"')
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"_cell_from_{path.stem}", path)
    if spec is None:
        raise ValueError(f"{path} is no Python file (*.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module                             # where `inspect` looks for a source
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        there = [n for n, value in vars(module).items() if isinstance(value, Cell) or isinstance(value, type)
                 and issubclass(value, Cell) and value.__module__ == spec.name]
        raise KeyError(f"{path} has no {name!r}" + f", but it has {', '.join(there)}" * bool(there))
    found = getattr(module, name)
    if not isinstance(found, Cell):
        if not callable(found):
            raise TypeError(f"{name} in {path} is a {type(found).__name__}, expected a Cell, a subclass of it, or a "
                            f"function that makes one")
        found = found(n_in, n_hidden, **options)
    if not isinstance(found, Cell):
        raise TypeError(f"{name} in {path} made a {type(found).__name__}, expected a Cell")
    return found
