"""What a task is: sequences made on the spot, the right answers, a loss, and when it counts as solved.

A new task is a class with `n_in`, `n_out`, `targets` and `batch`:

    class Delay(Task):
        \"\"\"Random numbers; each is to be said three steps later.\"\"\"

        n_in, n_out, targets = 1, 1, "numbers"
        criterion = "loss < 0.001"

        def __init__(self, length=20):
            self.length = length

        def batch(self, rng, batch_size):
            xs = rng.random((self.length, 1, batch_size), np.float32)
            ys = np.concatenate([np.zeros((3, 1, batch_size), np.float32), xs[:-3]])
            return Batch(xs, ys)

What follows from the kind of its targets, the loss and the metrics, need not be said. `check_task` says in a sentence what is
wrong with a task; `train` asks it first.
"""

import copy
import inspect
import math
import os
import traceback
import types
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import checks
from ..losses import mean_squared_error, sigmoid_cross_entropy, softmax_cross_entropy

LOSSES = {"numbers": mean_squared_error, "bits": sigmoid_cross_entropy, "classes": softmax_cross_entropy}
STREAMS = {"validation": 1, "test": 2}          # split -> which stream of random numbers its sequences come from
HELD_OUT = 20170528                             # the seed of both: other than that of any training
LOT = 100                                       # how many of them are drawn together


class Batch(NamedTuple):
    """Some sequences and what a network should say to them.

    xs: (T, D, B) float32, or (T, B) integers for symbols. targets: (T, n_out, B) float32, or (T, B) integers for classes.
    weights: (T, B), how much each position counts, or None for all alike. carry: whether the network's state goes on
    from the batch before.
    """

    xs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None
    carry: bool = False

    @classmethod
    def at_the_end(cls, xs, answers, lengths=None):
        """A batch that asks only at each sequence's last step.

        Args:
            xs: (T, D, B) floats, or (T, B) symbols.
            answers: (n_out, B) float32, or (B,) integers for classes.
            lengths: (B,) integers from 1 to T, how many steps of each sequence are real; T for all without it.
        """
        answers, n_steps, batch = np.asarray(answers), len(xs), np.shape(xs)[-1]
        last = np.full(batch, n_steps - 1) if lengths is None else np.asarray(lengths) - 1
        weights = np.zeros((n_steps, batch), np.float32)
        weights[last, np.arange(batch)] = 1
        return cls(xs, np.broadcast_to(answers, (n_steps, *answers.shape)), weights)

    def only(self, which):
        """Some of its sequences: `which` is a slice or an array of integers."""
        xs, targets, weights = (a if a is None else a[..., which] for a in self[:3])
        return Batch(xs, targets, weights, self.carry)


class Criterion(NamedTuple):
    """When a task counts as solved: a loss below, or a metric above, a bound. As text: "loss < 0.001", "accuracy > 0.99"."""

    metric: str
    relation: str
    bound: float

    @classmethod
    def of(cls, given):
        """A criterion from text, from a number (a loss to be fallen under), or None from None; ValueError for other text."""
        if given is None or isinstance(given, cls):
            return given
        if not isinstance(given, str):
            return cls("loss", "<", checks.number("until", given, low=0, open_low=True))
        for relation in ("<=", ">=", "<", ">"):
            metric, found, bound = (part.strip() for part in given.partition(relation))
            if found:
                try:
                    return cls(metric, relation, float(bound))
                except ValueError:
                    break
        raise ValueError(f'the criterion is {checks.shown(given)}, expected a metric, a relation and a number, as in "loss < 0.001" or '
                         f'"accuracy >= 0.99"')

    def met(self, numbers):
        """Whether a dict of metrics (with "loss") meets it; KeyError if it has no such metric."""
        value = checks.lookup("metric", self.metric, numbers)
        return {"<": value < self.bound, "<=": value <= self.bound, ">": value > self.bound,
                ">=": value >= self.bound}[self.relation]

    def __str__(self):
        return f"{self.metric} {self.relation} {self.bound:g}"


class Task:
    """A task: subclasses make batches and say what a network for them looks like.

    Attributes:
        n_in, n_out: the features and outputs at every step.
        n_symbols: how many symbols there are if the input is symbols, else None.
        targets: what the targets are: "numbers", "bits" (0 or 1 each) or "classes" (one integer per position). From it follow
            `loss` (mean squared error, the cross-entropy of the logistic function, that of the softmax) and `metrics`.
        loss: one of `minirnn.losses`, or a function like them, if it is to be another than follows from `targets`.
        unit: what the loss is told in: "" as it is computed (cross-entropies are then in nats), or "bits".
        criterion: when the task counts as solved, in the words of its source: see `Criterion`. None: never.
        n_evaluation: how many held-out sequences `evaluation` gives.
        input_names, output_names: what the features of the input (or the symbols) and the outputs (or the classes) are called
            where a sequence is shown; None for their numbers.
        to_show: options with which a sequence is short enough to be looked at; see `showing.py`.
        source: where the task is from.
    """

    source = ""
    n_symbols = None
    targets = None
    loss = None
    unit = ""
    criterion = None
    n_evaluation = 500
    input_names = output_names = None
    to_show = {}

    def __new__(cls, *given, **options):
        task = super().__new__(cls)
        try:
            arguments = inspect.signature(cls).bind(*given, **options).arguments
            task.made_with = {name: os.fspath(value) if isinstance(value, os.PathLike) else value
                              for name, value in arguments.items()}     # it is written down with a training
        except TypeError:                                       # __init__ is about to say so
            task.made_with = {}
        return task

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        loss = vars(cls).get("loss")
        if isinstance(loss, types.FunctionType) and next(iter(loss.__code__.co_varnames), "") != "self":
            cls.loss = staticmethod(loss)                       # a function, not a method: nobody has to say so
        if cls.loss is None and cls.targets in LOSSES:
            cls.loss = staticmethod(LOSSES[cls.targets])
        elif cls.targets is None:
            cls.targets = next((kind for kind, loss in LOSSES.items() if loss is cls.loss), None)

    # ---- data --------------------------------------------------------------------------------------------------------

    def batch(self, rng, batch_size):
        """`batch_size` new sequences, drawn with the Generator `rng`: a `Batch`."""
        raise NotImplementedError(f"{type(self).__name__} has no batch")

    def batches(self, rng, batch_size):
        """Batches without end, for training."""
        rng = checks.generator(rng)
        while True:
            yield self.batch(rng, batch_size)

    def evaluation(self, split="validation", batch_size=100):
        """The held-out batches of a split, "validation" or "test": always the same sequences, whatever was trained on.

        They have up to `batch_size` sequences, which changes nothing but how many are looked at together.
        """
        stream, batch_size = checks.lookup("split", split, STREAMS), checks.positive_integer("batch_size", batch_size)
        rng = np.random.default_rng([HELD_OUT, stream])
        for first in range(0, self.n_evaluation, LOT):
            drawn = self.batch(rng, min(LOT, self.n_evaluation - first))
            n = _positions(drawn)[1]
            for start in range(0, n, batch_size):
                yield drawn if n <= batch_size else drawn.only(slice(start, start + batch_size))

    # ---- how well it is done -----------------------------------------------------------------------------------------

    @property
    def scale(self):
        """What the loss is multiplied with to be told in `unit`."""
        return 1 / math.log(2) if self.unit == "bits" else 1.0

    def correct(self, outputs, batch):
        """(T, B) booleans: where the network's most likely answer is the right one. ValueError for numbers, which have none."""
        if self.targets == "numbers":
            raise ValueError(f"{type(self).__name__} asks for numbers: there is an error, but no right or wrong")
        if batch.targets.ndim == 2:
            return outputs.argmax(axis=1) == batch.targets
        return ((outputs > 0) == (batch.targets > 0.5)).all(axis=1)

    def metrics(self, outputs, batch):
        """Name -> number. For bits and classes the accuracy, the share of positions with the right answer; for numbers the
        root mean squared error, which is in the targets' own unit."""
        if self.targets == "numbers":
            squared = ((outputs - batch.targets)**2).mean(axis=1)
            return {"rms error": float(np.sqrt(np.average(squared, weights=batch.weights)))}
        return {"accuracy": float(np.average(self.correct(outputs, batch), weights=batch.weights))}

    def trivial(self, split="validation"):
        """The score of the best answer that is always the same: a dict like `evaluate`'s. What a network has to beat."""
        batches = list(self.evaluation(split))
        weights = [np.ones(_positions(batch)) if batch.weights is None else batch.weights for batch in batches]
        total = sum(w.sum() for w in weights)
        if self.targets == "classes":
            counts = sum(np.bincount(batch.targets.ravel(), w.ravel(), minlength=self.n_out)
                         for batch, w in zip(batches, weights))
            with np.errstate(divide="ignore"):
                answer = np.log(counts / total)[None, :, None]
            answer = np.maximum(answer, -50)
        else:
            answer = sum((batch.targets * w[:, None]).sum(axis=(0, 2)) for batch, w in zip(batches, weights)) / total
            if self.targets == "bits":
                share = np.clip(answer, 1e-12, 1 - 1e-12)
                answer = np.log(share / (1 - share))
            answer = answer[None, :, None]
        return score(self, ((np.broadcast_to(answer, (len(batch.xs), self.n_out, _positions(batch)[1])), batch)
                            for batch in batches))

    def picture(self, xs):
        """The picture that one sequence (T, D) is, a (rows, columns) array from 0 to 1; None if it is none."""
        return None

    def report(self, model):
        """What else there is to say of a trained model, as text: nothing, for most tasks."""
        return ""


def _positions(batch):
    return len(batch.xs), np.shape(batch.xs)[-1]


def score(task, answered):
    """The loss (in the task's unit) and metrics over pairs of outputs and batch: a dict. Each batch counts as it has weight."""
    totals, weight = {}, 0.0
    for outputs, batch in answered:
        own = math.prod(_positions(batch)) if batch.weights is None else float(batch.weights.sum())
        loss = float(task.loss(outputs, batch.targets, batch.weights)[0]) * task.scale
        for name, value in {"loss": loss, **task.metrics(outputs, batch)}.items():
            squared = name.startswith("rms")                    # the mean is one of squares
            totals[name] = totals.get(name, 0.0) + own * (value**2 if squared else value)
        weight += own
    return {name: math.sqrt(value / weight) if name.startswith("rms") else value / weight for name, value in totals.items()}


# ---- what is wrong with a task ---------------------------------------------------------------------------------------

def check_task(task):
    """Say in one sentence what is wrong with a task, by drawing two sequences of it.

    Raises:
        TypeError, ValueError: the first thing that is not as `Task` and `Batch` describe it. If the task's own code raised
            an error, the sentence says which and where, and that error is the new one's `__cause__`.
    """
    name = type(task).__name__
    if isinstance(task, type) and issubclass(task, Task):
        raise TypeError(f"task is the class {task.__name__}, expected a task made of it: {task.__name__}()")
    if not isinstance(task, Task):
        raise TypeError(f"task is {'a ' + name if task is not None else 'None'}, expected a Task (see make_task)")
    for attribute in ("n_in", "n_out"):
        if not hasattr(task, attribute):
            raise TypeError(f"{name} has no {attribute}, expected a positive integer: the "
                            f"{'features of the input' if attribute == 'n_in' else 'outputs'} at every step")
        checks.positive_integer(f"{name}.{attribute}", getattr(task, attribute))
    if task.n_symbols is not None:
        checks.positive_integer(f"{name}.n_symbols", task.n_symbols)
    if task.targets is not None and task.targets not in LOSSES:
        raise ValueError(f"{name}.targets is {checks.shown(task.targets)}, expected one of {', '.join(LOSSES)}")
    if task.loss is None:
        raise TypeError(f"{name} has neither targets nor loss, expected targets = one of "
                        f"{', '.join(map(repr, LOSSES))}, from which the loss follows")
    if not callable(task.loss):
        raise TypeError(f"{name}.loss is {checks.shown(task.loss)}, expected a function loss(outputs, targets, weights)")
    criterion, task = Criterion.of(task.criterion), copy.copy(task)     # a copy: looking at a task leaves no trace in it
    _check_arguments(f"{name}.batch", task.batch, "rng", "batch_size")
    with errors_told(f"{name}.batch", _file_of(task)):
        batch = task.batch(np.random.default_rng(0), 2)
    check_batch(task, batch)
    if _positions(batch)[1] != 2:
        raise ValueError(f"{name}.batch returned {_positions(batch)[1]} sequences, expected batch_size, 2: the last axis of xs")
    _check_numbers(task, batch)
    _check_scoring(task, batch, criterion)


def check_batch(task, batch):
    """Say in one sentence what is wrong with the shapes and dtypes of a batch of a task; TypeError or ValueError."""
    name = f"{type(task).__name__}.batch"
    if not isinstance(batch, Batch):
        described = f"a tuple of {len(batch)}" if isinstance(batch, tuple) else f"a {type(batch).__name__}"
        raise TypeError(f"{name} returned {described}, expected a Batch: return Batch(xs, targets) or "
                        f"Batch(xs, targets, weights)")
    xs, targets = np.asarray(batch.xs), np.asarray(batch.targets)
    if task.n_symbols is None:
        if xs.ndim != 3 or xs.shape[1] != task.n_in:
            raise ValueError(f"{name} returned xs of shape {xs.shape}, expected (T, {task.n_in}, batch)")
        if xs.dtype.kind != "f":
            raise TypeError(f"{name} returned xs as {xs.dtype}, expected floating point numbers (float32)")
    elif xs.ndim != 2 or xs.dtype.kind not in "iu":
        raise ValueError(f"{name} returned xs of shape {xs.shape} as {xs.dtype}, expected (T, batch) integers: the task has "
                         f"n_symbols")
    n_steps, size = len(xs), xs.shape[-1]
    if not xs.size:
        raise ValueError(f"{name} returned xs of shape {xs.shape}, expected at least one step and one sequence")
    classes = task.targets == "classes"
    expected = (n_steps, size) if classes else (n_steps, task.n_out, size)
    if targets.shape != expected:
        hint = ""
        if targets.shape in ((size,), (task.n_out, size), (1, size), (1, task.n_out, size)):
            hint = (": a target for the last step only is told by weights, 1 where something is asked and 0 elsewhere; "
                    "Batch.at_the_end(xs, answers) makes them")
        raise ValueError(f"{name} returned targets of shape {targets.shape}, expected {expected} "
                         f"({'T, batch' if classes else 'T, n_out, batch'}), for xs has {n_steps} steps{hint}")
    if classes and targets.dtype.kind not in "iu":
        raise TypeError(f"{name} returned targets as {targets.dtype}, expected integers: the index of the right class")
    if not classes and targets.dtype.kind != "f":
        raise TypeError(f"{name} returned targets as {targets.dtype}, expected floating point numbers (float32)")
    if batch.weights is not None and np.shape(batch.weights) != (n_steps, size):
        raise ValueError(f"{name} returned weights of shape {np.shape(batch.weights)}, expected {(n_steps, size)} (T, batch)")


def _check_numbers(task, batch):
    """ValueError for numbers that cannot be: NaN, symbols and classes that do not exist, bits other than 0 and 1."""
    name = f"{type(task).__name__}.batch"
    for part, array in (("xs", batch.xs), ("targets", batch.targets), ("weights", batch.weights)):
        if array is not None and not np.isfinite(array).all():
            raise ValueError(f"{name} returned {part} with NaN or infinity, expected finite numbers")
    for part, array, n, count in (("xs", batch.xs, task.n_symbols, "n_symbols"),
                                  ("targets", batch.targets, task.n_out if task.targets == "classes" else None, "n_out")):
        if n is not None and (np.min(array) < 0 or np.max(array) >= n):
            raise ValueError(f"{name} returned {part} from {np.min(array)} to {np.max(array)}, expected 0 to {n - 1}: "
                             f"{count} is {n}")
    if task.targets == "bits" and (np.min(batch.targets) < 0 or np.max(batch.targets) > 1):
        raise ValueError(f"{name} returned targets from {np.min(batch.targets):g} to {np.max(batch.targets):g}, expected "
                         f"bits, 0 or 1")
    if batch.weights is not None and (np.min(batch.weights) < 0 or not np.any(batch.weights)):
        raise ValueError(f"{name} returned weights from {np.min(batch.weights):g} to {np.max(batch.weights):g}, expected none "
                         f"below 0, and some above")


def _check_scoring(task, batch, criterion):
    """Whether loss and metrics can be computed, and the criterion be judged by them."""
    name, (n_steps, size) = type(task).__name__, _positions(batch)
    outputs = np.zeros((n_steps, task.n_out, size), np.float32)
    _check_arguments(f"{name}.loss", task.loss, "outputs", "targets", "weights")
    with errors_told(f"{name}.loss", _file_of(task)):
        found = task.loss(outputs, batch.targets, batch.weights)
    if not isinstance(found, tuple) or len(found) != 2 or np.shape(found[0]) or np.shape(found[1]) != outputs.shape:
        raise TypeError(f"{name}.loss returned {_in_short(found)}, expected two things: a number, and the gradient with "
                        f"respect to outputs, {outputs.shape}")
    with errors_told(f"{name}.metrics", _file_of(task)):
        metrics = task.metrics(outputs, batch)
    if not isinstance(metrics, dict):
        raise TypeError(f"{name}.metrics returned {_in_short(metrics)}, expected a dict from name to number")
    if criterion and criterion.metric not in {"loss", *metrics}:
        raise ValueError(f"{name}.criterion is {str(criterion)!r}, expected one of loss, {', '.join(metrics)}")


def _in_short(found):
    if isinstance(found, tuple):
        return f"({', '.join(_in_short(one) for one in found[:3])})"
    return f"an array {np.shape(found)}" if np.ndim(found) else f"{found!r:.40}"


def _check_arguments(name, function, *expected):
    """TypeError if a method cannot be called with so many arguments."""
    try:
        signature = inspect.signature(function)
    except ValueError:                                          # something that does not tell what it takes
        return
    try:
        signature.bind(*expected)
    except TypeError:
        raise TypeError(f"{name} takes {signature}, expected ({', '.join(expected)})") from None


@contextmanager
def errors_told(what, file, *through):
    """Within the `with` block, an error becomes a ValueError that says what was done and where in a file the error arose.

    Args:
        what: what is under way, as in "Delay.batch".
        file: the path of the user's file, or None.
        through: classes of errors that are no mistake of the file, and come through as they are.
    """
    try:
        yield
    except through:
        raise
    except NotImplementedError as error:
        raise TypeError(str(error) or f"{what} is not written yet") from error
    except Exception as error:
        if isinstance(error, SyntaxError):
            where, line, said = error.filename, error.lineno, error.msg
        else:
            frames = traceback.extract_tb(error.__traceback__)
            last = ([frame for frame in frames if file and frame.filename == str(file)] or frames)[-1]
            where, line, said = last.filename, last.lineno, str(error)
        raise ValueError(f"{what} raises {type(error).__name__}: {' '.join(said.split())} ({Path(where or '?').name}, line "
                         f"{line})") from error


def _file_of(task):
    return getattr(inspect.getmodule(type(task)), "__file__", None)


def notes_on(task):
    """What is no mistake but may not be meant: a list of sentences. For a task that `check_task` has accepted."""
    name, found = f"{type(task).__name__}.batch", []
    first, again, other = (task.batch(np.random.default_rng(seed), 2) for seed in (0, 0, 1))
    if not _same(first, again):
        found.append(f"{name} draws random numbers elsewhere than from rng: no training can be repeated")
    elif _same(first, other):
        found.append(f"{name} does not use rng: all its batches are the same")
    if task.n_symbols is None and first.xs.dtype != np.float32:
        found.append(f"{name} returns xs as {first.xs.dtype}: models compute in float32")
    return found


def _same(one, two):
    return np.array_equal(one.xs, two.xs) and np.array_equal(one.targets, two.targets)
