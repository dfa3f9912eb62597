"""Experiments that answer a question, from training to numbers. They return plain data; `plots` draws it."""

import time
from dataclasses import dataclass, field

import numpy as np

from . import checks
from . import lemma1 as lemma
from .cells.rwa import RWA
from .optim import Adam, clip_by_element
from .tasks import make_task
from .train import make_model, train
from .unroll import unroll

LENGTHS = {"alternate": 60, "parity": 20}               # task -> the length it is trained at
MULTIPLES = (1, 2, 4, 16)                               # of that length, at which it is then tested


# ---- train short, test long ------------------------------------------------------------------------------------------

@dataclass
class Trial:
    """One cell on one task: trained at one length until solved, then run far beyond it."""

    task: str
    cell: str
    trained_at: int             # T, the length of the training sequences
    steps: int                  # updates made
    solved: bool                # whether the loss got below `until`
    accuracy: dict              # k -> the share of right answers over sequences of length k T
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
        shares = ", ".join(f"{value:.2f} at {k * self.trained_at}" for k, value in self.accuracy.items())
        learned = "learned in" if self.solved else "NOT learned in"
        return f"{self.task:9} {self.cell:5} {learned} {self.steps:4} steps ({self.seconds:.1f} s); accuracy {shares}"


def train_short_test_long(task, cell, *, length=None, multiples=MULTIPLES, n_hidden=32, steps=2000, batch=32, lr=0.01,
                          until=1e-3, test_batch=100, seed=0):
    """Train a cell on short sequences of a task until it is solved, then count its right answers on long ones.

    A network answers position by position and knows nothing of what comes after, so one run at the largest length shows
    the answers at all shorter ones.

    Args:
        task: "alternate", "parity", or another task with a `length` and an answer at every step.
        cell: a name in `CELLS`.
        length: T for training; the one in `LENGTHS` without it.
        multiples: the lengths to test, in units of T.
        n_hidden, steps, batch, lr, until: see `make_model` and `train`; the optimiser is Adam.
        test_batch: the number of test sequences.
        seed: of the weights and the training data. The test data are the same for all.

    Returns:
        A `Trial`.

    Raises:
        KeyError, TypeError, ValueError: see `make_task`, `make_model` and `train`.
    """
    length = LENGTHS.get(task) if length is None else length
    multiples = [checks.positive_integer("multiples", k) for k in multiples]
    training_task = make_task(task, length=length)
    model = make_model(training_task, cell, n_hidden, rng=seed)
    history = train(model, training_task, steps=steps, batch=batch, lr=lr, until=until, rng=seed)
    long_task = make_task(task, length=max(multiples) * length)
    test = long_task.batch(np.random.default_rng(2**32 - 1), test_batch)
    curve = long_task.correct(model.forward(test.xs).outputs, test).mean(axis=1)
    return Trial(task=task, cell=cell, trained_at=length, steps=history.steps, solved=history.solved_at is not None,
                 accuracy={k: float(curve[:k * length].mean()) for k in multiples}, seed=seed,
                 seconds=history.seconds, curve=curve, model=model)


# ---- what the attention of a unit that holds ±c does -----------------------------------------------------------------

def amplitudes_held(growths, z_max, n_steps=200):
    """The amplitude at which a real RWA unit ends up whose attention grows by a given factor in every step.

    The unit has z = ±z_max, always against the sign of its own h, and reads its logit from the input. One column each.

    Args:
        growths: (B,) factors of at least 1.
        z_max: the size of z.
        n_steps: how long to run before looking.

    Returns:
        (B,) float64: |h| at the last step.
    """
    growths = checks.floats("growths", growths, np.float64, (len(growths),))
    cell = RWA(1, 1, dtype="float64")
    cell.params.flat[...] = 0
    cell.params["b_u"][...] = z_max
    cell.params["R_g"][...] = -1e6                              # tanh(g) = −sign(h)
    cell.params["W_a"][...] = 1                                 # the input is the logit
    cell.params["s"][...] = 1
    xs = np.log(growths) * np.arange(n_steps, dtype=np.float64)[:, None, None]
    return np.abs(unroll(cell, xs).state[0][0])


def least_growth(c, z_max):
    """The least growth per step that holds ±c, searched for on a running RWA unit without use of the lemma.

    Returns:
        A float, right to about 1e-10.
    """
    high = 2.0
    while amplitudes_held(np.array([high]), z_max)[0] < c:
        high *= 2
    low = 1.0
    for _ in range(6):                                          # a hundred at a time, then between the two that matter
        growths = np.linspace(low, high, 101)
        enough = int(np.argmax(amplitudes_held(growths, z_max) >= c))
        low, high = growths[max(enough - 1, 0)], growths[enough]
    return float(high)


def fit_unit(cell, c=0.5, *, n_steps=30, settle=4, steps=4000, lr=0.003, tolerance=0.002):
    """Teach one unit of an RWA to output (−1)^t c itself, by mean squared error on its h. No head reads it.

    Of the units, the one is taken that is closest to the target already. All weights learn; the other units may do
    whatever helps (they are its clock). The input is a constant 1.

    Args:
        cell: an `RWA` that reads one feature. It is not changed.
        c: the amplitude, in (0, 1).
        n_steps: T.
        settle: the first so many steps are not asked for. (The first step leaves the average at z_1, so a unit that is to be
            at −c there learns a z of just that size. A value so close to the target makes all later steps dear.)
        steps: the largest number of updates, by Adam.
        lr: its learning rate.
        tolerance: stop when no step is further than this from the target.

    Returns:
        run, unit, updates: a `Run` of the fitted copy (`run.cell`, float64), which unit it is, and the updates made.

    Raises:
        TypeError, ValueError: sizes out of range, or a cell that does not read one feature.
    """
    n_steps, steps = checks.positive_integer("n_steps", n_steps), checks.positive_integer("steps", steps)
    if not 0 <= settle < n_steps:
        raise ValueError(f"settle is {settle}, expected from 0 to n_steps − 1 = {n_steps - 1}")
    cell, optimizer = cell.astype("float64"), Adam(lr)
    xs = np.ones((n_steps, 1, 1))
    target = lemma.signs(n_steps)[settle:, None] * c            # (T − settle, B)
    run = unroll(cell, xs)
    unit = int(((run.hs[settle:] - target[:, None])**2).mean(axis=(0, 2)).argmin())
    for update in range(steps + 1):
        error = run.hs[settle:, unit] - target
        if update == steps or np.abs(error).max() < tolerance:
            return run, unit, update
        dhs = np.zeros(run.hs.shape)
        dhs[settle:, unit] = 2 * error / error.size
        _, grads, _ = run.backward(dhs)
        clip_by_element(grads, 1.0)
        optimizer.update(cell.params, grads)
        run = unroll(cell, xs, out=run)


# ---- Lemma 1, all of it ----------------------------------------------------------------------------------------------

@dataclass
class Lemma1:
    """What `lemma1` found.

    Attributes:
        trials: a `Trial` for each task and cell.
        growth: the least growth of the attention that holds ±c: "measured" on a running unit, "exact" by the lemma, and the
            published "bound"; with "c" and "z_max".
        hand_set: an RWA unit set by hand that alternates to its last step: "c", "z_max", "log_ratio", "last_step" as
            predicted, "held" as seen; arrays "h", "logits", "required" (what holding on would take), each (T,).
        fitted: a unit taught to output ±c itself: its `minirnn.lemma1.Growth`, as a dict, with "unit" and "updates"; arrays
            "h" and "logits", (T,), and "required" by its values from step "first" on, where both logits are 0. None if it
            did not learn to hold ±c.
        seed, seconds: of all of it.
    """

    trials: list
    growth: dict
    hand_set: dict
    fitted: dict | None
    seed: int
    seconds: float

    def trial(self, task, cell):
        """The `Trial` of a task and a cell; KeyError if there was none."""
        for trial in self.trials:
            if (trial.task, trial.cell) == (task, cell):
                return trial
        raise KeyError(f"there was no trial of {cell!r} on {task!r}")

    def as_dict(self):
        """For JSON: everything but the arrays and the models."""
        def numbers(found):
            return found and {name: value for name, value in found.items() if not isinstance(value, np.ndarray)}
        return {"runs": [trial.as_dict() for trial in self.trials], "growth": dict(self.growth),
                "hand_set": numbers(self.hand_set), "fitted": numbers(self.fitted), "seed": self.seed,
                "seconds": self.seconds}


def lemma1(*, seed=0, lengths=LENGTHS, cells=("rwa", "rda", "lstm"), multiples=MULTIPLES, c=0.5, z_max=2.0,
           log_ratio=30.0, progress=None, **options):
    """Lemma 1 of the RDA paper, watched happening.

    Trains each cell on the sequence of the lemma and on its sister with random bits until solved, and runs it on longer
    ones. Measures the growth of the attention of units that hold ±c. Some five seconds; the same seed gives the same
    numbers.

    Args:
        seed: for all weights and data.
        lengths: task -> length to train at.
        cells: names in `CELLS`.
        multiples: the lengths to test, in units of the length trained at.
        c, z_max, log_ratio: of the units set by hand: the amplitude, the largest |z|, and log(max a/min a).
        progress: called with a line of text after each part.
        options: further ones of `train_short_test_long`.

    Returns:
        A `Lemma1`.

    Raises:
        KeyError, TypeError, ValueError: see `train_short_test_long` and `minirnn.lemma1`.
    """
    began, say = time.perf_counter(), progress or (lambda line: None)
    exact, bound = lemma.growth_factor(c, z_max), lemma.growth_bound(c, z_max)
    trials = []
    for task in lengths:
        for cell in cells:
            trials.append(train_short_test_long(task, cell, length=lengths[task], multiples=multiples, seed=seed, **options))
            say(str(trials[-1]))

    growth = {"measured": least_growth(c, z_max), "exact": exact, "bound": bound, "c": c, "z_max": z_max}
    say(f"least growth of the attention that holds ±{c:g} with |z| ≤ {z_max:g}: {growth['measured']:.6f} a step measured, "
        f"{exact:.6f} by the lemma, {bound:.6f} the published bound")

    hand_set = hand_set_unit(c, z_max, log_ratio)
    say(f"an RWA unit set by hand, logits within [0, {log_ratio:g}]: holds ±{c:g} through step {hand_set['held']}, "
        f"predicted {hand_set['last_step']}")

    starts = [trial.model.cells[0] for trial in trials if (trial.task, trial.cell) == ("alternate", "rwa")]
    fitted = fitted_unit(starts[0], c) if starts else None
    if fitted:
        say(f"an RWA unit that learned to hold ±{c:g}: its attention grows by {fitted['measured']:.4f} a step, the lemma "
            f"asks its values for {fitted['exact']:.4f}, the published bound is {fitted['bound']:.4f}")
    return Lemma1(trials, growth, hand_set, fitted, seed, time.perf_counter() - began)


def hand_set_unit(c, z_max, log_ratio):
    """`lemma1.alternating_rwa` run to twice its last step, as `Lemma1.hand_set`."""
    last = lemma.last_step(c, z_max, log_ratio=log_ratio)
    cell, xs = lemma.alternating_rwa(c, z_max, log_ratio, 2 * last)
    run = unroll(cell, xs)
    h = run["h"][:, 0, 0]
    held = h * lemma.signs(len(h)) >= c * (1 - 1e-9)
    return {"c": c, "z_max": z_max, "log_ratio": log_ratio, "last_step": last,
            "held": len(h) if held.all() else int(held.argmin()),
            "h": h.copy(), "logits": run["a"][:, 0, 0].copy(), "required": lemma.cheapest_schedule(c, z_max, len(h))[1]}


def fitted_unit(cell, c=0.5, *, settle=4, **options):
    """`fit_unit`, then the growth of what it learned, as `Lemma1.fitted`; None if the unit did not come to hold ±c."""
    run, unit, updates = fit_unit(cell, c, settle=settle, **options)
    first = settle + 2                          # it holds ±c from step settle + 1, and the lemma speaks of the next
    try:
        growth = lemma.measure_growth(run, c, unit=unit, first=first)
    except ValueError:
        return None
    h, z, logits = (run[name][:, unit, 0].copy() for name in ("h", "z", "a"))
    z *= (-1)**settle
    return {**growth.as_dict(), "unit": unit, "updates": updates, "h": h, "logits": logits - logits[first - 1],
            "required": (lambda a: a[1:] - a[1])(lemma.required_logits(c, z[settle:]))}
