"""What becomes of a command's output when nobody can read it any more: `... | head -1`, a full disk, a closed terminal.

A command that was promised to leave files goes on in silence and leaves them. Any other has nothing to go on for.
"""

import errno
import os
import sys
from contextlib import contextmanager


class Stream:
    """Standard output or standard error, which may be lost in the middle of a command.

    Attributes: `error`, the OSError with which it was lost, or None; `goes_on`, whether losing it goes unnoticed (otherwise the
    error comes through, once).
    """

    def __init__(self, stream, goes_on=True):
        self.stream, self.goes_on, self.error = stream, goes_on, None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")                # equations have Greek letters; a pipe may not

    def write(self, text):
        self._try(self.stream.write, text)
        return len(text)

    def flush(self):
        self._try(self.stream.flush)

    def _try(self, call, *given):
        if self.error:
            return
        try:
            call(*given)
        except OSError as error:
            self.error = error
            self._lead_nowhere()
            if not self.goes_on:
                raise

    def _lead_nowhere(self):
        """What is still in the stream's buffer goes nowhere, or Python would complain when it closes down."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)
            self.stream.flush()
        except (OSError, AttributeError):
            pass

    @property
    def left(self):
        """Whether the reader has left, as `head` does when it has enough. That is no error."""
        return isinstance(self.error, BrokenPipeError) or os.name == "nt" and bool(self.error) and self.error.errno == errno.EINVAL

    def __getattr__(self, name):
        return getattr(self.stream, name)


@contextmanager
def lasting():
    """Within the `with` block, sys.stdout and sys.stderr are such streams: yields the two."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Stream(open(os.devnull, "w") if stream is None else stream) for stream in before)
    try:
        yield sys.stdout, sys.stderr
    finally:
        sys.stdout, sys.stderr = before
