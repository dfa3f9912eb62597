"""What a model is made of, as plain data: enough to make one like it, without its numbers."""

from .cells import CELLS
from .layers import Embedding, OneHot


def architecture_of(model):
    """What a model is made of, for JSON: cells by name, with sizes and options, and what stands around them.

    Raises:
        ValueError: the model has a cell or an input layer of somebody's own, which no name in `CELLS` makes again.
    """
    names = {kind: name for name, kind in CELLS.items()}
    cells = []
    for cell in model.cells:
        if type(cell) not in names:
            raise ValueError(f"the model has a cell of its own, {type(cell).__name__}, which no name in CELLS makes again")
        cells.append({"name": names[type(cell)], "n_in": cell.n_in, "n_hidden": cell.n_hidden, "options": cell.made_with})
    inputs = None
    if type(model.inputs) in (OneHot, Embedding):
        inputs = {"kind": type(model.inputs).__name__, "n_symbols": model.inputs.n_symbols, "n_out": model.inputs.n_out}
    elif model.inputs is not None:
        raise ValueError(f"the model has an input layer of its own, {type(model.inputs).__name__}")
    return {"cells": cells, "n_out": model.head.n_out, "inputs": inputs, "residual": model.residual,
            "normalise": bool(model.norms), "dropout": model.dropout.p if model.dropout else 0.0, "dtype": str(model.dtype)}
