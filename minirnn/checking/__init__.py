"""Is this backward pass right, and if not, where is it wrong?

Read `check.py` first: `gradcheck` is the function that everybody calls. It differentiates the loss of a problem
(`problems.py`) numerically (`numeric.py`), compares, and returns a report (`report.py`). Before that it asks whether the
cell keeps its contract (`contract.py`); a cell of the user's own comes from a file by `loading.py`.

Where a check fails, `diagnosis.py` looks for the mistake. It takes the backward pass apart into single steps and single
methods (`stages.py`), tables what is wrong in a matrix (`verdicts.py`), and searches each method for the expression
(`search.py`, which sees into the code by `trace.py`) and for what became of it (`hypotheses.py`). A new kind of mistake
is a function in `hypotheses.py` and a line in its list.
"""
