"""The tables of the RDA's paper, and the curves of the RWA's author, with our own runs beside them.

The published numbers and the records of our runs stand in the repository, below `notebooks/results`: a folder for each table,
with a JSON file (settings, results, versions) and a CSV file (the curve) for every run. A record can be repeated from its own
settings: `python -m minirnn train --repeat notebooks/results/table2/rwa-0.json`.
"""

import csv
import json
import statistics
from pathlib import Path

from .. import checks
from ..files import replacing
from .comparing import in_columns, steps_in_words
from .folder import CURVE, RECORD, read_record

RESULTS = Path(__file__).resolve().parents[2] / "notebooks" / "results"
TABLES = {1: "addition", 2: "length", 3: "mnist", 4: "mnist-permuted", 5: "copy", 6: "multicopy", 7: "text"}
AUTHORS = {"addition": ("adding_problem_100", 1e-3), "copy": ("copy_problem_100", 1e-2)}     # task -> his name, our criterion
SMALL_FORM = {3: "digits", 4: "digits-permuted", 7: "another text"}      # table -> the data of its small form


class Table:
    """One table: published and ours, side by side.

    Attributes:
        number, task, metric: of the paper's table.
        rows: a dict for each model: "model", "published" (text, as "> 10000"), "value" and "relation" of it, "ours" (text, ""
            without a run), "records" (a list of records), "small" (records of the task's small form, which is other, smaller
            data). Models that only we ran stand last, with an empty "published", and None for "value" and "relation".

    Args:
        number: 1 to 7.
        results: the folder of published numbers and records; that of the repository without it.

    Raises:
        ValueError: there is no such table, or a file is damaged. FileNotFoundError: there are no published numbers in `results`.
    """

    def __init__(self, number, results=RESULTS):
        self.number, self.results = checks.choice("table", number, TABLES), Path(results)
        published = [row for row in self._published() if int(row["table"]) == number]
        self.task, self.metric = TABLES[number], published[0]["metric"]
        records = records_in(self.results / f"table{number}")
        self.rows = [self._row(row["model"], row["relation"], row["value"], records) for row in published]
        there = {row["model"] for row in self.rows}
        also = dict.fromkeys(one["experiment"]["cell"] for one in records)
        self.rows += [self._row(model, None, None, records) for model in also if model not in there]

    def _row(self, model, relation, value, records):
        of = [record for record in records if record["experiment"]["cell"] == model]
        own, small = [one for one in of if not is_small(one)], [one for one in of if is_small(one)]
        published = "" if value is None else value if relation == "=" else f"{relation} {value}"
        return {"model": model, "relation": relation, "value": None if value is None else float(value), "published": published,
                "ours": self.told(own), "records": own, "small": small}

    def _published(self):
        path = self.results / "published" / "paper_tables.csv"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there: the tables stand in the repository, below notebooks/results")
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def told(self, records):
        """What our runs say, as text: the paper's metric, the median over seeds."""
        if not records:
            return ""
        if self.metric.startswith("steps"):
            return steps_of(records)
        name = "loss" if self.metric.startswith("bits") else "accuracy"
        return f"{statistics.median(record['metrics']['test'][name] for record in records):.3f}"

    def lines(self):
        """The table: a list of rows of text, the head first."""
        extra = [f"ours, on {SMALL_FORM[self.number]}"] if self.number in SMALL_FORM else []
        table = [["model", "published", "ours", *extra, "seeds", "steps made", "hours"]]
        for row in self.rows:
            records = row["records"] or row["small"]
            more = [self.told(row["small"])] if extra else []
            made = f"{max(record['steps'] for record in records):,}" if records else ""
            table.append([row["model"], row["published"], row["ours"], *more, str(len(records) or ""), made, hours_of(records)])
        return table

    def __str__(self):
        return "\n".join([f"Table {self.number}: {self.task}, {self.metric}", "", in_columns(self.lines())])

    def as_dict(self):
        """For JSON."""
        rows = [{**row, "records": plain(row["records"]), "small": plain(row["small"])} for row in self.rows]
        return {"table": self.number, "task": self.task, "metric": self.metric, "rows": rows}


def is_small(record):
    """Whether a run is of a table's small form: on other data than the paper's, of which there is less."""
    of = record["experiment"]
    if of["task"] == "text":
        return Path(of["task_options"].get("path") or "").name != "enwik8"
    return of["task"] not in TABLES.values()


def records_in(folder):
    """The records of a folder, dicts, with "path" and "curve" (the path of its CSV file)."""
    paths = sorted(Path(folder).glob("*.json"))
    return [{**read_record(path), "path": path, "curve": path.with_suffix(".csv")} for path in paths]


def steps_of(records):
    """Steps to the criterion, as text; "" without a record."""
    return steps_in_words([one["solved_at"] for one in records], max(one["steps"] for one in records)) if records else ""


def hours_of(records):
    """How long they took in all, as text; "" without a record."""
    return f"{sum(one['seconds'] for one in records) / 3600:.2f}" if records else ""


def plain(records):
    """Records for JSON: with the name of the file in place of the paths."""
    return [{name: value for name, value in record.items() if name not in ("path", "curve")}
            | {"file": f"{record['path'].parent.name}/{record['path'].name}"} for record in records]


def store(folder, place):
    """Put the record and the curve of an experiment's folder into the results, as `place`.json and `place`.csv.

    Args:
        folder: where `run_experiment` ran.
        place: for example notebooks/results/table2/rwa-0.
    """
    folder, place = Path(folder), Path(place)
    with replacing(place.with_suffix(".json"), "w") as file:
        json.dump(read_record(folder / RECORD), file, indent=1)
        file.write("\n")
    with replacing(place.with_suffix(".csv"), "w") as file:
        file.write((folder / CURVE).read_text(encoding="utf-8"))


class AuthorsRuns:
    """The trainings of the RWA's author, with our own runs at the settings of his code beside them.

    His costs on test sequences are known every 100 iterations, for RWA and LSTM. Our steps are those at which held-out
    sequences met the criterion; our curves are of the batches learned from.

    Attributes:
        rows: a dict for each task and cell: "task", "model", "criterion" (a text), "met" (the first of his iterations at which
            the cost met it, or None), "published" (the same as text; "" where he ran none), "ours", "records", "curve" (his
            iterations and costs, two lists, or None).

    Args:
        results: the folder of published numbers and records; that of the repository without it.
    """

    def __init__(self, results=RESULTS):
        records = records_in(Path(results) / "author")
        self.rows = []
        for task, (name, bound) in AUTHORS.items():
            for model in ("rwa", "lstm", "rda-exp-tanh", "rda-sigmoid-id"):
                of = [one for one in records if (one["experiment"]["task"], one["experiment"]["cell"]) == (task, model)]
                iterations, costs = curve = author_curve(name, model, results)
                met = next((at for at, cost in zip(iterations, costs) if cost < bound), None)
                self.rows.append({
                    "task": task, "model": model, "criterion": f"loss < {bound:g}", "met": met,
                    "curve": curve if costs else None,
                    "published": "" if not costs else f"not by {iterations[-1]:,}" if met is None else f"{met:,}",
                    "ours": steps_of(of), "records": of})

    def lines(self):
        """The table: a list of rows of text, the head first."""
        table = [["task", "cell", "criterion", "author", "ours", "hours"]]
        for row in self.rows:
            told = [row[name] for name in ("task", "model", "criterion", "published", "ours")]
            table.append([*told, hours_of(row["records"])])
        return table

    def __str__(self):
        return "\n".join(["The RWA author's own trainings (iterations, looked at every 100) and ours (steps), T = 100", "",
                          in_columns(self.lines())])

    def as_dict(self):
        """For JSON."""
        return {"rows": [{**row, "records": plain(row["records"])} for row in self.rows]}


def author_curve(task, model, results=RESULTS):
    """The course of the RWA author's own training: iterations and test costs, two lists.

    Args:
        task: as in the file, "copy_problem_100".
        model: "rwa" or "lstm".
    """
    with open(Path(results) / "published" / "rwa_author_curves.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["task"], row["model"]) == (task, model)]
    return [int(row["iteration"]) for row in rows], [float(row["test_cost"]) for row in rows]
