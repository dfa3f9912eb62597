import numpy as np
from minirnn import FunctionCell

EPS = 1e-3


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


def d_sigmoid(y):
    return y * (1.0 - y)


def d_tanh(y):
    return 1.0 - y * y


def rms_norm(a, gain):
    rms = np.sqrt(np.mean(a * a, axis=0, keepdims=True) + EPS)
    a_hat = a / rms
    return gain * a_hat, a_hat, rms


def d_rms_norm(dy, a_hat, rms, gain):
    da_hat = dy * gain
    dgain = np.sum(dy * a_hat, axis=1, keepdims=True)
    proj = np.mean(da_hat * a_hat, axis=0, keepdims=True)
    da = (da_hat - a_hat * proj) / rms
    return da, dgain


def forward_step(p, x, old):
    h = old[0]
    f = sigmoid(p["Wf"] @ x + p["Uf"] @ h + p["bf"])
    y, a_hat, rms = rms_norm(p["W"] @ x + p["U"] @ h, p["gain"])
    cand = np.tanh(y + p["b"])
    h_new = f * h + (1.0 - f) * cand
    return (h_new,), {"f": f, "cand": cand, "y": y, "a_hat": a_hat, "rms": rms}


def backward_step(p, dnew, x, old, new, memo, grads):
    h, dh_new = old[0], dnew[0]
    f, cand = memo["f"], memo["cand"]

    d_zf = dh_new * (h - cand) * d_sigmoid(f)
    d_y = dh_new * (1.0 - f) * d_tanh(cand)
    d_a, d_gain = d_rms_norm(d_y, memo["a_hat"], memo["rms"], p["gain"])

    grads["Wf"] += d_zf @ x.T
    grads["Uf"] += d_zf @ h.T
    grads["bf"] += np.sum(d_zf, axis=1, keepdims=True)
    grads["W"] += d_a @ x.T
    grads["U"] += d_a @ h.T
    grads["b"] += np.sum(d_y, axis=1, keepdims=True)
    grads["gain"] += d_gain

    dx = p["W"].T @ d_a + p["Wf"].T @ d_zf
    dh = f * dh_new + p["U"].T @ d_a + p["Uf"].T @ d_zf
    return dx, (dh,)


def make(n_in, n_hidden):
    rng = np.random.default_rng(21)
    shapes = {"W": (n_hidden, n_in), "U": (n_hidden, n_hidden), "b": (n_hidden, 1),
              "Wf": (n_hidden, n_in), "Uf": (n_hidden, n_hidden), "bf": (n_hidden, 1)}
    params = {name: rng.normal(0, 0.6, shape) for name, shape in shapes.items()}
    params["gain"] = rng.uniform(0.6, 1.4, (n_hidden, 1))
    return FunctionCell(forward_step, backward_step, params, n_in=n_in, n_hidden=n_hidden)
