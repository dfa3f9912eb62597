"""What several commands share."""

import argparse
import sys
import textwrap
from pathlib import Path

OUT = Path("minirnn-out")


def add_command(commands, name, run, text, details=""):
    """A new command: its name, the function that runs it, what it does in one line, and more about it for --help."""
    one = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}. {details}".strip(),
                              formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    one.set_defaults(run=run)
    return one


def save_figure(name, data, path, quiet=False):
    """Draw a figure of `plots` by its name, write it and say where; to stderr if `quiet`."""
    from .. import plots
    plots.save(getattr(plots, name)(data), path)
    print(f"figure: {path}", file=sys.stderr if quiet else sys.stdout)


def guessing(frequency_bits):
    """For the figure of a language model's training: what guessing reaches."""
    return {"bits per character": (frequency_bits, "guessing by how frequent each character is")}


def print_language_model(found):
    """How well a `LanguageModel` reads, and what it writes."""
    print(f"bits per character: validation {found.bits['validation']:.3f}, test {found.bits['test']:.3f} "
          f"(guessing by how frequent each character is: {found.frequency_bits:.3f})")
    print("it writes:")
    print(textwrap.indent(found.sample, "  | ", lambda line: True))
