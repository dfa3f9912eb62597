"""Measuring in turns: whatever slows down one of the things that are compared slows down all of them."""

import statistics
import time

import numpy as np

from .. import checks

TURN = 0.1          # minimum seconds per turn; a turn makes as many calls as that takes
REST = 0.1          # seconds between turns. The threads of the turn before have then gone to sleep: OpenBLAS's do after 0.05


def measure(contestants, runs):
    """The seconds that each contestant takes, measured in turns, so that whatever slows down one slows down all.

    Args:
        contestants: name -> a list of functions without arguments, which are called one after the other. Each should have
            been called before, so that no turn includes work that is done only once.
        runs: the number of turns.

    Returns:
        name -> (runs, number of functions) array: the seconds of one call of each function.
    """
    checks.positive_integer("runs", runs)
    found = {name: np.zeros((runs, len(functions))) for name, functions in contestants.items()}
    began = {name: _stamps(functions) for name, functions in contestants.items()}
    calls = {name: max(1, round(TURN / max(1e-9, stamps.sum()))) for name, stamps in began.items()}
    for run in range(runs):
        for name, functions in contestants.items():
            time.sleep(REST)
            for _ in range(calls[name]):
                found[name][run] += _stamps(functions) / calls[name]
    return found


def _stamps(functions):
    """The seconds that each function takes, called one after the other."""
    stamps = [time.perf_counter()]
    for function in functions:
        function()
        stamps.append(time.perf_counter())
    return np.diff(stamps)


def median_ratio(a, b):
    """The median of how many times longer a took than b, turn by turn."""
    return statistics.median((a / b).tolist())
