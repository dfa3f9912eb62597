"""How fast the cells are, compared with what no implementation in NumPy can beat: their matrix products alone.

Read `timing.py` for the benchmark itself. Its parts are `sizes.py`, `contenders.py` (a cell, and its bare products),
`turns.py` (how to compare two times fairly) and `environment.py`. `training.py` times a whole training step, and `long.py`
runs of up to 100,000 steps. Timings belong here; no test passes or fails by one.
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
