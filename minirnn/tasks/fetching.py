"""Files that do not come with the package: where they are kept, and how they get there."""

import hashlib
import http.client
import os
import sys
import time
import urllib.request
from pathlib import Path

from ..files import replacing

LONGEST_SILENCE = 20            # seconds without a byte, after which a server is given up
LONGEST = 900                   # seconds that one file may take
DOWNLOADED_AT_ONCE = 2**16      # bytes


def data_folder():
    """Where downloaded files are kept: $MINIRNN_DATA if it is set, else minirnn in the user's own folder for such things."""
    if os.environ.get("MINIRNN_DATA"):
        return Path(os.environ["MINIRNN_DATA"])
    if os.name == "nt" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"]) / "minirnn"
    return Path.home() / ".cache" / "minirnn"


def fetch(name, n_bytes, sha256, mirrors, folder):
    """Download a file, whole and unchanged, or not at all.

    Args:
        name: of the file.
        n_bytes, sha256: its size, and its SHA-256 as hexadecimal digits. What differs in either is thrown away.
        mirrors: the addresses at which it is, each up to the file's name; the next is tried when one fails.
        folder: where it shall be; made if missing.

    Returns:
        The file's path.

    Raises:
        ConnectionError: no mirror has given it; the message says why not, mirror by mirror. OSError: it cannot be written.
    """
    failed = []
    for mirror in mirrors:
        try:
            content = _download(mirror + name, name, n_bytes)
            if hashlib.sha256(content).hexdigest() != sha256:
                raise ValueError("what came is another file: its SHA-256 differs")
        except (OSError, ValueError, http.client.HTTPException) as error:
            failed.append(f"{mirror}: {' '.join(str(getattr(error, 'reason', error)).split()) or type(error).__name__}")
            continue
        path = Path(folder) / name
        with replacing(path) as file:
            file.write(content)
        return path
    raise ConnectionError(f"{name} could not be downloaded ({'; '.join(failed)})")


def _download(url, name, n_bytes):
    """The content, of n_bytes and not one more."""
    began, content, live = time.monotonic(), bytearray(), sys.stderr.isatty()
    print(f"downloading {name} ({n_bytes / 1e6:.1f} MB) from {url}", file=sys.stderr, flush=True)
    with urllib.request.urlopen(url, timeout=LONGEST_SILENCE) as response:
        while len(content) <= n_bytes:
            piece = response.read(DOWNLOADED_AT_ONCE)
            if not piece:
                break
            content += piece
            if live:
                print(f"\r{100 * len(content) // n_bytes:>4}%", end="", file=sys.stderr, flush=True)
            if time.monotonic() - began > LONGEST:
                raise TimeoutError(f"it took more than {LONGEST} seconds")
    if live:
        print("\r     \r", end="", file=sys.stderr, flush=True)
    if len(content) != n_bytes:
        more = "more" if len(content) > n_bytes else f"{len(content):,}"
        raise ValueError(f"{more} bytes came, expected {n_bytes:,}")
    return bytes(content)
