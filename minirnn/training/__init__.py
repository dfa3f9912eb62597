"""Training: a model for a task, the loop that trains it, and what is kept of the training.

Read `making.py` (a model of the right shape), `loop.py` (batch, forward, loss, backward, clip, update), `history.py`;
`progress.py` and `saving.py` are what a training says while it runs and leaves behind.
"""

from .history import History
from .loop import evaluate, train
from .making import make_model
from .progress import Progress
from .saving import save_training

__all__ = ["History", "Progress", "evaluate", "make_model", "save_training", "train"]
