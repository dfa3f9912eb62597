"""Lemma 1, all of it: cells trained until solved and run for longer, and units whose attention is measured."""

import time
from dataclasses import dataclass

import numpy as np

from .. import lemma1 as lemma
from .trials import MULTIPLES, TRAINED_AT, train_short_test_long
from .units import fitted_unit, hand_set_unit, least_growth


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


def lemma1(*, seed=0, lengths=TRAINED_AT, cells=("rwa", "rda", "lstm"), multiples=MULTIPLES, c=0.5, z_max=2.0,
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
        say(f"an RWA unit that learned to hold ±{c:g}: its attention grows by {fitted['measured']:.4f} a step; given its "
            f"values, the lemma requires {fitted['exact']:.4f}, and the published bound is {fitted['bound']:.4f}")
    return Lemma1(trials, growth, hand_set, fitted, seed, time.perf_counter() - began)
