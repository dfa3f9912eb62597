"""The training loop: step after step, with looks at held-out sequences, until there is a reason to stop."""


from ..model import Model
from ..tasks.task import check_task
from ..threads import threads_for
from .interrupting import listening
from .state import Settings, TrainState


def train(model, task, *, steps=1000, batch=32, optimizer="adam", lr=None, clip=1.0, clip_norm=None, until=None,
          evaluate_every=None, patience=None, keep_best=False, weight_decay=0.0, schedule=None, rng=0, callback=None,
          keep=None):
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
        until: when the task is solved, and the training ends: "loss < 0.001", "accuracy >= 0.99", or a number, which a loss is
            to be below. It is judged on held-out sequences, whenever those are looked at; and they are looked at when the
            batch just learned from meets it.
        evaluate_every: look at the held-out sequences every so many steps.
        patience: stop after so many evaluations without a better one.
        keep_best: give the model back the parameters of its best evaluation when the training ends.
        weight_decay: before each update every matrix loses a share lr·weight_decay of itself.
        schedule: how the learning rate changes: "step 20000 0.1", "linear 5000", "cosine 5000" or "warmup 100"; see
            `Schedule`.
        rng: a seed or Generator for the data.
        callback: called as callback(step, loss, metrics) after every step; a true return value ends the training. Several in
            a list.
        keep: called as keep(state) with the `TrainState` at every moment at which it is whole: after steps, and at the end.

    Returns:
        A `History`. Interrupting the training (Ctrl-C, SIGTERM) also returns it, after the step that was under way: the model
        keeps what it has learned. A second Ctrl-C does not wait for the step.

    Raises:
        FloatingPointError: the loss or a gradient is not finite. The message says at which step, which parameter's
            gradient was largest and how large. The model keeps the parameters of the step before, and the error has the
            history so far as its attribute `history`.
        TypeError, ValueError, KeyError: for arguments of the wrong kind, or a task that is not as `Task` describes it.
    """
    settings = Settings(steps, batch, clip, clip_norm, until, evaluate_every, patience, keep_best, weight_decay, schedule)
    if not isinstance(model, Model):
        raise TypeError(f"model is {'a ' + type(model).__name__ if model is not None else 'None'}, expected a Model "
                        f"(see make_model)")
    check_task(task)
    return resume(TrainState(model, task, settings, optimizer=optimizer, lr=lr, rng=rng), callback=callback, keep=keep)


def resume(state, *, callback=None, keep=None):
    """Go on with a training from where it stands, as if it had never been interrupted. Arguments and result as in `train`."""
    history, settings = state.history, state.settings
    callbacks = [] if callback is None else [callback] if callable(callback) else list(callback)
    if history.stopped in ("interrupted", "error"):
        history.stopped, history.signal = "", None
    try:
        with listening() as asked:
            while not history.stopped:
                history.stopped = _go_on(state, callbacks)
                if asked.signal is not None and not history.stopped:
                    history.stopped, history.signal = "interrupted", int(asked.signal)
                if keep is not None:
                    keep(state)
    except KeyboardInterrupt:
        history.stopped = "interrupted"
        if keep is not None and state.whole:
            keep(state)
    except (FloatingPointError, ValueError, TypeError) as error:
        history.stopped = "error"
        error.history = history
        if keep is not None and state.whole:
            keep(state)
        raise
    if settings.keep_best and history.stopped != "interrupted":
        state.take_best()
    return history


def _go_on(state, callbacks):
    """One step, and why it was the last; "" if it was not."""
    if state.step >= state.settings.steps:
        return "steps"
    with threads_for(state.model.cells, state.settings.batch):
        loss, metrics = state.learn()
        solved = state.look(loss, metrics)
    if any([callback(state.step, loss, metrics) for callback in callbacks]):
        return "callback"
    if solved:
        return "solved"
    if state.settings.patience is not None and state.without_better >= state.settings.patience:
        return "patience"
    return "steps" if state.step >= state.settings.steps else ""
