"""Remember some symbols, wait until asked, and say them: once in a sequence, or again and again."""

import math

import numpy as np

from .. import checks
from .task import Batch, Task


class CopyTask(Task):
    """What both copy tasks share: inputs of `n_symbols_copied` symbols, a blank and the request, one feature each.

    At every step one feature is 1. The answer is a class: one of the symbols, or the blank. Two accuracies are told: over all
    steps, as the papers do, where blanks alone make a large share, and over the symbols that were to be recalled.
    """

    targets, unit = "classes", "bits"

    def prepare(self, n_copied, symbols):
        self.n_copied, self.symbols = checks.positive_integer("n_copied", n_copied), checks.positive_integer("symbols", symbols)
        self.n_in, self.n_out = self.symbols + 2, self.symbols + 1
        self.blank, self.request = self.symbols, self.symbols + 1
        names = [chr(ord("A") + code) if self.symbols <= 26 else str(code) for code in range(self.symbols)]
        self.input_names, self.output_names = (*names, "·", "?"), (*names, "·")

    def _inputs(self, codes):
        """(T, B) integers -> (T, n_in, B) float32, 1 at the code."""
        xs = np.zeros((len(codes), self.n_in, codes.shape[1]), np.float32)
        np.put_along_axis(xs, codes[:, None], 1, axis=1)
        return xs

    def metrics(self, outputs, batch):
        right, asked = self.correct(outputs, batch), batch.targets != self.blank
        return {"accuracy": float(right.mean()), "symbols": float(right[asked].mean())}

    def trivial(self, split="validation"):
        """Blanks where blanks belong, and a guess among the symbols where a symbol belongs."""
        share = float(np.mean([(batch.targets != self.blank).mean() for batch in self.evaluation(split)]))
        return {"loss": share * math.log2(self.symbols), "accuracy": 1 - share + share / self.symbols,
                "symbols": 1 / self.symbols}


class Copy(CopyTask):
    """Some symbols, then blanks; at a random later step comes a request, and the symbols are to be said in their order.

    The sequence has length + 2 S steps, with S = n_copied. The request comes at one of the steps S + 1 to S + length, and the
    S steps after it are the answer; everywhere else the answer is the blank.

    Args:
        length: T, the blanks among which the request comes.
        n_copied: S, the symbols to remember.
        symbols: how many different ones there are. (The code of the RWA's author draws from 7, though its paper says 8.)
    """

    source = "Ostmeyer & Cowell 2017, section 4.3 (variable copy problem); Maginnis & Richemond 2017, section 6.3"
    criterion = "accuracy > 0.999"
    to_show = {"length": 20, "n_copied": 5}

    def __init__(self, length=100, n_copied=10, symbols=8):
        self.length = checks.positive_integer("length", length)
        self.prepare(n_copied, symbols)

    def batch(self, rng, batch_size):
        S, B = self.n_copied, checks.positive_integer("batch_size", batch_size)
        T = self.length + 2 * S
        pattern, asked = rng.integers(self.symbols, size=(S, B)), S + rng.integers(self.length, size=B)
        codes, answers = np.full((T, B), self.blank), np.full((T, B), self.blank)
        codes[:S] = pattern
        codes[asked, np.arange(B)] = self.request
        np.put_along_axis(answers, asked + 1 + np.arange(S)[:, None], pattern, axis=0)
        return Batch(self._inputs(codes), answers)


class MultiCopy(CopyTask):
    """Copy after copy in one sequence: some symbols, a blank, the request, and then the symbols are to be said.

    What was copied must be forgotten to make room for the next, which is what an RWA cannot do. One copy takes 2 S + 2 steps,
    with S = n_copied: the symbols, a blank, the request two steps after the last symbol, and the answer, while the input is
    blank. As many copies follow each other as have room; what is left at the end is blank.

    Args:
        length: T, at least 2 S + 2. The paper's 50 copies in 1000 steps are those of S = 9.
        n_copied: S.
        symbols: how many different ones there are.
    """

    source = "Maginnis & Richemond 2017, section 6.4"
    criterion = "accuracy > 0.99"
    to_show = {"length": 33, "n_copied": 4}

    def __init__(self, length=300, n_copied=5, symbols=8):
        self.length = checks.positive_integer("length", length)
        self.prepare(n_copied, symbols)
        if self.length < 2 * self.n_copied + 2:
            raise ValueError(f"length is {length}, expected at least {2 * self.n_copied + 2}: one copy of {self.n_copied} "
                             f"symbols takes so many steps")

    @property
    def n_copies(self):
        """How many copies a sequence has."""
        return self.length // (2 * self.n_copied + 2)

    def batch(self, rng, batch_size):
        S, B, n = self.n_copied, checks.positive_integer("batch_size", batch_size), self.n_copies
        codes, answers = np.full((2, self.length, B), self.blank)
        pattern = rng.integers(self.symbols, size=(n, S, B))
        in_copies = (array[:n * (2 * S + 2)].reshape(n, 2 * S + 2, B) for array in (codes, answers))      # views
        inputs, outputs = in_copies
        inputs[:, :S], inputs[:, S + 1], outputs[:, S + 2:] = pattern, self.request, pattern
        return Batch(self._inputs(codes), answers)
