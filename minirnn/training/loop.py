"""The training loop: batch, forward, loss, backward, clip, update, and a record of it."""

import time

import numpy as np

from .. import checks
from ..optim import OPTIMIZERS, Optimizer, clip_by_element, clip_by_norm
from ..threads import threads_for
from .history import History


def train(model, task, *, steps=1000, batch=32, optimizer="adam", lr=None, clip=1.0, clip_norm=None, until=None, rng=0,
          callback=None):
    """Train a model on a task.

    Args:
        model: a `Model`; its parameters are changed in place.
        task: a `Task` (see `minirnn.TASKS`).
        steps: the largest number of updates.
        batch: the number of sequences in each.
        optimizer: "adam", "sgd", "rmsprop", or an `Optimizer`.
        lr: the learning rate, if `optimizer` is a name; the optimiser's own default without it.
        clip: every element of the gradient is brought into [−clip, clip]; None for no clipping.
        clip_norm: the gradient's norm is brought to at most this; None for no such limit.
        until: stop as soon as a batch's loss is below this.
        rng: a seed or Generator for the data.
        callback: called as callback(step, loss, metrics) after every step; a true return value ends the training.

    Returns:
        A `History`. Interrupting the training by hand (Ctrl-C) also returns it: the model keeps what it has learned.

    Raises:
        FloatingPointError: the loss or a gradient is not finite. The message says at which step, which parameter's
            gradient was largest and how large. The model keeps the parameters of that step, and the error has the
            history so far as its attribute `history`.
        TypeError, ValueError: for arguments of the wrong kind.
    """
    steps, batch = checks.positive_integer("steps", steps), checks.positive_integer("batch", batch)
    if not isinstance(optimizer, Optimizer):
        kind = checks.lookup("optimizer", optimizer, OPTIMIZERS)
        optimizer = kind() if lr is None else kind(lr=lr)
    elif lr is not None:
        raise ValueError(f"lr is {lr!r} beside an optimizer that has its own: expected only one of them")
    history = History()
    with threads_for(model.cells, batch):
        _train(history, model, task, steps, batch, optimizer, clip, clip_norm, until, checks.generator(rng), callback)
    return history


def _train(history, model, task, steps, batch, optimizer, clip, clip_norm, until, rng, callback):
    params = model.params
    run, largest = None, ("", 0.0)
    began = time.perf_counter()
    try:
        for step, data in zip(range(1, steps + 1), task.batches(rng, batch)):
            state = run.state if data.carry else None
            reused = run if run is not None and run.fits(data.xs) else None
            run = model.forward(data.xs, state, out=reused, training=True)
            loss, doutputs = task.loss(run.outputs, data.targets, data.weights)
            if not np.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} at step {step}; {_last(largest, step)}")
            _, grads, _ = run.backward(doutputs)
            largest = _largest(grads)
            if not np.isfinite(largest[1]):
                raise FloatingPointError(f"the gradient is not finite at step {step}: that of {largest[0]} has "
                                         f"{largest[1]} (the loss is {loss:.6g})")
            if clip_norm is not None:
                clip_by_norm(grads, clip_norm)
            if clip is not None:
                clip_by_element(grads, clip)
            optimizer.update(params, grads)
            model.after_update()
            metrics = task.metrics(run.outputs, data)
            history.losses.append(float(loss))
            for name, value in metrics.items():
                history.metrics.setdefault(name, []).append(value)
            history.seconds = time.perf_counter() - began
            if until is not None and loss < until:
                history.solved_at = step
                break
            if callback is not None and callback(step, float(loss), metrics):
                break
    except KeyboardInterrupt:
        history.interrupted = True
    except FloatingPointError as error:
        error.history = history
        if "step" not in str(error):                            # from within the model, which does not count steps
            error.args = (f"{error}, at step {step}",)
        raise


def evaluate(model, task, *, batch=100, rng=1):
    """The loss and metrics of a model on one fresh batch of a task, in evaluation mode: a dict."""
    data = task.batch(checks.generator(rng), batch)
    outputs = model.forward(data.xs).outputs
    return {"loss": float(task.loss(outputs, data.targets, data.weights)[0]), **task.metrics(outputs, data)}


def _largest(grads):
    """The name of the parameter whose gradient has the largest element (or one that is not finite), and that element."""
    largest = ("", 0.0)
    for name, dtheta in grads.items():
        size = float(np.abs(dtheta).max())
        if not size <= largest[1]:                              # also true for NaN
            largest = (name, size)
        if not np.isfinite(size):
            break
    return largest


def _last(largest, step):
    name, size = largest
    if step == 1:
        return "it was the first: the data or the initial weights are at fault"
    return f"the largest gradient of the step before was that of {name}, {size:.3g} before clipping"
