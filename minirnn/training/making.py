"""A model of the right shape for a task."""

from .. import checks
from ..cells import make_cell
from ..layers import Embedding, OneHot
from ..model import Model


def make_model(task, cell="lstm", n_hidden=32, *, n_layers=1, n_dims=None, residual=False, normalise=False, dropout=0.0,
               last=None, rng=0, dtype="float32", **options):
    """A model of the right shape for a task: cells, a head, and one-hot or embedded input if the task has symbols.

    Args:
        task: a `Task`.
        cell: a name in `CELLS`.
        n_hidden: H.
        n_layers: how many such cells stand on top of each other.
        n_dims: for tasks with symbols, the size of a learned embedding; one-hot vectors without it.
        last: options of the topmost cell that differ from the others', as a dict.
        residual, normalise, dropout: what helps a stack to learn; see `Model`.
        rng: a seed or Generator for all initial weights, and for dropout.
        dtype: of the model.
        options: the cells'.
    """
    if not hasattr(task, "n_symbols"):
        raise TypeError(f"task is {checks.shown(task)}, expected a Task (see make_task)")
    n_layers = checks.positive_integer("n_layers", n_layers)
    checks.fits_memory(f"{n_layers} layers", 10_000 * n_layers)         # of Python's own objects, at the least
    rng, inputs, n_in = checks.generator(rng), None, task.n_in
    if task.n_symbols is not None:
        inputs = (OneHot(task.n_symbols, dtype=dtype) if n_dims is None else
                  Embedding(task.n_symbols, n_dims, rng=rng, dtype=dtype))
        n_in = inputs.n_out
    widths = [n_in, *[n_hidden] * (n_layers - 1)]
    each = [options] * (n_layers - 1) + [{**options, **(last or {})}]
    cells = [make_cell(cell, width, n_hidden, rng=rng, dtype=dtype, **own) for width, own in zip(widths, each)]
    return Model(cells, task.n_out, inputs=inputs, residual=residual, normalise=normalise, dropout=dropout, rng=rng)
