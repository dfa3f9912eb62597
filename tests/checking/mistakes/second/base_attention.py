"""An RNN that attends to its last three states: the state is (h, m1, m2, m3), where m1 was the h before this one."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h, *slots = old

    def softmax(scores):
        e = np.exp(scores - scores.max(axis=0))
        return e / e.sum(axis=0)

    M = np.stack(slots)                                             # (slots, H, B)
    q = p["Wq"] @ x + p["Uq"] @ h
    keys = np.einsum("ij,sjb->sib", p["K"], M)
    alpha = softmax(np.einsum("ib,sib->sb", q, keys) / np.sqrt(len(h)))
    context = np.einsum("sb,sib->ib", alpha, M)
    h_new = np.tanh(p["W"] @ x + p["U"] @ h + p["C"] @ context + p["b"])
    return (h_new, h, *slots[:-1]), {"q": q, "keys": keys, "alpha": alpha, "context": context}


def step_backward(p, dnew, x, old, new, memo, grads):
    dh_new, dm1_new, *dlater = dnew
    h, *slots = old
    q, keys, alpha, context = memo["q"], memo["keys"], memo["alpha"], memo["context"]
    M = np.stack(slots)

    def softmax_backward(dalpha):
        return alpha * (dalpha - (alpha * dalpha).sum(axis=0))

    da = dh_new * (1 - new[0]**2)
    dcontext = p["C"].T @ da
    dM = np.einsum("sb,ib->sib", alpha, dcontext)                   # as values
    dscores = softmax_backward(np.einsum("ib,sib->sb", dcontext, M)) / np.sqrt(len(h))
    dq = np.einsum("sb,sib->ib", dscores, keys)
    dkeys = np.einsum("sb,ib->sib", dscores, q)
    dM += np.einsum("ij,sib->sjb", p["K"], dkeys)                   # as keys
    for dslot, dnext in zip(dM, dlater):                            # m1 moves on to m2, m2 to m3, m3 is dropped
        dslot += dnext
    dh = p["U"].T @ da + p["Uq"].T @ dq + dm1_new
    dx = p["W"].T @ da + p["Wq"].T @ dq

    grads["K"] += np.einsum("sib,sjb->ij", dkeys, M)
    grads["Wq"] += dq @ x.T
    grads["Uq"] += dq @ h.T
    grads["W"] += da @ x.T
    grads["U"] += da @ h.T
    grads["C"] += da @ context.T
    grads["b"] += da.sum(axis=1, keepdims=True)
    return dx, (dh, *dM)


def make(n_in, n_hidden):
    rng = np.random.default_rng(105)
    widths = {"Wq": n_in, "Uq": n_hidden, "K": n_hidden, "W": n_in, "U": n_hidden, "C": n_hidden, "b": 1}
    params = {name: rng.normal(0, 0.9, (n_hidden, width)) for name, width in widths.items()}
    return FunctionCell(step, step_backward, params, n_in=n_in, n_hidden=n_hidden, state_names=("h", "m1", "m2", "m3"))
