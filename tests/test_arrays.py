"""Arrays in a file: what was written is read, and no file, however damaged or hostile, is read as something else.

Two thousand damaged files are tried with the environment variable MINIRNN_ALL=1, a part of them without it.
"""

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from whole import amount

from minirnn import Model, make_cell
from minirnn.arrays import read_arrays, read_headers, write_arrays

RNG = np.random.default_rng


@pytest.fixture
def path(tmp_path):
    return tmp_path / "arrays.npz"


def npy(array, **how):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), **how)
    return file.getvalue()


def pack(path, members, **how):
    """A zip archive of names and contents."""
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, content in members:
            archive.writestr(name, content)


# ---- what is right ---------------------------------------------------------------------------------------------------

ARRAYS = {"a": RNG(0).normal(size=(3, 4)), "b.c/d": np.float32([1.5]), "n": np.array(7), "t": np.array([[True, False]]),
          "z": RNG(1).normal(size=(2, 3, 4)) * 1j, "none": np.zeros((0, 5)), "bytes": np.frombuffer(b"text", np.uint8)}


def test_what_was_written_is_read_and_numpy_reads_it_too(path):
    write_arrays(path, ARRAYS)
    with np.load(path) as file:
        by_numpy = {name: file[name] for name in file.files}
    for found in (read_arrays(path), read_arrays(path, ARRAYS), by_numpy,
                  read_arrays(path, {name: (a.shape, a.dtype) for name, a in ARRAYS.items()})):
        assert list(found) == list(ARRAYS)
        for name, a in ARRAYS.items():
            np.testing.assert_array_equal(found[name], a)
            assert found[name].dtype == a.dtype and found[name].shape == a.shape
    headers = read_headers(path)
    assert {name: header[:2] for name, header in headers.items()} == {name: (a.shape, a.dtype) for name, a in ARRAYS.items()}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_wrote_is_read(path, save):
    arrays = {"a": np.asfortranarray(ARRAYS["a"]), "b": ARRAYS["a"].astype(">f4"), "c": np.arange(5)}
    save(path, **arrays)
    found = read_arrays(path)
    for name, a in arrays.items():
        np.testing.assert_array_equal(found[name], a)


def test_the_same_arrays_give_the_same_bytes(path):
    write_arrays(path, ARRAYS)
    once = path.read_bytes()
    write_arrays(path, {name: a.copy() for name, a in ARRAYS.items()})
    assert path.read_bytes() == once


def test_numbers_come_in_the_precision_expected(path):
    write_arrays(path, {"a": ARRAYS["a"], "n": np.arange(3)})
    found = read_arrays(path, {"a": ((3, 4), "float32"), "n": ((3,), "uint8")})
    assert found["a"].dtype == np.float32 and found["n"].dtype == np.uint8
    np.testing.assert_array_equal(found["a"], ARRAYS["a"].astype("float32"))


# ---- what does not fit -----------------------------------------------------------------------------------------------

EXPECTED = {"a": ((3, 4), "float64"), "b": ((2,), "float32")}
A, B = ARRAYS["a"], np.ones(2, np.float32)


def with_value(value, array=A):
    array = array.copy()
    array[1, 2] = value
    return array


@pytest.mark.parametrize("arrays, words", [
    ({"a": A}, "does not fit: it lacks b$"),
    ({"a": A, "b": B, "c": B}, "does not fit: it has c which nobody asks for"),
    ({"a": A, "B": B}, "does not fit: it lacks b and has B which nobody asks for"),
    ({"a": A.T, "b": B}, r"has a of shape \(4, 3\), expected \(3, 4\)"),
    ({"a": A[None], "b": B}, r"has a of shape \(1, 3, 4\), expected \(3, 4\)"),
    ({"a": A + 1j, "b": B}, r"has a of dtype complex128, expected floating point numbers \(as float64\)"),
    ({"a": np.ones((3, 4), int), "b": B}, "has a of dtype int64, expected floating point numbers"),
    ({"a": np.ones((3, 4), bool), "b": B}, "has a of dtype bool, expected floating point numbers"),
    ({"a": np.full((3, 4), "x"), "b": B}, "has a of dtype <U1, expected numbers"),
    ({"a": np.full((3, 4), b"x"), "b": B}, r"has a of dtype \|S1, expected numbers"),
    ({"a": np.zeros((3, 4), "M8[s]"), "b": B}, r"has a of dtype datetime64\[s\], expected numbers"),
    ({"a": np.zeros((3, 4), "f8,f8"), "b": B}, "cannot be read"),
    ({"a": np.full((3, 4), None), "b": B}, r"has a of dtype object, expected numbers"),
    ({"a": with_value(np.nan), "b": B}, r"has a with nan at \(1, 2\), expected finite numbers only"),
    ({"a": with_value(-np.inf), "b": B}, r"has a with -inf at \(1, 2\), expected finite"),
    ({"a": A, "b": np.array([1, 1e300])}, r"has b with 1e\+300 at \(1,\), more than float32 can hold"),
])
def test_what_does_not_fit_is_refused_by_name(path, arrays, words):
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=words) as caught:
        read_arrays(path, EXPECTED)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_nan_is_read_where_it_is_wanted(path):
    write_arrays(path, {"a": with_value(np.nan)})
    np.testing.assert_array_equal(read_arrays(path, finite=False)["a"], with_value(np.nan))
    with pytest.raises(ValueError, match="n with integers that do not fit into int8"):
        write_arrays(path, {"n": np.array([300])})
        read_arrays(path, {"n": ((1,), "int8")})


@pytest.mark.parametrize("arrays, error, words", [
    ({"a": np.array([None])}, TypeError, "a has dtype object, expected numbers"),
    ({"a": "text"}, TypeError, "a has dtype <U4, expected numbers"),
    ({3: A}, TypeError, "arrays has the name 3, expected a string"),
    ({"": A}, ValueError, "arrays has the name ''"),
    ({"a\0b": A}, ValueError, "arrays has the name 'a"),
])
def test_what_cannot_be_written_is_refused_and_writes_nothing(path, arrays, error, words):
    with pytest.raises(error, match=words):
        write_arrays(path, arrays)
    assert not path.exists()


# ---- what is hostile -------------------------------------------------------------------------------------------------

def header(text, version=b"\1\0", length=None):
    text = text.encode("latin-1")
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + version + size + text


FLOATS = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }"
DEFLATED = {"compression": zipfile.ZIP_DEFLATED}
HUGE = bytes(2**20)

HOSTILE = {
    "many numbers in few bytes": lambda path: pack(path, [("a.npy", npy(np.zeros(2**27, np.uint8)))], **DEFLATED),
    "a shape beyond all memory": lambda path: pack(path, [("a.npy", header(FLOATS % "4611686018427387904,") + HUGE)]),
    "a shape that overflows": lambda path: pack(path, [("a.npy", header(FLOATS % "4294967296, 4294967296") + HUGE)]),
    "a shape below nothing": lambda path: pack(path, [("a.npy", header(FLOATS % "-1,") + HUGE)]),
    "a shape of many axes": lambda path: pack(path, [("a.npy", header(FLOATS % ("1," * 100)) + bytes(8))]),
    "a header beyond all memory": lambda path: pack(path, [("a.npy", header("", b"\2\0", 2**32 - 1) + HUGE)], **DEFLATED),
    "a header that is a program": lambda path: pack(path, [("a.npy", header("__import__('os').abort()"))]),
    "a header of brackets": lambda path: pack(path, [("a.npy", header("(" * 4000))]),
    "a header of another version": lambda path: pack(path, [("a.npy", header(FLOATS % "1,", b"\7\0") + bytes(8))]),
    "a pickle": lambda path: pack(path, [("a.npy", npy(np.array([{}]), allow_pickle=True))]),
    "a text": lambda path: pack(path, [("a.npy", "text")]),
    "no array": lambda path: pack(path, [("readme.txt", "text")]),
    "another way of packing": lambda path: pack(path, [("a.npy", npy(A))], compression=zipfile.ZIP_LZMA),
    "many small arrays": lambda path: pack(path, [(f"{k:099}.npy", b"") for k in range(9000)]),
    "one number too few": lambda path: pack(path, [("a.npy", npy(A)[:-8])]),
    "one number too many": lambda path: pack(path, [("a.npy", npy(A) + bytes(8))]),
    "an empty file": lambda path: path.write_bytes(b""),
    "an .npy file": lambda path: path.write_bytes(npy(A)),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("expected", [None, {"a": ((3, 4), "float64")}], ids=["nothing expected", "expected"])
def test_hostile_files_are_refused_without_harm(path, make, expected):
    make(path)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as caught:
            read_arrays(path, expected)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    said = str(caught.value)
    assert str(path) in said and "expected" in said and "\n" not in said and len(said) < 400 + len(str(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "pipe.npz", tmp_path):
        with pytest.raises(OSError, match="is not a file"):
            read_arrays(path)
    with pytest.raises(FileNotFoundError, match="nothing.npz"):
        read_arrays(tmp_path / "nothing.npz")
    with pytest.raises(TypeError, match="path is None"):
        read_arrays(None)


# ---- what is damaged -------------------------------------------------------------------------------------------------

def damaged(content, rng):
    """The bytes of a file with some of them lost, changed, doubled, exchanged or put in."""
    content, kind = bytearray(content), rng.integers(7)
    at, end = sorted(int(k) for k in rng.integers(len(content), size=2))
    if kind == 0:
        del content[at:]
    elif kind == 1:
        del content[at:end]
    elif kind == 2:
        for k in rng.integers(len(content), size=rng.integers(1, 20)):
            content[k] = rng.integers(256)
    elif kind == 3:
        content[at] ^= 1 << int(rng.integers(8))
    elif kind == 4:
        content[at:at] = rng.bytes(int(rng.integers(1, 300)))
    elif kind == 5:
        content[at:min(end, at + 8)] = b"\xff" * (min(end, at + 8) - at)
    else:
        content[at:at] = content[at:end]
    return bytes(content)


def test_a_damaged_file_is_refused_or_right_and_the_model_as_it_was(path):
    """What is refused is refused in one sentence, changes nothing and allocates little; what is accepted is what was written."""
    rng = RNG(0)
    stored, model = (Model(make_cell("gru", 3, 5, rng=seed), 2, normalise=True, rng=seed) for seed in (1, 2))
    stored.save(path)
    plain = path.read_bytes()
    np.savez_compressed(path, **stored.params, **stored.statistics)
    refused, contents = 0, [plain, path.read_bytes()]
    before = {name: a.copy() for name, a in [*model.params.items(), *model.statistics.items()]}
    written = {**stored.params, **stored.statistics}
    tracemalloc.start()
    try:
        for k in range(amount(200, 2000)):
            path.write_bytes(damaged(contents[k % 2], rng))
            tracemalloc.reset_peak()
            try:
                model.load(path)
            except ValueError as error:
                refused += 1
                said = str(error)
                assert said.startswith(str(path)) and "\n" not in said
                for name, a in [*model.params.items(), *model.statistics.items()]:
                    np.testing.assert_array_equal(a, before[name])
            else:                                               # a byte was changed that means nothing
                for name, a in [*model.params.items(), *model.statistics.items()]:
                    np.testing.assert_array_equal(a, written[name])
                    a[...] = before[name]
            assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert refused > amount(200, 2000) / 2
