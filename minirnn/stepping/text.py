"""A step-through in a terminal: a hundred columns, forward first, then back."""

import textwrap

from .words import Digits, number, written

LINE_WIDTH = 100


def page(step):
    """A `StepThrough` as text."""
    return "\n".join([*header(step), "", "FORWARD", *forward(step), "", "BACKWARD, from the new state to the old",
                      *backward(step),
                      "", "WHAT THIS STEP ADDS TO THE GRADIENTS OF THE WEIGHTS (row " + str(step.unit) + ")", *shares(step), "",
                      *_wrapped(agreement(step))])


def title(step):
    passage = step.passage
    return (f"{type(step.cell).__name__}, step t = {step.t} of 0 to {passage.n_steps - 1}, unit {step.unit} of 0 to "
            f"{passage.n_units - 1}, example {step.example} of 0 to {passage.batch - 1}")


def header(step):
    return [title(step), *_wrapped(f"A prime marks what is new: h is the state before this step, h' after it. dh is the "
                                   f"gradient of "
                                   f"the loss with respect to h. {step.passage.loss}")]


def agreement(step):
    """How well the paths add up to the gradients that the cell's own code returns."""
    gap, name = step.gap
    if gap < 1e-6:
        return (f"The paths add up to what step_backward and weight_gradients return: the largest relative difference is "
                f"{f'{gap:.0e}' if gap else 0}.")
    return (f"The paths do NOT add up to what step_backward and weight_gradients return: they differ by {gap:.0e} "
            f"(relative) in "
            f"d{name}. minirnn.gradcheck(cell) looks for the mistake.")


def forward(step):
    lines, given = [], [line for line in step.forward if line.role]
    for line in given:
        lines.append(f"  {line.name} = {number(line.value)}")
    if given:
        terms = "   (wx is W x + b, as input_terms computes it)" if any(line.role == "terms" for line in given) else ""
        lines = _wrapped("given: " + ",  ".join(line.strip() for line in lines) + terms, "  ", "         ")
    for line in step.forward:
        if line.role:
            continue
        parts = [line.symbols, *map(written, line.stages), number(line.value)]
        lines += _wrapped(f"{line.name} = " + " = ".join(dict.fromkeys(parts)), "  ", " " * (len(line.name) + 3))
        for text, pieces, value in line.products:
            lines += _wrapped(f"{text} = {written(pieces)} = {number(value)}", "      ", " " * (len(text) + 7))
    return lines


def symbols_of(gradient):
    """The terms of a gradient in symbols, as a sum."""
    terms = [term for term in gradient.terms if term.symbols]
    return signed([(term.sign, term.symbols) for term in terms])


def joined(outside, symbols):
    """[from step 4] + ds ⊙ (1 − s²), with the sign of the first symbol where it is a minus."""
    if not outside:
        return symbols
    return " + ".join(outside) + (f" − {symbols[1:]}" if symbols.startswith("−") else f" + {symbols}")


def signed(terms):
    """+a −b as "a − b"."""
    text = ""
    for sign, words in terms:
        text += (f" {sign} " if text else "−" * (sign == "−")) + words
    return text


def backward(step):
    lines = []
    for gradient in step.backward:
        start = f"{gradient.name} = "
        if len(gradient.terms) == 1 and gradient.terms[0].symbols:
            term = gradient.terms[0]
            parts = [symbols_of(gradient), in_numbers(term) or written(term.product), number(gradient.total)]
            tail = f"   {term.via}"
            lines += _wrapped(start + " = ".join(dict.fromkeys(part for part in parts if part)) + tail, "  ",
                              " " * (len(start)))
            continue
        if not gradient.terms:
            lines.append(f"  {start}0: nothing that follows reads it")
            continue
        whole = symbols_of(gradient)
        outside = [f"[{term.via}]" for term in gradient.terms if not term.symbols]
        if whole:
            lines += _wrapped(start + joined(outside, whole), "  ", " " * (len(start) + 2))
            start = " " * (len(gradient.name) + 1) + "= "
        total = " + ".join(f"{written([Digits(term.value, k > 0)])} {term.via}" for k, term in enumerate(gradient.terms))
        lines += _wrapped(start.strip() + " " + total + f" = {number(gradient.total)}",
                          "  " + " " * (len(start) - len(start.lstrip())), " " * (len(gradient.name) + 5))
        if gradient.role == "state":
            for term in gradient.terms:
                for text, pieces, value in term.products:
                    lines += _wrapped(f"{text} = {written(pieces)} = {number(value)}", "      ", " " * (len(text) + 7))
    return lines


def in_numbers(term):
    """A product of numbers with its sign; "" where there is nothing to multiply."""
    if len(term.pieces) < 2:
        return ""
    first, *others = term.pieces
    return f"−{written([first._replace(guarded=True), *others])}" if term.sign == "−" else written(term.pieces)


def shares(step):
    lines = []
    for share in step.shares:
        lines += _wrapped(f"{share.name} = {share.symbols} = {written(share.pieces)}", "  ", " " * (len(share.name) + 5))
    return lines


def _wrapped(text, first="", later=""):
    return textwrap.wrap(text, LINE_WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False,
                         break_on_hyphens=False)
