"""The loop over time: one for all cells, forward and backward.

A cell is one step (see `cells/cell.py`). `unroll` applies it to a whole sequence and keeps the states and memos of all
steps. `Run.backward` goes through the same steps in reverse: this is backpropagation through time.

Everything that makes it fast is here, so that no cell needs to know of it:

- The matrix products that do not depend on the state are computed for K steps at a time: W x before those steps, and the
  sums of da x^T and da h^T after them. A few large products keep the processor busier than many small ones.
- A run keeps its arrays, and `out=` uses them again. Asking the operating system for fresh memory in every training step
  makes a forward pass a quarter to a third longer (notebook 11). The arrays of a memo are kept without copying them; in
  the next run, the memo of the same step takes their place.
- Every step makes arrays of a few hundred kilobytes. For the same reason they come from memory that the process already
  has (see `np.empty` below).
- The columns of a wide batch are shared among the processor's cores, with a thread for each core. A small network runs on
  a single thread (see `threads.py`).
- A gradient that vanishes does not jump to zero. On its way it becomes subnormal, too small for the processor's fast path,
  and on some processors every operation then takes many times as long. So such numbers are set to zero every few steps.
"""

from concurrent.futures import wait

import numpy as np

from . import checks
from .cells.cell import Cell, Memo
from .returned import check_state, described, pair
from .threads import n_shares, threads_for, workers

CHUNK = 2**20       # K steps are those whose pre-activations are this many numbers: they fit the cache, and make large products

FLUSH = 32          # after this many steps back in time, gradients that are about to become subnormal are set to zero

# The GNU C library returns large freed blocks to the operating system, which has to clear them before anybody gets them
# again. One step of an LSTM would pay for that a dozen times. But the library raises its threshold for "large" to the size of
# the largest such block that it has seen freed, up to 32 MiB. So we allocate one and free it, without ever touching it.
_block = np.empty(31 * 2**20, np.uint8)
del _block


def unroll(cell, xs, state=None, out=None, *, segment=None, progress=None):
    """Run a cell over a sequence.

    The backward pass needs the states and the memos of all steps. They grow with T and are most of the memory that training
    takes. With `segment=k` the sequence is divided into segments of k steps. The run keeps all of this for one segment only,
    and for the others just the state at their start; backward runs each segment forward once more before going back through
    it. The gradients are the same. It takes at most half as much time again, and memory that grows with T/k + k, which is
    least near k = sqrt(T); the inputs, the outputs and their gradients come on top (Chen et al. 2016, Training deep nets
    with sublinear memory cost).

    Args:
        cell: a `Cell`.
        xs: (T, D, B) floats, the inputs, converted to the cell's dtype if need be. Not copied otherwise, so do not change them
            before `backward`.
        state: the state to start from, a tuple of (H, B) arrays in the order of `cell.state_names`; by default the cell's
            own initial state.
        out: an earlier run of this cell over as many steps and columns (and with the same segment), whose arrays are to be
            used again. The earlier run is then lost. Without `out` every run has arrays of its own.
        segment: k, the number of steps in a segment; by default the whole sequence is one.
        progress: called as progress(steps_done, T) from time to time, here and in `Run.backward`.

    Returns:
        A `Run`.

    Raises:
        TypeError: cell is no cell, xs or state are not floating point or have masked values.
        ValueError: wrong shape, an empty sequence or batch, NaN or infinity, numbers beyond the range of the cell's dtype, an
            `out` that does not fit, segment < 1.
    """
    if not isinstance(cell, Cell):
        raise TypeError(f"cell is {checks.shown(cell)}, expected a Cell (see make_cell)")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress is {checks.shown(progress)}, expected a function")
    xs = checks.array("xs", xs)
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
        raise ValueError(f"out is {checks.shown(out)}, expected an earlier run of this cell")
    elif (out.n_steps, out.batch) != (len(xs), xs.shape[2]):
        raise ValueError(f"out holds {out.n_steps} steps of {out.batch} columns, xs has {len(xs)} of {xs.shape[2]}")
    elif out.segment != segment:
        raise ValueError(f"out keeps segments of {out.segment} steps, expected those of {segment} that are asked for")
    out.progress = progress or (lambda done, n_steps: None)
    with threads_for([cell], out.batch):
        out.again(xs, state)
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
    """A cell's run over a sequence: every state, every named intermediate, and `backward` for their gradients.

    Attributes:
        hs: (T, H, B), what the next layer reads; not writable.
        state: the final state, a tuple of (H, B) arrays; not writable.
        start: the state that the run started from, likewise.
        names: the names that `run[name]` knows. `run["f"]` is (T, ..., B): the gate f, or the state of that name, after each
            step. A run with `segment=k` keeps neither for all T steps, so there `run[name]` raises ValueError; use `hs`.
    """

    def __init__(self, cell, n_steps, batch, segment):
        self.cell, self.n_steps, self.batch, self.segment = cell, n_steps, batch, segment
        self.n_chunk = max(1, min(segment, CHUNK // (4 * cell.n_hidden * batch)))
        shape = (cell.n_hidden, batch)
        self._states = {name: np.zeros((segment + 1, *shape), cell.dtype) for name in cell.state_names}
        self._starts = [np.empty((-(-n_steps // segment), *shape), cell.dtype) for _ in cell.state_names]
        h = self._states["h"][:1]
        shows_h = cell.output(h) is h and segment == n_steps    # then the outputs are the states h, which the run keeps anyway
        self._outs = None if shows_h else np.empty((n_steps, *shape), cell.dtype)
        edges = np.linspace(0, batch, n_shares(cell, batch) + 1).astype(int)
        self._shares = [Share(slice(*pair), self) for pair in zip(edges, edges[1:])]
        self._shown = {}                # name -> what run[name] gave

    # ---- forward -----------------------------------------------------------------------------------------------------

    def again(self, xs, state):
        """Run over other inputs of the same shape, in the same arrays. `unroll` has checked the arguments."""
        self.xs, self._own_start = xs, state is None
        self._shown.clear()
        for kept, value in zip(self._starts, self.cell.initial_state(self.batch) if state is None else state):
            kept[0] = value                                     # a copy, because the caller's arrays may be this run's own
        for k, share in enumerate(self._shares):
            share.cell = self.cell.twin() if k else self.cell   # so that what a method stores in the object stays in its thread
        self._each(lambda share, tick: share.forward(xs[..., share.columns], self.n_chunk, tick))
        self.hs = read_only(self._states["h"][1:] if self._outs is None else self._outs)
        last = self.n_steps - (len(self._starts[0]) - 1) * self.segment
        ends = [kept[last] for kept in self._states.values()]   # of the last segment; other segments will overwrite it
        self.state = tuple(read_only(a.copy() if self.segment < self.n_steps else a) for a in ends)
        self.start = tuple(read_only(kept[0]) for kept in self._starts)

    def _each(self, call):
        """Call call(share, tick) for every share of the columns, each on a thread of its own. Returns a list of the results."""
        first, *others = self._shares
        if not others:
            return [call(first, self.progress)]
        failed, settings = [], np.geterr()

        def tick(done, n_steps):
            if failed:
                raise KeyboardInterrupt("another thread has stopped")

        def alone(share):
            with np.errstate(**settings):
                return call(share, tick)

        waiting = [workers().submit(alone, share) for share in others]
        try:
            return [call(first, self.progress), *(other.result() for other in waiting)]
        except BaseException:
            failed.append(True)
            raise
        finally:
            wait(waiting)                                       # from here on, no thread writes into this run's arrays

    # ---- reading -----------------------------------------------------------------------------------------------------

    @property
    def names(self):
        return list(dict.fromkeys([*self._states, *self._shares[0].noted, *self.cell.derived]))

    def __getitem__(self, name):
        if name in self.names and self.segment < self.n_steps:
            raise ValueError(f"{checks.shown(name)} is not kept: the run keeps {self.segment} of its {self.n_steps} steps at a time "
                             f"(segment={self.segment}); run.hs, run.state and run.start are there")
        if name in self._states:
            return read_only(self._states[name][1:])
        if name in self._shares[0].noted:
            if name not in self._shown:
                self._shown[name] = np.concatenate([getattr(StackedMemos(share.memos), name) for share in self._shares], axis=-1)
            return read_only(self._shown[name])
        if name in self.cell.derived:
            return self.cell.derived[name](self)
        raise KeyError(f"the run has no {checks.shown(name)}, expected one of {', '.join(self.names)}")

    def __repr__(self):
        return f"Run of {self.cell!r}: {self.n_steps} steps, {self.batch} columns, names {', '.join(self.names)}"

    # ---- backward ----------------------------------------------------------------------------------------------------

    def backward(self, dhs, dstate=None):
        """Backpropagation through time.

        Args:
            dhs: (T, H, B), the gradient of the loss with respect to `hs`.
            dstate: the gradient with respect to the final state, a tuple like `state`; by default zero.

        Returns:
            dxs, grads, dstate: the gradients with respect to the inputs (T, D, B), to the parameters (a mapping with
            the names of `cell.params`) and to the initial state (a tuple). If the run started from the cell's own
            initial state and that is learned, the gradient of its parameter s is in grads, too.

        Raises:
            TypeError, ValueError: dhs or dstate do not match the run.
        """
        cell = self.cell
        dhs = checks.floats("dhs", dhs, cell.dtype, self.hs.shape, "T, hidden units, batch", finite=False)
        if dstate is None:
            carried = tuple(np.zeros((cell.n_hidden, self.batch), cell.dtype) for _ in cell.state_names)
        else:
            carried = _checked_state("dstate", dstate, cell, self.batch)
        with threads_for([cell], self.batch):
            return self._backward(dhs, carried)

    def _backward(self, dhs, carried):
        dxs = np.empty_like(self.xs)
        (grads, carried), *others = self._each(lambda share, tick: share.backward(
            dhs[..., share.columns], tuple(a[:, share.columns] for a in carried), dxs[..., share.columns], self.n_chunk, tick))
        for theirs, _ in others:
            grads.flat += theirs.flat
        if others:
            carried = tuple(np.concatenate(pieces, axis=1) for pieces in zip(carried, *(pieces for _, pieces in others)))
        if self._own_start:
            self.cell.initial_state_backward(carried, grads)
        return dxs, grads, carried


class Share:
    """Some of a batch's columns, through the whole sequence and back. This is the loop over time.

    An example never reads another example of its batch. So all shares can go through the sequence at the same time, each on
    a thread of its own, and need not wait for each other before the end. Where one share is enough, it has all the columns.

    A share's states are views of the run's arrays, so they need not be joined afterwards. The memos are kept as `step`
    returned them, without a copy.
    """

    def __init__(self, columns, run):
        self.columns, self.n_steps, self.segment = columns, run.n_steps, run.segment
        self.states, self.starts = [[a[..., columns] for a in arrays] for arrays in (run._states.values(), run._starts)]
        self.outs = None if run._outs is None else run._outs[..., columns]
        self.memos = [None] * run.segment
        self.noted = ()                 # the names in a memo
        self.copied = ()                # those of them whose arrays must be copied
        self._n_seen = 0                # how many steps `_look_at` has seen
        self._dwxs = None               # (G, K, B), work space of the backward pass
        self._in_room = None            # the segment that the states and memos belong to

    def forward(self, xs, n_chunk, tick):
        self.xs = xs
        for s in range(len(self.starts[0])):
            self._segment(s, n_chunk, tick)
            if s + 1 < len(self.starts[0]):
                for kept, start in zip(self.states, self.starts):
                    start[s + 1] = kept[self.segment]

    def _steps(self, s):
        """The steps of segment s, as a slice."""
        return slice(s * self.segment, min((s + 1) * self.segment, self.n_steps))

    def _segment(self, s, n_chunk, tick=None):
        """Run the steps of segment s, from its start, and keep their states and memos."""
        cell, step, steps, states, memos = self.cell, type(self.cell).step, self._steps(s), self.states, self.memos
        for kept, start in zip(states, self.starts):
            kept[0] = start[s]
        old = tuple(start[s].copy() for start in self.starts)
        for first in range(steps.start, steps.stop, n_chunk):
            wxs = cell.input_terms(self.xs[first:min(first + n_chunk, steps.stop)])
            for t, wx in enumerate(wxs, first - steps.start):
                returned = step(cell, wx, old)
                if self._n_seen < 2:
                    self._look_at(returned)
                new, memo = returned
                for name in self.copied:
                    setattr(memo, name, getattr(memo, name).copy())
                for kept, value in zip(states, new):
                    kept[t + 1] = value
                memos[t] = memo
                old = new
            if tick:
                if self.outs is not None:
                    self.outs[first:first + len(wxs)] = cell.output(states[0][t + 2 - len(wxs):t + 2])
                tick(first + len(wxs), self.n_steps)
        self._in_room = s

    def _look_at(self, returned):
        """Check that the first step keeps the contract, and find out which arrays of a memo must be copied.

        An array must be copied if it is a part of a larger one, which would otherwise be kept as a whole, or if the next
        step uses the same memory again.
        """
        new, memo = pair("step", returned, "new state, memo")
        if not self._n_seen:
            self._check(new, memo)
        noted, self._n_seen = vars(memo), self._n_seen + 1
        if self._n_seen == 2:
            reused = any(np.may_share_memory(a, b) for a, b in zip(self._first.values(), noted.values()))
            self.copied = tuple(noted) if reused else tuple(name for name, a in noted.items() if _is_part(a, noted))
            del self._first
            return
        self._first, self.copied, self.noted = dict(noted), tuple(noted), tuple(noted)

    def _check(self, new, memo):
        check_state("step", "the new state", self.cell.state_names, new, self.states[0].shape[1:], self.cell.dtype)
        if not isinstance(memo, Memo):
            raise TypeError(f"step returned {described(memo)} as the memo, expected a Memo")
        for name, value in vars(memo).items():
            if not isinstance(value, np.ndarray):
                raise TypeError(f"step noted {name} as {described(value)}, expected an array")

    def backward(self, dhs, carried, dxs, n_chunk, tick):
        """Returns the gradients of the parameters and of the initial state. The gradient of the inputs is written to dxs."""
        grads = self.cell.params.like()
        for s in reversed(range(len(self.starts[0]))):
            steps = self._steps(s)
            if self._in_room != s:
                self._segment(s, n_chunk)
            for first in reversed(range(steps.start, steps.stop, n_chunk)):
                chunk = slice(first, min(first + n_chunk, steps.stop))
                carried, dxs[chunk] = self._backward_chunk(chunk, steps.start, dhs[chunk], carried, grads, n_chunk)
                tick(self.n_steps - first, self.n_steps)
        return grads, carried

    def _backward_chunk(self, chunk, room_start, dhs, carried, grads, n_chunk):
        """K steps in reverse. Returns the gradients of the state before them and of their inputs, and adds to `grads`."""
        cell, states, memos = self.cell, self.states, self.memos
        room = slice(chunk.start - room_start, chunk.stop - room_start)
        dhs = cell.output_backward(dhs, states[0][room.start + 1:room.stop + 1] if self.outs is None else self.outs[chunk])
        new = tuple(kept[room.stop] for kept in states)
        for k in reversed(range(len(dhs))):
            t = room.start + k
            old = tuple([kept[t] for kept in states])
            dh, *others = carried
            dwx, carried = cell.step_backward((dh + dhs[k], *others), old, new, memos[t])
            if self._dwxs is None or self._dwxs.shape[1] < len(dhs):
                self._dwxs = np.empty((len(dwx), n_chunk, dwx.shape[1]), cell.dtype)
            self._dwxs[:, k] = dwx
            if k % FLUSH == 0:
                carried = _flushed(carried)
            new = old
        # _dwxs is laid out as (G, K, B), so that the K steps stand side by side and `columns` needs no copy.
        dwxs = self._dwxs[:, :len(dhs)].transpose(1, 0, 2)
        olds = tuple(kept[room] for kept in states)
        return carried, cell.weight_gradients(dwxs, self.xs[chunk], olds, StackedMemos(memos[room]), grads)


class StackedMemos(Memo):
    """The memos of many steps as one, with time in front. Each is stacked on first access."""

    def __init__(self, memos):
        vars(self)["memos"] = memos

    def __getattr__(self, name):
        found = np.stack([getattr(memo, name) for memo in vars(self)["memos"]])
        setattr(self, name, found)
        return found


def _is_part(array, noted):
    """Whether an array is a view of a larger one that is not in the memo as a whole."""
    whole = array if array.base is None else array.base
    return getattr(whole, "nbytes", 0) > sum(a.nbytes for a in noted.values() if a is whole or a.base is whole)


def _flushed(arrays):
    """The arrays, with numbers that are about to become subnormal set to zero."""
    floor = 1e8 * np.finfo(arrays[0].dtype).tiny
    return tuple(a * (np.abs(a) >= floor) for a in arrays)


def read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view
