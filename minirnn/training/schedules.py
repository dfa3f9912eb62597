"""How the learning rate changes while a network learns: a factor that depends on the step alone."""

import math
from typing import NamedTuple

from .. import checks


class Schedule(NamedTuple):
    """A schedule, as text or as its parts.

        "step 20000 0.1"        every 20,000 steps the rate is multiplied by 0.1
        "linear 5000"           falls to 0 in a straight line over 5,000 steps
        "cosine 5000"           falls to 0 over 5,000 steps, slowly at both ends (Loshchilov & Hutter 2017)
        "warmup 100"            rises from 0 over the first 100 steps, then stays
    """

    kind: str
    n_steps: int
    factor: float = 1.0

    @classmethod
    def of(cls, given):
        """A schedule from text, None from None; ValueError for other text."""
        if given is None or isinstance(given, cls):
            return given
        words = str(given).split()
        try:
            kind, n_steps, *rest = words
            if kind in FACTORS and len(rest) == (kind == "step") and int(n_steps) > 0:
                return cls(kind, int(n_steps), *(checks.number("factor", float(word), low=0) for word in rest))
        except ValueError:
            pass
        raise ValueError(f'schedule is {given!r}, expected "step N FACTOR", "linear N", "cosine N" or "warmup N"')

    def at(self, step):
        """The factor of the learning rate at a step, counted from 1."""
        return FACTORS[self.kind](step - 1, self.n_steps, self.factor)

    def __str__(self):
        return f"{self.kind} {self.n_steps}" + f" {self.factor:g}" * (self.kind == "step")


FACTORS = {
    "step": lambda done, n_steps, factor: factor ** (done // n_steps),
    "linear": lambda done, n_steps, factor: max(0.0, 1 - done / n_steps),
    "cosine": lambda done, n_steps, factor: (1 + math.cos(math.pi * min(1.0, done / n_steps))) / 2,
    "warmup": lambda done, n_steps, factor: min(1.0, (done + 1) / n_steps),
}
