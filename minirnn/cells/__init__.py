"""The cells, one file per family, and `make_cell`, which makes a cell by its name.

Read `cell.py` first: it says what a cell is (one step, its gradient, and the sums over time). Then `elman.py`, the smallest
cell, and `lstm.py`, `gru.py`, `rwa.py`, `rda.py` and the others in any order. `parameters.py` is how weights are named and
stored, and `function_cell.py`, one folder up, makes a cell from two functions of your own. A new cell is one file, and a
line in `CELLS`.
"""

from .. import checks
from .elman import RNN
from .gru import GRU
from .indrnn import IndRNN
from .lstm import LSTM
from .lstm_variants import LSTMCIFG, LSTMFGR, LSTMNFG, LSTMNIAF, LSTMNIG, LSTMNOAF, LSTMNOG, LSTMNP, LSTMPeephole
from .mut import MUT1, MUT2, MUT3
from .rda import RDA, RDAExpTanh, RDASigmoidId
from .rwa import RWA

CELLS = {
    "rnn": RNN,
    "lstm": LSTM,
    "lstm-peephole": LSTMPeephole,
    "lstm-nig": LSTMNIG,
    "lstm-nfg": LSTMNFG,
    "lstm-nog": LSTMNOG,
    "lstm-niaf": LSTMNIAF,
    "lstm-noaf": LSTMNOAF,
    "lstm-np": LSTMNP,
    "lstm-cifg": LSTMCIFG,
    "lstm-fgr": LSTMFGR,
    "gru": GRU,
    "mut1": MUT1,
    "mut2": MUT2,
    "mut3": MUT3,
    "indrnn": IndRNN,
    "rwa": RWA,
    "rda": RDA,
    "rda-exp-tanh": RDAExpTanh,
    "rda-sigmoid-id": RDASigmoidId,
}


def make_cell(name, n_in, n_hidden, *, rng=0, dtype="float32", **options):
    """A cell by its name in `CELLS`.

    Args:
        name: a key of `CELLS`.
        n_in: D, the number of input features.
        n_hidden: H, the number of hidden units.
        rng: a seed or a numpy Generator for the initial weights.
        dtype: "float32", "float64" or "complex128".
        options: the cell's own, for example `attention="sigmoid"` of `rda`; `learned_state=True` of every cell.

    Raises:
        KeyError: there is no such cell; the message lists all names.
        TypeError: the cell has no such option, or a size is not an integer.
        ValueError: an option's value, a size or the dtype is out of range.
    """
    cell_class = checks.lookup("cell", name, CELLS)
    valid = cell_class.options()
    for option in options:
        if option not in valid:
            raise TypeError(f"{name} has no option {checks.shown(option)}, expected one of {', '.join(valid)}")
    return cell_class(n_in, n_hidden, rng=rng, dtype=dtype, **options)
