"""`table`: the tables of the RDA's paper, with our runs beside them."""

import json
from pathlib import Path

from ..tasks.task import Criterion
from ..training.comparing import read_points
from ..training.tables import RESULTS, TABLES, Table
from .common import OUT, add_command, check_figure, save_figure


def add(commands):
    command = add_command(
        commands, "table", run, "a table of the RDA's paper, with our runs beside it",
        "Published numbers and records of our runs come from notebooks/results in the repository; an empty place is a run that "
        "nobody has made yet. Draws the curves of the runs, too.")
    command.add_argument("number", type=int, metavar="N", help="; ".join(f"{n}: {task}" for n, task in TABLES.items()))
    command.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the records are")
    command.add_argument("--figure", type=Path, metavar="PATH", help="where to draw the curves (default: minirnn-out/tableN.png)")
    command.add_argument("--json", action="store_true", help="print the table and its records as JSON")


def run(options):
    table = Table(options.number, options.results)
    path = options.figure or OUT / f"table{table.number}.png"
    curves, experiment = {}, None
    for row in table.rows:
        for record in row["records"] or row["small"]:
            curves.setdefault(row["model"], []).append(read_points(record["curve"]))
            experiment, criterion = record["experiment"], Criterion.of(record["criterion"])
    if curves:
        check_figure(path)
    print(json.dumps(table.as_dict(), indent=1) if options.json else table)
    missing = [row["model"] for row in table.rows if not row["records"]]
    if missing and not options.json:
        print(f"\nNo run yet of {', '.join(missing)}. One takes an hour or more: python -m minirnn train {table.task} --preset paper "
              f"--cell {missing[0]}")
    if curves and (options.figure or not options.json):
        metric = criterion.metric if criterion else "loss"
        save_figure("curves_figure", curves, path, options.json, metric=metric, criterion=criterion and criterion.bound,
                    title=f"Table {table.number}: {experiment['task']}, our runs")
