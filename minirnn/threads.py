"""On how many threads the matrix products run: one, where that is as good.

NumPy's BLAS shares a product among threads, which wait for each other by trying again and again. On an idle machine that
pays for large products. For a small one (an LSTM of 128 units with 32 columns) it gains next to nothing; and as soon as
another program wants a core, each product waits until its other half has had its turn: the same training step was seen
to take ten times as long. So small networks run on one thread, unless OPENBLAS_NUM_THREADS says what you want.

This works for the OpenBLAS that comes with NumPy from the package index. With another BLAS nothing is changed here.
"""

import ctypes
import functools
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

SMALL = 2**22           # multiplications in a product, up to which one thread is as good


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


@contextmanager
def threads_for(n_multiplications):
    """Within the `with` block, one thread if the largest product is small; else, and afterwards, as many as before."""
    wanted = any(os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"))
    if wanted or n_multiplications > SMALL or not _openblas():
        yield
        return
    get, put = _openblas()
    before = get()
    put(1)
    try:
        yield
    finally:
        put(before)
