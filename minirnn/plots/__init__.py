"""Figures. matplotlib is loaded here, and only when a figure is drawn.

Every function returns a matplotlib `Figure`; `save` writes it, and in a notebook `show` adds the alternative text. What
all figures share is in `style.py`; each other file has one subject. A new figure is a function that takes plain data, and
a line here.
"""

from .attention import gates_figure, weights_figure
from .bench import bench_figure, long_figure
from .comparing import curves_figure, table_figure
from .course import beside, delay_line_figure, distance_figure, firmness_figure, singular_values_figure
from .course_checking import (
    complex_step_figure, differences_figure, kink_figure, relative_errors_figure, repairs_figure, versions_figure,
)
from .course_gated import (
    answers_figure, beyond_figure, counting_figure, fresh_memory_figure, learning_times_figure, sizes_figure,
    telephone_figure,
)
from .course_lemma1 import (
    bits_figure, fading_figure, held_figure, lasting_figure, price_figure, room_figure, shares_figure,
)
from .course_speed import calls_figure, subnormal_figure, threads_figure, widths_figure
from .learning import agreement_figure, courses_figure, positions_figure, solved_figure
from .lemma1 import accuracy_panel, amplitude_panel, attention_panel, fitted_panels, lemma1_figure
from .memories import powers_figure, reach_figure, vanishing_figure
from .showing import show
from .style import FAINT, INK, ROLES, STYLES, cell_style, check_format, figure, line_style, running_mean, save, tidy
from .tasks import task_figure
from .training import training_figure
from .verdicts import verdicts_figure, verdicts_panel

__all__ = [
    "FAINT", "INK", "ROLES", "STYLES", "accuracy_panel", "agreement_figure", "amplitude_panel", "answers_figure",
    "attention_panel", "bench_figure", "beside", "beyond_figure", "bits_figure", "calls_figure", "cell_style",
    "check_format", "complex_step_figure", "counting_figure", "courses_figure", "curves_figure", "delay_line_figure",
    "differences_figure", "distance_figure", "fading_figure", "figure", "firmness_figure", "fitted_panels",
    "fresh_memory_figure", "gates_figure", "held_figure", "kink_figure", "lasting_figure", "learning_times_figure",
    "lemma1_figure", "line_style", "long_figure", "positions_figure", "powers_figure", "price_figure", "reach_figure",
    "relative_errors_figure", "repairs_figure", "room_figure", "running_mean", "save", "shares_figure", "show",
    "singular_values_figure", "sizes_figure", "solved_figure", "subnormal_figure", "table_figure", "task_figure",
    "telephone_figure", "threads_figure", "tidy", "training_figure", "vanishing_figure", "verdicts_figure",
    "verdicts_panel", "versions_figure", "weights_figure", "widths_figure",
]
