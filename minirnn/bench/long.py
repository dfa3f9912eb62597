"""How time and memory grow with the length of a sequence, up to a hundred thousand steps.

The backward pass needs what the forward pass computed, so what a run keeps grows with T. In segments
(`unroll(..., segment=k)`) it is kept for k steps only, and computed once more on the way back. That takes at most half as
much time again (less where memory is slow, since k steps fit into the cache), and memory for k steps and T/k states, which is
least near k = √T. The inputs, the outputs and their gradients still grow with T: no method can avoid that.

Each run has a process of its own. Only then is the memory that the system counts the memory of that run.

    from minirnn import bench, plots
    plots.long_figure(bench.long_runs(["lstm", "rda"], lengths=(100, 1000, 10_000)))
"""

import json
import subprocess
import sys
import time
from math import isqrt

import numpy as np

from .. import checks
from ..cells import CELLS, make_cell
from ..memory import check_memory
from ..unrolling import unroll
from .sizes import Size, parse_size

LENGTHS = (100, 316, 1000, 3162, 10_000, 31_623, 100_000)
LONG = Size(max(LENGTHS), 8, 2, 64)


def long_runs(cells=("lstm",), size=LONG, *, lengths=LENGTHS, whole=True, seed=0, progress=None):
    """Run cells forward and backward over sequences of several lengths, as a whole and in segments of √T steps.

    Args:
        cells: names in `CELLS`.
        size: as in `bench.benchmark`. Its B, D and H are used; T is replaced by each of the lengths.
        lengths: the numbers of steps.
        whole: with False, only the runs in segments are made.
        seed: of weights, inputs and gradients.
        progress: called with a line of text for each run, also for one that is left out because the memory is too small.

    Returns:
        A list of dicts: cell, T, segment (None: all steps are kept), forward and backward (seconds), resident_bytes (the most
        memory that the process ever had), idle_bytes (its memory before, with NumPy and without a sequence; both None if
        the system does not tell), and given_bytes (inputs, outputs and their gradients).

    Raises:
        KeyError: unknown cell. TypeError, ValueError: a bad size or length. ChildProcessError: the system ended a run's
            process, as it does when there is no memory left.
    """
    size, cells, say = parse_size(size), [cells] if isinstance(cells, str) else list(cells), progress or (lambda line: None)
    for name in cells:
        checks.lookup("cell", name, CELLS)
    sizes = [size._replace(T=checks.positive_integer("lengths", T)) for T in lengths]
    found = []
    for name in cells:
        for at in sizes:
            for segment in [None] * whole + [isqrt(at.T)]:
                way = f"segments of {segment} steps" if segment else "all steps kept"
                try:
                    check_memory(name, at, segment)
                except ValueError as error:
                    say(str(error))
                    continue
                found.append(_alone(name, at, segment, seed))
                say(f"{name}, T = {at.T}, {way}: {found[-1]['forward'] + found[-1]['backward']:.2f} s, "
                    f"{(found[-1]['resident_bytes'] or np.nan) / 1e6:.0f} MB")
    return found


def _alone(name, size, segment, seed):
    """One run, in a process that has done nothing else."""
    given = json.dumps([sys.path, [name, size, segment, seed]])
    done = subprocess.run([sys.executable, "-c", ALONE, given], capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ChildProcessError(f"{name}: the process that ran {size.T} steps did not come to its end: {why}")
    return json.loads(done.stdout)


ALONE = """
import json, sys
sys.path[:], given = json.loads(sys.argv[1])
from minirnn.bench.long import run_once
print(json.dumps(run_once(*given)))
"""


def run_once(name, size, segment, seed):
    size = Size(*size)
    cell, rng = make_cell(name, size.D, size.H, rng=seed), np.random.default_rng(seed)
    few = np.zeros((2, size.D, size.B), np.float32)
    unroll(cell, few).backward(np.zeros((2, size.H, size.B), np.float32))       # work that is done only once is not counted
    idle = resident_bytes()
    xs = rng.standard_normal((size.T, size.D, size.B), np.float32)
    dhs = rng.standard_normal((size.T, size.H, size.B), np.float32)
    stamps = [time.perf_counter()]
    run = unroll(cell, xs, segment=segment)
    stamps.append(time.perf_counter())
    dxs, _, _ = run.backward(dhs)
    stamps.append(time.perf_counter())
    return {"cell": name, "T": size.T, "segment": segment, "forward": stamps[1] - stamps[0], "backward": stamps[2] - stamps[1],
            "resident_bytes": resident_bytes(), "idle_bytes": idle,
            "given_bytes": sum(a.nbytes for a in (xs, dxs, run.hs, dhs))}


def resident_bytes():
    """The most memory that this process has had so far, in bytes; None if the system does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:                                         # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


