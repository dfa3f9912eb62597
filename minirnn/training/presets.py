"""Settings that somebody else has chosen well: those of the papers, and small ones for a class.

    teach       small enough for a class on laptops, large enough to see a difference between cells
    paper       exactly the settings of the source
    author      those of the RWA's author in the code that he published with it (Ostmeyer & Cowell 2017)

Where two sources set a task differently, `paper` is the RDA's (Maginnis & Richemond 2017): 250 units, 100 sequences per update,
Adam at 0.001, every element of the gradient clipped to [−1, 1], all initial states learned, biases at 0 but those of forget
and discount gates at 1. Of a GRU's gates the paper says nothing; here they start at 1, as in the TensorFlow of that year.
For the cell `indrnn` it is that of its own paper (Li et al. 2018). In `length`, which hangs on the start,
`teach` learns the initial states and starts the GRU's gates at 1, too.
"""

from .. import checks
from ..cells import CELLS
from ..cells.indrnn import recurrent_bounds
from .experiment import Experiment

GRU_OPEN = {"gru": {"gate_bias": 1.0}}          # z is how much of h is kept: a forget gate, which starts at 1

TEACH = {"n_hidden": 64, "batch": 50, "lr": 0.003, "evaluate_every": 50}
RDA_PAPER = {"n_hidden": 250, "batch": 100, "lr": 0.001, "clip": 1.0, "evaluate_every": 100,
             "cell_options": {"learned_state": "all"}, "of_cell": GRU_OPEN}
RWA_AUTHOR = {"n_hidden": 250, "batch": 100, "lr": 0.001, "clip": None, "evaluate_every": 100, "steps": 50_000}

PRESETS = {
    "teach": {
        "addition": {**TEACH, "steps": 1500, "task_options": {"length": 100}},
        "alternate": {**TEACH, "n_hidden": 32, "lr": 0.01, "steps": 1000, "task_options": {"length": 60}},
        "copy": {**TEACH, "steps": 1500, "task_options": {"length": 20, "n_copied": 5}},
        "digits": {**TEACH, "n_hidden": 48, "lr": 0.005, "steps": 2000},
        "digits-permuted": {**TEACH, "n_hidden": 48, "lr": 0.005, "steps": 2000},
        "length": {**TEACH, "steps": 600, "task_options": {"length": 300}, "cell_options": {"learned_state": "all"},
                   "of_cell": GRU_OPEN},
        "multicopy": {**TEACH, "steps": 900, "task_options": {"length": 300, "n_copied": 5}},
        "parity": {**TEACH, "n_hidden": 32, "lr": 0.01, "steps": 1000, "task_options": {"length": 20}},
        "reber": {**TEACH, "n_hidden": 32, "lr": 0.005, "steps": 1000},
        "text": {**TEACH, "steps": 1000, "lr": 0.005, "evaluate_every": None, "until": None},
    },
    "paper": {
        "addition": {**RDA_PAPER, "steps": 10_000, "task_options": {"length": 1000}},
        "length": {**RDA_PAPER, "steps": 10_000, "task_options": {"length": 1000}},
        "mnist": {**RDA_PAPER, "steps": 60_000, "evaluate_every": 600, "until": None, "keep_best": True},
        "mnist-permuted": {**RDA_PAPER, "steps": 60_000, "evaluate_every": 600, "until": None, "keep_best": True},
        "copy": {**RDA_PAPER, "steps": 20_000, "task_options": {"length": 1000}},
        "multicopy": {**RDA_PAPER, "steps": 10_000, "task_options": {"length": 1000, "n_copied": 9}},
        "text": {**RDA_PAPER, "steps": 100_000, "evaluate_every": 1000, "until": None, "keep_best": True, "n_dims": 64,
                 "task_options": {"length": 250}},
    },
    "author": {
        "addition": {**RWA_AUTHOR, "task_options": {"length": 100}},
        "copy": {**RWA_AUTHOR, "until": "loss < 0.01", "task_options": {"length": 100, "symbols": 7}},
    },
}
FIVE = ("rwa", "rda-exp-tanh", "rda-sigmoid-id", "gru", "lstm")         # the models that the RDA's paper compares

INDRNN_PAPER = {                # section 5.1, adding problem; section 5.2, sequential MNIST
    "addition": {"n_hidden": 128, "n_layers": 2, "batch": 50, "lr": 2e-4, "schedule": "step 20000 0.1", "clip": None,
                 "steps": 60_000, "evaluate_every": 100, "task_options": {"length": 1000, "markers": "halves"}},
    "mnist": {"n_hidden": 128, "n_layers": 6, "batch": 32, "lr": 2e-4, "schedule": "step 20000 0.1", "clip": None,
              "clip_norm": 5.0, "normalise": True, "steps": 600_000, "evaluate_every": 1000, "until": None, "keep_best": True},
}
INDRNN_PAPER["mnist-permuted"] = INDRNN_PAPER["mnist"]


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
    own = name == "paper" and cell == "indrnn" and task in INDRNN_PAPER
    if own:
        settings = dict(INDRNN_PAPER[task])
    settings["cell_options"] = {**settings.get("cell_options", {}), **settings.pop("of_cell", {}).get(cell, {})}
    for options in ("task_options", "cell_options"):
        settings[options] = {**settings.get(options, {}), **changes.pop(options, {})}
    if own:
        low, high = recurrent_bounds(settings["task_options"].get("length", 784))
        settings["cell_options"] = {"recurrent_max_abs": high, **settings["cell_options"]}
        settings["last_cell_options"] = {"recurrent_range": [low, high]}
    return Experiment(**{**settings, "task": task, "cell": cell, "seed": seed, **changes})
