"""Lemma 1: what a running average must pay to keep changing its mind, and when it can no longer pay.

Can an RWA say −c, +c, −c, ...? Its output is the tanh of an average, h_t = tanh(v_t) with v_t = n_t/d_t, and the
average is moved by one value z_t at a time (see `cells/rwa.py`):

    v_t = v_{t−1} + w_t (z_t − v_{t−1}),    w_t = a_t/d_t,    d_t = d_{t−1} + a_t

where a_t > 0 is the attention paid (e to the power of what the cell calls its logit a) and d_t all of it so far. With
x = artanh(c), the target h_t = (−1)^t c means that v_t = (−1)^t x: every step must carry the average from one side of
zero to the other, by 2x. A value can pull only so hard, |z_t| ≤ z_max, and the rest is arithmetic.

**Lemma 1.** Let s be the sign at step t, so that v_t = s x and v_{t−1} = −s x. The move says w_t (s z_t + x) = 2x, so

    w_t = 2x/(s z_t + x),    a_t = d_{t−1} w_t/(1 − w_t) = d_{t−1}·2x/(s z_t − x),    d_t = d_{t−1}·(s z_t + x)/(s z_t − x)

The last factor falls as s z_t rises, so it is least for s z_t = z_max: d_t grows by at least

    G = (z_max + x)/(z_max − x) = 1 + 2x/(z_max − x)

in every step but the first, and a_t = (G − 1) d_{t−1} with it: the attention must grow geometrically. The first step
is free: the average of one value is that value, whatever was paid for it.

**Corollary 2.** If the attention is bounded, with A = max a/min a, there is a last step. It is found by paying as little
as possible: a_1 = 1 (only ratios matter), then a_t = max(1, 2x d_{t−1}/(z_max − x)), until a_t would exceed A.
Nothing lasts longer. Take any other way of holding |v_t| ≥ x in turn, with sums D_t against our d_t, and suppose
D_{t−1} ≥ d_{t−1}, as it is at t = 2 (in units of its own least attention). It starts from some |v| = y ≥ x and must move
by at least x + y, so it pays at least D_{t−1}(x + y)/(z_max − x), which is no less than D_{t−1}·2x/(z_max − x), and no less
than 1. So what it pays is no less than what we pay, hence D_t ≥ d_t, and so on: where we must exceed A, so must it.

The published proof differs in two places, and neither harms the lemma. It writes a_i = d_{i+1} − d_i, where it is a_{i+1}.
And from 1/(1 − w) it keeps 1 + w, so that its bound on the growth is 1 + 2x/(z_max + x): true, but less than what is
needed. For c = 0.5 and z_max = 2 it is 1.431, where 1.757 must be paid.

Everything here works with logarithms of the attention, so that nothing overflows.

Source: Maginnis & Richemond 2017, arXiv 1705.08480, section 4, Lemma 1 and Corollary 2.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np

from . import checks
from .cells.rwa import RWA

SLACK = 1e-12           # a ratio of attentions that falls short by this part of its logarithm is only rounded: it suffices


# ---- what must be paid -----------------------------------------------------------------------------------------------

def growth_factor(c, z_max):
    """G = (z_max + x)/(z_max − x): the least factor by which d, and with it the attention, grows in every step.

    Args:
        c: the amplitude of the output, in (0, 1); x = artanh(c).
        z_max: the largest |z|, above x.

    Raises:
        TypeError: c or z_max is not a number. ValueError: out of range.
    """
    x, z_max = _checked(c, z_max)
    return (z_max + x) / (z_max - x)


def growth_bound(c, z_max):
    """1 + 2x/(z_max + x), the lower bound of the published proof. It is below `growth_factor`. Arguments as there."""
    x, z_max = _checked(c, z_max)
    return 1 + 2 * x / (z_max + x)


def held_amplitude(growth, z_max):
    """The c that attention growing by `growth` a step can hold: tanh(z_max (growth − 1)/(growth + 1)).

    The reverse of `growth_factor`.

    Raises:
        TypeError: not numbers. ValueError: growth below 1, z_max not above 0.
    """
    growth = checks.number("growth", growth, low=1)
    z_max = checks.number("z_max", z_max, low=0, open_low=True)
    return math.tanh(z_max * (growth - 1) / (growth + 1))


def required_logits(c, z, n_steps=None):
    """The logarithm of the attention that takes the average to (−1)^t x at every step t, neither more nor less.

    Args:
        c: the amplitude, in (0, 1).
        z: the values. A number: |z_t| at every step. Or (T,) floats, the values themselves, with their signs; the first
            is free and not looked at.
        n_steps: T, if z is a number.

    Returns:
        (T,) float64: log a_t for t = 1, ..., T, counted from log a_1 = 0 (only ratios of attentions matter).

    Raises:
        TypeError: arguments of the wrong kind. ValueError: out of range, or a value that cannot reach the target, for it
        must lie beyond it: (−1)^t z_t > x.
    """
    if np.ndim(z) == 0:
        x, z = _checked(c, z, "z")
        beyond = np.full(checks.positive_integer("n_steps", n_steps), z)
    else:
        x = math.atanh(_amplitude(c))
        z = checks.floats("z", z, np.float64)
        if z.ndim != 1 or not z.size or n_steps not in (None, len(z)):
            raise ValueError(f"z has shape {z.shape}, expected (T,){'' if n_steps is None else f' with T = {n_steps}'}")
        beyond = z * signs(len(z))
        short = np.flatnonzero(beyond[1:] <= x) + 1
        if len(short):
            t = short[0]
            raise ValueError(f"z[{t}] is {z[t]:g}, expected {'above' if t % 2 else 'below'} {(-1)**(t + 1) * x:.4g}: a "
                             f"value must lie beyond the target it pulls the average to")
    pull = beyond[1:] - x
    log_d = np.concatenate([[0.0], np.cumsum(np.log1p(2 * x / pull))])           # d_t/d_{t−1} = 1 + 2x/(s z − x)
    return np.concatenate([[0.0], np.log(2 * x / pull) + log_d[:-1]])             # a_t = d_{t−1}·2x/(s z − x)


# ---- how long a bounded attention can pay it -------------------------------------------------------------------------

def last_step(c, z_max, ratio=None, *, log_ratio=None):
    """The last step T at which an RWA of bounded attention can still be at (−1)^t c, having been there at every step.

    Exact: a unit can hold ±c through T steps (see `cheapest_schedule`), and none can through T + 1.

    Args:
        c: the amplitude, in (0, 1).
        z_max: the largest |z|, above artanh(c).
        ratio: A = max a/min a, at least 1.
        log_ratio: log A instead, at least 0, for ratios that would overflow.

    Returns:
        T, an int of at least 1.

    Raises:
        TypeError: both or neither of ratio and log_ratio, or not numbers. ValueError: out of range.
    """
    x, z_max = _checked(c, z_max)
    if (ratio is None) == (log_ratio is None):
        raise TypeError("last_step needs one of ratio and log_ratio, not both or neither")
    if log_ratio is None:
        log_ratio = math.log(checks.number("ratio", ratio, low=1))
    log_ratio = checks.number("log_ratio", log_ratio, low=0) * (1 + SLACK) + SLACK
    cheap, first, growth = _costs(x, z_max)
    return cheap if log_ratio < first else cheap + 1 + math.floor((log_ratio - first) / growth)


def least_log_ratio(c, z_max, n_steps):
    """log A, the least that lets ±c be held through `n_steps` steps: the reverse of `last_step`. Raises as it does."""
    x, z_max = _checked(c, z_max)
    return _least_log_ratio(x, z_max, checks.positive_integer("n_steps", n_steps))


def largest_amplitude(z_max, log_ratio, n_steps):
    """The largest c that can be held through `n_steps` steps by an attention with max a/min a = e^log_ratio.

    No unit that alternates through that many steps can have had a larger amplitude at all of them. Found by bisection.

    Raises:
        TypeError: not numbers. ValueError: z_max not above 0, log_ratio below 0, n_steps below 1.
    """
    z_max = checks.number("z_max", z_max, low=0, open_low=True)
    log_ratio = checks.number("log_ratio", log_ratio, low=0)
    n_steps = checks.positive_integer("n_steps", n_steps)
    possible, impossible = 0.0, z_max
    if n_steps == 1:
        return math.tanh(z_max)
    while possible < (middle := (possible + impossible) / 2) < impossible:
        if _least_log_ratio(middle, z_max, n_steps) <= log_ratio:
            possible = middle
        else:
            impossible = middle
    return math.tanh(possible)


def cheapest_schedule(c, z_max, n_steps):
    """Values and logits that hold ±c at the least max a/min a: the greedy one of Corollary 2.

    While the least attention is more than enough, a smaller |z| is used: a_1 = ... = a_t = 1 make w_t = 1/t, which takes
    the average across with |z_t| = (2t − 1) x. After that, z = ±z_max and attention that grows by G.

    Returns:
        z, logits: (T,) float64 each; the logits start at 0.

    Raises:
        TypeError, ValueError: as `growth_factor`.
    """
    x, z_max = _checked(c, z_max)
    t = np.arange(1, checks.positive_integer("n_steps", n_steps) + 1)
    cheap, first, growth = _costs(x, z_max)
    z = signs(len(t)) * np.where(t <= cheap, np.minimum((2 * t - 1) * x, z_max), z_max)
    return z, np.where(t <= cheap, 0, first + (t - cheap - 1) * growth)


def _costs(x, z_max):
    """How many steps the least attention suffices for, the logarithm of what the next one costs, and log G."""
    extra = 2 * x / (z_max - x)                         # a_t/d_{t−1}, which is G − 1
    cheap = math.floor(1 / extra) + 1                   # with a_1 = ... = 1, d_{t−1} = t − 1: as long as (t − 1)(G − 1) ≤ 1
    return cheap, math.log(extra * cheap), math.log1p(extra)


def _least_log_ratio(x, z_max, n_steps):
    cheap, first, growth = _costs(x, z_max)
    return 0.0 if n_steps <= cheap else max(0.0, first + (n_steps - cheap - 1) * growth)


# ---- the running average itself, and units that alternate ------------------------------------------------------------

def running_average(z, logits):
    """n_t/d_t as the paper writes it, from the sums n_t = Σ z_i e^(logit_i) and d_t = Σ e^(logit_i) themselves.

    For comparison with everything else here. (T,) each; the logits must stay within what exp can represent.

    Raises:
        TypeError, ValueError: not floats of one shape, or logits beyond ±700.
    """
    z = checks.floats("z", z, np.float64)
    logits = checks.floats("logits", logits, np.float64, z.shape, "as z")
    if np.abs(logits).max(initial=0) > 700:
        raise ValueError(f"logits has {np.abs(logits).max():g} in size, expected at most 700: e^710 overflows")
    a = np.exp(logits)
    return np.cumsum(z * a) / np.cumsum(a)


def signs(n_steps):
    """(−1)^t for t = 1, ..., T: (T,) float64."""
    return np.where(np.arange(1, n_steps + 1) % 2, -1.0, 1.0)


def alternating_rwa(c, z_max, log_ratio, n_steps):
    """An RWA of one unit, set by hand, that holds ±c through `last_step(c, z_max, log_ratio=log_ratio)`, and its input.

    It reads two features between 0 and 1: a clock, which goes with the logit that the cheapest schedule asks for and stops
    at 1 when that is log_ratio, and the size of z as a part of z_max. The sign of z is the unit's own: with a large
    negative R_g, tanh(g) is the opposite of the sign of h. From the last step on the logit has nowhere to go: the unit
    still alternates, but its amplitude falls, about as z_max/(2 (t − T)).

    Args:
        c, z_max: as in `growth_factor`.
        log_ratio: the largest logit; the smallest is 0.
        n_steps: T of the input.

    Returns:
        cell, xs: an `RWA` in float64 with D = 2 and H = 1, and (T, 2, 1) float64.

    Raises:
        TypeError, ValueError: as `last_step`.
    """
    z, logits = cheapest_schedule(c, z_max, n_steps)
    held = last_step(c, z_max, log_ratio=log_ratio)
    z[held:] = z_max                                            # beyond it, as much as there is
    cell = RWA(2, 1, dtype="float64")
    cell.params.flat[...] = 0
    cell.params["W_u"][...] = [[0, z_max]]                      # u = z_max · size
    cell.params["R_g"][...] = -1000 / c                         # tanh(g) = −sign(h), to the last digit
    cell.params["W_a"][...] = [[log_ratio, 0]]                  # logit = log_ratio · clock
    cell.params["s"][...] = 1                                   # h_0 > 0, so the first value is negative
    clock = np.minimum(logits / log_ratio, 1) if log_ratio else np.zeros(n_steps)
    return cell, np.stack([clock, np.abs(z) / z_max], axis=1)[:, :, None]


# ---- real cells against the lemma ------------------------------------------------------------------------------------

def limits(cell, low, high):
    """How hard an RWA's values can pull and how far its logits can rise, from its weights alone.

    The logit of a unit is W_a x + R_a h. Each |h| is below 1 and x lies between `low` and `high`, so the logit lies in an
    interval of the length Σ|W_a|(high − low) + 2 Σ|R_a|, whatever happens: log A is at most that.

    Args:
        cell: an `RWA`.
        low, high: the least and largest input, a number for all features or one each.

    Returns:
        z_max, log_ratio: (H,) each, one number per unit.

    Raises:
        TypeError: cell is no RWA, low or high are not numbers. ValueError: low is above high, or they do not fit n_in.
    """
    if not isinstance(cell, RWA):
        raise TypeError(f"cell is a {type(cell).__name__}, expected an RWA")
    try:
        low, high = (np.broadcast_to(np.asarray(limit, np.float64), cell.n_in)[:, None] for limit in (low, high))
    except ValueError:
        raise ValueError(f"low and high have shapes {np.shape(low)} and {np.shape(high)}, expected a number or "
                         f"{cell.n_in} of them each, as the cell reads") from None
    if not (low <= high).all():
        raise ValueError("low is above high, expected the least and the largest input")
    middle, half = (low + high) / 2, (high - low) / 2
    W_u, W_a, R_a = (cell.params[name].astype(np.float64) for name in ("W_u", "W_a", "R_a"))
    z_max = np.abs(W_u @ middle + cell.params["b_u"]) + np.abs(W_u) @ half
    log_ratio = 2 * np.abs(W_a) @ half + 2 * np.abs(R_a).sum(axis=1, keepdims=True)
    return z_max[:, 0], log_ratio[:, 0]


@dataclass(frozen=True)
class Growth:
    """How fast the attention of a unit that holds ±c grew, per step."""

    measured: float     # its attention's
    exact: float        # what its own values z ask for, by the lemma
    bound: float        # the published proof's, for the largest |z| it used
    c: float
    z_max: float        # the largest |z| it used
    first: int          # from this step (counted from 1)
    last: int           # to this one
    largest_error: float    # the largest | |h| − c | at those steps

    def as_dict(self):
        """For JSON."""
        return asdict(self)


def measure_growth(run, c, *, unit=0, column=0, first=2, last=None):
    """The growth of the attention of one unit of an RWA that holds ±c, beside what the lemma says it must be.

    Over the steps from `first` to `last`, the attention grew by e^((logit_last − logit_first)/(last − first)) a step. The
    lemma's own number is that of `required_logits` for the z that the unit chose.

    Args:
        run: of an `RWA` whose h alternates between about c and −c from step first − 1 to step last.
        c: the amplitude that the unit holds, in (0, 1).
        unit, column: which.
        first, last: steps, counted from 1; to the end without `last`.

    Returns:
        A `Growth`.

    Raises:
        TypeError: the run is not of an RWA. ValueError: steps out of range, or a unit that does not hold ±c.
    """
    c = _amplitude(c)
    if not isinstance(run.cell, RWA):
        raise TypeError(f"run is of a {type(run.cell).__name__}, expected one of an RWA")
    first, last = checks.positive_integer("first", first), checks.positive_integer("last", last or run.n_steps)
    if not 2 <= first < last <= run.n_steps:
        raise ValueError(f"first and last are {first} and {last}, expected 2 ≤ first < last ≤ {run.n_steps}")
    h, z, logits = (run[name][first - 2:last, unit, column].astype(np.float64) for name in ("h", "z", "a"))
    turn = -np.sign(h[0])                       # the lemma's sequence starts below zero; this one may start above
    error = np.abs(turn * h * signs(len(h)) - c)
    if error.max() > 0.1 * c:
        t = int(np.argmax(error > 0.1 * c))
        raise ValueError(f"h is {h[t]:.4g} at step {first - 1 + t}, expected about "
                         f"{turn * signs(len(h))[t] * c:g}: the unit does not hold ±{c:g} there")
    measured, exact = (math.exp((a[-1] - a[1]) / (last - first)) for a in (logits, required_logits(c, turn * z)))
    z_max = float(np.abs(z[1:]).max())
    return Growth(measured=measured, exact=exact, bound=growth_bound(c, z_max), c=c, z_max=z_max, first=first, last=last,
                  largest_error=float(error.max()))


def _amplitude(c):
    c = checks.number("c", c, low=0, high=1, open_low=True)
    if c == 1:
        raise ValueError("c is 1, expected a number below 1: tanh of an average never reaches it")
    return c


def _checked(c, z_max, name="z_max"):
    """artanh(c) and z_max, which must be above it."""
    x, z_max = math.atanh(_amplitude(c)), checks.number(name, z_max)
    if z_max <= x:
        raise ValueError(f"{name} is {z_max:g}, expected above {x:.4g}, which is artanh(c): a value must lie beyond the "
                         "target")
    return x, z_max
