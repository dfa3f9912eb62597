"""The training loop."""

import numpy as np
import pytest

import minirnn


def test_training_is_the_same_to_the_bit_for_the_same_seed():
    def trained(seed):
        task = minirnn.make_task("parity", length=8)
        model = minirnn.make_model(task, "lstm", 6, rng=seed)
        history = minirnn.train(model, task, steps=20, batch=4, rng=seed)
        return history.losses, np.concatenate([a.ravel() for a in model.params.values()])
    (one, a), (two, b), (other, _) = trained(1), trained(1), trained(2)
    assert one == two and one != other
    np.testing.assert_array_equal(a, b)


def test_one_step_of_sgd_follows_the_checked_gradient():
    task = minirnn.make_task("parity", length=8)
    model = minirnn.make_model(task, "rnn", 5, dtype="float64", rng=0)
    before = {name: a.copy() for name, a in model.params.items()}
    data = next(task.batches(np.random.default_rng(0), 4))
    run = model.forward(data.xs)
    _, grads, _ = run.backward(task.loss(run.outputs, data.targets)[1])
    minirnn.train(model, task, steps=1, batch=4, optimizer="sgd", lr=0.5, clip=None, rng=0)
    for name, a in model.params.items():
        np.testing.assert_allclose(a, before[name] - 0.5 * grads[name], rtol=1e-12)


@pytest.mark.parametrize("make", [lambda: minirnn.Adam(0.01), lambda: minirnn.RMSProp(0.003),
                                  lambda: minirnn.SGD(0.5, momentum=0.9)])
def test_every_optimiser_learns_to_alternate(make):
    task = minirnn.make_task("alternate", length=10)
    model = minirnn.make_model(task, "lstm", 8, rng=0)
    history = minirnn.train(model, task, steps=1500, batch=8, optimizer=make(), until=0.05)
    assert history.solved_at == history.steps < 1500
    assert minirnn.evaluate(model, task, batch=2)["accuracy"] == 1


def test_truncated_training_carries_the_state():
    """With a window of one character the only memory there is, is the one carried: a text of period 2 needs it."""
    class Spy(minirnn.Model):
        starts = []

        def forward(self, xs, state=None, out=None, **how):
            self.starts.append(state is not None)
            return super().forward(xs, state, out, **how)

    task = minirnn.make_task("text", length=5)
    model = minirnn.make_model(task, "rnn", 4)
    spy = Spy(model.cells, task.n_out, inputs=model.inputs)
    minirnn.train(spy, task, steps=4, batch=2)
    assert spy.starts == [False, True, True, True]


def test_a_callback_sees_every_step_and_can_stop():
    seen, task = [], minirnn.make_task("parity", length=4)
    history = minirnn.train(minirnn.make_model(task, "rnn", 3), task, steps=50, batch=2,
                            callback=lambda step, loss, metrics: seen.append((step, metrics["accuracy"])) or step == 7)
    assert history.steps == 7 and [step for step, _ in seen] == list(range(1, 8))
    assert history.metrics["accuracy"] == [accuracy for _, accuracy in seen]


def test_an_interrupted_training_keeps_what_it_learned():
    task = minirnn.make_task("parity", length=4)
    model = minirnn.make_model(task, "rnn", 3)

    def interrupt(step, loss, metrics):
        if step == 5:
            raise KeyboardInterrupt

    before = model.params["cell.R"].copy()
    history = minirnn.train(model, task, steps=50, batch=2, callback=interrupt)
    assert history.interrupted and history.steps == 5 and history.solved_at is None
    assert not np.array_equal(model.params["cell.R"], before)


class Exploding(minirnn.tasks.parity.Parity):
    """Parity whose loss overflows at the fourth batch."""

    calls = 0

    def loss(self, outputs, targets, weights=None):
        self.calls += 1
        value, doutputs = minirnn.sigmoid_cross_entropy(outputs, targets, weights)
        return (np.inf if self.calls == 4 else value), doutputs


def test_a_loss_that_is_not_finite_names_step_parameter_and_gradient():
    task = Exploding(length=4)
    model = minirnn.make_model(task, "rnn", 3)
    with pytest.raises(FloatingPointError, match=r"loss is .* at step 4; the largest gradient of the step before was "
                                                 r"that of (cell|head)\.\w+, [\d.e-]+") as caught:
        minirnn.train(model, task, steps=50, batch=2)
    assert caught.value.history.steps == 3
    assert all(np.all(np.isfinite(a)) for a in model.params.values())


def test_a_gradient_that_is_not_finite_is_named():
    class Broken(minirnn.tasks.parity.Parity):
        @staticmethod
        def loss(outputs, targets, weights=None):
            value, doutputs = minirnn.sigmoid_cross_entropy(outputs, targets, weights)
            return value, doutputs * np.nan

    task = Broken(length=4)
    with pytest.raises(FloatingPointError, match=r"gradient is not finite at step 1: that of \w+\.\w+ has nan"):
        minirnn.train(minirnn.make_model(task, "rnn", 3), task, steps=3, batch=2)


@pytest.mark.parametrize("how, error, words", [
    ({"steps": -1}, ValueError, "steps is -1"), ({"batch": 0}, ValueError, "batch is 0"),
    ({"optimizer": "adamm"}, KeyError, "optimizer 'adamm' is unknown, expected one of adam, sgd, rmsprop"),
    ({"lr": -1.0}, ValueError, "lr is -1"), ({"lr": "fast"}, TypeError, "lr is 'fast', expected a number"),
    ({"clip": 0}, ValueError, "limit is 0|clip is 0"), ({"rng": "x"}, TypeError, "rng is 'x'"),
    ({"optimizer": minirnn.SGD(), "lr": 0.1}, ValueError, "lr is 0.1 beside an optimizer"),
])
def test_bad_settings_get_one_clear_sentence(how, error, words):
    task = minirnn.make_task("parity", length=4)
    with pytest.raises(error, match=words):
        minirnn.train(minirnn.make_model(task, "rnn", 3), task, **{"steps": 2, "batch": 2, **how})
