"""How fast the cells are, compared with what no implementation in NumPy can beat: their matrix products alone.

The floor of a cell is the time of its bare products. In each step, every weight matrix A multiplies a matrix x of B columns.
The backward pass has two products of the same size: A^T da, the gradient of x, and da x^T, the gradient of A. That makes
three times 2·rows·columns·B floating point operations per step and matrix. The rest of a cell is element by element. So the
time of a run beyond the floor goes to element-wise arithmetic, memory and Python.

A machine that also does other work is noisy. So everything that is compared is measured in the same process and in turns,
run by run, and a ratio is the median of the ratios of neighbouring runs.

    from minirnn.bench import benchmark
    print(benchmark(["lstm", "rda"], size="teach"))
"""

import importlib.util
import statistics
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np

from .. import checks
from ..cells import CELLS, make_cell
from ..memory import check_memory, kept, kept_bytes, work_bytes
from .contenders import Contender, Floor
from .environment import FRAMEWORKS, machine
from .sizes import Size, parse_size
from .turns import measure, median_ratio

FRAMEWORKS_FILE = Path(__file__).resolve().parents[2] / "tests" / "frameworks.py"
FAMILIES = ("rnn", "lstm", "gru", "mut1", "indrnn", "rwa", "rda")       # one cell of each, for a figure


@dataclass
class Timing:
    """One cell. Times are medians, in seconds; `total` is forward + backward, and the floor's is that of its products."""

    cell: str
    forward: float
    total: float
    floor_forward: float
    floor_total: float
    ratio: float | None             # total over floor; None for a cell without matrices
    flops: int                      # of the matrix products, forward and backward
    peak_bytes: int
    kept_bytes: int                 # what `unroll` keeps from forward to backward
    bytes_per_step: int             # the same per step, unit and column
    memory_explained: bool          # whether the peak is what is kept, the inputs' gradient and the expected work space
    last_ratio: float | None = None             # with gradient="last": total, over the total with a gradient at every step
    against: dict = field(default_factory=dict)         # framework -> seconds, ratio to ours, note

    @property
    def gflops(self):
        """The products' operations, in units of 10⁹, per second of the total time."""
        return self.flops / self.total / 1e9

    def __str__(self):
        floor = "" if self.ratio is None else f", {self.ratio:.2f} times its floor"
        others = "".join(f"; {name} takes {there['ratio']:.2f} times as long" for name, there in self.against.items())
        return f"{1e3 * self.total:.2f} ms{floor}{others}"


@dataclass
class Benchmark:
    """The results of `benchmark`. Prints as a table; `as_dict` is for JSON."""

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
    """Time cells forward and backward in float32, together with their floor and, if you like, with other frameworks.

    Args:
        cells: names in `CELLS`; by default all of them.
        size: "paper", "teach", or four positive integers (T, B, D, H).
        against: names in `FRAMEWORKS` to measure the same cells in. One that is not installed is left out, with a note.
        runs: how often each is measured; the result is the median.
        gradient: "every": the loss depends on every step; "last": on the last step only. In that case the gradient may
            vanish on its way back, into numbers so small that some processors are slow with them (subnormals). So with
            "last" both are measured, and `Timing.last_ratio` is the ratio of their times.
        segment: as in `unroll`.
        seed: of weights, inputs and gradients.
        progress: called with a line of text before each cell, which says how much memory it needs, and with its result
            afterwards.

    Returns:
        A `Benchmark`.

    Raises:
        KeyError: unknown cell or framework.
        TypeError, ValueError: a bad size, number of runs or segment; a size that needs more memory than the machine has.
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
    needed = kept_bytes(name, size, segment)
    rest = ours.peak_bytes - needed - xs.nbytes             # dxs is as large as xs
    return Timing(name, float(np.median(found["ours"][:, 0])), medians["ours"], float(np.median(found["floor"][:, 0])),
               medians["floor"], median_ratio(totals["ours"], totals["floor"]) if floor.flops else None, floor.flops,
               ours.peak_bytes, needed, sum(kept(name)), -xs.nbytes <= rest <= work_bytes(name, size, segment),
               median_ratio(totals["ours"], totals["every"]) if gradient == "last" else None,
               {framework: {"seconds": medians[framework], "ratio": median_ratio(totals[framework], totals["ours"]),
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
    """A function that makes a cell in a framework, the installed frameworks' versions, and a sentence for each missing one."""
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


def sweep(cells=(), size="teach", *, factors=(0.25, 0.5, 1, 2), runs=3, seed=0, progress=None):
    """Time cells and their floors while one of T, B and H is made smaller and larger by some factors.

    Args:
        cells: names in `CELLS`; by default one of each family.
        size, runs, seed, progress: as in `benchmark`.
        factors: the factors for T, B and H in turn.

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
