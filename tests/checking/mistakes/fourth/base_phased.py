# Smooth variant of a phased cell: each unit has a clock phi that runs at its own (learned) frequency and opens the unit
# when cos(phi - shift) is large.
import numpy as np
from minirnn import FunctionCell

SHARP = 1.5
sigm = lambda y: 1. / (1. + np.exp(-y))


def vor(p, x, alt):
    h, phi = alt
    phi_neu = phi + np.exp(p["logom"])
    k = sigm(SHARP * np.cos(phi_neu - p["shift"]))
    kand = np.tanh(p["W"] @ x + p["R"] @ h + p["b"])
    h_neu = k * kand + (1. - k) * h
    return (h_neu, phi_neu), {"k": k, "kand": kand}


def zurueck(p, dneu, x, alt, neu, memo, grads):
    dh_neu, dphi_neu = dneu
    h, phi = alt
    k, kand = memo["k"], memo["kand"]
    phi_neu = neu[1]
    om = np.exp(p["logom"])
    # candidate
    dkand = dh_neu * k
    da = dkand * (1. - kand**2)
    grads["W"] += da @ x.T
    grads["R"] += da @ h.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    # clock
    dk = dh_neu * (kand - h)
    dcos = dk * k * (1. - k) * SHARP
    dwinkel = -np.sin(phi_neu - p["shift"]) * dcos
    grads["shift"] -= dwinkel.sum(axis=1, keepdims=True)
    dphi = dphi_neu + dwinkel
    grads["logom"] += (dphi * om).sum(axis=1, keepdims=True)
    dh = dh_neu * (1. - k) + p["R"].T @ da
    dx = p["W"].T @ da
    return dx, (dh, dphi)


def make(n_in, n_hidden):
    rng = np.random.default_rng(4)
    params = {"W": rng.normal(0, .7, (n_hidden, n_in)), "R": rng.normal(0, .7, (n_hidden, n_hidden)),
              "b": rng.normal(0, .2, (n_hidden, 1)), "logom": rng.normal(-.5, .4, (n_hidden, 1)),
              "shift": rng.uniform(0, 3, (n_hidden, 1))}
    return FunctionCell(vor, zurueck, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "phi"))
