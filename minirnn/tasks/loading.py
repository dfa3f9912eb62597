"""A task from somebody's own file."""

import inspect

from ..own_file import named_in_file
from .task import Task, check_task, errors_told


def load_task(place, **options):
    """A task from somebody's own file. While the file is imported, its folder is searched for modules.

    Args:
        place: "path/to/file.py:Name", where Name is a subclass of `Task`, a function that makes a task, or a task.
        options: what the class or function is called with.

    Returns:
        A `Task`, for which `check_task` finds nothing wrong.

    Raises:
        ValueError: place is not of that form, or the file is no Python text. FileNotFoundError: there is no such file.
        KeyError: the file has no such name. TypeError: what has that name is no task, or has no such option. What
            `check_task` raises. An error of the file's own while it is imported, or while it makes the task, becomes a
            ValueError that says where, with that error as its `__cause__`; but a ValueError, TypeError, KeyError or OSError
            while it makes the task comes through as it is.
    """
    path, module, name, found = named_in_file(place, "task", Task, _importing)
    if not isinstance(found, Task):
        if not callable(found):
            raise TypeError(f"{name} in {path} is {found!r:.40}, expected a subclass of Task, or a function that makes "
                            f"one")
        with errors_told(f"{name} in {path}", module.__file__, ValueError, TypeError, KeyError, OSError):
            found = called(name, found, options)
    elif options:
        raise TypeError(f"{name} in {path} is a task already, expected no options")
    if not isinstance(found, Task):
        raise TypeError(f"{name} in {path} made a {type(found).__name__}, expected a Task")
    check_task(found)
    return found


def called(name, make, options):
    """make(**options); a TypeError that lists the options there are for one that there is not, or one that is missing."""
    parameters = inspect.signature(make).parameters
    valid = [n for n, one in parameters.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    anything = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for option in options:
        if option not in valid and not anything:
            raise TypeError(f"{name} has no option {option!r}, expected one of {', '.join(valid)}" if valid else
                            f"{name} has no option {option!r}, it takes none")
    for option, one in parameters.items():
        if option in valid and one.default is one.empty and option not in options:
            raise TypeError(f"{name} needs the option {option!r}")
    return make(**options)


def _importing(path, module):
    return errors_told(f"importing {path}", module.__file__)
