"""The model: what stands in a stack, in which order, under which name, and what survives a file."""

import numpy as np
import pytest

import minirnn
from minirnn import Embedding, Linear, Model, OneHot, make_cell, unroll

RNG = np.random.default_rng
XS = RNG(0).normal(size=(6, 2, 4))


def stack(*names, width=3, dtype="float64", **how):
    """A model that reads two features and gives out two, of cells as wide as each other."""
    cells = [make_cell(name, width if i else 2, width, rng=i, dtype=dtype) for i, name in enumerate(names)]
    return Model(cells, 2, **how)


def awake(model, seed=1):
    """Every parameter and statistic away from where it starts."""
    rng = RNG(seed)
    for a in model.params.values():
        a[...] = rng.normal(0, 0.6, a.shape)
    for a in model.statistics.values():
        a[...] = rng.uniform(0.5, 2, a.shape)
    return model


def everything(model):
    return {name: a.copy() for name, a in [*model.params.items(), *model.statistics.items()]}


# ---- what it computes ------------------------------------------------------------------------------------------------

def test_two_layers_are_two_unrolled_cells_and_a_linear_layer():
    model = stack("lstm", "rwa")
    run, doutputs = model.forward(XS), RNG(1).normal(size=(6, 2, 4))
    dxs, grads, dstate = run.backward(doutputs)

    first = unroll(model.cells[0], XS)
    second = unroll(model.cells[1], first.hs)
    ys = model.head.forward(second.hs)
    head_grads = model.head.params.like()
    dhs, second_grads, dsecond = second.backward(model.head.backward(doutputs, second.hs, ys, head_grads))
    expected_dxs, first_grads, dfirst = first.backward(dhs)

    np.testing.assert_array_equal(run.outputs, ys)
    np.testing.assert_array_equal(dxs, expected_dxs)
    for part, expected in (("cell1", first_grads), ("cell2", second_grads), ("head", head_grads)):
        for name, a in expected.items():
            np.testing.assert_array_equal(grads[f"{part}.{name}"], a)
    for a, b in zip([*run.state[0], *run.state[1], *dstate[0], *dstate[1]],
                    [*first.state, *second.state, *dfirst, *dsecond], strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_gradient_of_a_final_state_goes_back_through_its_own_cell_and_those_below():
    model = stack("lstm", "rnn", residual=True, normalise=True)
    run = model.forward(XS)
    dh = RNG(2).normal(size=(3, 4))
    dstate = (tuple(np.zeros((3, 4)) for _ in "hc"), (dh,))
    dxs, grads, _ = run.backward(np.zeros_like(run.outputs), dstate)
    dhs, expected, _ = run.runs[1].backward(np.zeros((6, 3, 4)), (dh,))
    np.testing.assert_array_equal(grads["cell2.R"], expected["R"])
    assert np.abs(grads["cell1.R_f"]).max() > 0 and not grads["norm2.gamma"].any() and not grads["head.W"].any()


def test_sequences_in_pieces_with_the_state_carried_equal_one():
    model = awake(stack("lstm", "rda", "rnn", residual=True, normalise=True))
    whole = model.forward(XS)
    first = model.forward(XS[:2])
    second = model.forward(XS[2:], first.state)
    np.testing.assert_array_equal(np.concatenate([first.outputs, second.outputs]), whole.outputs)


def test_an_embedding_before_the_cells_is_its_vectors_given_by_hand():
    symbols = RNG(3).integers(5, size=(6, 4))
    embedding = Embedding(5, 2, rng=1, dtype="float64")
    with_symbols = stack("lstm", "rnn", inputs=embedding)
    plain = stack("lstm", "rnn")
    run, expected = with_symbols.forward(symbols), plain.forward(embedding.forward(symbols))
    np.testing.assert_array_equal(run.outputs, expected.outputs)
    (none, grads, _), (dxs, _, _) = run.backward(run.outputs), expected.backward(expected.outputs)
    assert none is None
    dE = np.zeros((2, 5))
    np.add.at(dE.T, symbols, dxs.transpose(0, 2, 1))
    np.testing.assert_allclose(grads["inputs.E"], dE, rtol=1e-12)


# ---- names -----------------------------------------------------------------------------------------------------------

def test_parameters_are_named_after_their_place():
    single = stack("rnn", normalise=True, dropout=0.5)
    assert list(single.params) == ["cell.W", "cell.R", "cell.b", "norm.gamma", "norm.beta", "head.W", "head.b"]
    assert list(single.statistics) == ["norm.mean", "norm.variance"]
    assert list(single.forward(XS).memos) == ["norm", "dropout"]
    assert list(stack("rnn").params) == ["cell.W", "cell.R", "cell.b", "head.W", "head.b"]
    deep = stack("rnn", "rnn", inputs=Embedding(5, 2, dtype="float64"), normalise=True)
    assert list(deep.params) == ["inputs.E", "cell1.W", "cell1.R", "cell1.b", "norm1.gamma", "norm1.beta",
                                 "cell2.W", "cell2.R", "cell2.b", "norm2.gamma", "norm2.beta", "head.W", "head.b"]
    assert deep.n_params == 5*2 + (2*3 + 3*3 + 3) + (3*3 + 3*3 + 3) + 4*3 + 3*2 + 2


def test_gradients_have_the_names_and_the_order_of_the_parameters():
    model = stack("lstm", "rnn", residual=True, normalise=True, dropout=0.5)
    run = model.forward(XS, training=True)
    _, grads, _ = run.backward(run.outputs)
    assert [(name, a.shape) for name, a in grads.items()] == [(name, a.shape) for name, a in model.params.items()]
    assert [a.size for a in grads.flats] == [a.size for a in model.params.flats]


def test_parameters_and_statistics_cannot_be_rebound():
    model = stack("rnn", normalise=True)
    for mapping, name in ((model.params, "cell.W"), (model.statistics, "norm.mean")):
        with pytest.raises(TypeError, match="parameters are views"):
            mapping[name] = np.zeros_like(mapping[name])
        with pytest.raises(KeyError, match="is unknown, expected one of"):
            mapping["cell.x"]


# ---- copies and files ------------------------------------------------------------------------------------------------

def test_a_copy_shares_nothing_and_computes_the_same():
    model = awake(stack("lstm", "rnn", normalise=True, dropout=0.5, rng=1))
    before, copy = everything(model), model.astype("float64")
    np.testing.assert_array_equal(copy.forward(XS, training=True).outputs, model.forward(XS, training=True).outputs)
    model = awake(stack("lstm", "rnn", normalise=True, dropout=0.5, rng=1))
    copy = model.astype("float64")
    state = model.dropout.rng.bit_generator.state
    copy.forward(XS, training=True)
    for a in copy.params.values():
        a += 1
    for name, a in everything(model).items():
        np.testing.assert_array_equal(a, before[name])
    assert model.dropout.rng.bit_generator.state == state


def test_a_file_gives_everything_back_to_the_bit(tmp_path):
    model = awake(stack("lstm", "rwa", residual=True, normalise=True, dtype="float32"))
    model.forward(XS, training=True)
    model.save(tmp_path / "model.npz")
    other = stack("lstm", "rwa", residual=True, normalise=True, dtype="float32", rng=5)
    other.load(tmp_path / "model.npz")
    for name, a in everything(model).items():
        np.testing.assert_array_equal(everything(other)[name], a)
    np.testing.assert_array_equal(other.forward(XS).outputs, model.forward(XS).outputs)
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_an_interrupted_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    model, path = stack("rnn", normalise=True), tmp_path / "model.npz"
    model.save(path)
    old = path.read_bytes()

    def interrupted(file, array, **how):
        file.write(b"half of it")
        raise KeyboardInterrupt
    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with pytest.raises(KeyboardInterrupt):
        awake(model).save(path)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("other, words", [
    (lambda: stack("lstm"), "does not fit: it lacks cell.W_i, .* and has cell.W, cell.R, cell.b which nobody asks for"),
    (lambda: stack("rnn", normalise=True), "does not fit: it lacks norm.gamma, norm.beta, norm.mean, norm.variance$"),
    (lambda: stack("rnn", width=4), r"has cell.W of shape \(3, 2\), expected \(4, 2\)"),
])
def test_a_file_of_another_model_is_refused_and_changes_nothing(tmp_path, other, words):
    stack("rnn").save(tmp_path / "model.npz")
    model = other()
    before = everything(model)
    with pytest.raises(ValueError, match=words):
        model.load(tmp_path / "model.npz")
    for name, a in everything(model).items():
        np.testing.assert_array_equal(a, before[name])


def test_a_file_that_is_no_model_is_refused(tmp_path):
    model, path = stack("rnn"), tmp_path / "model.npz"
    model.save(path)
    whole = path.read_bytes()
    with open(tmp_path / "array.npy", "wb") as file:
        np.save(file, XS)
    for content in (b"", b"some text", whole[:-200], (tmp_path / "array.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot be read \(.*\), expected an .npz file of arrays that is whole"):
            model.load(path)
    with pytest.raises(FileNotFoundError):
        model.load(tmp_path / "none.npz")


# ---- bad input -------------------------------------------------------------------------------------------------------

def twice():
    first, second = make_cell("rnn", 2, 2), make_cell("rnn", 2, 2)
    return Model([first, second, first], 1)


@pytest.mark.parametrize("call, error, words", [
    (lambda: Model("lstm", 2), TypeError, "cells is 'lstm', expected a Cell or a list of them"),
    (lambda: Model(minirnn.CELLS["lstm"], 2), TypeError, "cells is <class.*expected a Cell or a list of them"),
    (lambda: Model(None, 2), TypeError, "cells is None, expected a Cell or a list of them"),
    (lambda: Model([], 2), ValueError, "cells is empty, expected"),
    (lambda: Model(["lstm"], 2), TypeError, "cells has 'lstm', expected a Cell"),
    (twice, ValueError, "cells has the same Cell object as cell 1 and cell 3, expected one of its own"),
    (lambda: Model([make_cell("rnn", 2, 3), make_cell("rnn", 2, 3)], 2), ValueError,
     "cell 2 reads 2 features, the layer below gives out 3"),
    (lambda: Model([make_cell("rnn", 2, 3), make_cell("rnn", 3, 3, dtype="float64")], 2), ValueError,
     "computes in float64, the first cell in float32"),
    (lambda: Model(make_cell("rnn", 2, 3), 0), ValueError, "n_out is 0, expected a positive integer"),
    (lambda: Model(make_cell("rnn", 2, 3), 2, rng=None), TypeError, "rng is None, expected a seed"),
    (lambda: Model(make_cell("rnn", 2, 3), 2, inputs=Linear(3, 2)), TypeError,
     "inputs is Linear.*expected a OneHot or an Embedding"),
    (lambda: Model(make_cell("rnn", 2, 3), 2, inputs=OneHot(5)), ValueError,
     "cell 1 reads 2 features, the input layer gives out 5"),
    (lambda: Model(make_cell("rnn", 5, 3), 2, inputs=OneHot(5, dtype="float64")), ValueError,
     r"OneHot\(dtype=float64\) computes in float64, the first cell in float32"),
    (lambda: Model([make_cell("rnn", 2, 3), make_cell("rnn", 3, 4)], 2, residual=True), ValueError,
     "residual is True, but cell 2 reads 3 features and gives out 4: expected the same width"),
    (lambda: Model(make_cell("rnn", 3, 3), 2, residual=True), ValueError,
     "residual is True for one cell, expected at least two"),
    (lambda: stack("rnn", "rnn", residual=1), TypeError, "residual is 1, expected True or False"),
    (lambda: stack("rnn", normalise="after"), TypeError, "normalise is 'after', expected True or False"),
    (lambda: stack("rnn", dropout=1.0), ValueError, "dropout is 1, expected a number of at least 0 and below 1"),
    (lambda: stack("rnn", dropout=-0.5), ValueError, "dropout is -0.5, expected a number of at least 0 and below 1"),
    (lambda: stack("rnn", dropout=True), TypeError, "dropout is True, expected a number"),
    (lambda: stack("rnn").forward(XS[:, :1]), ValueError, "xs has 1 features, the cell reads 2"),
    (lambda: stack("rnn").forward(XS, XS[:2]), ValueError, "state is a ndarray, expected a tuple with one entry per cell"),
    (lambda: stack("rnn").forward(XS, ()), ValueError, r"state has 0 entries, expected one per cell \(1\)"),
    (lambda: stack("rnn").forward(XS, out=stack("rnn").forward(XS)), ValueError,
     "out is a ModelRun, expected an earlier run of this model"),
    (lambda: stack("rnn").forward(XS, out=XS), ValueError, "out is a ndarray, expected an earlier run"),
    (lambda: stack("rnn", normalise=True).forward(XS[:1, :, :1], training=True), ValueError, "one value per unit"),
    (lambda: stack("rnn").forward(XS).backward(XS[:1]), ValueError, r"doutputs has shape \(1, 2, 4\), expected \(6, 2, 4\)"),
    (lambda: stack("rnn").forward(XS).backward(XS, ((XS[0],), (XS[0],))), ValueError, r"dstate has 2 entries.*\(1\)"),
])
def test_bad_input_gets_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_layer_that_overflows_is_named_and_not_the_users_input():
    model = stack("rnn", "rnn", normalise=True)
    model.params["norm1.gamma"][...] = np.inf
    words = "layer 1 gives out numbers that are not finite: layer 2 cannot read them"
    with np.errstate(invalid="ignore"), pytest.raises(FloatingPointError, match=words):
        model.forward(XS)
    with pytest.raises(ValueError, match=r"xs has nan at \(0, 0, 0\)"):
        model.forward(XS * np.nan)
