"""Is this sequence of noise longer than half of the longest?"""

import numpy as np

from .. import checks
from .task import Batch, Task


class Length(Task):
    """Noise of random length, 1 to T steps; whether that is more than T/2, asked for at the last step of each sequence.

    The numbers carry no information: only counting helps. After the last step of a shorter sequence the input is 0, and
    nothing that the network says there counts.

    Args:
        length: T, at least 2.
    """

    source = "Ostmeyer & Cowell 2017, section 4.2 (classifying by sequence length)"
    n_in, n_out, targets, unit = 1, 1, "bits", "bits"
    input_names, output_names = ("noise",), ("longer than T/2",)
    to_show = {"length": 16}
    criterion = "accuracy >= 1"
    n_evaluation = 100              # as many as a batch of the papers: of more, some are too close to T/2 for any network

    def __init__(self, length=100):
        self.length = checks.positive_integer("length", length)
        if self.length < 2:
            raise ValueError(f"length is {length}, expected at least 2: otherwise every sequence is the longest")

    def batch(self, rng, batch_size):
        T, B = self.length, checks.positive_integer("batch_size", batch_size)
        lengths = rng.integers(1, T + 1, size=B)
        xs = rng.random((T, 1, B), np.float32)
        xs *= np.arange(T)[:, None, None] < lengths
        return Batch.at_the_end(xs, (2 * lengths > T).astype(np.float32)[None], lengths)
