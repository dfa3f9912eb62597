"""`demo`: check every gradient, watch Lemma 1, train a language model."""

import time
from pathlib import Path

from .. import experiments
from ..cells import CELLS
from ..checking.check import METHODS
from ..experiments import tour
from ..training import Progress
from .common import OUT, WRITTEN, add_command, check_figure, guessing, print_language_model, save_figure
from .lemma1 import print_lemma1

SECONDS = 50                    # on a slow machine the language model stops here


def add(commands):
    command = add_command(commands, "demo", run, "check every gradient, watch Lemma 1, train a language model",
                          "This is also what happens without a command. Takes under two minutes on two cores.")
    command.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="folder for the figures")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of all random numbers")


def run(options):
    began, seed, out = time.perf_counter(), options.seed, options.out
    for figure in ("lemma1.png", "text.png"):
        check_figure(out / figure)
    print("minirnn: recurrent cells in NumPy alone, each with a backward pass derived by hand.\n")

    print("1. Do the derived gradients agree with numeric ones? (largest relative error; 1e-6 and 1e-10 are allowed)\n")
    print(f"  {'cell':<15} {'central differences':>20} {'complex step':>14}")
    worst, failed = {method: 0.0 for method in METHODS}, []
    for name, reports in tour.check_every_cell(seed):
        verdict = "ok" if all(reports.values()) else "WRONG"
        failed += [name] if verdict == "WRONG" else []
        worst = {method: max(worst[method], report.worst) for method, report in reports.items()}
        print(f"  {name:<15} {reports['central'].worst:>20.1e} {reports['complex'].worst:>14.1e}   {verdict}", flush=True)

    print("\n2. Lemma 1: can it keep alternating? Trained until solved, then run for longer.\n")
    lemma = experiments.lemma1(seed=seed, progress=lambda line: print(f"  {line}", flush=True))
    print_lemma1(lemma)
    save_figure("lemma1_figure", lemma, out / "lemma1.png")

    task = tour.language_task()
    print(f"\n3. A language model reads {len(task.text):,} characters of Python's own documentation.\n")
    found = tour.language_model(task, seed, Progress(tour.LANGUAGE_MODEL["steps"], limit=SECONDS))
    print_language_model(found)
    title = f"{tour.LANGUAGE_MODEL['cell']} with {tour.LANGUAGE_MODEL['hidden']} units on text (T = {task.length})"
    save_figure("training_figure", (title, found.history, guessing(found.frequency_bits)), out / "text.png")

    print(f"\nSummary ({time.perf_counter() - began:.0f} s, seed {seed})\n")
    rows = [("gradients", f"{len(CELLS) - len(failed)} of {len(CELLS)} cells agree, to {worst['central']:.0e} (central) and "
                          f"{worst['complex']:.0e} (complex step)")]
    for cell in ("rwa", "rda", "lstm"):
        shares = lemma.trial("alternate", cell).accuracy
        rows.append((f"alternate, {cell}", f"accuracy {shares[1]:.2f} at the length it learned, {shares[16]:.2f} at 16 "
                                           "times that"))
    rows.append(("language model", f"{found.bits['test']:.2f} bits per character after {found.history.steps} steps "
                                   f"({found.frequency_bits:.2f} by frequency alone)"))
    for name, result in rows:
        print(f"  {name:<17} {result}")
    print(f"\nFigures: {', '.join(map(str, WRITTEN.paths))}. What next: python -m minirnn --help, and notebooks/.")
    return 1 if failed else 0
