"""Verify that every base (and right_*.py) is right and every mistake wrong, without minirnn's gradient checker.

    python tests/checking/mistakes/verify.py [--folder second] [--write] [ID ...]

Each case is unrolled over T = 5 steps (D = 3, H = 4, B = 3, float64) from a random state, for three seeds. The loss is
sum(weights * hs) + sum(weights * final state) (for a model, the file's own loss function). Its central differences are
compared with what `run.backward` derives; the difference is given in units of the largest entry of the block.

Because the loss is linear in the weights, so is a right gradient: the same numeric gradient serves incoming gradients of
every size. A mistake may be wrong

    always      at every size of the incoming gradient
    large       only when the incoming gradients are large (a clip)
    small       only when they are small (a threshold)
    2nd call    right at first, wrong when backward is called again (something was overwritten)
    precision   too little for central differences to see: compared with the base's own backward pass instead, with which
                a right one agrees to 1e-13

`--write` puts what was found into mistakes.json (`wrong`, `wrong_in_one_step`, `verified`). Exit status 1 if a base is
wrong or a mistake is not.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import minirnn

HERE = Path(__file__).resolve().parent
D, H, B = 3, 4, 3
SEEDS = (0, 1, 2)
RIGHT, WRONG, EXACT = 1e-7, 1e-5, 1e-12     # largest relative error of a right gradient; smallest of a wrong one; rounding
STEP = 1e-5
SIZES = {"ordinary": 1.0, "large": 1e3, "small": 1e-9}


def apply_edit(entry):
    """The text of the base file with the mistake in it."""
    text = (HERE / entry["base"]).read_text()
    if text.count(entry["replace"]) != 1:
        raise ValueError(f'{entry["id"]}: {text.count(entry["replace"])} places in {entry["base"]} match, expected one')
    return text.replace(entry["replace"], entry["with"])


def load(path, name="case"):
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def load_text(text, folder, name):
    """A module from a text, by way of a file (so that tracebacks and `inspect` show it)."""
    path = Path(folder) / f"{name}.py"
    path.write_text(text)
    return load(path, name.replace("-", "_"))


class CellCase:
    """A cell, its inputs, start and loss weights, all random."""

    def __init__(self, module, seed, steps):
        rng = np.random.default_rng(seed)
        self.cell = module.make(D, H).astype("float64")
        for a in self.cell.params.values():                     # biases that start at 0 would hide some mistakes
            a += rng.normal(0, 0.2, a.shape)
        self.xs = rng.normal(size=(steps, D, B))
        self.state = self.cell.random_state(rng, B)
        self.weights = rng.normal(size=(steps, H, B))
        self.state_weights = tuple(rng.normal(size=(H, B)) for _ in self.state)
        self.arrays = {**self.cell.params, "x": self.xs}
        self.arrays.update((f"{name}_0", a) for name, a in zip(self.cell.state_names, self.state))

    def run(self, segment=None):
        return minirnn.unroll(self.cell, self.xs, self.state, segment=segment)

    def loss(self):
        run = self.run()
        return (self.weights * run.hs).sum() + sum((w * a).sum() for w, a in zip(self.state_weights, run.state))

    def results(self):
        """What the forward pass gives, to see whether a mistake changes it."""
        run = self.run()
        return [run.hs, *run.state]

    def derived(self, size=1.0, segment=None, calls=1):
        """Name -> the derived gradient, divided by the size of the incoming gradients."""
        run = self.run(segment)
        for _ in range(calls):
            dxs, grads, dstate = run.backward(size * self.weights, tuple(size * w for w in self.state_weights))
        found = {**grads, "x": dxs}
        found.update((f"{name}_0", a) for name, a in zip(self.cell.state_names, dstate))
        return {name: a / size for name, a in found.items()}


class ModelCase:
    """The same for a model and its loss function. `size` is not used: the loss says how large gradients are."""

    def __init__(self, module, seed, steps, loss):
        rng = np.random.default_rng(seed)
        self.model, self.loss_function = module.make(D, H), getattr(module, loss)
        for a in self.model.params.values():
            a += rng.normal(0, 0.2, a.shape)
        self.xs = rng.normal(size=(steps, D, B))
        self.state = tuple(cell.random_state(rng, B) for cell in self.model.cells)
        self.targets = 1.5 * rng.normal(size=self.run().outputs.shape)
        self.arrays = {**self.model.params, "x": self.xs}
        self._name(self.arrays, self.state)

    def _name(self, arrays, states):
        for k, (cell, state) in enumerate(zip(self.model.cells, states), 1):
            arrays.update((f"cell{k}.{name}_0", a) for name, a in zip(cell.state_names, state))

    def run(self, segment=None):
        return self.model.forward(self.xs, self.state, segment=segment)

    def loss(self):
        return self.loss_function(self.run().outputs, self.targets)[0]

    def results(self):
        return [self.run().outputs, np.array(self.loss())]

    def derived(self, size=1.0, segment=None, calls=1):
        run = self.run(segment)
        for _ in range(calls):
            dxs, grads, dstate = run.backward(self.loss_function(run.outputs, self.targets)[1])
        found = {**grads, "x": dxs}
        self._name(found, dstate)
        return found


def make_case(module, entry, seed, steps=5):
    return ModelCase(module, seed, steps, entry["loss"]) if "loss" in entry else CellCase(module, seed, steps)


def numeric(case):
    """Name -> central differences of the loss."""
    found = {}
    for name, a in case.arrays.items():
        found[name] = np.empty(a.shape)
        for index in np.ndindex(a.shape):
            kept = a[index]
            a[index] = kept + STEP
            above = case.loss()
            a[index] = kept - STEP
            found[name][index] = (above - case.loss()) / (2 * STEP)
            a[index] = kept
    return found


def errors(derived, right):
    """Name -> the largest difference, relative to the block's largest entry (or to 1% of that of all blocks: some are all 0)."""
    floor = 0.01 * max(np.abs(a).max() for a in right.values())
    return {name: np.abs(derived[name] - a).max() / max(np.abs(a).max(), np.abs(derived[name]).max(), floor, 1e-300)
            for name, a in right.items()}


class Bases:
    """Base modules and their gradients, computed once."""

    def __init__(self):
        self._modules, self._cases = {}, {}

    def case(self, entry, seed, steps):
        """case, numeric gradient, derived gradient"""
        key = entry["base"], seed, steps
        if key not in self._cases:
            module = self._modules.setdefault(entry["base"], load(HERE / entry["base"], entry["base"][:-3]))
            case = make_case(module, entry, seed, steps)
            self._cases[key] = case, numeric(case), case.derived()
        return self._cases[key]


def check_base(entry, bases):
    """The largest error of a base over seeds, sizes, segments and calls."""
    worst = 0
    for seed in SEEDS:
        case, right, _ = bases.case(entry, seed, 5)
        for options in [{"size": s} for s in SIZES.values()] + [{"segment": 2}, {"calls": 2}]:
            worst = max(worst, *errors(case.derived(**options), right).values())
    return worst


def check_mistake(entry, bases, folder):
    """dict: when it is wrong, the error (the least of the seeds), the names that are wrong, of T = 5 and of one step."""
    module = load_text(apply_edit(entry), folder, entry["id"])
    found = {}                                                  # condition -> one {name: error} per seed
    one_step = set()
    forward_kept = True
    for seed in SEEDS:
        for steps in (5, 1):
            case = make_case(module, entry, seed, steps)
            base, right, base_derived = bases.case(entry, seed, steps)
            same = all(np.allclose(a, b, rtol=1e-14, atol=1e-14) for a, b in zip(case.results(), base.results()))
            forward_kept &= same
            if not same:
                right = numeric(case)
            trials = {"always": {}, "chunks": {"segment": 2}, "large": {"size": SIZES["large"]},
                      "small": {"size": SIZES["small"]}, "2nd call": {"calls": 2}}
            measured = {name: errors(case.derived(**options), right) for name, options in trials.items()}
            if same:
                measured["precision"] = errors(case.derived(), base_derived)
            if steps == 5:
                for name, values in measured.items():
                    found.setdefault(name, []).append(values)
            else:
                one_step |= {n for name, values in measured.items() for n, e in values.items()
                             if e > (WRONG if name != "precision" else EXACT)}
    least = {name: min(max(values.values()) for values in per_seed) for name, per_seed in found.items()}
    when = next((name for name in ("always", "chunks", "large", "small", "2nd call") if least[name] > WRONG), None)
    if when is None and least.get("precision", 0) > EXACT:
        when = "precision"
    if when is None:
        return {"when": None, "error": max(least.values()), "wrong": [], "one_step": [], "forward_kept": forward_kept}
    limit = EXACT if when == "precision" else WRONG
    wrong = {n for values in found[when] for n, e in values.items() if e > limit}
    order = list(case.arrays)
    return {"when": when, "error": least[when], "wrong": sorted(wrong, key=order.index),
            "one_step": sorted(one_step & wrong, key=order.index), "forward_kept": forward_kept}


def in_words(result):
    """What was verified, as a sentence for mistakes.json."""
    how = {
        "always": "central differences, T=5, 3 seeds: relative error at least {error:.0e}, at every size of the incoming gradient",
        "chunks": "central differences, T=5, 3 seeds, in segments of 2 steps: relative error at least {error:.0e} (in one "
                  "segment it is right)",
        "large": "central differences, T=5, 3 seeds: with incoming gradients of about 1000 the relative error is at least "
                 "{error:.0e}; with those of about 1 it is right or nearly so (not linear)",
        "small": "central differences, T=5, 3 seeds: with incoming gradients of about 1e-9 the relative error is at least "
                 "{error:.0e}; with those of about 1 it is right or nearly so (not linear)",
        "2nd call": "central differences, T=5, 3 seeds: right when backward is called first, relative error at least "
                    "{error:.0e} when it is called again on the same run",
        "precision": "backward of the base in float64, T=5, 3 seeds: relative difference at least {error:.0e}, where rounding "
                     "explains 1e-13",
    }[result["when"]].format(error=result["error"])
    return how + ("" if result["forward_kept"] else "; the edit is in the forward pass and changes its results")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    global HERE
    parser.add_argument("ids", nargs="*", help="only these")
    parser.add_argument("--folder", default="", help="another collection, below this folder")
    parser.add_argument("--write", action="store_true", help="put what was found into mistakes.json")
    options = parser.parse_args()
    HERE = HERE / options.folder
    path = HERE / "mistakes.json"
    entries = json.loads(path.read_text())
    chosen = [e for e in entries if not options.ids or e["id"] in options.ids]
    bases, failed = Bases(), 0

    firsts = {e["base"]: e for e in reversed(chosen)}
    rights = {} if options.ids else {path.name: {"base": path.name} for path in HERE.glob("right_*.py")}
    firsts.update(rights)
    for name in sorted(firsts):
        worst = check_base(firsts[name], bases)
        failed += worst > RIGHT
        print(f"{name:28} {'right' if worst <= RIGHT else 'WRONG'}   largest relative error {worst:.1e}")

    print(f"\n{'mistake':22} {'wrong':10} {'error':>7}  {'kind':32} wrong in one step | after T = 5 steps also")
    with tempfile.TemporaryDirectory() as folder:
        for entry in chosen:
            result = check_mistake(entry, bases, folder)
            lines = entry["line"] if isinstance(entry["line"], list) else [entry["line"]]
            in_file = all(1 <= line <= len(apply_edit(entry).splitlines()) for line in lines)
            failed += result["when"] is None or not in_file
            later = [n for n in result["wrong"] if n not in result["one_step"]]
            print(f"{entry['id']:22} {result['when'] or 'NOT WRONG':10} {result['error']:7.0e}  {entry['kind']:32} "
                  f"{' '.join(result['one_step'])} | {' '.join(later)}{'' if in_file else '  LINE OUTSIDE THE FILE'}")
            if options.write and result["when"]:
                entry.update(wrong=result["wrong"], wrong_in_one_step=result["one_step"], verified=in_words(result))
    if options.write:
        path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{len(firsts) - len(rights)} bases, {len(rights)} right cells, {len(chosen)} mistakes, {failed} not as they should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
