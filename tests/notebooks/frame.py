"""What every notebook of the course has, and how it is found: the frame, symbols, links and figures.

**The frame.** The first cell is the title and, as paragraphs or lists that begin with these words in bold: **Afterwards you
can**, **Time** (a number of minutes), **You need**, **Exercises**. Then: a step-through and a picture of a cell, at least two
questions to think about (each begins with "**A question to think about.**"), the exercises of its number in the library, each
checked by a cell `exercises.check("02.1", answer)`, and, last, the headings "What to read next" and "References", with links.

**Symbols.** A letter in a formula must have been declared, in a cell before or in its own. A cell that declares has the tag
"symbols" and a table whose first heading is "symbol"; the formulas in its first column are the symbols. `\\mathrm{...}`,
`\\text{...}` and `\\operatorname{...}` are words, not symbols, and so is the d of `\\mathrm dh`. Names in `code` must be in
the notebook's own code, in the library, in NumPy or in Python.

**Figures** have words for who does not see them: `plots.show(figure, alt)`, or a title or label in an SVG.

A code cell whose output is not the same each time (a timing, say) has the tag "varies".
"""

import ast
import builtins
import functools
import keyword
import re
from pathlib import Path

import nbformat
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"

GREEK = {"alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi",
         "pi", "rho", "sigma", "tau", "phi", "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Sigma", "Phi",
         "Omega", "ell"}
WORDS = re.compile(r"\\(?:text|mathrm|operatorname|textbf|mathsf)(?![a-z])\*?\s*(?:\{[^{}]*\}|[A-Za-z])")
DISPLAY, INLINE = re.compile(r"\$\$(.+?)\$\$", re.S), re.compile(r"(?<![\\$])\$(?!\$)([^$\n]+?)\$")
CODE_BLOCK, CODE = re.compile(r"```.*?```", re.S), re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATHS = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|usr|Users|var)/|[A-Z]:\\\\")
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


def notebooks():
    return sorted(FOLDER.glob("*.ipynb"))


def solutions():
    return sorted((FOLDER / "solutions").glob("*.ipynb"))


def read(path):
    return nbformat.read(path, as_version=4)


def prose(notebook):
    """(index, cell) of the cells in prose."""
    return [(k, cell) for k, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]


def code(notebook):
    return [(k, cell) for k, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


# ---- symbols ---------------------------------------------------------------------------------------------------------

def formulas(text):
    """The formulas in a text, without the dollars. What stands in `code` is none."""
    text = CODE.sub(" ", CODE_BLOCK.sub(" ", text))
    return DISPLAY.findall(text) + INLINE.findall(DISPLAY.sub(" ", text))


def symbols(formula):
    """The letters of a formula, Latin and Greek (these by their LaTeX names), without words, functions and commands."""
    formula = re.sub(r"\\\\\[[^\]]*\]|\\(?:begin|end)\{[^}]*\}(?:\{[^}]*\})?", " ", formula)
    formula = WORDS.sub(" ", formula)
    greek = {name for name in re.findall(r"\\([A-Za-z]+)", formula) if name in GREEK}
    return greek | set(re.findall(r"[A-Za-zα-ωΑ-Ω]", re.sub(r"\\[A-Za-z]+", " ", formula)))


def declared(cell):
    """The symbols that a cell with the tag "symbols" declares."""
    if "symbols" not in tags(cell):
        return set()
    found, inside = set(), False
    for line in cell.source.splitlines():
        first = line.strip().strip("|").split("|")[0].strip() if line.strip().startswith("|") else None
        inside = first is not None and (inside or first == "symbol")
        if inside:
            for formula in formulas(first):
                found |= symbols(formula)
    return found


def undeclared(notebook):
    """(cell, symbol) for every symbol that is used before it is declared."""
    known, missing = set(), []
    for k, cell in prose(notebook):
        known |= declared(cell)
        used = set().union(*map(symbols, formulas(cell.source)))
        missing += [(k, symbol) for symbol in sorted(used - known)]
    return missing


@functools.cache
def library_names():
    """Every name in the library's code, and those of Python and NumPy."""
    found = set(dir(builtins)) | set(keyword.kwlist) | set(dir(np)) | set(dir(np.linalg)) | set(dir(np.random)) | {"np", "numpy"}
    for path in [*(ROOT / "minirnn").rglob("*.py")]:
        found |= names_in(path.read_text(encoding="utf-8")) | {path.stem, path.parent.name}
    return found


def names_in(source):
    found = set()
    for node in ast.walk(ast.parse(source)):
        found |= {getattr(node, field) for field in ("id", "attr", "name", "arg", "module") if isinstance(getattr(node, field, 0), str)}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 60:
            found |= set(re.findall(r"[^\W\d]\w*", node.value))
    return {part for name in found for part in name.split(".")} | found


def unknown_names(notebook):
    """(cell, name) for every name in `code` in the prose that is neither in the notebook's code nor in the library's."""
    known = set(library_names())
    for _, cell in code(notebook):
        known |= names_in(re.sub(r"(?m)^[%!].*$", "", cell.source))
        known |= set(re.findall(r"[^\W\d]\w*", output_text(cell)))
    for _, cell in prose(notebook):
        known |= declared(cell)
        known |= {name for block in CODE_BLOCK.findall(cell.source) for name in re.findall(r"[^\W\d]\w*", block)}
    missing = []
    for k, cell in prose(notebook):
        for span in CODE.findall(CODE_BLOCK.sub(" ", cell.source)):
            bare = re.sub(r"\"[^\"]*\"|'[^']*'|[\w./*]+\.(?:py|ipynb|csv|md)|--[\w-]+", " ", span)
            missing += [(k, name) for name in re.findall(r"[^\W\d]\w*", bare) if name not in known]
    return missing


# ---- links, figures, outputs -----------------------------------------------------------------------------------------

def dead_links(path, notebook):
    """Links that lead to no file, and addresses that are none."""
    dead = []
    for _, cell in prose(notebook):
        for link in LINK.findall(CODE_BLOCK.sub(" ", cell.source)):
            if link.startswith(("http://", "https://")):
                dead += [link] * (not re.fullmatch(r"https?://[\w.-]+\.\w+(/\S*)?", link))
            elif not link.startswith("#"):
                dead += [link] * (not (path.parent / link.partition("#")[0]).exists())
    return dead


def outputs(notebook):
    """(index, output) of everything that was shown."""
    return [(k, output) for k, cell in code(notebook) for output in cell.outputs]


def output_text(cell):
    """What a code cell has shown, as text."""
    return "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def figures_without_words(notebook):
    """The cells that show a picture of which nothing is told to who does not see it."""
    silent = []
    for k, output in outputs(notebook):
        data = output.get("data", {})
        markup = data.get("text/html", "") + data.get("image/svg+xml", "")
        images = re.findall(r"<img\b[^>]*>", markup)
        drawings = re.findall(r"<svg\b[^>]*>\s*(?:<title|<!--|<metadata|<defs)?", markup)
        told = [re.search(r"alt=(['\"])(.+?)\1", image) for image in images]
        told += [("aria-label" in drawing) or drawing.endswith("<title") or "aria-hidden" in drawing for drawing in drawings]
        if "image/png" in data and not images or not all(told):
            silent.append(k)
    return silent


def same_but_for_rounding(old, new):
    """Whether two texts are the same, if their numbers may differ in the last digits (and by anything where both are tiny)."""
    if NUMBER.sub("#", old).split() != NUMBER.sub("#", new).split():
        return False
    pairs = zip(*([float(n.replace(",", "")) for n in NUMBER.findall(text)] for text in (old, new)))
    return all(abs(a - b) <= max(0.02 * max(abs(a), abs(b)), 1e-6) for a, b in pairs)
