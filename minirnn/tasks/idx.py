"""Reading the IDX format, in which the MNIST digits are published: the sizes of an array, then its numbers, one byte each.

    bytes           meaning
    0, 0            always
    8               unsigned bytes (other values stand for other types, which are not read here)
    k               the number of axes
    4 bytes each    the length of each axis, most significant byte first
    the rest        the numbers

A file can be damaged, or made to do harm: one of a hundred bytes may say that it holds a terabyte. So nothing is believed
before it is seen. Memory is taken for what has been read, never for what a header promises.
"""

import gzip
import math
import os
import stat
import zlib

import numpy as np

from .. import checks
from ..arrays import PIECE


def read_idx(path, shape):
    """An array of bytes from an IDX file, packed with gzip or not.

    Args:
        path: the file.
        shape: the lengths of its axes, as far as they are known: a number, or a pair of the least and the largest allowed.

    Returns:
        (n, ...) uint8.

    Raises:
        OSError: there is no such file, or it may not be read. ValueError: it is no such file, it is damaged, or it has
            another shape. One sentence, with the path.
    """
    path = checks.path("path", path)
    if not stat.S_ISREG(os.stat(path).st_mode):                 # a pipe would wait for ever, a device never end
        raise OSError(f"{path} is not a file, expected one")
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return _read(gzip.GzipFile(fileobj=file) if packed else file, shape)
        except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            why = "it ends too early" if isinstance(error, EOFError) else " ".join(str(error).split())
            raise ValueError(f"{path} cannot be read ({why}), expected an IDX file of bytes that is whole") from None


def _read(file, shape):
    start = _exactly(file, 4)
    if start[:3] != b"\0\0\x08":
        raise ValueError(f"it begins with the bytes {start[:3].hex(' ')} and not with 00 00 08")
    if start[3] != len(shape):
        raise ValueError(f"it has {start[3]} axes and not {len(shape)}")
    found = tuple(int.from_bytes(_exactly(file, 4), "big") for _ in shape)
    for axis, (length, allowed) in enumerate(zip(found, shape)):
        least, most = allowed if isinstance(allowed, tuple) else (allowed, allowed)
        if not least <= length <= most:
            expected = f"{least}" if least == most else f"{least} to {most:,}"
            raise ValueError(f"axis {axis} has the length {length:,} and not {expected}")
    numbers = _exactly(file, math.prod(found))
    if file.read(1):                                            # also where the checksum of a packed file is compared
        raise ValueError(f"something follows after its {len(numbers):,} numbers")
    return np.frombuffer(numbers, np.uint8).reshape(found)


def _exactly(file, n):
    """The next n bytes; EOFError if there are fewer. A piece at a time, so that no room is made for what never comes."""
    read = bytearray()
    while len(read) < n:
        piece = file.read(min(PIECE, n - len(read)))
        if not piece:
            raise EOFError
        read += piece
    return read
