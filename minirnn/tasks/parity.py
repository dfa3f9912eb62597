"""Is the number of ones so far odd? Flipping one bit flips every answer after it."""

import numpy as np

from .. import checks
from .task import Batch, Task


class Parity(Task):
    """Random bits; whether the number of ones up to now is odd, asked for at every step."""

    source = "Maginnis & Richemond 2017, section 4: with random bits in place of a constant"
    n_in, n_out, targets = 1, 1, "bits"
    input_names, output_names = ("bit",), ("odd so far",)
    to_show = {"length": 16}
    criterion = "loss < 0.001"

    def __init__(self, length=20):
        self.length = checks.positive_integer("length", length)

    def batch(self, rng, batch_size):
        batch_size = checks.positive_integer("batch_size", batch_size)
        bits = checks.generator(rng).integers(2, size=(self.length, 1, batch_size))
        return Batch(bits.astype(np.float32), (bits.cumsum(axis=0) % 2).astype(np.float32))
