"""Does this string follow the rules of the Reber grammar, or is there an error in it?"""

import numpy as np

from .. import checks
from .task import Batch, Task

LETTERS = "BEPSTVX"
START, END, WRONG = 0, 7, 8                     # nodes of the graph: before the B, after the E, and where no rule leads
ARROWS = {                                      # node -> the letters on its arrows, and the nodes they lead to
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"S": 6, "X": 3},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
}


def _tables():
    """The graph as two arrays: what follows (node, letter), and for (node, which of its arrows) the letter and what follows."""
    followed, choices = np.full((9, len(LETTERS)), WRONG), np.zeros((8, 2, 2), int)
    for node, arrows in ARROWS.items():
        for letter, to in arrows.items():
            followed[node, LETTERS.index(letter)] = to
        choices[node] = [(LETTERS.index(letter), to) for letter, to in arrows.items()]      # a single arrow stands for both
    choices[END] = 0, END
    return followed, choices


FOLLOWED, CHOICES = _tables()


class Reber(Task):
    """A string of letters; whether it follows the Reber grammar, asked for at its last letter.

    A graph makes the strings: from its start, one of at most two arrows is taken again and again, each with probability 1/2 and
    each with a letter, until the end is reached. They have 5 letters or more, 8 on average; those longer than T are drawn
    again. Every sequence is a string of the grammar with probability 1/2, and otherwise has one error. After the last letter
    the input is 0, and nothing that the network says there counts.

        error="splice"      The first letters of one string are followed by the last letters of another. Both strings are cut
                            at random, and drawn again until the result breaks the rules. There is one wrong place then: where
                            the two meet, or the very first letter if nothing is left of the first string. The code of the
                            RWA's author makes its "single typo" in this way.
        error="letter"      One letter, at a random place, is replaced by another one, drawn again until the result breaks the
                            rules.

    Args:
        length: T, at least 5.
        error: "splice" or "letter".
    """

    source = "Ostmeyer & Cowell 2017 and its code (artificial grammar); Reber 1967, Implicit learning of artificial grammars"
    n_in, n_out, targets, unit = 7, 1, "bits", "bits"
    input_names, output_names = tuple(LETTERS), ("follows the rules",)
    to_show = {"length": 16}
    criterion = "accuracy >= 0.99"

    def __init__(self, length=50, error="splice"):
        self.length = checks.positive_integer("length", length)
        if self.length < 5:
            raise ValueError(f"length is {length}, expected at least 5: the shortest strings of the grammar have 5 letters")
        self.error = checks.choice("error", error, ("splice", "letter"))

    def batch(self, rng, batch_size):
        rng, B = checks.generator(rng), checks.positive_integer("batch_size", batch_size)
        valid = rng.random(B) < 0.5
        codes, lengths = self._strings(rng, B)
        wrong = np.flatnonzero(~valid)
        codes[:, wrong], lengths[wrong] = self._with_an_error(rng, codes[:, wrong], lengths[wrong])
        xs = (codes[:, None] == np.arange(len(LETTERS))[:, None]).astype(np.float32)
        return Batch.at_the_end(xs, valid.astype(np.float32)[None], lengths)

    def _strings(self, rng, n):
        """n strings of the grammar: codes (T, n), −1 after the last letter, and lengths (n,)."""
        codes, left = np.full((self.length, n), -1), np.arange(n)
        while len(left):                                        # those that did not end within T letters are drawn again
            choices, node = rng.integers(2, size=(self.length, len(left))), np.full(len(left), START)
            drawn = np.full((self.length, len(left)), -1)
            for t in range(self.length):
                ended = node == END
                if ended.all():
                    break
                letter, node = CHOICES[node, choices[t]].T
                drawn[t] = np.where(ended, -1, letter)
            codes[:, left], left = drawn, left[node != END]
        return codes, (codes >= 0).sum(axis=0)

    def _with_an_error(self, rng, codes, lengths):
        """The same strings with one error each, and how long they are then."""
        codes, lengths, left = codes.copy(), lengths.copy(), np.arange(len(lengths))
        make = {"splice": self._splice, "letter": self._misspell}[self.error]
        while len(left):                                        # what is right after all, or too long, is drawn again
            made, n_letters = make(rng, codes[:, left], lengths[left])
            good = ~follows_grammar(made) & (n_letters <= self.length)
            codes[:, left[good]], lengths[left[good]] = made[:, good], n_letters[good]
            left = left[~good]
        return codes, lengths

    def _splice(self, rng, first, n_first):
        second, n_second = self._strings(rng, len(n_first))
        stop, start = rng.integers(n_first), rng.integers(n_second)     # from 0 to one less than the length
        t = np.arange(self.length)[:, None]
        rest = np.take_along_axis(second, np.clip(t - stop + start, 0, self.length - 1), axis=0)
        lengths = stop + n_second - start
        return np.where(t < stop, first, np.where(t < lengths, rest, -1)), lengths

    def _misspell(self, rng, codes, lengths):
        place, shift = rng.integers(lengths), rng.integers(1, len(LETTERS), size=len(lengths))
        columns, made = np.arange(len(lengths)), codes.copy()
        made[place, columns] = (codes[place, columns] + shift) % len(LETTERS)
        return made, lengths


def follows_grammar(codes):
    """Which strings, columns of letters as indices into `LETTERS` with −1 after the last, the grammar makes: (n,) booleans."""
    node = np.full(codes.shape[1], START)
    for row in codes:
        ended = row < 0
        if ended.all():
            break
        node = np.where(ended, node, FOLLOWED[node, row])
    return node == END
