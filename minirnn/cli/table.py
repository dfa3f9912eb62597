"""`table`: the tables of the RDA's paper, and the curves of the RWA's author, with our runs beside them."""

import argparse
import json
from pathlib import Path

from ..tasks import TASKS
from ..tasks.task import Criterion
from ..training.comparing import read_points
from ..training.tables import RESULTS, TABLES, AuthorsRuns, Table
from .common import OUT, add_command, check_figure, save_figure


def add(commands):
    command = add_command(
        commands, "table", run, "a table of the RDA's paper, with our runs beside it",
        "Published numbers and records of our runs come from notebooks/results in the repository; an empty place is a run that "
        "nobody has made yet. Draws the curves of the runs, too; those of the RWA's author under ours.")
    command.add_argument("number", type=which, metavar="N", help="; ".join(f"{n}: {task}" for n, task in TABLES.items())
                         + "; author: addition and copy at T = 100, as the RWA's author trained them")
    command.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the records are")
    command.add_argument("--figure", type=Path, metavar="PATH", help="where to draw the curves (default: "
                         "minirnn-out/tableN.png; of the author's runs the name gets the task's)")
    command.add_argument("--json", action="store_true", help="print the table and its records as JSON")


def which(text):
    """1 to 7, or "author"."""
    if text not in ("author", *map(str, TABLES)):
        raise argparse.ArgumentTypeError(f"{text!r} is no table, expected 1 to {len(TABLES)}, or author")
    return text if text == "author" else int(text)


def run(options):
    if options.number == "author":
        return run_author(options)
    table = Table(options.number, options.results)
    path = options.figure or OUT / f"table{table.number}.png"
    curves, experiment, criterion = {}, None, None
    held_out = not table.metric.startswith("steps")
    for row in table.rows:
        for record in row["records"] or row["small"]:
            if held_out and not record["evaluations"]:
                continue
            curves.setdefault(row["model"], []).append(looks(record) if held_out else read_points(record["curve"]))
            experiment, criterion = record["experiment"], Criterion.of(record["criterion"])
    if curves:
        check_figure(path)
    print(json.dumps(table.as_dict(), indent=1) if options.json else table)
    missing = [row["model"] for row in table.rows if row["published"] and not row["records"]]
    if missing and not options.json:
        print(f"\nNo run yet of {', '.join(missing)}. One takes an hour or more: python -m minirnn train {table.task} "
              f"--preset paper --cell {missing[0]}")
    if curves and (options.figure or not options.json):
        metric = "accuracy" if "accuracy" in table.metric else criterion.metric if criterion else "loss"
        title = f"Table {table.number}: {experiment['task']}, our runs" + ", on held-out data" * held_out
        save_figure("curves_figure", curves, path, options.json, metric=metric, criterion=criterion and criterion.bound,
                    unit=TASKS[experiment["task"]].unit, title=title)


def looks(record):
    """The course of a training as its looks at held-out data saw it: name -> list, with "step"."""
    found = record["evaluations"]
    return {name: [look[name] for look in found] for name in found[0]}


def run_author(options):
    """The author's runs and ours: a table, and a figure for each task that we have run."""
    found = AuthorsRuns(options.results)
    path = options.figure or OUT / "author.png"
    there = list(dict.fromkeys(row["task"] for row in found.rows if row["records"]))
    if there:
        check_figure(path)
    print(json.dumps(found.as_dict(), indent=1) if options.json else found)
    if options.json and not options.figure:
        return
    for task in there:
        rows = [row for row in found.rows if row["task"] == task]
        curves = {row["model"]: [read_points(one["curve"]) for one in row["records"]] for row in rows if row["records"]}
        last = max([one["steps"] for row in rows for one in row["records"]] + [row["met"] for row in rows if row["met"]])
        his = {}
        for row in rows:
            if row["curve"]:
                iterations, costs = row["curve"]
                shown = [at for at in iterations if at < 1.25 * last]
                his[f"{row['model']}, by the RWA's author"] = shown, costs[:len(shown)]
        save_figure("curves_figure", curves, path.with_name(f"{path.stem}-{task}{path.suffix}"), options.json, reference=his,
                    criterion=Criterion.of(rows[0]["criterion"]).bound, unit=TASKS[task].unit,
                    title=f"{task}, T = 100: our runs, and the author's under them")
