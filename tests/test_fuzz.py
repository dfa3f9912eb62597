"""Twenty thousand calls with arguments that nobody meant: each works, or says in a sentence what is wrong with them.

Each call is one that works, with one or two of its arguments replaced. With the environment variable MINIRNN_ALL=1 all are made,
without it a tenth.
"""

import warnings
from collections import Counter
from functools import partial

import numpy as np
import pytest
from whole import amount

import minirnn
from minirnn import arrays, files, lemma1, memory

ALLOWED = (ValueError, TypeError, KeyError, FloatingPointError, OSError)
RNG = np.random.default_rng


def odd_values():
    """What could stand anywhere. Arrays are made anew for each call, for a call may keep them."""
    nan, far = np.zeros((5, 3, 2)), np.zeros((5, 3, 2))
    nan[2, 1, 0], far[2, 1, 0] = np.nan, 1e300
    return [
        None, True, False, 0, -1, 1, 2, 3, 2**62, 10**400, -2**70, 0.5, -0.5, 1e-300, 1e300, float("nan"), float("inf"),
        1j, "", "lstm", "rda", "float32", "complex128", "no-such-thing", "a\0b", "ä" * 300, b"lstm", [], [1], [1.0, 2.0], (), (1,),
        {}, {"a": 1}, {"W": None}, object(), object, lambda *given: None, iter([]), np.float32(1), np.int64(3), np.bool_(True),
        np.array(0.5), np.array(3), np.zeros(0), np.zeros(3), np.zeros((2, 3)), np.zeros((5, 3, 2)), np.zeros((5, 4, 2)),
        np.ones((5, 2), int), np.zeros((5, 3, 2), np.float32), np.zeros((5, 3, 2), np.float16), np.zeros((5, 3, 2), complex),
        np.zeros((5, 3, 2), int), np.zeros((5, 3, 2), bool), np.zeros((0, 3, 2)), np.zeros((5, 3, 0)), nan, far,
        np.ma.masked_equal(np.zeros((5, 3, 2)), 0), np.full((5, 3, 2), "x"), np.full((5, 3, 2), None), np.zeros((5, 3, 2))[::-1],
        np.asfortranarray(np.zeros((5, 3, 2))), np.zeros((5, 3, 2), ">f8"), [[[1.0]], [[1.0, 2.0]]], "M8[s]", np.zeros(2, "M8[s]"),
        minirnn.make_cell("rnn", 3, 4), minirnn.CELLS["gru"], minirnn.make_task("parity", length=3), RNG(0),
    ]


def step(p, x, old):
    return (np.tanh(p["W"] @ x),), {}


def step_backward(p, dnew, x, old, new, memo, grads):
    da = dnew[0] * (1 - new[0]**2)
    grads["W"] += da @ x.T
    return p["W"].T @ da, (0 * old[0],)


def calls(folder):
    """Name -> (function, the arguments with which it works). Made anew for each call."""
    cell, model = minirnn.make_cell("lstm", 3, 4), minirnn.Model(minirnn.make_cell("rnn", 3, 4), 2, normalise=True)
    task = minirnn.make_task("parity", length=3)
    xs, ys, symbols = RNG(0).normal(size=(5, 3, 2)), np.zeros((5, 4, 2)), np.zeros((5, 2), int)
    run, model_run = minirnn.unroll(cell, xs), model.forward(xs)
    grads = cell.params.like()
    model.save(folder / "model.npz")
    embedding = minirnn.Embedding(5, 3)
    return {
        "make_cell": (minirnn.make_cell, {"name": "rda", "n_in": 3, "n_hidden": 4, "rng": 0, "dtype": "float32",
                                          "attention": "exp", "learned_state": True}),
        "unroll": (minirnn.unroll, {"cell": cell, "xs": xs, "state": None, "out": None, "segment": None, "progress": None}),
        "backward": (run.backward, {"dhs": ys, "dstate": None}),
        "run[]": (run.__getitem__, {"name": "f"}),
        "initial_state": (cell.initial_state, {"batch": 2}),
        "astype": (cell.astype, {"dtype": "float64"}),
        "FunctionCell": (minirnn.FunctionCell, {"step": step, "step_backward": step_backward, "params": {"W": np.zeros((4, 3))},
                                                "n_in": 3, "n_hidden": 4, "state_names": ("h",), "dtype": "float64"}),
        "describe": (minirnn.describe, {"name": "gru", "n_in": 3, "n_hidden": 4}),
        "recurrent_bounds": (minirnn.recurrent_bounds, {"n_steps": 10}),
        "Model": (minirnn.Model, {"cells": minirnn.make_cell("rnn", 3, 4), "n_out": 2, "inputs": None, "residual": False,
                                  "normalise": True, "dropout": 0.1, "rng": 0}),
        "make_model": (minirnn.make_model, {"task": task, "cell": "gru", "n_hidden": 4, "n_layers": 1, "normalise": False,
                                            "dropout": 0.0, "rng": 0, "dtype": "float32"}),
        "forward": (model.forward, {"xs": xs, "state": None, "out": None, "training": True, "segment": None}),
        "model backward": (model_run.backward, {"doutputs": np.zeros((5, 2, 2)), "dstate": None}),
        "save": (model.save, {"path": folder / "other.npz"}),
        "load": (model.load, {"path": folder / "model.npz"}),
        "params[]": (model.params.__getitem__, {"name": "cell.W"}),
        "OneHot": (minirnn.OneHot, {"n_symbols": 5, "dtype": "float32"}),
        "Embedding": (minirnn.Embedding, {"n_symbols": 5, "n_dims": 3, "rng": 0, "dtype": "float32"}),
        "Embedding.forward": (embedding.forward, {"xs": symbols}),
        "Linear": (minirnn.Linear, {"n_in": 3, "n_out": 2, "rng": 0, "dtype": "float32"}),
        "Linear.forward": (minirnn.Linear(3, 2).forward, {"xs": xs}),
        "BatchNorm": (minirnn.BatchNorm, {"n_in": 3, "momentum": 0.9, "epsilon": 1e-5, "dtype": "float32"}),
        "BatchNorm.forward": (minirnn.BatchNorm(3).forward, {"xs": xs, "training": True}),
        "Dropout": (minirnn.Dropout, {"dropout": 0.5, "rng": 0, "dtype": "float32"}),
        "Dropout.forward": (minirnn.Dropout(0.5).forward, {"xs": xs, "training": True}),
        "mean_squared_error": (minirnn.mean_squared_error, {"outputs": xs, "targets": xs, "weights": None}),
        "sigmoid_cross_entropy": (minirnn.sigmoid_cross_entropy, {"outputs": xs, "targets": xs > 0.0, "weights": np.ones((5, 2))}),
        "softmax_cross_entropy": (minirnn.softmax_cross_entropy, {"outputs": xs, "targets": symbols, "weights": None}),
        "SGD": (minirnn.SGD, {"lr": 0.1, "momentum": 0.5}),
        "RMSProp": (minirnn.RMSProp, {"lr": 0.1, "decay": 0.5, "epsilon": 1e-8}),
        "Adam": (minirnn.Adam, {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-8}),
        "clip_by_element": (minirnn.clip_by_element, {"grads": grads, "limit": 1.0}),
        "clip_by_norm": (minirnn.clip_by_norm, {"grads": grads, "limit": 1.0}),
        "make_task": (minirnn.make_task, {"name": "parity", "length": 5}),
        "batch": (task.batch, {"rng": 0, "batch_size": 3}),
        "train": (minirnn.train, {"model": minirnn.make_model(task, "rnn", 3), "task": task, "steps": 1, "batch": 2,
                                  "optimizer": "adam", "lr": 0.01, "clip": 1.0, "clip_norm": None, "until": None, "rng": 0,
                                  "callback": None}),
        "evaluate": (minirnn.evaluate, {"model": minirnn.make_model(task, "rnn", 3), "task": task, "batch": 3, "rng": 0}),
        "write_arrays": (arrays.write_arrays, {"path": folder / "other.npz", "arrays": {"a": xs}}),
        "read_arrays": (arrays.read_arrays, {"path": folder / "model.npz", "expected": None}),
        "check_writable": (files.check_writable, {"folder": folder}),
        "memory_estimate": (memory.memory_estimate, {"name": "lstm", "size": (5, 4, 3, 2), "segment": None}),
        "check_training_memory": (partial(memory.check_training_memory, model), {"n_steps": 5, "batch": 2}),
        "growth_factor": (lemma1.growth_factor, {"c": 0.5, "z_max": 2.0}),
        "last_step": (lemma1.last_step, {"c": 0.5, "z_max": 2.0, "log_ratio": 30.0}),
    }


FOR_EVER = {("train", "steps")}         # where a large number is no mistake and takes its time


def told(error):
    """Whether an error says something, in one sentence, to people."""
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return isinstance(error, ALLOWED) and len(said) > 8 and "\n" not in said.strip()


@pytest.mark.parametrize("seed", range(8))
def test_any_call_works_or_says_what_is_wrong_with_its_arguments(seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng, wrong, made = RNG(seed), Counter(), 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        while made < amount(250, 2500):
            for name, (function, arguments) in calls(tmp_path).items():
                changed = rng.choice(list(arguments), size=min(len(arguments), rng.integers(1, 3)), replace=False)
                values = odd_values()
                for argument in changed:
                    value = values[rng.integers(len(values))]
                    if (name, argument) in FOR_EVER and isinstance(value, int) and value > 3:
                        continue
                    arguments[argument] = value
                made += 1
                try:
                    function(**arguments)
                except BaseException as error:
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    if not told(error):
                        given = ", ".join(f"{argument} = {arguments[argument]!r:.40}" for argument in changed)
                        wrong[f"{name}: {given}: {error!r:.150}"] += 1
    assert not wrong, "\n".join(wrong)
