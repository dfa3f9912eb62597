"""`tasks`: what tasks there are, and one of them to be looked at."""

import inspect
import re
from pathlib import Path

import numpy as np

from ..description import summary
from ..tasks import TASKS, make_task, notes_on
from ..tasks.showing import as_text, samples
from .common import add_command, check_figure, save_figure
from .options import parse_options


def add(commands):
    command = add_command(
        commands, "tasks", run, "list the tasks, or show one",
        "With a name: what the task is, its options, when it counts as solved, how well one can do by guessing, and two of its "
        "sequences.")
    command.add_argument("name", nargs="?", metavar="TASK", help="one of them, or one of yours as mytask.py:MyTask")
    command.add_argument("--task-option", action="append", default=[], metavar="NAME=VALUE",
                         help="an option of the task, as in --task-option length=20; may be repeated")
    command.add_argument("--figure", type=Path, metavar="PATH", help="also draw some sequences to this file")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the sequences shown")


def run(options):
    if options.name is None:
        for name, kind in TASKS.items():
            print(f"{name:<15} {summary(kind)}\n{'':<16}{kind.source}")
        return
    if options.figure:
        check_figure(options.figure)
    kind = TASKS.get(options.name)
    if kind:                                                    # before its data are looked for
        print_words(options.name, kind)
    given = parse_options("--task-option", options.task_option)
    task = make_task(options.name, **given)
    if not kind:
        print_words(options.name, type(task))
    to_show = task if given or not task.to_show else make_task(options.name, **task.to_show)
    print_numbers(options.name, task)
    print_sequences(to_show, options.seed)
    if options.figure:
        save_figure("task_figure", to_show, options.figure, seed=options.seed)


def print_words(name, kind):
    """What a task says of itself, for whoever does not program."""
    words = re.split(r"\n+(?:Attributes|Raises):", inspect.getdoc(kind) if kind.__doc__ else "(it does not say)")[0]
    print(f"{name}: {words}\n\nSource    {kind.source or '(none given)'}")


def print_numbers(name, task):
    """What comes in and what is asked for, and how well one can do."""
    told = ", ".join(f"{metric} {value:.4g}{' bits' * (metric == 'loss' and task.unit == 'bits')}"
                     for metric, value in task.trivial().items())
    print(f"Shape     {_shape(task)}\n"
          f"Solved    {f'when {task.criterion}' if task.criterion else '(no criterion)'}\n"
          f"Guessing  {told}")
    for note in notes_on(task) if ":" in name else ():
        print(f"Note      {note}")


def print_sequences(task, seed):
    """Two sequences, or the only one that there is."""
    made, found = ", ".join(f"{n}={value}" for n, value in task.made_with.items()), samples(task, seed, 2)
    print(f"\n{'Two sequences' if len(found) == 2 else 'Its sequence'}{f', with {made}' * bool(made)}")
    for one in found:
        print("\n" + "\n".join(f"  {line}".rstrip() for line in as_text(one).splitlines()))


def _shape(task):
    """What comes in and what goes out, in words."""
    read = f"one of {task.n_symbols} symbols" if task.n_symbols else f"{task.n_in} number{'s' * (task.n_in > 1)}"
    said = {"classes": f"one of {task.n_out} classes", "bits": f"{task.n_out} bit{'s' * (task.n_out > 1)}"}
    batch = task.batch(np.random.default_rng(0), 2)
    asked = "at every step" if batch.weights is None else "at the last step of each sequence" if (
        (batch.weights > 0).sum(axis=0) == 1).all() else "at some steps"
    return (f"{len(batch.xs)} steps; at each it reads {read}, and {asked} it should say "
            f"{said.get(task.targets, f'{task.n_out} number' + 's' * (task.n_out > 1))}")
