"""The parts of the demo, which shows a newcomer what there is: every gradient checked, and a small language model trained."""

from dataclasses import dataclass

from ..cells import CELLS
from ..checking.check import METHODS, gradcheck
from ..checking.problems import awake_cell
from ..interrupts import pass_on
from ..tasks import make_task
from ..training import History, evaluate, make_model, train

LANGUAGE_MODEL = {"cell": "lstm", "hidden": 128, "steps": 1500, "batch": 32, "lr": 0.005, "length": 50}


def check_every_cell(seed=0):
    """For each cell, its name and a dict from method to `Report`: an iterator, so that each can be shown when it is there."""
    for name in CELLS:
        yield name, {method: gradcheck(awake_cell(name, rng=seed), method=method, rng=seed) for method in METHODS}


@dataclass
class LanguageModel:
    """A model that reads a text character by character, and how well it does."""

    task: object            # a `Text`
    model: object
    history: History
    bits: dict              # split -> bits per character, "validation" and "test"
    frequency_bits: float   # of the test part, by guessing how frequent each character is
    sample: str             # what it writes

    @classmethod
    def of(cls, task, model, history, start=None):
        """The same of a model that has been trained; `start` is what its sample begins with."""
        bits = {split: evaluate(model, task, split, batch=16)["loss"] for split in ("validation", "test")}
        sample = (start or "") + task.sample(model, 300, start=start, temperature=0.7, rng=0)
        return cls(task, model, history, bits, task.frequency_bits("test"), sample)


def language_task():
    """The demo's text, as a task."""
    return make_task("text", length=LANGUAGE_MODEL["length"])


def language_model(task, seed=0, callback=None):
    """Train the demo's language model on a text: a `LanguageModel`; `callback` as in `train`."""
    of = LANGUAGE_MODEL
    model = make_model(task, of["cell"], of["hidden"], rng=seed)
    history = train(model, task, steps=of["steps"], batch=of["batch"], lr=of["lr"], rng=seed, callback=callback)
    pass_on(history)
    return LanguageModel.of(task, model, history, start="The ")
