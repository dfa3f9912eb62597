"""Say −1, +1, −1, +1, ... without being told anything: the sequence of Lemma 1."""

import numpy as np

from .. import checks
from .task import Batch, Task


class Alternate(Task):
    """A constant input of 1; the sign of (−1)^t at t = 1, 2, ..., T, asked for at every step.

    The target is a class, 1 where (−1)^t is positive: there is nothing to be learned from the input, all is in the state.
    """

    source = "Maginnis & Richemond 2017, section 4: the sequence of Lemma 1"
    n_in, n_out, targets = 1, 1, "bits"
    input_names, output_names = ("constant",), ("sign is +",)
    to_show = {"length": 12}
    criterion = "loss < 0.001"

    def __init__(self, length=60):
        self.length = checks.positive_integer("length", length)

    def batch(self, rng, batch_size):
        xs = np.ones((self.length, 1, checks.positive_integer("batch_size", batch_size)), np.float32)
        t = np.arange(1, self.length + 1)[:, None, None]
        return Batch(xs, np.broadcast_to(t % 2 == 0, xs.shape).astype(np.float32))
