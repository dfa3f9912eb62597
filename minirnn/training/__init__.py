"""Training: a model for a task, the loop that trains it, and all that a training is, so that nothing of it is lost.

Read `state.py` first: `TrainState.learn` is one step (batch, forward, loss, backward, clip, update). `loop.py` repeats it
until there is a reason to stop; `making.py` makes a model of the right shape, `history.py` is what happened, `schedules.py`
changes the learning rate, `interrupting.py` finishes the step that is under way when somebody wants to stop.
"""

from .checkpoint import load, load_state, save_state
from .comparing import Comparison, read_curve, run_all
from .experiment import Experiment
from .folder import read_record, run_experiment
from .history import History
from .loop import resume, train
from .making import make_model
from .presets import FIVE, PRESETS, preset
from .progress import Progress
from .schedules import Schedule
from .state import Settings, TrainState, evaluate

__all__ = [
    "FIVE", "PRESETS", "Comparison", "Experiment", "History", "Progress", "Schedule", "Settings", "TrainState", "evaluate",
    "load", "load_state", "make_model", "preset", "read_curve", "read_record", "resume", "run_all", "run_experiment",
    "save_state", "train",
]
