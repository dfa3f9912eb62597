"""The tasks, one file each, and `make_task`, which makes one by its name.

Read `task.py` first: what a task is, what a batch is, and when a task counts as solved. `length.py` is a short example,
`images.py` is what the digits share. What is not drawn at random comes from files: `idx.py` reads MNIST's, `fetching.py`
downloads them. `loading.py` makes a task from somebody's own file, and `showing.py` shows what a task asks.

A new task is one file and one line in `TASKS`; every test that holds for all tasks then holds for it.
"""

from .. import checks
from .addition import Addition
from .alternate import Alternate
from .copy import Copy, MultiCopy
from .digits import Digits, DigitsPermuted
from .length import Length
from .loading import called, load_task
from .mnist import Mnist, MnistPermuted
from .parity import Parity
from .reber import Reber
from .task import Batch, Criterion, Task, check_batch, check_task, notes_on, score
from .text import Text

__all__ = ["TASKS", "Batch", "Criterion", "Task", "check_batch", "check_task", "load_task", "make_task", "notes_on", "score"]

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
    """A task, with the options of its class.

    Args:
        name: a key of `TASKS`, or "path/to/file.py:Name" for one from your own file (see `load_task`).
        options: see the class; `python -m minirnn tasks NAME` shows them.

    Raises:
        KeyError: no such task; the message lists those there are.
        TypeError: no such option of this task.
        ValueError: an option's value is out of range.
    """
    if isinstance(name, str) and ":" in name:
        return load_task(name, **options)
    return called(name, checks.lookup("task", name, TASKS), options)
