"""Being asked to stop while a step is under way: the step is finished first, so that what is kept is whole."""

import signal
from contextlib import contextmanager

from ..interrupts import handle


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
    asked = Asked()
    before = handle(asked.hear)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
