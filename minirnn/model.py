"""A network: symbols into vectors where asked, one cell or a stack of them, a linear head."""

import copy
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from . import checks
from .cells.cell import Cell
from .layers import Layer, Linear
from .unroll import unroll


class ModelParameters(Mapping):
    """The parameters (or gradients) of several parts under one name each: `params["cell.R_f"]`, `params["head.W"]`.

    Read-only like those of a cell: `params["head.b"][...] = 0` changes the model.
    """

    def __init__(self, groups):
        self.groups = groups                                    # part -> its Parameters

    def __getitem__(self, name):
        part, _, symbol = str(name).partition(".")
        if part not in self.groups or symbol not in self.groups[part]:
            raise KeyError(f"parameter {name!r} is unknown, expected one of {', '.join(self)}")
        return self.groups[part][symbol]

    def __setitem__(self, name, value):
        if value is not self[name]:
            raise TypeError(f'parameters are views: write params["{name}"][...] = a instead of params["{name}"] = a')

    def __iter__(self):
        return (f"{part}.{symbol}" for part, group in self.groups.items() for symbol in group)

    def __len__(self):
        return sum(len(group) for group in self.groups.values())

    @property
    def flats(self):
        """The vectors that an optimiser updates, one per part."""
        return [group.flat for group in self.groups.values() if group.flat.size]

    def like(self):
        """Parameters of the same names and shapes, all zero."""
        return ModelParameters({part: group.like() for part, group in self.groups.items()})


class Model:
    """One cell or a stack of cells, between an optional input layer and a linear head.

    Args:
        cells: a `Cell`, or a list of them from the input up; each reads what the one below gives out.
        n_out: the number of outputs at every step.
        inputs: a `OneHot` or `Embedding`, if the model is to read symbols (T, B) instead of floats (T, D, B).
        rng: a seed or Generator for the head's weights.

    Attributes: `params`, a mapping with the names `cell.W_f` (`cell1.W_f`, `cell2.W_f`, ... in a stack), `head.W`,
    `head.b`, `inputs.E`; `cells`; `dtype`.

    Raises:
        TypeError: cells are no cells. ValueError: their sizes or dtypes do not fit together.
    """

    def __init__(self, cells, n_out, *, inputs=None, rng=0):
        self.cells = [cells] if isinstance(cells, Cell) else list(cells)
        if not self.cells:
            raise ValueError("cells is empty, expected a Cell or a list of at least one")
        for cell in self.cells:
            if not isinstance(cell, Cell):
                raise TypeError(f"cells has {cell!r}, expected a Cell (see make_cell)")
        if inputs is not None and not isinstance(inputs, Layer):
            raise TypeError(f"inputs is {inputs!r}, expected a OneHot or an Embedding")
        self.dtype = self.cells[0].dtype
        self.inputs = inputs
        width = self.cells[0].n_in if inputs is None else inputs.n_out
        for i, cell in enumerate(self.cells, 1):
            if cell.n_in != width:
                below = "the layer below gives out" if i > 1 else "the input layer gives out"
                raise ValueError(f"cell {i} reads {cell.n_in} features, {below} {width}")
            width = cell.n_hidden
        for part in [*self.cells, *([inputs] if inputs else [])]:
            if part.dtype != self.dtype:
                raise ValueError(f"{part!r} computes in {part.dtype}, the first cell in {self.dtype}")
        self.head = Linear(width, n_out, rng=rng, dtype=self.dtype)

    @property
    def parts(self):
        """Name -> part, in the order in which an input passes them."""
        named = {"inputs": self.inputs} if self.inputs is not None else {}
        if len(self.cells) == 1:
            named["cell"] = self.cells[0]
        else:
            named.update((f"cell{i}", cell) for i, cell in enumerate(self.cells, 1))
        return {**named, "head": self.head}

    @property
    def params(self):
        return ModelParameters({name: part.params for name, part in self.parts.items()})

    @property
    def n_params(self):
        """How many numbers the model learns."""
        return sum(a.size for a in self.params.values())

    def forward(self, xs, state=None, out=None):
        """Run the model over a sequence.

        Args:
            xs: (T, D, B) floats, or (T, B) integers if the model has an input layer.
            state: one state per cell, as in `ModelRun.state`; the cells' own initial states without it.
            out: an earlier run of this model over as many steps and columns, whose arrays are used again.

        Returns:
            A `ModelRun`.

        Raises:
            TypeError, ValueError: see `unroll`.
        """
        if state is not None and len(state) != len(self.cells):
            raise ValueError(f"state has {len(state)} entries, expected one per cell ({len(self.cells)})")
        return ModelRun(self, xs, state or [None] * len(self.cells), out)

    def after_update(self):
        """Let every cell restore what must hold of its parameters after an update."""
        for cell in self.cells:
            cell.after_update()

    def astype(self, dtype):
        """A copy of the model, with its own parameters, that computes in `dtype`."""
        model = copy.copy(self)
        model.dtype = checks.dtype_of(dtype)
        model.cells = [cell.astype(dtype) for cell in self.cells]
        model.head = self.head.astype(dtype)
        model.inputs = self.inputs and self.inputs.astype(dtype)
        return model

    def save(self, path):
        """Write the parameters to an .npz file. An older file of that name stays whole until the new one is."""
        path = Path(path)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **self.params)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def load(self, path):
        """Read parameters that `save` wrote. ValueError if they are not those of a model like this one."""
        with np.load(path, allow_pickle=False) as stored:
            params = self.params
            if set(stored.files) != set(params):
                odd = sorted(set(stored.files) ^ set(params))
                raise ValueError(f"{path} is of another model: {', '.join(odd[:4])} is in only one of the two")
            for name, value in params.items():
                if stored[name].shape != value.shape:
                    raise ValueError(f"{path} has {name} of shape {stored[name].shape}, the model {value.shape}")
            for name, value in params.items():
                value[...] = stored[name]


class ModelRun:
    """What a model did over a sequence.

    Attributes:
        outputs: (T, n_out, B), the head's.
        state: the final states, one tuple per cell.
        runs: one `Run` per cell, where every gate can be read: `run.runs[0]["f"]`.
    """

    def __init__(self, model, xs, state, out):
        self.model, self.xs = model, xs
        reused = out.runs if out is not None else [None] * len(model.cells)
        self.embedded = hs = xs if model.inputs is None else model.inputs.forward(xs)
        self.runs = []
        for cell, start, old_run in zip(model.cells, state, reused):
            self.runs.append(unroll(cell, hs, start, old_run))
            hs = self.runs[-1].hs
        self.outputs = model.head.forward(hs)
        self.state = tuple(run.state for run in self.runs)

    def fits(self, xs):
        """Whether this run's arrays can be used again for `xs`."""
        return (self.runs[0].n_steps, self.runs[0].batch) == (len(xs), np.shape(xs)[-1])

    def backward(self, doutputs, dstate=None):
        """Backpropagation through the head, the cells and time.

        Args:
            doutputs: (T, n_out, B), the gradient of the loss with respect to `outputs`.
            dstate: the gradient with respect to the final states, one tuple per cell; zero without it.

        Returns:
            dxs, grads, dstate: the gradients with respect to the inputs (None for symbols), to the parameters (a mapping
            with the names of `model.params`) and to the initial states (one tuple per cell).
        """
        model = self.model
        doutputs = checks.floats("doutputs", doutputs, model.dtype, self.outputs.shape, "T, outputs, batch", finite=False)
        grads = model.params.like()
        dhs = model.head.backward(doutputs, self.runs[-1].hs, self.outputs, grads.groups["head"])
        dstart = []
        names = [name for name in grads.groups if name.startswith("cell")]
        for i in reversed(range(len(self.runs))):
            dhs, cell_grads, dold = self.runs[i].backward(dhs, dstate[i] if dstate is not None else None)
            grads.groups[names[i]] = cell_grads
            dstart.insert(0, dold)
        if model.inputs is not None:
            dhs = model.inputs.backward(dhs, self.xs, self.embedded, grads.groups["inputs"])
        return dhs, grads, tuple(dstart)
