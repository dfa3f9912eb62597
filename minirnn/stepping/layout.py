"""Where the nodes of a picture stand: columns by dependency, few crossings, the memory straight along the top.

The method is Sugiyama's (Sugiyama, Tagawa & Toda 1981): (1) a column for every node, after all that it depends on;
(2) in long edges a point for each column that they pass; (3) the order within the columns, by medians and exchanges, from
many starts; (4) heights that keep the order and the distances, as near to their neighbours as can be.
"""

from typing import NamedTuple

import numpy as np

WIDTH = {"gate": 0.8, "operation": 0.46, "input": 0.56, "state": 0.56, "new state": 0.56, "output": 0.56, "meeting": 0.1,
         "point": 0.0}
HEIGHT = {**WIDTH, "gate": 0.62, "input": 0.46, "state": 0.46, "new state": 0.46, "output": 0.46}
BETWEEN = {"point": 0.22}       # free space above and below


class Layout(NamedTuple):
    """Where things stand: node key -> (x, y); for each edge the points that it passes, ends included."""

    places: dict
    routes: list
    width: float
    height: float
    crossings: int


def lay_out(picture, starts=12, seed=0):
    """A `Layout` of a `Picture`; y grows downward, the memory of the first lane is at 0."""
    columns = _columns(picture)
    kinds = {node.key: node.kind for node in picture.nodes}
    chains, kinds, columns = _points(picture.edges, kinds, columns)
    lane_of = {}
    for k, lane in enumerate(picture.lanes):
        for source, target in zip(lane, lane[1:]):
            index = next(i for i, edge in enumerate(picture.edges) if (edge.source, edge.target) == (source, target))
            for key in chains[index]:
                lane_of.setdefault(key, k)
    links = [(a, b, 6.0 if a in lane_of and lane_of.get(a) == lane_of.get(b) else 1.0)
             for chain in chains for a, b in zip(chain, chain[1:])]
    links = list(dict.fromkeys(links))
    best = None
    rng, seen = np.random.default_rng(seed), []
    for start in range(starts):
        orders = _ordered(columns, links, lane_of, kinds, rng, start)
        crossings = _crossings(orders, links)
        if best is not None and crossings > best[0] or orders in seen:
            continue
        seen.append(orders)
        heights = _heights(orders, links, lane_of, kinds)
        bent = sum(weight * abs(heights[a] - heights[b]) for a, b, weight in links)
        if best is None or (crossings, bent) < best[:2]:
            best = crossings, bent, heights
    crossings, _, heights = best
    gap, widths = _gaps(columns, kinds)
    places = {key: (gap[column], heights[key]) for key, column in columns.items()}
    boxes = [(*places[node.key], WIDTH[node.kind], HEIGHT[node.kind], node.key) for node in picture.nodes]

    def route(chain):
        """From the right side of the first to the left side of the last; level through every column, bent between them."""
        points = []
        for key in chain:
            (x, y), own, whole = places[key], WIDTH[kinds[key]] / 2, widths[columns[key]] / 2
            points += [(x - whole, y)] * (key != chain[0]) + [(x - own, y)] * (key == chain[-1])
            points += [(x + own, y)] * (key == chain[0]) + [(x + whole, y)] * (key != chain[-1])
        return _straightened(points, [box for box in boxes if box[4] not in (chain[0], chain[-1])])

    routes = [route(chain) for chain in chains]
    ys = [y for _, y in places.values()]
    return Layout({node.key: places[node.key] for node in picture.nodes}, routes, max(gap), max(ys) - min(ys), crossings)


def curve(a, b, n=24):
    """Points of the curve by which an edge goes from a to b: level at both ends."""
    t = np.linspace(0, 1, n)[:, None]
    (x0, y0), (x1, y1) = a, b
    reach = 0.55 * (x1 - x0)
    corners = np.array([(x0, y0), (x0 + reach, y0), (x1 - reach, y1), (x1, y1)])
    return (1 - t)**3 * corners[0] + 3 * t * (1 - t)**2 * corners[1] + 3 * t**2 * (1 - t) * corners[2] + t**3 * corners[3]


def _straightened(route, boxes, room=0.14):
    """The route without those of its points that it does not need to stay clear of the boxes."""
    route = list(route)

    def clear(a, b):
        points = curve(a, b)
        return not any(((abs(points[:, 0] - x) < w / 2 + room) & (abs(points[:, 1] - y) < h / 2 + room)).any()
                       for x, y, w, h, _ in boxes)

    k = 1
    while k < len(route) - 1:
        if clear(route[k - 1], route[k + 1]):
            del route[k]
            k = max(k - 1, 1)
        else:
            k += 1
    return route


def _columns(picture):
    """node -> column: one after the last that it depends on; what is new stands in the last column."""
    before = {node.key: [edge.source for edge in picture.edges if edge.target == node.key] for node in picture.nodes}
    after = {node.key: [edge.target for edge in picture.edges if edge.source == node.key] for node in picture.nodes}
    found = {}

    def column(key):
        if key not in found:
            found[key] = 0 if not before[key] else 1 + max(map(column, before[key]))
        return found[key]

    last = max(map(column, before))
    for node in picture.nodes:
        if node.kind in ("new state", "output"):
            found[node.key] = last
    for key in sorted(found, key=found.get, reverse=True):      # a circle on its own stands just before what reads it
        kind = next(node.kind for node in picture.nodes if node.key == key)
        if kind == "operation" and after[key] and len(before[key]) <= 1:
            found[key] = min(found[target] for target in after[key]) - 1
    return found


def _points(edges, kinds, columns):
    """Chains of keys, one for each edge, with a new point in every column that an edge passes."""
    kinds, columns, chains, shared = dict(kinds), dict(columns), [], {}
    for edge in edges:
        chain = [edge.source]
        for column in range(columns[edge.source] + 1, columns[edge.target]):
            key = ("point", edge.source, column)
            if edge.lane:
                key = (*key, "lane")
            if key not in shared:                               # edges from one node go together until they part
                shared[key] = key
                kinds[key], columns[key] = "point", column
            chain.append(key)
        chains.append([*chain, edge.target])
    return chains, kinds, columns


def _ordered(columns, links, lane_of, kinds, rng, start):
    """A list of keys for each column, top to bottom: sweeps of medians, then exchanges of neighbours."""
    n_columns = max(columns.values()) + 1
    orders = [[key for key in columns if columns[key] == c] for c in range(n_columns)]
    noise = {key: rng.normal() * (start > 0) for key in columns}
    place = {key: k + 3 * noise[key] for order in orders for k, key in enumerate(order)}
    above, below = {key: [] for key in columns}, {key: [] for key in columns}
    for a, b, weight in links:
        below[a].append((b, weight))
        above[b].append((a, weight))

    def sort(order, neighbours):
        def wanted(key):
            if key in lane_of:
                return -1000 + lane_of[key]
            near = neighbours[key]
            return sum(place[k] * w for k, w in near) / sum(w for _, w in near) if near else place[key]
        order.sort(key=wanted)
        for k, key in enumerate(order):
            place[key] = k - (len(order) - 1) / 2

    for sweep in range(8):
        if sweep % 2:
            for order in reversed(orders):
                sort(order, below)
        else:
            for order in orders:
                sort(order, above)
    improved = True
    while improved:
        improved = False
        for c, order in enumerate(orders):
            near = orders[max(c - 1, 0):c + 2]                  # an exchange changes the crossings beside its column alone
            beside = [link for link in links if columns[link[0]] in (c - 1, c)]
            count = _crossings(near, beside)
            for k in range(len(order) - 1):
                if order[k] in lane_of or order[k + 1] in lane_of:
                    continue
                order[k], order[k + 1] = order[k + 1], order[k]
                now = _crossings(near, beside)
                if now < count:
                    count, improved = now, True
                else:
                    order[k], order[k + 1] = order[k + 1], order[k]
    return orders


def _crossings(orders, links):
    place = {key: (c, k) for c, order in enumerate(orders) for k, key in enumerate(order)}
    found, by_column = 0, {}
    for a, b, _ in links:
        by_column.setdefault(place[a][0], set()).add((place[a][1], place[b][1]))
    for pairs in by_column.values():
        left, right = np.array(sorted(pairs)).T
        found += int(((left[:, None] < left) & (right[:, None] > right)).sum())
    return found


def _heights(orders, links, lane_of, kinds):
    """key -> y: near its neighbours, with the order and the distances kept; lanes are straight."""
    y = {key: 0.9 * k for order in orders for k, key in enumerate(order)}
    near = {key: [] for key in y}
    for a, b, weight in links:
        straight = weight * (4 if kinds[a] == kinds[b] == "point" else 2 if "point" in (kinds[a], kinds[b]) else 1)
        near[a].append((b, straight))
        near[b].append((a, straight))
    for sweep in range(40):
        for order in orders if sweep % 2 else orders[::-1]:
            wanted, weights = [], []
            for key in order:
                total = sum(w for _, w in near[key])
                if key in lane_of:
                    wanted.append(1.0 * lane_of[key])
                    weights.append(1e6)
                else:
                    wanted.append(sum(y[k] * w for k, w in near[key]) / total if total else y[key])
                    weights.append(total or 1)
            apart = [_apart(kinds[a], kinds[b]) for a, b in zip(order, order[1:])]
            for key, height in zip(order, _kept_apart(wanted, weights, apart)):
                y[key] = height
    return y


def _apart(a, b):
    return (HEIGHT[a] + HEIGHT[b]) / 2 + (BETWEEN.get(a, 0.3) + BETWEEN.get(b, 0.3)) / 2


def _kept_apart(wanted, weights, apart):
    """The heights nearest to those wanted (least squares) that are at least so far apart: pooling of adjacent violators."""
    offsets = np.concatenate([[0], np.cumsum(apart)])
    pools = []                                                  # [mean, weight, how many]
    for value, weight in zip(np.array(wanted) - offsets, weights):
        pools.append([value, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, weight, n = pools.pop()
            total = pools[-1][1] + weight
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * weight) / total, total, pools[-1][2] + n]
    return np.concatenate([[mean] * n for mean, _, n in pools]) + offsets


def _gaps(columns, kinds):
    """x of each column: wide enough for its nodes and for the curves between."""
    n_columns = max(columns.values()) + 1
    widths = [max(WIDTH[kinds[key]] for key in columns if columns[key] == c) for c in range(n_columns)]
    xs = [0.0]
    for left, right in zip(widths, widths[1:]):
        xs.append(xs[-1] + left / 2 + right / 2 + 0.6)
    return xs, widths
