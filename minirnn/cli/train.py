"""`train`: one cell on one task, in a folder from which it can go on."""

import signal
from pathlib import Path

from ..training import Progress, read_record, run_experiment
from ..training.checkpoint import load_state
from ..training.experiment import Experiment
from ..training.folder import CHECKPOINT, CURVE, MODEL, RECORD, read_experiment
from .common import OUT, WRITTEN, add_command, save_figure
from .options import add_settings, experiment_from

FIGURE = "training.png"


def add(commands):
    command = add_command(
        commands, "train", run, "train one cell on one task",
        f"Writes to the folder --out what it is (experiment.json), the weights ({MODEL}), results ({RECORD}), its course "
        f"({CURVE}, {FIGURE}) and, every minute, all that is needed to go on ({CHECKPOINT}). Ctrl-C ends it after the step "
        f"under way, and nothing is lost: --resume DIR goes on as if it had never been interrupted.")
    command.add_argument("task", nargs="?", metavar="TASK", help="a name from `tasks`")
    command.add_argument("--cell", default="lstm", metavar="CELL", help="a name from `cells`")
    add_settings(command)
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and data")
    command.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default: a new one in minirnn-out)")
    command.add_argument("--resume", type=Path, metavar="DIR", help="go on with the training that this folder holds")
    command.add_argument("--repeat", type=Path, metavar="RECORD", help="train again as a record says, from the beginning")


def run(options):
    experiment, folder, resume = chosen(options)
    state = load_state(folder / CHECKPOINT) if resume and (folder / CHECKPOINT).exists() else experiment.start()
    tell(experiment, state)
    progress = Progress(state.settings.steps, state.step)
    try:
        record = run_experiment(experiment, folder, resume=resume, callback=progress)
    except KeyboardInterrupt as interruption:
        progress.end()
        if not (folder / CHECKPOINT).exists():                  # before the first step
            raise
        state = load_state(folder / CHECKPOINT)
        draw(experiment, state, folder)
        print(f"interrupted after {state.step} steps; `python -m minirnn train --resume {folder}` goes on")
        WRITTEN.paths.append(folder / CHECKPOINT)
        return 128 + (getattr(interruption, "signal", None) or signal.SIGINT)
    progress.end()
    state = load_state(folder / CHECKPOINT)
    report(record)
    draw(experiment, state, folder)
    more = state.task.report(state.model)
    if more:
        print(more)
    print(f"results: {folder / RECORD}; weights: {folder / MODEL}; course: {folder / CURVE}")
    WRITTEN.paths += [folder / RECORD, folder / MODEL]
    return 0


def chosen(options):
    """What is to be trained, where, and whether that goes on with what is there."""
    given = [name for name in ("task", "resume", "repeat") if getattr(options, name) is not None]
    if len(given) != 1:
        raise ValueError(f"train was given {' and '.join(given) or 'nothing to do'}, expected one of TASK, --resume DIR and "
                         f"--repeat RECORD")
    if options.resume:
        return read_experiment(options.resume), options.resume, True
    if options.repeat:
        experiment = Experiment.of(read_record(options.repeat)["experiment"])
    else:
        experiment = experiment_from(options, options.cell, options.seed)
    return experiment, options.out or unused(OUT / experiment.name), False


def unused(folder):
    """The folder, or one with a number behind its name, if it holds a run already."""
    candidates = [folder, *(folder.with_name(f"{folder.name}-{k}") for k in range(2, 10_000))]
    return next(one for one in candidates if not one.exists())


def tell(experiment, state):
    """What is about to be trained, in a line."""
    options = "".join(f", {name} = {value}" for name, value in experiment.task_options.items())
    until = f", until {state.settings.until}" if state.settings.until else ""
    going_on = f"; {state.step:,} are made" if state.step else ""
    print(f"{experiment.cell} with {experiment.n_hidden} units on {experiment.task}{options}: {state.model.n_params:,} "
          f"parameters, at most {experiment.steps:,} updates of {experiment.batch} sequences{until}{going_on}", flush=True)


def report(record):
    """What came of it, beside guessing."""
    solved = f"solved at step {record['solved_at']:,} ({record['criterion']})" if record["solved_at"] else (
        f"not solved ({record['criterion']})" if record["criterion"] else "no criterion")
    print(f"{record['steps']:,} steps in {record['seconds']:.1f} s; {solved}")
    names = list(record["trivial"])
    print(f"{'':<22}" + "".join(f"{name:>20}" for name in names))
    for split, numbers in record["metrics"].items():
        print(f"{'held out, ' + split:<22}" + "".join(f"{numbers[name]:>20.4f}" for name in names))
    print(f"{'guessing':<22}" + "".join(f"{record['trivial'][name]:>20.4f}" for name in names))


def draw(experiment, state, folder):
    """The figure of its course."""
    if state.step:
        title = f"{experiment.cell} with {experiment.n_hidden} units on {experiment.task}"
        trivial = {name: (float(value), "guessing")
                   for name, value in state.task.trivial("validation").items()}
        save_figure("training_figure", (title, state.history, trivial), folder / FIGURE)
