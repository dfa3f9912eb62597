"""Is this backward pass right, and if not, where is it wrong?

Read `check.py` first: `gradcheck` is the function that everybody calls. It differentiates the loss of a problem
(`problems.py`) numerically (`numeric.py`), compares, and returns a report (`report.py`). Before that it asks whether the
cell keeps its contract (`contract.py`); a cell of the user's own comes from a file by `loading.py`.

Where a check fails, `diagnosis.py` looks for the mistake, in a small cell with the same code (`shrinking.py`). It tables
which derivatives of single steps are wrong (`verdicts.py`), takes the backward pass apart into methods that are called
alone (`stages.py`), and mends each that is wrong (`mending.py`). First every small change of the code is tried that could
be the repair (`repairs.py`); then the numbers are asked which expression is wrong (`search.py`) and what became of it
(`hypotheses.py`). A repair counts if the whole check passes with it (`trial.py`). What no formula shows, arrays with two
names and gradients that lose digits, is in `conduct.py`. All of them look into code by `trace.py`, and compile changed
code by `source.py`, in surroundings of its own. What is found is a `Finding` (`finding.py`).

A new kind of mistake is a generator in `repairs.py`, if the right code can be had by changing the wrong code; else, where
something is missing that must be computed, a function in `hypotheses.py`; and a line in the list below it.
"""
