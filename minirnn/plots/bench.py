"""Time and memory against T, B and H, and up to 100,000 steps."""

import numpy as np

from .style import FAINT, cell_style, figure, tidy

FLOOR_LINE = {"linewidth": 0.9, "alpha": 0.7}


def bench_figure(data):
    """Time against T, B and H, together with the floor.

    Args:
        data: (size, points): the size around which T, B and H were varied, and what `bench.sweep` returned.
    """
    size, points = data
    fig = figure(11.5, 4.6)
    fig.suptitle("Time of a run forward and backward, and of its matrix products alone", fontsize=12.5, x=0.01, ha="left",
                 weight="bold")
    panels = fig.subplots(1, 3, sharey=True)
    words = {"T": "T, steps", "B": "B, columns (sequences at once)", "H": "H, hidden units"}
    for axes, axis in zip(panels, words):
        for name in dict.fromkeys(point["cell"] for point in points):
            line = [point for point in points if point["cell"] == name and point["axis"] == axis]
            values = [point["value"] for point in line]
            axes.plot(values, [1e3 * point["seconds"] for point in line], **cell_style(name), markersize=5, label=name)
            axes.plot(values, [1e3 * point["floor"] or np.nan for point in line], color=cell_style(name)["color"], **FLOOR_LINE)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(values, [f"{value}" for value in values])
        axes.xaxis.minorticks_off()
        others = ", ".join(f"{other} = {getattr(size, other)}" for other in "TBDH" if other != axis)
        tidy(axes, others, words[axis], "forward + backward (ms)" if axis == "T" else None)
    panels[0].plot([], [], color="#777777", **FLOOR_LINE, label="the products alone")
    panels[0].legend(frameon=False, fontsize=9)
    return fig


def long_figure(runs):
    """Time and memory against T, from what `bench.long_runs` returned: with all steps kept, and in segments.

    A grey band is the memory that no method can avoid: Python, the inputs, the outputs and their gradients.
    """
    fig = figure(10.5, 4.4)
    fig.suptitle("100,000 steps: time and memory, with all steps kept and in segments of √T steps", fontsize=12.5, x=0.01,
                 ha="left", weight="bold")
    time_axes, memory_axes = fig.subplots(1, 2)
    labels = {time_axes: [], memory_axes: []}
    for name in dict.fromkeys(run["cell"] for run in runs):
        for in_segments in (False, True):
            line = [run for run in runs if run["cell"] == name and (run["segment"] is not None) == in_segments]
            if not line:
                continue
            style = {**cell_style(name), "linestyle": "-" if in_segments else (0, (1, 1.2)), "markersize": 5,
                     "markerfacecolor": None if in_segments else "white",
                     "label": f"{name}, {'in segments' if in_segments else 'all steps kept'}"}
            lengths = [run["T"] for run in line]
            time_axes.plot(lengths, [run["forward"] + run["backward"] for run in line], **style)
            memory_axes.plot(lengths, [(run["resident_bytes"] or np.nan) / 1e6 for run in line], **style)
            last = line[-1]
            for axes, value, words in ((time_axes, last["forward"] + last["backward"], "{:.1f} s"),
                                       (memory_axes, (last["resident_bytes"] or np.nan) / 1e6, "{:.0f} MB")):
                if np.isfinite(value):
                    labels[axes].append((value, last["T"], words.format(value), cell_style(name)["color"]))
    for axes, found in labels.items():
        for k, (value, T, words, colour) in enumerate(sorted(found)):           # of two that are close, the larger stands above
            axes.annotate(words, (T, value), (9, 2 if k % 2 else -8), textcoords="offset points", fontsize=9, color=colour)
    by_length = {run["T"]: run for run in runs}
    lengths = sorted(by_length)
    if any(run["idle_bytes"] for run in runs):
        least = [((by_length[T]["idle_bytes"] or np.nan) + by_length[T]["given_bytes"]) / 1e6 for T in lengths]
        memory_axes.plot(lengths, least, color=FAINT, linewidth=7, alpha=0.4, solid_capstyle="butt", zorder=0,
                         label="Python, NumPy, inputs, outputs\nand their gradients")
        memory_axes.legend(memory_axes.lines[-1:], [memory_axes.lines[-1].get_label()], frameon=False, fontsize=9, loc="upper left")
    for axes, title, label in ((time_axes, "Time grows with T", "forward + backward (s)"),
                               (memory_axes, "Memory in segments: close to the least", "most memory of the process (MB)")):
        axes.set_xscale("log")
        axes.margins(x=0.14)
        axes.set_yscale("log" if np.isfinite(np.concatenate([line.get_ydata() for line in axes.lines])).any() else "linear")
        tidy(axes, title, "T, steps", label)
    time_axes.legend(frameon=False, fontsize=9)
    return fig
