"""A matrix of verdicts: is the derivative of each component of a later state right, by everything that it depends on?"""

import html

import numpy as np


class Verdicts:
    """A matrix: is the derivative of each component of a later state right, by everything that it may depend on?

    Attributes:
        title: what the steps are. rows, columns: names of what was differentiated by, and of the components.
        verdict: (row, column) -> "ok", "wrong" or "none" (there is no path, and the derived gradient says so too).
        error: (row, column) -> largest relative error.
    """

    def __init__(self, title, columns):
        self.title, self.rows, self.columns, self.verdict, self.error = title, [], list(columns), {}, {}

    def judge(self, row, column, derived, numeric, tolerance, smallest):
        """Compare two arrays; what is less than `smallest` counts as 0."""
        if row not in self.rows:
            self.rows.append(row)
        size = max(np.abs(numeric).max(initial=0), np.abs(derived).max(initial=0))
        error = np.abs(numeric - derived).max(initial=0)
        fine = error <= tolerance * size + smallest
        self.verdict[row, column] = "wrong" if not fine else "ok" if size > smallest else "none"
        self.error[row, column] = float(error / size) if size > 0 else 0.0

    def wrong(self):
        """(rows, columns) that have something wrong in them."""
        bad = [place for place, verdict in self.verdict.items() if verdict == "wrong"]
        rows, columns = {row for row, _ in bad}, {column for _, column in bad}
        return [name for name in self.rows if name in rows], [name for name in self.columns if name in columns]

    def as_dict(self):
        """For JSON: lists, a row after the other."""
        lists = {name: [[found[row, column] for column in self.columns] for row in self.rows]
                 for name, found in (("matrix", self.verdict), ("errors", self.error))}
        return {"rows": self.rows, "columns": self.columns, **lists}

    def __str__(self):
        marks = {"ok": "ok", "wrong": "WRONG", "none": "·"}
        lines = [[f"{self.title}, d of → by ↓", *self.columns]]
        lines += [[row, *(marks[self.verdict[row, column]] for column in self.columns)] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join("  " + "  ".join(f"{t:<{w}}" for t, w in zip(line, widths)).rstrip() for line in lines)

    def picture(self):
        """A drawing (SVG): a cross on orange where it is wrong, a dot where there is no path."""
        left, top, width, height = 14 + 8 * max(map(len, self.rows)), 26, 64, 20
        parts = []
        for i, column in enumerate(self.columns):
            parts.append(f"<text x='{left + width * (i + .5)}' y='18' text-anchor='middle'>{html.escape(column)}</text>")
        for j, row in enumerate(self.rows):
            y = top + height * j
            parts.append(f"<text x='{left - 8}' y='{y + 14}' text-anchor='end'>{html.escape(row)}</text>")
            for i, column in enumerate(self.columns):
                verdict, x = self.verdict[row, column], left + width * i
                fill, mark = {"ok": ("#cfe5f2", "ok"), "wrong": ("#d55e00", "✗"), "none": ("#f4f4f4", "·")}[verdict]
                ink = "white" if verdict == "wrong" else "black"
                parts.append(f"<rect x='{x}' y='{y}' width='{width - 2}' height='{height - 2}' fill='{fill}'/>"
                             f"<text x='{x + width / 2 - 1}' y='{y + 14}' text-anchor='middle' fill='{ink}'>{mark}"
                             f"<title>{html.escape(row)}, {html.escape(column)}: {self.error[row, column]:.1e}</title></text>")
        size = left + width * len(self.columns) + 4, top + height * len(self.rows) + 4
        return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{size[0]}' height='{size[1]}' font-size='12' "
                f"font-family='sans-serif' role='img' aria-label='verdicts of {self.title}' style='background:white'>"
                f"{''.join(parts)}</svg>")
