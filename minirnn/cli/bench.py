"""`bench`: time and memory of the cells, beside their bare matrix products."""

import json
import sys
from pathlib import Path

from .common import add_command, check_figure, save_figure


def add(commands):
    command = add_command(
        commands, "bench", run, "time the cells, beside their matrix products alone",
        "Forward and backward in float32, the median of several runs, and the memory they take. Everything in the table was "
        "measured in turns, so that what disturbs one disturbs all.")
    command.add_argument("cells", nargs="*", metavar="CELL", help="names from `cells`; all of them without any")
    command.add_argument("--size", default="teach", metavar="SIZE",
                         help="paper (1000,100,2,250), teach (50,32,8,32), or T,B,D,H: steps, columns, inputs, units")
    command.add_argument("--against", default="", metavar="NAMES", help="torch, jax or torch,jax: the same cells there")
    command.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each")
    command.add_argument("--gradient", choices=["every", "last"], default="every", help="at which steps a gradient arrives")
    command.add_argument("--segment", type=int, metavar="K", help="keep intermediates for K steps only (default: all)")
    command.add_argument("--training-step", action="store_true", help="also where the time of a whole training step goes")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, inputs and gradients")
    command.add_argument("--json", action="store_true", help="print the results as JSON")
    command.add_argument("--figure", type=Path, metavar="PATH", help="also draw time against T, B and H (one cell of each "
                                                                     "family, unless some are named)")
    command.add_argument("--long", type=Path, metavar="PATH", help="also draw time and memory against T up to 100,000 steps "
                                                                   "(8 columns, 2 inputs, 64 units; lstm, unless some are "
                                                                   "named), as a whole and in segments")


def run(options):
    from .. import bench
    size, against = bench.parse_size(options.size), [name.strip() for name in options.against.split(",") if name.strip()]

    def say(line):
        print(line, file=sys.stderr, flush=True)

    for path in filter(None, (options.figure, options.long)):
        check_figure(path)
    result = bench.benchmark(options.cells, size, against=against, runs=options.runs, gradient=options.gradient,
                             segment=options.segment, seed=options.seed, progress=say)
    found = result.as_dict()
    if not options.json:
        print(result)
    if options.training_step:
        step = bench.training_step((options.cells or ["lstm"])[0], size, steps=options.runs, seed=options.seed)
        found["training_step"] = step.as_dict()
        if not options.json:
            print(f"\n{step}")
    if options.figure:
        points = bench.sweep(options.cells, size, runs=options.runs, seed=options.seed, progress=say)
        save_figure("bench_figure", (size, points), options.figure, quiet=options.json)
    if options.long:
        found["long"] = bench.long_runs(options.cells or ["lstm"], seed=options.seed, progress=say)
        save_figure("long_figure", found["long"], options.long, quiet=options.json)
    if options.json:
        print(json.dumps(found, indent=2))
