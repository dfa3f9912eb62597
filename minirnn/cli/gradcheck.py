"""`gradcheck`: derived gradients against numeric ones, of our cells and of the user's."""

import json
import sys

from .. import checks
from ..cells import CELLS
from ..checking.check import METHODS, gradcheck
from ..checking.loading import load_cell, sentence_about
from ..checking.problems import awake_cell
from .common import add_command


def add(commands):
    command = add_command(
        commands, "gradcheck", run, "compare hand-derived gradients with numeric ones",
        "Exit status 0 if all agree, 1 if not. Every parameter, the input and every component of the initial state is "
        "compared element by element, in double precision, from a random state.")
    command.add_argument("cells", nargs="*", metavar="CELL",
                         help="names from `cells`, or one of your own as path/to/mycell.py:MyCell; all of ours without any")
    command.add_argument("--method", choices=list(METHODS), default="central",
                         help="central: (L(θ+h) − L(θ−h))/2h, right to about 9 digits; complex: Im L(θ+ih)/h, right to the "
                              "last digit, for code that also runs on complex numbers")
    command.add_argument("--n-in", type=int, default=3, metavar="D", help="input features")
    command.add_argument("--n-hidden", type=int, default=4, metavar="H", help="hidden units")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, inputs and states")
    command.add_argument("--json", action="store_true", help="print the reports as JSON")


def run(options):
    names = options.cells or list(CELLS)
    for name in names:
        if not is_place(name):
            checks.lookup("cell", name, CELLS)
    reports = {}
    for name in names:
        try:
            reports[name] = report_on(name, options)
        except BaseException as error:
            said = sentence_about(error, name) if is_place(name) and not isinstance(error, KeyboardInterrupt) else None
            if said is None:
                raise
            print(f"minirnn: {said}", file=sys.stderr)
            return 2
        if not options.json:
            print(reports[name] if options.cells or not reports[name] else reports[name].title)
    if options.json:
        print(json.dumps({name: report.as_dict() for name, report in reports.items()}, indent=2, allow_nan=False))
    return 0 if all(reports.values()) else 1


def report_on(name, options):
    """The gradient check of a cell of ours, or of one in a file of the user's."""
    if is_place(name):
        cell = load_cell(name, options.n_in, options.n_hidden)
    else:
        cell = awake_cell(name, options.n_in, options.n_hidden, options.seed)
    return gradcheck(cell, method=options.method, rng=options.seed)


def is_place(name):
    """Whether this names a cell in a file, as in mycell.py:MyCell."""
    return name not in CELLS and (":" in name or name.endswith(".py"))
