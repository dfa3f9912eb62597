"""How fast the cells are, beside what no implementation in NumPy can beat: their matrix products alone.

Read `timing.py` for the benchmark itself; `sizes.py`, `contenders.py` (a cell, and its bare products), `turns.py` (how
two things are measured fairly) and `environment.py` are its parts. `training.py` times a whole training step, `long.py` runs
of up to 100,000 steps. Timings belong here and never decide over a test.
"""

from .environment import machine
from .long import long_runs
from .sizes import SIZES, Size, parse_size
from .timing import Benchmark, Timing, benchmark, sweep
from .training import TrainingStep, training_step
from .turns import measure

__all__ = [
    "SIZES", "Benchmark", "Size", "Timing", "TrainingStep", "benchmark", "long_runs", "machine", "measure", "parse_size", "sweep",
    "training_step",
]
