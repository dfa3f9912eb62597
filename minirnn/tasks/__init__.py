"""The tasks, one file each, and `make_task`, which makes one by its name."""

import inspect

from .. import checks
from .alternate import Alternate
from .parity import Parity
from .text import Text

TASKS = {
    "alternate": Alternate,
    "parity": Parity,
    "text": Text,
}


def make_task(name, **options):
    """A task by its name in `TASKS`, with the options of its class.

    Raises:
        KeyError: no such task; the message lists those there are.
        TypeError: no such option of this task.
        ValueError: an option's value is out of range.
    """
    task_class = checks.lookup("task", name, TASKS)
    valid = list(inspect.signature(task_class).parameters)
    for option in options:
        if option not in valid:
            raise TypeError(f"{name} has no option {option!r}, expected one of {', '.join(valid)}")
    return task_class(**options)
