"""An LSTM in the notation of a well-known course: a^<t>, c^<t>, every gate's formula written out in one line."""

import numpy as np

from minirnn import FunctionCell


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_cell_forward(parameters, xt, old):
    a_prev, c_prev = old
    Wf, bf = parameters["Wf"], parameters["bf"]
    Wi, bi = parameters["Wi"], parameters["bi"]
    Wc, bc = parameters["Wc"], parameters["bc"]
    Wo, bo = parameters["Wo"], parameters["bo"]

    concat = np.concatenate((a_prev, xt), axis=0)
    ft = sigmoid(np.dot(Wf, concat) + bf)
    it = sigmoid(np.dot(Wi, concat) + bi)
    cct = np.tanh(np.dot(Wc, concat) + bc)
    c_next = ft * c_prev + it * cct
    ot = sigmoid(np.dot(Wo, concat) + bo)
    a_next = ot * np.tanh(c_next)
    return (a_next, c_next), {"ft": ft, "it": it, "cct": cct, "ot": ot}


def lstm_cell_backward(parameters, dnew, xt, old, new, cache, gradients):
    da_next, dc_next = dnew
    a_prev, c_prev = old
    a_next, c_next = new
    ft, it, cct, ot = cache["ft"], cache["it"], cache["cct"], cache["ot"]
    n_a, m = a_next.shape
    Wf, Wi, Wc, Wo = parameters["Wf"], parameters["Wi"], parameters["Wc"], parameters["Wo"]

    # gates related derivatives (of the pre-activations)
    dot = da_next * np.tanh(c_next) * ot * (1 - ot)
    dcct = (dc_next * it + ot * (1 - np.square(np.tanh(c_next))) * it * da_next) * (1 - np.square(cct))
    dit = (dc_next * cct + ot * (1 - np.square(np.tanh(c_next))) * cct * da_next) * it * (1 - it)
    dft = (dc_next * c_prev + ot * (1 - np.square(np.tanh(c_next))) * c_prev * da_next) * ft * (1 - ft)

    # parameters related derivatives
    concat = np.concatenate((a_prev, xt), axis=0)
    gradients["Wf"] += np.dot(dft, concat.T)
    gradients["Wi"] += np.dot(dit, concat.T)
    gradients["Wc"] += np.dot(dcct, concat.T)
    gradients["Wo"] += np.dot(dot, concat.T)
    gradients["bf"] += np.sum(dft, axis=1, keepdims=True)
    gradients["bi"] += np.sum(dit, axis=1, keepdims=True)
    gradients["bc"] += np.sum(dcct, axis=1, keepdims=True)
    gradients["bo"] += np.sum(dot, axis=1, keepdims=True)

    # previous hidden state, previous memory state, input
    da_prev = (np.dot(Wf[:, :n_a].T, dft) + np.dot(Wi[:, :n_a].T, dit)
               + np.dot(Wc[:, :n_a].T, dcct) + np.dot(Wo[:, :n_a].T, dot))
    dc_prev = dc_next * ft + ot * (1 - np.square(np.tanh(c_next))) * ft * da_next
    dxt = (np.dot(Wf[:, n_a:].T, dft) + np.dot(Wi[:, n_a:].T, dit)
           + np.dot(Wc[:, n_a:].T, dcct) + np.dot(Wo[:, n_a:].T, dot))
    return dxt, (da_prev, dc_prev)


def make(n_in, n_hidden):
    rng = np.random.default_rng(12)
    parameters = {}
    for gate in "fico":
        parameters["W" + gate] = rng.normal(0, 0.5, (n_hidden, n_hidden + n_in))
        parameters["b" + gate] = rng.normal(0, 0.5, (n_hidden, 1))
    return FunctionCell(lstm_cell_forward, lstm_cell_backward, parameters, n_in=n_in, n_hidden=n_hidden,
                        state_names=("h", "c"))
