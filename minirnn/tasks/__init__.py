"""The tasks, one file each, and `make_task`, which makes one by its name.

Read `task.py` first: what a task is, what a batch is, and when a task counts as solved. A new task is one file and one line in
`TASKS`; every test that holds for all tasks then holds for it.
"""

import inspect

from .. import checks
from .addition import Addition
from .alternate import Alternate
from .copy import Copy, MultiCopy
from .digits import Digits, DigitsPermuted
from .length import Length
from .mnist import Mnist, MnistPermuted
from .parity import Parity
from .reber import Reber
from .task import Batch, Criterion, Task, check_batch, check_task, score
from .text import Text

__all__ = ["TASKS", "Batch", "Criterion", "Task", "check_batch", "check_task", "make_task", "score"]

TASKS = {
    "addition": Addition,
    "alternate": Alternate,
    "copy": Copy,
    "digits": Digits,
    "digits-permuted": DigitsPermuted,
    "length": Length,
    "mnist": Mnist,
    "mnist-permuted": MnistPermuted,
    "multicopy": MultiCopy,
    "parity": Parity,
    "reber": Reber,
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
