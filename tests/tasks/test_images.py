"""Digits and MNIST: what a sequence is, how pictures are divided, and files that are missing, damaged or made to do harm."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import math
import os
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import minirnn
from minirnn.tasks import fetching, mnist
from minirnn.tasks.digits import FILE
from minirnn.tasks.idx import read_idx

from every_task import MNIST, made_up_mnist, write_idx, write_mnist  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent.parent
ALL = bool(os.environ.get("MINIRNN_ALL"))
DIGITS = ("digits", "digits-permuted")


# ---- the pictures of `digits` ----------------------------------------------------------------------------------------

def test_the_bundled_digits_are_those_that_were_published():
    """1,797 digits of 64 pixels from 0 to 16. The counts are those that the data's description states."""
    with np.load(FILE) as file:
        images, labels = file["images"], file["labels"]
    assert images.shape == (1797, 64) and images.dtype == np.uint8 and images.max() == 16
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))
    assert images[0].reshape(8, 8)[1].tolist() == [0, 0, 13, 15, 10, 15, 5, 0]         # the second line of the first, a zero
    assert FILE.stat().st_size < 50_000


def test_the_licence_of_the_digits_stands_beside_them():
    text = FILE.with_suffix(".txt").read_text(encoding="utf-8")
    assert "CC BY 4.0" in text and "10.24432/C50P49" in text and "Alpaydin" in text and "Kaynak" in text


def test_every_digit_is_in_one_part_only():
    parts = minirnn.make_task("digits").parts
    assert {part: len(labels) for part, (_, labels) in parts.items()} == {"train": 1197, "validation": 300, "test": 300}
    with np.load(FILE) as file:
        whole = Counter(image.tobytes() + bytes([label]) for image, label in zip(file["images"], file["labels"]))
    divided = Counter(image.tobytes() + bytes([label]) for images, labels in parts.values()
                      for image, label in zip(images, labels))
    assert divided == whole
    for _, labels in parts.values():
        assert np.bincount(labels).min() > 0.5 * len(labels) / 10


def test_the_division_never_changes():
    """The first digits of each part, as they were when results were first recorded with them."""
    parts = minirnn.make_task("digits").parts
    assert {part: labels[:8].tolist() for part, (_, labels) in parts.items()} == {
        "train": [2, 7, 1, 4, 4, 1, 3, 5], "validation": [2, 8, 2, 6, 6, 7, 1, 9], "test": [0, 1, 7, 2, 0, 9, 6, 0]}


@pytest.mark.parametrize("pixels_per_step", [1, 2, 8, 16, 64])
def test_a_sequence_is_a_picture_line_by_line(pixels_per_step):
    task = minirnn.make_task("digits", pixels_per_step=pixels_per_step)
    batch = next(task.evaluation("test", 30))
    images, labels = task.parts["test"]
    assert batch.xs.shape == (64 // pixels_per_step, pixels_per_step, 30)
    for k in range(30):
        np.testing.assert_array_equal(batch.xs[:, :, k].ravel() * 16, images[k])
        np.testing.assert_array_equal(task.picture(batch.xs[:, :, k]) * 16, images[k].reshape(8, 8))
    assert batch.targets[-1].tolist() == labels[:30].tolist()
    assert batch.weights.sum(axis=0).tolist() == [1] * 30 and np.all(batch.weights[-1] == 1)


def test_a_permuted_task_mixes_the_pixels_of_all_pictures_in_the_same_way_always():
    plain, mixed, again = (minirnn.make_task(name) for name in ("digits", "digits-permuted", "digits-permuted"))
    order = mixed.order
    assert sorted(order) == list(range(64)) and not np.array_equal(order, np.arange(64))
    assert np.array_equal(order, again.order)
    for split in ("validation", "test"):
        for one, two in zip(plain.evaluation(split), mixed.evaluation(split)):
            np.testing.assert_array_equal(two.xs, one.xs[order])
            np.testing.assert_array_equal(two.targets, one.targets)
    one, two = (next(task.batches(np.random.default_rng(0), 9)) for task in (plain, mixed))
    np.testing.assert_array_equal(two.xs, one.xs[order])
    np.testing.assert_array_equal(mixed.picture(two.xs[:, :, 3]), plain.picture(one.xs[:, :, 3]))
    assert not np.array_equal(minirnn.make_task("digits-permuted", permutation=1).order, order)


def test_neighbours_are_far_apart_in_the_permuted_order():
    places = np.argsort(minirnn.make_task("digits-permuted").order)
    assert np.mean(np.abs(np.diff(places))) == pytest.approx(64 / 3, rel=0.25)         # as in a random order


@pytest.mark.parametrize("name", DIGITS)
@pytest.mark.parametrize("size", [50, 100, 1197, 1500])
def test_every_training_picture_is_read_once_before_any_is_read_again(name, size):
    task = minirnn.make_task(name)
    stream, n = task.batches(np.random.default_rng(0), size), 1197
    wanted = 3 * n
    read, labels = [], []
    while len(read) < wanted:
        batch = next(stream)
        assert batch.xs.shape[-1] == size
        read += [batch.xs[..., k].tobytes() for k in range(size)]
        labels += batch.targets[-1].tolist()
    rounds = [read[i * n:(i + 1) * n] for i in range(3)]
    there = Counter((task.parts["train"][0][i][task.order] / np.float32(16)).astype(np.float32).tobytes() for i in range(n))
    assert all(Counter(one) == there for one in rounds)
    assert rounds[0] != rounds[1] != rounds[2]
    assert np.bincount(labels[:n]).tolist() == np.bincount(task.parts["train"][1]).tolist()


# ---- MNIST's files ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("packed", [True, False])
def test_mnist_is_read_from_a_folder_packed_or_not(tmp_path, packed):
    written = write_mnist(tmp_path, packed)
    task = minirnn.make_task("mnist", path=tmp_path)
    assert task.length == 784 and {part: len(labels) for part, (_, labels) in task.parts.items()} == {
        "train": 33, "validation": 3, "test": 12}               # a twelfth of the training pictures is for validation
    np.testing.assert_array_equal(task.parts["validation"][0], written["train-images-idx3-ubyte"][:3].reshape(3, 784))
    np.testing.assert_array_equal(task.parts["train"][1], written["train-labels-idx1-ubyte"][3:])
    batch = next(task.evaluation("test", 5))
    assert batch.xs.shape == (784, 1, 5) and 0 <= batch.xs.min() and batch.xs.max() <= 1
    np.testing.assert_allclose(batch.xs[:, 0, 4] * 255, written["t10k-images-idx3-ubyte"][4].ravel(), rtol=1e-6)
    assert batch.targets[-1].tolist() == written["t10k-labels-idx1-ubyte"][:5].tolist()
    mixed = minirnn.make_task("mnist-permuted", path=tmp_path)
    np.testing.assert_array_equal(next(mixed.evaluation("test", 5)).xs, batch.xs[mixed.order])


def test_the_real_numbers_of_mnist_are_divided_as_its_users_do(tmp_path):
    """60,000 labels: 5,000 for validation. Their pictures are left blank here."""
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.arange(60_000, dtype=np.uint8) % 10)
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((60_000, 28, 28), np.uint8), packed=False)
    write_mnist(tmp_path, train=12)
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.arange(60_000, dtype=np.uint8) % 10)
    parts = minirnn.make_task("mnist", path=tmp_path).parts
    assert {part: len(labels) for part, (_, labels) in parts.items()} == {"train": 55_000, "validation": 5_000, "test": 12}


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIRNN_DATA", str(tmp_path / "here"))
    assert fetching.data_folder() == tmp_path / "here"
    monkeypatch.delenv("MINIRNN_DATA")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert fetching.data_folder() == tmp_path / ".cache" / "minirnn"
    if os.name == "posix":                                      # a Path of another system cannot be made here
        return
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert fetching.data_folder() == tmp_path / "local" / "minirnn"


@pytest.mark.parametrize("damage, words", [
    (lambda f: (f / "train-images-idx3-ubyte.gz").unlink(), "train-images-idx3-ubyte.gz is missing, packed or not"),
    (lambda f: [(f / f"t10k-{name}.gz").unlink() for name in ("images-idx3-ubyte", "labels-idx1-ubyte")],
     "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz are missing"),
    (lambda f: write_idx(f / "train-labels-idx1-ubyte.gz", np.full(36, 10, np.uint8)),
     "the label 10, expected digits from 0 to 9"),
    (lambda f: write_idx(f / "train-labels-idx1-ubyte.gz", np.zeros(35, np.uint8)), "axis 0 has the length 36 and not 35"),
    (lambda f: write_idx(f / "train-images-idx3-ubyte.gz", np.zeros((36, 28, 27), np.uint8)),
     "axis 2 has the length 27 and not 28"),
    (lambda f: write_mnist(f, train=11), "has 11 digits, expected at least 12"),
    (lambda f: (f / "t10k-labels-idx1-ubyte.gz").write_bytes(b""), "it ends too early"),
])
def test_what_is_wrong_with_a_folder_of_files_is_one_sentence(made_up_mnist, damage, words):  # noqa: F811
    damage(made_up_mnist)
    with pytest.raises((ValueError, FileNotFoundError), match=words) as caught:
        minirnn.make_task("mnist", path=made_up_mnist)
    assert str(made_up_mnist) in str(caught.value)


# ---- downloading -----------------------------------------------------------------------------------------------------

class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that says nothing and counts what was asked for."""

    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(folder, handler=Quiet):
    """A server on this machine: yields its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Small files as if they were the published ones: a folder to serve, and an empty cache."""
    folder, cache = tmp_path / "published", tmp_path / "cache"
    folder.mkdir()
    write_mnist(folder)
    files = {name: (len(content), hashlib.sha256(content).hexdigest())
             for name, content in ((name, (folder / name).read_bytes()) for name in mnist.FILES)}
    monkeypatch.setattr(mnist, "FILES", files)
    monkeypatch.setattr(mnist, "MIRRORS", ())
    monkeypatch.setenv("MINIRNN_DATA", str(cache))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(Quiet, "asked", [])
    return folder, cache


def test_missing_files_are_downloaded_once_and_then_found(published, monkeypatch, capsys):
    folder, cache = published
    with serving(folder) as address:
        monkeypatch.setattr(mnist, "MIRRORS", (address,))
        first = minirnn.make_task("mnist")
        assert len(Quiet.asked) == 4 and sorted(p.name for p in cache.iterdir()) == sorted(mnist.FILES)
        said = capsys.readouterr()
        assert not said.out and all(f"downloading {name}" in said.err for name in mnist.FILES)
        again = minirnn.make_task("mnist-permuted")
        assert len(Quiet.asked) == 4                            # nothing was asked for again
    np.testing.assert_array_equal(first.parts["train"][0], again.parts["train"][0])
    for name in mnist.FILES:
        assert (cache / name).read_bytes() == (folder / name).read_bytes()


def test_what_is_there_is_not_downloaded(published, monkeypatch):
    folder, cache = published
    cache.mkdir()
    there = list(mnist.FILES)[:3]
    for name in there:
        (cache / name).write_bytes((folder / name).read_bytes())
    with serving(folder) as address:
        monkeypatch.setattr(mnist, "MIRRORS", (address,))
        minirnn.make_task("mnist")
    assert Quiet.asked == ["/" + list(mnist.FILES)[3]]


def test_a_file_address_serves_as_a_mirror(published, monkeypatch):
    folder, cache = published
    monkeypatch.setattr(mnist, "MIRRORS", (folder.as_uri() + "/",))
    assert len(minirnn.make_task("mnist").parts["test"][0]) == MNIST["t10k"]


@pytest.mark.parametrize("spoil, why", [
    (lambda content: content[:-1], "bytes came, expected"),
    (lambda content: content + b"x", "more bytes came, expected"),
    (lambda content: content[:-20] + bytes([content[-20] ^ 1]) + content[-19:], "its SHA-256 differs"),
    (lambda content: b"<html>login first</html>", "24 bytes came"),
])
def test_another_file_than_the_published_one_is_not_kept_and_the_next_mirror_is_asked(published, tmp_path, monkeypatch,
                                                                                      spoil, why):
    folder, cache = published
    bad = tmp_path / "bad"
    bad.mkdir()
    for name in mnist.FILES:
        (bad / name).write_bytes(spoil((folder / name).read_bytes()))
    monkeypatch.setattr(mnist, "MIRRORS", (bad.as_uri() + "/",))
    with pytest.raises(FileNotFoundError, match=why):
        minirnn.make_task("mnist")
    assert not cache.exists() or not list(cache.iterdir())      # not even a piece of it
    monkeypatch.setattr(mnist, "MIRRORS", (bad.as_uri() + "/", folder.as_uri() + "/"))
    minirnn.make_task("mnist")


class Endless(Quiet):
    """A server that never stops sending."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(2**16))


class Leaving(Quiet):
    """A server that promises more than it sends, and leaves."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(bytes(100))


class Refusing(Quiet):
    """A server that gives nothing."""

    def do_GET(self):
        self.send_error(403)


class Silent(Quiet):
    """A server that takes the question and never answers."""

    over = threading.Event()

    def do_GET(self):
        self.over.wait(20)


@pytest.mark.parametrize("handler, why", [(Endless, "more bytes came"), (Leaving, "bytes came|IncompleteRead"),
                                          (Refusing, "Forbidden"), (Silent, "timed out")])
def test_a_server_that_misbehaves_ends_in_one_sentence(published, tmp_path, monkeypatch, handler, why):
    folder, cache = published
    monkeypatch.setattr(fetching, "LONGEST_SILENCE", 0.3)
    Silent.over.clear()
    with serving(tmp_path, handler) as address:
        monkeypatch.setattr(mnist, "MIRRORS", (address,))
        with pytest.raises(FileNotFoundError, match=why) as caught:
            minirnn.make_task("mnist")
        Silent.over.set()
    assert "\n" not in str(caught.value) and not cache.exists()


def test_without_a_network_the_command_line_says_which_files_to_put_where(tmp_path):
    """In a process of its own, with mirrors that nobody listens at."""
    code = ("import sys; from minirnn.tasks import mnist; mnist.MIRRORS = ('http://127.0.0.1:9/mnist/',); "
            "from minirnn import cli; sys.exit(cli.main(['tasks', 'mnist']))")
    folder = tmp_path / "none"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "MINIRNN_DATA": str(folder), "no_proxy": "127.0.0.1"})
    said = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert said.startswith("minirnn: MNIST's train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz "
                           f"and t10k-labels-idx1-ubyte.gz are not in {folder}, and ")
    assert "Connection refused" in said
    assert said.endswith("put what is missing into that folder, or name another with the option path")


# ---- reading IDX files -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(1,), (7,), (3, 4), (2, 3, 5), (1, 28, 28)])
@pytest.mark.parametrize("packed", [True, False])
def test_an_idx_file_gives_back_what_was_written(tmp_path, shape, packed):
    array = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    write_idx(tmp_path / "a.idx", array, packed)
    np.testing.assert_array_equal(read_idx(tmp_path / "a.idx", shape), array)
    np.testing.assert_array_equal(read_idx(tmp_path / "a.idx", [(1, 100)] * len(shape)), array)


def idx(*parts):
    return b"".join(part if isinstance(part, bytes) else part.to_bytes(4, "big") for part in parts)


@pytest.mark.parametrize("content, words", [
    (b"", "it ends too early"),
    (b"\0\0", "it ends too early"),
    (b"hello world", "begins with the bytes 68 65 6c and not with 00 00 08"),
    (idx(b"\0\0\x0d\1", 2, bytes(8)), "begins with the bytes 00 00 0d"),
    (idx(b"\0\0\x08\2", 2, 2, bytes(4)), "it has 2 axes and not 1"),
    (idx(b"\0\0\x08\xff"), "it has 255 axes and not 1"),
    (idx(b"\0\0\x08\1", 5, bytes(4)), "it ends too early"),
    (idx(b"\0\0\x08\1", 5, bytes(6)), "something follows after its 5 numbers"),
    (idx(b"\0\0\x08\1", 2**32 - 1, bytes(9)), "axis 0 has the length 4,294,967,295 and not 1 to 1,000"),
    (idx(b"\0\0\x08\1", 0), "axis 0 has the length 0 and not 1 to 1,000"),
    (b"\x1f\x8b", "it ends too early"),
    (b"\x1f\x8b" + bytes(20), "Unknown compression method"),
    (gzip.compress(idx(b"\0\0\x08\1", 5, bytes(5)), mtime=0)[:-9], "it ends too early"),
    (gzip.compress(idx(b"\0\0\x08\1", 5, bytes(5)), mtime=0)[:-8] + bytes(8), "CRC check failed"),
    (gzip.compress(idx(b"\0\0\x08\1", 5, bytes(50)), mtime=0), "something follows"),
])
def test_what_is_wrong_with_an_idx_file_is_one_sentence_with_its_path(tmp_path, content, words):
    (tmp_path / "a.idx").write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read_idx(tmp_path / "a.idx", [(1, 1000)])
    assert str(caught.value).startswith(str(tmp_path / "a.idx")) and "\n" not in str(caught.value)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none", [1])
    with pytest.raises(OSError, match="is not a file"):
        read_idx(tmp_path, [1])
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="is not a file"):
            read_idx(tmp_path / "pipe", [1])


def test_no_memory_is_taken_for_numbers_that_are_only_promised(tmp_path):
    """The header says 100,000 pictures, 78 MB; the file has a hundred bytes."""
    for content in (idx(b"\0\0\x08\3", 100_000, 28, 28, bytes(100)),
                    gzip.compress(idx(b"\0\0\x08\3", 100_000, 28, 28, bytes(100)))):
        (tmp_path / "a.idx").write_bytes(content)
        tracemalloc.start()
        with pytest.raises(ValueError, match="ends too early"):
            read_idx(tmp_path / "a.idx", [(1, 100_000), 28, 28])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4e6


def damaged(rng, content):
    """A file with something wrong: cut, with other bytes, longer, with a hostile header, or nothing but chance."""
    content, kind = bytearray(content), rng.integers(6)
    if kind == 0:
        return bytes(content[:rng.integers(len(content))])
    if kind == 1:
        for place in rng.integers(len(content), size=rng.integers(1, 9)):
            content[place] = rng.integers(256)
    elif kind == 2:
        content += rng.bytes(rng.integers(1, 2000))
    elif kind == 3:                                             # the first bytes, where all is that a reader believes
        for place in rng.integers(min(20, len(content)), size=rng.integers(1, 5)):
            content[place] = rng.choice([0, 1, 2, 8, 127, 128, 255])
    elif kind == 4:
        start = rng.integers(len(content))
        del content[start:start + rng.integers(1, 50)]
    else:
        return rng.bytes(rng.integers(200))
    return bytes(content)


def test_no_damaged_file_hangs_takes_memory_or_raises_anything_but_a_sentence(tmp_path):
    """10,000 of them with MINIRNN_ALL=1. Some damages leave a file right, as in a byte of a picture that nobody checks."""
    rng, path = np.random.default_rng(0), tmp_path / "a.idx"
    image, label = rng.integers(256, size=(2, 28, 28), dtype=np.uint8), rng.integers(10, size=90, dtype=np.uint8)
    whole = [(write_idx(path, array, packed) if not packed else gzip.compress(write_idx(path, array, False), mtime=0), shape)
             for array, shape in ((image, [(1, 100_000), 28, 28]), (label, [(1, 100_000)])) for packed in (True, False)]
    outcomes = Counter()
    tracemalloc.start()
    for k in range(10_000 if ALL else 400):
        content, shape = whole[k % 4]
        path.write_bytes(damaged(rng, content))
        try:
            found = read_idx(path, shape)
            assert found.dtype == np.uint8 and found.size <= 2**20
            outcomes["read"] += 1
        except ValueError as error:
            assert str(error).startswith(f"{path} cannot be read (") and "\n" not in str(error)
            outcomes["refused"] += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcomes["refused"] > 0.5 * outcomes.total() and outcomes["read"] > 0
    assert peak < 2**24


# ---- the real files, where they are ----------------------------------------------------------------------------------

REAL = Path(os.environ.get("MINIRNN_DATA") or "nowhere")


@pytest.mark.skipif(not (REAL / "t10k-images-idx3-ubyte.gz").exists(), reason="MNIST's test digits are not in $MINIRNN_DATA")
def test_the_real_test_digits_of_mnist_are_read():
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        content = (REAL / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == mnist.FILES[name]
    labels = read_idx(REAL / "t10k-labels-idx1-ubyte.gz", [10_000])
    images = read_idx(REAL / "t10k-images-idx3-ubyte.gz", [10_000, 28, 28])
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert math.isclose(images.mean() / 255, 0.1325, abs_tol=5e-5)
