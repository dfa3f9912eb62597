"""The picture of a cell, of a network through time, and of the shapes of its products."""

import re

import numpy as np

from .style import FAINT, INK, ROLES, figure

TINT = 0.88             # how much white is in the fill of a node
INCH = 0.84             # for a unit of the layout
MARGIN = 0.45
LINE_HEIGHT = 0.235     # of an equation, in inches
EDGE = "#6B6B6B"


def pretty(text):
    """A name or an equation in matplotlib's mathtext: indices below, functions upright."""
    def name(match):
        whole = match[0]
        if whole in ("tanh", "log", "relu", "softplus", "max", "min"):
            return rf"\mathrm{{{whole}}}"
        base, _, index = whole.rstrip("'").partition("_")
        base = base if len(base) == 1 else rf"\mathrm{{{base}}}"
        return base + (rf"_{{{index if len(index) == 1 else rf'{chr(92)}mathrm{{{index}}}'}}}" if index else "") + "'" * whole.endswith("'")

    text = re.sub(r"[A-Za-zγσ][A-Za-z0-9γσ_]*'?", name, text)
    text = re.sub(r"e\^\(([^()]*)\)", r"e^{\1}", text)
    for symbol, command in (("γ", r"\gamma "), ("σ", r"\sigma "), ("⊙", r"\odot "), ("−", "-"), ("·", r"\cdot "), ("Σ", r"\Sigma "),
                            ("²", "^2"), ("³", "^3"), ("₁", "_1"), ("|", r"\vert ")):
        text = text.replace(symbol, command)
    return "$" + re.sub(r"(?<=[\w'}]) (?=[\w\\(])", r"\\,", text) + "$"


def cell_figure(picture, layout, colour_by=None, equations=True):
    """A cell as boxes (weights and an activation), circles (operations) and lines.

    Args:
        picture: a `Picture`. layout: its `Layout`.
        colour_by: "value" or "gradient": the colour and the width of each line say how large is what goes along it.
        equations: whether the equations stand below.
    """
    sizes = {node.key: _size(node) for node in picture.nodes}
    xs, ys = [x for x, _ in layout.places.values()], [y for _, y in layout.places.values()]
    route_ys = [y for route in layout.routes for _, y in route]
    low, high = min(ys + route_ys) - 0.55, max(ys + route_ys) + 0.45
    left, right = min(xs) - MARGIN, max(xs) + MARGIN
    lines = picture.lines if equations else []
    n_columns = 1 if len(lines) < 4 or max(map(len, lines)) > 44 else 2
    rows = -(-len(lines) // n_columns)
    bar = 0.75 if colour_by else 0.0
    below = rows * LINE_HEIGHT + 0.15 * bool(rows)
    width, height = max((right - left) * INCH, 6.2), (high - low) * INCH + 0.4 + bar + below
    fig = figure(width, height)
    fig.set_layout_engine("none")
    fig.text(0.12 / width, 1 - 0.26 / height, picture.title, fontsize=12, weight="bold", ha="left", va="center", color=INK)
    axes = fig.add_axes([0, (below + bar) / height, 1, (high - low) * INCH / height])
    spare = (width / INCH - (right - left)) / 2
    axes.set(xlim=(left - spare, right + spare), ylim=(high, low), aspect="equal")
    axes.axis("off")
    shades = _shades(picture, colour_by)
    _edges(axes, picture, layout, sizes, shades)
    for node in picture.nodes:
        _node(axes, node, layout.places[node.key], sizes[node.key])
    if colour_by:
        _bar(fig, shades, colour_by, [0.25, (below + 0.45) / height, 0.5, 0.11 / height])
    for k, line in enumerate(lines):
        column, row = divmod(k, rows)
        fig.text((0.25 + column * (width - 0.3) / n_columns) / width, (below - 0.12 - row * LINE_HEIGHT) / height, pretty(line),
                 fontsize=10.5, ha="left", va="center", color=INK, gid=f"equation-{k}")
    return fig


def _size(node):
    from ..stepping.layout import HEIGHT, WIDTH
    wide = len(max(node.label.split("\n"), key=len))
    return (WIDTH[node.kind], HEIGHT[node.kind]) if wide < 6 or node.kind != "operation" else (0.7, 0.5)


def _tint(colour):
    from matplotlib.colors import to_rgb
    return tuple(TINT + (1 - TINT) * part for part in to_rgb(colour))


def _node(axes, node, place, size):
    from matplotlib.patches import Circle, FancyBboxPatch
    (x, y), (w, h), colour = place, size, ROLES[node.role]
    look = {"facecolor": _tint(colour), "edgecolor": colour, "linewidth": 1.4, "zorder": 4, "gid": f"node-{node.key}"}
    if node.kind == "meeting":
        axes.add_patch(Circle((x, y), 0.05, **{**look, "facecolor": EDGE, "edgecolor": EDGE}))
        return
    if node.kind == "operation" and w == h:
        axes.add_patch(Circle((x, y), w / 2, **look))
    else:
        rounding = h / 2 if node.kind in ("input", "state", "new state", "output", "operation") else 0.07
        axes.add_patch(FancyBboxPatch((x - w / 2, y - h / 2), w, h, boxstyle=f"round,pad=0,rounding_size={rounding}", **look))
    text = {"ha": "center", "va": "center", "color": colour, "zorder": 5}
    if node.kind == "gate":
        axes.text(x, y - 0.1 if node.name else y, pretty(node.name) if node.name else _symbol(node.label), fontsize=14,
                  gid=f"label-{node.key}", **text)
        if node.name:
            axes.text(x, y + 0.19, _symbol(node.label), fontsize=9.5, gid=f"function-{node.key}", **text)
        return
    size = 14 if len(node.label) < 3 else 9.5 if len(node.label) < 6 else 8
    label = _symbol(node.label) if node.kind == "operation" else pretty(node.label)
    axes.text(x, y, label, fontsize=size, gid=f"label-{node.key}", linespacing=0.95, **text)
    if node.name:
        axes.text(x, y - h / 2 - 0.04, pretty(node.name), fontsize=11, gid=f"name-{node.key}", bbox={
            "facecolor": "white", "alpha": 0.85, "pad": 0.6, "linewidth": 0}, **{**text, "va": "bottom"})


def _symbol(label):
    return "\n".join({"⊙": r"$\odot$", "+": "$+$", "σ": r"$\sigma$", "Σ": r"$\Sigma$", "1−": "$1-$", "−": "$-$", "÷": r"$\div$", "e^x": "$e^x$",
                      "log σ": r"log $\sigma$", "Σe": r"$\Sigma e$"}.get(part, part) for part in label.split("\n"))


def _shades(picture, colour_by):
    """(colour map, norm, sizes): None without `colour_by`."""
    if not colour_by:
        return None
    from matplotlib.colors import LinearSegmentedColormap, LogNorm
    sizes = [getattr(edge, colour_by) for edge in picture.edges]
    top = max([size for size in sizes if np.isfinite(size) and size < 1e20] + [1e-12])
    end = "#7A2E00" if colour_by == "gradient" else "#00345C"
    shades = LinearSegmentedColormap.from_list("sizes", ["#F3DCC9" if colour_by == "gradient" else "#CFE0EE",
                                                         ROLES["gradient" if colour_by == "gradient" else "input"], end])
    return shades, LogNorm(top / 1000, top, clip=True), sizes


def _edges(axes, picture, layout, sizes, shades):
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path
    ports = _ports(picture, layout, sizes)
    order = range(len(picture.edges))
    if shades:
        order = sorted(order, key=lambda k: shades[2][k])
    for k in order:
        edge, route = picture.edges[k], layout.routes[k]
        source, target = picture.nodes[edge.source], picture.nodes[edge.target]
        points = [(layout.places[edge.source] if source.kind == "meeting" else route[0]), *route[1:-1], ports[k]]
        vertices, codes = [points[0]], [Path.MOVETO]
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            reach = (x1 - x0) * 0.55
            vertices += [(x0 + reach, y0), (x1 - reach, y1), (x1, y1)]
            codes += [Path.CURVE4] * 3
        colour, thick = (ROLES["state"], 2.6) if edge.lane else (EDGE, 1.25)
        style = "-"
        if shades:
            colour_map, norm, values = shades
            share = float(norm(max(values[k], 1e-300)))
            colour, thick = (colour_map(share), 1.0 + 3.6 * share) if values[k] > 0 else ("#BBBBBB", 1.0)
            style = "-" if values[k] > 0 else (0, (2, 2))
        head = "-" if target.kind == "meeting" else f"-|>,head_length={3.2 + thick * 0.8},head_width={1.7 + thick * 0.5}"
        axes.add_patch(FancyArrowPatch(path=Path(vertices, codes), arrowstyle=head, color=colour, linewidth=thick, linestyle=style,
                                       zorder=3 if edge.lane else 2, shrinkA=0, shrinkB=0, joinstyle="round", gid=f"edge-{k}"))
        if edge.minus:
            axes.text(points[-1][0] - 0.13, points[-1][1] + (0.11 if points[-1][1] >= layout.places[edge.target][1] else -0.11), "$-$",
                      fontsize=12, ha="center", va="center", color=INK, zorder=6)


def _ports(picture, layout, sizes):
    """Where each edge ends: spread over the left side of its target, in the order in which they arrive."""
    found = [None] * len(picture.edges)
    for node in picture.nodes:
        arriving = [k for k, edge in enumerate(picture.edges) if edge.target == node.key]
        (x, y), (w, h) = layout.places[node.key], sizes[node.key]
        arriving.sort(key=lambda k: _arrives(layout.routes[k]))
        for place, k in enumerate(arriving):
            if node.kind == "meeting":
                found[k] = (x, y)
                continue
            up = (place - (len(arriving) - 1) / 2) * min(0.3, 0.66 / max(len(arriving) - 1, 1)) * h / 0.5 * 0.8
            lane = picture.edges[k].lane
            up = 0.0 if lane or len(arriving) == 1 else up
            if node.kind == "operation" and w == h:
                up = float(np.clip(up, -0.42 * h, 0.42 * h))
                found[k] = (x - float(np.sqrt((w / 2)**2 - up**2)), y + up)
            else:
                found[k] = (x - w / 2 + (0.04 if abs(up) > h / 4 and node.kind != "gate" else 0), y + up)
    return found


def _arrives(route):
    """What to sort arriving edges by: the height from which they come, those from further away outside."""
    end = route[-1][1]
    turn = next(((x, y) for x, y in reversed(route) if abs(y - end) > 1e-6), route[0])
    return turn[1], -turn[0] if turn[1] > end else turn[0]


def _bar(fig, shades, colour_by, where):
    from matplotlib.cm import ScalarMappable
    axes = fig.add_axes(where)
    bar = fig.colorbar(ScalarMappable(shades[1], shades[0]), cax=axes, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    bar.ax.set_title("mean size of the gradient that comes back along a line (log scale; dashed: none)" if colour_by == "gradient" else
                     "mean size of the value that goes along a line (log scale)", fontsize=9, color=INK)
