"""The MNIST digits, read pixel by pixel: 784 steps, with the question at the end."""

from pathlib import Path

import numpy as np

from .. import checks
from .fetching import data_folder, fetch
from .idx import read_idx
from .images import Images

MIRRORS = ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/")
FILES = {                       # name -> bytes, SHA-256
    "train-images-idx3-ubyte.gz": (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    "train-labels-idx1-ubyte.gz": (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    "t10k-images-idx3-ubyte.gz": (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    "t10k-labels-idx1-ubyte.gz": (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
}
SIDE, MOST = 28, 100_000        # pixels in a line; the most digits a file may hold (MNIST has 60,000)


class Mnist(Images):
    """Handwritten digits of 28 by 28 pixels, a pixel a step; which digit it was, asked for at the last step.

    The four files of MNIST are looked for in the folder `path`. Without it, they are looked for in $MINIRNN_DATA, or else
    in ~/.cache/minirnn (Windows: %LOCALAPPDATA%\\minirnn), and downloaded to that folder if they are missing: 12 MB. They
    may be packed (.gz) or not. Other digits in the same format do as well.

    The first 5,000 of the 60,000 training digits, a twelfth, are the validation part, as in the code of the RWA's author.

    Args:
        path: the folder with the files.
        pixels_per_step: D, a divisor of 784: 1 for a pixel, 28 for a line at every step. T is 784 / D.

    Raises:
        FileNotFoundError: the files are not there and cannot be downloaded. OSError, ValueError: they cannot be read.
    """

    source = ("LeCun, Cortes & Burges, the MNIST database of handwritten digits; pixel by pixel as in Le, Jaitly & Hinton "
              "2015, Ostmeyer & Cowell 2017 and Li et al. 2018")

    def __init__(self, path=None, pixels_per_step=1):
        self.prepare(mnist(path), 255, pixels_per_step)


class MnistPermuted(Images):
    """The digits of `mnist`, their pixels mixed: a fixed order in which neighbours are far apart. Which digit was it?

    Args:
        path, pixels_per_step: as in `mnist`.
        permutation: the seed of the order. Every paper has its own order, none of which is published.
    """

    source = Mnist.source

    def __init__(self, path=None, pixels_per_step=1, permutation=0):
        self.prepare(mnist(path), 255, pixels_per_step, permutation)


def mnist(path=None):
    """The three parts, as `Images` describes them, from a folder or else from the cache; see `Mnist`."""
    folder = data_folder() if path is None else Path(checks.path("path", path))
    files = {name: _find(folder, name) for name in FILES}
    missing = [name for name, file in files.items() if file is None]
    if missing and path is not None:
        raise FileNotFoundError(f"path is {str(folder)!r}, where MNIST's {_listed(missing)} {_are(missing)} missing, packed or "
                                f"not (without a path they are downloaded)")
    for done, name in enumerate(missing):
        try:
            files[name] = fetch(name, *FILES[name], MIRRORS, folder)
        except ConnectionError as error:
            left = missing[done:]
            raise FileNotFoundError(f"MNIST's {_listed(left)} {_are(left)} not in {folder}, and {error}: put what is missing "
                                    f"into that folder, or name another with the option path") from None
    images, labels = _pair(files, "train")
    n_validation = len(images) // 12
    if n_validation == 0:
        raise ValueError(f"{files['train-images-idx3-ubyte.gz']} has {len(images)} digits, expected at least 12")
    return {"train": (images[n_validation:], labels[n_validation:]),
            "validation": (images[:n_validation], labels[:n_validation]), "test": _pair(files, "t10k")}


def _find(folder, name):
    """The file's path, packed or not; None if there is neither."""
    return next((folder / one for one in (name, name.removesuffix(".gz")) if (folder / one).exists()), None)


def _pair(files, which):
    """Pixels (n, 784) and digits (n,) of the "train" or "t10k" files."""
    labels_file, images_file = files[f"{which}-labels-idx1-ubyte.gz"], files[f"{which}-images-idx3-ubyte.gz"]
    labels = read_idx(labels_file, [(1, MOST)])
    if labels.max() > 9:
        raise ValueError(f"{labels_file} has the label {labels.max()}, expected digits from 0 to 9")
    images = read_idx(images_file, [len(labels), SIDE, SIDE])   # as many as there are labels
    return images.reshape(len(images), SIDE * SIDE), labels.astype(np.uint8)


def _listed(names):
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])


def _are(names):
    return "is" if len(names) == 1 else "are"
