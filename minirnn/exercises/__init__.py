"""Exercises that check themselves: what a student hands in, and what we say of it.

    from minirnn import exercises

    exercises.show("01")                    # the tasks of notebook 01, and which are solved
    exercises.check("01.2", my_backward)    # right, or what is wrong
    exercises.hint("01.2")                  # one more hint at each call

`check` never gives the answer away and never raises for a wrong one: it returns a `Feedback`, true if the answer is right,
which a notebook shows. An answer of `...` or None, and a function in which a `...` still stands, is "not answered yet", so
that a notebook runs from top to bottom before anything is solved.

Read `exercise.py` (what an exercise is), `values.py` (a number, a formula, a prediction), `backward.py` (a backward pass,
from blank or a broken one to mend), `blanks.py` (what is not filled in yet) and `session.py` (what was solved since the
kernel started). Then one file per notebook holds its exercises.

**To add the exercises of a notebook**, write one file, named after the notebook's subject, with a list `EXERCISES`, and add
its name to the import and to the tuple in `catalogue.py`. The kinds:

    Number("02.1", "How much is left", "A gate stays open to 0.99 for 500 steps. What share of c is left?",
           answer=lambda: ..., slips=[Slip(lambda: ..., "That is what is lost, not what is left.")], hints=[...])
    Formula("02.2", "The slope of a gate", "Write slope(f): the derivative of σ(a) in terms of f = σ(a).",
            truth=..., probes={"one column": lambda rng: (...,)}, slips=[...], hints=[...])
    Prediction("02.3", "What does a longer sequence do?", "...", options={"it grows": "why not", "it shrinks": "why"},
               answer=lambda: "it shrinks", hints=[...])
    Backward("02.4", "The LSTM from blank", "...", step=step, params=params, n_in=3, n_hidden=4, state_names=("h", "c"),
             hints=[...])

- The number is that of the notebook, a point, and the exercise's; titles name the task in a few words.
- The right answer stands nowhere in the file. Compute it from the library (a cell, a run, `gradcheck`'s numeric derivatives:
  `derivative` in `values.py`), so that it cannot drift and nobody reads it by accident. A `Backward` needs none at all.
- `slips` are answers that students are known to give, with the sentence to say: what the answer *is*, not what it should be.
- `hints` go from a question to the last thing before the answer. `after` says, once it is right, why it matters.
- In the notebook: the task in prose, a code cell with a blank (`answer = ...`, or a function with `...` in it), and a cell
  with `exercises.check("02.1", answer)` alone.
- The solution, with its reasoning, goes into `notebooks/solutions/` under the notebook's name. A test in
  `tests/exercises/` hands in the right answer and several typical wrong ones, and states what the student is told.
"""

from .backward import Backward, hand_in
from .exercise import Exercise, Feedback
from .session import Session, check, guess, hint, reveal, show
from .values import Formula, Number, Prediction, Slip, derivative

__all__ = [
    "Backward", "Exercise", "Feedback", "Formula", "Number", "Prediction", "Session", "Slip", "check", "derivative", "guess",
    "hand_in", "hint", "reveal", "show",
]
