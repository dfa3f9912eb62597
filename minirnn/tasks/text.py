"""Read a text one character at a time and guess the next. The measure is bits per character."""

import os
import re
import sysconfig
import textwrap
from pathlib import Path

import numpy as np

from .. import checks
from ..losses import softmax_cross_entropy
from .task import Batch, Task

SPLITS = {"train": (0.0, 0.9), "validation": (0.9, 0.95), "test": (0.95, 1.0)}
PROSE = re.compile(r'^[ \t]*(?:[rR]?"""(.*?)"""|#+[ \t]?(.*?)$)', re.MULTILINE | re.DOTALL)
NOT_EVERYWHERE = {"test", "tests", "idle_test", "idlelib", "tkinter", "turtledemo", "lib2to3", "distutils", "ensurepip", "venv",
                  "site-packages", "dist-packages", "__pycache__", "pydoc_data"}       # some systems ship these apart, or not


def documentation():
    """The reference text that every Python carries for its `help()`: some 460,000 characters of real English."""
    from pydoc_data import topics
    return "\n".join(topics.topics[name] for name in sorted(topics.topics))


def library():
    """What the authors of Python's standard library wrote to its readers: 2.5 million characters (of Python 3.11).

    These are all comments, and all texts between three quotes that begin a line, file by file. They are the same for everybody
    with the same version of Python.
    """
    texts, start = {}, sysconfig.get_path("stdlib")
    for folder, folders, files in os.walk(start):
        folders[:] = set(folders) - NOT_EVERYWHERE              # not looked into
        for name in files:
            if name.endswith(".py") and not name.startswith(("_sysconfigdata", "sitecustomize")):      # which tell of a machine
                path = Path(folder, name)
                text = path.read_text(encoding="utf-8", errors="replace")
                texts[path.relative_to(start).as_posix()] = [quoted or comment for quoted, comment in PROSE.findall(text)]
    return "\n".join("\n".join(texts[name]) for name in sorted(texts) if texts[name])


CORPORA, UNITS = {"documentation": documentation, "library": library}, ("characters", "bytes")


class Text(Task):
    """Characters of a real text; the next character, asked for at every step.

    The text is split by position: the first 90% for training, then 5% for validation and 5% for testing. Training reads
    `batch_size` places of it side by side, `length` characters at a time, and carries the state from one such window to
    the next; the gradient stops at the window's edge (truncated backpropagation through time).

    The RDA's paper reads the file enwik8, the first 100 million bytes of an English Wikipedia of 2006: path="enwik8". Its
    symbols are bytes, 205 different ones, and its parts have 90, 5 and 5 million.

    Args:
        path: a file; the text named by `corpus` without it.
        length: T, the characters in a window.
        corpus: "documentation", Python's own documentation topics (some 460,000 characters; the default), or "library", the
            comments and documentation in its standard library (2.5 million). Both differ from version to version.
        units: "characters" of a UTF-8 file, or "bytes" of any file. Without it: bytes if the file is called enwik8.

    Attributes: `text`, a string, or bytes; `alphabet`, its distinct characters in order (a byte counts as the character of
    that number); `codes`, the text as indices into the alphabet.

    Raises:
        FileNotFoundError, OSError: the file cannot be read. ValueError: it is empty, not text, or too short.
    """

    source = "after Maginnis & Richemond 2017, section 6.5, which uses enwik8"
    targets, unit = "classes", "bits"
    to_show = {"length": 40}

    def __init__(self, path=None, length=50, corpus=None, units=None):
        self.length = checks.positive_integer("length", length)
        if path is not None and corpus is not None:
            raise ValueError(f"corpus is {corpus!r} beside the path {str(path)!r}, expected only one of them")
        path = path if path is None else Path(checks.path("path", path))
        of_name = "bytes" if path is not None and path.name == "enwik8" else "characters"
        units = checks.choice("units", units or of_name, UNITS)
        if path is None:
            self.text = checks.lookup("corpus", corpus or "documentation", CORPORA)()
            if not self.text:
                raise ValueError(f"the corpus {corpus!r} is empty: this Python has no sources")
            self.text = self.text.encode("utf-8") if units == "bytes" else self.text
        else:
            self.text = _read(path, units)
        self.alphabet, self.codes = _coded(np.frombuffer(self.text, np.uint8) if units == "bytes" else
                                           np.frombuffer(self.text.encode("utf-32-le"), np.uint32))
        self.n_symbols = self.n_in = self.n_out = len(self.alphabet)
        self.input_names = self.output_names = tuple(self.alphabet)
        if len(self.split("test")) < 2:
            raise ValueError(f"the text has {len(self.text)} characters, expected at least 40, to be split in three")
        if len(self.split("train")) <= self.length:
            raise ValueError(f"the text has {len(self.split('train'))} characters to train on, expected more than length, "
                             f"{self.length}: a window and the character after it")

    def split(self, name):
        """The codes of one part of the text: "train", "validation" or "test"."""
        start, stop = checks.lookup("split", name, SPLITS)
        return self.codes[int(start * len(self.codes)):int(stop * len(self.codes))]

    def batch(self, rng, batch_size):
        """`batch_size` windows from random places of the training text."""
        codes, batch_size = self.split("train"), checks.positive_integer("batch_size", batch_size)
        places = checks.generator(rng).integers(len(codes) - self.length, size=batch_size)
        window = codes[np.arange(self.length + 1)[:, None] + places].astype(np.int64)
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
            yield Batch(codes[places].astype(np.int64), codes[places + 1].astype(np.int64), carry=first > 0)

    def metrics(self, outputs, batch):
        bits = float(softmax_cross_entropy(outputs, batch.targets)[0]) * self.scale
        return {"bits per character": bits, **super().metrics(outputs, batch)}

    def evaluation(self, split="validation", batch_size=16):
        """A part of the text, window after window, in `batch_size` stretches with the state carried throughout."""
        return self.windows(split, batch_size)

    def trivial(self, split="validation"):
        """Guessing by how frequent each character is."""
        bits = self.frequency_bits(split)
        return {"loss": bits, "bits per character": bits,
                "accuracy": float((self.split(split) == self._counts("train").argmax()).mean())}

    def frequency_bits(self, split="validation"):
        """Bits per character of the best guess without memory: the frequencies of the training text."""
        counts, asked = 1 + self._counts("train"), self._counts(split)                  # 1: none is impossible
        return float(-(np.log2(counts / counts.sum()) * asked).sum() / asked.sum())

    def _counts(self, split):
        """How often each character is there in a part of the text."""
        codes = self.split(split)
        return sum(np.bincount(codes[i:i + 2**20], minlength=self.n_symbols) for i in range(0, len(codes), 2**20))

    def report(self, model):
        """Some of what the model writes."""
        return "it writes:\n" + textwrap.indent(self.sample(model, 300, temperature=0.7), "  | ", lambda line: True)

    def encode(self, text):
        """A string as codes (T,); ValueError for a character that the text does not have."""
        symbols = text.encode("utf-8").decode("latin-1") if isinstance(self.text, bytes) else text
        unknown = sorted(set(symbols) - set(self.alphabet))
        if unknown:
            raise ValueError(f"{text!r} has {unknown[0]!r}, which is not among the text's {self.n_symbols} characters")
        place = {symbol: code for code, symbol in enumerate(self.alphabet)}
        return np.array([place[symbol] for symbol in symbols], np.int64)

    def decode(self, codes):
        """Codes as a string. Bytes that are no UTF-8 become the replacement character."""
        symbols = "".join(self.alphabet[code] for code in codes)
        return symbols.encode("latin-1").decode("utf-8", errors="replace") if isinstance(self.text, bytes) else symbols

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
        start = self.codes[:1].astype(np.int64) if start is None else self.encode(start)
        if not len(start):
            raise ValueError("start is empty, expected at least one character to begin from")
        run, written = model.forward(start[:, None]), []
        for _ in range(n):
            # Adding Gumbel noise to the logits and taking the largest draws from their softmax.
            logits = run.outputs[-1, :, 0] / temperature
            written.append(int(np.argmax(logits + rng.gumbel(size=len(logits)))))
            run = model.forward(np.array([written[-1:]]), run.state)
        return self.decode(written)


def _read(path, units):
    if not path.is_file():
        raise FileNotFoundError(f"path is {str(path)!r}, expected a text file: there is none")
    text = path.read_bytes()
    if units == "characters":
        try:
            text = text.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8 text, expected a text file (or units=\"bytes\")") from None
    if not text:
        raise ValueError(f"{path} is empty, expected a text file with some characters in it")
    return text


def _coded(points):
    """The alphabet of a text given as numbers of characters, and the text as indices into it, as small as they can be."""
    there = np.zeros(int(points.max()) + 1, bool)
    pieces = range(0, len(points), 2**20)                       # an index is eight times as large as a byte
    for first in pieces:
        there[points[first:first + 2**20]] = True
    kinds = np.flatnonzero(there)
    place = np.zeros(len(there), np.min_scalar_type(len(kinds) - 1))
    place[kinds] = np.arange(len(kinds))
    codes = np.empty(len(points), place.dtype)
    for first in pieces:
        codes[first:first + 2**20] = place[points[first:first + 2**20]]
    return "".join(map(chr, kinds)), codes
