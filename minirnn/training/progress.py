"""What a training says while it runs."""

import time


class Progress:
    """A callback for `train` that prints a line every two seconds, and ends the training after `limit` seconds."""

    def __init__(self, limit=None):
        self.began = self.printed = time.perf_counter()
        self.limit = limit

    def __call__(self, step, loss, metrics):
        now = time.perf_counter()
        if step == 1 or now - self.printed > 2:
            self.printed = now
            numbers = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
            print(f"  step {step:>6}  {now - self.began:5.1f} s  loss {loss:.4f}  {numbers}", flush=True)
        return self.limit is not None and now - self.began > self.limit
