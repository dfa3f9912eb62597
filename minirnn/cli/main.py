"""Where the command line starts: its grammar, its help, and what becomes of errors and interruptions."""

import argparse
import os
import sys
import textwrap

from .. import __version__
from . import bench, cells, demo, gradcheck, lemma1, step, tasks, train

COMMANDS = (demo, gradcheck, step, lemma1, train, cells, tasks, bench)


def main(arguments=None):
    """Run a command; returns the exit status: 0, 1 if a check failed, 2 for bad input, 130 if interrupted."""
    for stream in (sys.stdout, sys.stderr):                     # equations have Greek letters; a pipe may not
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except BrokenPipeError:                                     # whoever read the output has left: `... | head`
        sys.stdout = open(os.devnull, "w")
        return 1
    except (ValueError, KeyError, TypeError, OSError, FloatingPointError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f"minirnn: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minirnn: interrupted", file=sys.stderr)
        return 130


def parser():
    """The command line's grammar and its help."""
    top = argparse.ArgumentParser(
        prog="python -m minirnn", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Recurrent cells in NumPy alone, each with a backward pass derived by hand. See how they learn,\n"
                    "and check it yourself. Without a command: the demo.",
        epilog=textwrap.dedent("""\
            first steps:
              python -m minirnn                               the demo: under two minutes, figures in minirnn-out/
              python -m minirnn cells rwa                     one cell: equations, parameters, source
              python -m minirnn gradcheck lstm                its backward pass against finite differences
              python -m minirnn train parity --cell rda       learn the parity of a stream of bits
            """))
    top.add_argument("--version", action="version", version=f"minirnn {__version__}")
    top.set_defaults(run=demo.run, out=demo.OUT, seed=0)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return top
