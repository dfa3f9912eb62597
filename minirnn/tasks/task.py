"""What a task is: data made on the spot, a loss, and a way to say how well it is solved."""

from typing import NamedTuple

import numpy as np

from .. import checks


class Batch(NamedTuple):
    """Some sequences and what a network should say to them.

    xs: (T, D, B) float32, or (T, B) integers for symbols. targets: (T, n_out, B) float32, or (T, B) integers for classes.
    weights: (T, B), how much each position counts, or None for all alike. carry: whether the network's state goes on
    from the batch before.
    """

    xs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None
    carry: bool = False


class Task:
    """A task: subclasses make batches and say what a network for them looks like.

    Attributes: `n_in` and `n_out`, the features and outputs at every step; `loss`, from `minirnn.losses`; `n_symbols`, how
    many symbols there are if the input is symbols, else None; `source`, where the task is from.
    """

    source = ""
    n_symbols = None
    loss = None

    def batch(self, rng, batch_size):
        """`batch_size` new sequences, drawn with the Generator `rng`: a `Batch`."""
        raise NotImplementedError(f"{type(self).__name__} has no batch")

    def batches(self, rng, batch_size):
        """Batches without end, for training."""
        rng = checks.generator(rng)
        while True:
            yield self.batch(rng, batch_size)

    def correct(self, outputs, batch):
        """(T, B) booleans: where the network's most likely answer is the right one."""
        if batch.targets.ndim == 2:
            return outputs.argmax(axis=1) == batch.targets
        return ((outputs > 0) == (batch.targets > 0.5)).all(axis=1)

    def metrics(self, outputs, batch):
        """Name -> number: here the accuracy, the share of positions with the right answer."""
        return {"accuracy": float(np.average(self.correct(outputs, batch), weights=batch.weights))}
