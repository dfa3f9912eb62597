"""How much of a long test is run: a short form day by day, all of it with the environment variable MINIRNN_ALL=1."""

import os

ALL = bool(os.environ.get("MINIRNN_ALL"))


def amount(short, whole):
    """How many tries a test makes."""
    return whole if ALL else short
