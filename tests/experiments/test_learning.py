"""How many steps a cell needs: the same as by hand, and trained once only."""

from minirnn import experiments, make_model, make_task, train

OPTIONS = {"length": 4, "until": "loss < 0.1", "seeds": 2, "n_hidden": 8, "steps": 200}


def test_learning_times_are_those_of_training_each_cell_with_each_seed():
    found = experiments.learning_times("parity", ("gru", "lstm-nfg"), **OPTIONS)
    assert list(found) == ["gru", "lstm-nfg"]
    for cell, trained in found.items():
        for seed, one in enumerate(trained):
            task = make_task("parity", length=4)
            model = make_model(task, cell, 8, rng=seed)
            history = train(model, task, steps=200, batch=16, lr=0.02, until="loss < 0.1", rng=seed)
            assert (one.cell, one.seed, one.solved_at, one.steps) == (cell, seed, history.solved_at, history.steps)
            assert one.solved_at


def test_what_was_not_learned_has_no_step_at_which_it_was_solved():
    one, = experiments.learning_times("parity", ("gru",), **{**OPTIONS, "seeds": 1, "steps": 2})["gru"]
    assert one.solved_at is None and one.steps == 2


def test_nothing_is_trained_twice():
    first, second = (experiments.learning_times("parity", ("gru",), **OPTIONS)["gru"] for _ in range(2))
    assert all(one is other for one, other in zip(first, second))
