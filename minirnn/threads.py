"""On how many threads a network runs, and what they share: the columns of the batch, or each product, or nothing.

NumPy's BLAS shares a product among threads, which wait for each other by trying again and again. On an idle machine that
pays for large products. For a small one (an LSTM of 128 units with 32 columns) it gains next to nothing; and as soon as
another program wants a core, each product waits until its other half has had its turn: the same training step was seen
to take ten times as long. So small networks run on one thread.

Where there are columns enough, there is a better way. An example never reads another example of its batch, so each
thread can take its share of the columns through the whole sequence, with products of its own (see `unrolling.py`). Then also
what lies between the products is done by all threads, and they wait for each other once, at the end. Python lets
only one thread at a time decide what comes next, so the arrays must be long enough to keep the others busy meanwhile.

OPENBLAS_NUM_THREADS, set before Python starts, says how many threads there are: with 1 everything runs on one.
This works for the OpenBLAS that comes with NumPy from the package index. With another BLAS nothing is changed here.
"""

import ctypes
import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

SMALL = 2**22           # multiplications in a product, up to which one thread is as good
COLUMNS = 40            # a share has at least so many, or its products are too narrow to be fast,
LENGTH = 10_000         # and so many numbers in an array, or the threads wait for the interpreter most of the time


@functools.cache
def _openblas():
    """(get, set) of the number of threads, from the OpenBLAS that NumPy has loaded; None if it has another BLAS."""
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
    """How many threads matrix products run on; None where that cannot be told."""
    return int(_openblas()[0]()) if _openblas() else None


def n_shares(cell, batch):
    """Into how many shares the columns of a batch are divided, a thread each: one for every thread, or all in one."""
    n = _before[0] if _before else blas_threads() or 1
    fits = batch // n >= COLUMNS and cell.n_hidden * (batch // n) >= LENGTH
    return n if fits and not _is_small(cell, batch) else 1


@functools.cache
def workers():
    """The threads that take shares, beside the caller's own: a `ThreadPoolExecutor`, the same for every run.

    A new thread for each run would be given another part of the C library's memory than the one before it had, and each
    run would pay for fresh memory again (measured: 15% of a run, in a process where another library has threads, too).
    """
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), "minirnn")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=workers.cache_clear)     # threads do not come along


def _is_small(cell, batch):
    return cell.n_params * batch <= SMALL       # the largest product, roughly: all of the cell's parameters times the columns


@contextmanager
def threads_for(cells, batch):
    """Within the `with` block, a single thread for each product, if all cells are small or one's columns are shared.

    Else, and afterwards, as many as before. Where such blocks run at the same time, until all of them have ended.
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
