"""Pictures read pixel by pixel: what `digits` and `mnist` share."""

import numpy as np

from .. import checks
from .task import STREAMS, Batch, Task


class Images(Task):
    """Pictures as sequences, some pixels a step, and at the last step the question which digit it was.

    The pixels come line by line, from the upper left corner to the lower right, as numbers from 0 (white) to 1. A permuted task
    mixes them first, always in the same way. In training, every picture is read once before any is read again, each time in
    another order.

    Attributes:
        parts: the pictures of each part, "train", "validation" and "test": a pair of pixels (n, P) and digits (n,), uint8.
        highest: the value of a black pixel.
        order: (P,) integers, which pixel comes when.
        length: T, P / pixels_per_step.
    """

    n_out, targets = 10, "classes"
    output_names = tuple("0123456789")

    def prepare(self, parts, highest, pixels_per_step, permutation=None):
        n_pixels = parts["train"][0].shape[1]
        self.parts, self.highest, self.n_in = parts, highest, checks.positive_integer("pixels_per_step", pixels_per_step)
        if n_pixels % self.n_in:
            raise ValueError(f"pixels_per_step is {pixels_per_step}, expected a divisor of {n_pixels}, the pixels of a picture")
        self.length, self.order = n_pixels // self.n_in, np.arange(n_pixels)
        if permutation is not None:
            if isinstance(permutation, bool) or not isinstance(permutation, int) or not 0 <= permutation < 2**32:
                raise ValueError(f"permutation is {permutation!r}, expected a seed: an integer from 0 to 2**32 - 1")
            self.order = shuffled(n_pixels, permutation)
        self.n_evaluation = len(parts["validation"][0])

    def batch(self, rng, batch_size):
        """Pictures of the training part, each drawn from all of them."""
        n = len(self.parts["train"][0])
        return self._read("train", checks.generator(rng).integers(n, size=checks.positive_integer("batch_size", batch_size)))

    def batches(self, rng, batch_size):
        """The training part over and over, each time in another order. A batch may hold the end of one round and the
        beginning of the next."""
        rng, batch_size = checks.generator(rng), checks.positive_integer("batch_size", batch_size)
        n, waiting = len(self.parts["train"][0]), np.zeros(0, np.int64)
        while True:
            while len(waiting) < batch_size:
                waiting = np.concatenate([waiting, rng.permutation(n)])
            now, waiting = waiting[:batch_size], waiting[batch_size:]
            yield self._read("train", now)

    def evaluation(self, split="validation", batch_size=100):
        """All pictures of the part "validation" or "test", in a fixed order."""
        checks.lookup("split", split, STREAMS)
        n = len(self.parts[split][0])
        for first in range(0, n, checks.positive_integer("batch_size", batch_size)):
            yield self._read(split, np.arange(first, min(first + batch_size, n)))

    def _read(self, part, which):
        images, labels = self.parts[part]
        xs = images[which][:, self.order].T.astype(np.float32)
        xs /= self.highest
        return Batch.at_the_end(xs.reshape(self.length, self.n_in, len(which)), labels[which].astype(np.int64))

    def picture(self, xs):
        """The picture that a sequence (T, D) is, with its pixels back in their places: a square array."""
        side = round(len(self.order)**0.5)
        pixels = np.empty(len(self.order), np.float32)
        pixels[self.order] = np.asarray(xs).ravel()
        return pixels.reshape(side, side)


def shuffled(n, seed):
    """0 to n − 1 in an order that a seed fixes for ever: NumPy keeps what `RandomState` draws the same in all versions."""
    return np.random.RandomState(seed).permutation(n)
