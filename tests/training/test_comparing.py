"""Many experiments: in turn, in processes, on somebody else's cluster; and the table that they make."""

import json
import multiprocessing
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

import minirnn
from minirnn import cli
from minirnn.training import Comparison, Experiment, comparing, read_curve, run_all, tables
from minirnn.training.comparing import spread, steps_in_words


def some(cells=("rnn", "gru"), seeds=2, **changes):
    return [Experiment(**{"task": "parity", "cell": cell, "seed": seed, "n_hidden": 4, "steps": 12, "batch": 3, "until": None,
                          "task_options": {"length": 4}, **changes}) for cell in cells for seed in range(seeds)]


def numbers(outcomes):
    return [(one["experiment"].name, one["record"]["steps"], one["record"]["metrics"]) for one in outcomes]


def test_every_executor_gives_the_same_numbers(tmp_path):
    here = run_all(some(), out=tmp_path / "here")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        there = run_all(some(), pool, out=tmp_path / "there", threads=1)
    with ThreadPoolExecutor(2) as threads:
        beside = run_all(some(), threads, out=tmp_path / "beside")
    assert numbers(here) == numbers(there) == numbers(beside)
    assert (tmp_path / "here" / "parity-gru-1" / "curve.csv").read_bytes() == (
        tmp_path / "there" / "parity-gru-1" / "curve.csv").read_bytes()


def test_a_cluster_gets_the_same_experiments(tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, \
            distributed.Client(cluster) as client:
        there = run_all(some(), client.get_executor(), out=tmp_path / "there", threads=1)
    assert numbers(there) == numbers(run_all(some(), out=tmp_path / "here"))


def test_a_failed_experiment_takes_no_other_down(tmp_path):
    experiments = some(seeds=1) + some(("rda",), 1, cell_options={"attention": "max"})
    told = []
    outcomes = run_all(experiments, out=tmp_path, progress=lambda *given: told.append(given))
    assert [bool(one["record"]) for one in outcomes] == [True, True, False]
    assert "attention is 'max', expected one of exp" in outcomes[2]["error"]
    assert [error for _, record, error in told if error] == [outcomes[2]["error"]]
    assert "parity-rda-0 failed: ValueError: attention is 'max'" in str(Comparison(outcomes))


def test_what_has_ended_is_not_run_again(tmp_path, monkeypatch):
    first = run_all(some(), out=tmp_path)
    with pytest.raises(FileExistsError, match="holds parity-rnn-0 already"):
        run_all(some(), out=tmp_path)
    monkeypatch.setattr(minirnn.training.experiment.Experiment, "start", lambda self: 1 / 0)
    assert numbers(run_all(some(), out=tmp_path, resume=True)) == numbers(first)


class Interrupted(Executor):
    """An executor whose user presses Ctrl-C when the second experiment is handed in."""

    def __init__(self):
        self.given = []

    def submit(self, function, *given):
        self.given.append(given)
        if len(self.given) == 2:
            raise KeyboardInterrupt
        return Future()


def test_an_interruption_tells_the_workers_and_all_can_be_resumed(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_all(some(), Interrupted(), out=tmp_path)
    assert (tmp_path / comparing.STOP).exists()
    comparing.LOOK, before = 0.0, comparing.LOOK                # a worker that still runs sees it and keeps what it has
    try:
        assert comparing.run_one(some()[0].as_dict(), str(tmp_path)) == {"interrupted": True}
    finally:
        comparing.LOOK = before
    assert (tmp_path / "parity-rnn-0" / "checkpoint.npz").exists()
    assert [one["record"]["steps"] for one in run_all(some(), out=tmp_path, resume=True)] == [12] * 4
    assert not (tmp_path / comparing.STOP).exists()


def test_bad_input_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="experiments has two of the name parity-rnn-0"):
        run_all(some() + some(), out=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run_all(some(), out=tmp_path / "file")


def test_the_table_says_what_the_records_say(tmp_path):
    outcomes = run_all(some(), out=tmp_path)
    for one, (solved_at, accuracy) in zip(outcomes, [(5, 0.5), (9, 0.7), (None, 0.25), (None, 0.75)]):
        one["record"] = {**one["record"], "solved_at": solved_at, "criterion": "loss < 0.1", "seconds": 2.0,
                         "metrics": {"test": {"loss": 1.0, "accuracy": accuracy}}}
    comparison = Comparison(outcomes)
    head, rnn, gru, trivial = comparison.lines()
    assert head == ["cell", "steps until loss < 0.1", "test loss", "test accuracy", "seconds"]
    assert rnn == ["rnn", "7 (5 to 9)", "1 (1 to 1)", "0.6 (0.5 to 0.7)", "2 (2 to 2)"]
    assert gru[:2] == ["gru", "not by 12"] and trivial[0] == "guessing"
    comparison.write(tmp_path)
    found = json.loads((tmp_path / "compare.json").read_text())
    assert [row["solved_at"] for row in found["rows"]] == [5, 9, None, None]
    assert (tmp_path / "compare.csv").read_text().splitlines()[1] == "rnn,0,5,12,1.0,0.5,2.0"


@pytest.mark.parametrize("solved_at, words", [
    ([7], "7"), ([5, 9, 7], "7 (5 to 9)"), ([None, None], "not by 100"), ([1234], "1,234"),
    ([5, None, 9], "9 (2 of 3 seeds by 100, the first at 5)"), ([5, None, None], "1 of 3 seeds by 100, the first at 5"),
    ([5, None], "1 of 2 seeds by 100, the first at 5"),
])
def test_steps_are_told_with_those_that_did_not_get_there(solved_at, words):
    assert steps_in_words(solved_at, 100) == words


def test_a_spread_is_the_median_and_the_range():
    assert spread([0.5], "{:.2f}") == "0.50" and spread([3, 1, 2], "{:.0f}") == "2 (1 to 3)"


def test_a_damaged_curve_is_a_sentence(tmp_path):
    for content in ("", "a,b\n1,2\n", "step,loss\n1,x\n", "step,loss\n1\n"):
        (tmp_path / "curve.csv").write_text(content)
        with pytest.raises(ValueError, match="curve.csv is damaged"):
            read_curve(tmp_path)


# ---- the paper's tables ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", tables.TABLES)
def test_every_table_shows_what_is_published_and_what_the_records_say(number):
    table = tables.Table(number)
    assert {row["model"] for row in table.rows[:5]} == {"rwa", "lstm", "gru", "rda-exp-tanh", "rda-sigmoid-id"}
    assert all(row["published"] == "" and row["records"] + row["small"] for row in table.rows[5:])      # those that only we ran
    for row in table.rows[:5]:
        assert str(int(row["value"]) if row["value"] == int(row["value"]) else row["value"]) in row["published"]
    for row in table.rows:
        for record in row["records"] + row["small"]:
            assert record["experiment"]["cell"] == row["model"]
        assert all(record["experiment"]["task"] == table.task for record in row["records"])
        if not row["records"]:
            assert row["ours"] == ""
        elif table.metric.startswith("steps") and len(row["records"]) == 1:
            record, = row["records"]
            assert row["ours"] == (f"{record['solved_at']:,}" if record["solved_at"] else f"not by {record['steps']:,}")
    json.dumps(table.as_dict())


def test_runs_on_other_data_and_of_other_models_have_places_of_their_own(tmp_path, capsys, monkeypatch):
    """A text that is not enwik8 is a small form of Table 7, and a model that the paper did not run stands last."""
    (tmp_path / "published").mkdir()
    (tmp_path / "table7").mkdir()
    published = (tables.RESULTS / "published" / "paper_tables.csv").read_text()
    (tmp_path / "published" / "paper_tables.csv").write_text(published)
    record = json.loads((tables.RESULTS / "table3" / "digits-rwa-0.json").read_text())
    looks = [{"step": 500, "loss": 3.0}, {"step": 1000, "loss": 2.5}]
    runs = (("a", "rwa", None, looks), ("b", "gru", "texts/enwik8", looks), ("c", "rnn", "mine.txt", []))
    for name, cell, path, evaluations in runs:
        record["experiment"] |= {"task": "text", "cell": cell, "task_options": {"path": path} if path else {}}
        record |= {"criterion": None, "evaluations": evaluations, "metrics": {"test": {"loss": 2.25}}}
        (tmp_path / "table7" / f"{name}.json").write_text(json.dumps(record))
    rows = {row["model"]: row for row in tables.Table(7, tmp_path).rows}
    assert {model: (len(row["records"]), len(row["small"])) for model, row in rows.items() if row["records"] + row["small"]} == {
        "rwa": (0, 1), "gru": (1, 0), "rnn": (0, 1)}
    assert list(rows)[-1] == "rnn" and rows["rnn"]["published"] == "" and rows["rwa"]["ours"] == ""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["table", "7", "--results", str(tmp_path)]) == 0       # although nobody looked at one of them while it ran
    said = capsys.readouterr().out.splitlines()
    assert next(line for line in said if line.startswith("gru")).split()[:3] == ["gru", "1.535", "2.250"]
    assert next(line for line in said if line.startswith("rnn")).split()[:2] == ["rnn", "2.250"]
    missing = next(line for line in said if line.startswith("No run yet")).partition(". ")[0]
    assert missing == "No run yet of lstm, rda-exp-tanh, rda-sigmoid-id, rwa" and "figure: " in said[-1]


def test_every_record_has_a_curve_that_ends_where_the_record_does():
    for path in sorted(tables.RESULTS.glob("*/*.json")):
        record = json.loads(path.read_text())
        if record.get("kind") != "minirnn record":
            continue
        Experiment.of(record["experiment"])
        curve = comparing.read_points(path.with_suffix(".csv"))
        assert curve["step"][-1] == record["steps"], path
        if record["solved_at"]:
            assert record["solved_at"] <= record["steps"] and record["evaluations"][-1]["step"] == record["solved_at"]


def test_the_authors_curves_can_be_read():
    iterations, costs = tables.author_curve("adding_problem_100", "rwa")
    assert iterations[:2] == [0, 100] and costs[0] == 1.0983 and len(costs) == 500


def test_the_authors_table_says_when_his_costs_and_our_runs_met_the_criterion():
    found = {(row["task"], row["model"]): row for row in tables.AuthorsRuns().rows}
    assert len(found) == 8
    lines = (tables.RESULTS / "published" / "rwa_author_curves.csv").read_text().splitlines()
    for (task, model), row in found.items():
        his = [line.split(",") for line in lines if line.startswith(f"{task.replace('addition', 'adding')}_problem_100,{model},")]
        bound = float(row["criterion"].rpartition("<")[2])
        met = [int(at) for _, _, at, cost, _ in his if float(cost) < bound]
        assert row["published"] == (f"{met[0]:,}" if his else "")
        for record in row["records"]:
            assert record["experiment"]["task_options"]["length"] == 100 and record["criterion"] == row["criterion"]
            assert row["ours"] == f"{record['solved_at']:,}" or len(row["records"]) > 1
    json.dumps(tables.AuthorsRuns().as_dict())
