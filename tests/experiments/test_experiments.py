"""The Lemma 1 experiment: what it must find, that it repeats to the bit, and that its figures can be drawn."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minirnn import CELLS, History, evaluate, experiments, lemma1, make_cell, make_task, plots

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def result(lines):
    return experiments.lemma1(seed=0, progress=lines.append)


def test_rwa_learns_both_tasks_and_loses_them_where_rda_and_lstm_do_not(result):
    assert [(trial.task, trial.cell) for trial in result.trials] == [
        (task, cell) for task in ("alternate", "parity") for cell in ("rwa", "rda", "lstm")]
    for trial in result.trials:
        assert trial.solved and trial.accuracy[1] >= 0.99
        if trial.cell == "rwa":
            assert trial.accuracy[16] <= 0.65
        else:
            assert trial.accuracy[16] >= 0.99


def test_the_least_growth_that_holds_is_the_lemmas_and_above_the_bound(result):
    growth = result.growth
    assert growth["exact"] == pytest.approx(1.757301, abs=1e-6) and growth["bound"] == pytest.approx(1.430946, abs=1e-6)
    assert growth["measured"] == pytest.approx(growth["exact"], rel=1e-6)
    assert growth["measured"] >= growth["bound"]


def test_a_unit_that_learned_to_hold_pays_what_its_own_values_ask_for(result):
    fitted = result.fitted
    assert fitted["largest_error"] < 0.01
    assert fitted["measured"] == pytest.approx(fitted["exact"], rel=0.01)
    assert fitted["measured"] >= fitted["bound"]
    held = slice(fitted["first"] - 1, None)
    assert np.allclose(np.abs(fitted["h"][held]), 0.5, atol=0.01)
    assert np.allclose(fitted["logits"][held], fitted["required"], atol=0.05)


def test_the_unit_set_by_hand_holds_to_the_step_predicted(result):
    assert result.hand_set["held"] == result.hand_set["last_step"] == lemma1.last_step(0.5, 2.0, log_ratio=30.0)


def test_the_result_is_the_json_that_was_promised(result, lines):
    data = json.loads(json.dumps(result.as_dict()))
    first = data["runs"][0]
    assert (first["task"], first["cell"], first["trained_at"]) == ("alternate", "rwa", 60)
    assert list(first["accuracy"]) == ["1", "2", "4", "16"] and isinstance(first["steps"], int)
    assert {"measured", "exact", "bound"} <= data["growth"].keys()
    assert len(lines) == 9 and all(line and "\n" not in line for line in lines)


def test_accuracy_at_a_length_is_that_of_a_run_of_that_length(result):
    trial = result.trial("alternate", "rwa")
    for k in (1, 2, 4):
        task = make_task("alternate", length=60 * k)
        assert trial.accuracy[k] == pytest.approx(evaluate(trial.model, task, batch=3)["accuracy"], abs=1e-12)
    with pytest.raises(KeyError, match="no trial of 'gru' on 'parity'"):
        result.trial("parity", "gru")


def test_no_unit_of_the_trained_rwa_holds_more_than_its_weights_allow(result):
    model, checked = result.trial("alternate", "rwa").model, 0
    z_max, log_ratio = lemma1.limits(model.cells[0], 1, 1)
    turned = model.forward(np.ones((960, 1, 1), np.float32)).runs[0].hs[5:, :, 0] * lemma1.signs(955)[:, None]
    for unit in range(32):
        for n_steps in (5, 10, 20, 30, 40, 50, 60, 70):
            held = max((phase * turned[:n_steps, unit]).min() for phase in (-1, 1))
            if held > 0:
                checked += 1
                assert held <= lemma1.largest_amplitude(z_max[unit], log_ratio[unit], n_steps)
    assert checked > 50


def test_the_same_seed_gives_the_same_numbers_to_the_bit():
    def small(seed):
        found = experiments.lemma1(seed=seed, lengths={"parity": 8}, cells=("rwa",), multiples=(1, 3), steps=60)
        data = found.as_dict()
        data.pop("seconds")
        data["runs"][0].pop("seconds")
        model = found.trials[0].model
        fitted = experiments.fit_unit(model.cells[0], n_steps=10, steps=20)[0]
        return data, found.trials[0].curve, model.params["cell.R_a"].copy(), fitted.cell.params.flat
    one, again, other = small(1), small(1), small(2)
    assert one[0] == again[0]
    for mine, same, different in zip(one[1:], again[1:], other[1:]):
        assert np.array_equal(mine, same) and not np.array_equal(mine, different)


def test_what_was_not_learned_is_said(lines):
    trial = experiments.train_short_test_long("parity", "lstm", steps=2, multiples=(1, 2))
    assert not trial.solved and trial.steps == 2 and "NOT learned" in str(trial)
    assert trial.curve.shape == (40,)
    barely = experiments.fitted_unit(make_cell("rwa", 1, 2, rng=0), n_steps=20, steps=1)
    assert barely is None


@pytest.mark.parametrize("c, z_max", [(0.2, 1.0), (0.5, 2.0), (0.7, 1.2), (0.9, 6.0)])
def test_the_growth_found_by_search_on_a_running_cell_is_the_lemmas(c, z_max):
    assert experiments.least_growth(c, z_max) == pytest.approx(lemma1.growth_factor(c, z_max), rel=1e-6)


def test_amplitude_follows_the_growth_of_attention():
    growths = np.array([1.2, 1.5, 3.0])
    held = experiments.amplitudes_held(growths, 2.0)
    w = 1 - 1 / growths                                 # the share of the newest value; y = w z − (1 − w) y alternating
    assert np.allclose(held, np.tanh(2.0 * w / (2 - w)), atol=1e-9)


def test_bad_arguments_are_refused():
    with pytest.raises(KeyError, match="cell 'rwb' is unknown"):
        experiments.lemma1(cells=("rwb",))
    with pytest.raises(ValueError, match="z_max is 0.1"):
        experiments.lemma1(z_max=0.1)
    with pytest.raises(ValueError, match="settle is 5, expected from 0"):
        experiments.fit_unit(make_cell("rwa", 1, 2), n_steps=5, settle=5)


def test_figures_are_drawn_and_saved_whole_or_not_at_all(result, tmp_path, monkeypatch):
    path = tmp_path / "new" / "lemma1.png"
    figure = plots.lemma1_figure(result)
    plots.save(figure, path)
    whole = path.read_bytes()
    assert whole.startswith(b"\x89PNG") and len(whole) > 20_000
    assert all(axes.get_title(loc="left") and axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    monkeypatch.setattr(type(figure), "savefig", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plots.save(figure, path)
    assert path.read_bytes() == whole and list(path.parent.iterdir()) == [path]


def test_the_training_figure_takes_one_step_or_many(tmp_path):
    for n in (1, 200):
        history = History(losses=list(np.linspace(1, 0.01, n)), metrics={"accuracy": list(np.linspace(0, 1, n))})
        plots.save(plots.training_figure((f"{n} steps", history)), tmp_path / f"{n}.png")


def test_every_cell_has_one_style_and_families_differ():
    styles = {name: plots.cell_style(name) for name in CELLS}
    assert styles["lstm"] == styles["lstm-np"] and styles["rda"] == styles["rda-exp-tanh"]
    families = [tuple(style) for style in plots.STYLES.values()]
    for column in zip(*families):
        assert len(set(column)) == len(families)        # colour, line and marker each tell them apart
    assert all(style["color"] != plots.style.OTHER[0] for style in styles.values())


def test_matplotlib_is_not_imported_before_a_figure_is_drawn():
    program = "import sys; from minirnn import experiments, lemma1, plots; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
