"""A training as a thing of its own: all that it is at a step, so that it can be stopped, kept, and continued to the bit.

`TrainState.learn` is one step of training: batch, forward, loss, backward, clip, update. Read it first.
"""

import time
from dataclasses import asdict, dataclass

import numpy as np

from .. import checks
from ..memory import check_training_memory
from ..optim import OPTIMIZERS, Optimizer, clip_by_element, clip_by_norm
from ..tasks.task import Criterion, Task, score
from .history import History
from .schedules import Schedule


@dataclass(frozen=True)
class Settings:
    """How a training goes; see `train` for each. As text or numbers, so that all of it can be written down."""

    steps: int = 1000
    batch: int = 32
    clip: float | None = 1.0
    clip_norm: float | None = None
    until: str | None = None
    evaluate_every: int | None = None
    patience: int | None = None
    keep_best: bool = False
    weight_decay: float = 0.0
    schedule: str | None = None

    def __post_init__(self):
        for name in ("steps", "batch"):
            checks.positive_integer(name, getattr(self, name))
        for name in ("evaluate_every", "patience"):
            if getattr(self, name) is not None:
                checks.positive_integer(name, getattr(self, name))
        for name in ("clip", "clip_norm"):
            if getattr(self, name) is not None:
                checks.number(name, getattr(self, name), low=0, open_low=True)
        checks.number("weight_decay", self.weight_decay, low=0)
        for name, kind in (("until", Criterion), ("schedule", Schedule)):
            found = kind.of(getattr(self, name))
            object.__setattr__(self, name, found and str(found))
        if self.patience is not None and self.evaluate_every is None:
            raise ValueError(f"patience is {self.patience} without evaluate_every: it counts evaluations without a better one")

    def as_dict(self):
        """For JSON."""
        return asdict(self)


class TrainState:
    """All that a training is: parameters, optimiser, random numbers, step, history and settings.

    Attributes:
        model, task, optimizer, settings: what is trained, on what, by what and how.
        step: how many updates have been made.
        history: a `History`.
        carried: the network's state after the last batch, one tuple per cell, for tasks whose batches go on from each other.
        best: the best evaluation so far, with the step, the parameters and the statistics of that moment; None before one.
        whole: False while a step is under way: what is there then belongs to no step.

    Raises:
        TypeError, ValueError, KeyError: for settings of the wrong kind, or more memory than the machine has.
    """

    def __init__(self, model, task, settings=None, *, optimizer="adam", lr=None, rng=0):
        self.model, self.task, self.settings = model, task, settings or Settings()
        if not isinstance(optimizer, Optimizer):
            kind = checks.lookup("optimizer", optimizer, OPTIMIZERS)
            optimizer = kind() if lr is None else kind(lr=lr)
        elif lr is not None:
            raise ValueError(f"lr is {checks.shown(lr)} beside an optimizer that has its own: expected only one of them")
        self.optimizer, self.base_lr = optimizer, optimizer.lr
        self.criterion, self.schedule = Criterion.of(self.settings.until), Schedule.of(self.settings.schedule)
        n_steps = len(task.batch(np.random.default_rng(0), 1).xs)
        check_training_memory(model, n_steps, self.settings.batch)
        self.rng = checks.generator(rng)
        self.first_random = self.random = self.rng.bit_generator.state      # of the data, before the first batch and the next
        self.step, self.history, self.carried, self.best = 0, History(), None, None
        self.whole = True
        self.next_look, self.without_better = 0, 0
        self._run, self._batches, self.largest = None, None, ("", 0.0)

    # ---- one step ----------------------------------------------------------------------------------------------------

    def learn(self):
        """One step of training. Returns the loss of the batch, in the task's unit, and its metrics.

        Raises:
            FloatingPointError: the loss or a gradient is not finite. Parameters, statistics and random numbers are then
                those of before the step.
        """
        began, before, self.whole = time.perf_counter(), self._volatile(), False
        model, task, settings, step = self.model, self.task, self.settings, self.step + 1
        try:
            data = next(self.batches())
            state = self.carried if data.carry else None
            reused = self._run if self._run is not None and self._run.fits(data.xs) else None
            run = self._run = model.forward(data.xs, state, out=reused, training=True)
            with np.errstate(over="ignore", invalid="ignore"):          # told in words, below
                loss, doutputs = task.loss(run.outputs, data.targets, data.weights)
            if not np.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} at step {step}; {self._before(step)}")
            _, grads, _ = run.backward(doutputs)
            self.largest = _largest(grads)
            if not np.isfinite(self.largest[1]):
                raise FloatingPointError(f"the gradient is not finite at step {step}: that of {self.largest[0]} has "
                                         f"{self.largest[1]} (the loss is {loss:.6g})")
        except (ValueError, TypeError, FloatingPointError) as error:
            self._restore(before)
            self.whole = True
            if "step" not in str(error):                        # from within the model, which does not count steps
                error.args = (f"{error}, at step {step}",)
            raise
        if settings.clip_norm is not None:
            clip_by_norm(grads, settings.clip_norm)
        if settings.clip is not None:
            clip_by_element(grads, settings.clip)
        if self.schedule:
            self.optimizer.lr = self.base_lr * self.schedule.at(step)
        if settings.weight_decay:
            self._decay()
        self.optimizer.update(model.params, grads)
        model.after_update()
        metrics = task.metrics(run.outputs, data)
        self.carried = tuple(tuple(a.copy() for a in state) for state in run.state)
        loss = float(loss) * task.scale
        self.history.losses.append(loss)
        for name, value in metrics.items():
            self.history.metrics.setdefault(name, []).append(value)
        self.history.seconds += time.perf_counter() - began
        self.step, self.random, self.whole = step, self.rng.bit_generator.state, True
        return loss, metrics

    def batches(self):
        """The batches from the next step on."""
        if self._batches is None:
            self._batches = self.task.batches(self.rng, self.settings.batch)
            if self.step:
                self._catch_up()
        return self._batches

    def _catch_up(self):
        """Bring a new stream of batches to where the training stands."""
        if type(self.task).batches is Task.batches:             # which only draws: the random numbers are all there is to it
            self.rng.bit_generator.state = self.random
            return
        self.rng.bit_generator.state = self.first_random
        for _ in range(self.step):
            next(self._batches)

    def _volatile(self):
        """What a step changes before it is known to be good."""
        model = self.model
        statistics = {name: a.copy() for name, a in model.statistics.items()} if model.norms else {}
        return statistics, model.dropout and model.dropout.rng.bit_generator.state

    def _restore(self, volatile):
        statistics, dropped = volatile
        for name, a in statistics.items():
            self.model.statistics[name][...] = a
        if self.model.dropout:
            self.model.dropout.rng.bit_generator.state = dropped
        self._batches = None                                    # the batch that failed is drawn again by whoever goes on

    def _decay(self):
        """Weights, not biases or states, lose a share lr·weight_decay of themselves (Loshchilov & Hutter 2019)."""
        for a in self.model.params.values():
            if a.shape[1] > 1:
                a *= 1 - self.optimizer.lr * self.settings.weight_decay

    def _before(self, step):
        name, size = self.largest
        if step == 1:
            return "it was the first: the data or the initial weights are at fault"
        return f"the largest gradient of the step before was that of {name}, {size:.3g} before clipping"

    # ---- looking at held-out sequences -------------------------------------------------------------------------------

    def look(self, loss, metrics):
        """After a step: evaluate if it is time to. Returns True if the criterion is met, or None if nobody looked.

        It is time every `evaluate_every` steps, and when the batch just learned from meets the criterion. If that was
        by chance, the next such look is a hundredth of the steps made later, at the earliest.
        """
        due = self.settings.evaluate_every is not None and self.step % self.settings.evaluate_every == 0
        hopeful = (self.criterion is not None and self.step >= self.next_look
                   and self.criterion.met({"loss": loss, **metrics}))
        if not due and not hopeful:
            return None
        began = time.perf_counter()
        numbers = evaluate(self.model, self.task)
        self.history.evaluations.append({"step": self.step, **numbers})
        self.next_look = self.step + 1 + self.step // 100
        self._remember(numbers)
        solved = self.criterion is not None and self.criterion.met(numbers)
        if solved and self.history.solved_at is None:
            self.history.solved_at = self.step
        self.history.seconds += time.perf_counter() - began
        return solved

    def _remember(self, numbers):
        metric = self.criterion.metric if self.criterion else "loss"
        rising = bool(self.criterion) and ">" in self.criterion.relation
        value = checks.lookup("metric", metric, numbers) * (1 if rising else -1)
        if self.best is not None and not value > self.best["value"]:
            self.without_better += 1
            return
        self.without_better, self.history.best_at = 0, self.step
        arrays = {}
        if self.settings.keep_best:
            arrays = {name: a.copy() for name, a in {**self.model.params, **self.model.statistics}.items()}
        self.best = {"value": value, "step": self.step, "arrays": arrays}

    def take_best(self):
        """Give the model the parameters and statistics of its best evaluation, if they were kept."""
        for name, a in (self.best or {"arrays": {}})["arrays"].items():
            (self.model.params if name in self.model.params else self.model.statistics)[name][...] = a


def evaluate(model, task, split="validation", *, batch=100):
    """The loss (in the task's unit) and metrics of a model on the held-out sequences of a task, in evaluation mode.

    Args:
        model: a `Model`.
        task: a `Task`.
        split: "validation" or "test".
        batch: how many sequences to run side by side; it does not change the numbers but by rounding.

    Returns:
        A dict: "loss", and the task's metrics.
    """
    def answered():
        run = None
        for data in task.evaluation(split, batch):
            reused = run if run is not None and run.fits(data.xs) else None
            run = model.forward(data.xs, run.state if data.carry else None, out=reused)
            yield run.outputs, data

    return score(task, answered())


def _largest(grads):
    """The name of the parameter whose gradient has the largest element (or one that is not finite), and that element."""
    largest = ("", 0.0)
    for name, dtheta in grads.items():
        size = float(np.abs(dtheta).max())
        if not size <= largest[1]:                              # also true for NaN
            largest = (name, size)
        if not np.isfinite(size):
            break
    return largest
