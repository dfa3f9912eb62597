"""The command line: `python -m minirnn`. Every command is a thin layer over functions that a notebook can call too."""

import argparse
import json
import os
import sys
import textwrap
import time
import traceback
from pathlib import Path

from . import __version__, checks
from .cells import CELLS, make_cell
from .describe import cell_table, describe, summary
from .files import replacing
from .gradcheck import METHODS, gradcheck, load_cell
from .tasks import TASKS, make_task
from .train import evaluate, make_model, train

OUT = Path("minirnn-out")
DEMO_TEXT = {"cell": "lstm", "hidden": 128, "steps": 1500, "batch": 32, "lr": 0.005, "length": 50}
DEMO_TEXT_SECONDS = 50          # on a slow machine the demo's language model stops here


def main(arguments=None):
    """Run a command; returns the exit status: 0, 1 if a check failed, 2 for bad input, 130 if interrupted."""
    for stream in (sys.stdout, sys.stderr):                     # equations have Greek letters; a pipe may not
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except BrokenPipeError:                                     # whoever read the output has left: `... | head`
        sys.stdout = open(os.devnull, "w")
        return 1
    except (ValueError, KeyError, TypeError, OSError, FloatingPointError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f"minirnn: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minirnn: interrupted", file=sys.stderr)
        return 130


def parser():
    """The command line's grammar and its help."""
    top = argparse.ArgumentParser(
        prog="python -m minirnn", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Recurrent cells in NumPy alone, each with a backward pass derived by hand. See how they learn,\n"
                    "and check it yourself. Without a command: the demo.",
        epilog=textwrap.dedent("""\
            first steps:
              python -m minirnn                               the demo: under two minutes, figures in minirnn-out/
              python -m minirnn cells rwa                     one cell: equations, parameters, source
              python -m minirnn gradcheck lstm                its backward pass against finite differences
              python -m minirnn train parity --cell rda       learn the parity of a stream of bits
            """))
    top.add_argument("--version", action="version", version=f"minirnn {__version__}")
    top.set_defaults(run=run_demo, out=OUT, seed=0)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(name, run, text, details=""):
        one = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}. {details}".strip(),
                                  formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        one.set_defaults(run=run)
        return one

    demo = command("demo", run_demo, "check every gradient, watch Lemma 1, train a language model",
                   "This is also what happens without a command. Takes under two minutes on two cores.")
    demo.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="folder for the figures")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="of all random numbers")

    check = command("gradcheck", run_gradcheck, "compare hand-derived gradients with numeric ones",
                    "Exit status 0 if all agree, 1 if not. Every parameter, the input and every component of the initial "
                    "state is compared element by element, in double precision, from a random state.")
    check.add_argument("cells", nargs="*", metavar="CELL",
                       help="names from `cells`, or one of your own as path/to/mycell.py:MyCell; all of ours without any")
    check.add_argument("--method", choices=list(METHODS), default="central",
                       help="central: (L(θ+h) − L(θ−h))/2h, right to about 9 digits; complex: Im L(θ+ih)/h, right to the "
                            "last digit, for code that also runs on complex numbers")
    check.add_argument("--n-in", type=int, default=3, metavar="D", help="input features")
    check.add_argument("--n-hidden", type=int, default=4, metavar="H", help="hidden units")
    check.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, inputs and states")
    check.add_argument("--json", action="store_true", help="print the reports as JSON")

    lemma = command("lemma1", run_lemma1, "train RWA, RDA and LSTM to alternate, then run them for longer",
                    "Lemma 1 of the RDA paper: to output (−1)^t c for ever, an RWA's attention would have to grow "
                    "geometrically. So it learns to, for as long as its attention can grow; RDA and LSTM do not need it.")
    lemma.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and data")
    lemma.add_argument("--out", type=Path, metavar="DIR",
                       help="folder for the figure (without it: minirnn-out, or no figure with --json)")
    lemma.add_argument("--json", action="store_true", help="print the results as JSON")

    one = command("train", run_train, "train one cell on one task",
                  "Writes the weights (model.npz), the settings and the course of the training (training.json) and a "
                  "figure of it (training.png) to the folder --out; also if you stop it with Ctrl-C.")
    one.add_argument("task", metavar="TASK", help="a name from `tasks`")
    one.add_argument("--cell", default="lstm", metavar="CELL", help="a name from `cells`")
    one.add_argument("--hidden", type=int, default=32, metavar="N", help="hidden units")
    one.add_argument("--steps", type=int, default=1000, metavar="N", help="updates at most")
    one.add_argument("--batch", type=int, default=32, metavar="N", help="sequences per update")
    one.add_argument("--lr", type=float, default=0.01, metavar="X", help="Adam's learning rate")
    one.add_argument("--length", type=int, metavar="T", help="steps per sequence (default: the task's own)")
    one.add_argument("--until", type=float, metavar="LOSS", help="stop as soon as a batch's loss is below this")
    one.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                     help="an option of the cell, as in --option attention=sigmoid; may be repeated")
    one.add_argument("--file", type=Path, metavar="FILE", help="for the task text: read this instead of Python's own "
                                                               "documentation")
    one.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and data")
    one.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default: minirnn-out/TASK-CELL)")

    cells = command("cells", run_cells, "list the cells, or show one: equations, parameters, source")
    cells.add_argument("name", nargs="?", metavar="NAME", help="show this one")
    cells.add_argument("--n-in", type=int, default=3, metavar="D", help="input features, for shapes and counts")
    cells.add_argument("--n-hidden", type=int, default=4, metavar="H", help="hidden units, for shapes and counts")

    command("tasks", run_tasks, "list the tasks")

    timing = command("bench", run_bench, "time the cells, beside their matrix products alone",
                     "Forward and backward in float32, the median of several runs, and the memory they take. Everything in "
                     "the table was measured in turns, so that what disturbs one disturbs all.")
    timing.add_argument("cells", nargs="*", metavar="CELL", help="names from `cells`; all of them without any")
    timing.add_argument("--size", default="teach", metavar="SIZE",
                        help="paper (1000,100,2,250), teach (50,32,8,32), or T,B,D,H: steps, columns, inputs, units")
    timing.add_argument("--against", default="", metavar="NAMES", help="torch, jax or torch,jax: the same cells there")
    timing.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each")
    timing.add_argument("--gradient", choices=["every", "last"], default="every", help="at which steps a gradient arrives")
    timing.add_argument("--segment", type=int, metavar="K", help="keep intermediates for K steps only (default: all)")
    timing.add_argument("--training-step", action="store_true", help="also where the time of a whole training step goes")
    timing.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, inputs and gradients")
    timing.add_argument("--json", action="store_true", help="print the results as JSON")
    timing.add_argument("--figure", type=Path, metavar="PATH", help="also draw time against T, B and H (one cell of each "
                                                                    "family, unless some are named)")
    timing.add_argument("--long", type=Path, metavar="PATH", help="also draw time and memory against T up to 100,000 steps "
                                                                  "(8 columns, 2 inputs, 64 units; lstm, unless some are "
                                                                  "named), as a whole and in segments")
    return top


# ---- cells and tasks -------------------------------------------------------------------------------------------------

def run_cells(options):
    if options.name:
        print(describe(options.name, options.n_in, options.n_hidden))
        return
    rows = cell_table(options.n_in, options.n_hidden)
    print(f"{'cell':<15} {'parameters':>10}   (D = {options.n_in} inputs, H = {options.n_hidden} hidden units)")
    for name, n_params, line, source in rows:
        print(f"{name:<15} {n_params:>10,}   {line}\n{'':<29}{source}")
    print("\n`python -m minirnn cells NAME` shows a cell's equations, parameters and state.")


def run_tasks(options):
    for name, kind in TASKS.items():
        print(f"{name:<12} {summary(kind)}\n{'':<13}{kind.source}")


# ---- gradient checks -------------------------------------------------------------------------------------------------

def checked_cell(name, n_in, n_hidden, seed):
    """A cell to check: every parameter moved a little at random, for peepholes and biases of 0 would hide mistakes."""
    cell, rng = make_cell(name, n_in, n_hidden, rng=seed, dtype="float64"), checks.generator(seed)
    cell.params.flat[...] += rng.normal(0, 0.3, cell.n_params)
    return cell


def run_gradcheck(options):
    names = options.cells or list(CELLS)
    for name in names:
        if not is_place(name):
            checks.lookup("cell", name, CELLS)
    reports = {}
    for name in names:
        try:
            reports[name] = report_on(name, options)
        except Exception as error:
            if not is_place(name) or own_words(error, name) is None:
                raise
            print(f"minirnn: {own_words(error, name)}", file=sys.stderr)
            return 2
        if not options.json:
            print(reports[name] if options.cells or not reports[name] else reports[name].title)
    if options.json:
        print(json.dumps({name: report.as_dict() for name, report in reports.items()}, indent=2))
    return 0 if all(reports.values()) else 1


def report_on(name, options):
    """The gradient check of a cell of ours, or of one in a file of the user's."""
    if is_place(name):
        cell = load_cell(name, options.n_in, options.n_hidden)
    else:
        cell = checked_cell(name, options.n_in, options.n_hidden, options.seed)
    return gradcheck(cell, method=options.method, rng=options.seed)


def is_place(name):
    """Whether this names a cell in a file, as in mycell.py:MyCell."""
    return name not in CELLS and (":" in name or name.endswith(".py"))


def _lines_in(path, error):
    """(line, function) of each frame in that file that an error came through."""
    return [(frame.lineno, frame.name) for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).name == path.name]


def own_words(error, place):
    """An error that came out of the user's file, with the line there; None if it did not."""
    path = Path(place.rpartition(":")[0])
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"{path}, line {error.lineno}: {said}"
    lines = _lines_in(path, error)
    if not lines and error.__cause__:                           # a sentence of ours, about an error of theirs
        said, lines = str(error), _lines_in(path, error.__cause__)
    if not lines:
        return None
    line, function = lines[-1]
    return f"{path}, line {line}{'' if function == '<module>' else f', in {function}'}: {said}"


# ---- Lemma 1 ---------------------------------------------------------------------------------------------------------

def run_lemma1(options):
    from . import experiments
    result = experiments.lemma1(seed=options.seed, progress=lambda line: print(line, file=sys.stderr, flush=True))
    if options.json:
        print(json.dumps(result.as_dict(), indent=2))
    else:
        print_lemma1(result)
    if options.out or not options.json:
        save_figure("lemma1_figure", result, (options.out or OUT) / "lemma1.png", quiet=options.json)


def print_lemma1(result):
    data = result.as_dict()
    lengths = list(data["runs"][0]["accuracy"])
    print(f"\n{'task':<10} {'cell':<5} {'learned at':>11} {'in steps':>9}   accuracy at "
          + " ".join(f"{'T' if n == '1' else n + ' T':>6}" for n in lengths))
    for run in data["runs"]:
        print(f"{run['task']:<10} {run['cell']:<5} {'T = ' + str(run['trained_at']):>11} {run['steps']:>9}   {'':<11} "
              + " ".join(f"{run['accuracy'][n]:>6.2f}" for n in lengths))
    growth = data["growth"]
    print(f"\nAttention of an RWA unit that holds ±{growth['c']:g}: grows by {growth['measured']:.4f} a step; the lemma says "
          f"{growth['exact']:.4f}\n(its published bound: {growth['bound']:.4f}).")


def save_figure(name, data, path, quiet=False):
    from . import plots
    plots.save(getattr(plots, name)(data), path)
    print(f"figure: {path}", file=sys.stderr if quiet else sys.stdout)


# ---- training --------------------------------------------------------------------------------------------------------

def parse_options(pairs):
    """["attention=sigmoid", "learned_state=True"] as a dict, with numbers and truth values read as such."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"--option is {pair!r}, expected NAME=VALUE")
        try:
            found[name] = json.loads(value.lower() if value in ("True", "False", "None") else value)
        except json.JSONDecodeError:
            found[name] = value
    return found


class Progress:
    """A callback for `train` that prints a line every two seconds."""

    def __init__(self, limit=None):
        self.began = self.printed = time.perf_counter()
        self.limit = limit

    def __call__(self, step, loss, metrics):
        now = time.perf_counter()
        if step == 1 or now - self.printed > 2:
            self.printed = now
            numbers = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
            print(f"  step {step:>6}  {now - self.began:5.1f} s  loss {loss:.4f}  {numbers}", flush=True)
        return self.limit is not None and now - self.began > self.limit


def run_train(options):
    task_options = {} if options.length is None else {"length": options.length}
    if options.file is not None:
        task_options["path"] = options.file
    task = make_task(options.task, **task_options)
    cell_options = parse_options(options.option)
    model = make_model(task, options.cell, options.hidden, rng=options.seed, **cell_options)
    out = options.out or OUT / f"{options.task}-{options.cell}"
    settings = {name: getattr(options, name) for name in ("task", "cell", "hidden", "steps", "batch", "lr", "until", "seed")}
    settings |= {"length": task.length, "options": cell_options}
    print(f"{options.cell} with {options.hidden} units on {options.task} (T = {task.length}): {model.n_params:,} parameters, "
          f"at most {options.steps} updates of {options.batch} sequences")
    history = None
    try:
        history = train(model, task, steps=options.steps, batch=options.batch, lr=options.lr, until=options.until,
                        rng=options.seed, callback=Progress())
    except FloatingPointError as error:
        history = error.history
        raise
    finally:
        if history is not None:
            save_training(out, settings, model, history)
    if history.interrupted:
        print(f"interrupted after {history.steps} steps; what was learned is kept")
        return 130
    solved = f" (loss below {options.until:g})" if history.solved_at else ""
    print(f"{history.steps} steps in {history.seconds:.1f} s{solved}")
    if options.task == "text":
        report_text(task, model)
    else:
        numbers = evaluate(model, task, rng=options.seed + 1)
        print("on fresh sequences: " + ", ".join(f"{name} {value:.4f}" for name, value in numbers.items()))


def save_training(out, settings, model, history):
    model.save(out / "model.npz")
    with replacing(out / "training.json", "w") as file:
        json.dump({"settings": settings, **history.as_dict()}, file, indent=1)
    if history.steps:
        title = f"{settings['cell']} with {settings['hidden']} units on {settings['task']} (T = {settings['length']})"
        save_figure("training_figure", (title, history), out / "training.png")
    print(f"weights and numbers: {out / 'model.npz'}, {out / 'training.json'}")


def report_text(task, model, start=None):
    bits = {split: task.evaluate(model, split) for split in ("validation", "test")}
    print(f"bits per character: validation {bits['validation']:.3f}, test {bits['test']:.3f} "
          f"(guessing by how frequent each character is: {task.frequency_bits('test'):.3f})")
    print("it writes:")
    written = (start or "") + task.sample(model, 300, start=start, temperature=0.7, rng=0)
    print(textwrap.indent(written, "  | ", lambda line: True))
    return bits


# ---- speed -----------------------------------------------------------------------------------------------------------

def run_bench(options):
    from . import bench, bench_long, plots
    size, against = bench.parse_size(options.size), [name.strip() for name in options.against.split(",") if name.strip()]

    def say(line):
        print(line, file=sys.stderr, flush=True)

    result = bench.benchmark(options.cells, size, against=against, runs=options.runs, gradient=options.gradient,
                             segment=options.segment, seed=options.seed, progress=say)
    found = result.as_dict()
    if not options.json:
        print(result)
    if options.training_step:
        step = bench.training_step((options.cells or ["lstm"])[0], size, steps=options.runs, seed=options.seed)
        found["training_step"] = step.as_dict()
        if not options.json:
            print(f"\n{step}")
    figures = {}
    if options.figure:
        points = bench.sweep(options.cells, size, runs=options.runs, seed=options.seed, progress=say)
        figures[options.figure] = bench.bench_figure((size, points))
    if options.long:
        found["long"] = bench_long.long_runs(options.cells or ["lstm"], seed=options.seed, progress=say)
        figures[options.long] = bench_long.long_figure(found["long"])
    if options.json:
        print(json.dumps(found, indent=2))
    for path, figure in figures.items():
        plots.save(figure, path)
        print(f"figure: {path}", file=sys.stderr if options.json else sys.stdout)


# ---- the demo --------------------------------------------------------------------------------------------------------

def run_demo(options):
    from . import experiments
    began, seed, out = time.perf_counter(), options.seed, options.out
    print("minirnn: recurrent cells in NumPy alone, each with a backward pass derived by hand.\n")

    print("1. Do the derived gradients agree with numeric ones? (largest relative error; 1e-6 and 1e-10 are allowed)\n")
    print(f"  {'cell':<15} {'central differences':>20} {'complex step':>14}")
    worst, failed = {method: 0.0 for method in METHODS}, []
    for name in CELLS:
        reports = {method: gradcheck(checked_cell(name, 3, 4, seed), method=method, rng=seed) for method in METHODS}
        verdict = "ok" if all(reports.values()) else "WRONG"
        failed += [name] if verdict == "WRONG" else []
        worst = {method: max(worst[method], report.worst) for method, report in reports.items()}
        print(f"  {name:<15} {reports['central'].worst:>20.1e} {reports['complex'].worst:>14.1e}   {verdict}", flush=True)

    print("\n2. Lemma 1: can it keep alternating? Trained until solved, then run for longer.\n")
    lemma = experiments.lemma1(seed=seed, progress=lambda line: print(f"  {line}", flush=True))
    print_lemma1(lemma)
    save_figure("lemma1_figure", lemma, out / "lemma1.png")

    task = make_task("text", length=DEMO_TEXT["length"])
    print(f"\n3. A language model reads {len(task.text):,} characters of Python's own documentation.\n")
    model = make_model(task, DEMO_TEXT["cell"], DEMO_TEXT["hidden"], rng=seed)
    history = train(model, task, steps=DEMO_TEXT["steps"], batch=DEMO_TEXT["batch"], lr=DEMO_TEXT["lr"], rng=seed,
                    callback=Progress(DEMO_TEXT_SECONDS))
    if history.interrupted:
        raise KeyboardInterrupt
    bits = report_text(task, model, start="The ")
    title = f"{DEMO_TEXT['cell']} with {DEMO_TEXT['hidden']} units on text (T = {task.length})"
    save_figure("training_figure", (title, history), out / "text.png")

    accuracy = {(run["task"], run["cell"]): run["accuracy"] for run in lemma.as_dict()["runs"]}
    print(f"\nSummary ({time.perf_counter() - began:.0f} s, seed {seed})\n")
    rows = [("gradients", f"{len(CELLS) - len(failed)} of {len(CELLS)} cells agree, to {worst['central']:.0e} (central) and "
                          f"{worst['complex']:.0e} (complex step)")]
    for cell in ("rwa", "rda", "lstm"):
        shares = accuracy["alternate", cell]
        rows.append((f"alternate, {cell}", f"accuracy {shares['1']:.2f} at the length it learned, {shares['16']:.2f} at 16 "
                                           "times that"))
    rows.append(("language model", f"{bits['test']:.2f} bits per character after {history.steps} steps "
                                   f"({task.frequency_bits('test'):.2f} by frequency alone)"))
    for name, result in rows:
        print(f"  {name:<17} {result}")
    print(f"\nFigures: {out / 'lemma1.png'}, {out / 'text.png'}. What next: python -m minirnn --help, and notebooks/.")
    return 1 if failed else 0
