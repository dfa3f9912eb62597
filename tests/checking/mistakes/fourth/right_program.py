"""A GRU as a list of instructions over registers; forward and backward are two small interpreters of it."""
import numpy as np
from minirnn import FunctionCell

PROGRAM = [
    ("mul", "ar", "Wr", "xh"), ("sig", "r", "ar"),
    ("mul", "az", "Wz", "xh"), ("sig", "z", "az"),
    ("had", "rh", "r", "h"), ("cat", "xrh", "x", "rh"),
    ("mul", "an", "Wn", "xrh"), ("tanh", "n", "an"),
    ("sub", "d", "h", "n"), ("had", "zd", "z", "d"), ("add", "out", "n", "zd"),
]


def run(p, x, h):
    m = {**p, "x": x, "h": h, "xh": np.concatenate([x, h])}
    for op, to, *args in PROGRAM:
        v = [m[name] for name in args]
        match op:
            case "mul": m[to] = v[0] @ v[1]
            case "had": m[to] = v[0] * v[1]
            case "add": m[to] = v[0] + v[1]
            case "sub": m[to] = v[0] - v[1]
            case "cat": m[to] = np.concatenate(v)
            case "sig": m[to] = 1 / (1 + np.exp(-v[0]))
            case "tanh": m[to] = np.tanh(v[0])
    return m


def step(p, x, old):
    return (run(p, x, old[0])["out"],), None


def step_backward(p, dnew, x, old, new, memo, grads):
    m = run(p, x, old[0])
    d = {name: np.zeros_like(value) for name, value in m.items()}
    d["out"] += dnew[0]
    for op, to, *args in reversed(PROGRAM):
        g, a, b = d[to], args[0], args[-1]
        match op:
            case "mul":
                d[a] += g @ m[b].T
                d[b] += m[a].T @ g
            case "had":
                d[a] += g * m[b]
                d[b] += g * m[a]
            case "add":
                d[a] += g
                d[b] += g
            case "sub":
                d[a] += g
                d[b] -= g
            case "cat":
                d[a] += g[:len(m[a])]
                d[b] += g[len(m[a]):]
            case "sig":
                d[a] += g * m[to] * (1 - m[to])
            case "tanh":
                d[a] += g * (1 - m[to] ** 2)
    for name in p:
        grads[name] += d[name]
    n = len(x)
    return d["x"] + d["xh"][:n], (d["h"] + d["xh"][n:],)


def make(n_in, n_hidden):
    rng = np.random.default_rng(3)
    return FunctionCell(step, step_backward, {name: rng.normal(0, 0.6, (n_hidden, n_in + n_hidden)) for name in ("Wr", "Wz", "Wn")},
                        n_in=n_in, n_hidden=n_hidden)
