"""An LSTM after Karpathy's batched gist: one matrix WLSTM whose first row is the bias; every example is a row."""

import numpy as np

from minirnn import FunctionCell


def step(p, x, old):
    h0, c0 = old[0].T, old[1].T
    WLSTM = p["WLSTM"]
    b, d = h0.shape
    n = x.shape[0]
    Hin = np.ones((b, WLSTM.shape[0]), dtype=WLSTM.dtype)
    Hin[:, 1:1 + n] = x.T
    Hin[:, 1 + n:] = h0
    IFOG = Hin.dot(WLSTM)
    IFOGf = np.empty_like(IFOG)
    IFOGf[:, :3*d] = 1.0 / (1.0 + np.exp(-IFOG[:, :3*d]))       # sigmoids; these are the gates
    IFOGf[:, 3*d:] = np.tanh(IFOG[:, 3*d:])                     # tanh
    C = IFOGf[:, :d] * IFOGf[:, 3*d:] + IFOGf[:, d:2*d] * c0
    Ct = np.tanh(C)
    Hout = IFOGf[:, 2*d:3*d] * Ct
    return (Hout.T, C.T), {"Hin": Hin, "IFOGf": IFOGf, "Ct": Ct}


def step_backward(p, dnew, x, old, new, memo, grads):
    dHout, dC = dnew[0].T, dnew[1].T.copy()
    WLSTM = p["WLSTM"]
    Hin, IFOGf, Ct = memo["Hin"], memo["IFOGf"], memo["Ct"]
    b, d = dHout.shape
    n = x.shape[0]
    dIFOG = np.empty_like(IFOGf)
    dIFOGf = np.empty_like(IFOGf)

    dIFOGf[:, 2*d:3*d] = Ct * dHout
    # backprop tanh non-linearity first then continue backprop
    dC += (1 - Ct**2) * (IFOGf[:, 2*d:3*d] * dHout)
    dIFOGf[:, d:2*d] = old[1].T * dC
    dc0 = IFOGf[:, d:2*d] * dC
    dIFOGf[:, :d] = IFOGf[:, 3*d:] * dC
    dIFOGf[:, 3*d:] = IFOGf[:, :d] * dC

    # backprop activation functions
    dIFOG[:, 3*d:] = (1 - IFOGf[:, 3*d:]**2) * dIFOGf[:, 3*d:]
    y = IFOGf[:, :3*d]
    dIFOG[:, :3*d] = (y * (1.0 - y)) * dIFOGf[:, :3*d]

    # backprop matrix multiply
    grads["WLSTM"] += np.dot(Hin.transpose(), dIFOG)
    dHin = dIFOG.dot(WLSTM.transpose())

    # backprop the identity transforms into Hin
    dX = dHin[:, 1:1 + n]
    dh0 = dHin[:, 1 + n:]
    return dX.T, (dh0.T, dc0.T)


def make(n_in, n_hidden):
    rng = np.random.default_rng(11)
    WLSTM = rng.normal(size=(n_in + n_hidden + 1, 4 * n_hidden)) / np.sqrt(n_in + n_hidden)
    WLSTM[0, :] = 0
    WLSTM[0, n_hidden:2*n_hidden] = 1                           # fancy forget bias
    return FunctionCell(step, step_backward, {"WLSTM": WLSTM}, n_in=n_in, n_hidden=n_hidden, state_names=("h", "c"))
