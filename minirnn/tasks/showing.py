"""A sequence of a task as somebody would write it on paper: what is read, and below it what is to be said.

Each feature of the input, and each answer, is a `Strip`: one thing per step. A symbol is one strip, however many features it
takes. Text and figures are made of the same strips.
"""

from typing import NamedTuple

import numpy as np

from .. import checks

SHADES = " .:-=+*#%@"           # of a picture made of letters


class Strip(NamedTuple):
    """One thing per step: what it is called, and for each step a name, a number, or None where there is nothing.

    kind: "symbols" (names), "numbers" or "bits".
    """

    label: str
    kind: str
    values: list


class Sample(NamedTuple):
    """A sequence: strips of input, strips of targets, and its picture if it is one, as it was written and as it is read."""

    inputs: list
    targets: list
    picture: np.ndarray | None
    read: np.ndarray | None


def samples(task, seed=0, n=1):
    """Some sequences of a task, as different in their answers as may be: a list of `Sample`.

    Args:
        task: a `Task`.
        seed: of the sequences.
        n: how many, at most: no two are the same.
    """
    batch = task.batch(checks.generator(seed), 8 * checks.positive_integer("n", n))
    chosen, others, answers, there = [], [], set(), set()
    for column in range(np.shape(batch.xs)[-1]):
        answer = np.asarray(batch.targets)[-1, ..., column].tobytes()
        whole = np.asarray(batch.xs)[..., column].tobytes(), np.asarray(batch.targets)[..., column].tobytes()
        if whole not in there:
            (others if answer in answers else chosen).append(column)
        answers.add(answer)
        there.add(whole)
    return [_sample(task, batch, column) for column in (chosen + others)[:n]]


def _sample(task, batch, column):
    xs, targets = np.asarray(batch.xs)[..., column], np.asarray(batch.targets)[..., column]
    asked = np.ones(len(xs), bool) if batch.weights is None else batch.weights[:, column] > 0
    n_steps = len(xs) if asked[-1] else int(np.flatnonzero(asked)[-1]) + 1
    picture = task.picture(xs)
    return Sample([_cut(strip, n_steps, len(xs)) for strip in _inputs(task, xs)],
                  [Strip(strip.label, strip.kind, [value if here else None for value, here in zip(strip.values, asked)])
                   for strip in _targets(task, targets)], picture, picture if picture is None else xs.reshape(picture.shape))


def _cut(strip, n_steps, length):
    return strip._replace(values=strip.values[:n_steps] + [None] * (length - n_steps))


def _inputs(task, xs):
    names = task.input_names or [str(i) for i in range(xs.shape[1] if xs.ndim == 2 else task.n_symbols)]
    if xs.ndim == 1:
        return [Strip("input", "symbols", [names[code] for code in xs])]
    if len(names) > 2 and ((xs == 1).sum(axis=1) + (xs == 0).sum(axis=1) == len(names)).all() and (xs.sum(axis=1) <= 1).all():
        return [Strip("input", "symbols", [names[x.argmax()] if x.any() else None for x in xs])]
    return [Strip(names[i] if task.input_names else "input" if len(names) == 1 else f"input {names[i]}", _kind(xs[:, i]),
                  xs[:, i].tolist()) for i in range(len(names))]


def _targets(task, targets):
    if targets.ndim == 1:
        names = task.output_names or [str(i) for i in range(task.n_out)]
        return [Strip("target", "symbols", [names[code] for code in targets])]
    names = task.output_names or (["target"] if task.n_out == 1 else [f"target {i}" for i in range(task.n_out)])
    return [Strip(names[i], "bits" if task.targets == "bits" else "numbers", targets[:, i].tolist()) for i in range(task.n_out)]


def _kind(values):
    return "bits" if np.isin(values, (0, 1)).all() else "numbers"


def as_text(one, width=100):
    """A `Sample` as text of lines of up to `width` characters."""
    strips = [*one.inputs, *one.targets]
    if one.picture is not None:
        return _pictures(one) + "\n" + "\n".join(
            f"{strip.label}: {next(_written(strip.kind, value) for value in strip.values if value is not None)}"
            for strip in one.targets)
    written = [[_written(strip.kind, value) for value in strip.values] for strip in strips]
    cell = max(len(word) for row in written for word in row)
    cell += cell > 1
    label = max(len(strip.label) for strip in strips) + 2
    per_line, blocks = max(1, (width - label) // cell), []
    for first in range(0, len(written[0]), per_line):
        blocks.append("\n".join((f"{strip.label:<{label}}" + "".join(f"{word:<{cell}}" for word in
                                                                       row[first:first + per_line])).rstrip()
                                for strip, row in zip(strips, written)))
    return "\n\n".join(blocks)


def _written(kind, value):
    if value is None:
        return " "
    if kind == "symbols":
        return value if value.isprintable() else "¶" if value == "\n" else "�"
    return f"{value:.0f}" if kind == "bits" else f"{value:.2f}"


def _pictures(one):
    """The picture; beside it, if its pixels are mixed, what comes line by line."""
    lines = _lines(one.picture)
    if np.array_equal(one.picture, one.read):
        return "\n".join(line.rstrip() for line in lines)
    width = len(lines[0]) + 4
    return "\n".join(f"{left:<{width}}{right}".rstrip() for left, right in
                     [("as written", "as read"), *zip(lines, _lines(one.read))])


def _lines(picture):
    shades = np.array(list(SHADES))[np.clip(picture * len(SHADES), 0, len(SHADES) - 1).astype(int)]
    return ["".join(2 * shade for shade in row) for row in shades]
