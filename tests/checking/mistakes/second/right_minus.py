"""Right, with the sign convention of control theory: lambda = -dL/dh is carried within a step, and turned round at its end."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, v = old
    force = p["K"] @ h + p["G"] * v - p["W"] @ x            # a damped spring: v' = v - dt force, h' = h + dt v'
    v_new = v - p["dt"] * np.tanh(force)
    h_new = h + p["dt"] * v_new
    return (h_new, v_new), {"squashed": np.tanh(force)}


def step_backward(p, dnew, x, old, new, memo, grads):
    lam_h, lam_v = -dnew[0], -dnew[1]
    h, v = old
    v_new, squashed, dt = new[1], memo["squashed"], p["dt"]
    grads["dt"] -= np.sum(lam_h * v_new)
    lam_v = lam_v + dt * lam_h
    grads["dt"] += np.sum(lam_v * squashed)
    lam_force = -dt * lam_v * (1 - squashed) * (1 + squashed)
    grads["K"] -= lam_force @ h.T
    grads["G"] -= np.sum(lam_force * v, axis=1, keepdims=True)
    grads["W"] += lam_force @ x.T
    lam_x = -(p["W"].T @ lam_force)
    lam_h = lam_h + p["K"].T @ lam_force
    lam_v = lam_v + p["G"] * lam_force
    return -lam_x, (-lam_h, -lam_v)


def make(n_in, n_hidden):
    rng = np.random.default_rng(204)
    params = {"K": rng.normal(0, 0.8, (n_hidden, n_hidden)), "G": rng.uniform(0.2, 1, (n_hidden, 1)),
              "W": rng.normal(0, 0.9, (n_hidden, n_in)), "dt": np.array(0.4)}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "v"))
