"""Training: a model for a task, the loop that trains it, and all that a training is, so that nothing of it is lost.

Read `state.py` first: `TrainState.learn` is one step (batch, forward, loss, backward, clip, update). `loop.py` repeats it
until there is a reason to stop; `making.py` makes a model of the right shape, `history.py` is what happened, `schedules.py`
changes the learning rate, `interrupting.py` finishes the step that is under way when somebody wants to stop.
"""

from .history import History
from .loop import resume, train
from .making import make_model
from .progress import Progress
from .saving import save_training
from .schedules import Schedule
from .state import Settings, TrainState, evaluate

__all__ = [
    "History", "Progress", "Schedule", "Settings", "TrainState", "evaluate", "make_model", "resume", "save_training", "train",
]
