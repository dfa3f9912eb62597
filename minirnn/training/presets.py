"""Settings that somebody else has chosen well: those of the papers, and small ones for a class.

    teach       small enough that each cell takes less than a minute on a laptop, large enough to see the difference
    paper       exactly the settings of the source
    author      those of the RWA's author in the code that he published with it (Ostmeyer & Cowell 2017)

Where two sources set a task differently, `paper` is the RDA's (Maginnis & Richemond 2017): 250 units, 100 sequences per update,
Adam at 0.001, every element of the gradient clipped to [−1, 1], all initial states learned, biases at 0 but those of forget
and discount gates at 1. Of a GRU's gates the paper says nothing; here they start at 1, as in the TensorFlow of that year.
"""

from .. import checks
from ..cells import CELLS
from .experiment import Experiment

RDA_PAPER = {"n_hidden": 250, "batch": 100, "lr": 0.001, "clip": 1.0, "evaluate_every": 100,
             "cell_options": {"learned_state": "all"}}
RWA_AUTHOR = {"n_hidden": 250, "batch": 100, "lr": 0.001, "clip": None, "evaluate_every": 100, "steps": 50_000}

PRESETS = {
    "paper": {
        "addition": {**RDA_PAPER, "steps": 10_000, "task_options": {"length": 1000}},
        "length": {**RDA_PAPER, "steps": 10_000, "task_options": {"length": 1000}},
        "copy": {**RDA_PAPER, "steps": 20_000, "task_options": {"length": 1000}},
        "multicopy": {**RDA_PAPER, "steps": 10_000, "task_options": {"length": 1000, "n_copied": 9}},
    },
    "author": {
        "addition": {**RWA_AUTHOR, "task_options": {"length": 100}},
        "copy": {**RWA_AUTHOR, "until": "loss < 0.01", "task_options": {"length": 100, "symbols": 7}},
    },
}
PAPER_CELLS = {"gru": {"gate_bias": 1.0}}       # z is how much of h is kept: a forget gate, which starts at 1
FIVE = ("rwa", "rda-exp-tanh", "rda-sigmoid-id", "gru", "lstm")         # the models that the RDA's paper compares


def preset(name, task, cell, *, seed=0, **changes):
    """The `Experiment` of a cell on a task, with the settings of a preset.

    Args:
        name: a key of `PRESETS`.
        task, cell: names in `TASKS` and `CELLS`.
        seed: of weights and data.
        changes: settings to be other than the preset's; `task_options` and `cell_options` are changed name by name.

    Raises:
        KeyError: no such preset, or none for this task or cell. TypeError, ValueError: see `Experiment`.
    """
    settings = dict(checks.lookup(f"task of the preset {name!r}", task, checks.lookup("preset", name, PRESETS)))
    checks.lookup("cell", cell, CELLS)
    if name == "paper":
        settings["cell_options"] = {**settings.get("cell_options", {}), **PAPER_CELLS.get(cell, {})}
    for options in ("task_options", "cell_options"):
        settings[options] = {**settings.get(options, {}), **changes.pop(options, {})}
    return Experiment(**{**settings, "task": task, "cell": cell, "seed": seed, **changes})
