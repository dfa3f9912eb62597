"""How much memory a training takes is known before, near enough to be believed, and more than there is is refused."""

import tracemalloc

import pytest

import minirnn
from minirnn import checks, memory

MODELS = [("lstm", 32, 50, 16, {}), ("rda", 24, 200, 8, {}), ("gru", 48, 60, 32, {"n_layers": 2, "residual": True,
          "normalise": True, "dropout": 0.2}), ("rwa", 8, 300, 4, {"dtype": "float64"}), ("rnn", 4, 20, 20_000, {})]


@pytest.mark.parametrize("cell, n_hidden, n_steps, batch, options", MODELS)
@pytest.mark.parametrize("task", ["parity", "text"])
def test_a_training_takes_no_more_than_was_said_and_not_much_less(task, cell, n_hidden, n_steps, batch, options):
    if task == "text":
        batch = min(batch, 32)
    made = minirnn.make_task(task, length=n_steps)
    model = minirnn.make_model(made, cell, n_hidden, **options)
    tracemalloc.start()
    try:
        minirnn.train(model, made, steps=2, batch=batch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    said = memory.training_memory(model, n_steps, batch)
    assert 0.95 * peak < said < 2 * peak + 20e6                 # beside a large step what it works in counts for little


def test_more_memory_than_there_is_is_refused_with_a_batch_that_fits(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 2e9)
    model = minirnn.make_model(minirnn.make_task("parity"), "lstm", 32)
    assert memory.check_training_memory(model, 20, 32) < 1e8
    with pytest.raises(ValueError, match="training on 99999999999 sequences of 20 steps needs about .* GB of memory, this machine "
                                         r"has 2.0 GB: batch = \d+ would fit") as caught:
        memory.check_training_memory(model, 20, 99999999999)
    batch = int(str(caught.value).split("batch = ")[1].split()[0])
    assert memory.check_training_memory(model, 20, batch)
    with pytest.raises(ValueError, match="batch"):
        memory.check_training_memory(model, 20, batch + 1)
    with pytest.raises(ValueError, match="expected shorter sequences or a smaller network"):
        memory.check_training_memory(model, 10**12, 32)


@pytest.mark.parametrize("call, words", [
    (lambda: minirnn.make_cell("lstm", 3, 2**62), r"parameters would take \de\+\d+ GB of memory, this machine has"),
    (lambda: minirnn.make_cell("rnn", 2**62, 1), "parameters would take"),
    (lambda: minirnn.Model(minirnn.make_cell("rnn", 3, 4), 2**62), "parameters would take"),
    (lambda: minirnn.Embedding(2**62, 2**62), "parameters would take"),
    (lambda: minirnn.describe("gru", 2**40, 2**40), "parameters would take"),
    (lambda: minirnn.make_cell("rnn", 3, 4).initial_state(2**62), "the state of 4611686018427387904 columns would take"),
])
def test_sizes_beyond_all_memory_are_refused_before_anything_is_made(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_gigabytes_are_written_so_that_they_can_be_read():
    assert [checks.gigabytes(n) for n in (1.25e9, 1e13, 1e20)] == ["1.2 GB", "10,000.0 GB", "1e+11 GB"]
