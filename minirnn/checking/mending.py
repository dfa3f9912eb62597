"""What is wrong with one method of a backward pass, and what makes it right.

The numbers clear most lines first: whatever values stood there, the gradients would not come out right (see `search.py`).
In the others several searches are made, the plainest first. The small changes of `repairs.py` are tried one after the
other, then each quantity in the place of others of its shape. Where none of that makes the method right, something is
missing that no change of the code alone can guess, and the numbers are asked what; their answers are changes of the code,
too, and tried like the others. Where one value is to blame and none of them gives it, what it lacks is compared with what
comes back on each way of the forward step. Where no single change helps, several are looked for, in all lines. Where the
numbers know nothing, the gradient is told as it looks from outside. Whatever code a finding proposes was tried: in the
method, and in the whole check.
"""

import ast
import re
from contextlib import ExitStack
from functools import cached_property, partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from . import trace
from .finding import Finding, few, label
from .problems import HUGE, TINY
from .naming import named, sigmoid_slopes
from .repairs import KINDS_OF_REPAIR, Edit, edits, exchanges, expression_of, missing_lines, more
from .search import Search, holds_slope, looks_like_slope
from .source import parents_in, statement_around
from .stages import agrees
from .survey import Survey
from .trial import WholeCheck

LARGEST_CHECKED = 100_000       # parameters of a cell that a repair is also checked in, though it was found in another size
CANDIDATES = 6                  # repairs of a method, the best first, that the whole check is run with
DEARER = 0.4                    # after a repair of everything, nothing is tried that costs so much more
ALIKE = 0.1                     # costs that differ by less say nothing
TRIES = {1: 2500, 4: 2500}      # most changes of a method -> most tries; twice that, once one is found
AT_ONCE = 60                    # changes that are compiled together at first; then twice as many each time
PROPOSALS = 24                  # answers of the numbers, the best first, that are tried
ALL_RUNS = 2500                 # of a method with other numbers in it, for all the answers together
EMPTY = "np.zeros", "0 *"
LINES = 4                       # of several that could be to blame, so many are shown
SEARCHES = ("small_changes", "forgotten_lines"), ("exchanges", "lacking_products"), ("computed",), ("more",)
LATER = ", with what is known only further down"
NOT_LINEAR = "is not linear in the gradient: k times the incoming gradient does not give k times the gradient here."


class Workbench:
    """Where changed code is tried: in a stage, and in the whole check.

    Args:
        code: a `Code` of everything that the stage may run; None if there is no source.
        trial: the `WholeCheck` of the cell, or None: of a layer and a loss the stage is the whole check.
        meanings: the `Meanings` of the cell's variables, if there are any.
        other: the same cell in another size: as it was given, if the trial is of a smaller one.

    Attributes:
        accidental: whether a repair made the whole check pass, but not in the other size. failures: what went wrong in parts
            of the search, with which the others went on: exceptions.
    """

    def __init__(self, code, trial=None, meanings=None, other=None):
        self.code, self.trial, self.meanings, self._other = code, trial, meanings, other
        self._held, self._watched, self.accidental, self.failures = {}, {}, False, []

    def unless_it_fails(self, proposals):
        """What a generator yields; if it fails on somebody's code, what it has yielded before."""
        try:
            yield from proposals
        except Exception as error:
            self.failures.append(error)

    def definitions(self, stage):
        """Those that a stage's function runs, its own before its ancestors'; not what the forward pass runs, too."""
        if not self.code:
            return []
        forward = self.code.reached_from(stage.forward) if stage.forward else []
        return [d for d in self.code.reached_from(stage.function) if not any(d is one for one in forward)]

    def watched(self, stage, edited=False):
        """A stage's function, `Watched`, as it is, or with the edits that its code has now.

        Raises:
            OSError, ValueError: there is no source to look into.
        """
        if edited:
            return trace.Watched(stage.function, stage.owner, self.code)
        if stage not in self._watched:
            self._watched[stage] = self.watched(stage, edited=True)
        return self._watched[stage]

    def contradicted(self, stage, *changes):
        """How many variables do not hold what they are called, with these edits: (gradients, other values)."""
        known = self.meanings and self.meanings.values
        return self._meant(self.meanings.contradicted, stage, changes, (0, 0)) if known else (0, 0)

    def right(self, stage, *changes):
        """(name, line) of the variables that hold a gradient of something in the forward step, with these edits."""
        known = self.meanings and self.meanings.gradients
        return self._meant(self.meanings.right, stage, changes, set()) if known else set()

    def _meant(self, asked, stage, changes, unknown):
        """What is asked of a stage's code with these edits; `unknown`, if there is no source or it does not run."""
        with ExitStack() as contexts:
            for edit in changes:
                contexts.enter_context(edit.applied())
            try:
                return asked(stage, self.watched(stage, edited=bool(changes)))
            except Exception:                                   # whatever somebody's code raises
                return unknown

    @cached_property
    def in_another_size(self):
        """The `WholeCheck` of the cell in another size; None if it has none, or if it would take long."""
        if self._other is None or self._other.n_params > LARGEST_CHECKED:
            return None
        try:
            return WholeCheck(self._other, self.trial.exact, self.code, directions=1)
        except Exception:                                       # what no check of it can do, either
            return None

    def holds(self, *changes):
        """(does everything stay right that was?, does something become right?, does the whole check pass?)"""
        if self.trial is None:
            return True, True, True
        key, wrong = tuple(map(id, changes)), self.trial.wrong
        if key not in self._held:                               # (with the edits, so that no other gets one's id)
            left = self.trial.left(*changes)
            if left == set() and self.in_another_size is not None and self.in_another_size.left(*changes) != set():
                left, self.accidental = None, True              # as a number may be right
            if left == set() and self.trial.fails and not self.trial.runs_elsewhere(*changes):
                left = None
            self._held[key] = left, changes
        left = self._held[key][0]
        return left is not None and left <= wrong, left is not None and (left < wrong or not wrong), left == set()

    def holds_in_one_size(self, *changes):
        """Whether the whole check passes, but not in another size of the cell."""
        other = self.in_another_size
        return bool(other) and self.trial.left(*changes) == set() and other.left(*changes) != set()


class Outcome(NamedTuple):
    """What a search found: findings, their edits, the blocks that stay wrong, how many variables are not what they say."""

    findings: list
    made: list
    left: set
    odd: int

    def rank(self):
        return len(self.left), self.odd, len(self.made)


class Mending:
    """One stage, and the search for what makes it right.

    Args:
        stage: a `Stage`. bench: a `Workbench`. tolerance: of its gradients, relative.
        part: the cell or layer whose parameters are named.

    Attributes:
        plain: block -> gradient, as the stage gives it. linear: whether it is linear in what comes in.
        wrong: the blocks that are wrong. survey: a `Survey` of the stage, once `findings` looks for a repair.
        others_wrong: whether other stages of the cell are wrong, too: the whole check then fails whatever is done to this one.
        usual: how many variables do not hold what they are called, as it is. tries: of repairs, so far. runs: with other
            numbers, in all searches.
        alone: whether one change is looked for that makes everything right. spared: (file, line) where then nothing is tried.
        helped: edits that made something right, where several are looked for.
        answers: the proposals of the numbers for the code as it is, once they were asked.
    """

    survey, usual, tries, runs, alone, answers, others_wrong = None, 0, 0, 0, False, (), False

    def __init__(self, stage, bench, tolerance, part):
        self.stage, self.bench, self.tolerance, self.part = stage, bench, tolerance, part
        self.plain, self.linear = stage.call_safely(stage.function), True
        self.linear = not (stage.incomes and not_linear_in(stage, stage.function))
        self.wrong, self.helped = self.bad(stage.function), []

    def bad(self, function, most=None):
        """The blocks that a function in the stage's place gets wrong, or that are not linear in what comes in.

        Whether it is linear is not asked where the numbers say that more than `most` is wrong.
        """
        found = self.stage.wrong(function, self.tolerance)
        enough = self.linear or found and self.alone or most is not None and not found <= most
        return found if enough else found | not_linear_in(self.stage, function)

    def left(self, *changes, most=None):
        """The blocks that are wrong with these edits; None if the code then fails. `most` as for `bad`."""
        try:
            with self.bench.code.edited(*changes) as built:
                return self.bad(built.function(self.stage.function), most)
        except Exception:                                       # whatever a change of somebody's code may raise
            return None

    def told(self, kind, sentence, blocks, **at):
        """A `Finding` about this stage."""
        blocks = [block for block in self.stage.truth if block in blocks]
        names = {name for kind_of_block, name in blocks if kind_of_block == "parameter"}
        for kind_of_block, name in blocks:
            if kind_of_block == "gates":
                suffix = name.removeprefix("a").removeprefix("_")
                names |= {p for p in self.part.params if p.partition("_")[2] == suffix}
        at = at if at.get("function") != self.stage.name else at | {"function": ""}
        return Finding(kind, sentence, tuple(map(label, blocks)), self.stage.name,
                       parameters=tuple(name for name in self.part.params if name in names), **at)

    def findings(self):
        """A list of `Finding`."""
        if not self.wrong:
            return []
        if any(not np.isfinite(a).all() for a in self.plain.values()):
            return [self.not_finite()]
        self.survey = Survey(self.stage, self.bench, self.wrong, self.linear)
        self.usual = self.bench.contradicted(self.stage)[1]
        found, _, left, _ = self.searched()
        if not left:
            return found
        if not self.linear and (bent := self.first_not_linear(left)):
            return [*found, bent]
        explained = any(not proposal.left for proposal in self.answers)         # one place for everything
        if (left == self.wrong or explained) and (place := self.place()):
            empty = place.kind == "carry" and any(not np.any(self.plain[block]) for block in left if block[0] == "parameter")
            return found + self.from_outside(left) if empty else [place]        # that nothing is added to one says more
        return found + self.from_outside(left)

    # ---- changes of the code ----------------------------------------------------------------------------------------

    def searched(self):
        """The best `Outcome` of all searches.

        First where one change alone could make everything right. Most lines could not, whatever stood there: the numbers
        say so (see `Search.cleared`). Then of several changes; one search may go on where another ended.
        """
        nothing = best = Outcome([], [], self.wrong, 0)
        cleared = self.search.cleared(self.survey.innocent) if self.search else set()
        for most, self.spared in zip(TRIES, (self.survey.innocent | cleared, self.survey.innocent)):
            self.tries, self.alone = 0, most == 1
            one_place = most > 1 and self.search and self.search.solved
            if one_place and (found := self.missing_path()):
                return Outcome([found], [], set(), 0)
            for n in (0, 2) if one_place else range(len(SEARCHES)):         # other quantities elsewhere would be beside it
                if best.made and best.left:
                    best = min(best, self.repaired(n, most, best), key=Outcome.rank)
                if best.left or n == 1 and (best.odd or len(best.made) > 1):
                    best = min(best, self.repaired(n, most, nothing), key=Outcome.rank)
            if not best.left:
                break
        return best

    def repaired(self, n, most, start):
        """Changes of the code, the one that makes the most right, then the next: an `Outcome`.

        Args:
            n: which of the SEARCHES; where something is made already, the plainer ones before it, too.
            most: how many changes there may be; if one, it makes everything right.
            start: the `Outcome` of the changes that are made already.
        """
        found, made, left, odd = [*start.findings], [*start.made], start.left, start.odd
        while left and len(made) < most:
            tried = (self.ways(searches, most, made, left) for searches in SEARCHES[0 if made else n:n + 1])
            ways = self.completing(made) or next(filter(None, tried), None)
            if not ways:
                break
            odds = [self.bench.contradicted(self.stage, *made, edit) for _, edit in ways]
            odds = [gradients + max(0, values - self.usual) for gradients, values in odds]
            odds = [n + self.breaks_a_slope(edit) + self.turns_what_is_returned(edit) for n, (_, edit) in zip(odds, ways)]
            odd = min(odds)
            after, edit = self.least_spoiling([way for n, way in zip(odds, ways) if n == odd], made)
            found.append(self.finding_of(edit, left - after, self.bench.holds(*made, edit)[2]))
            made, left = [*made, edit], after
        if not left and len(made) > 1:                          # what each alone makes wrong stays wrong with all the others
            alone = [self.left(*(other for other in made if other is not edit)) for edit in made]
            found = [self.finding_of(edit, blocks or self.wrong, one.certain) for edit, blocks, one in zip(made, alone, found)]
            found, made = self.in_one_statement(found, made)
        # What mends the smaller part only may hide the cause of the rest.
        return Outcome(found, made, left, odd) if not left or len(left) < len(self.wrong) / 2 else start

    def least_spoiling(self, ways, made):
        """Of the ways that cost the same, the first after which the most variables that hold a right gradient still do.

        Of a term that is missing this says nothing: a part of a sum may hold the gradient of one path, and rightly.
        """
        first, sums = ways[0], ("missing term", "carry")
        ways = [way for way in ways if way[1].cost <= first[1].cost + ALIKE and way[1].kind not in sums]
        if len(ways) < 2 or first[1].kind in sums:
            return first
        right = self.bench.right(self.stage, *made)
        return min(ways, key=lambda way: len(right - self.bench.right(self.stage, *made, way[1])) if right else 0)

    def in_one_statement(self, found, made):
        """The findings and their edits; as one, where several parts of one statement are wrong in the same way."""
        nodes = [node for edit in made for node, _ in edit.changes]
        places = {id(statement_around(node, parents_in(edit.definition.tree))) for edit in made for node, _ in edit.changes}
        inner = {id(part) for node in nodes for part in ast.walk(node) if part is not node}
        if len(places) > 1 or len({edit.kind for edit in made}) > 1 or inner & set(map(id, nodes)):
            return found, made
        together = Edit(made[0].definition, made[0].kind, tuple(change for edit in made for change in edit.changes),
                        made[0].cost, "; and ".join(edit.why for edit in made))
        return [self.finding_of(together, self.wrong, found[-1].certain)], [together]

    def turns_what_is_returned(self, edit):
        """Whether an edit takes what a function of the cell returns in another order than that in which it names them."""
        node = edit.changes[0][0]
        if not isinstance(node, ast.Tuple) or not isinstance(node.ctx, ast.Store):
            return False
        for definition in self.bench.code.definitions.values():
            for returned in [n.value for n in ast.walk(definition.tree) if isinstance(n, ast.Return)]:
                if isinstance(returned, ast.Tuple) and len(returned.elts) == len(node.elts):
                    pairs = [(one, taken) for one, taken in zip(returned.elts, node.elts) if isinstance(one, ast.Name)]
                    if len(pairs) > 1 and all(one.id == getattr(taken, "id", "") for one, taken in pairs):
                        return True
        return False

    @staticmethod
    def breaks_a_slope(edit):
        """Whether a slope q(1 − q), as right code has them, is there no more after an edit: another would be better."""
        if edit.kind == "derivative":
            return False
        before = sigmoid_slopes(edit.definition.tree)
        with edit.applied():
            return sigmoid_slopes(edit.definition.tree) < before

    def completing(self, made):
        """The plainest change that helped before, and makes all right that these leave wrong: as `ways`."""
        whole = (edit for edit in sorted(self.helped, key=lambda edit: edit.cost) if self.left(*made, edit) == set())
        return [(set(), edit) for edit in whole if self.bench.holds(*made, edit)[0]][:1] if made else []

    def ways(self, searches, most, made, left):
        """The changes that make the most right, after those that are made: (what then stays wrong, an `Edit`), best first.

        Args:
            searches: names of methods. Called with the edits that are made, each yields an `Edit` after the other.
        """
        found, enough, tries = [], (np.inf, np.inf), TRIES[most] * (2 if made else 1)
        rank = lambda way: (len(way[0]), way[1].definition.ancestor, way[1].cost)
        proposals = chain.from_iterable(self.bench.unless_it_fails(getattr(self, search)(made)) for search in searches)
        proposals = sorted(proposals, key=lambda edit: (edit.definition.ancestor, edit.cost))
        prepared, size = 0, AT_ONCE
        for k, edit in enumerate(proposals):
            if (edit.definition.ancestor, edit.cost) > enough or self.tries > tries:
                break
            if k == prepared:
                self.bench.code.prepare(made, proposals[k:k + size])
                prepared, size = k + size, 2 * size
            self.tries += 1
            after = self.left(*made, edit, most=left)
            better = after is not None and after < left
            several = most > 1 and bool(after or self.others_wrong)
            self.helped += [edit] * bool(better and most > 1)
            if better and (several or not after and self.bench.holds(*made, edit)[1]):
                found.append((after, edit))
                enough = enough if after else min(enough, (edit.definition.ancestor, edit.cost + DEARER))
        found = sorted(found, key=rank)[:CANDIDATES]
        return [way for way in found if rank(way)[:2] == rank(found[0])[:2] and self.bench.holds(*made, way[1])[0]]

    @cached_property
    def definitions(self):
        """Those of the functions that run in the stage."""
        return list(filter(self.survey.runs, self.bench.definitions(self.stage)))

    def small_changes(self, made):
        """Small changes of the code, of every function that the stage runs."""
        return self.of_guilty_lines([self._small_changes])

    @cached_property
    def _small_changes(self):
        return [edit for definition in self.definitions for kind in KINDS_OF_REPAIR
                for edit in self.bench.unless_it_fails(edits(definition, [kind]))]

    def exchanges(self, made):
        """One quantity in another's place."""
        every = self.bench.code.definitions.values() if self.bench.code else ()
        return self.of_guilty_lines(exchanges(definition, self.survey, partial(self.suspects, definition), every)
                                    for definition in self.definitions)

    def more(self, made):
        """A factor or a term that is missing."""
        return self.of_guilty_lines(more(definition, self.survey, partial(self.suspects, definition))
                                    for definition in self.definitions)

    def of_guilty_lines(self, many):
        """The edits that touch a line which a wrong gradient depends on, or move lines."""
        for edit in chain.from_iterable(map(self.bench.unless_it_fails, many)):
            nodes = [node for node, _ in edit.changes]
            moves = len(nodes) > 1 and isinstance(nodes[0], ast.stmt)
            no_array = isinstance(nodes[0], ast.Dict | ast.DictComp | ast.Constant)         # the numbers know nothing of it
            lines = {(edit.definition.file, node.lineno) for node in nodes}
            guilty = not (self.spared if len(lines) == 1 else self.survey.innocent).issuperset(lines)
            if guilty or moves or no_array or edit.kind == "overwritten":      # (which may leave a line without effect)
                yield edit

    def suspects(self, definition, node):
        """Whether other code could help in a line."""
        return (definition.file, node.lineno) not in self.spared

    def forgotten_lines(self, made):
        """Lines like others, that add to a gradient to which nothing is added."""
        empty = {name for kind, name in self.wrong if kind == "parameter" and not np.any(self.plain[kind, name])}
        is_column = {name: a.shape[-1:] in ((), (1,)) for name, a in self.part.params.items()}
        alike = {name: [other for other in is_column if is_column[other] == is_column[name]] for name in sorted(empty)}
        return chain.from_iterable(missing_lines(definition, alike) for definition in self.definitions)

    def computed(self, made):
        """Changes of the code that the numbers ask for."""
        with ExitStack() as contexts:
            for edit in made:
                contexts.enter_context(edit.applied())
            return [edit for proposal in self.asked(made)[:PROPOSALS] for edit in self.as_edits(proposal)]

    def asked(self, made):
        """What the numbers say of the code with these edits, but for lines that are spared: proposals, the best first."""
        try:
            search = self.searching(edited=True) if made else self.search
            if search:
                search.most, before = min(search.most, search.runs + ALL_RUNS - self.runs), search.runs
            proposals = search.proposals(self.spared) if search else []
            self.runs += search.runs - before if search else 0
        except Exception:                                       # with the edits it does not run
            return []
        self.answers = self.answers if made else self.answers or proposals
        return proposals

    @cached_property
    def search(self):
        """The numbers of the code as it is; None if they cannot be had."""
        try:
            return self.searching()
        except Exception:                                       # no source to look into, or it does not run on single columns
            return None

    def searching(self, edited=False):
        """A new `Search`, of the code as it is or with the edits that it has now."""
        return Search(self.stage, self.bench.watched(self.stage, edited), self.tolerance)

    def as_edits(self, proposal):
        """The `Edit`s that put a proposal's code in its place: of a variable before it is read, or where it is assigned."""
        site, explanation, _ = proposal
        e = site.expression
        for definition in self.definitions if explanation.code else ():
            if (e.function, e.file) != (definition.tree.name, definition.file):
                continue
            edit = partial(Edit, definition, explanation.kind, why=explanation.phrase)
            for node in ast.walk(definition.tree):
                if site.readers and isinstance(node, ast.stmt) and node.lineno == e.statement:
                    yield edit(((node, [*ast.parse(f"{e.text} = {explanation.code}").body, node]),), explanation.cost)
                    break
                elif not site.readers and hasattr(node, "lineno") and trace.place_of(node) == e.place:
                    yield edit(((node, [expression_of(explanation.code)]),), explanation.cost)
                    break
            made = [n for n in ast.walk(definition.tree) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == e.text]
            if e.text.isidentifier() and len(made) == 1 and not site.readers:
                line = ast.parse(f"{e.text} = {explanation.code}").body[0]
                yield edit(((made[0], [made[0], line]),), explanation.cost + 0.01)

    def finding_of(self, edit, blocks, certain):
        """A change of the code that works, as a `Finding`."""
        before, after = edit.before_and_after()
        source = edit.source
        (kind, why, also), node = named(edit, self.bench.code.definitions.values(), self.survey), edit.changes[0][0]
        sentence = f"{why}."
        if not self.linear and not self.stage.wrong(self.stage.function, self.tolerance):
            if kind != "not linear":                            # it is there; but that this is what belongs there nobody knows
                return self.told("not linear", f"`{before}` {NOT_LINEAR}", blocks, line=edit.line, code=before, source=source,
                                 function=edit.definition.tree.name)
            sentence = f"{why}: k times the incoming gradient must give k times the gradient."
        elif not self.linear and kind in ("factor", "surplus factor", "surplus term"):
            kind = "not linear"
        elif kind in ("exchanged", "order", "carry", "surplus factor"):
            kind, sentence = self.outranked(kind, sentence, blocks)
        belongs = "" if re.search(r"\d times what ", sentence) else after       # (a number of many digits belongs nowhere)
        code = ast.unparse(node) if isinstance(node, ast.expr) and f"`{ast.unparse(node)}`" in sentence else before
        return self.told(kind, sentence, blocks, line=edit.line, code=code, certain=certain, belongs=belongs, source=source,
                         function=edit.definition.tree.name, also=also)

    def outranked(self, kind, sentence, blocks):
        """(kind, sentence), with what has become of the gradients as a whole before it, where that says more."""
        seen = {self.as_a_whole(block) for block in self.stage.truth if block in blocks}
        if None not in seen and {whole for whole, _ in seen} in ({"carry"}, {"transposed"}):
            words = " ".join(words for _, words in sorted(seen))
            return min(seen)[0], f"{words} {sentence[0].upper()}{sentence[1:]}"
        return kind, sentence

    # ---- the numbers ------------------------------------------------------------------------------------------------

    def missing_path(self):
        """A `Finding`, where the gradient that comes back on a path of the forward step is all that is missing; or None."""
        if not self.bench.meanings or not self.search or self.stage.name != "step_backward":
            return None
        found = self.search.solved and self.search.path_missing(self.bench.meanings.paths)
        if not found:
            return None
        e, paths = found
        ways = ", and ".join(f"`{path.text}` acts on line {path.line}, too: `{path.source}`" for path in paths)
        sentence = f"{ways}. What comes back from there is missing at `{e.text}`; with it every gradient comes out right."
        kinds = ("derivative", "missing term") if holds_slope(e) else ("missing term", "carry")
        return self.told(kinds[0], sentence, self.wrong, line=e.line, function=e.function, code=e.text, source=e.source,
                         also=kinds[1])

    def place(self):
        """The expression that is wrong, though nothing that was tried belongs there, as a `Finding`; or None."""
        e, others = self.search.place() if self.search else (None, [])
        answers = [proposal for proposal in self.answers if not proposal.left]
        numbers = [p for p in answers if p.explanation.kind == "factor"]
        scaled = next((p for p in numbers if any(map(self.bench.holds_in_one_size, self.as_edits(p)))), None)
        if scaled:
            place = scaled.site.expression
            sentence = (f"{scaled.explanation.phrase}, in a cell of {self.part.n_hidden} units; in another size it is another "
                        "number: a factor that depends on the size is missing, or should not be there.")
            return self.told("factor", sentence, self.wrong, line=place.line, function=place.function, code=place.text,
                             source=place.source)
        whole = [p for p in answers if p.explanation.kind != "factor" and not self.refuted(p)]
        if not e and not whole:
            return None
        others = [one for one in others if one.function == e.function]
        if others and not whole and not e.text.startswith(EMPTY):
            return self.one_of(e, others)
        kind, what = "unexplained", "with which, no mistake that I know explains"
        if whole:
            edits_of_it = list(self.as_edits(whole[0]))
            later = bool(edits_of_it) and all(self.left(edit) is None for edit in edits_of_it)         # it does not run there
            kind, what = whole[0].explanation.kind, f"it may be that {whole[0].explanation.phrase}{LATER * later}"
            e = whole[0].site.expression
        elif looks_like_slope(e):
            kind, what = "derivative", "it is not the derivative that belongs here, or a factor beside it is wrong"
        sentence = f"With other numbers in the place of `{e.text}` every gradient comes out right; {what}."
        if e.text.startswith(EMPTY):
            kind = "carry"
            sentence = (f"What begins as `{e.text}` does not become what it should: with other numbers here every gradient "
                        "comes out right, so a term that is added to it is missing or wrong.")
        return self.told(kind, sentence, self.wrong, line=e.line, function=e.function, code=e.text, source=e.source)

    def one_of(self, e, others):
        """A `Finding`, where other numbers in each of several lines would do."""
        lines = sorted({one.line: one.source for one in (e, *others)}.items())
        more = f" or {len(lines) - LINES} more" * (len(lines) > LINES)
        sentence = (f"other numbers in any one of these lines{more} make every gradient come out right: most likely the "
                    f"mistake is in one of them, or in what it reads.")
        return self.told("derivative" if looks_like_slope(e) else "unexplained", sentence, self.wrong, line=e.line,
                         function=e.function, code=e.text, source="\n".join(f"{k}: {text}" for k, text in lines[:LINES]))

    def refuted(self, proposal):
        """Whether its code was tried, and ran, and did not help."""
        return any(self.left(edit) is not None for edit in self.as_edits(proposal))

    def lacking_products(self, made):
        """Lines that add a product A Bᵀ, summed over steps and columns, where just that is missing in a matrix's gradient."""
        for definition in self.definitions[:1]:
            named = self.survey.named(definition).items()
            arrays = {text: a if a.ndim == 3 else a[None] for text, a in named if a.ndim in (2, 3)}
            for block in [block for block in self.wrong if block[0] == "parameter" and not self.as_a_whole(block)]:
                product, last = self.product_lacking(block, arrays), definition.tree.body[-1]
                if not product:
                    continue
                (sign, one, other, code), like = product, f"[{block[1]!r}]"
                line = ast.parse(f"grads{like} {'+' if sign > 0 else '-'}= {code}").body[0]
                added = [n for n in ast.walk(definition.tree) if isinstance(n, ast.AugAssign) and like in ast.unparse(n.target)]
                places = [[(last, [line, last])]]               # before the end, for it may not be known before
                if added:                                       # there, or where the loop that it may stand in is over
                    single = added[-1] in definition.tree.body
                    places = ([[(added[-1], [added[-1], line])], [(added[-1], [added[-1]]), *places[0]]] if single
                              else [[(added[-1], [added[-1]]), *places[0]]])
                for cost, puts in enumerate(places, 10):
                    yield Edit(definition, "missing term", tuple(puts), cost / 10, f"the gradient of {block[1]} lacks the term "
                               f"{'+' if sign > 0 else '−'} {one} · {other}ᵀ, summed over steps and columns")

    def product_lacking(self, block, arrays):
        """(sign, A, B, code) of the product that a matrix's gradient lacks, or None."""
        found, truth = self.plain[block], self.stage.truth[block]
        missing = truth - found if np.shape(found) == truth.shape else None
        if missing is None or missing.ndim != 2 or min(missing.shape) < 2:
            return None
        for one, a in arrays.items():
            for other, b in arrays.items():
                if (a.shape[1], b.shape[1]) == missing.shape and (len(a), a.shape[2]) == (len(b), b.shape[2]):
                    product = np.einsum("kab,kcb->ac", a, b)
                    for sign in (1, -1):
                        if agrees(sign * product, missing, 1e-7):
                            flat = f"{one} @ {other}.T" if len(a) == 1 else f'np.einsum("kab,kcb->ac", {one}, {other})'
                            return sign, one, other, flat
        return None

    # ---- what is not a number, or not linear ------------------------------------------------------------------------

    def not_finite(self):
        """The first value of the stage that is NaN or infinite."""
        try:
            traced = self.bench.watched(self.stage)
            values = traced.record(lambda: self.stage.call_safely(traced.function))
            first = next(traced.expressions[key.expression] for key, value in values.items() if not np.isfinite(value).all())
        except (OSError, ValueError, StopIteration):
            return self.told("not finite", "NaN or infinity comes out.", self.wrong)
        return self.told("not finite", f"`{first.text}` gives NaN or infinity.", self.wrong, line=first.line,
                         function=first.function, code=first.text, source=first.source)

    def first_not_linear(self, blocks):
        """The first value that is neither linear in the incoming gradients nor independent of them; None if none is."""
        try:
            traced, seen = self.bench.watched(self.stage), []
            for scale, other in ((1, 0), (0, 1), (1, 1), (HUGE, 0), (TINY, 0)):
                values = traced.record(lambda: self.stage.call_safely(traced.function, scale, 0, other))
                seen.append({**values, **traced.variables})     # expressions, and variables after a line
                times = {**{key: k for k, key in enumerate(values)}, **traced.times}
        except Exception:                                       # no source, or it does not go on with such numbers
            return None

        def straight(a, b, both, large, small):
            size = 1e-10 * max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
            near = lambda one, other: one.shape == other.shape and np.allclose(one, other, rtol=1e-10, atol=size)
            constant = near(a, b) and near(a, both) and near(a, large) and near(a, small)
            return constant or near(a + b, both) and near(large / HUGE, a) and near(small / TINY, a)

        bent = [key for key in seen[0] if all(key in one for one in seen) and not straight(*(one[key] for one in seen))]
        if not bent:
            return None
        first = min(bent, key=lambda key: times.get(key, np.inf))
        if isinstance(first, trace.Key):
            e = traced.expressions[first.expression]
            function, line, source, text = e.function, e.line, e.source, e.text
        else:
            function, line = "", first[2]
            source = text = traced.source_of(line)
        return self.told("not linear", f"`{text}` {NOT_LINEAR}", blocks, line=line, function=function, code=text, source=source)

    # ---- from outside -----------------------------------------------------------------------------------------------

    def from_outside(self, left):
        """Findings about gradients as a whole; what is not even that is told by its worst number."""
        left = [block for block in self.stage.truth if block in left]
        outside = {block: self.as_a_whole(block) for block in left}
        found = [self.told(*outside[block], [block]) for block in left if outside[block]]
        unexplained = [block for block in left if not outside[block]]
        if unexplained:
            numbers = "; ".join(map(self.worst, unexplained[:2]))
            found.append(self.told("unexplained", f"no single mistake that I know explains {few(map(label, unexplained))}: "
                                   f"{numbers}.", unexplained))
        return found

    def as_a_whole(self, block):
        """(kind, sentence) if a gradient as a whole is another one, another's, or nothing; None otherwise."""
        found, truth, tolerance = self.plain[block], self.stage.truth[block], max(10 * self.tolerance, 1e-7)
        name, equal = label(block), lambda a, b: agrees(a, b, tolerance, 1e-300)
        if not np.any(found):
            if block[0] == "state":
                return "carry", f"The gradient of {name} is 0: nothing is passed to the earlier step on this path."
            return "missing term", f"The gradient of {name} is 0: nothing is ever added to it."
        if self.stage.adds and equal(found, truth):
            return "overwritten", (f"The gradient of {name} is right, but it is written over what was there already; "
                                   "every step adds its share.")
        for other, theirs in self.stage.truth.items():
            if other != block and other[0] == block[0] and equal(found, theirs):
                return "other parameter", f"The gradient of {name} holds that of {label(other)}."
        shares = self.stage.shares.get(block, [])
        for k, share in enumerate(shares):
            if equal(found, share):
                which = "the first step" if not k else "the last step" if k == len(shares) - 1 else f"step {k}"
                return "missing term", f"The gradient of {name} is that of {which} alone: those of all the steps belong in it."
        if truth.ndim == 2 and truth.shape[0] == truth.shape[1] and np.any(truth) and equal(found, truth.T):
            return "transposed", f"The gradient of {name} is transposed."
        if equal(found, -truth):
            return "sign", f"The gradient of {name} has the wrong sign."
        if np.shape(found) != truth.shape:
            return None
        ratio = found.ravel() @ truth.ravel() / max(truth.ravel() @ truth.ravel(), 1e-300)
        if equal(found, ratio * truth) and abs(ratio - 1) > 1e-3:       # (that near to 1 it is rounding)
            meaning = next((text for value, text in self.stage.sizes.items() if np.isclose(ratio, value, rtol=1e-6)), "")
            return "factor", f"The gradient of {name} is {ratio:.6g} times what it should be{meaning and ': ' + meaning}."
        return None

    def worst(self, block):
        """The number that is most wrong, as text."""
        found, truth = self.plain[block], self.stage.truth[block]
        if np.shape(found) != truth.shape:
            return f"{label(block)} has shape {np.shape(found)} instead of {truth.shape}"
        at = np.unravel_index(np.argmax(np.abs(found - truth)), truth.shape)
        return f"{label(block)}{list(map(int, at))} is {found[at]:+.6g} instead of {truth[at]:+.6g}"


def not_linear_in(stage, function):
    """The blocks of a stage that are not linear in its incoming gradients."""
    at = lambda scale, other=0: stage.call_safely(function, scale, 0, other)
    once, others, both = at(1), at(0, 1), at(1, 1)
    if not all(np.isfinite(a).all() for a in once.values()):
        return set()
    size = max([1e-300, *(np.abs(a).max(initial=0) for a in [*once.values(), *others.values()])])
    bad = {block for k in (HUGE, TINY) for block, a in at(k).items() if not agrees(a / k, once[block], 1e-11, 1e-4 * size)}
    return bad | {block for block, a in both.items() if not agrees(a, once[block] + others[block], 1e-10, 1e-3 * size)}
