"""On how many threads a network runs, and what they share: the columns of the batch, each product, or nothing.

NumPy's BLAS divides a product among threads, which wait for each other by asking again and again. For large products on an
idle machine that pays. For a small one (an LSTM of 128 units with 32 columns) it gains next to nothing. And as soon as
another program needs a core, each product waits for its slower half: the same training step was seen to take ten times as
long. So small networks run on one thread.

Where a batch has enough columns, there is a better way. An example never reads another example of its batch, so each
thread can take a share of the columns through the whole sequence, with products of its own (see `unrolling.py`). Then all
threads also do the work between the products, and they wait for each other only once, at the end. But Python lets only
one thread at a time decide what comes next, so the arrays must be long enough to keep the others busy meanwhile.

How a product is divided among threads decides in which order its numbers are added, and so its last digits. That order must
not depend on who else is running: a training in one thread must not change the results in another. But BLAS has one
number of threads for the whole process. So runs that need the same number run at the same time, and runs that
need another number take turns with them (see `Turns`): a run forward or backward waits until theirs has ended.

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
PATIENCE = 5            # seconds that a run waits for its turn before it goes on with as many threads as there are


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


class Turns:
    """Takes turns between blocks of code that need BLAS to have different numbers of threads, first come, first served.

    Blocks that need the same number run at the same time. A block within another of the same thread lets those go first that
    wait, so that a long training does not hold up everybody else.

    Whoever has waited for `PATIENCE` seconds goes on, with the number that there is: if others waited for something that in
    turn waits for this block, nobody would ever go on.
    """

    def __init__(self):
        self.changed = threading.Condition()
        self.numbers = {}               # thread -> the number that its block needs
        self.waiting = []               # what those that wait are called, in the order in which they came
        self.usual = None               # the number to return to, while there are blocks
        self.own = threading.local()    # .needed: the numbers that this thread's blocks need, each within the one before

    def usual_number(self):
        """How many threads there are when no block runs."""
        with self.changed:
            return self.usual or blas_threads() or 1

    @contextmanager
    def having(self, number):
        """Within the `with` block, BLAS has that many threads, and keeps them."""
        needed = vars(self.own).setdefault("needed", [])
        depth = len(needed)
        try:
            if not needed or needed[-1] != number or self.waiting:
                self._leave()
                self._enter(number)
            needed.append(number)
            yield
        finally:
            del needed[depth:]
            if not needed or needed[-1] != number:
                self._leave()
                if needed:
                    self._enter(needed[-1])

    def _enter(self, number):
        with self.changed:
            me = object()
            self.waiting.append(me)
            try:
                self.changed.wait_for(lambda: self.waiting[0] is me and set(self.numbers.values()) <= {number}, PATIENCE)
            finally:
                self.waiting.remove(me)
                self.changed.notify_all()
            if not self.numbers:
                self.usual = self.usual or blas_threads()
                _openblas()[1](number)
            self.numbers[threading.get_ident()] = next(iter(self.numbers.values()), number)

    def _leave(self):
        with self.changed:
            if self.numbers.pop(threading.get_ident(), None) and not self.numbers:
                _openblas()[1](self.usual)
                self.usual = None
                self.changed.notify_all()

    def before_fork(self):
        """Let the blocks of other threads end, and none begin: a BLAS that is forked in the middle of a product never wakes up."""
        with self.changed:
            self.own.forks = object()
            self.waiting.append(self.own.forks)
            self.changed.wait_for(lambda: self.waiting[0] is self.own.forks and set(self.numbers) <= {threading.get_ident()},
                                  PATIENCE)

    def after_fork_in_parent(self):
        with self.changed:
            self.waiting.remove(self.own.forks)
            self.changed.notify_all()

    def after_fork_in_child(self):
        """Only the thread that forked is left: nobody holds a lock, waits, or will end a block."""
        own = {thread: number for thread, number in self.numbers.items() if thread == threading.get_ident()}
        if own != self.numbers:                                 # they ran for too long: from now on without BLAS's threads
            _openblas()[1](1)
            own, self.usual = {}, None
        self.changed, self.waiting, self.numbers = threading.Condition(), [], own


TURNS = Turns()


def n_shares(cell, batch):
    """Into how many shares the columns of a batch are divided: one for every thread, or 1."""
    n = TURNS.usual_number()
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
    os.register_at_fork(before=TURNS.before_fork, after_in_parent=TURNS.after_fork_in_parent,
                        after_in_child=TURNS.after_fork_in_child)


def _is_small(cell, batch):
    return cell.n_params * batch <= SMALL       # about the largest product: all of the cell's parameters times the columns


@contextmanager
def threads_for(cells, batch):
    """A `with` block in which each product runs on a single thread, if all cells are small or the columns are shared.

    Otherwise as many as usual, and those for certain, whoever else is running. Afterwards the number is what it was.
    """
    usual = TURNS.usual_number()
    if usual == 1 or not _openblas():
        yield
        return
    wished = any(os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"))
    small = all(_is_small(cell, batch) for cell in cells) and not wished
    with TURNS.having(1 if small or any(n_shares(cell, batch) > 1 for cell in cells) else usual):
        yield


def limit_threads(n):
    """From now on, let matrix products and shares run on `n` threads at most: for processes that divide a machine."""
    with TURNS.changed:
        if _openblas() and not TURNS.numbers:
            _openblas()[1](max(1, min(int(n), os.cpu_count() or 1)))
