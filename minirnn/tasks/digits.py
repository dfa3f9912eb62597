"""Handwritten digits of 8 by 8 pixels, read pixel by pixel. They come with the package."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from ..arrays import read_arrays
from .images import Images, shuffled

FILE = Path(__file__).parent / "data" / "digits.npz"
N, N_VALIDATION, N_TEST = 1797, 300, 300


class Digits(Images):
    """Handwritten digits of 8 by 8 pixels, a pixel a step; which digit it was, asked for at the last step.

    Of the 1,797 digits, a random choice (seed 0, always the same) of 300 is the validation part and another one of 300 the test
    part; 1,197 are for training. All parts have digits of the same 13 writers.

    Args:
        pixels_per_step: D, a divisor of 64: 1 for a pixel, 8 for a line at every step. T is 64 / D.
    """

    source = "Alpaydin & Kaynak 1998, Optical recognition of handwritten digits (UCI, CC BY 4.0, doi 10.24432/C50P49)"
    criterion = "accuracy >= 0.9"

    def __init__(self, pixels_per_step=1):
        self.prepare(digits(), 16, pixels_per_step)


class DigitsPermuted(Images):
    """The digits of `digits`, their pixels mixed: a fixed order in which neighbours are far apart. Which digit was it?

    Args:
        pixels_per_step: D, a divisor of 64.
        permutation: the seed of the order.
    """

    source = Digits.source + "; permuted as by Le, Jaitly & Hinton 2015"
    criterion = "accuracy >= 0.9"

    def __init__(self, pixels_per_step=1, permutation=0):
        self.prepare(digits(), 16, pixels_per_step, permutation)


@lru_cache
def digits():
    """The three parts, as `Images` describes them."""
    found = read_arrays(FILE, {"images": ((N, 64), np.uint8), "labels": ((N,), np.uint8)})
    order = shuffled(N, 0)
    places = {"validation": order[:N_VALIDATION], "test": order[N_VALIDATION:N_VALIDATION + N_TEST],
              "train": order[N_VALIDATION + N_TEST:]}
    return {part: (found["images"][which], found["labels"][which]) for part, which in places.items()}
