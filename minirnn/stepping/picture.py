"""A cell as nodes and edges: what a picture of it shows, made of the same graph that the numbers come from.

A sum of matrix products with its activation is one box, as in the textbooks: σ(W_i x + R_i h + b_i) is the gate i, and
what it reads are its edges. Everything else is one circle for each operation. Where several boxes read the same things (x
and h, in nearly every cell), those meet in a point first and go on together: a line, not a mesh.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from .graph import Graph
from .words import Writer


class Node(NamedTuple):
    """A thing in the picture."""

    key: int
    kind: str           # "input", "state", "new state", "output", "gate" (a box), "operation" (a circle), "meeting" (a point)
    label: str          # in the node
    name: str           # of the value that it computes; "" if it has none
    text: str           # the whole expression, in words for those who cannot see it
    role: str           # of its colour: a key of plots.style.ROLES


class Edge(NamedTuple):
    """From one node to another; `minus` where it is subtracted."""

    source: int
    target: int
    minus: bool
    lane: bool          # part of the way of a memory, from c to c'
    value: float        # the mean size of what goes along it
    gradient: float     # the mean size of the gradient that comes back along it


class Picture(NamedTuple):
    """Nodes and edges, and which nodes are the memory's way from the old state to the new, one list for each memory."""

    title: str
    nodes: list
    edges: list
    lanes: list
    lines: list         # the equations, in words
    alt: str


LABELS = {"⊙": "⊙", "+": "+", "−": "+", "/": "÷", "log_add": "log\nΣe", "sum": "Σ", "exp": "e^"}


class Builder:
    """Turns a `Graph` into nodes and edges."""

    def __init__(self, graph, n_hidden, gradients=None):
        self.graph, self.writer, self.gradients = graph, Writer(n_hidden), gradients
        self.nodes, self.edges, self.keys = [], [], {}
        self.wide = {}                                          # key of a box -> the values that it reads

    def build(self, state_names):
        ends = {name: self.graph.ends[name] for name in [*state_names, *(["output"] if "output" in self.graph.ends else [])]}
        for value in self.graph.values:
            if value.role in ("x", "terms"):
                self._node(value, "input", value.name, "input")
        for name in state_names:
            for value in self.graph.values:
                if value.role == "state" and value.name == name:
                    self._node(value, "state", name, "state")
        for name, end in ends.items():
            source = self._visit(end)
            key = len(self.nodes)
            kind = "output" if name == "output" else "new state"
            words = "what the next layer reads" if name == "output" else "the new state"
            self.nodes.append(Node(key, kind, end.name, "", f"{end.name}, {words}",
                                   "input" if name == "output" else "state"))
            self._edge(source, key, [end], self._size(end), self._gradient(end))
            if self.nodes[source].kind == "operation" and self.nodes[source].name == end.name:
                self.nodes[source] = self.nodes[source]._replace(name="")       # it stands at the end of the line
        self._meet()
        lanes = [lane for name in state_names for lane in [self._lane(name)] if lane]
        on_lane = {pair for lane in lanes for pair in zip(lane, lane[1:])}
        self.edges = [edge._replace(lane=(edge.source, edge.target) in on_lane) for edge in self.edges]
        return lanes

    # ---- nodes -------------------------------------------------------------------------------------------------------

    def _node(self, value, kind, label, role, name="", text=""):
        key = len(self.nodes)
        self.nodes.append(Node(key, kind, label, name, text or label, role))
        self.keys[self._same(value)] = key
        return key

    def _same(self, value):
        """What tells a value from another: the same operation of the same values is drawn once, like log γ."""
        if value.is_given or value.name:
            return id(value)
        return (value.op, str(value.extra) if value.op != "select" else id(value), tuple(self._same(arg) for arg in value.args))

    def _visit(self, value):
        """The key of the node that computes a value."""
        known = self.keys.get(self._same(value))
        if known is not None:
            return known
        if value.op == "constant" or value.role == "fixed":
            return self._node(value, "operation", self.writer.symbols(value, whole=False) if not value.name else "1", "value",
                              value.name, f"{value.name or 'the number'} = 1")
        if value.op == "leaf":
            return self._node(value, "input", value.name, "weight")
        if value.op == "select" and len(value.extra) == 2 and len({id(arg) for arg in value.args}) == 1:
            key = self._visit(value.args[0])                    # the same under another name, or some rows of it
            if value.name and not value.args[0].name and self.nodes[key].kind in ("gate", "operation"):
                self.nodes[key] = self.nodes[key]._replace(name=value.name)
            return key
        inside, function = value, ""
        if value.op == "function" and (not value.args[0].name or value.args[0].inner) and self._is_affine(value.args[0]):
            inside, function = value.args[0], value.extra
        if self._is_affine(inside):
            return self._box(value, inside, function)
        return self._circle(value)

    def _is_affine(self, value, top=True):
        """Whether a value is a sum that has a product with a matrix in it."""
        if value.name and not value.inner and not top:
            return False
        if value.op == "matmul":
            return value.args[0].role == "parameter"
        if value.op == "select" and not top:
            return len(value.args) == 1 and self._is_affine(value.args[0], False)
        if value.op in ("+", "−"):
            return any(self._is_affine(arg, False) or arg.role == "terms" for arg in value.args)
        return False

    def _box(self, value, inside, function):
        role = "gate" if function == "σ" else "state" if value.name.endswith("'") else "value"
        key = self._node(value, "gate", function or "Σ", role, value.name,
                         f"{value.name or 'a part'} = {self.writer.symbols(value)}")
        for operand, flow in self._operands(inside):
            self._edge(self._visit(operand), key, [operand], self._size(operand), flow)
        return key

    def _operands(self, value):
        """(value, gradient that reaches it from here): what a box reads, weights aside."""
        found = []
        for k, arg in enumerate(value.args):
            if arg.role == "parameter":
                continue
            if arg.op == "matmul" and arg.args[0].role == "parameter" and (not arg.name or arg.inner):
                found.append((arg.args[1], self._flow(arg, 1)))
            elif arg.op == "⊙" and not arg.name and any(factor.role == "parameter" for factor in arg.args):
                j = 1 if arg.args[0].role == "parameter" else 0
                found.append((arg.args[j], self._flow(arg, j)))
            elif arg.op in ("+", "−") and (not arg.name or arg.inner):
                found += self._operands(arg)
            elif arg.op == "select" and len(arg.args) == 1 and self._is_affine(arg, False):
                found += self._operands(arg.args[0]) if arg.args[0].op != "matmul" else [(arg.args[0].args[1], 0.0)]
            elif value.op == "matmul":
                found.append((arg, self._flow(value, k)))
            elif arg.op != "constant":
                found.append((arg, self._flow(value, k)))
        return found

    def _circle(self, value):
        terms = self._terms(value) if value.op in ("+", "−") else [(arg, False, self._flow(value, k))
                                                                   for k, arg in enumerate(value.args)]
        one_minus = value.op == "−" and value.args[0].op == "constant"
        if value.op == "function":
            label = {"exp": "e^x", "|·|": "|x|", "log softplus": "log\nsoftplus", "log relu": "log\nrelu",
                     "log σ": "log σ"}.get(
                value.extra, value.extra)
        elif one_minus:
            number = self.writer.symbols(value.args[0])
            label, terms = f"{number}−", [(arg, False, flow) for arg, _, flow in terms if arg.op != "constant"]
        elif value.op == "neg":
            label = "−"
        elif value.op == "^":
            label = {2.0: "x²", 3.0: "x³"}.get(value.extra, f"x^{value.extra:g}")
        elif value.op == "matmul":
            label = "·"
        elif value.op in ("select", "opaque"):
            label = {"select": value.extra[2] if len(value.extra) > 2 else "="}.get(value.op, str(value.extra[0])[:8])
        else:
            label = LABELS[value.op]
        role = "gate" if label == "σ" else "state" if value.name.endswith("'") else "value"
        key = self._node(value, "operation", label, role, value.name, f"{value.name or 'a part'} = "
                                                                      f"{self.writer.symbols(value)}")
        for arg, minus, flow in terms:
            if arg.op == "constant":
                self._edge(self._visit(arg), key, [arg], 1.0, 0.0, minus)
            elif arg.role != "parameter":
                self._edge(self._visit(arg), key, [arg], self._size(arg), flow, minus)
        return key

    def _terms(self, value, minus=False):
        """(value, whether it is subtracted, gradient): the terms of a sum, however it is bracketed."""
        found = []
        for k, arg in enumerate(value.args):
            turned = minus != (value.op == "−" and k == 1)
            if arg.op in ("+", "−") and not arg.name and not self._is_affine(arg):
                found += self._terms(arg, turned)
            else:
                found.append((arg, turned, self._flow(value, k)))
        return found

    # ---- edges -------------------------------------------------------------------------------------------------------

    def _edge(self, source, target, values, size, gradient, minus=False):
        for k, edge in enumerate(self.edges):
            if (edge.source, edge.target, edge.minus) == (source, target, minus) and self.nodes[target].kind == "gate":
                self.edges[k] = edge._replace(gradient=edge.gradient + gradient)    # h by two ways into one box: one line
                return
        self.edges.append(Edge(source, target, minus, False, size, gradient))

    def _size(self, value):
        return float(np.abs(value.array).mean())

    def _gradient(self, value):
        return float(np.abs(self.gradients.of(value)).mean()) if self.gradients else 0.0

    def _flow(self, user, k):
        return float(np.abs(self.gradients.flows[id(user), k]).mean()) if self.gradients else 0.0

    def _meet(self):
        """Let what several boxes read together meet in a point first, as long as that does not make more lines."""
        while True:
            reads = {node.key: {edge.source for edge in self.edges if edge.target == node.key and not edge.minus
                                and self.nodes[edge.source].kind in ("input", "state", "meeting")}
                     for node in self.nodes if node.kind == "gate"}
            best, score = None, -1
            for size in range(2, len(reads) + 1):
                for boxes in combinations(reads, size):
                    shared = set.intersection(*(reads[box] for box in boxes))
                    saved = len(shared) * size - len(shared) - size
                    again = any(self.nodes[source].kind == "meeting" for source in shared)
                    if len(shared) > 1 and saved >= max(score, 1 if again else 0):
                        best, score = (shared, boxes), saved
            if best is None:
                return
            shared, boxes = best
            key = len(self.nodes)
            words = ", ".join(self.nodes[k].label for k in sorted(shared))
            self.nodes.append(Node(key, "meeting", "", "", f"{words} together", "value"))
            kept = [edge for edge in self.edges if not (edge.source in shared and edge.target in boxes)]
            joined = [edge for edge in self.edges if edge.source in shared and edge.target in boxes]
            for source in sorted(shared):
                here = [edge for edge in joined if edge.source == source]
                kept.append(Edge(source, key, False, False, here[0].value, sum(edge.gradient for edge in here)))
            for box in boxes:
                here = [edge for edge in joined if edge.target == box]
                kept.append(Edge(key, box, False, False, float(np.mean([edge.value for edge in here])),
                                 sum(edge.gradient for edge in here)))
            self.edges = kept

    def _lane(self, name):
        """The way of a state through circles alone, from the old to the new: [] if a box is on every way."""
        start = next((node.key for node in self.nodes if node.kind == "state" and node.label == name), None)
        goal = next((node.key for node in self.nodes if node.kind == "new state" and node.label == name + "'"), None)
        if start is None or goal is None:
            return []
        best, waiting = [], [[start]]
        while waiting:
            way = waiting.pop()
            for edge in self.edges:
                if edge.source != way[-1]:
                    continue
                if edge.target == goal:
                    found = [*way, goal]
                    best = found if not best or len(found) < len(best) else best
                elif self.nodes[edge.target].kind == "operation" and self.nodes[edge.target].label in ("⊙", "+", "log\nΣe",
                    "tanh"):
                    waiting.append([*way, edge.target])
        return best


def picture_of(graph: Graph, cell, title, gradients=None):
    """The `Picture` of a step.

    Args:
        graph: of the step, for one example. cell: whose step it is. title: of the picture.
        gradients: what flows back, if edges are to know it.
    """
    builder = Builder(graph, cell.n_hidden, gradients)
    lanes = builder.build(cell.state_names)
    lines = [f"{value.name} = {'1' if value.role == 'fixed' else builder.writer.symbols(value)}" for value in graph.named
             if not value.inner and (value.role in ("", "fixed")) and value.name]
    return Picture(title, builder.nodes, builder.edges, lanes, lines, _in_words(builder, lanes, title))


def _in_words(builder, lanes, title):
    """The picture for somebody who cannot see it."""
    nodes = builder.nodes
    given = ", ".join(node.label for node in nodes if node.kind in ("input", "state"))
    boxes = [node for node in nodes if node.kind == "gate"]
    new = ", ".join(node.label for node in nodes if node.kind in ("new state", "output"))
    said = [f"Diagram of {title}. From left to right: the input and the old state ({given})"]
    if boxes:
        said.append("; boxes that read them through weights: " + "; ".join(node.text for node in boxes))
    circles = [node.text for node in nodes if node.kind == "operation" and not node.text.startswith(("a part", "the number"))]
    if circles:
        said.append(". Circles: " + "; ".join(circles))
    said.append(f". On the right: {new}.")
    for lane in lanes:
        through = [nodes[key].label.replace("\n", " ") for key in lane[1:-1]]
        said.append(f" {nodes[lane[0]].label} is carried to {nodes[lane[-1]].label} along a straight line" +
                    (f" through {', '.join(through)}." if through else "."))
    return "".join(said)
