"""What notebook 11 measures: what a call costs, what columns and threads are worth, and a gradient that is almost zero."""

import numpy as np

from .style import BLUE, FAINT, INK, ORANGE, figure, tidy


def calls_figure(sizes, seconds, marked):
    """The time of one NumPy call against the length of its array.

    Args:
        sizes: (n,) numbers in the array. seconds: label -> (n,) seconds per call, two of them.
        marked: label -> a size that is marked by a line.
    """
    fig = figure(7, 3.8)
    axes = fig.subplots()
    for (label, times), colour, line in zip(seconds.items(), (BLUE, ORANGE), ("o-", "s--")):
        axes.plot(sizes, 1e6 * np.asarray(times), line, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(axes.get_ylim()[0] / 3)
    for label, size in marked.items():
        axes.axvline(size, color=FAINT, linewidth=0.8, zorder=0)
        axes.text(size, axes.get_ylim()[0] * 1.15, f" {label}", va="bottom", fontsize=9, color=INK)
    axes.legend(frameon=False, loc="upper left")
    tidy(axes, "A call costs the same until its array is some hundreds of numbers long", "numbers in the array",
         "microseconds per call")
    return fig


def widths_figure(widths, rates):
    """Operations per second of a product against the number of columns.

    Args:
        widths: (n,) columns. rates: label -> (n,) 10⁹ operations per second, two of them.
    """
    fig = figure(7, 3.6)
    axes = fig.subplots()
    looks = ({"color": BLUE, "marker": "o"}, {"color": ORANGE, "marker": "s", "linestyle": "--"})
    for (label, values), look in zip(rates.items(), looks):
        axes.plot(widths, values, label=label, **look)
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.set_ylim(0)
    axes.legend(frameon=False)
    tidy(axes, "R h: the same multiplications, faster side by side", "columns of h", "10⁹ operations per second, one thread")
    return fig


def subnormal_figure(sizes):
    """The largest element of a gradient on its way back through time, and the band of the subnormal numbers of float32.

    Args:
        sizes: label -> (T,) one for each step back, from the last; two of them, the first drawn broad. What is 0 is left out.
    """
    fig = figure(7, 3.6)
    axes = fig.subplots()
    least, normal = float(np.nextafter(np.float32(0), np.float32(1))), float(np.finfo(np.float32).tiny)
    n_steps = max(map(len, sizes.values()))
    axes.axhspan(least, normal, color=ORANGE, alpha=0.15, linewidth=0)
    axes.text(n_steps, 1e-40, "subnormal ", ha="right", va="center", fontsize=9, color=ORANGE)
    looks = ({"color": BLUE, "linewidth": 2.6}, {"color": INK, "linestyle": ":", "linewidth": 1.4})
    for (label, size), look in zip(sizes.items(), looks):
        axes.plot(np.flatnonzero(size), size[size > 0], label=label, **look)
    axes.set_yscale("log")
    axes.set_xlim(0, n_steps)
    axes.legend(frameon=False, title="largest element of dc", alignment="left")
    tidy(axes, "The gradient of a memory, going back from the last step", "steps before the last")
    return fig


def threads_figure(speeds, cores):
    """How many times as fast as on one thread an LSTM runs, in several ways and sizes.

    Args:
        speeds: (H, B) -> {way: factor}, the same ways for each; the last way is outlined.
        cores: of the machine.
    """
    fig = figure(9, 4)
    axes = fig.subplots()
    ways = list(next(iter(speeds.values())))
    for k, (way, colour, hatch) in enumerate(zip(ways, (FAINT, ORANGE, BLUE, "none"), ("", "//", "", ""))):
        chosen = k == len(ways) - 1
        axes.bar(np.arange(len(speeds)) + 0.2 * (k - 1.5), [found[way] for found in speeds.values()], 0.18, color=colour,
                 hatch=hatch, edgecolor="k" if chosen else "white", linewidth=1.2 if chosen else 0, label=way)
    axes.axhline(1, color="k", linewidth=0.6)
    axes.set_xticks(range(len(speeds)), [f"H = {H}\nB = {B}" for H, B in speeds])
    fig.legend(loc="outside lower center", ncols=len(ways), frameon=False, fontsize=9)
    tidy(axes, f"An LSTM on {cores} cores, compared with one thread (higher is faster)", None, "times as fast as one thread")
    return fig
