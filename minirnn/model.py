"""A network: an optional input layer for symbols, one cell or a stack of cells, and a linear head.

A stack learns better with some help between its cells. All of it is optional. Layer i, with everything turned on, is

    y = x + dropout(norm_i(cell_i(x)))

- `norm_i` is batch normalisation over batch and time, after each cell: the basic architecture of Li et al. 2018 (IndRNN,
  arXiv 1803.04831). It is not part of the recurrence, so a cell's state is the same with it and without.
- `dropout` acts on what a cell passes upward, to the next cell or to the head, and never from step to step (Zaremba et al.
  2014, arXiv 1409.2329).
- `x +` is the residual connection of He et al. 2016 (arXiv 1512.03385). It goes around every cell but the first, whose input
  has another width than its output. It carries x past norm and dropout unchanged, and the gradient back in the same way:
  dx = dy + the gradient that comes back through the cell.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from . import checks
from .arrays import read_arrays, write_arrays
from .about import MODEL_FILE, about_array, expected_about
from .architecture import architecture_of
from .cells import make_cell
from .cells.cell import Cell
from .layers import BatchNorm, Dropout, Embedding, Linear, OneHot
from .unrolling import read_only, unroll


class ModelParameters(Mapping):
    """The parameters (or gradients) of several parts under one name each: `params["cell.R_f"]`, `params["head.W"]`.

    Read-only like those of a cell: `params["head.b"][...] = 0` changes the model.
    """

    def __init__(self, groups):
        self.groups = groups                                    # name of a part -> its Parameters

    def __getitem__(self, name):
        part, _, symbol = str(name).partition(".")
        if part not in self.groups or symbol not in self.groups[part]:
            raise KeyError(f"parameter {checks.shown(name)} is unknown, expected one of {', '.join(self)}")
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


class LayerNames(NamedTuple):
    """What the parts of one layer are called."""

    cell: str
    norm: str
    dropout: str


class Model:
    """One cell or a stack of cells, between an optional input layer and a linear head.

    Args:
        cells: a `Cell`, or a list of cells from the input up; each reads the output of the one below.
        n_out: the number of outputs at every step.
        inputs: a `OneHot` or `Embedding`, if the model is to read symbols (T, B) instead of floats (T, D, B).
        residual: with True, every layer but the first adds its input to its output. Their widths must be the same.
        normalise: with True, a `BatchNorm` follows every cell.
        dropout: with a probability p above 0, a `Dropout` follows every cell (and its normalisation). It draws from a
            Generator of the model's own.
        rng: a seed or Generator for the head's weights and the dropout's Generator.

    Attributes: `params`, a mapping with the names `cell.W_f`, `norm.gamma` (in a stack `cell1.W_f`, `norm1.gamma`,
    `cell2.W_f`, ...), `head.W`, `head.b`, `inputs.E`; `statistics`, the running averages `norm.mean`, `norm.variance`;
    `cells`; `norms`, a list of `BatchNorm`, empty without `normalise`; `dropout`, a `Dropout` or None; `residual`; `dtype`.

    Raises:
        TypeError: cells has something that is not a cell, or an option is of the wrong kind. ValueError: sizes or dtypes do
        not fit together, the same cell is in the stack twice, dropout is outside [0, 1), or a residual connection would
        join different widths.
    """

    def __init__(self, cells, n_out, *, inputs=None, residual=False, normalise=False, dropout=0.0, rng=0):
        self.cells = _checked_cells(cells)
        if inputs is not None and not isinstance(inputs, OneHot):
            raise TypeError(f"inputs is {checks.shown(inputs)}, expected a OneHot or an Embedding")
        for name, value in (("residual", residual), ("normalise", normalise)):
            if not isinstance(value, bool):
                raise TypeError(f"{name} is {checks.shown(value)}, expected True or False")
        self.dtype, self.inputs, self.residual = self.cells[0].dtype, inputs, residual
        self._check_fit()
        rng = checks.generator(rng)
        self.norms = [BatchNorm(cell.n_hidden, dtype=self.dtype) for cell in self.cells if normalise]
        self.head = Linear(self.cells[-1].n_hidden, n_out, rng=rng, dtype=self.dtype)
        layer = Dropout(dropout, rng=rng.spawn(1)[0], dtype=self.dtype)
        self.dropout = layer if layer.p else None

    def _check_fit(self):
        width = self.cells[0].n_in if self.inputs is None else self.inputs.n_out
        for i, cell in enumerate(self.cells, 1):
            if cell.n_in != width:
                below = "the layer below gives out" if i > 1 else "the input layer gives out"
                raise ValueError(f"cell {i} reads {cell.n_in} features, {below} {width}")
            width = cell.n_hidden
        for part in [*self.cells, *([self.inputs] if self.inputs else [])]:
            if part.dtype != self.dtype:
                raise ValueError(f"{part!r} computes in {part.dtype}, the first cell in {self.dtype}")
        if self.residual and len(self.cells) == 1:
            raise ValueError("residual is True for one cell, expected at least two: it joins every layer but the first")
        for i, cell in enumerate(self.cells[1:], 2):
            if self.residual and cell.n_in != cell.n_hidden:
                raise ValueError(f"residual is True, but cell {i} reads {cell.n_in} features and gives out "
                                 f"{cell.n_hidden}: expected the same width, so that they can be added")

    @property
    def layer_names(self):
        """The names of each layer's parts: `cell`, `norm` and `dropout`, in a stack with the layer's number."""
        numbers = [""] if len(self.cells) == 1 else range(1, len(self.cells) + 1)
        return [LayerNames(f"cell{i}", f"norm{i}", f"dropout{i}") for i in numbers]

    @property
    def parts(self):
        """Name -> part with parameters, in the order in which an input passes them."""
        named = {"inputs": self.inputs} if self.inputs is not None else {}
        for i, names in enumerate(self.layer_names):
            named[names.cell] = self.cells[i]
            if self.norms:
                named[names.norm] = self.norms[i]
        return {**named, "head": self.head}

    @property
    def params(self):
        return ModelParameters({name: part.params for name, part in self.parts.items()})

    @property
    def statistics(self):
        """The running averages of normalisation, by name; see `BatchNorm`. Not parameters, but saved with them."""
        return ModelParameters({names.norm: norm.statistics for names, norm in zip(self.layer_names, self.norms)})

    @property
    def n_params(self):
        """How many numbers the model learns."""
        return sum(a.size for a in self.params.values())

    def forward(self, xs, state=None, out=None, training=False, *, segment=None):
        """Run the model over a sequence.

        Args:
            xs: (T, D, B) floats, or (T, B) integers if the model has an input layer.
            state: one state per cell, as in `ModelRun.state`; by default the cells' own initial states.
            out: an earlier run of this model over as many steps and columns, whose arrays are used again.
            training: with True, normalisation uses the batch's own statistics and updates its running averages with them,
                and dropout is active. With False, nothing in the model changes.
            segment: the number of steps for which each cell keeps what backward needs; see `unroll`.

        Returns:
            A `ModelRun`.

        Raises:
            TypeError, ValueError: see `unroll`; in training, normalisation needs T·B of at least 2.
            FloatingPointError: a layer's output has numbers that are not finite, and the next layer would have to read them.
        """
        if out is not None and not (isinstance(out, ModelRun) and out.model is self):
            raise ValueError(f"out is a {type(out).__name__}, expected an earlier run of this model")
        return ModelRun(self, xs, _per_cell("state", state, self), out, training, segment)

    def after_update(self):
        """Let every cell restore the constraints on its parameters after an update."""
        for cell in self.cells:
            cell.after_update()

    def astype(self, dtype):
        """A copy of the model, with its own parameters, that computes in `dtype`."""
        model = copy.copy(self)
        model.dtype = checks.dtype_of(dtype)
        model.cells = [cell.astype(dtype) for cell in self.cells]
        model.head = self.head.astype(dtype)
        model.inputs = self.inputs and self.inputs.astype(dtype)
        model.norms = [norm.astype(dtype) for norm in self.norms]
        model.dropout = self.dropout and self.dropout.astype(dtype)
        return model

    def save(self, path):
        """Write parameters and statistics to an .npz file. An older file of that name stays whole until the new one is.

        Raises:
            OSError: the file cannot be written.
        """
        try:
            architecture = architecture_of(self)
        except ValueError:                                      # with parts of the user's own: only `load` reads it back
            architecture = None
        about = about_array(MODEL_FILE, architecture=architecture)
        write_arrays(path, {"about": about, **self.params, **self.statistics})

    @classmethod
    def built(cls, architecture):
        """A model from its `architecture_of`, with weights of its own.

        Raises:
            ValueError: it is not of that form, or there is no such model.
        """
        try:
            of, dtype = dict(architecture), architecture["dtype"]
            cells = [make_cell(one["name"], one["n_in"], one["n_hidden"], dtype=dtype, **one["options"]) for one in of["cells"]]
            inputs = of["inputs"]
            if inputs is not None:
                inputs = (OneHot(inputs["n_symbols"], dtype=dtype) if inputs["kind"] == "OneHot" else
                          Embedding(inputs["n_symbols"], inputs["n_out"], dtype=dtype))
            return cls(cells, of["n_out"], inputs=inputs, residual=of["residual"], normalise=of["normalise"],
                       dropout=of["dropout"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            said = error.args[0] if isinstance(error, KeyError) and error.args else error
            raise ValueError(f"the architecture cannot be built: {said}") from None

    def load(self, path):
        """Read what `save` wrote. The model changes only if the whole file fits it; see `read_arrays`.

        Raises:
            OSError: there is no such file, or it may not be read.
            ValueError: it is not what a model like this one wrote, or it is damaged.
        """
        own = {**self.params, **self.statistics}
        stored = read_arrays(path, {**expected_about(path), **own})
        for name, value in own.items():
            value[...] = stored[name]


def _checked_cells(cells):
    """`cells` as a list of different cells."""
    if isinstance(cells, Cell):
        return [cells]
    if isinstance(cells, str) or not isinstance(cells, Iterable):
        raise TypeError(f"cells is {checks.shown(cells)}, expected a Cell or a list of them (see make_cell)")
    cells = list(cells)
    if not cells:
        raise ValueError("cells is empty, expected a Cell or a list of at least one")
    for i, cell in enumerate(cells):
        if not isinstance(cell, Cell):
            raise TypeError(f"cells has {checks.shown(cell)}, expected a Cell (see make_cell)")
        for j in range(i):
            if cells[j] is cell:
                raise ValueError(f"cells has the same Cell object as cell {j + 1} and cell {i + 1}, expected one of its own "
                                 f"for each layer: its weights would be updated twice")
    return cells


def _per_cell(name, values, model):
    """`values` as a list of one entry per cell of the model, all None if it is None."""
    if values is None:
        return [None] * len(model.cells)
    if not isinstance(values, (tuple, list)):
        raise ValueError(f"{name} is a {type(values).__name__}, expected a tuple with one entry per cell "
                         f"({len(model.cells)})")
    if len(values) != len(model.cells):
        raise ValueError(f"{name} has {len(values)} entries, expected one per cell ({len(model.cells)})")
    return list(values)


class ModelRun:
    """A model's run over a sequence: the outputs, everything that its cells computed, and `backward`.

    Attributes:
        outputs: (T, n_out, B), the head's.
        state: the final states, one tuple per cell.
        runs: one `Run` per cell, where every gate can be read: `run.runs[0]["f"]`.
        hs: the output of each layer, a list of (T, H, B) arrays, not writable: runs[i].hs after normalisation, dropout and
            the residual connection, where the model has them.
        memos: the memo of each `norm` and `dropout` (see `layers.py`), by its name: `run.memos["norm1"].mean`,
            `run.memos["dropout1"].kept`.
    """

    def __init__(self, model, xs, state, out, training, segment):
        self.model, self.xs, self.training, self.segment = model, xs, training, segment
        self._room = out._room if out is not None else {}
        self.runs, self.hs, self.memos = [], [], {}
        self.embedded = hs = xs if model.inputs is None else model.inputs.forward(xs)
        for i, start in enumerate(state):
            hs = self._forward_layer(i, hs, start, out and out.runs[i])
        self.outputs = model.head.forward(hs)
        self.state = tuple(run.state for run in self.runs)

    def _forward_layer(self, i, xs, start, old_run):
        """y = x + dropout(norm(cell(x))), with those of the terms that the model has."""
        model, names = self.model, self.model.layer_names[i]
        run = self._unroll(i, xs, start, old_run)
        ys, adds_x = run.hs, model.residual and i > 0
        if model.norms or model.dropout or adds_x:
            room = self._room.setdefault(i, np.empty_like(ys))  # ys belongs to the run
        if model.norms:
            ys, self.memos[names.norm] = model.norms[i].forward(ys, self.training, out=room)
        if model.dropout:
            ys, self.memos[names.dropout] = model.dropout.forward(ys, self.training, out=room)
        if adds_x:
            ys = np.add(xs, ys, out=room)
        self.runs.append(run)
        self.hs.append(read_only(ys))
        return self.hs[-1]

    def _backward_layer(self, i, dys, dstate, grads):
        """The same in reverse, -> dxs, dstate: dys is the gradient of both terms of the sum, x and the cell's."""
        model, names = self.model, self.model.layer_names[i]
        dhs = dys
        if model.dropout:
            dhs = model.dropout.backward(dhs, self.memos[names.dropout], None)
        if model.norms:
            dhs = model.norms[i].backward(dhs, self.memos[names.norm], grads.groups[names.norm])
        dxs, grads.groups[names.cell], dstart = self.runs[i].backward(dhs, dstate)
        if model.residual and i > 0:
            dxs += dys
        return dxs, dstart

    def _unroll(self, i, xs, start, old_run):
        try:
            return unroll(self.model.cells[i], xs, start, old_run, segment=self.segment)
        except ValueError:
            if i > 0 and not np.isfinite(xs).all():             # the user's xs are fine, the layer below overflowed
                raise FloatingPointError(f"layer {i} gives out numbers that are not finite: layer {i + 1} cannot read "
                                         f"them") from None
            raise

    def fits(self, xs):
        """Whether this run's arrays have the right shape to be used again for `xs`."""
        return (self.runs[0].n_steps, self.runs[0].batch) == (len(xs), np.shape(xs)[-1])

    def backward(self, doutputs, dstate=None):
        """Backpropagation through the head, the layers and time.

        Args:
            doutputs: (T, n_out, B), the gradient of the loss with respect to `outputs`.
            dstate: the gradient with respect to the final states, one tuple per cell; by default zero.

        Returns:
            dxs, grads, dstate: the gradients with respect to the inputs (None for symbols), to the parameters (a mapping
            with the names of `model.params`) and to the initial states (one tuple per cell).

        Raises:
            TypeError, ValueError: doutputs or dstate do not match the run.
        """
        model = self.model
        doutputs = checks.floats("doutputs", doutputs, model.dtype, self.outputs.shape, "T, outputs, batch", finite=False)
        dstate = _per_cell("dstate", dstate, model)
        grads = model.params.like()
        dhs = model.head.backward(doutputs, self.hs[-1], self.outputs, grads.groups["head"])
        for i in reversed(range(len(self.runs))):
            dhs, dstate[i] = self._backward_layer(i, dhs, dstate[i], grads)
        if model.inputs is not None:
            dhs = model.inputs.backward(dhs, self.xs, self.embedded, grads.groups["inputs"])
        return dhs, grads, tuple(dstate)
