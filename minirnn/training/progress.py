"""What a training says while it runs: one line that is written anew in a terminal and a notebook, and a new line elsewhere."""

import sys
import time


class Progress:
    """A callback for `train` that tells step, loss, metrics, speed, and the time that is left at most.

    Args:
        steps: how many there are to be, for the time left; nothing is said of it without.
        done: how many were made before, when a training goes on.
        limit: end the training after so many seconds.
        stream: where to write; standard output, as it is at each call, without it.
    """

    def __init__(self, steps=None, done=0, limit=None, stream=None):
        self.steps, self.done, self.limit, self.stream = steps, done, limit, stream
        self.began = self.told = time.perf_counter()
        self.wait, self.width = 0.0, 0

    def __call__(self, step, loss, metrics):
        now = time.perf_counter()
        over = self.limit is not None and now - self.began > self.limit
        if now - self.told >= self.wait or step == self.steps or over:
            self._tell(step, loss, metrics, now - self.began)
            self.told = now
        return over

    def line(self, step, loss, metrics, seconds):
        """The line for a step, `seconds` after the beginning."""
        of = f"/{self.steps:,}" if self.steps else ""
        numbers = "".join(f"  {name} {value:.4f}" for name, value in metrics.items())
        speed = (step - self.done) / max(seconds, 1e-9)
        said = f"step {step:,}{of}  loss {loss:.4g}{numbers}  {speed:.3g} steps/s"
        return said + (f"  {clock((self.steps - step) / speed)} left at most" if self.steps and step < self.steps else "")

    def _tell(self, step, loss, metrics, seconds):
        stream = self.stream or sys.stdout
        line = self.line(step, loss, metrics, seconds)
        if rewrites(stream):
            self.wait = 0.2
            stream.write("\r" + line.ljust(self.width))
            self.width = len(line)
        else:
            self.wait = min(30.0, max(2.0, seconds / 10))       # a log of a long run stays short
            stream.write(f"  {line}\n")
        stream.flush()

    def end(self):
        """End the line, if it is one that is written anew."""
        stream = self.stream or sys.stdout
        if self.width and rewrites(stream):
            stream.write("\n")
            stream.flush()
        self.width = 0


def rewrites(stream):
    """Whether a carriage return takes what is written back to the beginning of its line: in a terminal, and in a notebook."""
    return stream.isatty() or type(stream).__module__.startswith("ipykernel")


def clock(seconds):
    """Seconds as minutes and seconds, or hours and minutes: "0:42", "3 h 05"."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02}"
