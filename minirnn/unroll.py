"""The loop over time: one for all cells, forward and backward.

A cell is one step (see `cells/cell.py`). `unroll` takes it through a sequence and keeps what each step saw, and
`Run.backward` takes it back through the same steps in reverse: backpropagation through time.

What makes it fast is here, so that no cell needs to know of it:

- The matrix products that do not depend on the state are done for K steps at a time: W x before those steps, and the
  sums da x^T and da h^T after them. Fewer, larger products keep the processor busier than many small ones.
- A run keeps its arrays, and `out=` writes into them again. Asking the operating system for fresh memory in every
  training step costs as much as the forward pass itself.
- Arrays of a few hundred kilobytes, which every step makes and drops, are served from memory that the process already
  has (see `np.empty` below), for the same reason.
- Small products run on one thread (see `threads.py`).
- A gradient that vanishes does not stop at zero. It passes through numbers too small for the processor's fast path
  (subnormals), where each operation takes many times as long. They are set to zero every few steps.
"""

import numpy as np

from . import checks
from .cells.cell import Memo
from .threads import threads_for

CHUNK = 2**20       # pre-activations held at once: K steps' worth. Small enough for the cache, large enough for products

FLUSH = 32          # steps back in time, after which gradients on their way into the subnormals are set to zero

# The GNU C library hands large freed blocks back to the operating system, which clears them before it gives them out
# again: one step of an LSTM would pay for that a dozen times. The library calls "large" whatever is larger than the
# largest such block it has seen freed, up to 32 MiB. So it is shown one, whose memory is never touched.
_block = np.empty(31 * 2**20, np.uint8)
del _block


def unroll(cell, xs, state=None, out=None, *, segment=None, progress=None):
    """Run a cell over a sequence.

    What backward needs of every step, the states and the intermediates, grows with T and is most of the memory that
    training takes. With `segment=k` it is kept for k steps only, and the state at the start of each k steps: backward then
    runs each segment forward once more before going back through it. Same gradients, half as much time again, and memory
    that grows with T/k + k (least near k = sqrt(T)), beside the inputs, outputs and their gradients (Chen et al. 2016,
    Training deep nets with sublinear memory cost).

    Args:
        cell: a `Cell`.
        xs: (T, D, B) floats, the inputs; taken in the cell's dtype. Not copied: change them only after `backward`.
        state: the state to start from, a tuple of (H, B) arrays in the order of `cell.state_names`; the cell's own
            initial state without it.
        out: an earlier run of this cell over as many steps and columns (and of the same segment), whose arrays are to be
            used again. The earlier run is then gone. Without it every run has arrays of its own.
        segment: k, the steps to keep intermediates for; all T without it.
        progress: called as progress(steps_done, T) every so many steps, here and in `Run.backward`.

    Returns:
        A `Run`.

    Raises:
        TypeError: xs or state are not floating point.
        ValueError: wrong shape, an empty sequence or batch, NaN or infinity, an `out` that does not fit, segment < 1.
    """
    xs = np.asarray(xs)
    if xs.ndim != 3:
        raise ValueError(f"xs has shape {xs.shape}, expected three axes (T, features, batch)")
    if xs.shape[1] != cell.n_in:
        raise ValueError(f"xs has {xs.shape[1]} features, the cell reads {cell.n_in} (xs is (T, features, batch))")
    if not xs.shape[0]:
        raise ValueError(f"xs has shape {xs.shape}, expected at least one step (xs is (T, features, batch))")
    if not xs.shape[2]:
        raise ValueError(f"xs has shape {xs.shape}, expected at least one column (xs is (T, features, batch))")
    xs = checks.floats("xs", xs, cell.dtype)
    if state is not None:
        state = _checked_state("state", state, cell, xs.shape[2])
    segment = len(xs) if segment is None else min(checks.positive_integer("segment", segment), len(xs))
    if out is None:
        out = Run(cell, len(xs), xs.shape[2], segment)
    elif not isinstance(out, Run) or out.cell is not cell:
        raise ValueError(f"out is {out!r}, expected an earlier run of this cell")
    elif (out.n_steps, out.batch) != (len(xs), xs.shape[2]):
        raise ValueError(f"out holds {out.n_steps} steps of {out.batch} columns, xs has {len(xs)} of {xs.shape[2]}")
    elif out.segment != segment:
        raise ValueError(f"out keeps segments of {out.segment} steps, expected those of {segment} that are asked for")
    out._progress = progress or (lambda done, n_steps: None)
    with threads_for(out.n_multiplications):
        out._forward(xs, state)
    return out


def _checked_state(name, state, cell, batch):
    names = cell.state_names
    if isinstance(state, np.ndarray) or not hasattr(state, "__len__") or len(state) != len(names):
        described = f"{len(state)} arrays" if isinstance(state, (tuple, list)) else f"a {type(state).__name__}"
        raise ValueError(f"{name} is {described}, expected a tuple of {len(names)}: ({', '.join(names)})")
    shape = (cell.n_hidden, batch)
    return tuple(checks.floats(f"{name}[{i}] ({component})", array, cell.dtype, shape, "hidden units, batch")
                 for i, (component, array) in enumerate(zip(names, state)))


class Run:
    """What a cell did over a sequence: every state and every named intermediate, and the way back.

    Attributes:
        hs: (T, H, B), what the next layer reads; not writable.
        state: the final state, a tuple of (H, B) arrays; not writable.
        start: the state that the run started from, likewise.
        names: what `run[name]` can show. `run["f"]` is (T, ..., B): the gate f, or the state of that name, after each
            step. A run with `segment=k` keeps neither for all T steps, so there `run[name]` is a ValueError; use `hs`.
    """

    def __init__(self, cell, n_steps, batch, segment):
        self.cell, self.n_steps, self.batch, self.segment = cell, n_steps, batch, segment
        self.n_chunk = max(1, min(segment, CHUNK // (4 * cell.n_hidden * batch)))
        shape = (cell.n_hidden, batch)
        self._states = {name: np.empty((segment + 1, *shape), cell.dtype) for name in cell.state_names}
        self._starts = [np.empty((-(-n_steps // segment), *shape), cell.dtype) for _ in cell.state_names]
        self._memos = None              # name -> (segment, ..., B), made when the first step has shown its memo
        self._outs = None               # (T, H, B), where the outputs are not simply all the states h
        self._dwxs = None               # (G, K, B), work space of the backward pass
        self._in_room = None            # which segment the states and memos are those of

    @property
    def n_multiplications(self):
        """In the largest product of a step: a rough measure, all of the cell's parameters times the columns."""
        return self.cell.n_params * self.batch

    # ---- forward -----------------------------------------------------------------------------------------------------

    def _forward(self, xs, state):
        self.xs, self._own_start = xs, state is None
        old = self.cell.initial_state(self.batch) if state is None else state
        for s in range(len(self._starts[0])):
            for kept, value in zip(self._starts, old):          # a copy: the caller's arrays may be those of this very run
                kept[s] = value
            self._forward_segment(s, keep_outs=True)
            old = tuple(kept[self._steps(s).stop - s * self.segment] for kept in self._states.values())
        self.hs = _read_only(self._states["h"][1:] if self._outs is None else self._outs)
        self.state = tuple(_read_only(a.copy() if len(self._starts[0]) > 1 else a) for a in old)
        self.start = tuple(_read_only(kept[0]) for kept in self._starts)

    def _steps(self, s):
        """The steps of segment s, as a slice."""
        return slice(s * self.segment, min((s + 1) * self.segment, self.n_steps))

    def _forward_segment(self, s, keep_outs=False):
        """The steps of segment s, from its start, into the room for one segment."""
        cell, steps, states = self.cell, self._steps(s), list(self._states.values())
        for kept, start in zip(states, self._starts):
            kept[0] = start[s]
        old = tuple(start[s].copy() for start in self._starts)
        for first in range(steps.start, steps.stop, self.n_chunk):
            wxs = cell.input_terms(self.xs[first:min(first + self.n_chunk, steps.stop)])
            for t, wx in enumerate(wxs, first - steps.start):
                new, memo = cell.step(wx, old)
                if self._memos is None:
                    self._make_room(new, memo)
                for kept, value in zip(states, new):
                    kept[t + 1] = value
                for name, value in vars(memo).items():
                    self._memos[name][t] = value
                old = new
            if keep_outs:
                self._keep_outs(first, self._states["h"][t + 2 - len(wxs):t + 2])
                self._progress(first + len(wxs), self.n_steps)
        self._in_room = s

    def _keep_outs(self, first, h):
        outs = self.cell.output(h)
        if outs is not h or self.segment < self.n_steps:
            if self._outs is None:
                self._outs = np.empty((self.n_steps, *h.shape[1:]), h.dtype)
            self._outs[first:first + len(h)] = outs

    def _make_room(self, new, memo):
        """After the first step: is it what the contract says? Then room for T of them."""
        cell = self.cell
        if not isinstance(new, tuple) or len(new) != len(cell.state_names):
            raise ValueError(f"step returned {_described(new)} as the new state, expected a tuple of "
                             f"{len(cell.state_names)}: ({', '.join(cell.state_names)})")
        for name, value in zip(cell.state_names, new):
            if np.shape(value) != (cell.n_hidden, self.batch):
                raise ValueError(f"step returned {name} with shape {np.shape(value)}, expected "
                                 f"{(cell.n_hidden, self.batch)} (hidden units, batch)")
            if value.dtype != cell.dtype:
                raise TypeError(f"step returned {name} as {value.dtype}, the cell computes in {cell.dtype}")
        if not isinstance(memo, Memo):
            raise TypeError(f"step returned {_described(memo)} as the memo, expected a Memo")
        self._memos = {}
        for name, value in vars(memo).items():
            if not isinstance(value, np.ndarray):
                raise TypeError(f"step noted {name} as {_described(value)}, expected an array")
            self._memos[name] = np.empty((self.segment, *value.shape), value.dtype)

    # ---- reading -----------------------------------------------------------------------------------------------------

    @property
    def names(self):
        return list(dict.fromkeys([*self._states, *self._memos, *self.cell.derived]))

    def __getitem__(self, name):
        if name in self.names and self.segment < self.n_steps:
            raise ValueError(f"{name!r} is not kept: the run keeps {self.segment} of its {self.n_steps} steps at a time "
                             f"(segment={self.segment}); run.hs, run.state and run.start are there")
        if name in self._states:
            return _read_only(self._states[name][1:])
        if name in self._memos:
            return _read_only(self._memos[name])
        if name in self.cell.derived:
            return self.cell.derived[name](self)
        raise KeyError(f"the run has no {name!r}, expected one of {', '.join(self.names)}")

    def __repr__(self):
        return f"Run of {self.cell!r}: {self.n_steps} steps, {self.batch} columns, names {', '.join(self.names)}"

    # ---- backward ----------------------------------------------------------------------------------------------------

    def backward(self, dhs, dstate=None):
        """Backpropagation through time.

        Args:
            dhs: (T, H, B), the gradient of the loss with respect to `hs`.
            dstate: the gradient with respect to the final state, a tuple like `state`; zero without it.

        Returns:
            dxs, grads, dstate: the gradients with respect to the inputs (T, D, B), to the parameters (a mapping with
            the names of `cell.params`) and to the initial state (a tuple). If the run started from the cell's own
            initial state, a learned s has its gradient in grads.

        Raises:
            TypeError, ValueError: dhs or dstate do not match the run.
        """
        cell = self.cell
        dhs = checks.floats("dhs", dhs, cell.dtype, self.hs.shape, "T, hidden units, batch", finite=False)
        if dstate is None:
            carried = tuple(np.zeros((cell.n_hidden, self.batch), cell.dtype) for _ in cell.state_names)
        else:
            carried = _checked_state("dstate", dstate, cell, self.batch)
        with threads_for(self.n_multiplications):
            return self._backward(dhs, carried)

    def _backward(self, dhs, carried):
        cell, dxs, grads = self.cell, np.empty_like(self.xs), self.cell.params.like()
        for s in reversed(range(len(self._starts[0]))):
            steps = self._steps(s)
            if self._in_room != s:
                self._forward_segment(s)
            for first in reversed(range(steps.start, steps.stop, self.n_chunk)):
                chunk = slice(first, min(first + self.n_chunk, steps.stop))
                carried, dxs[chunk] = self._backward_chunk(chunk, steps.start, dhs, carried, grads)
                self._progress(self.n_steps - first, self.n_steps)
        if self._own_start:
            cell.initial_state_backward(carried, grads)
        return dxs, grads, carried

    def _backward_chunk(self, chunk, room_start, dhs, carried, grads):
        """K steps in reverse: the gradients of the state before them and of their inputs; adds to `grads`."""
        cell, states = self.cell, list(self._states.values())
        dhs = cell.output_backward(dhs[chunk], self.hs[chunk])
        room = slice(chunk.start - room_start, chunk.stop - room_start)
        new = tuple(kept[room.stop] for kept in states)
        for k in reversed(range(len(dhs))):
            t = room.start + k
            old = tuple([kept[t] for kept in states])
            memo = Memo(**{name: kept[t] for name, kept in self._memos.items()})
            dh, *others = carried
            dwx, carried = cell.step_backward((dh + dhs[k], *others), old, new, memo)
            if self._dwxs is None:
                self._dwxs = np.empty((len(dwx), self.n_chunk, self.batch), cell.dtype)
            self._dwxs[:, k] = dwx
            if k % FLUSH == 0:
                carried = _flushed(carried)
            new = old
        # Laid out as (G, K, B), the K steps stand side by side: `columns` then needs no copy.
        dwxs = self._dwxs[:, :len(dhs)].transpose(1, 0, 2)
        olds = tuple(kept[room] for kept in states)
        memos = Memo(**{name: kept[room] for name, kept in self._memos.items()})
        return carried, cell.weight_gradients(dwxs, self.xs[chunk], olds, memos, grads)


def _flushed(arrays):
    """Numbers on their way into the subnormals, set to zero."""
    floor = 1e8 * np.finfo(arrays[0].dtype).tiny
    return tuple(a * (np.abs(a) >= floor) for a in arrays)


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


def _described(value):
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
