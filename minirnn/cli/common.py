"""What several commands share."""

import argparse
import sys
import textwrap
from pathlib import Path

from ..files import check_writable, write_or_elsewhere

OUT = Path("minirnn-out")


class Written:
    """What the command that runs has written: `main` says so if the command is interrupted.

    Attributes: `paths`, of the files; `misplaced`, whether some are elsewhere because they could not be where they should.
    """

    def __init__(self):
        self.clear()

    def clear(self):
        self.paths, self.misplaced = [], False


WRITTEN = Written()


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that tells a default, unless the text tells it or there is none."""

    def _get_help_string(self, action):
        return action.help if action.default in (None, [], False) or "default:" in action.help or "without" in action.help else (
            super()._get_help_string(action))


def add_command(commands, name, run, text, details=""):
    """A new command: its name, the function that runs it, what it does in one line, and more about it for --help."""
    one = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}. {details}".strip(),
                              formatter_class=Help)
    one.set_defaults(run=run)
    return one


def in_words(error):
    """An error as one sentence without its class or number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error.args[0] if isinstance(error, KeyError) and error.args else error).split())


def check_figure(path):
    """An error now, before a long computation, if no figure can be written to `path` at its end."""
    from .. import plots
    plots.check_format(path)
    check_writable(path.parent, path.name)


def keep(folder, write, *names):
    """Write files, at worst in another folder than they should be in, and say that on stderr.

    Args:
        folder: where they should be.
        write: called as write(folder).
        names: of the files.

    Returns:
        The folder that they are in.
    """
    found, error = write_or_elsewhere(folder, write)
    if error:
        WRITTEN.misplaced = True
        print(f"minirnn: {in_words(error)}; {' and '.join(names) or 'the result'} can be found in {found} instead",
              file=sys.stderr)
    WRITTEN.paths += [found / name for name in names]
    return found


def save_figure(name, data, path, quiet=False, **how):
    """Draw a figure of `plots` by its name, write it and say where; to stderr if `quiet`."""
    from .. import plots
    figure = getattr(plots, name)(data, **how)
    folder = keep(path.parent, lambda folder: plots.save(figure, folder / path.name), path.name)
    print(f"figure: {folder / path.name}", file=sys.stderr if quiet else sys.stdout)


def guessing(frequency_bits):
    """For the figure of a language model's training: what guessing reaches."""
    return {"bits per character": (frequency_bits, "guessing by how frequent each character is")}


def print_language_model(found):
    """How well a `LanguageModel` reads, and what it writes."""
    print(f"bits per character: validation {found.bits['validation']:.3f}, test {found.bits['test']:.3f} "
          f"(guessing by how frequent each character is: {found.frequency_bits:.3f})")
    print("it writes:")
    print(textwrap.indent(found.sample, "  | ", lambda line: True))
