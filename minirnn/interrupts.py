"""How a command is ended from outside: by Ctrl-C, by a time limit or a shutdown (SIGTERM), by a terminal that closes (SIGHUP).

All three arrive as a KeyboardInterrupt, so that whoever keeps what was learned on Ctrl-C keeps it in each case.
"""

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interruption:
    """What `interruptible` has seen.

    Attributes: `received`, the number of the first signal that arrived, or None.
    """

    def __init__(self):
        self.received = None


@contextmanager
def interruptible():
    """Within the `with` block, SIGTERM and SIGHUP raise KeyboardInterrupt in the main thread, as Ctrl-C does.

    A signal that is ignored stays so: that is how `nohup` says that closing the terminal shall not end the command. The
    handlers of before come back at the end. In another thread, or where there are no such signals, nothing happens.

    Yields:
        An `Interruption`.
    """
    seen = Interruption()

    def interrupt(number, frame):
        seen.received = seen.received or number
        if dropping:
            repeat(number)
        elif not over:
            raise KeyboardInterrupt(signal.Signals(number).name)

    def unraisable(given):
        """Python drops an exception where none can be raised, as at the death of an object; the interruption is repeated."""
        if seen.received and issubclass(given.exc_type, KeyboardInterrupt):
            dropping.append(True)
            repeat(seen.received)
            dropping.clear()
        else:
            hook(given)

    def repeat(number):
        waiting.append(_thread.allocate_lock())
        waiting[-1].acquire()
        _thread.start_new_thread(_send, (number, over, waiting[-1]))

    dropping, waiting, over = [], [], []
    before, hook = handle(interrupt), sys.unraisablehook
    if before:
        sys.unraisablehook = unraisable
    try:
        yield seen
    finally:
        over.append(True)
        for lock in waiting:                                    # no thread of ours is left when Python shuts down
            lock.acquire(timeout=1)
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook
        _forget_what_exec_saw()


def _forget_what_exec_saw():
    """Let Python end with the exit status it is given, even if the interruption came inside of `exec` or `eval`.

    An interruption that leaves code given as text, as dataclasses and named tuples are made from, is noted by Python as one
    that nobody handled: `python -m` then ends by SIGINT, whatever the status. Code that ends well takes the note back.
    """
    exec("")


def pass_on(history):
    """KeyboardInterrupt, with the `signal` of the interruption, if a training was interrupted.

    For whoever trains a network to show something: half trained it shows nothing.
    """
    if history.interrupted:
        stopped = KeyboardInterrupt("a network that is half trained is no result")
        stopped.signal = history.signal
        raise stopped


def exit_status(interruption, seen):
    """The exit status that shells expect: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.

    Args:
        interruption: the error with which the command ended.
        seen: what `interruptible` gave.
    """
    return 128 + (getattr(interruption, "signal", None) or seen.received or signal.SIGINT)


def _send(number, over, lock):
    """A signal to the main thread in a moment, which wakes it if it waits for something; none if all is `over` by then.

    A signal that came while Python shuts down would end it without the exit status of the command. `lock` is released.
    """
    time.sleep(0.02)
    if over:
        pass
    elif hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, number)
    else:
        signal.raise_signal(number)
    lock.release()


def handle(handler):
    """Give the signals that end a command another handler: a dict from each that was not ignored to the one it had.

    Empty in another thread than the main one, where Python handles no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    before = {number: signal.getsignal(number) for number in ENDING}
    before = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    return before


def leave_at_once_while_importing():
    """If Python was started to run minirnn as a command: from now on a signal ends it at once, with one line and no traceback.

    There is nothing to keep before all is imported. The command then handles signals itself (see `interruptible`).
    """
    given, name = sys.orig_argv, os.path.basename(sys.argv[0] if sys.argv else "")
    module = given[given.index("-m") + 1:][:1] if "-m" in given else []
    if name == "-m" and (module == ["minirnn"] or "-mminirnn" in given) or os.path.splitext(name)[0] == "minirnn":
        handle(_leave)


def _leave(number, frame):
    os.write(2, b"minirnn: interrupted\n")
    os._exit(128 + number)
