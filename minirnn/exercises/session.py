"""What was asked, handed in and solved since Python started."""

from .. import checks
from .blanks import blanks, is_blank
from .catalogue import EXERCISES
from .exercise import Feedback
from .values import Prediction


class Session:
    """A student's way through the exercises: hints given, predictions made, what is solved.

    `minirnn.exercises` has one, whose methods are its functions.

    Args:
        exercises: number -> `Exercise`.
    """

    def __init__(self, exercises):
        self.exercises, self.solved, self._given, self._guesses = exercises, set(), {}, {}

    def check(self, number, answer=None):
        """Is this answer right, and if not, what is wrong?

        Args:
            number: of the exercise, for example "02.1".
            answer: what the task asks for. `...` or None is "not answered yet".

        Returns:
            A `Feedback`, true if the answer is right.

        Raises:
            KeyError: there is no such exercise. Nothing that is handed in raises anything.
        """
        exercise = self._exercise(number)
        if is_blank(answer):
            return exercise.open()
        left_open = blanks(answer) if callable(answer) else []
        if left_open:
            lines = "".join(f"\n    line {line}: {text}" for line, text in left_open)
            return exercise.open(f"In {answer.__name__}, `...` still stands in{lines}")
        if isinstance(exercise, Prediction):
            return self._note(exercise, answer)
        feedback = exercise.judge(answer)
        if feedback:
            self.solved.add(number)
            return feedback
        left = len(exercise.hints) - self._given.get(number, 0)
        if feedback.status == "wrong" and left > 0:
            more = f'\nexercises.hint("{number}") gives a hint; {"there is one" if left == 1 else f"there are {left}"}.'
            return Feedback("wrong", feedback.text + more)
        return feedback

    def _note(self, exercise, answer):
        feedback = exercise.noted(answer)
        if feedback.status != "noted":
            return feedback
        first = self._guesses.setdefault(exercise.number, answer)
        if first is not answer and first != answer:
            return Feedback("noted", f"{feedback.text} (Your first prediction, {first}, is the one that counts.)")
        return feedback

    def guess(self, number):
        """The first prediction that was made in exercise `number`, for a figure to draw beside the truth; None before."""
        self._exercise(number)
        return self._guesses.get(number)

    def reveal(self, number):
        """What became of a prediction, once the experiment is done: a `Feedback`.

        Raises:
            KeyError: there is no such exercise. ValueError: it is no prediction.
        """
        exercise = self._exercise(number)
        if not isinstance(exercise, Prediction):
            raise ValueError(f'exercise "{number}" is {exercise.kind}, expected a prediction: its answer is for you to find')
        if number not in self._guesses:
            return exercise.open("Predict first: what you expect is what a surprise is measured by.")
        feedback = exercise.judge(self._guesses[number])
        if feedback:
            self.solved.add(number)
        return feedback

    def hint(self, number):
        """One more hint at each call, as a `Feedback`; after the last, where the solution stands.

        Raises:
            KeyError: there is no such exercise.
        """
        exercise = self._exercise(number)
        given = self._given[number] = self._given.get(number, 0) + 1
        if given > len(exercise.hints):
            return Feedback("open", f"{number}: there are no more hints. The solution of notebook {number.partition('.')[0]}, "
                                    f"with its reasoning, is in the folder notebooks/solutions.")
        return Feedback("open", f"{number}, hint {given} of {len(exercise.hints)}: {exercise.hints[given - 1]}")

    def show(self, number=None):
        """The task of an exercise ("02.1"), those of a notebook ("02"), or a list of all (without an argument).

        Returns:
            A `Feedback`: it prints as text.

        Raises:
            KeyError: there is no such exercise or notebook.
        """
        if number in self.exercises:
            exercise = self.exercises[number]
            return Feedback("open", f"{self._line(exercise)}\n\n{exercise.task}")
        notebooks = {key.partition(".")[0] for key in self.exercises}
        if number is not None and number not in notebooks:
            self._exercise(number)
        chosen = [exercise for key, exercise in self.exercises.items() if number in (None, key.partition(".")[0])]
        solved = sum(exercise.number in self.solved for exercise in chosen)
        return Feedback("open", "\n".join([*map(self._line, chosen), f"{solved} of {len(chosen)} solved in this session."]))

    def _exercise(self, number):
        return checks.lookup("exercise", number, self.exercises)

    def _line(self, exercise):
        mark = "solved" if exercise.number in self.solved else f"predicted: {self._guesses[exercise.number]}" if (
            exercise.number in self._guesses) else ""
        return f"{exercise.number}  {exercise.title} ({exercise.kind}){f'  [{mark}]' if mark else ''}"


_session = Session(EXERCISES)
check, guess, hint, reveal, show = _session.check, _session.guess, _session.hint, _session.reveal, _session.show
