"""The cells of minirnn in PyTorch and JAX: what `python -m minirnn bench --against` measures itself with.

It stands apart from the package, which needs neither. Each cell is one function `step(F, p, wx, state) -> state`, written
for both frameworks over the few names in which they differ (`F`), as a careful user of either would write it:

- Rows are examples, (T, B, features). That is the layout of the frameworks' own layers, and both are faster with it than
  with columns.
- The gates are stacked, so that a step has one product with h, and W x + b is one product for all steps.
- PyTorch runs the steps one by one under autograd. `lstm` and `gru` are its fused `nn.LSTM` and `nn.GRU`; the latter
  computes `reset_after=True`.
- JAX compiles `value_and_grad` of a `lax.scan` as one function. Its loss is the sum of outputs times their gradient,
  which asks the same of the backward pass.
- RWA and RDA carry the average and the logarithm of its weight, as minirnn does, with the frameworks' own `logaddexp`
  and `logsigmoid`.

All give the outputs and the gradients with respect to inputs and parameters, in float32, on as many threads as the
framework takes by itself. `tests/bench/test_timing.py` checks that they are what minirnn gives, for every cell.
"""

from types import SimpleNamespace

import numpy as np

EMPTY = -1e30           # log of the weight of an average of nothing


# ---- the cells -------------------------------------------------------------------------------------------------------
# p has the stacked weights by their names in `cell.params.stacked`, and each peephole by its own name. F.add(a, M, h) is
# a + M h, F.lerp(a, b, w) is a + w (b − a). F.split cuts features into n equal parts, F.split_at into the first n and the rest.

def rnn(F, p, wx, state):
    h, = state
    return F.tanh(F.add(wx, p["R"], h)),


def indrnn(F, p, wx, state):
    h, = state
    return F.relu(wx + p["u"] * h),


def lstm(F, p, wx, state):
    h, c = state
    i, f, o, g = F.split(F.add(wx, p["R"], h), 4)
    c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
    return F.sigmoid(o) * F.tanh(c), c


def lstm_variant(gates="ifo", peepholes=True, squash_input=True, squash_output=True, coupled=False, recurrent=False):
    """The step of Greff et al.'s V, or of what one change makes of it."""
    def step(F, p, wx, state):
        h, c, *fed_back = state
        a = F.add(wx, p["R"], h)
        if recurrent:
            a_gates, a_z = F.split_at(a, 3 * c.shape[-1])
            a = F.cat([F.add(a_gates, p["nine"], fed_back[0]), a_z])
        a = dict(zip([*gates, "z"], F.split(a, len(gates) + 1)))

        def gate(k, c):
            return F.sigmoid(a[k] + p["p_" + k] * c) if peepholes else F.sigmoid(a[k])

        z = F.tanh(a["z"]) if squash_input else a["z"]
        if coupled:
            c = F.lerp(c, z, gate("i", c))
        else:
            i = gate("i", c) if "i" in gates else None
            f = gate("f", c) if "f" in gates else None
            c = (c if f is None else f * c) + (z if i is None else i * z)
        s = F.tanh(c) if squash_output else c
        o = gate("o", c) if "o" in gates else None
        h = s if o is None else o * s
        return (h, c, F.cat([i, f, o])) if recurrent else (h, c)
    return step


def gru(F, p, wx, state):
    h, = state
    a_n, a_rz = F.split_at(wx, h.shape[-1])
    r, z = F.split(F.sigmoid(F.add(a_rz, p["R"], h)), 2)
    n = F.tanh(F.add(a_n, p["R_n"], r * h))
    return F.lerp(n, h, z),


def mut(gates):
    """The step of a mutation, from its gates: gates(F, p, a_zr, h) -> z, r."""
    def step(F, p, wx, state):
        h, = state
        a_h, a_zr = F.split_at(wx, h.shape[-1])
        z, r = gates(F, p, a_zr, h)
        return F.lerp(h, F.tanh(F.add(a_h, p["R_h"], r * h)), z),
    return step


def mut1_gates(F, p, a_zr, h):
    a_z, a_r = F.split(a_zr, 2)
    return F.sigmoid(a_z), F.sigmoid(F.add(a_r, p["R"], h))


def mut2_gates(F, p, a_zr, h):
    return F.split(F.sigmoid(F.add(a_zr, p["R"], h)), 2)


def mut3_gates(F, p, a_zr, h):
    a_z, a_r = F.split(a_zr, 2)
    return F.sigmoid(F.add(a_z, p["R_z"], F.tanh(h))), F.sigmoid(F.add(a_r, p["R"], h))


def rwa(F, p, wx, state):
    h, v, l = state
    u, a_ga = F.split_at(wx, h.shape[-1])
    g, a = F.split(F.add(a_ga, p["R"], h), 2)
    v = F.lerp(v, u * F.tanh(g), F.sigmoid(a - l))
    return F.tanh(v), v, F.logaddexp(a, l)


def rda(attention):
    def step(F, p, wx, state):
        h, v, l = state
        u, a_rest = F.split_at(wx, h.shape[-1])
        g, gamma, a = F.split(F.add(a_rest, p["R"], h), 3)
        log_a = a if attention == "exp" else F.logsigmoid(a)
        l = F.logsigmoid(gamma) + l
        v = F.lerp(v, u * F.tanh(g), F.sigmoid(log_a - l))
        return v, v, F.logaddexp(log_a, l)
    return step


# ---- what depends on x alone, for all steps at once ------------------------------------------------------------------

def input_terms(F, p, xs):
    return F.product(xs, p["W"]) + p["b"]


def mut1_input_terms(F, p, xs):
    return F.cat([F.tanh(F.product(xs, p["P"]) if "P" in p else xs), F.product(xs, p["W"])]) + p["b"]


def mut2_input_terms(F, p, xs):
    return F.cat([F.product(xs, p["W"]), F.product(xs, p["P"]) if "P" in p else xs]) + p["b"]


STEPS = {                       # cell -> its step, and its input terms where they are not W x + b
    "rnn": (rnn,),
    "lstm": (lstm,),
    "lstm-peephole": (lstm_variant(),),
    "lstm-nig": (lstm_variant(gates="fo"),),
    "lstm-nfg": (lstm_variant(gates="io"),),
    "lstm-nog": (lstm_variant(gates="if"),),
    "lstm-niaf": (lstm_variant(squash_input=False),),
    "lstm-noaf": (lstm_variant(squash_output=False),),
    "lstm-np": (lstm_variant(peepholes=False),),
    "lstm-cifg": (lstm_variant(gates="io", coupled=True),),
    "lstm-fgr": (lstm_variant(recurrent=True),),
    "gru": (gru,),
    "mut1": (mut(mut1_gates), mut1_input_terms),
    "mut2": (mut(mut2_gates), mut2_input_terms),
    "mut3": (mut(mut3_gates),),
    "indrnn": (indrnn,),
    "rwa": (rwa,),
    "rda": (rda("exp"),),
    "rda-exp-tanh": (rda("exp"),),
    "rda-sigmoid-id": (rda("sigmoid"),),
}


# ---- one sequence, in either framework -------------------------------------------------------------------------------

VECTORS = ("b", "p", "u", "s")          # parameters that are columns in minirnn, and rows here


def outputs(F, cell, name, p, xs):
    """What `unroll(cell, xs).hs` is, in a framework: from its parameters p and inputs xs (T, B, D), (T, B, H)."""
    step, terms = (*STEPS[name], input_terms)[:2]
    for stack in cell.params.layout:
        if stack.symbol == "p":                                 # the peepholes by their names, once for all steps
            p = {**p, **dict(zip(stack.names, F.split(p["p"], len(stack.names))))}
    if "R_gates" in p:                                          # the nine matrices as one, from three gates to three
        p = {**p, "nine": p["R_gates"].reshape(3, -1, cell.n_hidden).swapaxes(0, 1).reshape(-1, 3 * cell.n_hidden)}
    widths = (1, 1, 3) if name == "lstm-fgr" else (1, 1, 1)     # its gates are fed back as one array
    h, *others = (F.full((xs.shape[1], width * cell.n_hidden), EMPTY if component == "l" else 0.0)
                  for component, width in zip(cell.state_names, widths))
    if "s" in p:
        h = h + (F.tanh(p["s"]) if name == "rwa" else p["s"])
    hs = F.scan(lambda state, wx: step(F, p, wx, state), (h, *others), terms(F, p, xs))
    return F.tanh(hs) if name == "rda-exp-tanh" else hs


def swapped(a):
    """(..., features, B) -> (..., B, features), or back."""
    return np.ascontiguousarray(np.swapaxes(a, -1, -2))


class Contestant:
    """A cell of minirnn in a framework, with the same weights, inputs and gradient of the outputs.

    Calling it runs it forward and backward. `results()` then says what came out, as minirnn would: outs (T, H, B),
    dxs (T, D, B), and a dict of the gradients of `cell.params.stacked`. `note` is what a reader of a table should know.

    Args:
        name: the cell's name in `minirnn.CELLS`. cell: the cell. xs: (T, D, B). dhs: (T, H, B).
    """

    note = ""

    def __init__(self, name, cell, xs, dhs):
        self.name, self.cell = name, cell
        stacked = dict(cell.params.stacked)
        if not name.startswith("mut"):                          # the gates without a bias, which stand last, get one
            stacked["b"] = np.pad(stacked["b"], [(0, len(stacked["W"]) - len(stacked["b"])), (0, 0)])
        self.p = {symbol: self.array(swapped(a) if symbol in VECTORS else a) for symbol, a in stacked.items()}
        self.xs, self.dhs = self.array(swapped(xs)), self.array(swapped(dhs))
        self()

    def results(self):
        outs, dxs, grads = self.found
        grads = {symbol: swapped(dp) if symbol in VECTORS else np.asarray(dp) for symbol, dp in grads.items()}
        return swapped(outs.detach() if hasattr(outs, "detach") else outs), swapped(dxs), {
            symbol: dp[:len(self.cell.params.stacked[symbol])] for symbol, dp in grads.items()}


# ---- PyTorch ---------------------------------------------------------------------------------------------------------

def torch_names(torch):
    """F for PyTorch."""
    def scan(step, state, wxs):
        hs = []
        for wx in wxs.unbind(0):
            state = step(state, wx)
            hs.append(state[0])
        return torch.stack(hs)

    return SimpleNamespace(
        scan=scan, full=torch.full, tanh=torch.tanh, sigmoid=torch.sigmoid, relu=torch.relu, lerp=torch.lerp,
        logsigmoid=torch.nn.functional.logsigmoid, logaddexp=torch.logaddexp,
        product=torch.nn.functional.linear, add=lambda a, M, h: torch.addmm(a, h, M.t()),
        cat=lambda parts: torch.cat(parts, -1), split=lambda a, n: a.chunk(n, -1),
        split_at=lambda a, n: a.split([n, a.shape[-1] - n], -1))


class Torch(Contestant):
    """A cell step by step under PyTorch's autograd."""

    def __init__(self, name, cell, xs, dhs):
        import torch
        self.torch, self.F = torch, torch_names(torch)
        super().__init__(name, cell, xs, dhs)

    def array(self, a):
        return self.torch.tensor(a, requires_grad=True)

    def __call__(self):
        outs = outputs(self.F, self.cell, self.name, self.p, self.xs)
        dxs, *grads = self.torch.autograd.grad(outs, [self.xs, *self.p.values()], self.dhs)
        self.found = outs, dxs, dict(zip(self.p, grads))


class FusedTorch(Torch):
    """`nn.LSTM` or `nn.GRU`: all steps in one call. The order of the gates is theirs, and they have two biases."""

    layers = {"lstm": ("LSTM", "ifgo", "nn.LSTM"), "gru": ("GRU", "rzn", "nn.GRU, which computes reset_after=True")}

    def __init__(self, name, cell, xs, dhs):
        import torch
        layer, self.gates, self.note = self.layers[name]
        self.layer, params = getattr(torch.nn, layer)(cell.n_in, cell.n_hidden), cell.params
        weights = [np.concatenate([params[f"{symbol}_{k}"] for k in self.gates]) for symbol in "WRb"]
        c = np.zeros_like(weights[2])
        if "c_n" in params:
            c[-cell.n_hidden:] = params["c_n"]
        with torch.no_grad():
            for weight, value in zip(self.layer.parameters(), [*weights, c]):
                weight.copy_(torch.tensor(value).reshape(weight.shape))
        super().__init__(name, cell, xs, dhs)

    def __call__(self):
        outs, _ = self.layer(self.xs)
        self.found = outs, self.torch.autograd.grad(outs, [self.xs, *self.layer.parameters()], self.dhs)

    def results(self):
        outs, (dxs, *found) = self.found
        *found, dc = (np.split(dp.numpy().reshape(len(dp), -1), len(self.gates)) for dp in found)
        grads = self.cell.params.like()
        for symbol, parts in zip("WRb", found):
            for k, dp in zip(self.gates, parts):
                grads[f"{symbol}_{k}"][...] = dp
        if "c_n" in grads:
            grads["c_n"][...] = dc[-1]
        return swapped(outs.detach()), swapped(dxs), grads.stacked


# ---- JAX -------------------------------------------------------------------------------------------------------------

def jax_names(jax):
    """F for JAX."""
    jnp = jax.numpy

    def scan(step, state, wxs):
        def one(state, wx):
            state = step(state, wx)
            return state, state[0]
        return jax.lax.scan(one, state, wxs)[1]

    return SimpleNamespace(
        scan=scan, full=jnp.full, tanh=jnp.tanh, sigmoid=jax.nn.sigmoid, relu=jax.nn.relu,
        lerp=lambda a, b, w: a + w * (b - a), logsigmoid=jax.nn.log_sigmoid, logaddexp=jnp.logaddexp,
        product=lambda h, M: h @ M.T, add=lambda a, M, h: a + h @ M.T,
        cat=lambda parts: jnp.concatenate(parts, -1), split=lambda a, n: jnp.split(a, n, -1),
        split_at=lambda a, n: jnp.split(a, [n], -1))


class JAX(Contestant):
    """A cell as `jit` of `value_and_grad` of a `lax.scan`."""

    def __init__(self, name, cell, xs, dhs):
        import jax
        F, self.jax = jax_names(jax), jax

        def loss(p, xs, dhs):
            outs = outputs(F, cell, name, p, xs)
            return (outs * dhs).sum(), outs

        self.gradient = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
        super().__init__(name, cell, xs, dhs)

    def array(self, a):
        return self.jax.numpy.asarray(a)

    def __call__(self):
        (_, outs), (grads, dxs) = self.jax.block_until_ready(self.gradient(self.p, self.xs, self.dhs))
        self.found = outs, dxs, grads


def contestant(framework, name, cell, xs, dhs):
    """A cell in a framework, "torch" or "jax", ready to be called: a `Contestant`. ImportError if it is not installed."""
    if framework == "torch":
        return (FusedTorch if name in FusedTorch.layers else Torch)(name, cell, xs, dhs)
    return JAX(name, cell, xs, dhs)
