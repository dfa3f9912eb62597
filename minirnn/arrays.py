"""Named arrays in a file: writing them whole, and reading them so that no file, however damaged or hostile, does harm.

The format is NumPy's own .npz, a zip archive with an .npy file for each array, so that `np.load` reads what `write_arrays`
wrote. Reading does not go through `np.load`, which unpacks an array before anybody can ask how large it is. It goes through
the file in three rounds, each of which must be right before the next begins:

1. the archive's list of contents, and the first bytes of each array: its name, shape and dtype. Nothing else is unpacked.
2. names, shapes and dtypes against those that are expected. So it is known how much memory the arrays will take.
3. the numbers themselves, of exactly that size, with their checksums, and whether they are finite.

Nothing is ever unpickled or evaluated.
"""

import io
import math
import os
import re
import stat
import zipfile
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from . import checks
from .files import replacing

NUMBERS = {"f": "floating point numbers", "c": "complex numbers", "i": "integers", "u": "integers", "b": "truth values"}
MOST_BYTES = 2**26              # that are read if nobody says how much is expected
MOST_HEADER = 2**12             # bytes before an array's numbers
PIECE = 2**20                   # bytes that are read at once; so a list of contents can name some ten thousand arrays

HEADER = re.compile(r"\s*\{\s*'descr':\s*'([^']{1,32})',\s*'fortran_order':\s*(True|False),\s*"
                    r"'shape':\s*\(((?:\d{1,18}\s*,\s*)*(?:\d{1,18})?)\s*\)\s*,?\s*\}\s*")


class Header(NamedTuple):
    """What an array's first bytes say about it."""

    shape: tuple
    dtype: np.dtype
    fortran_order: bool = False
    n_bytes: int = 0            # of the header itself


def write_arrays(path, arrays):
    """Write named arrays to an .npz file, which takes the place of an older one when it is whole.

    The same arrays give the same bytes.

    Args:
        path: the file.
        arrays: a mapping from name to array of numbers or truth values.

    Raises:
        TypeError: an array holds something else, or its name is no string. ValueError: a name that the format cannot hold.
        OSError: the file cannot be written; an older one is then left as it was.
    """
    if not hasattr(arrays, "items"):
        raise TypeError(f"arrays is {checks.shown(arrays)}, expected a mapping from name to array")
    arrays = {name: checks.array(str(name), a) for name, a in arrays.items()}
    for name, a in arrays.items():
        if not isinstance(name, str):
            raise TypeError(f"arrays has the name {checks.shown(name)}, expected a string")
        if not name or "\0" in name or "\\" in name or len(name) > 1000:
            raise ValueError(f"arrays has the name {name[:50]!r}, expected up to 1000 characters without \\ and NUL")
        if a.dtype.kind not in NUMBERS:
            raise TypeError(f"{name} has dtype {a.dtype}, expected numbers")
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, a in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, a, allow_pickle=False)


def read_headers(path):
    """The names, shapes and dtypes of the arrays in an .npz file: a dict from name to `Header`. No array is read.

    Raises:
        OSError: there is no such file, or it may not be read. ValueError: it is no such file, or damaged.
    """
    with _opened(path) as archive:
        return {name: header for name, (header, _) in _contents(path, archive).items()}


def read_arrays(path, expected=None, *, finite=True, most_bytes=MOST_BYTES):
    """Read arrays from an .npz file.

    Args:
        path: the file.
        expected: a mapping from name to (shape, dtype), or to an array whose shape and dtype are meant. The file must hold
            these arrays and no others. They come in the dtypes expected: floating point numbers may have been
            written in another precision, integers in another width. Without it, the file may hold any arrays of numbers.
        finite: whether NaN and infinity are refused.
        most_bytes: the most that the arrays may take together, if nothing is expected.

    Returns:
        A dict from name to array.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is no such file, it is damaged, it does not hold what is expected, it holds something else than
            numbers, or (with `finite`) numbers that are not finite. One sentence, with the path and the array's name.
    """
    with _opened(path) as archive:
        contents = _contents(path, archive)
        if expected is None:
            total = sum(math.prod(header.shape) * header.dtype.itemsize for header, _ in contents.values())
            if total > most_bytes:
                raise ValueError(f"{path} holds {total:,} bytes of arrays, expected at most {most_bytes:,}")
            wanted = {name: header[:2] for name, (header, _) in contents.items()}
        else:
            wanted = _wanted(expected)
            _check_names(path, contents, wanted)
        for name, (shape, dtype) in wanted.items():
            _check_header(f"{path} has {name}", contents[name][0], shape, dtype)
        return {name: _numbers(path, name, archive, *contents[name], dtype, finite) for name, (_, dtype) in wanted.items()}


def read_array(path, name, *, most_bytes=MOST_BYTES):
    """One array of an .npz file, in the dtype that it was written in; the others are not unpacked.

    Raises:
        KeyError: the file has no such array. OSError, ValueError: as `read_arrays`.
    """
    with _opened(path) as archive:
        contents = _contents(path, archive)
        header, info = checks.lookup("array", name, contents)
        n_bytes = math.prod(header.shape) * header.dtype.itemsize
        if n_bytes > most_bytes:
            raise ValueError(f"{path} has {name} of {n_bytes:,} bytes, expected at most {most_bytes:,}")
        return _numbers(path, name, archive, header, info, header.dtype, finite=False)


def _wanted(expected):
    """Name -> (shape, dtype)."""
    try:
        pairs = {name: (one.shape, one.dtype) if hasattr(one, "shape") else one for name, one in expected.items()}
        return {name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in pairs.items()}
    except (AttributeError, TypeError, ValueError):
        raise TypeError(f"expected is {checks.shown(expected)}, expected a mapping from name to (shape, dtype)") from None


# ---- 1. the list of contents, and what each array says of itself -----------------------------------------------------

class Limited(io.BufferedReader):
    """A file that is read piece by piece, whatever the archive in it says of the size of its list of contents."""

    def read(self, size=-1):
        if size is not None and size > PIECE:
            raise ValueError("its list of contents is too long")
        return super().read(PIECE if size is None or size < 0 else size)


@contextmanager
def _opened(path):
    """The archive; whatever is wrong inside becomes one ValueError with the path."""
    path = checks.path("path", path)
    if not stat.S_ISREG(os.stat(path).st_mode):                 # a pipe would wait for ever, a device never end
        raise OSError(f"{path} is not a file, expected one")
    with open(path, "rb", buffering=0) as raw, Limited(raw) as file:
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:                              # a damaged archive raises whatever its bytes lead to
            raise _unreadable(path, error) from None
        with archive:
            yield archive


def _unreadable(path, why):
    why = " ".join(str(why).split()) or type(why).__name__
    return ValueError(f"{path} cannot be read ({why}), expected an .npz file of arrays that is whole")


def _contents(path, archive):
    """Name -> `Header` and place in the archive."""
    found = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name == info.filename or name in found:
            raise _unreadable(path, f"it holds {info.filename[:50]!r}" + " twice" * (name in found))
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise _unreadable(path, f"{name} is packed in a way that NumPy does not use")
        try:
            with archive.open(info) as member:
                header = _header(member)
        except Exception as error:
            raise _unreadable(path, f"{name}: {error}") from None
        if header.dtype.kind not in NUMBERS or header.dtype.itemsize > 16:
            raise ValueError(f"{path} has {name} of dtype {header.dtype}, expected numbers")
        if info.file_size != header.n_bytes + math.prod(header.shape) * header.dtype.itemsize:
            raise _unreadable(path, f"{name} does not have as many numbers as it says")
        found[name] = header, info
    return found


def _header(member):
    """Parse an .npy header of version 1 or 2. It is matched with a pattern, not evaluated as `np.load` does."""
    start = member.read(10)
    if start[:6] != b"\x93NUMPY" or start[6:8] not in (b"\1\0", b"\2\0") or len(start) < 10:
        raise ValueError("it does not begin as an array does")
    if start[6] == 2:
        start += member.read(2)
    length = int.from_bytes(start[8:], "little")
    if length > MOST_HEADER:
        raise ValueError(f"its header has {length:,} bytes")
    text = member.read(length).decode("latin-1")
    matched = HEADER.fullmatch(text)
    if not matched or len(text) < length:
        raise ValueError("its header cannot be read")
    descr, order, axes = matched.groups()
    shape = tuple(int(n) for n in axes.split(",") if n.strip())
    if len(shape) > 32:
        raise ValueError(f"it has {len(shape)} axes")
    return Header(shape, np.dtype(descr), order == "True", len(start) + length)


# ---- 2. is it what is expected? --------------------------------------------------------------------------------------

def _check_names(path, found, wanted):
    missing, odd = [name for name in wanted if name not in found], [name for name in found if name not in wanted]
    if missing or odd:
        said = [f"{verb} {', '.join(names[:4])}{', ...' * (len(names) > 4)}{why}" for verb, names, why in (
            ("lacks", missing, ""), ("has", odd, " which nobody asks for")) if names]
        raise ValueError(f"{path} does not fit: it {' and '.join(said)}")


def _check_header(has, header, shape, dtype):
    if header.shape != shape:
        raise ValueError(f"{has} of shape {header.shape}, expected {shape}")
    kinds = {"f": "f", "c": "fc", "i": "iu", "u": "iu", "b": "b"}[dtype.kind]
    if header.dtype.kind not in kinds:
        raise ValueError(f"{has} of dtype {header.dtype}, expected {NUMBERS[dtype.kind]} (as {dtype})")


# ---- 3. the numbers --------------------------------------------------------------------------------------------------

def _numbers(path, name, archive, header, info, dtype, finite):
    """The array, in the dtype expected."""
    flat = np.empty(math.prod(header.shape), header.dtype)
    try:
        with archive.open(info) as member:
            member.read(header.n_bytes)
            room = memoryview(flat.view(np.uint8))
            while len(room):
                piece = member.read(min(PIECE, len(room)))
                if not piece:
                    raise ValueError("it ends too early")
                room[:len(piece)] = piece
                room = room[len(piece):]
            member.read(1)                                      # at its end the checksum is compared
    except Exception as error:
        raise _unreadable(path, f"{name}: {error}") from None
    read = flat.reshape(header.shape, order="F" if header.fortran_order else "C")
    with np.errstate(over="ignore", invalid="ignore"):
        array = read.astype(dtype, order="C", copy=False)
    if finite and not np.isfinite(array).all():
        index = tuple(int(i) for i in np.unravel_index(np.isfinite(array).argmin(), array.shape))
        beyond = f", more than {dtype} can hold" if np.isfinite(read[index]) else ""
        raise ValueError(f"{path} has {name} with {read[index]} at {index}{beyond}, expected finite numbers only")
    if dtype.kind in "iu" and not np.array_equal(array, read):
        raise ValueError(f"{path} has {name} with integers that do not fit into {dtype}")
    return array
