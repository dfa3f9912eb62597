"""Many experiments, one after the other or side by side, and the table that they make.

`run_all` takes any `concurrent.futures.Executor`: without one the experiments run here, one by one; a process pool runs them
on the cores of a machine; and the executor of an existing engine runs them on a cluster. What goes there is a function and
plain data, and what comes back is a record; all else is in folders that any machine can resume.
"""

import csv
import statistics
import time
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

import numpy as np

from ..files import check_writable, replacing
from ..threads import limit_threads
from .experiment import Experiment
from .folder import CURVE, run_experiment, versions, write_json

STOP = "stop"                   # the name of a file: while it is there, whoever runs an experiment of this folder ends it
LOOK = 1.0                      # seconds between looks whether it is


def run_all(experiments, executor=None, *, out, resume=False, threads=None, progress=None):
    """Run experiments, each in a folder of its own below `out`.

    An experiment that fails is reported and takes no other down. With `resume`, those that have ended are not run again, and
    those that were interrupted go on.

    Args:
        experiments: a list of `Experiment`, all with different names.
        executor: any `concurrent.futures.Executor`; None to run them in this process.
        out: the folder; the same one for all workers.
        resume: go on with what is there.
        threads: how many BLAS threads each worker has; its own number without it. Side by side, they should share the cores.
        progress: called as progress(experiment, record, error) when one has ended: `record` is None if it failed, and `error`
            then says why; both are None when it begins, as far as that is known here.

    Returns:
        A list of dicts in the order of the experiments: "experiment", "folder", "record" (None if it failed), "error".

    Raises:
        ValueError: two experiments have the same name. FileExistsError: `out` holds one of them already, and `resume` is
            False. OSError: `out` cannot be written to. KeyboardInterrupt: interrupted; those that ran can be resumed.
    """
    out, told = Path(out), progress or (lambda experiment, record, error: None)
    experiments = list(experiments)
    names = [experiment.name for experiment in experiments]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"experiments has two of the name {twice[0]}, expected different tasks, cells or seeds")
    check_writable(out)
    taken = [name for name in names if (out / name).exists()]
    if taken and not resume:
        raise FileExistsError(f"{out} holds {taken[0]} already: go on with it (resume), or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / STOP).unlink(missing_ok=True)
    found, waiting = {}, {}
    try:
        if executor is None:
            for experiment in experiments:
                told(experiment, None, None)
                found[experiment.name] = run_one(experiment.as_dict(), str(out), threads)
                told(experiment, found[experiment.name].get("record"), found[experiment.name].get("error"))
        else:
            for experiment in experiments:
                waiting[executor.submit(run_one, experiment.as_dict(), str(out), threads)] = experiment
            while waiting:
                ended, _ = wait(waiting, timeout=LOOK, return_when=FIRST_COMPLETED)
                for future in ended:
                    experiment = waiting.pop(future)
                    found[experiment.name] = _of(future)
                    told(experiment, found[experiment.name].get("record"), found[experiment.name].get("error"))
    except BaseException:
        if executor is not None:
            (out / STOP).touch()                                # workers look every second; they keep what they have
            for future in waiting:
                future.cancel()
        raise
    if any(one.get("interrupted") for one in found.values()):
        raise KeyboardInterrupt("some experiments were interrupted; they can be resumed")
    return [{"experiment": experiment, "folder": out / experiment.name, "record": found[experiment.name].get("record"),
             "error": found[experiment.name].get("error")} for experiment in experiments]


def _of(future):
    try:
        return future.result()
    except Exception as error:                                  # the worker itself, or what brings its result, broke
        return {"error": f"{type(error).__name__}: {error}"}


def run_one(data, out, threads=None):
    """Run one experiment in its folder below `out`: what is sent to a worker.

    Returns:
        {"record": ...}, {"error": a sentence} or {"interrupted": True}.
    """
    if threads is not None:
        limit_threads(threads)
    experiment, last = Experiment.of(data), [time.monotonic()]

    def look(step, loss, metrics):
        if time.monotonic() - last[0] > LOOK:
            last[0] = time.monotonic()
            if (Path(out) / STOP).exists():
                raise KeyboardInterrupt
    try:
        return {"record": run_experiment(experiment, Path(out) / experiment.name, resume=True, callback=look)}
    except KeyboardInterrupt:
        return {"interrupted": True}
    except Exception as error:                                  # reported; the others go on
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        return {"error": f"{type(error).__name__}: {said}"}


# ---- the table -------------------------------------------------------------------------------------------------------

class Comparison:
    """Cells side by side on one task: what `run_all` found, as a table.

    Attributes: `rows`, a dict for each experiment; `failed`, those that failed, as (name, why); `task`, `preset`, `criterion`,
    `trivial` (the score of guessing).
    """

    def __init__(self, outcomes, preset=None):
        done = [outcome["record"] for outcome in outcomes if outcome["record"]]
        self.failed = [(outcome["experiment"].name, outcome["error"]) for outcome in outcomes if not outcome["record"]]
        self.task, self.preset = outcomes[0]["experiment"].task, preset
        self.criterion = done[0]["criterion"] if done else None
        self.trivial = done[0]["trivial"] if done else {}
        self.rows = [row_of(record) for record in done]

    @property
    def cells(self):
        """The cells, in the order of the rows."""
        return list(dict.fromkeys(row["cell"] for row in self.rows))

    def as_dict(self):
        """For JSON."""
        return {"task": self.task, "preset": self.preset, "criterion": self.criterion, "trivial": self.trivial,
                "rows": self.rows, "failed": [{"name": name, "error": error} for name, error in self.failed],
                "versions": versions()}

    def lines(self):
        """The table: a list of rows of text, the head first. Medians over seeds, and their range where there are several."""
        metrics = list(self.trivial)
        table = [["cell", f"steps until {self.criterion}", *(f"test {name}" for name in metrics), "seconds"]]
        for cell in self.cells:
            rows = [row for row in self.rows if row["cell"] == cell]
            table.append([cell, steps_in_words([row["solved_at"] for row in rows], max(row["steps"] for row in rows)),
                          *(spread([row["metrics"][name] for row in rows], "{:.4g}") for name in metrics),
                          spread([row["seconds"] for row in rows], "{:.0f}")])
        table.append(["guessing", "", *(f"{self.trivial[name]:.4g}" for name in metrics), ""])
        return table

    def __str__(self):
        return "\n".join([in_columns(self.lines()), *(f"{name} failed: {error}" for name, error in self.failed)])

    def write(self, folder):
        """Write compare.json and compare.csv to a folder."""
        write_json(Path(folder) / "compare.json", self.as_dict())
        with replacing(Path(folder) / "compare.csv", "w") as file:
            names = list(self.trivial)
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["cell", "seed", "solved_at", "steps", *names, "seconds"])
            for row in self.rows:
                rows.writerow([row["cell"], row["seed"], row["solved_at"], row["steps"], *(row["metrics"][n] for n in names),
                               row["seconds"]])


def in_columns(lines):
    """Rows of text as one text, each column as wide as its widest entry."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(f"{text:<{width}}" for text, width in zip(line, widths)).rstrip() for line in lines)


def row_of(record):
    """A record as a row of a comparison: a dict."""
    of = record["experiment"]
    return {"cell": of["cell"], "seed": of["seed"], "solved_at": record["solved_at"], "steps": record["steps"],
            "first_batch_at": record["first_batch_at"], "metrics": record["metrics"]["test"], "seconds": record["seconds"]}


def steps_in_words(solved_at, steps):
    """Steps to the criterion over seeds, as text: their median and range, and how many of the seeds got there."""
    found = [at for at in solved_at if at is not None]
    if not found:
        return f"not by {steps:,}"
    if len(found) == len(solved_at):
        return spread(found, "{:,.0f}")
    part = f"{len(found)} of {len(solved_at)} seeds by {steps:,}, the first at {min(found):,}"
    median = statistics.median(at if at is not None else np.inf for at in solved_at)
    return part if median == np.inf else f"{median:,.0f} ({part})"


def spread(values, form):
    """The median of some numbers, and their range if there are several: "0.98 (0.95 to 0.99)"."""
    middle = form.format(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({form.format(min(values))} to {form.format(max(values))})"


def read_curve(folder):
    """The course of an experiment, from its folder: name -> array, with "step"."""
    return read_points(Path(folder) / CURVE)


def read_points(path):
    """A curve from a CSV file: name -> array, with "step". OSError, or ValueError with the path."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    try:
        head, *numbers = rows
        points = dict(zip(head, np.array(numbers, float).reshape(-1, len(head)).T))
        return {"step": points.pop("step"), **points}
    except (ValueError, KeyError):
        raise ValueError(f"{path} is damaged: expected columns of numbers, with the steps among them") from None
