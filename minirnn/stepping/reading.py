"""From a cell to the graph of one of its steps: by its equations where it has any, by running its code where it has none."""

import numpy as np

from .equations import graph_of_equations, symbol_of
from .tracing import graph_of_code


def graph_of(cell, x, old):
    """The `Graph` of one step, with names.

    A part of an equation that the step notes under a name, like s = tanh(c') of an LSTM, gets that name; the sum that
    an activation is applied to gets one, too (a_i for i), by which its gradient can be told.

    Args:
        cell: a `Cell` in float64. x: (D, B). old: the state before, a tuple.

    Raises:
        ValueError: the equations give other numbers than the cell's step. TypeError: the code cannot be followed.
    """
    new, memo = cell.step(cell.input_terms(x[None])[0], old)
    if cell.equations:
        graph = graph_of_equations(cell, x, old)
        for index, name in _names_of_parts(cell):
            graph.values[index].name = name
    else:
        graph = graph_of_code(cell, x, old)
    _refuse_if_other(cell, graph, new, memo)
    _name_sums(graph)
    graph.named = [value for value in graph.values if value.name and value.op != "constant"]
    return graph


def _names_of_parts(cell):
    """(index, name): the parts of equations that a step notes.

    They are found by their numbers, with random ones in place of weights and states: there no two are equal by accident.
    """
    rng = np.random.default_rng(0)
    probe = cell.astype("float64")
    probe.params.flat[...] = rng.normal(0, 0.7, probe.params.flat.shape)
    x, old = rng.normal(size=(cell.n_in, 1)), probe.random_state(rng, 1)
    memo = probe.step(probe.input_terms(x[None])[0], old)[1]
    graph, found = graph_of_equations(probe, x, old), []
    taken = {value.name for value in graph.named if value.role != "parameter"}
    for name, noted in vars(memo).items():
        parts = (index for index, value in enumerate(graph.values)
                 if not value.name and not value.is_given and _same(noted, value.array))
        index = next(parts, None)
        if index is not None and symbol_of(name) not in taken:
            found.append((index, symbol_of(name)))
    return found


def _same(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-12, atol=1e-14)


def noted_as(graph, cell, new, memo):
    """name in a run -> the value of the graph that shows it: the components of the new state, and what the step notes."""
    found = {name: graph.ends[name] for name in cell.state_names}
    for name, noted in vars(memo).items():
        if name in found:
            continue
        symbol = symbol_of(name)
        match = [value for value in graph.named if value.name in (symbol, symbol + "'") and value.role != "state"]
        match += [value for value in graph.named if _same(value.array, np.asarray(noted))]
        if match:
            found[name] = match[0]
    return found


def _refuse_if_other(cell, graph, new, memo):
    """ValueError if a value of the graph is not what the step computed."""
    scale = lambda a: np.maximum(1, np.abs(a))
    arrays = dict(zip(cell.state_names, new)) | {name: a for name, a in vars(memo).items() if not name.startswith("_")}
    for name, value in noted_as(graph, cell, new, memo).items():
        if name in arrays and value.shape == arrays[name].shape:
            off = np.abs(value.array - arrays[name]) / scale(arrays[name])
            if not (off < 1e-9).all():
                source = "equations" if cell.equations else "code"
                raise ValueError(f"the {source} of {type(cell).__name__}, followed symbol by symbol, give {value.name} = "
                                 f"{value.array.ravel()[off.argmax()]:.6g} where its step returns "
                                 f"{arrays[name].ravel()[off.argmax()]:.6g}; expected the same")


def _name_sums(graph):
    """Names for what activations are applied to, after the bias in it: a_i."""
    taken = {value.name for value in graph.values}
    for value in graph.values:
        if value.op != "function" or not value.args[0].args or value.args[0].name:
            continue
        inside = [v.name for v in _parts(value.args[0]) if v.role in ("parameter", "terms")]
        if not inside or value.args[0].op == "matmul":
            continue
        bias = next((name for name in inside if name == "b" or name.startswith("b_")), "")
        name = "a" + bias[1:] if bias else "a_" + (value.name.rstrip("'") or "1")
        if name in taken:
            name = "a_" + (value.name.rstrip("'") or "1")
        while name in taken:
            name += "₁"
        value.args[0].name, value.args[0].inner = name, True
        taken.add(name)


def _parts(value):
    """The values that an expression is made of, down to those that have names."""
    yield value
    if not value.name or value.inner:
        for arg in value.args:
            yield from _parts(arg)
