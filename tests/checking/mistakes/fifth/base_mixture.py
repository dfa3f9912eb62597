"""A mixture of K recurrent experts: a softmax gate weighs K tanh layers; learned decays keep a part of h."""

import numpy as np
import minirnn

K = 3


class Mixture(minirnn.FunctionCell):
    def __init__(self, n_in, n_hidden, seed=5):
        r = np.random.default_rng(seed)
        params = dict(
            We=r.standard_normal((K, n_hidden, n_in)) * 0.7,
            Ue=r.standard_normal((K, n_hidden, n_hidden)) * 0.5,
            be=r.standard_normal((K, n_hidden, 1)) * 0.2,
            Wg=r.standard_normal((K, n_in)) * 0.8,
            Ug=r.standard_normal((K, n_hidden)) * 0.6,
            bg=np.zeros((K, 1)),
            lam=r.standard_normal((n_hidden, 1)) * 0.5,
        )
        super().__init__(forward_step, backward_step, params, n_in=n_in, n_hidden=n_hidden)


def forward_step(p, x, old):
    h = old[0]
    logits = p["Wg"] @ x + p["Ug"] @ h + p["bg"]
    e = np.exp(logits)
    gate = e / e.sum(axis=0, keepdims=True)
    experts = []
    for k in range(K):
        experts.append(np.tanh(p["We"][k] @ x + p["Ue"][k] @ h + p["be"][k]))
    experts = np.array(experts)
    mix = np.sum(gate[:, None, :] * experts, axis=0)
    decay = 1 / (1 + np.exp(-p["lam"]))
    h_new = decay * h + (1 - decay) * mix
    return (h_new,), {"gate": gate, "experts": experts, "mix": mix}


def backward_step(p, dnew, x, old, new, memo, grads):
    h = old[0]
    delta = dnew[0]
    gate, experts, mix = memo["gate"], memo["experts"], memo["mix"]
    decay = 1 / (1 + np.exp(-p["lam"]))

    ddecay = np.sum(delta * (h - mix), axis=1, keepdims=True)
    grads["lam"] += ddecay * decay * (1 - decay)
    dmix = (1 - decay) * delta
    dh = decay * delta
    dx = np.zeros_like(x)

    dgate = np.zeros_like(gate)
    for k in range(K):
        dgate[k] = np.sum(dmix * experts[k], axis=0)
        dpre = dmix * gate[k] * (1 - experts[k] ** 2)
        grads["We"][k] += dpre @ x.T
        grads["Ue"][k] += dpre @ h.T
        grads["be"][k] += dpre.sum(axis=1, keepdims=True)
        dx += p["We"][k].T @ dpre
        dh += p["Ue"][k].T @ dpre

    dlogits = gate * (dgate - np.sum(gate * dgate, axis=0, keepdims=True))
    grads["Wg"] += dlogits @ x.T
    grads["Ug"] += dlogits @ h.T
    grads["bg"] += dlogits.sum(axis=1, keepdims=True)
    dx += p["Wg"].T @ dlogits
    dh += p["Ug"].T @ dlogits
    return dx, (dh,)


def make(n_in, n_hidden):
    return Mixture(n_in, n_hidden)
