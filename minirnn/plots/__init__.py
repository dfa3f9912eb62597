"""Figures. matplotlib is imported here, and only when one is drawn.

Every function returns a matplotlib `Figure`, which a notebook shows and `save` writes. What all figures share is in
`style.py`; the other files are one subject each. A new figure is a function that takes plain data, and a line here.
"""

from .bench import bench_figure, long_figure
from .lemma1 import accuracy_panel, amplitude_panel, attention_panel, fitted_panels, lemma1_figure
from .style import FAINT, INK, ROLES, STYLES, cell_style, figure, line_style, running_mean, save, tidy
from .training import training_figure

__all__ = [
    "FAINT", "INK", "ROLES", "STYLES", "accuracy_panel", "amplitude_panel", "attention_panel", "bench_figure", "cell_style",
    "figure", "fitted_panels", "lemma1_figure", "line_style", "long_figure", "running_mean", "save", "tidy",
    "training_figure",
]
