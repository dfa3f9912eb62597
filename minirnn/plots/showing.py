"""Figures with words for whoever cannot see them."""

import base64
import html
import io
import sys


class Shown:
    """A drawn figure and its alternative text, as a notebook shows and stores them.

    A notebook keeps the figure twice: as an HTML image, because that is where JupyterLab and exported pages have room for
    the text, and as a bare PNG with the text in its metadata, for viewers that show no HTML.
    """

    def __init__(self, png, alt):
        self.png, self.alt = png, alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        encoded = base64.b64encode(self.png).decode("ascii")
        image = f'<img src="data:image/png;base64,{encoded}" alt="{html.escape(self.alt)}">'
        return {"text/html": image, "image/png": encoded, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}

    def __repr__(self):
        return self.alt


def show(figure, alt, dpi=90):
    """A figure with alternative text, for the last line of a notebook's cell.

    Args:
        figure: a matplotlib `Figure`. It is drawn now, and pyplot will not show it a second time.
        alt: what the figure shows, in a sentence or two: they stand for it where it cannot be seen.
        dpi: pixels per inch.

    Raises:
        ValueError: alt is empty.
    """
    if not alt.strip():
        raise ValueError("alt is empty, expected a sentence that says what the figure shows")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi, facecolor="white")
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
    return Shown(content.getvalue(), alt)
