"""On how many threads a network runs, and what they share: the columns of the batch, each product, or nothing.

NumPy's BLAS divides a product among threads, which wait for each other by asking again and again. For large products on an
idle machine that pays. For a small one (an LSTM of 128 units with 32 columns) it gains next to nothing. And as soon as
another program needs a core, each product waits for its slower half: the same training step was seen to take ten times as
long. So small networks run on one thread.

Where a batch has enough columns, there is a better way. An example never reads another example of its batch, so each
thread can take a share of the columns through the whole sequence, with products of its own (see `unrolling.py`). Then all
threads also do the work between the products, and they wait for each other only once, at the end. But Python lets only
one thread at a time decide what comes next, so the arrays must be long enough to keep the others busy meanwhile.

OPENBLAS_NUM_THREADS, set before Python starts, sets the number of threads: with 1, everything runs on one.
This works for the OpenBLAS that comes with NumPy from the package index. With another BLAS, nothing is changed here.
"""

import ctypes
import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

SMALL = 2**22           # up to this many multiplications in a product, one thread is as good as several
COLUMNS = 40            # a share has at least this many columns, or its products would be too narrow to be fast
LENGTH = 10_000         # and arrays of this many numbers, or its thread would wait for the interpreter most of the time


@functools.cache
def _openblas():
    """The functions (get, set) for the number of threads of NumPy's OpenBLAS; None if NumPy has another BLAS."""
    folder = Path(np.__file__).parent
    for library in [*folder.with_name("numpy.libs").glob("*openblas*"), *(folder / ".dylibs").glob("*openblas*")]:
        try:
            functions = ctypes.CDLL(str(library))
        except OSError:
            continue
        for name in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads"):
            if hasattr(functions, name.format("get")) and hasattr(functions, name.format("set")):
                return getattr(functions, name.format("get")), getattr(functions, name.format("set"))
    return None


def blas_threads():
    """How many threads matrix products run on; None if that is unknown."""
    return int(_openblas()[0]()) if _openblas() else None


def n_shares(cell, batch):
    """Into how many shares the columns of a batch are divided: one for every thread, or 1."""
    n = _before[0] if _before else blas_threads() or 1
    fits = batch // n >= COLUMNS and cell.n_hidden * (batch // n) >= LENGTH
    return n if fits and not _is_small(cell, batch) else 1


@functools.cache
def workers():
    """The threads that take shares, besides the caller's own: a `ThreadPoolExecutor`, the same for every run.

    With new threads for each run, the C library would give each of them another part of its memory, and every run would
    pay for fresh memory again (measured: 15% of a run, in a process where another library has threads, too).
    """
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), "minirnn")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=workers.cache_clear)     # a forked process has no threads of its parent


def _is_small(cell, batch):
    return cell.n_params * batch <= SMALL       # about the largest product: all of the cell's parameters times the columns


@contextmanager
def threads_for(cells, batch):
    """A `with` block in which each product runs on a single thread, if all cells are small or the columns are shared.

    Otherwise the number of threads is unchanged. It is restored when the last overlapping block ends.
    """
    shared = any(n_shares(cell, batch) > 1 for cell in cells)
    wanted = any(os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"))
    small = all(_is_small(cell, batch) for cell in cells) and not wanted
    if not _openblas() or not (shared or small):
        yield
        return
    get, put = _openblas()
    with _changing:
        _before.append(get())
        put(1)
    try:
        yield
    finally:
        with _changing:
            last = _before.pop()
            if not _before:
                put(last)


_changing, _before = threading.Lock(), []       # how many there were before each block that runs: the first counts


def limit_threads(n):
    """From now on, let matrix products and shares run on `n` threads at most: for processes that divide a machine."""
    if _openblas() and not _before:
        _openblas()[1](max(1, min(int(n), os.cpu_count() or 1)))
