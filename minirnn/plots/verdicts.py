"""The matrix of a diagnosis: which part of the new state is wrong, with respect to what."""

from .style import figure

COLOURS = {"ok": "#cfe5f2", "wrong": "#D55E00", "none": "#f4f4f4"}
MARKS = {"ok": "", "wrong": "×", "none": "·"}


def verdicts_figure(diagnosis, title=None):
    """The matrix of one diagnosis: a cross where a derivative is wrong, a dot where there is no path.

    Args:
        diagnosis: what `checking.diagnosis.diagnose` returned: its `rows`, `columns` and `matrix` are drawn.
        title: above it, if given.
    """
    fig = figure(1.2 + 0.75 * len(diagnosis.columns), 0.7 + 0.24 * len(diagnosis.rows))
    axes = fig.subplots()
    verdicts_panel(axes, diagnosis)
    if title:
        axes.set_title(title, loc="left", fontsize=10.5)
    return fig


def verdicts_panel(axes, diagnosis):
    """The same, as one panel of a larger figure."""
    for j, row in enumerate(diagnosis.rows):
        for k, column in enumerate(diagnosis.columns):
            verdict = diagnosis.matrix[row, column]
            axes.fill_between([k - 0.47, k + 0.47], j - 0.46, j + 0.46, color=COLOURS[verdict], linewidth=0)
            axes.text(k, j, MARKS[verdict], ha="center", va="center", fontweight="bold",
                      color="white" if verdict == "wrong" else "#555555")
    axes.set_xlim(-0.5, len(diagnosis.columns) - 0.5)
    axes.set_ylim(len(diagnosis.rows) - 0.5, -0.5)
    axes.set_xticks(range(len(diagnosis.columns)), diagnosis.columns)
    axes.set_yticks(range(len(diagnosis.rows)), diagnosis.rows)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
