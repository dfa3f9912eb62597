"""The command line, `python -m minirnn`: a file per command, each a thin layer over functions that a notebook can call too.

`entry.py` is where it starts: the grammar, and what becomes of errors and interruptions. A command is a file with two
functions, `add(commands)`, which says what it takes, and `run(options)`, which does it and returns the exit status; and
a line in `entry.py`. What several commands share is in `common.py`.
"""

from .entry import main, parser, program

__all__ = ["main", "parser", "program"]
