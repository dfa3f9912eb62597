"""Read a text one character at a time and guess the next. The measure is bits per character."""

import textwrap
from pathlib import Path

import numpy as np

from .. import checks
from ..losses import softmax_cross_entropy
from .task import Batch, Task

SPLITS = {"train": (0.0, 0.9), "validation": (0.9, 0.95), "test": (0.95, 1.0)}


def documentation():
    """The reference text that every Python carries for its `help()`: some 460,000 characters of real English."""
    from pydoc_data import topics
    return "\n".join(topics.topics[name] for name in sorted(topics.topics))


class Text(Task):
    """Characters of a real text; the next character, asked for at every step.

    The text is split by position: the first 90% for training, then 5% for validation and 5% for testing. Training reads
    `batch_size` places of it side by side, `length` characters at a time, and carries the state from one such window to
    the next; the gradient stops at the window's edge (truncated backpropagation through time).

    Args:
        path: a UTF-8 text file; Python's own documentation topics without it (they differ from version to version).
        length: T, the characters in a window.

    Attributes: `text`; `alphabet`, its distinct characters in order; `codes`, the text as indices into the alphabet.

    Raises:
        FileNotFoundError, OSError: the file cannot be read. ValueError: it is empty, not text, or too short to be split.
    """

    source = "after Maginnis & Richemond 2017, section 6.5, which uses enwik8"
    targets, unit = "classes", "bits"

    def __init__(self, path=None, length=50):
        self.length = checks.positive_integer("length", length)
        self.text = documentation() if path is None else _read(path)
        self.alphabet = "".join(sorted(set(self.text)))
        self.n_symbols = self.n_in = self.n_out = len(self.alphabet)
        points = np.frombuffer(self.text.encode("utf-32-le"), np.uint32)
        self.codes = np.unique(points, return_inverse=True)[1].astype(np.int64)
        if len(self.split("test")) < 2:
            raise ValueError(f"the text has {len(self.text)} characters, expected at least 40, to be split in three")

    def split(self, name):
        """The codes of one part of the text: "train", "validation" or "test"."""
        start, stop = checks.lookup("split", name, SPLITS)
        return self.codes[int(start * len(self.codes)):int(stop * len(self.codes))]

    def batch(self, rng, batch_size):
        """`batch_size` windows from random places of the training text."""
        codes, batch_size = self.split("train"), checks.positive_integer("batch_size", batch_size)
        length = min(self.length, len(codes) - 1)
        places = checks.generator(rng).integers(len(codes) - length, size=batch_size)
        window = codes[np.arange(length + 1)[:, None] + places]
        return Batch(window[:-1], window[1:])

    def batches(self, rng, batch_size):
        """The training text in order, over and over. All batches but the first of each round carry the state."""
        while True:
            yield from self.windows("train", batch_size)

    def windows(self, split, batch_size):
        """One round through a part of the text: `batch_size` stretches of it side by side, window after window."""
        codes = self.split(split)
        batch_size = min(checks.positive_integer("batch_size", batch_size), len(codes) - 1)
        n_steps = (len(codes) - 1) // batch_size                # what is left over at the end is not read
        starts = np.arange(batch_size) * n_steps
        for first in range(0, n_steps, self.length):
            places = np.arange(first, min(first + self.length, n_steps))[:, None] + starts
            yield Batch(codes[places], codes[places + 1], carry=first > 0)

    def metrics(self, outputs, batch):
        bits = float(softmax_cross_entropy(outputs, batch.targets)[0]) * self.scale
        return {"bits per character": bits, **super().metrics(outputs, batch)}

    def evaluation(self, split="validation", batch_size=16):
        """A part of the text, window after window, in `batch_size` stretches with the state carried throughout."""
        return self.windows(split, batch_size)

    def trivial(self, split="validation"):
        """Guessing by how frequent each character is."""
        counts = np.bincount(self.split("train"), minlength=self.n_symbols)
        bits = self.frequency_bits(split)
        return {"loss": bits, "bits per character": bits,
                "accuracy": float((self.split(split) == counts.argmax()).mean())}

    def frequency_bits(self, split="validation"):
        """Bits per character of the best guess without memory: the frequencies of the training text."""
        counts = 1 + np.bincount(self.split("train"), minlength=self.n_symbols)        # 1: none is impossible
        return float(-np.log2(counts / counts.sum())[self.split(split)].mean())

    def report(self, model):
        """Some of what the model writes."""
        return "it writes:\n" + textwrap.indent(self.sample(model, 300, temperature=0.7), "  | ", lambda line: True)

    def encode(self, text):
        """A string as codes (T,); ValueError for a character that the text does not have."""
        unknown = sorted(set(text) - set(self.alphabet))
        if unknown:
            raise ValueError(f"{text!r} has {unknown[0]!r}, which is not among the text's {self.n_symbols} characters")
        return np.searchsorted(list(self.alphabet), list(text)).astype(np.int64)

    def sample(self, model, n, *, start=None, temperature=1.0, rng=0):
        """Let a trained model write.

        Args:
            model: a `Model` over this text's alphabet.
            n: how many characters.
            start: what it reads first, at least one character; the text's own first one without it.
            temperature: below 1 the likely characters become likelier, above 1 all become alike.
            rng: a seed or Generator.

        Returns:
            The n characters as a string, without `start`.
        """
        n, rng = checks.positive_integer("n", n), checks.generator(rng)
        temperature = checks.number("temperature", temperature, low=0, open_low=True)
        start = self.text[0] if start is None else start
        if not start:
            raise ValueError("start is empty, expected at least one character to begin from")
        run, written = model.forward(self.encode(start)[:, None]), []
        for _ in range(n):
            # Adding Gumbel noise to the logits and taking the largest draws from their softmax.
            logits = run.outputs[-1, :, 0] / temperature
            written.append(int(np.argmax(logits + rng.gumbel(size=len(logits)))))
            run = model.forward(np.array([written[-1:]]), run.state)
        return "".join(self.alphabet[code] for code in written)


def _read(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path is {str(path)!r}, expected a text file: there is none")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text, expected a text file") from None
    if not text:
        raise ValueError(f"{path} is empty, expected a text file with some characters in it")
    return text
