"""Every exercise, by its number. A notebook's exercises are one file, and its name in the two lines below."""

from . import elman, gradient_checking, gru, indrnn, lemma, lstm, rda, rwa, speed, start_here

NOTEBOOKS = (start_here, elman, lstm, gru, rwa, lemma, rda, indrnn, gradient_checking, speed)
EXERCISES = {exercise.number: exercise for notebook in NOTEBOOKS for exercise in notebook.EXERCISES}
