"""Where the time of a whole training step goes: forward, backward, data, loss, and the rest."""

import statistics
import time
from dataclasses import dataclass
from functools import partial

import numpy as np

from .. import checks
from ..cells import CELLS
from ..interrupts import pass_on
from ..memory import check_memory
from ..tasks import make_task
from ..training import make_model, train
from .sizes import Size, parse_size


@dataclass
class TrainingStep:
    """Where the time of a training step goes: medians over steps, in seconds."""

    cell: str
    task: str
    size: Size
    seconds: float
    forward: float
    backward: float
    data: float             # making the batch
    loss: float

    @property
    def share_outside(self):
        """The share of the time that is spent outside forward and backward."""
        return 1 - (self.forward + self.backward) / self.seconds

    def as_dict(self):
        """For JSON."""
        return {**vars(self), "size": self.size._asdict(), "share_outside": self.share_outside}

    def __str__(self):
        rest = self.seconds - self.forward - self.backward - self.data - self.loss
        return (f"A whole training step of {self.cell} on {self.task} (T = {self.size.T}, B = {self.size.B}, D = {self.size.D}, H = "
                f"{self.size.H}): {1e3 * self.seconds:.2f} ms,\n{self.share_outside:.1%} of it outside forward and backward: "
                f"making the data {self.data / self.seconds:.1%}, the loss {self.loss / self.seconds:.1%}, "
                f"checks, clipping, Adam and metrics {rest / self.seconds:.1%}.")


def training_step(cell="lstm", size="paper", *, task="parity", steps=5, seed=0):
    """Time the steps of `train` on a task, and the parts of each step.

    Args:
        cell: a name in `CELLS`.
        size: as in `benchmark`; D is the task's own.
        task: a name in `TASKS` whose length can be chosen. `parity` has a loss at every step, so it has the most work outside
            the model.
        steps: how many steps are measured, after a first one that is not.
        seed: of weights and data.

    Returns:
        A `TrainingStep`.
    """
    size, steps = parse_size(size), checks.positive_integer("steps", steps)
    checks.lookup("cell", cell, CELLS)
    check_memory(cell, size)
    made = make_task(task, length=size.T)
    model = make_model(made, cell, size.H, rng=seed)
    size = size._replace(D=model.cells[0].n_in)
    spent, ends = [dict.fromkeys(("forward", "backward", "data", "loss"), 0.0)], []

    def timed(part, function, *given, **options):
        start = time.perf_counter()
        found = function(*given, **options)
        spent[-1][part] += time.perf_counter() - start
        return found

    def forward(*given, **options):
        run = timed("forward", type(model).forward, model, *given, **options)
        run.backward = partial(timed, "backward", type(run).backward, run)
        return run

    def step_ends(step, loss, metrics):
        ends.append(time.perf_counter())
        spent.append(dict.fromkeys(spent[0], 0.0))

    model.forward = forward
    made.loss, made.batch = partial(timed, "loss", made.loss), partial(timed, "data", made.batch)
    pass_on(train(model, made, steps=steps + 1, batch=size.B, rng=seed, callback=step_ends))
    parts = {part: statistics.median(step[part] for step in spent[1:-1]) for part in spent[0]}
    return TrainingStep(cell, task, size, statistics.median(np.diff(ends).tolist()), **parts)
