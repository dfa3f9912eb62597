"""A cell from somebody's own file, and what is wrong with that file in one sentence."""

import inspect
import traceback
from pathlib import Path

from ..cells.cell import Cell
from ..own_file import named_in_file
from .contract import blamed, check_whole, with_place


def load_cell(place, n_in, n_hidden, **options):
    """A cell from somebody's own file, for checking it. While the file is imported, its folder is searched for modules.

    Args:
        place: "path/to/file.py:Name", where Name is a subclass of `Cell`, a cell (a `FunctionCell`, for example), or a
            function that is called as Name(n_in, n_hidden, **options) and returns a cell.
        n_in, n_hidden: D and H; a cell that is there already keeps its own.
        options: of the cell.

    Returns:
        A `Cell`.

    Raises:
        ValueError: place is not of that form, the file is no Python text, or it ends the program. FileNotFoundError: there
            is no such file. KeyError: the file has no such name. TypeError: what has that name is no cell, does not take
            these arguments, or forgot super().__init__. What the file itself raises while it is imported comes through
            as it is. `sentence_about` says each of them with its line.
    """
    path, _, name, made = named_in_file(place, "cell", Cell, lambda path, module: blamed(module))
    found = made
    if not isinstance(found, Cell):
        if not callable(found):
            raise TypeError(f"{name} in {path} is a {type(found).__name__}, expected a Cell, a subclass of it, or a "
                            f"function that makes one")
        with blamed(made):
            _check_arguments(found, name, options)
            found = found(n_in, n_hidden, **options)
    if not isinstance(found, Cell):
        raise with_place(TypeError(f"{name} in {path} made a {type(found).__name__}, expected a Cell"), made)
    check_whole(found)
    return found


def _check_arguments(made, name, options):
    """TypeError if a class or function cannot be called as made(n_in, n_hidden, **options)."""
    try:
        inspect.signature(made).bind(1, 1, **options)
    except TypeError:
        raise with_place(TypeError(f"{name} takes {inspect.signature(made)}, expected (n_in, n_hidden, **options)"),
                         made.__init__ if isinstance(made, type) else made, head=True) from None
    except ValueError:                                          # something without a signature
        pass


def sentence_about(error, place):
    """What an error says of the code in a user's file, with the line there; None if it does not come from it.

    Args:
        error: what `load_cell`, or the check of what it loaded, raised. place: what `load_cell` was given.
    """
    path = Path(str(place).rpartition(":")[0])
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if isinstance(error, SyntaxError):
        line = f", line {error.lineno}" if error.lineno else ""
        return f"{path}{line}: {type(error).__name__}: {error.msg}"
    at = getattr(error, "place", None)
    lines = _lines_in(path, error)
    if lines:
        said = f"{type(error).__name__}: {said}" if said else _wordless(error)
        line, function = lines[-1]
    elif at and Path(at.file).name == path.name:
        line, function = at.line, at.function
    elif error.__cause__ and _lines_in(path, error.__cause__):  # a sentence of ours, about an error of theirs
        line, function = _lines_in(path, error.__cause__)[-1]
    else:
        return None
    notes = " ".join(note for note in getattr(error, "__notes__", ()) if note.startswith("(in "))
    inside = "" if function == "<module>" or f"in {function}" in said else f", in {function}"
    return " ".join(f"{path}, line {line}{inside}: {said} {notes}".split())


def _wordless(error):
    """For an error that says nothing."""
    if isinstance(error, NotImplementedError):
        return "NotImplementedError: this is not written yet"
    return f"it raises {type(error).__name__}, without a word"


def _lines_in(path, error):
    """(line, function) of each frame in that file that an error came through."""
    return [(frame.lineno, frame.name) for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).name == path.name]
