"""Every exercise, by its number. A notebook's exercises are one file, and its name in the two lines below."""

from . import elman, gradient_checking, start_here

EXERCISES = {exercise.number: exercise for notebook in (start_here, elman, gradient_checking) for exercise in notebook.EXERCISES}
