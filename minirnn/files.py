"""Writing files so that nothing is lost: a finished file is there as a whole or not at all, and a result always finds a place.

`replacing` writes to a name of its own beside the real one and takes the real one's place when all is on the disk. However
many programs write to one path, whoever reads it finds the whole file of one of them. `check_writable` looks before a long
computation whether its results can be written, and `write_or_elsewhere` finds another place for them if they cannot after all.
"""

import errno
import os
import secrets
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from . import checks

UNFINISHED = ".minirnn-{}.part"         # the name of a file that is still being written
ABANDONED = 3600                        # seconds without a change, after which its writer must have been killed
TRIES = 50 if os.name == "nt" else 1    # Windows lets nobody take a name while somebody else, a virus scanner say, reads it


@contextmanager
def replacing(path, mode="wb"):
    """Open a new file that takes the place of `path` when the `with` block ends well.

    Folders are made where missing. If the block ends in an error, or is interrupted, an older file of that name is left
    as it was. If the process is killed, an unfinished file is left beside it, which a later writer in that folder removes.

    Raises:
        OSError: the file cannot be written. The error names `path`.
    """
    path = _checked(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    unfinished = _unfinished(path.parent)
    try:
        with open(unfinished, mode.replace("w", "x"), **({} if "b" in mode else {"encoding": "utf-8"})) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())                             # or a power cut could leave the new name with nothing in it
        if path.exists():
            shutil.copymode(path, unfinished)                   # what only its owner may read stays so
        _take_place(unfinished, path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(unfinished)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _checked(path):
    """`path` with its links followed; an OSError if no file can ever be written under that name."""
    path = Path(os.path.realpath(checks.path("path", path)))
    try:
        mode = path.stat().st_mode                              # an OSError of its own if the name is too long
    except FileNotFoundError:
        return path
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "expected a file, this is a folder", str(path))
    if not stat.S_ISREG(mode):                                  # /dev/null and the like are not to be replaced
        raise OSError(errno.EINVAL, "expected a file, this is a device or a pipe", str(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected", str(path))
    return path


def _unfinished(folder):
    return folder / UNFINISHED.format(secrets.token_hex(8))


def _take_place(unfinished, path):
    for tries_left in reversed(range(TRIES)):
        try:
            os.replace(unfinished, path)
            break
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(0.02)
    if os.name == "posix":                                      # the new name is on the disk when its folder is
        try:
            folder = os.open(path.parent, os.O_RDONLY)
        except OSError:                                         # a folder to write into and not to read
            return
        try:
            os.fsync(folder)
        except OSError:                                         # some network folders cannot be asked
            pass
        finally:
            os.close(folder)


def _remove_abandoned(folder):
    """Remove what killed writers left. Whoever still writes has changed the file within the hour."""
    for unfinished in folder.glob(UNFINISHED.format("*")):
        try:
            if time.time() - unfinished.stat().st_mtime > ABANDONED:
                unfinished.unlink()
        except OSError:                                         # somebody else was quicker
            pass


def check_writable(folder, *names, n_bytes=2**20):
    """Look whether files can be written to a folder, before a long computation whose results they are to hold.

    Nothing is left behind, not even the folder if there was none.

    Args:
        folder: where the files will be. It need not exist.
        names: the files' names in it, where known.
        n_bytes: about how much room they need together.

    Raises:
        OSError: something else has the folder's or a file's name, it is write-protected, its name is too long, the disk is
            full: whatever can be known before. The error names the path.
    """
    folder = Path(os.path.realpath(checks.path("folder", folder)))
    there = folder
    while not os.path.lexists(there):
        _check_name(there)
        there = there.parent
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "expected a folder, this is none", str(there))
    for part in folder.parts[len(there.parts):]:                # of a folder that does not exist, the system says nothing more
        _check_name(there / part)
    for name in names:
        _check_name(there / name)
        _checked(folder / name)
    probe = _unfinished(there)
    try:
        try:
            with open(probe, "xb") as file:
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
        if shutil.disk_usage(there).free < n_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None


def _check_name(path):
    """The system's own OSError if it allows no such name."""
    try:
        path.lstat()
    except FileNotFoundError:
        pass


def write_or_elsewhere(folder, write):
    """Write results to a folder; if that fails, to a new folder among the system's temporary files, or the user's own.

    Args:
        folder: where they should be.
        write: called as write(folder) with a `Path`; it writes them.

    Returns:
        folder, error: where they are, and None or the OSError because of which they are elsewhere.

    Raises:
        OSError: they could be written nowhere.
    """
    folder = Path(folder)
    try:
        write(folder)
        return folder, None
    except OSError as error:
        first = error
    for parent in (tempfile.gettempdir, Path.home):
        try:
            other = Path(tempfile.mkdtemp(prefix="minirnn-", dir=parent()))
            write(other)
            return other, first
        except (OSError, RuntimeError):                         # Path.home: a user without a home
            pass
    raise first
