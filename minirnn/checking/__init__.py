"""Is this backward pass right, and if not, where is it wrong?

Read in this order. First the check: `check.py` has `gradcheck`, the function that everybody calls. It differentiates the
loss of a problem (`problems.py`) numerically (`numeric.py`), compares, and returns a report (`report.py`). Before that it
asks whether the cell keeps its contract (`contract.py`); a cell of the user's own comes from a file by `loading.py`.

Then the diagnosis, where a check has failed: `diagnosis.py` looks at a small cell with the same code (`shrinking.py`),
and tables which derivatives of single steps are wrong (`verdicts.py`). It takes the backward pass apart into methods that
are called alone (`stages.py`), and mends each that is wrong (`mending.py`). First the numbers say which lines could be to
blame: those in which other values would make every gradient right (`search.py`, `survey.py`). There, every small change of the
code is tried that could be the repair (`repairs.py`). Where none is, the numbers say how the right value could be computed
(`hypotheses.py`); that is code, and tried like the rest. A repair counts if the whole check passes with it (`trial.py`); of
several, the one after which variables hold what they are called (`meaning.py`) and no gate has half a slope. What the mistake
is called follows from the repair (`naming.py`). What no formula shows, arrays with two names and gradients that lose digits, is
in `conduct.py`. What is found is a `Finding` (`finding.py`).

Last the two tools that all of them use: `trace.py` looks into running code, and `source.py` compiles changed code, many
changes at once, in surroundings of its own.

A new kind of mistake is a generator in `repairs.py`, if the right code can be had by changing the wrong code; else, where
something is missing that must be computed, a function in `hypotheses.py`; and a line in the list below it.
"""
