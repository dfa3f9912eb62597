"""`step`: one step of a cell with its numbers in place of the symbols, forward and back."""

import sys
from pathlib import Path

from .. import checks
from ..cells import CELLS, make_cell
from ..checking.loading import load_cell, sentence_about
from ..stepping import step_through
from .common import add_command
from .gradcheck import is_place
from .options import parse_options


def add(commands):
    command = add_command(
        commands, "step", run, "one step with its numbers in place of the symbols, forward and back",
        "Random weights and inputs, in double precision. Each equation is shown with its values, each gradient as the sum of "
        "what flows to it. Steps, units and examples are counted from 0.")
    command.add_argument("cell", metavar="CELL", help="a name from `cells`, or one of your own as path/to/mycell.py:MyCell")
    command.add_argument("--t", type=int, metavar="N", help="the step to show (default: the one in the middle)")
    command.add_argument("--unit", type=int, default=0, metavar="N", help="the hidden unit to show")
    command.add_argument("--example", type=int, default=0, metavar="N", help="the column of the batch to show")
    command.add_argument("--n-in", type=int, default=3, metavar="D", help="input features")
    command.add_argument("--n-hidden", type=int, default=4, metavar="H", help="hidden units")
    command.add_argument("--steps", type=int, default=6, metavar="N", help="length of the sequence")
    command.add_argument("--batch", type=int, default=2, metavar="N", help="examples")
    command.add_argument("--loss", choices=("every", "last"), default="every",
                         help="the loss is the sum of the outputs of every step, or of the last step alone")
    command.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                         help="an option of the cell, as in --option reset_after=True; may be repeated")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and inputs")
    command.add_argument("--html", type=Path, metavar="FILE",
                         help="write one page with sliders over step, unit and example, which needs no Python and no network")


def run(options):
    try:
        step = step_of(options)
    except BaseException as error:
        theirs = is_place(options.cell) and not isinstance(error, KeyboardInterrupt)
        said = sentence_about(error, options.cell) if theirs else None
        if said is None:
            raise
        print(f"minirnn: {said}", file=sys.stderr)
        return 2
    if options.html:
        step.save_html(options.html)
        print(f"page: {options.html}")
    else:
        print(step)


def step_of(options):
    """The `StepThrough` that the command line asks for."""
    rng, steps = checks.generator(options.seed), checks.positive_integer("steps", options.steps)
    batch, cell_options = checks.positive_integer("batch", options.batch), parse_options("--option", options.option)
    if is_place(options.cell):
        cell = load_cell(options.cell, options.n_in, options.n_hidden, **cell_options)
    else:
        checks.lookup("cell", options.cell, CELLS)
        cell = make_cell(options.cell, options.n_in, options.n_hidden, rng=options.seed, dtype="float64", **cell_options)
        cell.params.flat[...] += rng.normal(0, 0.3, cell.n_params)      # biases and peepholes of 0 would show nothing
        cell.after_update()
    xs = rng.normal(size=(steps, cell.n_in, batch))
    return step_through(cell, xs, t=options.t, unit=options.unit, example=options.example, loss=options.loss)
