"""How fast the cells are, against what no implementation in NumPy can beat: their matrix products alone.

The floor of a cell is the time of its bare products. Every weight matrix A acts on a vector per column in each step, and
going back there are two products of the same size: A^T da, the gradient of what A read, and the outer products da x^T,
its own gradient. That is three times 2·rows·columns·B floating point operations per step and matrix; the rest of a cell
is element by element. What a run takes beyond the floor is element-wise arithmetic, memory and Python.

A machine that does other work beside is noisy. So everything that is compared is measured in the same process and in
turns, run by run, and a ratio is the median of the ratios of runs that stood side by side.

    from minirnn.bench import benchmark
    print(benchmark(["lstm", "rda"], size="teach"))
"""

import gc
import importlib.util
import math
import os
import platform
import statistics
import time
import tracemalloc
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import __version__, checks
from .cells import CELLS, make_cell
from .tasks import make_task
from .threads import blas_threads
from .train import make_model, train
from .unroll import CHUNK, unroll

FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX"}         # what can be measured beside, by the names of their packages
FRAMEWORKS_FILE = Path(__file__).resolve().parent.parent / "tests" / "frameworks.py"
FAMILIES = ("rnn", "lstm", "gru", "mut1", "indrnn", "rwa", "rda")       # one cell of each, for a figure
TURN = 0.1          # seconds that each takes at least when it is its turn, with as many calls as that needs
FLOOR_LINE = {"linewidth": 0.9, "alpha": 0.7}
REST = 0.1          # seconds between turns, in which the threads of the one before stop looking for work: OpenBLAS's do for 0.05


class Size(NamedTuple):
    """T steps, B columns, D inputs, H units."""

    T: int
    B: int
    D: int
    H: int


SIZES = {"paper": Size(1000, 100, 2, 250), "teach": Size(50, 32, 8, 32)}


def parse_size(size):
    """A `Size` from its name in `SIZES`, from text as in "50,32,8,32", or from four positive integers."""
    wrong = ValueError(f"size is {size!r}, expected {', '.join(SIZES)} or four positive integers T,B,D,H")
    if isinstance(size, str):
        if size in SIZES:
            return SIZES[size]
        size = size.split(",")
    try:
        found = [int(number) if isinstance(number, str) else checks.positive_integer("size", number) for number in size]
    except (TypeError, ValueError):
        raise wrong from None
    if len(found) != 4 or min(found) < 1:
        raise wrong
    return Size(*found)


# ---- the floor -------------------------------------------------------------------------------------------------------

class Floor:
    """A cell's bare matrix products, forward and backward, over a whole sequence: calling `forward` and `backward` does
    them, into arrays that are there already.

    Counted is every stacked parameter of more than one column; a vector acts element by element. The products of a step
    are made one by one, as a cell must make those that depend on its state.

    Attributes: `flops`, the floating point operations of both together.
    """

    def __init__(self, cell, size, rng):
        self.n_steps = size.T
        draw = partial(rng.standard_normal, dtype=np.float32)
        self.products = [(A, draw((A.shape[1], size.B)), draw((A.shape[0], size.B)), np.empty((A.shape[0], size.B), A.dtype),
                          np.empty((A.shape[1], size.B), A.dtype), np.empty_like(A))
                         for A in cell.params.stacked.values() if A.shape[1] > 1]
        self.flops = 3 * sum(2 * A.size * size.B * size.T for A, *_ in self.products)

    def forward(self):
        for _ in range(self.n_steps):
            for A, x, da, a, dx, dA in self.products:
                np.matmul(A, x, out=a)

    def backward(self):
        for _ in range(self.n_steps):
            for A, x, da, a, dx, dA in self.products:
                np.matmul(A.T, da, out=dx)
                np.matmul(da, x.T, out=dA)


# ---- memory ----------------------------------------------------------------------------------------------------------

class Kept(NamedTuple):
    """Bytes that `unroll` keeps of each step, per unit and column: of the states, the memo, and outputs that are no states."""

    states: int
    memo: int
    outs: int


def kept(name, **options):
    """What `unroll` keeps of a cell in float32: a `Kept`. For an LSTM, h and c, five gates, and no outputs: 28 bytes.

    It is seen in one step of the cell with one unit and one column.
    """
    cell = make_cell(name, 1, 1, **options)
    wx, = cell.input_terms(np.zeros((1, 1, 1), cell.dtype))
    new, memo = cell.step(wx, cell.initial_state(1))
    hs = new[0][None]
    outs = cell.output(hs)
    return Kept(sum(a.nbytes for a in new), sum(a.nbytes for a in vars(memo).values()), 0 if outs is hs else outs.nbytes)


def memory_estimate(name, size, segment=None):
    """Bytes that running a cell forward and backward in float32 needs, with inputs, outputs and their gradients.

    Args:
        name: a key of `CELLS`.
        size: as in `benchmark`.
        segment: as in `unroll`.
    """
    T, B, D, H = size = parse_size(size)
    given = (2 * D + H) * T * B * 4                             # xs, dxs, dhs
    return given + _kept_bytes(name, size, segment) + _work_bytes(name, size, segment) + _parameter_bytes(name, size)


def _kept_bytes(name, size, segment):
    T, B, _, H = size
    states, memo, outs = kept(name)
    if segment is None or segment >= T:
        return H * B * ((states + memo + outs) * T + states) + T * object_bytes(name)
    n_segments = -(-T // segment)                               # and the outputs, since h is not kept for all steps
    arrays = H * B * ((outs or 4) * T + (states + memo) * segment + states * (n_segments + 1))
    return arrays + segment * object_bytes(name)


def object_bytes(name):
    """About what Python's own objects take for each step, beside the numbers: a memo, and an array for each name in it."""
    n_arrays = kept(name).memo // 4
    return 400 + 130 * n_arrays if n_arrays else 160


def _work_bytes(name, size, segment):
    """At most what a run works in, which does not grow with T: some arrays of K steps, and some of the parameters' size."""
    n_steps = max(1, min(segment or size.T, CHUNK // (4 * size.H * size.B)))
    n_shares = blas_threads() or 1                              # at most; each has gradients of its own
    return 16 * n_steps * max(size.H, size.D) * size.B * 4 + (3 + n_shares) * _parameter_bytes(name, size) + 2**19


def _parameter_bytes(name, size):
    cell = make_cell(name, 1, 1)
    cell.n_in, cell.n_hidden = size.D, size.H                   # only to ask for shapes: the real one may not fit
    return 4 * (sum(len(stack.names) * math.prod(stack.shape) for stack in cell.stacks()) + size.H * cell.learned_state)


def machine_memory():
    """Bytes of memory that this machine has; None where Python cannot say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def check_memory(name, size, segment=None):
    """The `memory_estimate`; a ValueError that gives it and says what would fit, if that is more than the machine has."""
    needed, there = memory_estimate(name, size, segment), machine_memory()
    if there is None or needed <= there:
        return needed
    root = max(1, round(size.T**0.5))
    fits = []
    if memory_estimate(name, size, root) <= there:
        fits.append(f"segment={root}")
    for axis in "TBH":
        smaller = range(1, getattr(size, axis))
        most = bisect_right(smaller, there, key=lambda n: memory_estimate(name, size._replace(**{axis: n}), segment))
        if most:
            fits.append(f"{axis} = {most}")
    raise ValueError(f"{name} with T,B,D,H = {','.join(map(str, size))} needs about {needed / 1e9:.1f} GB, this machine has "
                     f"{there / 1e9:.1f} GB: {' or '.join(fits) + ' would fit' if fits else 'expected a smaller size'}")


# ---- taking turns ----------------------------------------------------------------------------------------------------

def measure(contestants, runs):
    """Seconds that each contestant takes, measured in turns so that what disturbs one disturbs all.

    Args:
        contestants: name -> a list of functions without arguments, which are called one after the other. Each should have
            been called before, so that no turn pays for what is done once.
        runs: the number of turns.

    Returns:
        name -> (runs, number of functions) array, the seconds of one call of each function.
    """
    checks.positive_integer("runs", runs)
    found = {name: np.zeros((runs, len(functions))) for name, functions in contestants.items()}
    began = {name: _stamps(functions) for name, functions in contestants.items()}
    calls = {name: max(1, round(TURN / max(1e-9, stamps.sum()))) for name, stamps in began.items()}
    for run in range(runs):
        for name, functions in contestants.items():
            time.sleep(REST)
            for _ in range(calls[name]):
                found[name][run] += _stamps(functions) / calls[name]
    return found


def _stamps(functions):
    """The seconds that each function takes, called one after the other."""
    stamps = [time.perf_counter()]
    for function in functions:
        function()
        stamps.append(time.perf_counter())
    return np.diff(stamps)


def _ratio(a, b):
    """The median of how many times longer a took than b, turn by turn."""
    return statistics.median((a / b).tolist())


class Contender:
    """A cell of ours, its inputs and the gradient of its outputs: `forward` and `backward` for `measure`.

    The first run is watched by tracemalloc, which makes it slow; the arrays that it made are used again by all others.

    Attributes: `peak_bytes`, the most that was in use during that run beyond the inputs and `dhs`.
    """

    def __init__(self, cell, xs, dhs, segment=None):
        self.cell, self.xs, self.dhs, self.segment = cell, xs, dhs, segment
        self.run = None
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            self.forward()
            self.backward()
            self.peak_bytes = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()

    def forward(self):
        self.run = unroll(self.cell, self.xs, out=self.run, segment=self.segment)

    def backward(self):
        self.run.backward(self.dhs)


# ---- the benchmark ---------------------------------------------------------------------------------------------------

@dataclass
class Row:
    """One cell. Times are medians, in seconds; `total` is forward + backward, and the floor's is that of its products."""

    cell: str
    forward: float
    total: float
    floor_forward: float
    floor_total: float
    ratio: float | None             # total over floor; None for a cell without matrices
    flops: int                      # of the matrix products, forward and backward
    peak_bytes: int
    kept_bytes: int                 # of which `unroll` keeps this much from forward to backward
    bytes_per_step: int             # of which per step, unit and column
    memory_explained: bool          # the peak is what is kept, the inputs' gradient, and no more work space than fits
    last_ratio: float | None = None             # with gradient="last": total over that with a gradient at every step
    against: dict = field(default_factory=dict)         # framework -> seconds, ratio to ours, note

    @property
    def gflops(self):
        """10⁹ operations of the products in each second of the whole."""
        return self.flops / self.total / 1e9

    def __str__(self):
        floor = "" if self.ratio is None else f", {self.ratio:.2f} times its floor"
        others = "".join(f"; {name} takes {there['ratio']:.2f} times as long" for name, there in self.against.items())
        return f"{1e3 * self.total:.2f} ms{floor}{others}"


@dataclass
class Benchmark:
    """What `benchmark` found. Prints as a table; `as_dict` is for JSON."""

    size: Size
    runs: int
    gradient: str
    segment: int | None
    machine: dict
    rows: list
    notes: list

    def as_dict(self):
        rows = [{**vars(row), "gflops": row.gflops} for row in self.rows]
        return {"size": self.size._asdict(), "runs": self.runs, "gradient": self.gradient, "segment": self.segment,
                "dtype": "float32", "machine": self.machine, "rows": rows, "notes": self.notes}

    def __str__(self):
        frameworks = list(dict.fromkeys(name for row in self.rows for name in row.against))
        last = self.gradient == "last"
        heads = [("cell", 15), ("forward", 9), ("fwd+bwd", 9), ("floor", 9), ("× floor", 8), ("GFLOP/s", 8),
                 ("peak MB", 9), ("bytes", 6), *([("× every", 8)] if last else []),
                 *((head, 9) for name in frameworks for head in (name, "× ours"))]
        lines = [" ".join(f"{head:<{width}}" if head == "cell" else f"{head:>{width}}" for head, width in heads)]
        for row in self.rows:
            numbers = [f"{1e3 * row.forward:.2f}", f"{1e3 * row.total:.2f}", f"{1e3 * row.floor_total:.2f}",
                       "–" if row.ratio is None else f"{row.ratio:.2f}", f"{row.gflops:.1f}", f"{row.peak_bytes / 1e6:.1f}",
                       f"{row.bytes_per_step:g}", *([f"{row.last_ratio:.2f}"] if last else [])]
            for name in frameworks:
                there = row.against.get(name)
                numbers += [f"{1e3 * there['seconds']:.2f}", f"{there['ratio']:.2f}"] if there else ["–", "–"]
            lines.append(" ".join([f"{row.cell:<15}", *(f"{number:>{width}}" for number, (_, width) in zip(numbers, heads[1:]))]))
        return "\n".join([self.header(), "", *lines, "", *self.notes])

    def header(self):
        """What was measured and on what, in a few lines."""
        where = "the last step only" if self.gradient == "last" else "every step"
        T, B, D, H = self.size
        machine = self.machine
        threads = f"{machine['blas_threads']} threads" if machine["blas_threads"] else "its own number of threads"
        packages = "".join(f", {FRAMEWORKS[name]} {version}" for name, version in machine["frameworks"].items())
        segment = f", in segments of {self.segment} steps" if self.segment else ""
        return (f"T = {T} steps, B = {B} columns, D = {D} inputs, H = {H} units, float32; a gradient at {where}{segment}\n"
                f"milliseconds, median of {self.runs} runs in turns\n"
                f"minirnn {machine['minirnn']}, NumPy {machine['numpy']} with {machine['blas']} on {threads}{packages}, "
                f"Python {machine['python']}\n{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
                f"{machine['date']}")


def benchmark(cells=(), size="teach", *, against=(), runs=5, gradient="every", segment=None, seed=0, progress=None):
    """Time cells forward and backward in float32, beside their floor and, if asked, beside other frameworks.

    Args:
        cells: names in `CELLS`; all of them without any.
        size: "paper", "teach", or four positive integers (T, B, D, H).
        against: names in `FRAMEWORKS` to measure the same cells in. One that is not installed is left out, with a note.
        runs: how often each is measured; the median counts.
        gradient: "every": a random gradient arrives at every step; "last": at the last step only, as when a loss is read
            there. It may vanish going back, into numbers so small that a processor is slow with them (subnormals).
            Then both are measured, and `Row.last_ratio` is the one's time over the other's.
        segment: as in `unroll`.
        seed: of weights, inputs and gradients.
        progress: called with a line of text before each cell, which says how much memory it is going to need, and with its
            result after it.

    Returns:
        A `Benchmark`.

    Raises:
        KeyError: unknown cell or framework.
        TypeError, ValueError: a size, a number of runs or a segment that is none; more memory than the machine has.
    """
    names, against = _names(cells, CELLS), [against] if isinstance(against, str) else list(against)
    for name in names:
        checks.lookup("cell", name, CELLS)
    for framework in against:
        checks.lookup("framework", framework, FRAMEWORKS)
    size, runs = parse_size(size), checks.positive_integer("runs", runs)
    checks.choice("gradient", gradient, ("every", "last"))
    if segment is not None:
        segment = min(checks.positive_integer("segment", segment), size.T)
    checks.generator(seed)
    say = progress or (lambda line: None)
    needed = {name: check_memory(name, size, segment) for name in names}
    make_other, versions, notes = _frameworks(against)
    rows = []
    for name in names:
        say(f"{name}: {needed[name] / 1e6:,.0f} MB of memory at most, {runs} runs ...")
        rows.append(_row(name, size, runs, gradient, segment, seed, make_other, list(versions)))
        say(f"{name}: {rows[-1]}")
    return Benchmark(size, runs, gradient, segment, machine(versions), rows, [*_notes(rows, versions), *notes])


def _names(cells, default):
    return ([cells] if isinstance(cells, str) else list(cells)) or list(default)


def _row(name, size, runs, gradient, segment, seed, make_other, frameworks):
    cell, rng = make_cell(name, size.D, size.H, rng=seed), np.random.default_rng(seed)
    xs = rng.standard_normal((size.T, size.D, size.B), np.float32)
    dhs = rng.standard_normal((size.T, size.H, size.B), np.float32)
    every = dhs
    if gradient == "last":
        dhs = np.zeros_like(every)
        dhs[-1] = every[-1]
    ours, floor = Contender(cell, xs, dhs, segment), Floor(cell, size, rng)
    contestants = {"ours": [ours.forward, ours.backward], "floor": [floor.forward, floor.backward]}
    if gradient == "last":
        contestants["every"] = [ours.forward, lambda: ours.run.backward(every)]
    others = {framework: make_other(framework, name, cell, xs, dhs) for framework in frameworks}
    contestants |= {framework: [other] for framework, other in others.items()}
    found = measure(contestants, runs)
    totals = {who: seconds.sum(axis=1) for who, seconds in found.items()}
    medians = {who: statistics.median(seconds.tolist()) for who, seconds in totals.items()}
    kept_bytes = _kept_bytes(name, size, segment)
    rest = ours.peak_bytes - kept_bytes - xs.nbytes             # dxs is as large as xs
    return Row(name, float(np.median(found["ours"][:, 0])), medians["ours"], float(np.median(found["floor"][:, 0])),
               medians["floor"], _ratio(totals["ours"], totals["floor"]) if floor.flops else None, floor.flops,
               ours.peak_bytes, kept_bytes, sum(kept(name)), -xs.nbytes <= rest <= _work_bytes(name, size, segment),
               _ratio(totals["ours"], totals["every"]) if gradient == "last" else None,
               {framework: {"seconds": medians[framework], "ratio": _ratio(totals[framework], totals["ours"]),
                            "note": other.note} for framework, other in others.items()})


def _notes(rows, frameworks):
    notes = ["floor: the cell's matrix products alone, in NumPy. GFLOP/s: those products' operations, in the time of the whole.",
             "peak: all that a run forward and backward allocates. bytes: what it keeps per step, unit and column."]
    if frameworks:
        notes.append("× ours: the framework's time over minirnn's, forward + backward; above 1 minirnn is faster.")
    for framework in frameworks:
        notes += [f"{row.cell} in {framework}: {note}." for row in rows if (note := row.against[framework]["note"])]
    for row in rows:
        if not row.memory_explained:
            notes.append(f"{row.cell}: its peak is {row.peak_bytes / 1e6:.1f} MB, which {row.kept_bytes / 1e6:.1f} MB kept for "
                         f"backward and the usual work space do not explain.")
    return notes


def _frameworks(names):
    """A function that makes a cell in a framework, the versions of those that are there, and a sentence for each that is not."""
    versions, notes = {}, []
    for name in names:
        try:
            versions[name] = import_module(name).__version__
        except (ImportError, OSError) as error:
            notes.append(f"{FRAMEWORKS[name]} is not installed, so it is not measured (import {name}: {error}).")
    if versions and not FRAMEWORKS_FILE.is_file():
        notes.append(f"{', '.join(FRAMEWORKS[name] for name in versions)} cannot be measured: the cells for it are in "
                     f"tests/frameworks.py of the repository, which is not here.")
        versions = {}
    if not versions:
        return None, {}, notes
    spec = importlib.util.spec_from_file_location("frameworks", FRAMEWORKS_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.contestant, versions, notes


# ---- the machine -----------------------------------------------------------------------------------------------------

def machine(frameworks=None):
    """What the numbers depend on: versions, NumPy's BLAS and its threads, the processor. A dict."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"minirnn": __version__, "numpy": np.__version__, "blas": f"{built.get('name')} {built.get('version')}",
            "blas_threads": blas_threads(), "python": platform.python_version(), "processor": processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_bytes": machine_memory(), "system": platform.system(), "frameworks": dict(frameworks or {}),
            "date": date.today().isoformat()}


def processor():
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


# ---- a whole training step -------------------------------------------------------------------------------------------

@dataclass
class TrainingStep:
    """Where the time of a training step goes: medians over steps, in seconds."""

    cell: str
    task: str
    size: Size
    seconds: float
    forward: float
    backward: float
    data: float             # making the batch
    loss: float

    @property
    def share_outside(self):
        """The share of everything but forward and backward."""
        return 1 - (self.forward + self.backward) / self.seconds

    def as_dict(self):
        """For JSON."""
        return {**vars(self), "size": self.size._asdict(), "share_outside": self.share_outside}

    def __str__(self):
        rest = self.seconds - self.forward - self.backward - self.data - self.loss
        return (f"A whole training step of {self.cell} on {self.task} (T = {self.size.T}, B = {self.size.B}, D = {self.size.D}, H = "
                f"{self.size.H}): {1e3 * self.seconds:.2f} ms,\n{self.share_outside:.1%} of it outside forward and backward: "
                f"making the data {self.data / self.seconds:.1%}, the loss {self.loss / self.seconds:.1%}, "
                f"checks, clipping, Adam and metrics {rest / self.seconds:.1%}.")


def training_step(cell="lstm", size="paper", *, task="parity", steps=5, seed=0):
    """Time the steps of `train` on a task, and what of each is model and what is not.

    Args:
        cell: a name in `CELLS`.
        size: as in `benchmark`; D is the task's own.
        task: a name in `TASKS` whose length can be chosen. `parity` has a loss at every step, so most to do outside.
        steps: how many are measured, after one that is not.
        seed: of weights and data.

    Returns:
        A `TrainingStep`.
    """
    size, steps = parse_size(size), checks.positive_integer("steps", steps)
    checks.lookup("cell", cell, CELLS)
    check_memory(cell, size)
    made = make_task(task, length=size.T)
    model = make_model(made, cell, size.H, rng=seed)
    size = size._replace(D=model.cells[0].n_in)
    spent, ends, began = [dict.fromkeys(("forward", "backward", "data", "loss"), 0.0)], [], time.perf_counter()

    def timed(part, function, *given, **options):
        start = time.perf_counter()
        found = function(*given, **options)
        spent[-1][part] += time.perf_counter() - start
        return found

    def forward(*given, **options):
        run = timed("forward", type(model).forward, model, *given, **options)
        run.backward = partial(timed, "backward", type(run).backward, run)
        return run

    def step_ends(step, loss, metrics):
        ends.append(time.perf_counter())
        spent.append(dict.fromkeys(spent[0], 0.0))

    model.forward = forward
    made.loss, made.batch = partial(timed, "loss", made.loss), partial(timed, "data", made.batch)
    train(model, made, steps=steps + 1, batch=size.B, rng=seed, callback=step_ends)
    parts = {part: statistics.median(step[part] for step in spent[1:-1]) for part in spent[0]}
    return TrainingStep(cell, task, size, statistics.median(np.diff(ends).tolist()), **parts)


# ---- how time grows with T, B and H ----------------------------------------------------------------------------------

def sweep(cells=(), size="teach", *, factors=(0.25, 0.5, 1, 2), runs=3, seed=0, progress=None):
    """Time cells and their floors with T, B and H each made smaller and larger by some factors, the others kept.

    Args:
        cells: names in `CELLS`; one of each family without any.
        size, runs, seed, progress: as in `benchmark`.
        factors: what T, B and H are multiplied with, in turn.

    Returns:
        A list of dicts of axis ("T", "B" or "H"), value, cell, seconds and floor; for `bench_figure`.
    """
    size, found = parse_size(size), []
    for axis in "TBH":
        for value in dict.fromkeys(max(1, round(factor * getattr(size, axis))) for factor in factors):
            if progress:
                progress(f"{axis} = {value}")
            result = benchmark(_names(cells, FAMILIES), size._replace(**{axis: value}), runs=runs, seed=seed)
            found += [{"axis": axis, "value": value, "cell": row.cell, "seconds": row.total, "floor": row.floor_total}
                      for row in result.rows]
    return found


def bench_figure(data):
    """Time against T, B and H, with the floor.

    Args:
        data: (size, what `sweep` returned): the size around which T, B and H were changed.
    """
    from .plots import cell_style, figure, tidy
    size, points = data
    fig = figure(11.5, 4.6)
    fig.suptitle("What a run forward and backward takes, beside its matrix products alone", fontsize=12.5, x=0.01, ha="left",
                 weight="bold")
    panels = fig.subplots(1, 3, sharey=True)
    words = {"T": "T, steps", "B": "B, columns (sequences at once)", "H": "H, hidden units"}
    for axes, axis in zip(panels, words):
        for name in dict.fromkeys(point["cell"] for point in points):
            line = [point for point in points if point["cell"] == name and point["axis"] == axis]
            values = [point["value"] for point in line]
            axes.plot(values, [1e3 * point["seconds"] for point in line], **cell_style(name), markersize=5, label=name)
            axes.plot(values, [1e3 * point["floor"] or np.nan for point in line], color=cell_style(name)["color"], **FLOOR_LINE)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(values, [f"{value}" for value in values])
        axes.xaxis.minorticks_off()
        others = ", ".join(f"{other} = {getattr(size, other)}" for other in "TBDH" if other != axis)
        tidy(axes, others, words[axis], "forward + backward (ms)" if axis == "T" else None)
    panels[0].plot([], [], color="#777777", **FLOOR_LINE, label="the products alone")
    panels[0].legend(frameon=False, fontsize=9)
    return fig
