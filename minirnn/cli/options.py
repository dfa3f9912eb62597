"""Settings of a training on the command line: which there are, and how they become an `Experiment`."""

import json

from ..training import Experiment, preset
from ..training.presets import PRESETS

SETTINGS = {                    # setting -> flag, type, letter, help
    "n_hidden": ("--hidden", int, "N", "hidden units"),
    "n_layers": ("--layers", int, "N", "cells on top of each other"),
    "steps": ("--steps", int, "N", "updates at most"),
    "batch": ("--batch", int, "N", "sequences per update"),
    "lr": ("--lr", float, "X", "the optimiser's learning rate"),
    "optimizer": ("--optimizer", str, "NAME", "adam, sgd or rmsprop"),
    "schedule": ("--schedule", str, "TEXT", 'how the learning rate changes: "step 20000 0.1", "cosine 5000", ...'),
    "until": ("--until", str, "TEXT", 'when it is solved: "loss < 0.001", "accuracy >= 0.99", a number for a loss, or "never" '
                                      "(default: the task's own criterion)"),
    "evaluate_every": ("--evaluate-every", int, "N", "steps from one look at held-out sequences to the next"),
    "patience": ("--patience", int, "N", "stop after so many looks without a better one"),
    "clip": ("--clip", float, "X", "each element of the gradient stays within ±X; 0: no clipping"),
    "clip_norm": ("--clip-norm", float, "X", "the norm of the gradient stays below X"),
    "weight_decay": ("--weight-decay", float, "X", "the share of themselves, times lr, that matrices lose in each update"),
    "dropout": ("--dropout", float, "P", "the share of units that a layer drops while it learns"),
}


def add_settings(command, presets=True):
    """Add the flags; those not given are left to the preset, or to `Experiment`."""
    if presets:
        command.add_argument("--preset", choices=list(PRESETS), help="settings to start from: " + "; ".join(
            ("teach: small, for a class", "paper: those of the source", "author: those of the RWA's author")))
    for name, (flag, kind, letter, text) in SETTINGS.items():
        default = Experiment.__dataclass_fields__[name].default
        told = "" if default is None or name == "until" else f" (without a preset: {default})"
        command.add_argument(flag, dest=name, type=kind, metavar=letter, help=(text + told).replace("%", "%%"))
    command.add_argument("--length", type=int, metavar="T", help="the same as --task-option length=T")
    command.add_argument("--task-option", action="append", default=[], metavar="NAME=VALUE",
                         help="an option of the task, as in --task-option length=200; may be repeated")
    command.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                         help="an option of the cell, as in --option attention=sigmoid; may be repeated")


def experiment_from(options, cell, seed):
    """The `Experiment` that the flags ask for."""
    changes = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    if "until" in changes:
        changes["until"] = _criterion(changes["until"])
    if changes.get("clip") == 0:
        changes["clip"] = None
    changes["task_options"] = parse_options("--task-option", options.task_option)
    changes["cell_options"] = parse_options("--option", options.option)
    if options.length is not None:
        changes["task_options"]["length"] = options.length
    if options.preset:
        return preset(options.preset, options.task, cell, seed=seed, **changes)
    return Experiment(options.task, cell, seed, **changes)


def _criterion(text):
    if text == "never":
        return None
    try:
        return f"loss < {float(text):g}"
    except ValueError:
        return text


def parse_options(flag, pairs):
    """["attention=sigmoid", "learned_state=True"] as a dict, with numbers and truth values read as such."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"{flag} is {pair!r}, expected NAME=VALUE")
        try:
            found[name] = json.loads(value.lower() if value in ("True", "False", "None") else value)
        except json.JSONDecodeError:
            found[name] = value
    return found
