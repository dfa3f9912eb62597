"""Two numbers in a long stream are marked: what is their sum?"""

import numpy as np

from .. import checks
from .task import Batch, Task


class Addition(Task):
    """Numbers between 0 and 1, two of them marked; their sum, asked for at the last step.

    The first input is the number, the second is 1 where it is marked and 0 elsewhere.

    Args:
        length: T, at least 2.
        markers: "anywhere" (two different steps at random: Ostmeyer & Cowell 2017, section 4.5), or "halves" (one in each half
            of the sequence: Li et al. 2018, section 5.1, after Hochreiter & Schmidhuber 1997).
    """

    source = "Hochreiter & Schmidhuber 1997; as in Ostmeyer & Cowell 2017 and in Li et al. 2018 (halves)"
    n_in, n_out, targets = 2, 1, "numbers"
    input_names, output_names = ("number", "marked"), ("sum",)
    to_show = {"length": 12}
    criterion = "loss < 0.001"

    def __init__(self, length=100, markers="anywhere"):
        self.length = checks.positive_integer("length", length)
        if self.length < 2:
            raise ValueError(f"length is {length}, expected at least 2: two different steps are marked")
        self.markers = checks.choice("markers", markers, ("anywhere", "halves"))

    def batch(self, rng, batch_size):
        T, B = self.length, checks.positive_integer("batch_size", batch_size)
        xs = np.zeros((T, 2, B), np.float32)
        xs[:, 0] = rng.random((T, B), np.float32)
        if self.markers == "halves":
            first, second = rng.integers(T // 2, size=B), rng.integers(T // 2, T, size=B)
        else:
            first, second = rng.integers(T, size=B), rng.integers(T - 1, size=B)
            second += second >= first                           # any step but the first marked one
        columns = np.arange(B)
        xs[first, 1, columns] = xs[second, 1, columns] = 1
        return Batch.at_the_end(xs, (xs[first, 0, columns] + xs[second, 0, columns])[None])
