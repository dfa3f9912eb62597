"""The sizes at which cells are measured: steps, columns, inputs, units."""

from .. import checks
from ..memory import Size

SIZES = {"paper": Size(1000, 100, 2, 250), "teach": Size(50, 32, 8, 32)}


def parse_size(size):
    """A `Size` from its name in `SIZES`, from text as in "50,32,8,32", or from four positive integers."""
    wrong = ValueError(f"size is {size!r}, expected {', '.join(SIZES)} or four positive integers T,B,D,H")
    if isinstance(size, str):
        if size in SIZES:
            return SIZES[size]
        size = size.split(",")
    try:
        found = [int(number) if isinstance(number, str) else checks.positive_integer("size", number) for number in size]
    except (TypeError, ValueError):
        raise wrong from None
    if len(found) != 4 or min(found) < 1:
        raise wrong
    return Size(*found)
