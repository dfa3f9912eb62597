"""`lemma1`: RWA, RDA and LSTM, trained until solved, then run for longer."""

import json
import sys
from pathlib import Path

from .. import experiments
from .common import OUT, add_command, check_figure, save_figure


def add(commands):
    command = add_command(
        commands, "lemma1", run, "train RWA, RDA and LSTM to alternate, then run them for longer",
        "Lemma 1 of the RDA paper: to output (−1)^t c for ever, an RWA's attention would have to grow geometrically. So it "
        "alternates for as long as its attention can grow; RDA and LSTM do not need it. The table gives the share of right "
        "answers at all positions from 1 to a length; the figure gives the share at each position.")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and data")
    command.add_argument("--out", type=Path, metavar="DIR",
                         help="folder for the figure (without it: minirnn-out, or no figure with --json)")
    command.add_argument("--json", action="store_true",
                         help="print the results as JSON; in it, accuracy[\"k\"] is the share of right answers at all positions "
                              "from 1 to k T, where T is trained_at")


def run(options):
    figure = (options.out or OUT) / "lemma1.png" if options.out or not options.json else None
    if figure:
        check_figure(figure)
    result = experiments.lemma1(seed=options.seed, progress=lambda line: print(line, file=sys.stderr, flush=True))
    if options.json:
        print(json.dumps(result.as_dict(), indent=2))
    else:
        print_lemma1(result)
    if figure:
        save_figure("lemma1_figure", result, figure, quiet=options.json)


def print_lemma1(result):
    data = result.as_dict()
    lengths = list(data["runs"][0]["accuracy"])
    print(f"\n{'task':<10} {'cell':<5} {'learned at':>11} {'in steps':>9}   right, of positions 1 to "
          + " ".join(f"{'T' if n == '1' else n + ' T':>6}" for n in lengths))
    for run in data["runs"]:
        print(f"{run['task']:<10} {run['cell']:<5} {'T = ' + str(run['trained_at']):>11} {run['steps']:>9}   {'':<24}"
              + " ".join(f"{run['accuracy'][n]:>6.2f}" for n in lengths))
    print("\n(The figure shows the share that is right at each position: lower, beyond T, than the share of all positions so far.)")
    growth = data["growth"]
    print(f"\nAttention of an RWA unit that holds ±{growth['c']:g}: grows by {growth['measured']:.4f} a step; the lemma says "
          f"{growth['exact']:.4f}\n(its published bound: {growth['bound']:.4f}).")
