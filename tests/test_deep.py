"""Deep networks: what residual connections, normalisation and dropout do in a stack, and gradients through all of it.

relu has a kink, where central differences see the mean of two slopes. Every weight is drawn at random here, and with these
seeds no relu comes within a step of its kink. The complex step takes no real step and would not notice.
"""

import numpy as np
import pytest
from whole import amount

import minirnn
from minirnn import Embedding, Model, gradcheck, make_cell, softmax_cross_entropy

RNG = np.random.default_rng
XS = RNG(0).normal(size=(6, 2, 4))
ALLOWED = {"complex": 1e-10, "central": 1e-6}
PLAIN = {}
ALL = {"residual": True, "normalise": True, "dropout": 0.3}


def stack(*names, inputs=None, n_out=2, dtype="float64", width=3, options=PLAIN, **how):
    """A model of cells of the same width with everything in it away from where it starts."""
    n_in = inputs.n_out if inputs else 2
    cells = [make_cell(name, width if i else n_in, width, rng=i, dtype=dtype, **options) for i, name in enumerate(names)]
    model, rng = Model(cells, n_out, inputs=inputs, **how), RNG(7)
    for a in model.params.values():
        a += rng.normal(0, 0.4, a.shape)
    for a in model.statistics.values():
        a[...] = rng.uniform(0.5, 2, a.shape)
    return model


def assert_agrees(model, method, **how):
    report = gradcheck(model, method=method, n_steps=4, batch=3, **how)
    assert report and report.worst <= ALLOWED[method], report
    return report


# ---- gradients through the whole stack -------------------------------------------------------------------------------

@pytest.mark.parametrize("training, method", amount([(True, "central"), (False, "complex")], [
    (True, "central"), (True, "complex"), (False, "central"), (False, "complex")]))
@pytest.mark.parametrize("name", minirnn.CELLS)
def test_gradients_agree_below_and_above_another_cell(name, training, method):
    model = stack(name, "lstm", name, **ALL)
    report = assert_agrees(model, method, training=training, sample=5)
    assert {row.name.partition(".")[0] for row in report.rows} == {"cell1", "norm1", "cell2", "norm2", "cell3", "norm3",
                                                                   "head", "x"}


@pytest.mark.parametrize("state", ["own", "random"])
@pytest.mark.parametrize("name", minirnn.CELLS)
def test_gradients_agree_with_a_learned_state(name, state):
    model = stack(name, name, options={"learned_state": True}, **ALL)
    report = assert_agrees(model, "complex", state=state, training=True, sample=5)
    learned = {row.name for row in report.rows if row.name.endswith(".s") and row.derived}
    assert learned == {"cell1.s", "cell2.s"}


@pytest.mark.parametrize("how", [
    PLAIN, {"residual": True}, {"normalise": True}, {"dropout": 0.4}, {"residual": True, "dropout": 0.4},
    {"residual": True, "normalise": True}, {"normalise": True, "dropout": 0.4}, ALL,
], ids=lambda how: " ".join(how) or "plain")
@pytest.mark.parametrize("method", ["complex", "central"])
def test_gradients_agree_with_every_mixture_of_helps(how, method):
    for training in (True, False):
        assert_agrees(stack("rnn", "lstm", "rwa", **how), method, training=training, state="own", sample=20)


@pytest.mark.parametrize("method", ["complex", "central"])
def test_gradients_agree_from_symbols_to_a_softmax(method):
    model = stack("rda", "lstm", inputs=Embedding(5, 4, dtype="float64"), n_out=5, **ALL)
    rng = RNG(1)
    symbols, targets = rng.integers(5, size=(4, 3)), rng.integers(5, size=(4, 3))
    report = gradcheck(model, symbols, targets, loss=softmax_cross_entropy, method=method, training=True)
    assert report and report.worst <= ALLOWED[method], report
    assert "inputs.E" in {row.name for row in report.rows}


@pytest.mark.parametrize("how", [{"normalise": True, "dropout": 0.3}, ALL])
def test_gradients_agree_for_one_layer_and_for_many(how):
    for depth in (1, 6):
        if depth > 1 or "residual" not in how:
            assert_agrees(stack(*["rnn"] * depth, **how), "complex", training=True)


def test_a_broken_backward_pass_of_a_norm_or_a_shortcut_is_found(monkeypatch):
    model = stack("rnn", "rnn", **ALL)
    whole = minirnn.layers.BatchNorm.backward

    def without_the_statistics_share(self, dys, memo, grads):
        memo.training = False
        return whole(self, dys, memo, grads)
    monkeypatch.setattr(minirnn.layers.BatchNorm, "backward", without_the_statistics_share)
    report = gradcheck(model, training=True)
    assert not report and not next(row for row in report.rows if row.name == "cell1.W").ok
    assert gradcheck(model, training=False)


def test_a_check_in_training_leaves_model_statistics_and_generator_alone():
    model = stack("rnn", "lstm", **ALL)
    before = {name: a.copy() for name, a in [*model.params.items(), *model.statistics.items()]}
    drawn = model.dropout.rng.bit_generator.state
    first, second = (str(gradcheck(model, training=True, sample=3)) for _ in range(2))
    assert first == second and "in training" in first
    for name, a in [*model.params.items(), *model.statistics.items()]:
        np.testing.assert_array_equal(a, before[name])
    assert model.dropout.rng.bit_generator.state == drawn


# ---- what the helps do -----------------------------------------------------------------------------------------------

def by_hand(model, xs, mask_of=None, training=False):
    """The outputs of a model whose layers are y = x + dropout(norm(cell(x))), written out."""
    hs = xs
    for i, cell in enumerate(model.cells):
        ys = minirnn.unroll(cell, hs).hs
        if model.norms:
            axes, norm = {"axis": (0, 2), "keepdims": True}, model.norms[i]
            mean, variance = (ys.mean(**axes), ys.var(**axes)) if training else norm.statistics.values()
            ys = norm.params["gamma"] * (ys - mean) / np.sqrt(variance + norm.epsilon) + norm.params["beta"]
        if mask_of:
            ys = ys * mask_of[i] / (1 - model.dropout.p)
        hs = hs + ys if model.residual and i > 0 else ys
    return np.einsum("oh,thb->tob", model.head.params["W"], hs) + model.head.params["b"]


@pytest.mark.parametrize("training", [True, False])
def test_a_layer_is_cell_then_norm_then_dropout_then_shortcut(training):
    model = stack("lstm", "rnn", "rwa", **ALL)
    run = model.forward(XS, training=training)
    masks = [run.memos[f"dropout{i}"].kept for i in (1, 2, 3)] if training else None
    np.testing.assert_allclose(run.outputs, by_hand(model, XS, masks, training), rtol=1e-12)
    if training:
        assert all(0 < mask.mean() < 1 for mask in masks) and not np.array_equal(masks[0], masks[1])


def test_a_residual_layer_that_says_nothing_passes_its_input_through():
    model = stack("lstm", "rnn", residual=True)
    for a in model.cells[1].params.values():
        a[...] = 0                                              # tanh(0): the second cell's output is 0
    run, dhs = model.forward(XS), RNG(1).normal(size=(6, 2, 4))
    np.testing.assert_array_equal(run.hs[1], run.runs[0].hs)
    np.testing.assert_array_equal(run.outputs, model.head.forward(run.runs[0].hs))
    dxs, _, _ = run.backward(dhs)
    alone = run.runs[0].backward(np.einsum("oh,tob->thb", model.head.params["W"], dhs))[0]
    np.testing.assert_allclose(dxs, alone, rtol=1e-12)


def test_dropout_of_a_residual_layer_spares_the_shortcut():
    model = stack("rnn", "rnn", residual=True, dropout=0.6)
    run = model.forward(XS, training=True)
    dropped = ~run.memos["dropout2"].kept
    assert dropped.any()
    np.testing.assert_array_equal(run.hs[1][dropped], run.hs[0][dropped])


def test_the_recurrence_sees_neither_norm_nor_dropout():
    helped, plain = stack("lstm", normalise=True, dropout=0.5), stack("lstm")
    for name, a in plain.cells[0].params.items():
        helped.cells[0].params[name][...] = a
    np.testing.assert_array_equal(helped.forward(XS, training=True).state[0], plain.forward(XS).state[0])


def test_the_shortcut_keeps_the_gradient_of_a_deep_stack_alive():
    sizes = {}
    for residual in (False, True):
        model = Model([make_cell("rnn", 8, 8, rng=i, dtype="float64") for i in range(40)], 1, residual=residual)
        run = model.forward(RNG(0).normal(size=(3, 8, 4)))
        dxs, _, _ = run.backward(np.ones_like(run.outputs))
        sizes[residual] = np.abs(dxs).max()
    assert sizes[False] < 0.001 and sizes[True] > 1


# ---- training and evaluation mode ------------------------------------------------------------------------------------

def test_evaluation_changes_nothing_and_says_the_same_of_a_sequence_whatever_stands_beside_it():
    model = stack("lstm", "rnn", **ALL)
    before = {name: a.copy() for name, a in model.statistics.items()}
    together = model.forward(XS).outputs
    for b in range(4):
        np.testing.assert_allclose(model.forward(XS[:, :, b:b + 1]).outputs[:, :, 0], together[:, :, b], rtol=1e-12)
    np.testing.assert_array_equal(model.forward(XS[:3]).outputs, together[:3])
    for name, a in model.statistics.items():
        np.testing.assert_array_equal(a, before[name])


def test_the_masks_depend_on_the_models_seed_alone():
    def masks(**how):
        return [model.forward(XS, training=True).memos["dropout"].kept for model in [stack("rnn", dropout=0.5, **how)]
                for _ in range(2)]
    (a, b), (c, d), (other, _) = masks(rng=1), masks(rng=1), masks(rng=2)
    np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(b, d)
    assert not np.array_equal(a, b) and not np.array_equal(a, other)


def test_a_generator_given_to_the_model_is_not_used_up_by_dropout():
    shared, plain = RNG(3), RNG(3)
    model = stack("rnn", dropout=0.5, rng=shared)
    stack("rnn", rng=plain)
    model.forward(XS, training=True)
    assert shared.random() == plain.random()


def test_training_uses_and_keeps_the_batchs_statistics_and_evaluation_reads_them():
    task = minirnn.make_task("parity", length=5)
    model = minirnn.make_model(task, "rnn", 4, n_layers=3, residual=True, normalise=True, dropout=0.2, rng=1)
    assert [cell.n_in for cell in model.cells] == [1, 4, 4] and model.residual and model.dropout.p == 0.2
    minirnn.train(model, task, steps=3, batch=8)
    assert all(np.all(a != 0) for name, a in model.statistics.items() if name.endswith("mean"))
    drawn, before = model.dropout.rng.bit_generator.state, {name: a.copy() for name, a in model.statistics.items()}
    assert minirnn.evaluate(model, task) == minirnn.evaluate(model, task)
    assert model.dropout.rng.bit_generator.state == drawn
    for name, a in model.statistics.items():
        np.testing.assert_array_equal(a, before[name])


def test_a_deep_stack_learns_parity():
    task = minirnn.make_task("parity", length=10)
    model = minirnn.make_model(task, "lstm", 16, n_layers=3, residual=True, normalise=True, rng=1)
    history = minirnn.train(model, task, steps=600, lr=0.01, until=0.02)
    assert history.solved_at
    assert minirnn.evaluate(model, task)["accuracy"] > 0.99


# ---- arrays ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", minirnn.CELLS)
def test_reused_buffers_change_no_number(name, training):
    def results(model, reuse):
        run, found = None, []
        for seed in range(3):
            run = model.forward(RNG(seed).normal(size=(6, 2, 4)), run and run.state, run if reuse else None, training)
            dxs, grads, dstate = run.backward(np.array(run.outputs))
            found += [run.outputs.copy(), *[h.copy() for h in run.hs], dxs, *grads.values(), *sum(dstate, ())]
        return found
    fresh, reused = (results(stack(name, "rnn", name, **ALL), reuse) for reuse in (False, True))
    for a, b in zip(fresh, reused, strict=True):
        np.testing.assert_array_equal(a, b)


def test_runs_share_no_arrays_and_what_they_show_cannot_be_written_to():
    model = stack("rnn", "rnn", **ALL)
    first = model.forward(XS, training=True)
    kept = [h.copy() for h in first.hs]
    second = model.forward(XS + 1, training=True)
    for a, b, before in zip(first.hs, second.hs, kept):
        assert not np.shares_memory(a, b)
        np.testing.assert_array_equal(a, before)
        with pytest.raises(ValueError, match="read-only"):
            a[0] = 0
    assert not np.shares_memory(first.hs[1], first.runs[1].hs) and not np.shares_memory(first.hs[1], first.hs[0])


def test_backward_can_run_twice_and_changes_nothing_it_is_given():
    run, doutputs = stack("lstm", "rnn", **ALL).forward(XS, training=True), RNG(1).normal(size=(6, 2, 4))
    given = doutputs.copy()
    (dxs, grads, _), (again, grads_again, _) = run.backward(doutputs), run.backward(doutputs)
    np.testing.assert_array_equal(doutputs, given)
    np.testing.assert_array_equal(dxs, again)
    for name, a in grads.items():
        np.testing.assert_array_equal(a, grads_again[name])


@pytest.mark.parametrize("name", minirnn.CELLS)
def test_everything_in_a_float32_stack_is_float32(name):
    model = stack(name, name, dtype="float32", **ALL)
    run = model.forward(XS, training=True)
    dxs, grads, dstate = run.backward(np.ones_like(run.outputs))
    noted = [a for memo in run.memos.values() for a in vars(memo).values()]
    arrays = [run.outputs, *run.hs, dxs, *grads.values(), *sum(dstate, ()), *sum(run.state, ()), *noted]
    assert {a.dtype.name for a in arrays if isinstance(a, np.ndarray)} == {"float32", "bool"}
    assert all(a.dtype == np.float32 for a in [*model.params.values(), *model.statistics.values()])
