"""Mark the checker on mistakes that were written by hand, in cells of other people's styles.

    python tests/checking/mistakes/mark.py [--half seen | unseen] [--texts] [FOLDER ...]

There are four collections, by four hands: this folder, which is marked without a FOLDER, `second`, `third` and `fourth`. Each
holds `base_*.py`, right cells and models, and `mistakes.json`: edits of them, each with its line, its kind and an explanation,
all written down before the checker saw it. Of the first two, half (`half_of`) was looked at from the beginning while the checker was
being improved, the other half only at last.

The kind is counted in three ways. `kind_among`: a finding names it, by either of its names if it has two ("the factor r lies
between them" is one name in another's place, and a missing factor). `kind_plain`: by its first name alone. `kind_fair`: by
either, where the kinds also count that the mistake's author wrote down beforehand as just as fair (`also`).
"""

import argparse
import importlib.util
import json
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np

import minirnn

HERE = Path(__file__).parent
D, H = 3, 4

# The kinds of finding that name a kind of mistake rightly; of a finding that has two, either does.
KINDS = {
    "wrong activation derivative": {"derivative"},
    "missing factor": {"missing factor", "derivative"},
    "aliasing": {"changes its input", "aliasing", "left over"},
    "path not carried": {"carry", "missing term"},
    "missing term": {"missing term", "carry"},
    "name forgotten in a copied line": {"exchanged", "other parameter"},
    "gates in another order": {"exchanged", "other parameter", "order"},
    "wrong reshape or axis": {"axis"},
    "surplus factor": {"surplus factor", "derivative"},
    "= for +=": {"overwritten"},
    "scale dropped": {"factor", "missing factor"},
    "old/new state mixed": {"exchanged"},
    "mean instead of sum": {"factor"},
    "wrong sign": {"sign"},
    "wrong constant": {"factor", "constant"},
    "relu mask": {"derivative", "missing factor"},
    "statistics as constant": {"missing term"},
    "halves exchanged": {"exchanged", "other parameter", "order"},
    "cast": {"precision"},
    "missing transpose": {"transposed"},
    "state shifted by a step": {"exchanged", "shifted", "order"},
    "clip": {"not linear"},
    "z and 1-z exchanged": {"exchanged"},
    "gradient of another parameter": {"other parameter", "exchanged"},
    "wrong sum": {"factor", "axis", "missing term", "surplus term"},
    "stop-gradient": {"carry", "missing term"},
    "reset-after as reset-before": {"exchanged", "missing factor", "missing term", "order"},
    "peephole with c instead of c'": {"exchanged"},
    "softmax cross term": {"missing term"},
    "threshold": {"not linear"},
    "tied weights counted once": {"missing term", "overwritten"},
    "surplus term": {"surplus term"},

    # Those that only the other collections have.
    "forgotten path": {"carry", "missing term"},
    "wrong derivative": {"derivative"},
    "state of another step": {"exchanged", "shifted"},
    "scale": {"factor", "missing factor"},
    "transposed": {"transposed"},
    "memo changed in forward": {"changes its input"},
    "mean for sum": {"factor"},
    "gates exchanged": {"exchanged", "other parameter", "order"},
    "reshape": {"axis", "order"},
    "axis": {"axis"},
    "sign": {"sign"},
    "tied weights": {"missing term", "overwritten"},
    "gradient stopped": {"carry", "missing term"},
    "line outside the loop": {"missing term", "overwritten", "carry"},
    "loop in the wrong order": {"exchanged", "order"},
    "parentheses dropped": {"derivative", "missing factor", "missing term", "surplus term"},
    "wrong function": {"derivative", "exchanged", "missing factor"},
    "changed before its last use": {"exchanged", "changes its input", "order"},
    "late binding of a loop variable": {"other parameter", "exchanged"},
    "value of the last step": {"of the last step"},
    "another layer's cache": {"exchanged"},
    "another intermediate": {"exchanged"},
    "state before for after": {"exchanged"},
    "mask of the weights forgotten": {"missing factor"},
    "step left out": {"missing term", "shifted"},
    "slice off by one": {"shifted", "exchanged", "order"},
    "another parameter": {"other parameter", "exchanged"},
    "wrong variable of the same shape": {"exchanged"},
    "product of sums": {"surplus term", "axis", "order"},
}


class Mark(NamedTuple):
    """What the checker made of one mistake."""

    id: str
    caught: bool
    line_among: bool
    line_first: bool
    kind_among: bool
    kind_first: bool
    kind_plain: bool            # by a finding's first name alone
    kind_fair: bool             # or as what the author of the mistake found just as fair
    seconds: float              # of the diagnosis alone
    text: str


def entries(folders=(HERE,), half=None):
    """The mistakes of the folders: dicts, with the base's path as "file". `half`: "seen", "unseen" or all."""
    found = []
    for folder in map(Path, folders):
        for entry in json.loads((folder / "mistakes.json").read_text(encoding="utf-8")):
            found.append({**entry, "file": folder / entry["base"]})
    return [entry for entry in found if half in (None, half_of(found)[entry["id"]])]


def half_of(all_entries):
    """id -> "seen" or "unseen", drawn by a fixed seed."""
    ids = sorted(entry["id"] for entry in all_entries)
    seen = set(random.Random(14).sample(ids, len(ids) // 2))
    return {name: "seen" if name in seen else "unseen" for name in ids}


def module_of(text, folder, name):
    """A module from a text, by way of a file, as a user's is."""
    path = Path(folder) / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def checked(entry, module, **how):
    """The report of a gradient check of what the module makes."""
    loss = {"loss": getattr(module, entry["loss"])} if "loss" in entry else {}
    return minirnn.gradcheck(module.make(entry.get("D", D), entry.get("H", H)), **loss, **how)


def mark(entry, folder):
    """Check one mistake: a `Mark`."""
    text = entry["file"].read_text(encoding="utf-8")
    assert text.count(entry["replace"]) == 1, entry["id"]
    module = module_of(text.replace(entry["replace"], entry["with"]), folder, entry["id"])
    lines = set(np.ravel(entry["line"]).tolist())
    started = time.process_time()
    try:
        with np.errstate(all="ignore"):
            checked(entry, module, diagnose=False)
            between = time.process_time()
            report = checked(entry, module)
    except Exception as error:                                  # a sentence about what is returned: noticed, and told
        frames = [f.lineno for f in traceback.extract_tb(error.__traceback__) if entry["id"] in f.filename]
        at = bool(frames) and frames[-1] in lines
        seconds = time.process_time() - started
        return Mark(entry["id"], True, at, at, False, False, False, False, seconds, f"{type(error).__name__}: {error}")
    seconds = max(0, time.process_time() - between - (between - started))
    findings = report.diagnosis.findings if report.diagnosis else []
    places = [finding.line in lines for finding in findings]
    wanted = KINDS[entry["kind"]]
    fair = wanted.union(*(KINDS[kind] for kind in entry.get("also", ())))
    kinds = [bool({finding.kind, finding.also} & wanted) for finding in findings]
    plain = any(finding.kind in wanted for finding in findings)
    fair = any({finding.kind, finding.also} & fair for finding in findings)
    text = report.diagnosis.summary() if report.diagnosis else report.undiagnosed or "passes"
    return Mark(entry["id"], not report, any(places), places[:1] == [True], any(kinds), kinds[:1] == [True], plain, fair,
                seconds, text)


def marks(chosen):
    """A list of `Mark`."""
    with tempfile.TemporaryDirectory() as folder:
        return [mark(entry, folder) for entry in chosen]


def figures(found):
    """Name -> share, of a list of marks; times in seconds."""
    shares = {name: float(np.mean([getattr(m, name) for m in found]))
              for name in ("caught", "line_among", "line_first", "kind_among", "kind_first", "kind_plain",
                        "kind_fair")}
    times = [m.seconds for m in found]
    return {"mistakes": len(found), **shares, "median_seconds": float(np.median(times)), "slowest_seconds": max(times)}


def by_kind(chosen, found):
    """A table: of each kind of mistake how many there are, and how many are caught, told with their line, with their kind."""
    lines = [f"{'kind of mistake':32} number  caught  line  kind"]
    for kind in dict.fromkeys(entry["kind"] for entry in chosen):
        own = [m for entry, m in zip(chosen, found) if entry["kind"] == kind]
        lines.append(f"{kind:32} {len(own):6}  {sum(m.caught for m in own):6}  {sum(m.line_among for m in own):4}  "
                     f"{sum(m.kind_among for m in own):4}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", default=[HERE])
    parser.add_argument("--half", choices=("seen", "unseen"))
    parser.add_argument("--texts", action="store_true", help="what was said of each")
    parser.add_argument("--ids", nargs="*", help="only these")
    options = parser.parse_args()
    chosen = [entry for entry in entries(options.folders, options.half) if not options.ids or entry["id"] in options.ids]
    found = marks(chosen)
    if options.texts:
        for entry, m in zip(chosen, found):
            verdict = " ".join(f"{name}={'yes' if getattr(m, name) else 'NO'}" for name in ("caught", "line_among", "line_first",
                                                                                            "kind_among"))
            print(f"==== {m.id} ({entry['kind']}, line {entry['line']}): {verdict}, {m.seconds:.2f} s\n"
                  f"  - {entry['replace']}\n  + {entry['with']}\n  {entry['explanation']}\n{m.text}\n")
    print(by_kind(chosen, found))
    for name, value in figures(found).items():
        print(f"{name:16} {value:.3g}" if "seconds" in name or name == "mistakes" else f"{name:16} {value:.1%}")


if __name__ == "__main__":
    main()
