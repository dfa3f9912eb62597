"""Being asked to stop while a step is under way: the step is finished first, so that what is kept is whole."""

import signal
import threading
from contextlib import contextmanager

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Asked:
    """Whether somebody asked to stop: `signal` is the number of the signal, or None."""

    def __init__(self):
        self.signal = None

    def hear(self, number, frame):
        """The first request is noted; a second Ctrl-C does not wait for the step to end."""
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number


@contextmanager
def listening():
    """Within the `with` block, Ctrl-C, SIGTERM and SIGHUP are noted in an `Asked` instead of acting at once.

    Only in the main thread, where Python handles signals, and only those that nobody has set to be ignored; elsewhere nothing
    changes.
    """
    asked, before = Asked(), {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in SIGNALS}
        before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, asked.hear)
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
