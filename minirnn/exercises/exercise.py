"""What an exercise is: a task, hints, and a judge of answers."""

import html
import linecache
import traceback
from dataclasses import dataclass

COLOURS = {"right": "#009E73", "wrong": "#D55E00", "open": "#999999", "noted": "#0072B2"}


@dataclass(frozen=True, repr=False)
class Feedback:
    """What is said of an answer. True if it is right; prints as text, in a notebook as a box.

    Attributes:
        status: "right", "wrong", "open" (not answered yet) or "noted" (a prediction that waits for its experiment).
        text: what the student reads.
    """

    status: str
    text: str

    def __bool__(self):
        return self.status == "right"

    def __repr__(self):
        return self.text

    def _repr_html_(self):
        return (f"<pre style='border-left: 4px solid {COLOURS[self.status]}; padding-left: 0.8em; white-space: pre-wrap; "
                f"word-break: normal'>{html.escape(self.text)}</pre>")


class Exercise:
    """One exercise. Subclasses give `kind` and `judge`.

    Args:
        number: "02.1": the notebook's number, a point, and the exercise's.
        title: a few words.
        task: what is asked, complete: it is also read where the notebook is not.
        hints: a list of sentences, from a question to the last thing before the answer.
        after: what is added once the answer is right: why it matters.
    """

    kind = "an exercise"

    def __init__(self, number, title, task, *, hints, after=""):
        self.number, self.title, self.task, self.hints, self.after = number, title, task, list(hints), after

    def judge(self, answer):
        """A `Feedback` on an answer that is there: neither None nor `...`, nor a function with a `...` in it."""
        raise NotImplementedError(f"{type(self).__name__} has no judge")

    def right(self, more=""):
        return Feedback("right", " ".join(filter(None, [f"{self.number} is right.", more, self.after])))

    def wrong(self, words):
        return Feedback("wrong", f"{self.number} is not right yet. {words}")

    def open(self, words=""):
        return Feedback("open", f"{self.number} is not answered yet. {words}".rstrip())


def raised(error, function):
    """What to say of an error that handing in `function` led to: its words, and the line of the function that it came from.

    An error of the library's own says what is wrong in its message; of one that the function raised itself, the line is told.
    """
    words = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [k for k, (frame, _) in enumerate(frames) if frame.f_code is getattr(function, "__code__", None)]
    if not own or any("minirnn" in frame.f_globals.get("__name__", "") for frame, _ in frames[own[-1] + 1:]):
        return f"{words.rstrip('.')}."
    frame, line = frames[own[-1]]
    text = linecache.getline(frame.f_code.co_filename, line).strip()
    shapes = [note.partition("`: ")[2].rstrip(")") for note in getattr(error, "__notes__", ()) if note.startswith("(in ")]
    told = [f"{function.__name__}, line {line}, raised {type(error).__name__}: {words}", *filter(None, [text]),
            *(f"where {shape})" for shape in shapes[:1] if shape)]
    return "\n    ".join(told)
