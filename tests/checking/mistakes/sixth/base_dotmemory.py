"""A memory m written and read through gates that compare it with a vector: sigmoid of a dot product. The backward pass computes
the forward pass again (as with checkpoints) and keeps its gradients in a dict `d`."""

import numpy as np

from minirnn import FunctionCell


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


def dot(a, b):
    """Column by column, scaled as in attention: (1, B)."""
    return (a * b).sum(axis=0, keepdims=True) / np.sqrt(len(a))


def forward(p, x, h, m):
    v = {}
    v["key"] = p["Wk"] @ x
    v["value"] = np.tanh(p["Wv"] @ x + p["Uv"] @ h + p["bv"])
    v["score"] = dot(v["key"], m)
    v["write"] = sigmoid(p["beta"] * v["score"] + p["b0"])
    v["m"] = m + v["write"] * (v["value"] - m)
    v["query"] = p["Wq"] @ h
    v["read"] = sigmoid(dot(v["query"], v["m"]))
    v["shown"] = p["Uo"] @ v["m"]
    v["h"] = np.tanh(p["Wo"] @ x + v["read"] * v["shown"] + p["bo"])
    return v


def step(p, x, old):
    v = forward(p, x, *old)
    return (v["h"], v["m"]), {}


def backward(p, dnew, x, old, new, memo, grads):
    h, m = old
    v = forward(p, x, h, m)
    root = np.sqrt(len(h))
    d = {"h": dnew[0], "m": dnew[1]}

    # output
    d["out"] = d["h"] * (1 - v["h"] ** 2)
    grads["Wo"] += d["out"] @ x.T
    grads["bo"] += d["out"].sum(axis=1, keepdims=True)
    d["shown"] = d["out"] * v["read"]
    grads["Uo"] += d["shown"] @ v["m"].T
    d["read"] = (d["out"] * v["shown"]).sum(axis=0, keepdims=True)
    d["match"] = d["read"] * v["read"] * (1 - v["read"]) / root
    d["query"] = d["match"] * v["m"]
    grads["Wq"] += d["query"] @ h.T
    dm_new = d["m"] + p["Uo"].T @ d["shown"] + d["match"] * v["query"]

    # memory
    d["value"] = dm_new * v["write"]
    d["write"] = (dm_new * (v["value"] - m)).sum(axis=0, keepdims=True)
    d["gate"] = d["write"] * v["write"] * (1 - v["write"])
    grads["beta"] += (d["gate"] * v["score"]).sum()
    grads["b0"] += d["gate"].sum()
    d["score"] = p["beta"] * d["gate"] / root
    d["key"] = d["score"] * m
    grads["Wk"] += d["key"] @ x.T
    d["tanh"] = d["value"] * (1 - v["value"] ** 2)
    grads["Wv"] += d["tanh"] @ x.T
    grads["Uv"] += d["tanh"] @ h.T
    grads["bv"] += d["tanh"].sum(axis=1, keepdims=True)

    dm = dm_new * (1 - v["write"]) + d["score"] * v["key"]
    dh = p["Wq"].T @ d["query"] + p["Uv"].T @ d["tanh"]
    dx = p["Wo"].T @ d["out"] + p["Wk"].T @ d["key"] + p["Wv"].T @ d["tanh"]
    return dx, (dh, dm)


def make(n_in, n_hidden):
    rng = np.random.default_rng(53)
    H, D = n_hidden, n_in
    shapes = {"Wk": (H, D), "Wv": (H, D), "Uv": (H, H), "bv": (H, 1), "Wq": (H, H), "Uo": (H, H), "Wo": (H, D), "bo": (H, 1),
              "beta": (1, 1), "b0": (1, 1)}
    params = {name: rng.normal(0, 0.7, shape) for name, shape in shapes.items()}
    params["beta"] += 1.5
    return FunctionCell(step, backward, params, n_in=D, n_hidden=H, state_names=("h", "m"))
