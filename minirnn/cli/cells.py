"""`cells`: what cells there are, or one of them with its equations."""

from ..description import cell_table, describe
from .common import add_command


def add(commands):
    command = add_command(commands, "cells", run, "list the cells, or show one: equations, parameters, source")
    command.add_argument("name", nargs="?", metavar="NAME", help="show this one")
    command.add_argument("--n-in", type=int, default=3, metavar="D", help="input features, for shapes and counts")
    command.add_argument("--n-hidden", type=int, default=4, metavar="H", help="hidden units, for shapes and counts")


def run(options):
    if options.name:
        print(describe(options.name, options.n_in, options.n_hidden))
        return
    rows = cell_table(options.n_in, options.n_hidden)
    print(f"{'cell':<15} {'parameters':>10}   (D = {options.n_in} inputs, H = {options.n_hidden} hidden units)")
    for name, n_params, line, source in rows:
        print(f"{name:<15} {n_params:>10,}   {line}\n{'':<29}{source}")
    print("\n`python -m minirnn cells NAME` shows a cell's equations, parameters and state.")
