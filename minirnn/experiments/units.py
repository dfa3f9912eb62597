"""Single units of an RWA that hold ±c: set by hand, searched for, and taught. How fast does their attention grow?"""

import numpy as np

from .. import checks
from .. import lemma1 as lemma
from ..cells.rwa import RWA
from ..optim import Adam, clip_by_element
from ..unrolling import unroll


def amplitudes_held(growths, z_max, n_steps=200):
    """The amplitude at which a real RWA unit ends up whose attention grows by a given factor in every step.

    The unit has z = ±z_max, always against the sign of its own h, and reads its logit from the input. One column each.

    Args:
        growths: (B,) factors of at least 1.
        z_max: the size of z.
        n_steps: how long to run before looking.

    Returns:
        (B,) float64: |h| at the last step.
    """
    growths = checks.floats("growths", growths, np.float64, (len(growths),))
    cell = RWA(1, 1, dtype="float64")
    cell.params.flat[...] = 0
    cell.params["b_u"][...] = z_max
    cell.params["R_g"][...] = -1e6                              # tanh(g) = −sign(h)
    cell.params["W_a"][...] = 1                                 # the input is the logit
    cell.params["s"][...] = 1
    xs = np.log(growths) * np.arange(n_steps, dtype=np.float64)[:, None, None]
    return np.abs(unroll(cell, xs).state[0][0])


def least_growth(c, z_max):
    """The least growth per step that holds ±c, searched for on a running RWA unit without use of the lemma.

    Returns:
        A float, right to about 1e-10.
    """
    high = 2.0
    while amplitudes_held(np.array([high]), z_max)[0] < c:
        high *= 2
    low = 1.0
    for _ in range(6):                                          # a hundred at a time, then between the two that matter
        growths = np.linspace(low, high, 101)
        enough = int(np.argmax(amplitudes_held(growths, z_max) >= c))
        low, high = growths[max(enough - 1, 0)], growths[enough]
    return float(high)


def fit_unit(cell, c=0.5, *, n_steps=30, settle=4, steps=4000, lr=0.003, tolerance=0.002):
    """Teach one unit of an RWA to output (−1)^t c itself, by mean squared error on its h. No head reads it.

    Of the units, the one is taken that is closest to the target already. All weights learn; the other units may do
    whatever helps (they are its clock). The input is a constant 1.

    Args:
        cell: an `RWA` that reads one feature. It is not changed.
        c: the amplitude, in (0, 1).
        n_steps: T.
        settle: the loss ignores the first `settle` steps. (After the first step the average is z_1. A unit that had to be at
            −c there would learn a z of just that size, and a value so close to the target makes all later steps costly.)
        steps: the largest number of updates, by Adam.
        lr: its learning rate.
        tolerance: stop when no step is further than this from the target.

    Returns:
        run, unit, updates: a `Run` of the fitted copy (`run.cell`, float64), which unit it is, and the updates made.

    Raises:
        TypeError, ValueError: sizes out of range, or a cell that does not read one feature.
    """
    n_steps, steps = checks.positive_integer("n_steps", n_steps), checks.positive_integer("steps", steps)
    if not 0 <= settle < n_steps:
        raise ValueError(f"settle is {settle}, expected from 0 to n_steps − 1 = {n_steps - 1}")
    cell, optimizer = cell.astype("float64"), Adam(lr)
    xs = np.ones((n_steps, 1, 1))
    target = lemma.signs(n_steps)[settle:, None] * c            # (T − settle, B)
    run = unroll(cell, xs)
    unit = int(((run.hs[settle:] - target[:, None])**2).mean(axis=(0, 2)).argmin())
    for update in range(steps + 1):
        error = run.hs[settle:, unit] - target
        if update == steps or np.abs(error).max() < tolerance:
            return run, unit, update
        dhs = np.zeros(run.hs.shape)
        dhs[settle:, unit] = 2 * error / error.size
        _, grads, _ = run.backward(dhs)
        clip_by_element(grads, 1.0)
        optimizer.update(cell.params, grads)
        run = unroll(cell, xs, out=run)


def hand_set_unit(c, z_max, log_ratio):
    """`lemma1.alternating_rwa` run to twice its last step, as `Lemma1.hand_set`."""
    last = lemma.last_step(c, z_max, log_ratio=log_ratio)
    cell, xs = lemma.alternating_rwa(c, z_max, log_ratio, 2 * last)
    run = unroll(cell, xs)
    h = run["h"][:, 0, 0]
    held = h * lemma.signs(len(h)) >= c * (1 - 1e-9)
    return {"c": c, "z_max": z_max, "log_ratio": log_ratio, "last_step": last,
            "held": len(h) if held.all() else int(held.argmin()),
            "h": h.copy(), "logits": run["a"][:, 0, 0].copy(), "required": lemma.cheapest_schedule(c, z_max, len(h))[1]}


def fitted_unit(cell, c=0.5, *, settle=4, **options):
    """`fit_unit`, then the growth of what it learned, as `Lemma1.fitted`; None if the unit did not come to hold ±c."""
    run, unit, updates = fit_unit(cell, c, settle=settle, **options)
    first = settle + 2                          # it holds ±c from step settle + 1, and the lemma speaks of the next
    try:
        growth = lemma.measure_growth(run, c, unit=unit, first=first)
    except ValueError:
        return None
    h, z, logits = (run[name][:, unit, 0].copy() for name in ("h", "z", "a"))
    z *= (-1)**settle
    return {**growth.as_dict(), "unit": unit, "updates": updates, "h": h, "logits": logits - logits[first - 1],
            "required": (lambda a: a[1:] - a[1])(lemma.required_logits(c, z[settle:]))}
