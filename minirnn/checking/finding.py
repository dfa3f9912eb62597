"""One mistake that was found: its kind, its place, and what belongs there instead."""

from dataclasses import dataclass

KINDS_OF_MISTAKE = {
    "sign": "a sign is wrong",
    "factor": "a constant factor is wrong",
    "missing factor": "a factor is missing",
    "surplus factor": "a factor stands here that should not",
    "missing term": "a term is missing",
    "surplus term": "a term stands here that should not",
    "derivative": "the derivative of an activation is missing or wrong",
    "exchanged": "one quantity stands in another's place",
    "order": "parts of an array are taken in another order",
    "axis": "an axis, or the order of axes, is wrong",
    "shifted": "an array is cut, turned or shifted where it should not be",
    "other parameter": "it is the gradient of something else",
    "transposed": "a matrix should be transposed",
    "carry": "a gradient is not passed on",
    "overwritten": "a sum is assigned, not added to",
    "changes its input": "an array that others still read is changed in place",
    "not repeatable": "the same call gives different results",
    "left over": "gradients are left over from an earlier call",
    "of the last step": "what the last step left behind is used at every step",
    "mixes steps": "a method that is given several steps at once does not treat each alone",
    "not linear": "twice the incoming gradient does not give twice the gradient",
    "precision": "numbers are rounded to fewer digits on the way",
    "not finite": "a value is NaN or infinite",
    "not for complex numbers": "the forward pass cannot be differentiated by the complex step",
    "unexplained": "no hypothesis fits",
}


@dataclass(frozen=True)
class Finding:
    """One mistake: its kind (a key of `KINDS_OF_MISTAKE`), in words, which gradients are wrong because of it, and the place."""

    kind: str
    sentence: str
    wrong: tuple                # names of what is wrong because of it
    method: str = ""
    line: int = 0               # in the file of the cell; 0 if not known
    code: str = ""              # the expression
    parameters: tuple = ()      # names of parameters whose gradients are wrong because of it
    source: str = ""            # the line, as it is written; of several that could be to blame each, with its number
    belongs: str = ""           # the statement that makes it right, if it was tried
    certain: bool = False       # whether the whole check passes with it
    also: str = ""              # another kind that tells it as well: with one name for another, a factor is missing
    function: str = ""          # the function in which the line stands, where that is not called as the method is


def label(block):
    """A block in words: "old c" for ("state", "c"), and so on."""
    kind, name = block
    return {"state": "old ", "output": "output "}.get(kind, "") + name


def few(names, most=6):
    """Names in a sentence; of many, the first and how many more."""
    names = list(names)
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most - 1])} and {len(names) - most + 1} more"
