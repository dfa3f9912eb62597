"""`train`: one cell on one task."""

import json
from pathlib import Path

from ..experiments.tour import LanguageModel
from ..tasks import make_task
from ..training import Progress, evaluate, make_model, save_training, train
from .common import OUT, add_command, guessing, print_language_model, save_figure


def add(commands):
    command = add_command(
        commands, "train", run, "train one cell on one task",
        "Writes the weights (model.npz), the settings and the course of the training (training.json) and a figure of it "
        "(training.png) to the folder --out; also if you stop it with Ctrl-C.")
    command.add_argument("task", metavar="TASK", help="a name from `tasks`")
    command.add_argument("--cell", default="lstm", metavar="CELL", help="a name from `cells`")
    command.add_argument("--hidden", type=int, default=32, metavar="N", help="hidden units")
    command.add_argument("--steps", type=int, default=1000, metavar="N", help="updates at most")
    command.add_argument("--batch", type=int, default=32, metavar="N", help="sequences per update")
    command.add_argument("--lr", type=float, default=0.01, metavar="X", help="Adam's learning rate")
    command.add_argument("--length", type=int, metavar="T", help="steps per sequence (default: the task's own)")
    command.add_argument("--until", type=float, metavar="LOSS", help="stop as soon as a batch's loss is below this")
    command.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                         help="an option of the cell, as in --option attention=sigmoid; may be repeated")
    command.add_argument("--file", type=Path, metavar="FILE", help="for the task text: read this instead of Python's own "
                                                                   "documentation")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and data")
    command.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default: minirnn-out/TASK-CELL)")


def parse_options(pairs):
    """["attention=sigmoid", "learned_state=True"] as a dict, with numbers and truth values read as such."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"--option is {pair!r}, expected NAME=VALUE")
        try:
            found[name] = json.loads(value.lower() if value in ("True", "False", "None") else value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def run(options):
    task_options = {} if options.length is None else {"length": options.length}
    if options.file is not None:
        task_options["path"] = options.file
    task = make_task(options.task, **task_options)
    cell_options = parse_options(options.option)
    model = make_model(task, options.cell, options.hidden, rng=options.seed, **cell_options)
    out = options.out or OUT / f"{options.task}-{options.cell}"
    settings = {name: getattr(options, name) for name in ("task", "cell", "hidden", "steps", "batch", "lr", "until", "seed")}
    settings |= {"length": task.length, "options": cell_options}
    print(f"{options.cell} with {options.hidden} units on {options.task} (T = {task.length}): {model.n_params:,} parameters, "
          f"at most {options.steps} updates of {options.batch} sequences")
    history = None
    try:
        history = train(model, task, steps=options.steps, batch=options.batch, lr=options.lr, until=options.until,
                        rng=options.seed, callback=Progress())
    except FloatingPointError as error:
        history = error.history
        raise
    finally:
        if history is not None:
            save(out, settings, model, history, guessing(task.frequency_bits("test")) if options.task == "text" else {})
    if history.interrupted:
        print(f"interrupted after {history.steps} steps; what was learned is kept")
        return 130
    solved = f" (loss below {options.until:g})" if history.solved_at else ""
    print(f"{history.steps} steps in {history.seconds:.1f} s{solved}")
    if options.task == "text":
        print_language_model(LanguageModel.of(task, model, history))
    else:
        numbers = evaluate(model, task, rng=options.seed + 1)
        print("on fresh sequences: " + ", ".join(f"{name} {value:.4f}" for name, value in numbers.items()))


def save(out, settings, model, history, guesses):
    save_training(out, settings, model, history)
    if history.steps:
        title = f"{settings['cell']} with {settings['hidden']} units on {settings['task']} (T = {settings['length']})"
        save_figure("training_figure", (title, history, guesses), out / "training.png")
    print(f"weights and numbers: {out / 'model.npz'}, {out / 'training.json'}")
