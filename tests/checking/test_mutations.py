"""Every line of every hand-derived backward pass, made wrong on purpose: the checker notices, and says what it was.

`mutate.py` makes the mutants. By default one in three is checked, and one in forty-eight diagnosed, evenly chosen from each
kind; with the environment variable MINIRNN_ALL_MUTANTS=1 all are.
The table is printed (pytest -s).
"""

import ast
import functools
import os
from collections import defaultdict
from contextlib import nullcontext

import mutate
import numpy as np
import pytest
from every_cell import awaken

import minirnn

RIGHT_KIND, RIGHT_PLACE = 0.85, 0.95                # of the diagnosed, at least

# What a diagnosis may call each kind of mutation. A change within an activation's derivative may always be called a wrong
# derivative.
KINDS = {
    "factor dropped": {"missing factor", "derivative"},
    "sign flipped": {"sign"},
    "term dropped": {"missing term", "overwritten"},                 # (x = a for x = x + a is a sum that is assigned)
    "names exchanged": {"exchanged", "other parameter", "sign"},     # (n − h for h − n is a sign)
    "+= made =": {"overwritten"},
    "carry zeroed": {"carry"},
    "transpose dropped": {"transposed"},
    "derivative replaced": {"derivative"},
}


def in_order(text):
    """The statement with the operands of every sum and product in alphabetical order."""
    def written(node):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Add)):
            parts, waiting = [], [node.left, node.right]
            while waiting:
                part = waiting.pop()
                if isinstance(part, ast.BinOp) and type(part.op) is type(node.op):
                    waiting += [part.left, part.right]
                else:
                    parts.append(written(part))
            return f"{type(node.op).__name__}({', '.join(sorted(parts))})"
        fields = [(name, [written(v) for v in value] if isinstance(value, list) else written(value)
                   if isinstance(value, ast.AST) else value) for name, value in ast.iter_fields(node)]
        return f"{type(node).__name__}{fields}"

    return written(ast.parse(text))


def why_equivalent(mutant, tried_elsewhere):
    """Why a mutant that changes no gradient changes none, in words; None if that is not known."""
    if (mutant.function, mutant.after) in tried_elsewhere:
        return "its line is not reached with these options; with others it is, and the same mutant is caught there"
    if in_order(mutant.before.replace("return ", "")) == in_order(mutant.after.replace("return ", "")):
        return "a product or a sum has no order"
    return None


@pytest.fixture(scope="module")
def mutants():
    """(those that change a gradient, those that raise, those that change none), each with the blocks that it changes."""
    changing, raising, same = [], [], []
    with np.errstate(all="ignore"):
        for mutant in mutate.mutants():
            mutant.changed = changed_gradients(mutant)
            (raising if mutant.changed is None else changing if mutant.changed else same).append(mutant)
    return changing, raising, same


def gradients(cell, seed):
    """Every gradient of a cell with random parameters, from a random state and from its own start."""
    rng, found = np.random.default_rng(seed), {}
    awaken(cell, rng)
    for state in (cell.random_state(rng, 3), None):
        run = minirnn.unroll(cell, rng.normal(size=(4, cell.n_in, 3)), state)
        run.n_chunk = 2                             # so that a sum over time that is assigned shows
        dstate = tuple(rng.normal(size=a.shape) * (np.abs(a) < 1e20) for a in run.state)
        dxs, grads, dold = run.backward(rng.normal(size=run.hs.shape), dstate)
        own = state is None
        found |= {(own, name): a.copy() for name, a in grads.items()} | {(own, "x"): dxs}
        found |= {(own, f"old {name}"): a for name, a in zip(cell.state_names, dold)}
    return found


@functools.cache
def right_gradients(name, shape, options, seed):
    """Those of a cell that nothing was changed in: many mutants are of one cell."""
    return gradients(minirnn.make_cell(name, *shape, dtype="float64", **dict(options)), seed)


def changed_gradients(mutant):
    """The names of the gradients that a mutant changes by more than rounding; None if it raises."""
    changed = set()
    for seed in range(2):
        right = right_gradients(mutant.name, tuple(mutant.shape), tuple(mutant.options.items()), seed)
        with mutant.cell() as cell:
            try:
                wrong = gradients(cell, seed)
            except Exception:
                return None
        largest = max(np.abs(a).max() for a in right.values())
        changed |= {name for (own, name), a in right.items()
                    if not np.allclose(a, wrong[own, name], rtol=1e-9, atol=1e-12 * largest)}
    return changed


def check(mutant, **how):
    with mutant.cell() as cell, np.errstate(all="ignore"):
        return minirnn.gradcheck(awaken(cell, np.random.default_rng(5)), n_steps=3, batch=2, method="complex", **how)


def test_there_are_mutants_of_every_kind_and_of_every_family(mutants):
    changing, raising, _ = mutants
    assert {mutant.kind for mutant in changing} >= set(KINDS) - {"transpose dropped"}
    assert {mutant.kind for mutant in changing + raising} == set(KINDS)
    assert {mutant.name for mutant in changing} >= {"rnn", "lstm", "lstm-peephole", "gru", "mut1", "indrnn", "rwa", "rda"}
    assert len(changing) > 500


def test_every_mutant_that_changes_a_gradient_is_noticed(mutants):
    changing, _, _ = mutants
    passed = []
    for mutant in chosen(changing, 3):
        try:
            if check(mutant, diagnose=False):
                passed.append(str(mutant))
        except (ValueError, TypeError):             # what it returns is not of the right shape: the contract says so
            pass
    assert not passed, f"{len(passed)} of {len(changing)} not noticed"


def test_mutants_that_change_nothing_are_those_that_cannot(mutants):
    changing, raising, same = mutants
    elsewhere = {(mutant.function, mutant.after) for mutant in changing + raising}
    reasons = {str(mutant): why_equivalent(mutant, elsewhere) for mutant in same}
    print("", *(f"{mutant}: {reason}" for mutant, reason in reasons.items()), sep="\n")
    assert not [mutant for mutant, reason in reasons.items() if reason is None]


def chosen(changing, one_in):
    """All of them, or some of each kind."""
    if os.environ.get("MINIRNN_ALL_MUTANTS"):
        return changing
    by_kind = defaultdict(list)
    for mutant in changing:
        by_kind[mutant.kind].append(mutant)
    return [mutant for kind in by_kind.values() for mutant in kind[::one_in]]


def test_the_diagnosis_names_the_mistake_and_its_place(mutants):
    tables = {"kind": defaultdict(lambda: np.zeros(4, int)), "cell": defaultdict(lambda: np.zeros(4, int))}
    wrong = []
    for mutant in chosen(mutants[0], 48):
        try:
            findings = check(mutant).diagnosis.findings
        except (ValueError, TypeError) as error:    # a mistake of the contract, told by its own sentence
            findings, right_kind, right_place, right_line = [], "returned" in str(error), "returned" in str(error), 0
        else:
            kinds = {finding.kind for finding in findings}
            right_kind = bool(kinds & (KINDS[mutant.kind] | ({"derivative"} if mutant.in_derivative else set())))
            right_place = names_the_place(mutant, findings)
            right_line = any(finding.line == mutant.line for finding in findings)
        for key, table in (mutant.kind, tables["kind"]), (mutant.name, tables["cell"]):
            table[key] += 1, right_kind, right_place, right_line
        if not (right_kind and right_place):
            wrong.append(f"{mutant}\n    {[(f.kind, f.wrong, f.sentence) for f in findings]}")
    print("\n".join(["", *wrong]))
    for by, table in tables.items():
        print(f"\n{'by ' + by:22} mutants  right kind  right parameters or path  right line")
        for name, (n, kind, place, line) in [*table.items(), ("all", sum(table.values()))]:
            print(f"{name:22} {n:7}  {kind / n:10.1%}  {place / n:24.1%}  {line / n:10.1%}")
    n, kind, place, _ = sum(tables["kind"].values())
    assert kind >= RIGHT_KIND * n and place >= RIGHT_PLACE * n


def names_the_place(mutant, findings):
    """Whether the findings name the parameters that the mutant makes wrong, or, where there are none, the path.

    What is wrong in one step reaches everything in earlier ones. So the parameters of one step are compared.
    """
    explained = [finding for finding in findings if finding.kind != "unexplained"]
    named = {name for finding in explained for name in finding.wrong}
    return bool(explained) and named == mutant_changes_in_one_step(mutant)


def mutant_changes_in_one_step(mutant):
    """What the mutant changes in what its method returns or adds up, called alone, by the names that a finding uses."""
    outcomes = []
    for changed in (False, True):
        with mutant.cell() if changed else nullcontext(minirnn.make_cell(
                mutant.name, *mutant.shape, dtype="float64", **mutant.options)) as cell, np.errstate(all="ignore"):
            outcomes.append(returned(awaken(cell, np.random.default_rng(5))))
    right, wrong = outcomes
    largest = max(np.abs(a).max() for a in right.values())
    return {name for (method, name), a in right.items()
            if not np.allclose(a, wrong[method, name], rtol=1e-9, atol=1e-12 * largest)}


def returned(cell):
    """(method, name) -> what each backward method says, given the same random arguments."""
    rng = np.random.default_rng(7)
    x, old, dnew = rng.normal(size=(1, cell.n_in, 2)), cell.random_state(rng, 2), [rng.normal(size=(cell.n_hidden, 2))
                                                                                  for _ in cell.state_names]
    new, memo = cell.step(cell.input_terms(x)[0], old)
    dwx, dold = cell.step_backward(tuple(dnew), old, new, memo)
    names = next((s.gates for s in cell.params.layout if len(s.gates) * cell.n_hidden == len(dwx)), ("",))
    found = {("step", f"a_{k}".rstrip("_")): a for k, a in zip(names, np.split(dwx, len(names)))}
    found |= {("step", f"old {name}"): a for name, a in zip(cell.state_names, dold)}
    grads, given = cell.params.like(), rng.normal(size=dwx[None].shape)
    grads.flat[...] = 0.7
    memos = minirnn.Memo(**{name: a[None] for name, a in vars(memo).items()})
    found["weights", "x"] = cell.weight_gradients(given, x, tuple(a[None] for a in old), memos, grads)
    found |= {("weights", name): a for name, a in grads.items()}
    grads = cell.params.like()
    grads.flat[...] = 0.7
    cell.initial_state_backward(tuple(rng.normal(size=a.shape) for a in new), grads)
    found |= {("start", name): a for name, a in grads.items()}
    return found | {("output", "output h"): cell.output_backward(rng.normal(size=(1, *new[0].shape)), cell.output(new[0][None]))}
