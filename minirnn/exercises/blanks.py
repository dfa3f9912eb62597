"""What is not filled in yet: a `...` that still stands where an answer belongs."""

import ast
import inspect
import textwrap


def is_blank(answer):
    """Whether nothing was handed in, or a tuple or list in which a `...` still stands."""
    if isinstance(answer, (tuple, list)):
        return any(map(is_blank, answer))
    return answer is None or answer is ...


def blanks(function):
    """The lines in which a `...` still stands: a list of (line number, text), empty if there are none or no source is found.

    A `...` between square brackets, as in `a[...]`, is NumPy's and counts as written.
    """
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return []
    indices = {id(node) for outer in ast.walk(tree) if isinstance(outer, ast.Subscript) for node in ast.walk(outer.slice)}
    found = sorted({node.lineno for node in ast.walk(tree)
                    if isinstance(node, ast.Constant) and node.value is ... and id(node) not in indices})
    return [(max(first, 1) + line - 1, lines[line - 1].partition("  #")[0].strip()) for line in found]
