"""What the checker says of mistakes that somebody else made, in cells in other people's styles (see `mistakes/`).

By default one in twenty-four is marked, of each collection; with the environment variable MINIRNN_ALL=1 all are, and the
figures are printed (pytest -s).
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from minirnn import Cell, gradcheck
from minirnn.checking.diagnosis import diagnose

HERE = Path(__file__).parent / "mistakes"
sys.path.insert(0, str(HERE))
import mark                                                     # noqa: E402

ALL = bool(os.environ.get("MINIRNN_ALL"))
COLLECTIONS = {"first": HERE} | {name: HERE / name for name in ("second", "third", "fourth", "fifth", "sixth", "seventh")}
RIGHT = sorted(path for folder in COLLECTIONS.values() for kind in ("base", "right") for path in folder.glob(f"{kind}_*.py"))
LEAST = {"caught": 0.98, "line_among": 0.9, "line_first": 0.9, "kind_among": 0.85}       # a little below what is reached


@pytest.mark.parametrize("folder", COLLECTIONS.values(), ids=COLLECTIONS)
def test_mistakes_of_another_hand_are_caught_and_told_with_their_line_and_kind(folder):
    found = mark.marks(mark.entries([folder])[::1 if ALL else 24])
    figures = mark.figures(found)
    print("\n", figures, *(m for m in found if not (m.caught and m.line_among and m.kind_among)), sep="\n")
    room = 0 if ALL else 0.25                                   # of three, one
    assert all(figures[name] >= least - room * (name != "caught") for name, least in LEAST.items()), figures
    assert all(len(m.text.splitlines()) <= 10 for m in found)


@pytest.mark.parametrize("base", RIGHT if ALL else RIGHT[::9], ids=lambda path: path.stem)
def test_the_right_cells_raise_no_alarm(base, tmp_path):
    entry = next((entry for entry in mark.entries([base.parent]) if entry["file"] == base), {})
    module = mark.module_of(base.read_text(encoding="utf-8"), tmp_path, base.stem)
    with np.errstate(all="ignore"):
        assert mark.checked(entry, module)
        made = module.make(mark.D, mark.H)
        if isinstance(made, Cell):
            assert not diagnose(made, gradcheck(made)).findings
