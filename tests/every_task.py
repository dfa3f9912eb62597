"""Every task of `TASKS`, small, wherever its data come from: for tests that hold for all of them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import minirnn

SMALL = {                                                   # options with which a task is quick; the others have no length
    **{name: {"length": 12} for name in ("addition", "alternate", "length", "parity", "reber", "text")},
    "copy": {"length": 8, "n_copied": 3},
    "multicopy": {"length": 20, "n_copied": 3},
    "digits": {"pixels_per_step": 8},
    "digits-permuted": {"pixels_per_step": 8},
    "mnist": {"pixels_per_step": 112},
    "mnist-permuted": {"pixels_per_step": 112},
}
MNIST = {"train": 36, "t10k": 12}                           # pictures in the made-up files that stand for MNIST's


def write_idx(path, array, packed=True):
    """An array of bytes as an IDX file."""
    content = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()
    Path(path).write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return content


def write_mnist(folder, packed=True, seed=0, **changes):
    """Four files with random pictures under MNIST's names. Returns the arrays by the names of the files without endings."""
    rng, written = np.random.default_rng(seed), {}
    for part, n in {**MNIST, **changes}.items():
        written[f"{part}-images-idx3-ubyte"] = rng.integers(256, size=(n, 28, 28), dtype=np.uint8)
        written[f"{part}-labels-idx1-ubyte"] = rng.integers(10, size=n, dtype=np.uint8)
    for name, array in written.items():
        write_idx(Path(folder) / (name + ".gz" * packed), array, packed)
    return written


@pytest.fixture
def made_up_mnist(tmp_path, monkeypatch):
    """A folder with small files under MNIST's names, which the tasks find, so that none looks for the real ones."""
    folder = tmp_path / "mnist-files"
    folder.mkdir()
    write_mnist(folder)
    monkeypatch.setenv("MINIRNN_DATA", str(folder))
    return folder


def small_task(name):
    """The task of that name, small. `mnist` needs the fixture `made_up_mnist`."""
    return minirnn.make_task(name, **SMALL[name])
