"""Changes of code: tried one by one, or a hundred compiled together, they give the same."""

import ast

import numpy as np
import pytest

from minirnn.checking.repairs import edits
from minirnn.checking.source import Code

SLOPE = 2.0


def twice(a):
    return SLOPE * a


def backward(memo, d, steps):
    total, z = 0, memo["z"]
    for k in range(steps):
        total = total + twice(d * (1 - z)) * (1 - memo["h"]**2)
    d = d * z
    parts = [np.sum(row, axis=0) for row in (d, total)]
    return parts[0] - parts[1], total[:, :1]


def outcome(code, *changes):
    """What comes out with these edits, as text; or the error."""
    memo = {"z": np.array([[0.2, 0.7], [0.4, 0.9]]), "h": np.array([[0.5, -0.1], [-0.3, 0.8]])}
    try:
        with code.edited(*changes) as built, np.errstate(all="ignore"):
            return repr(built.function(backward)(memo, np.array([[1.0, 2.0], [3.0, 5.0]]), 3))
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("n_made", (0, 1))
def test_edits_that_are_compiled_together_do_what_each_does_alone(n_made):
    code = Code([backward])
    own, helper = code.definitions[backward], code.definitions[twice]
    every = [*edits(own), *edits(helper)]
    made = [next(edit for edit in edits(own) if edit.kind == "sign")][:n_made]
    every = [edit for edit in every if not made or edit.line != made[0].line]
    alone = [outcome(code, *made, edit) for edit in every]
    untouched = outcome(code)
    code.prepare(made, every)
    assert [outcome(code, *made, edit) for edit in every] == alone
    assert len(set(alone)) > len(every) / 3 and len(every) > 50     # they do differ
    assert outcome(code) == untouched                               # and nothing is left of them


def test_an_edit_that_cannot_be_compiled_does_not_spoil_the_others():
    code = Code([backward])
    every = list(edits(code.definitions[backward]))
    alone = [outcome(code, edit) for edit in every]
    broken = every[0]._replace(changes=((every[0].changes[0][0], [ast.Name("None", ast.Load())]),))
    code.prepare([], [broken, *every])
    assert [outcome(code, edit) for edit in every] == alone
