"""What stands beside the arrays in a file: a text in JSON, `about`, which says what the file is and what it is of.

It is kept as an array of bytes, so that the file stays one that `np.load` reads, and nothing in it is ever executed.
"""

import json

import numpy as np

from .arrays import read_array, read_headers

FORMAT = 1
MODEL_FILE, TRAINING_FILE = "minirnn model", "minirnn training"
LONGEST_TEXT = 2**26            # of the text: settings, and some numbers for each look at held-out sequences


def about_array(kind, **told):
    """The text as an array of bytes, to be written under the name "about"."""
    return np.frombuffer(json.dumps({"kind": kind, "format": FORMAT, **told}).encode(), np.uint8)


def read_about(path, *kinds):
    """What a file says it is, as a dict.

    Args:
        path: the file.
        kinds: those that are expected; any without them.

    Raises:
        OSError: there is no such file. ValueError: it has no such text, it is damaged, or of another kind or format.
    """
    headers = read_headers(path)
    if "about" not in headers or headers["about"].dtype != np.uint8 or len(headers["about"].shape) != 1:
        raise ValueError(f"{path} holds arrays, but not the description that minirnn writes beside them")
    if headers["about"].shape[0] > LONGEST_TEXT:
        raise ValueError(f"{path} has a description of {headers['about'].shape[0]:,} bytes, expected at most {LONGEST_TEXT:,}")
    try:
        about = json.loads(read_array(path, "about").tobytes().decode())
        kind, version = about["kind"], about["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{path} has a description that cannot be read, expected one that minirnn wrote") from None
    if kinds and kind not in kinds:
        raise ValueError(f"{path} is a file of the kind {kind!r}, expected {' or '.join(map(repr, kinds))}")
    if version != FORMAT:
        raise ValueError(f"{path} is of format {version!r}, this version of minirnn reads format {FORMAT}")
    return about


def expected_about(path):
    """The shape and dtype of the text, for `read_arrays`: {} if the file has none."""
    headers = read_headers(path)
    return {"about": headers["about"][:2]} if "about" in headers else {}
