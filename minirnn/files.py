"""Writing files so that nothing is lost: to a name beside the real one, which takes its place when it is whole."""

import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path, mode="wb"):
    """Open a new file that takes the place of `path` when the `with` block ends well.

    Folders are made where missing. If the block ends in an error, or is interrupted, an older file of that name is left
    as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    try:
        with open(unfinished, mode, **({} if "b" in mode else {"encoding": "utf-8"})) as file:
            yield file
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
