"""Where the command line starts: its grammar, its help, and what becomes of errors and interruptions."""

import argparse
import os
import sys
import textwrap

from .. import __version__
from ..interrupts import exit_status, interruptible
from . import bench, cells, compare, demo, gradcheck, lemma1, step, table, tasks, train
from .common import WRITTEN, in_words
from .output import lasting

COMMANDS = (demo, gradcheck, step, lemma1, train, compare, table, cells, tasks, bench)

ENDED_FROM_OUTSIDE = 128        # exit statuses above this are a signal's number and this
READER_LEFT = 141               # the exit status of whatever is ended because nobody reads it


def main(arguments=None):
    """Run a command.

    Returns:
        The exit status: 0, 1 if a check failed, 2 for bad input or results that could not be written where they should be,
        130, 143 or 129 if it was ended by Ctrl-C, SIGTERM or SIGHUP.
    """
    WRITTEN.clear()
    with lasting() as (out, err), interruptible() as ending:
        try:
            options = parser().parse_args(arguments)
            out.goes_on = leaves_files(options)
            status = options.run(options) or 0
            out.flush()
        except SystemExit:                                      # --help, or a mistake that argparse has told
            out.flush()
            raise
        except BaseException as error:
            status = _status_of(error, ending, out)
        if out.error and not out.left:
            print(f"minirnn: the output could not be written: {in_words(out.error)}", file=err)
        err.flush()
        return 2 if WRITTEN.misplaced or out.error and not out.left else status


def program():
    """`main` as a program of its own, which ends with its exit status.

    After an interruption it ends without Python's shutting down: a library whose import was cut short may fail there (one of
    matplotlib's aborts the process), and all that is to be kept is written.
    """
    status = main()
    if status > ENDED_FROM_OUTSIDE:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):       # lost, closed, or never there
                pass
        os._exit(status)
    sys.exit(status)


def leaves_files(options):
    """Whether somebody waits for files from this command, and not only for what it prints."""
    asked = any(getattr(options, name, None) for name in ("figure", "long", "html"))
    return asked or options.run is demo.run or options.out is not demo.OUT      # which is there for want of a command


def _status_of(error, ending, out):
    """Say in one line what was wrong: the exit status. An error that is no fault of the user's comes through."""
    if isinstance(error, KeyboardInterrupt) or ending.received:         # or what an interruption became on its way
        print(f"minirnn: interrupted; {_what_is_kept()}", file=sys.stderr)
        return exit_status(error, ending)
    if error is out.error:
        return READER_LEFT
    if not isinstance(error, (ValueError, KeyError, TypeError, OSError, FloatingPointError, MemoryError)):
        raise error
    few = "there is not enough memory: " if isinstance(error, MemoryError) else ""
    print(f"minirnn: {few}{in_words(error)}", file=sys.stderr)
    return 2


def _what_is_kept():
    return f"written before: {', '.join(map(str, WRITTEN.paths))}" if WRITTEN.paths else "nothing was written"


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
