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
        return base + (rf"_{{{index if len(index) == 1 else rf'{chr(92)}mathrm{{{index}}}'}}}" if index
                       else "") + "'" * whole.endswith("'")

    text = re.sub(r"[A-Za-zγσ][A-Za-z0-9γσ_]*'?", name, text)
    text = re.sub(r"e\^\(([^()]*)\)", r"e^{\1}", text)
    for symbol, command in (("γ", r"\gamma "), ("σ", r"\sigma "), ("⊙", r"\odot "), ("−", "-"), ("·", r"\cdot "),
                            ("Σ", r"\Sigma "),
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
    size = 14 if len(node.label) < 2 else 12 if len(node.label) < 3 else 9.5 if len(node.label) < 6 else 8
    label = _symbol(node.label) if node.kind == "operation" else pretty(node.label)
    axes.text(x, y, label, fontsize=size, gid=f"label-{node.key}", linespacing=0.95, **text)
    if node.name:
        axes.text(x, y - h / 2 - 0.04, pretty(node.name), fontsize=11, gid=f"name-{node.key}", bbox={
            "facecolor": "white", "alpha": 0.85, "pad": 0.6, "linewidth": 0}, **{**text, "va": "bottom"})


def _symbol(label):
    return "\n".join({"⊙": r"$\odot$", "+": "$+$", "σ": r"$\sigma$", "Σ": r"$\Sigma$", "1−": "$1{-}$", "−": "$-$",
                      "÷": r"$\div$", "e^x": "$e^x$",
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
    return shades, LogNorm(top / 100, top, clip=True), sizes


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
        axes.add_patch(FancyArrowPatch(path=Path(vertices, codes), arrowstyle=head, color=colour, linewidth=thick,
                                       linestyle=style,
                                       zorder=3 if edge.lane else 2, shrinkA=0, shrinkB=0, joinstyle="round", gid=f"edge-{k}"))
        if edge.minus:
            axes.text(points[-1][0] - 0.13, points[-1][1] + (0.11 if points[-1][1] >= layout.places[edge.target][1]
                                                             else -0.11), "$-$",
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
    bar.ax.set_title("mean size of the gradient that comes back along a line (log scale; dashed: none)"
                     if colour_by == "gradient" else
                     "mean size of the value that goes along a line (log scale)", fontsize=9, color=INK)


def unrolled_figure(data):
    """The network through time, one value of it and that value's gradient.

    Args:
        data: a dict of `title`, `name`, `unit`, `states` (names), `values` and `gradients` (T, H), `back` (T, the mean size of
            the gradient that goes from step t to the one before), `loss` (T, that which the loss sends to step t), `cell` (its
            name) and `first_step` (the number of the first step).
    """
    values, gradients = np.asarray(data["values"]), np.asarray(data["gradients"])
    n_steps = len(values)
    width = float(np.clip(1.0 * n_steps + 1.6, 7.0, 13.0))
    fig = figure(width, 6.4)
    fig.get_layout_engine().set(h_pad=0.1, w_pad=0.1)          # inches; less cuts the titles at the edge
    fig.suptitle(data["title"], fontsize=12, weight="bold", x=0.01, ha="left", color=INK)
    network, above, below = fig.subplots(3, 1, sharex=True, height_ratios=[1.25, 1, 1])
    steps = data["first_step"] + np.arange(n_steps)
    _network(network, data, steps)
    symbol = pretty(data["name"])
    marker = "o" if n_steps <= 40 else None
    for axes, array, colour, label in ((above, values, ROLES["value"], symbol),
                                       (below, np.abs(gradients), ROLES["gradient"], "size of its gradient")):
        array = np.where(array == 0, np.nan, array) if axes is below else array
        axes.plot(steps, array, color=FAINT, linewidth=0.8, alpha=0.7)
        axes.plot(steps, array[:, data["unit"]], color=colour, linewidth=2.2, marker=marker, markersize=4.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel(label)
    sizes = np.abs(gradients[gradients != 0])
    if sizes.size and sizes.max() > 20 * sizes.min():
        below.set_yscale("log")
    above.set_title(f"{symbol} at every step: unit {data['unit']} (thick), the other units (thin)", loc="left", fontsize=10)
    below.set_title(f"the gradient of the loss with respect to {symbol}, read from right to left", loc="left", fontsize=10)
    below.set_xlabel("step t")
    below.set_xlim(steps[0] - 0.75, steps[-1] + 0.75)
    if n_steps <= 20:
        below.set_xticks(steps)
    return fig


def _network(axes, data, steps):
    """The row of cells, with the state between them and the gradient that comes back."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    axes.axis("off")
    axes.set_ylim(-1.15, 1.35)
    few, name = len(steps) <= 16, data["cell"].replace("-", "-\n")
    back, loss = np.asarray(data["back"], float), np.asarray(data["loss"], float)
    top = max(back.max(), loss.max(), 1e-300)

    def arrow(a, b, size=None):
        share = 0.0 if size is None or size <= 0 else float(np.clip(1 + np.log10(size / top) / 3, 0, 1))
        colour = EDGE if size is None else ROLES["gradient"]
        axes.add_patch(FancyArrowPatch(a, b, arrowstyle="-|>", mutation_scale=7 + 6 * share, color=colour, shrinkA=0, shrinkB=0,
                                       linewidth=1.1 if size is None else 0.5 + 4 * share,
                                       alpha=1 if size is None else 0.35 + 0.65 * share,
                                       linestyle="-" if size is None or size > 0 else (0, (1, 2))))

    for k, t in enumerate(steps):
        axes.add_patch(FancyBboxPatch((t - 0.26, -0.3), 0.52, 0.6, boxstyle="round,pad=0,rounding_size=0.06", facecolor=_tint(
            ROLES["gate"]), edgecolor=ROLES["gate"], linewidth=1.2))
        if few:
            axes.text(t, 0, name, ha="center", va="center", fontsize=min(9, 52 / max(map(len, name.split("\n")))), linespacing=1,
                      color=ROLES["gate"])
            axes.text(t, -1.02, f"$x_{{{t}}}$", ha="center", va="center", fontsize=11, color=ROLES["input"])
        arrow((t, -0.85), (t, -0.31))
        if loss[k] > 0:
            arrow((t, 1.0), (t, 0.31), loss[k])
            if few:
                axes.text(t, 1.14, "loss", ha="center", va="center", fontsize=8.5, color=ROLES["gradient"])
        if t < steps[-1]:
            arrow((t + 0.27, 0.12), (t + 0.73, 0.12))
            arrow((t + 0.73, -0.12), (t + 0.27, -0.12), back[k + 1])
            if few and k == 0:
                axes.text(t + 0.5, 0.34, ", ".join(map(pretty, data["states"])), ha="center", va="center", fontsize=9,
                          color=ROLES["state"])
    axes.set_title("the state goes to the right, the gradient comes back (the thicker, the larger)", loc="left", fontsize=10)


def shapes_figure(data):
    """The products of a cell as rectangles to scale.

    Args:
        data: a dict of `title`, `sizes` (symbol -> number) and `rows`: a list of (names, terms, result), where terms are
            lists of (symbol, role, rows, columns, what stands before it) and result is (rows, columns).
    """
    from matplotlib.patches import Rectangle
    rows = data["rows"]
    largest = max(max(r, c) for _, terms, result in rows for r, c in [result, *((t[2], t[3]) for t in terms)])
    unit = 1.15 / largest
    widths = [sum(max(c * unit, 0.16) + 0.42 for _, _, _, c, _ in terms) + result[1] * unit + 1.6 for _, terms, result in rows]
    heights = [max(max(t[2] for t in terms), result[0]) * unit + 0.72 for _, terms, result in rows]
    width, height = max(max(widths) + 0.5, 6.2), sum(heights) + 0.75
    fig = figure(width, height)
    fig.set_layout_engine("none")
    axes = fig.add_axes([0, 0, 1, 1])
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    axes.text(0.15, 0.25, data["title"], fontsize=12, weight="bold", va="center", color=INK)
    words = ", ".join(f"{name} = {size}" for name, size in data["sizes"].items())
    axes.text(0.15, 0.52, words, fontsize=9.5, va="center", color=INK)
    top = 0.72

    def block(x, middle, symbol, role, n_rows, n_columns):
        w, h, colour = max(n_columns * unit, 0.05), max(n_rows * unit, 0.05), ROLES[role]
        axes.add_patch(Rectangle((x, middle - h / 2), w, h, facecolor=_tint(colour), edgecolor=colour, linewidth=1.3))
        narrow = w < 0.3
        axes.text(x + w / 2, middle - h / 2 - 0.1 if narrow or h < 0.2 else middle, pretty(symbol), ha="center", va="center",
                  color=colour,
                  fontsize=11)
        axes.text(x + w / 2, middle + h / 2 + 0.13, f"{n_rows}×{n_columns}", ha="center", va="center", fontsize=8, color=colour)
        return x + max(w, 0.16)

    for (names, terms, result), high in zip(rows, heights):
        middle, x = top + high / 2 - 0.03, 1.2
        axes.text(0.15, middle, ", ".join(map(pretty, names)) + ":", va="center", fontsize=12, color=INK)
        for symbol, role, n_rows, n_columns, before in terms:
            axes.text(x + 0.21, middle, {"": "", "·": r"$\cdot$", "⊙": r"$\odot$"}.get(before, f"${before}$"), ha="center",
                      va="center",
                      fontsize=12, color=INK)
            x = block(x + (0.42 if before else 0), middle, symbol, role, n_rows, n_columns)
        axes.text(x + 0.25, middle, "$=$", ha="center", va="center", fontsize=13, color=INK)
        block(x + 0.5, middle, "a", "value", *result)
        top += high
    return fig
