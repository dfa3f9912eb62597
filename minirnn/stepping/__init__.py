"""One step with its numbers, there and back, and the picture of a cell.

Read `graph.py` first: a step as a graph of elementary operations, and reverse mode, which gives every edge its flow. The
graph comes from a cell's equations (`equations.py`, a parser) or, where a cell has none, from running its code on arrays
that note what is done to them (`tracing.py`); `reading.py` chooses, gives the parts names and compares with what the cell's
own step returns. So neither the numbers nor the pictures can drift from the code.

`one_step.py` is what is shown of it: `step_through`, the lines forward and the sums of flows back. `words.py` writes
expressions; `text.py` (a terminal), `html.py` (a notebook that is only read, and one file with sliders for a web page) and
`widget.py` (a live notebook) are the four forms.

`picture.py` makes of the same graph the nodes and edges of a figure, and `layout.py` places them; `drawing.py` has what is
called (`draw`, `draw_unrolled`, `draw_shapes`), and the drawing itself is in `plots/cells.py`.

A new kind of operation is a rule in `graph.py`, its way of being written in `words.py`, and, where it is a symbol of its
own in a picture, a line in `picture.py`.
"""

from .drawing import Drawing, draw, draw_shapes, draw_unrolled
from .one_step import StepThrough, step_through

__all__ = ["Drawing", "StepThrough", "draw", "draw_shapes", "draw_unrolled", "step_through"]
