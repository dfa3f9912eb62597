"""Experiments that answer a question, from training to numbers. They return plain data; `plots` draws it.

Read `trials.py` (train short, test long), `units.py` (the attention of single units), then `alternation.py`, which puts
them together for Lemma 1. `distance.py` asks what is left of a gradient after k steps, `learning.py` how many steps a cell
needs to learn a task, `calls.py` how often a step calls NumPy. A new question is a new file, and a line here.
"""

from .alternation import Lemma1, lemma1
from .calls import calls_of_a_step
from .distance import Step, gradient_norms, jacobian, steps_of
from .learning import Learned, learning_times
from .trials import MULTIPLES, TRAINED_AT, Trial, train_short_test_long
from .units import amplitudes_held, fit_unit, fitted_unit, hand_set_unit, least_growth

__all__ = [
    "MULTIPLES", "TRAINED_AT", "Learned", "Lemma1", "Step", "Trial", "amplitudes_held", "calls_of_a_step", "fit_unit",
    "fitted_unit", "gradient_norms", "hand_set_unit", "jacobian", "learning_times", "least_growth", "lemma1", "steps_of",
    "train_short_test_long",
]
