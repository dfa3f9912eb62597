"""minirnn: recurrent cells in NumPy alone, each with an explicit forward pass and a hand-derived backward pass.

    import numpy as np, minirnn

    cell = minirnn.make_cell("lstm", n_in=3, n_hidden=4)
    run = minirnn.unroll(cell, np.random.randn(10, 3, 2))       # (T, features, batch)
    dxs, grads, dstate = run.backward(np.ones_like(run.hs))
    print(run["f"].shape, grads["R_f"].shape)                   # every gate, every gradient, by its name in the paper
    print(minirnn.gradcheck(cell))
"""

from . import interrupts

interrupts.leave_at_once_while_importing()                      # before NumPy, which takes a while

from .cells import CELLS, make_cell
from .cells.cell import Cell, Memo
from .cells.indrnn import recurrent_bounds
from .cells.parameters import Parameters, Stack
from .checking.check import gradcheck
from .description import describe
from .function_cell import FunctionCell
from .layers import BatchNorm, Dropout, Embedding, Linear, OneHot
from .losses import mean_squared_error, sigmoid_cross_entropy, softmax_cross_entropy
from .model import Model
from .optim import SGD, Adam, RMSProp, clip_by_element, clip_by_norm
from .stepping import draw, draw_shapes, draw_unrolled, step_through
from .tasks import TASKS, Batch, Task, make_task
from .training import (
    Experiment, History, Schedule, TrainState, evaluate, load, make_model, preset, run_all, run_experiment, train,
)
from .unrolling import Run, unroll

__version__ = "0.1.0"

__all__ = [
    "CELLS", "SGD", "TASKS", "Adam", "Batch", "BatchNorm", "Cell", "Dropout", "Embedding", "Experiment",
    "FunctionCell", "History", "Linear", "Memo", "Model", "OneHot", "Parameters", "RMSProp", "Run", "Schedule",
    "Stack", "Task", "TrainState", "clip_by_element", "clip_by_norm", "describe", "draw", "draw_shapes",
    "draw_unrolled", "evaluate", "gradcheck", "load", "make_cell", "make_model", "make_task", "mean_squared_error",
    "preset", "recurrent_bounds", "run_all", "run_experiment", "sigmoid_cross_entropy", "softmax_cross_entropy",
    "step_through", "train", "unroll",
]
