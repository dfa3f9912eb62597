"""Train short, test long: one cell on one task, trained at one length until solved, then run far beyond it."""

from dataclasses import dataclass, field

import numpy as np

from .. import checks
from ..interrupts import pass_on
from ..tasks import make_task
from ..training import make_model, train

TRAINED_AT = {"alternate": 60, "parity": 20}            # task -> the length it is trained at
MULTIPLES = (1, 2, 4, 16)                               # of that length, at which it is then tested


@dataclass
class Trial:
    """One cell on one task: trained at one length until solved, then run far beyond it."""

    task: str
    cell: str
    trained_at: int             # T, the length of the training sequences
    steps: int                  # updates made
    solved: bool                # whether the loss got below `until`
    accuracy: dict              # k -> the share of right answers at positions 1 to k T
    seed: int
    seconds: float              # of training
    curve: np.ndarray = field(repr=False)       # (16 T,), the share of right answers at each position
    model: object = field(repr=False)           # the trained `Model`

    def as_dict(self):
        """For JSON: all but the curve and the model."""
        return {"task": self.task, "cell": self.cell, "trained_at": self.trained_at, "steps": self.steps,
                "solved": self.solved, "accuracy": {str(k): value for k, value in self.accuracy.items()},
                "seed": self.seed, "seconds": self.seconds}

    def __str__(self):
        shares = ", ".join(f"{value:.2f} up to {k * self.trained_at}" for k, value in self.accuracy.items())
        learned = "learned in" if self.solved else "NOT learned in"
        return f"{self.task:9} {self.cell:5} {learned} {self.steps:4} steps ({self.seconds:.1f} s); right: {shares}"


def train_short_test_long(task, cell, *, length=None, multiples=MULTIPLES, n_hidden=32, steps=2000, batch=32, lr=0.01,
                          until=1e-3, test_batch=100, seed=0):
    """Train a cell on short sequences of a task until it is solved, then count its right answers on long ones.

    A network answers position by position and knows nothing of what comes after, so one run at the largest length shows
    the answers at all shorter ones.

    Args:
        task: "alternate", "parity", or another task with a `length` and an answer at every step.
        cell: a name in `CELLS`.
        length: T for training; the one in `TRAINED_AT` without it.
        multiples: the lengths to test, in units of T.
        n_hidden, steps, batch, lr, until: see `make_model` and `train`; the optimiser is Adam.
        test_batch: the number of test sequences.
        seed: of the weights and the training data. The test data are the same for all.

    Returns:
        A `Trial`.

    Raises:
        KeyError, TypeError, ValueError: see `make_task`, `make_model` and `train`.
        KeyboardInterrupt: the training was interrupted.
    """
    length = TRAINED_AT.get(task) if length is None else length
    multiples = [checks.positive_integer("multiples", k) for k in multiples]
    training_task = make_task(task, length=length)
    model = make_model(training_task, cell, n_hidden, rng=seed)
    history = train(model, training_task, steps=steps, batch=batch, lr=lr, until=until, rng=seed)
    pass_on(history)
    long_task = make_task(task, length=max(multiples) * length)
    test = long_task.batch(np.random.default_rng(2**32 - 1), test_batch)
    curve = long_task.correct(model.forward(test.xs).outputs, test).mean(axis=1)
    return Trial(task=task, cell=cell, trained_at=length, steps=history.steps, solved=history.solved_at is not None,
                 accuracy={k: float(curve[:k * length].mean()) for k in multiples}, seed=seed,
                 seconds=history.seconds, curve=curve, model=model)
