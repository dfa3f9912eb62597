"""An LSTM without output gate on a little tape: each operation leaves a function behind that takes the gradient one step back."""

import numpy as np

from minirnn import FunctionCell


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


GATES = {"i": sigmoid, "f": sigmoid, "g": np.tanh}
SLOPES = {"i": lambda y: y * (1 - y), "f": lambda y: y * (1 - y), "g": lambda y: 1 - y**2}


def record(p, x, old, grads=None):
    """Every value by its name, and the tape. A function on the tape adds to d, which has a gradient for every value."""
    v = {"x": x, "h": old[0], "c": old[1]}
    tape = []

    for k, activation in GATES.items():
        v[k] = activation(p["W" + k] @ v["x"] + p["R" + k] @ v["h"] + p["b" + k])

        def back(d, k=k):
            da = d[k] * SLOPES[k](v[k])
            grads["W" + k] += da @ v["x"].T
            grads["R" + k] += da @ v["h"].T
            grads["b" + k] += da.sum(axis=1, keepdims=True)
            d["x"] += p["W" + k].T @ da
            d["h"] += p["R" + k].T @ da
        tape.append(back)

    v["c_new"] = v["f"] * v["c"] + v["i"] * v["g"]

    def back(d):
        d["f"] += d["c_new"] * v["c"]
        d["c"] += d["c_new"] * v["f"]
        d["i"] += d["c_new"] * v["g"]
        d["g"] += d["c_new"] * v["i"]
    tape.append(back)

    v["h_new"] = np.tanh(v["c_new"])

    def back(d):
        d["c_new"] += d["h_new"] * (1 - v["h_new"]**2)
    tape.append(back)

    return v, tape


def step(p, x, old):
    v, _ = record(p, x, old)
    return (v["h_new"], v["c_new"]), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    v, tape = record(p, x, old, grads)
    d = {name: np.zeros_like(a) for name, a in v.items()}
    d["h_new"] += dnew[0]
    d["c_new"] += dnew[1]
    for back in reversed(tape):
        back(d)
    return d["x"], (d["h"], d["c"])


def make(n_in, n_hidden):
    rng = np.random.default_rng(119)
    params = {}
    for k in GATES:
        params["W" + k] = rng.normal(0, 0.8, (n_hidden, n_in))
        params["R" + k] = rng.normal(0, 0.6, (n_hidden, n_hidden))
        params["b" + k] = rng.normal(0, 0.2, (n_hidden, 1))
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
