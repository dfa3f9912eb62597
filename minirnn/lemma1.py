"""Lemma 1: what a running average must pay to keep changing its mind, and when it can no longer pay.

Can an RWA say −c, +c, −c, ...? Its output is h_t = tanh(v_t), where v_t is the average of all values z so far, weighted by
the attention α > 0 that each was paid. With d_t for the sum of all attention up to step t, each value moves the average by
its share w_t of that sum (see `cells/rwa.py`, where the attention is written e^a and a is called the logit):

    v_t = v_{t−1} + w_t (z_t − v_{t−1}),    w_t = α_t/d_t,    d_t = d_{t−1} + α_t

Let V = artanh(c). Then h_t = (−1)^t c means v_t = (−1)^t V: every step must carry the average from one side of zero to the
other, over a distance of 2V. A value pulls only so hard, |z_t| ≤ z_max, and the rest is arithmetic.

**Lemma 1.** Let q = (−1)^t, so that v_t = qV and v_{t−1} = −qV. Put into the first equation above, this gives
w_t (qz_t + V) = 2V, so

    w_t = 2V/(qz_t + V),    α_t = d_{t−1} w_t/(1 − w_t) = d_{t−1}·2V/(qz_t − V),    d_t = d_{t−1}·(qz_t + V)/(qz_t − V)

The last factor falls as qz_t rises, so it is least for qz_t = z_max. In every step but the first, d_t therefore grows by at
least the factor

    G = (z_max + V)/(z_max − V) = 1 + 2V/(z_max − V)

and α_t ≥ (G − 1) d_{t−1}: the attention must grow geometrically. The first step is free, because the average of one value
is that value, whatever was paid for it.

**Corollary 2.** If the attention is bounded, with A = max α/min α, there is a last step. Only ratios of attention matter, so
let the least attention be 1. The schedule that lasts longest pays as little as it can at every step:

    α_1 = 1,    α_t = max(1, 2V d_{t−1}/(z_max − V)),    until α_t would exceed A

No other schedule lasts longer. Let D_t be the sums of another one that holds |v_t| ≥ V, in units of its own least attention:

    1. D_1 ≥ 1 = d_1. Suppose that D_{t−1} ≥ d_{t−1}.
    2. The other schedule starts step t at some |v| = y ≥ V, so it must move the average by at least y + V.
    3. That costs it at least D_{t−1}(y + V)/(z_max − V) ≥ d_{t−1}·2V/(z_max − V), and at least 1: no less than α_t.
    4. Hence D_t ≥ d_t, and by induction at every step. Where α_t exceeds A, the other schedule's attention does too.

The published proof differs in two places, and neither harms the lemma. In the symbols above it writes α_i = d_{i+1} − d_i,
where that difference is α_{i+1}. And it replaces 1/(1 − w) by the smaller 1 + w, so that its bound on the growth is
1 + 2V/(z_max + V): true, but less than what must be paid. For c = 0.5 and z_max = 2 it is 1.431, where 1.757 must be paid.

Everything here works with logarithms of the attention (logits), so that nothing overflows.

Source: Maginnis & Richemond 2017, arXiv 1705.08480, section 4, Lemma 1 and Corollary 2.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np

from . import checks
from .cells.rwa import RWA

SLACK = 1e-12           # a ratio of attentions may fall short by this part of its logarithm: that is rounding


# ---- what must be paid -----------------------------------------------------------------------------------------------

def growth_factor(c, z_max):
    """G = (z_max + V)/(z_max − V): the least factor by which d, and with it the attention, grows in every step.

    Args:
        c: the amplitude of the output, in (0, 1); V = artanh(c).
        z_max: the largest |z|, above V.

    Raises:
        TypeError: c or z_max is not a number. ValueError: out of range.
    """
    V, z_max = _checked(c, z_max)
    return (z_max + V) / (z_max - V)


def growth_bound(c, z_max):
    """1 + 2V/(z_max + V), the lower bound of the published proof. It is below `growth_factor`. Arguments as there."""
    V, z_max = _checked(c, z_max)
    return 1 + 2 * V / (z_max + V)


def held_amplitude(growth, z_max):
    """The amplitude c that attention growing by the factor `growth` per step can hold: tanh(z_max (growth − 1)/(growth + 1)).

    The reverse of `growth_factor`.

    Raises:
        TypeError: not numbers. ValueError: growth below 1, z_max not above 0.
    """
    growth = checks.number("growth", growth, low=1)
    z_max = checks.number("z_max", z_max, low=0, open_low=True)
    return math.tanh(z_max * (growth - 1) / (growth + 1))


def required_logits(c, z, n_steps=None):
    """The logarithm of the attention that takes the average exactly to (−1)^t V at every step t.

    Args:
        c: the amplitude, in (0, 1).
        z: the values: a number, |z_t| at every step, or (T,) floats, the values themselves with their signs. The first
            value is free and is not checked.
        n_steps: T, if z is a number.

    Returns:
        (T,) float64: log α_t for t = 1, ..., T, with log α_1 = 0 (only ratios of attentions matter).

    Raises:
        TypeError: arguments of the wrong kind. ValueError: out of range, or a value that does not lie beyond the target,
        (−1)^t z_t > V, and so cannot pull the average there.
    """
    if np.ndim(z) == 0:
        V, z = _checked(c, z, "z")
        beyond = np.full(checks.positive_integer("n_steps", n_steps), z)
    else:
        V = math.atanh(_amplitude(c))
        z = checks.floats("z", z, np.float64)
        if z.ndim != 1 or not z.size or n_steps not in (None, len(z)):
            raise ValueError(f"z has shape {z.shape}, expected (T,){'' if n_steps is None else f' with T = {n_steps}'}")
        beyond = z * signs(len(z))
        short = np.flatnonzero(beyond[1:] <= V) + 1
        if len(short):
            t = short[0]
            raise ValueError(f"z[{t}] is {z[t]:g}, expected {'above' if t % 2 else 'below'} {(-1)**(t + 1) * V:.4g}: a "
                             f"value must lie beyond the target it pulls the average to")
    pull = beyond[1:] - V
    log_d = np.concatenate([[0.0], np.cumsum(np.log1p(2 * V / pull))])           # d_t/d_{t−1} = 1 + 2V/(qz − V)
    return np.concatenate([[0.0], np.log(2 * V / pull) + log_d[:-1]])             # α_t = d_{t−1}·2V/(qz − V)


# ---- how long a bounded attention can pay it -------------------------------------------------------------------------

def last_step(c, z_max, ratio=None, *, log_ratio=None):
    """The largest number of steps T through which an RWA of bounded attention can output (−1)^t c.

    It is exact: `cheapest_schedule` holds ±c through T steps, and no schedule does through T + 1.

    Args:
        c: the amplitude, in (0, 1).
        z_max: the largest |z|, above artanh(c).
        ratio: A = max α/min α, at least 1.
        log_ratio: log A instead, at least 0, for ratios that would overflow.

    Returns:
        T, an int of at least 1.

    Raises:
        TypeError: both or neither of ratio and log_ratio, or not numbers. ValueError: out of range.
    """
    V, z_max = _checked(c, z_max)
    if (ratio is None) == (log_ratio is None):
        raise TypeError("last_step needs one of ratio and log_ratio, not both or neither")
    if log_ratio is None:
        log_ratio = math.log(checks.number("ratio", ratio, low=1))
    log_ratio = checks.number("log_ratio", log_ratio, low=0) * (1 + SLACK) + SLACK
    cheap, first, growth = _costs(V, z_max)
    return cheap if log_ratio < first else cheap + 1 + math.floor((log_ratio - first) / growth)


def least_log_ratio(c, z_max, n_steps):
    """log A, the least that lets ±c be held through `n_steps` steps: the reverse of `last_step`. Raises as it does."""
    V, z_max = _checked(c, z_max)
    return _least_log_ratio(V, z_max, checks.positive_integer("n_steps", n_steps))


def largest_amplitude(z_max, log_ratio, n_steps):
    """The largest c that can be held through `n_steps` steps by an attention with max α/min α = e^log_ratio.

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
    """Values and logits that hold ±c with the least max α/min α: the schedule of Corollary 2.

    At first the least attention, 1, is more than enough, so a smaller |z| is used: α_1 = ... = α_t = 1 give w_t = 1/t, which
    takes the average across with |z_t| = (2t − 1) V. After that, z = ±z_max and the attention grows by G.

    Returns:
        z, logits: (T,) float64 each; the logits start at 0.

    Raises:
        TypeError, ValueError: as `growth_factor`.
    """
    V, z_max = _checked(c, z_max)
    t = np.arange(1, checks.positive_integer("n_steps", n_steps) + 1)
    cheap, first, growth = _costs(V, z_max)
    z = signs(len(t)) * np.where(t <= cheap, np.minimum((2 * t - 1) * V, z_max), z_max)
    return z, np.where(t <= cheap, 0, first + (t - cheap - 1) * growth)


def _costs(V, z_max):
    """The number of steps for which the least attention suffices, the logarithm of what the next step costs, and log G."""
    extra = 2 * V / (z_max - V)                         # α_t/d_{t−1}, which is G − 1
    cheap = math.floor(1 / extra) + 1                   # with α_1 = ... = 1, d_{t−1} = t − 1: as long as (t − 1)(G − 1) ≤ 1
    return cheap, math.log(extra * cheap), math.log1p(extra)


def _least_log_ratio(V, z_max, n_steps):
    cheap, first, growth = _costs(V, z_max)
    return 0.0 if n_steps <= cheap else max(0.0, first + (n_steps - cheap - 1) * growth)


# ---- the running average itself, and units that alternate ------------------------------------------------------------

def running_average(z, logits):
    """n_t/d_t as the paper writes it, from the literal sums n_t = Σ z_i α_i and d_t = Σ α_i.

    Everything else here is compared with it. z and logits are (T,) each, and the logits must stay within the range of exp.

    Raises:
        TypeError, ValueError: not floats of one shape, or logits beyond ±700.
    """
    z = checks.floats("z", z, np.float64)
    logits = checks.floats("logits", logits, np.float64, z.shape, "as z")
    if np.abs(logits).max(initial=0) > 700:
        raise ValueError(f"logits has {np.abs(logits).max():g} in size, expected at most 700: e^710 overflows")
    attention = np.exp(logits)
    return np.cumsum(z * attention) / np.cumsum(attention)


def signs(n_steps):
    """(−1)^t for t = 1, ..., T: (T,) float64."""
    return np.where(np.arange(1, n_steps + 1) % 2, -1.0, 1.0)


def alternating_rwa(c, z_max, log_ratio, n_steps):
    """An RWA of one unit, set by hand, that holds ±c through `last_step(c, z_max, log_ratio=log_ratio)`, and its input.

    The unit reads two features between 0 and 1. The first is a clock: it rises in proportion to the logit of the cheapest
    schedule and stops at 1, where that logit reaches log_ratio. The second is |z|/z_max. The sign of z is the unit's own
    doing: with a large negative R_g, tanh(g) is the opposite of the sign of h. After the last step T the logit can rise no
    further: the unit still alternates, but its amplitude falls, about as z_max/(2(t − T)).

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
    z[held:] = z_max                                            # after the last step, the largest value
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

    The logit of a unit is W_a x + R_a h, where x is the input. Each |h| is below 1 and x lies between `low` and `high`, so
    the logit always lies in an interval of length Σ|W_a|(high − low) + 2 Σ|R_a|, and log A is at most that length.

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

    measured: float     # the factor by which its attention grew
    exact: float        # the factor that its own values z require, by the lemma
    bound: float        # the published lower bound, for the largest |z| it used
    c: float
    z_max: float        # the largest |z| it used
    first: int          # from this step (counted from 1)
    last: int           # to this one
    largest_error: float    # the largest | |h| − c | at those steps

    def as_dict(self):
        """For JSON."""
        return asdict(self)


def measure_growth(run, c, *, unit=0, column=0, first=2, last=None):
    """How fast the attention of an RWA unit that holds ±c grew, beside the growth that the lemma requires.

    From step `first` to step `last` the attention grew by the factor e^((logit_last − logit_first)/(last − first)) per step.
    The required growth comes from `required_logits`, given the values z that the unit used.

    Args:
        run: of an `RWA` whose h alternates between about c and −c from step first − 1 to step last.
        c: the amplitude that the unit holds, in (0, 1).
        unit, column: which unit, in which column of the batch.
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
    measured, exact = (math.exp((log[-1] - log[1]) / (last - first)) for log in (logits, required_logits(c, turn * z)))
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
    V, z_max = math.atanh(_amplitude(c)), checks.number(name, z_max)
    if z_max <= V:
        raise ValueError(f"{name} is {z_max:g}, expected above {V:.4g}, which is artanh(c): a value must lie beyond the "
                         "target")
    return V, z_max
