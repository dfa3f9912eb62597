"""An experiment as plain data: everything that decides what a training does, so that it can be written down and repeated."""

from dataclasses import asdict, dataclass, field, fields

import numpy as np

from .. import checks
from ..cells import CELLS
from ..tasks import TASKS, Task, load_task, make_task
from .making import make_model
from .state import Settings, TrainState


@dataclass(frozen=True)
class Experiment:
    """One cell on one task with one seed. Picklable and JSON-able: it can be sent to another process, or another machine.

    The arguments are those of `make_task`, `make_model` and `train`; `until="task"` is the task's own criterion.

    Raises:
        KeyError, TypeError, ValueError: when it is made, for what can be known to be wrong without training.
    """

    task: str
    cell: str
    seed: int = 0
    n_hidden: int = 32
    steps: int = 1000
    batch: int = 32
    lr: float = 0.01
    optimizer: str = "adam"
    until: str | None = "task"
    evaluate_every: int | None = None
    clip: float | None = 1.0
    clip_norm: float | None = None
    patience: int | None = None
    keep_best: bool = False
    weight_decay: float = 0.0
    schedule: str | None = None
    n_layers: int = 1
    n_dims: int | None = None
    residual: bool = False
    normalise: bool = False
    dropout: float = 0.0
    dtype: str = "float32"
    task_options: dict = field(default_factory=dict)
    cell_options: dict = field(default_factory=dict)
    last_cell_options: dict = field(default_factory=dict)

    def __post_init__(self):
        if not is_place(self.task):
            checks.lookup("task", self.task, TASKS)
        checks.lookup("cell", self.cell, CELLS)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed is {self.seed!r}, expected an integer of at least 0")
        self.settings()

    @classmethod
    def of(cls, data):
        """An experiment from what `as_dict` gave; ValueError if that has other names, or a value that is none."""
        known = {one.name for one in fields(cls)}
        if not isinstance(data, dict) or set(data) - known:
            odd = sorted(set(data) - known) if isinstance(data, dict) else [repr(data)]
            raise ValueError(f"an experiment has no {', '.join(map(str, odd[:3]))}, expected some of {', '.join(sorted(known))}")
        return cls(**data)

    def as_dict(self):
        """For JSON."""
        return asdict(self)

    @property
    def name(self):
        """A short name for files, as in "multicopy-rda-0"."""
        return f"{self.task.rpartition(':')[2]}-{self.cell}-{self.seed}"

    def settings(self, task=None):
        """The `Settings` of its training."""
        until = (task or TASKS.get(self.task, Task)).criterion if self.until == "task" else self.until
        return Settings(self.steps, self.batch, self.clip, self.clip_norm, until, self.evaluate_every, self.patience,
                        self.keep_best, self.weight_decay, self.schedule)

    def start(self):
        """The `TrainState` that it begins with: a new model, and the data of its seed."""
        task = task_of(self.task, self.task_options)
        model = make_model(task, self.cell, self.n_hidden, n_layers=self.n_layers, n_dims=self.n_dims, residual=self.residual,
                           normalise=self.normalise, dropout=self.dropout, rng=self.seed, dtype=self.dtype,
                           last=self.last_cell_options, **self.cell_options)
        return TrainState(model, task, self.settings(task), optimizer=self.optimizer, lr=self.lr,
                          rng=np.random.default_rng([self.seed, 1]))


def is_place(name):
    """Whether this names a task in a file of somebody's own, as in "mytask.py:MyTask"."""
    return isinstance(name, str) and name not in TASKS and (":" in name or name.endswith(".py"))


def task_of(name, options):
    """A task by its name in `TASKS`, or by its place in a file; see `make_task` and `load_task`."""
    if not is_place(name):
        return make_task(name, **options)
    task = load_task(name, **options)
    task.made_from = name, options
    return task
