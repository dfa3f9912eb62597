"""`compare`: several cells on one task, several seeds each: the table and the curves, as a paper has them."""

import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .. import checks
from ..cells import CELLS
from ..tasks import TASKS
from ..tasks.task import Criterion
from ..training.comparing import Comparison, read_curve, run_all
from ..training.presets import FIVE
from .common import OUT, WRITTEN, add_command, save_figure
from .options import add_settings, experiment_from


def add(commands):
    command = add_command(
        commands, "compare", run, "compare cells on one task, with several seeds each",
        "Prints steps to the criterion, results and times, and writes them to --out as compare.json and compare.csv, with all "
        "learning curves in one figure (compare.png). Each run has a folder of its own below, so nothing is lost when it is "
        "interrupted: the same command with --resume goes on.")
    command.add_argument("task", metavar="TASK", help="a name from `tasks`")
    command.add_argument("--cells", nargs="+", default=list(FIVE), metavar="CELL", help="names from `cells`")
    add_settings(command)
    command.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each cell, with seeds 0 to N − 1")
    command.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that run side by side")
    command.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default: minirnn-out/compare-TASK)")
    command.add_argument("--resume", action="store_true", help="go on with what the folder holds")
    command.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(options):
    seeds, jobs = checks.positive_integer("--seeds", options.seeds), checks.positive_integer("--jobs", options.jobs)
    for cell in options.cells:
        checks.lookup("cell", cell, CELLS)
    out = options.out or OUT / f"compare-{options.task}"
    experiments = [experiment_from(options, cell, seed) for cell in dict.fromkeys(options.cells) for seed in range(seeds)]
    experiments[0].start()                                      # whatever is wrong with the settings is said before any work

    def tell(experiment, record, error):
        if error:
            print(f"{experiment.name} failed: {error}", file=sys.stderr, flush=True)
        elif record:
            solved = f"solved at {record['solved_at']:,}" if record["solved_at"] else "not solved"
            print(f"{experiment.name}: {record['steps']:,} steps in {record['seconds']:.0f} s, {solved}", file=sys.stderr,
                  flush=True)

    try:
        if jobs == 1:
            outcomes = run_all(experiments, out=out, resume=options.resume, progress=tell)
        else:
            with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as executor:
                outcomes = run_all(experiments, executor, out=out, resume=options.resume, progress=tell,
                                   threads=max(1, (os.cpu_count() or 1) // jobs))
    except KeyboardInterrupt:
        WRITTEN.paths.append(out)
        print("the same command with --resume goes on", file=sys.stderr)
        raise
    comparison = Comparison(outcomes, options.preset)
    if not comparison.rows:
        print(comparison)
        return 2
    comparison.write(out)
    WRITTEN.paths += [out / "compare.json", out / "compare.csv"]
    print(json.dumps(comparison.as_dict(), indent=1) if options.json else comparison)
    draw(comparison, outcomes, out, options.json)
    return 1 if comparison.failed else 0


def draw(comparison, outcomes, out, quiet):
    curves, criterion = {}, Criterion.of(comparison.criterion)
    for outcome in outcomes:
        if outcome["record"]:
            curves.setdefault(outcome["experiment"].cell, []).append(read_curve(outcome["folder"]))
    metric = criterion.metric if criterion else "loss"
    how = {"title": f"{comparison.task}: how the cells learn it", "metric": metric, "unit": TASKS[comparison.task].unit,
           "criterion": criterion and criterion.bound, "trivial": comparison.trivial.get(metric)}
    save_figure("curves_figure", curves, out / "compare.png", quiet, **how)
