"""Try a repair: the changed code compiled, and the whole check run again.

The whole check is `gradcheck` in a few evaluations. The numeric derivative of the loss along random directions, a
few for each parameter, the input and each component of the initial state, is computed once; a repaired cell only has to
give the same loss, and gradients whose products with those directions agree. It runs over several steps in chunks,
twice, and with incoming gradients of several sizes, so nothing passes that `gradcheck` would refuse.
"""

from contextlib import contextmanager

import numpy as np

from ..function_cell import FunctionCell
from .problems import CellProblem
from .source import Code, unbound
from .stages import copies

DIRECTIONS = 2
ENTRIES = ("step", "step_backward", "weight_gradients", "initial_state_backward", "output_backward", "input_terms", "output")


class WholeCheck:
    """The whole check of a cell, for copies of it with changed code.

    Args:
        cell: a `Cell`. exact: whether its forward pass runs on complex numbers. code: a `Code` of its methods, if there is one.
        directions: how many, of each block. fails: (columns, error), if the code as it is fails with another number of columns.

    Attributes:
        exact, fails: as given. code: the `Code` of all its methods. wrong: the blocks that are wrong as it is.
    """

    def __init__(self, cell, exact, code=None, directions=DIRECTIONS, fails=None):
        rng = np.random.default_rng(0)
        self.cell, self.exact, self.fails = cell, exact, fails
        self.problem = CellProblem(cell, None, 4, 3, "random", rng)
        self.tolerance = 1e-8 if exact else 1e-5
        numeric, self._slopes = self.problem.at("complex128" if exact else "float64"), {}
        for block, array in numeric.arrays.items():
            h, kept = (1e-30j if exact else 1e-6), array.copy()
            for _ in range(directions):
                direction = rng.normal(size=array.shape)
                array[...] = kept + h * direction
                above = numeric.value(block)
                array[...] = kept - h * direction
                slope = above.imag / 1e-30 if exact else (above - numeric.value(block)) / 2e-6
                array[...] = kept
                self._slopes.setdefault(block, []).append((direction, slope))
        self._states = self.problem.run(None).state
        own = isinstance(cell, FunctionCell)
        entries = cell.functions if own else [getattr(type(cell), name) for name in ENTRIES]
        owner, things = (None, ()) if own else (type(cell), [cell])
        self.code = code or Code(dict.fromkeys(entries), owner, all_needed=False, things=things)
        self._weights = self.problem.weights.copy(), copies(self.problem.state_weights)
        self._before = self.problem.derived()
        self.wrong = self._wrong(self.problem, self._before)
        # Where only numbers are wrong, what leaves them as they are, or makes others wrong, need not be looked at any closer.
        self._plain = not self.problem.unsteady and not self.problem.nonlinear and not self.problem.lowered

    def left(self, *edits):
        """The blocks that are wrong after these edits; None if the forward pass is no longer the same, or fails.

        Of edits that mend nothing, or make right blocks wrong, only the numbers are compared.
        """
        params, kept = self.problem.cell.params.flat, self.problem.cell.params.flat.copy()
        try:
            with self.repaired(*edits) as cell, np.errstate(all="ignore"):
                problem = self._problem_of(cell)
                run = problem.run(None)
                if not all(np.array_equal(a, b) for a, b in zip(run.state, self._states)):
                    return None
                return self._wrong(problem, problem.derived(run, self._promises))
        except Exception:                                       # whatever a change of somebody's code may raise
            return None
        finally:
            params[...] = kept                                  # which the changed code may have changed in place

    def runs_elsewhere(self, *edits):
        """Whether the changed code runs with the number of columns with which the code as it is fails."""
        rng = np.random.default_rng(0)
        with self.repaired(*edits) as cell:
            try:
                CellProblem(cell, None, 2, self.fails[0], "random", rng).derived()
            except Exception:                                   # whatever somebody's code raises
                return False
        return True

    def _problem_of(self, cell):
        """The problem, with incoming gradients of its own: a wrong method may change them in place."""
        problem = self.problem.of(cell)
        problem.weights, problem.state_weights = copies(self._weights)
        return problem

    @contextmanager
    def repaired(self, *edits):
        """A copy of the cell, on the same parameters, with edited code while the context lasts."""
        with self.code.edited(*edits) as built:
            if isinstance(self.cell, FunctionCell):
                cell = self.problem.cell.astype("float64")
                cell.functions = tuple(built.function(f) if unbound(f) in built.functions else f for f in self.cell.functions)
                yield cell
            else:
                yield built.stand_in(self.problem.cell)

    def _promises(self, derived):
        """Whether gradients may be those of a repair."""
        same = self._plain and all(np.array_equal(derived[block], a) for block, a in self._before.items())
        return not same and self._by_numbers(derived) <= self.wrong

    @property
    def slight(self):
        """Whether what is wrong is a few digits, as where numbers were rounded."""
        errors = [abs((self._before[block] * d).sum() - slope) / max(np.abs(self._before[block] * d).sum() + abs(slope), 1e-300)
                  for block, slopes in self._slopes.items() for d, slope in slopes]
        return self.tolerance < max(errors, default=0) < 1e-3 and not self.problem.unsteady

    def _by_numbers(self, derived):
        """The blocks whose gradient is not the numeric one."""
        wrong, flowing = set(), max(np.abs(a).max(initial=0) for a in derived.values())
        for block, slopes in self._slopes.items():
            for direction, slope in slopes:
                product = derived[block] * direction
                size = np.abs(product).sum() + abs(slope)
                if not abs(product.sum() - slope) <= self.tolerance * size + 1e-12 * flowing:
                    wrong.add(block)
        return wrong

    def _wrong(self, problem, derived):
        named = {*problem.unsteady, *problem.nonlinear}
        wrong = self._by_numbers(derived) | {block for block in derived if block[1] in named}
        return wrong | {("memo", name) for name in problem.lowered}
