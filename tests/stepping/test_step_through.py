"""Every number of a step-through is one that the cell computes, every sum adds up, for every cell with every option."""

import os
import re

import numpy as np
import pytest
from every_cell import CASES, awaken, label

import minirnn
from minirnn.cells.cell import Memo
from minirnn.stepping.equations import symbol_of
from minirnn.stepping.one_step import Passage, StepThrough
from minirnn.stepping.reading import graph_of, noted_as
from minirnn.stepping.text import LINE_WIDTH

T, D, H, B = 3, 2, 3, 2
STEPS = range(T) if os.environ.get("MINIRNN_ALL") else (0, T - 1)


def passage_of(name, options, loss="every", n_in=D, dhs=None):
    rng = np.random.default_rng(1)
    cell = awaken(minirnn.make_cell(name, n_in, H, dtype="float64", **options), rng)
    return Passage(cell, rng.normal(size=(T, n_in, B)), None, loss, dhs)


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_every_value_shown_is_that_of_the_run_at_every_step_unit_and_example(name, options):
    passage = passage_of(name, options)
    run, compared = passage.run, set()
    for t in STEPS:
        for example in range(B):
            for unit in range(H):
                step = StepThrough(passage, t, unit, example)
                new = tuple(np.array(run[state][t][:, [example]]) for state in passage.cell.state_names)
                noted = [n for n in run.names if n not in passage.cell.state_names and n not in passage.cell.derived]
                memo = Memo(**{n: np.array(run[n][t][:, [example]]) for n in noted})
                for name_in_run, value in noted_as(step.graph, passage.cell, new, memo).items():
                    assert np.isclose(step.values[value.name], run[name_in_run][t, unit, example], rtol=1e-9, atol=1e-12)
                    compared.add(name_in_run)
                assert step.values["x[1]"] == run.xs[t, 1, example]
                if t:
                    assert step.values["h"] == run["h"][t - 1, unit, example]
    assert compared == set(passage.cell.state_names) | set(noted), "a name of the run is not shown"


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_every_gradient_shown_is_that_of_step_backward_at_every_step_unit_and_example(name, options):
    rng = np.random.default_rng(2)
    passage = passage_of(name, options, dhs=rng.normal(size=(T, H, B)))
    dxs, _, dstate = passage.run.backward(passage.dhs)
    for t in STEPS:
        for example in range(B):
            _, _, grads, dold, _ = passage.backward(t, slice(example, example + 1))
            for unit in range(H):
                step = StepThrough(passage, t, unit, example)
                for state, gradient in zip(passage.cell.state_names, dold):
                    assert np.isclose(step.gradients.get(state, 0.0), gradient[unit, 0], rtol=1e-9, atol=1e-12)
                for feature in range(D):
                    assert np.isclose(step.gradients[f"x[{feature}]"], dxs[t, feature, example], rtol=1e-9, atol=1e-12)
                for share in step.shares:
                    name_, _, row = share.name.removeprefix("d").rstrip("]").partition("[")
                    own = next(a for parameter, a in grads.items() if symbol_of(parameter) == name_)
                    numbers = [piece.value for piece in share.pieces if not isinstance(piece, str)]
                    assert np.allclose(numbers[-own.shape[1]:], own[int(row)], rtol=1e-9, atol=1e-12)
            assert step.gap[0] < 1e-12
    for state, gradient in zip(passage.cell.state_names, dstate):
        assert np.isclose(StepThrough(passage, 0, 1, 1).gradients.get(state, 0.0), gradient[1, 1], rtol=1e-9, atol=1e-12)


def product(pieces):
    """The value of a product of numbers as it is written."""
    assert [piece for piece in pieces if isinstance(piece, str)] == ["·"] * (len(pieces) // 2)
    return np.prod([piece.value for piece in pieces if not isinstance(piece, str)])


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_every_sum_and_every_product_written_out_adds_up(name, options):
    passage = passage_of(name, options)
    for step in (StepThrough(passage, t, 1, 1) for t in STEPS):
        for gradient in step.backward:
            assert np.isclose(sum(term.value for term in gradient.terms), gradient.total, rtol=1e-9, atol=1e-12)
            for term in gradient.terms:
                if term.pieces:
                    assert np.isclose(product(term.pieces) * (-1 if term.sign == "−" else 1), term.value, rtol=1e-9, atol=1e-12)
        written = [line.products for line in step.forward] + [term.products for g in step.backward for term in g.terms]
        for text, pieces, value in sum(written, []):
            numbers = [piece.value for piece in pieces if not isinstance(piece, str)]
            assert np.isclose(np.dot(numbers[::2], numbers[1::2]), value, rtol=1e-9, atol=1e-12), text


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_every_stage_of_an_equation_has_the_value_that_stands_at_its_end(name, options):
    functions = {"σ": lambda x: 0.5 + 0.5 * np.tanh(x / 2), "tanh": np.tanh, "log": np.log,
                 "relu": lambda x: max(x, 0.0), "e": np.e,
                 "softplus": lambda x: np.log1p(np.exp(x))}
    step = StepThrough(passage_of(name, options), 2, 1, 0)
    for line in step.forward:
        for stage in line.stages:
            text = "".join(piece if isinstance(piece, str) else f"({piece.value!r})" for piece in stage)
            for symbol, python in (("−", "-"), ("·", "*"), ("^", "**"), ("log σ(", "log(σ)("),
                                   ("log softplus(", "log(softplus)("),
                                   ("log relu(", "log(relu)(")):
                text = text.replace(symbol, python)
            text = text.replace("log (", "log(").replace("log(σ)(", "LS(").replace("log(softplus)(",
                                                                                   "LP(").replace("log(relu)(", "LR(")
            both = functions | {"LS": lambda x: np.log(functions["σ"](x)), "LP": lambda x: np.log(functions["softplus"](x)),
                                "LR": lambda x: np.log(x) if x > 0 else line.value}
            assert np.isclose(eval(text, dict(both)), line.value, rtol=1e-9, atol=1e-12), (line.name, text)


@pytest.mark.parametrize("name, options", [("mut1", {}), ("mut2", {}), ("rnn", {})], ids=label)
def test_a_cell_of_as_many_inputs_as_units_is_read_as_such(name, options):
    step = StepThrough(passage_of(name, options, n_in=H), 2, 1, 0)
    assert "P x" not in str(step) and step.gap[0] < 1e-12


def test_options_choose_the_equation():
    lines = lambda name, **options: {line.name: line.symbols for line in
                                     StepThrough(passage_of(name, options), 1, 0, 0).forward}
    assert lines("gru")["n"] == "tanh(W_n x + R_n (r ⊙ h) + b_n)"
    assert lines("gru", reset_after=True)["n"] == "tanh(W_n x + b_n + r ⊙ q)"
    assert lines("gru", reset_after=True)["q"] == "R_n h + c_n"
    assert lines("indrnn", activation="tanh")["h'"] == "tanh(W x + u ⊙ h + b)"
    assert lines("mut1")["n"] == "tanh(R_h (r ⊙ h) + tanh(P x) + b_h)"
    assert lines("rda", attention="softplus")["log a'"] == "log softplus(a)"
    assert "b_a" not in lines("rda")["a"] and "b_a" in lines("rda", attention="relu")["a"]
    assert lines("rda", hidden="tanh", output="tanh")["o"] == "tanh(h')" and lines("rda", hidden="tanh")["h'"] == "tanh(v')"
    assert lines("lstm-nig")["c'"] == "i ⊙ z + f ⊙ c" and StepThrough(passage_of("lstm-nig", {}), 1, 0, 0).values["i"] == 1
    assert "R_fi f" in lines("lstm-fgr")["i'"]


def test_equations_that_say_something_else_than_the_code_are_an_error():
    class Wrong(minirnn.CELLS["lstm"]):
        equations = {**minirnn.CELLS["lstm"].equations, "c'": "c' = f ⊙ c − i ⊙ g"}

    with pytest.raises(ValueError, match="equations of Wrong.*expected the same"):
        minirnn.step_through(Wrong(3, 4), np.ones((3, 3, 1)))


def test_a_wrong_backward_pass_is_told():
    class Wrong(minirnn.CELLS["rnn"]):
        def step_backward(self, dnew, old, new, memo):
            dwx, (dh,) = super().step_backward(dnew, old, new, memo)
            return dwx, (2 * dh,)

    rng = np.random.default_rng(0)
    cell = awaken(Wrong(3, 4, dtype="float64"), rng)
    step = minirnn.step_through(cell, rng.normal(size=(4, 3, 2)))
    assert step.gap[1] == "h" and "do NOT add up" in str(step)
    assert "do NOT" not in str(minirnn.step_through(minirnn.make_cell("rnn", 3, 4), rng.normal(size=(4, 3, 2))))


def test_a_graph_of_random_states_has_the_gradients_of_step_backward_for_a_whole_batch():
    rng = np.random.default_rng(4)
    for name in ("lstm", "rda-sigmoid-id", "mut3"):
        cell = awaken(minirnn.make_cell(name, D, H, dtype="float64"), rng)
        x, old = rng.normal(size=(D, B)), cell.random_state(rng, B)
        new, memo = cell.step(cell.input_terms(x[None])[0], old)
        dnew = tuple(rng.normal(size=a.shape) for a in new)
        graph = graph_of(cell, x, old)
        gradients = graph.backward(dict(zip(cell.state_names, dnew)))
        for state, own in zip(cell.state_names, cell.step_backward(dnew, old, new, memo)[1]):
            assert np.allclose(gradients.of(graph[state]), own, rtol=1e-11, atol=1e-13)


def test_the_gradient_comes_from_where_it_is_said():
    cell, xs = minirnn.make_cell("lstm", 3, 4), np.random.default_rng(0).normal(size=(5, 3, 2))
    every, last = minirnn.step_through(cell, xs, t=1), minirnn.step_through(cell, xs, t=1, loss="last")
    term = lambda step: {t.via: t.value for t in next(g for g in step.backward if g.of == "h'").terms}
    assert term(every)["from the loss"] == 1 and term(last)["from the loss"] == 0
    dhs = np.zeros((5, 4, 2))
    dhs[-1] = 1
    assert term(minirnn.step_through(cell, xs, t=1, dhs=dhs)) == term(last)
    assert "from later steps: there are none" in term(every.at(t=4))


def test_the_text_fits_in_a_hundred_columns():
    for name in minirnn.CELLS:
        step = StepThrough(passage_of(name, {}), 2, 1, 0)
        assert max(map(len, str(step).splitlines())) <= LINE_WIDTH, name


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_a_negative_number_behind_another_sign_stands_in_brackets(name, options):
    passage = passage_of(name, options)
    for t in STEPS:
        for unit in range(2):
            text = " ".join(str(StepThrough(passage, t, unit, 1)).split())
            assert not re.search(r"[+·/−] ?−", text), re.search(r".{20}[+·/−] ?−.{20}", text)[0]


def test_a_gradient_through_one_matrix_alone_is_written_out_in_its_line():
    step = StepThrough(passage_of("rnn", {}), 2, 1, 0)
    da = step.flows.of(step.graph["h'"]) * (1 - step.graph["h'"].array**2)
    terms = " + ".join(f"{weight:.3f}·{a:.3f}" for weight, a in zip(step.cell.params["R"][:, 1], da[:, 0]))
    line = next(line for line in str(step).splitlines() if line.startswith("  dh = "))
    assert re.sub(r"[()]", "", line).replace("−", "-").startswith(f"  dh = Rᵀ da = {terms} = {step.gradients['h']:.3f} ")


def test_a_float32_cell_is_shown_and_stays_as_it_was():
    cell = minirnn.make_cell("gru", 3, 4)
    before = cell.params.flat.copy()
    xs = np.random.default_rng(0).normal(size=(5, 3, 2)).astype("float32")
    step, run = minirnn.step_through(cell, xs, t=2), minirnn.unroll(cell, xs)
    assert np.isclose(step.values["z"], run["z"][2, 0, 0], rtol=1e-5) and cell.dtype == "float32"
    assert (cell.params.flat == before).all()


@pytest.mark.parametrize("arguments, error, words", [
    ({"t": 9}, ValueError, "t is 9, expected an integer from 0 to 4: there are 5 steps"),
    ({"unit": 4}, ValueError, "unit is 4, expected an integer from 0 to 3: there are 4 hidden units"),
    ({"example": 1.5}, TypeError, "example is 1.5, expected an integer from 0 to 1"),
    ({"loss": "mean"}, ValueError, "loss is 'mean', expected one of every, last"),
    ({"dhs": np.ones((5, 4, 1))}, ValueError, "dhs has shape"),
])
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        minirnn.step_through(minirnn.make_cell("rnn", 3, 4), np.ones((5, 3, 2)), **arguments)


@pytest.mark.parametrize("name", ["lstm", "rnn", "mut2", "rda"])
@pytest.mark.parametrize("n_in", [1, 3])
def test_a_step_that_is_given_x_says_what_it_takes_and_leads_to_the_step_through(name, n_in):
    cell = minirnn.make_cell(name, n_in, 4)
    with pytest.raises(ValueError, match=r"step takes W x \+ b.*input_terms.*unroll.*step_through"):
        cell.step(np.ones((n_in, 2), "float32"), cell.initial_state(2))
    cell.step(cell.input_terms(np.ones((1, n_in, 2), "float32"))[0], cell.initial_state(2))
