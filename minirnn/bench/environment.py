"""What measured times depend on: versions, NumPy's BLAS and its threads, the processor."""

import os
import platform
from datetime import date
from pathlib import Path

import numpy as np

from .. import __version__
from ..memory import machine_memory
from ..threads import blas_threads

FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX"}         # package -> name, of what the cells can be compared with


def machine(frameworks=None):
    """A dict of what the numbers depend on: versions, NumPy's BLAS and its threads, the processor."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"minirnn": __version__, "numpy": np.__version__, "blas": f"{built.get('name')} {built.get('version')}",
            "blas_threads": blas_threads(), "python": platform.python_version(), "processor": processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_bytes": machine_memory(), "system": platform.system(), "frameworks": dict(frameworks or {}),
            "date": date.today().isoformat()}


def processor():
    """The processor's name, if the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
