"""Optimisers and gradient clipping. Each optimiser applies the rule of its paper to one long vector of parameters."""

import inspect

import numpy as np

from . import checks


class Optimizer:
    """Changes parameters against their gradients. `params` and `grads` are those of a cell or a model.

    What an optimiser remembers belongs to the parameters that it has moved first, and to no others.

    Attributes: `lr`, the learning rate; `n_updates`; `memory`, per vector of parameters the arrays that the rule remembers.
    """

    def __init__(self, lr):
        self.lr = checks.number("lr", lr, low=0, open_low=True)
        self.n_updates = 0
        self.memory, self._moved, self._work = None, None, None

    def start(self, params):
        """Make room for what is remembered of these parameters. `update` does it when it is called first."""
        self._moved = params.flats
        self.memory = [[np.zeros_like(theta) for _ in range(self.n_memories)] for theta in self._moved]
        self._work = [np.empty_like(theta) for theta in self._moved]

    def update(self, params, grads):
        """One update, in place.

        Args:
            params: `cell.params` or `model.params`.
            grads: what `backward` returned for them.

        Raises:
            ValueError: the optimiser has moved other parameters before.
        """
        if self._moved is None:
            self.start(params)
        flats = params.flats
        if len(flats) != len(self._moved) or any(one is not other for one, other in zip(flats, self._moved)):
            raise ValueError(f"this {type(self).__name__} has made {self.n_updates} updates of other parameters and remembers "
                             f"their gradients, expected a new one for each model")
        self.n_updates += 1
        for theta, dtheta, memory, work in zip(flats, grads.flats, self.memory, self._work):
            self._rule(theta, dtheta, *memory, work)

    def settings(self):
        """For JSON: the name in `OPTIMIZERS` and the arguments it was made with."""
        names = [name for name in inspect.signature(type(self)).parameters]
        return {"name": type(self).__name__.lower(), **{name: getattr(self, name) for name in names}}


class SGD(Optimizer):
    """θ ← θ − lr·velocity, velocity ← momentum·velocity + dθ. Without momentum, plain gradient descent."""

    n_memories = 1

    def __init__(self, lr=0.1, momentum=0.0):
        super().__init__(lr)
        self.momentum = checks.number("momentum", momentum, low=0, high=1)

    def _rule(self, theta, dtheta, velocity, work):
        velocity *= self.momentum
        velocity += dtheta
        theta -= np.multiply(velocity, self.lr, out=work)


class RMSProp(Optimizer):
    """s ← decay·s + (1 − decay)·dθ²; θ ← θ − lr·dθ/(sqrt(s) + epsilon). Tieleman & Hinton 2012, lecture 6.5."""

    n_memories = 1

    def __init__(self, lr=0.001, decay=0.9, epsilon=1e-8):
        super().__init__(lr)
        self.decay = checks.number("decay", decay, low=0, high=1)
        self.epsilon = checks.number("epsilon", epsilon, low=0, open_low=True)

    def _rule(self, theta, dtheta, s, work):
        s *= self.decay
        s += np.multiply(np.square(dtheta, out=work), 1 - self.decay, out=work)
        np.sqrt(s, out=work)
        work += self.epsilon
        np.divide(dtheta, work, out=work)
        theta -= np.multiply(work, self.lr, out=work)


class Adam(Optimizer):
    """m and v, running means of dθ and dθ²; θ ← θ − lr·m̂/(sqrt(v̂) + epsilon). Kingma & Ba 2015, algorithm 1.

    m̂ = m/(1 − beta1^t) and v̂ = v/(1 − beta2^t) correct for m and v starting at 0.
    """

    n_memories = 2

    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
        super().__init__(lr)
        self.beta1 = checks.number("beta1", beta1, low=0, high=1)
        self.beta2 = checks.number("beta2", beta2, low=0, high=1)
        self.epsilon = checks.number("epsilon", epsilon, low=0, open_low=True)
        for name, beta in (("beta1", self.beta1), ("beta2", self.beta2)):
            if beta == 1:                                       # nothing would ever be taken in
                raise ValueError(f"{name} is 1, expected a number below 1")

    def _rule(self, theta, dtheta, m, v, work):
        m *= self.beta1
        m += np.multiply(dtheta, 1 - self.beta1, out=work)
        v *= self.beta2
        v += np.multiply(np.square(dtheta, out=work), 1 - self.beta2, out=work)
        np.divide(v, 1 - self.beta2**self.n_updates, out=work)
        np.sqrt(work, out=work)
        work += self.epsilon
        np.divide(m, work, out=work)
        theta -= np.multiply(work, self.lr / (1 - self.beta1**self.n_updates), out=work)


OPTIMIZERS = {"adam": Adam, "sgd": SGD, "rmsprop": RMSProp}


def _vectors(grads):
    """The vectors under gradients; TypeError if these are none."""
    if not hasattr(grads, "flats"):
        raise TypeError(f"grads is {checks.shown(grads)}, expected the gradients of a cell or a model, as backward returns them")
    return grads.flats


def clip_by_element(grads, limit):
    """Bring every element of the gradients into [−limit, limit], in place."""
    limit = checks.number("limit", limit, low=0, open_low=True)
    for dtheta in _vectors(grads):
        np.clip(dtheta, -limit, limit, out=dtheta)


def clip_by_norm(grads, limit):
    """Scale all gradients down, in place, if their joint norm is above `limit`. Returns the norm before."""
    limit = checks.number("limit", limit, low=0, open_low=True)
    norm = float(np.sqrt(sum(np.vdot(dtheta, dtheta).real for dtheta in _vectors(grads))))
    if norm > limit:
        for dtheta in grads.flats:
            dtheta *= limit / norm
    return norm
