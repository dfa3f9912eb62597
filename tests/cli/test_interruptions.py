"""Commands that are ended at a random moment: the exit status says by what, one line says what is kept, and that is there.

A hundred times with the environment variable MINIRNN_ALL=1.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from whole import amount

from minirnn.arrays import read_headers
from minirnn.training.checkpoint import load_state

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX systems do")

COMMANDS = {
    "demo": ["demo", "--out", "OUT"],
    "lemma1": ["lemma1", "--out", "OUT"],
    "bench": ["bench", "lstm", "rwa", "--size", "50,16,4,16", "--figure", "OUT/bench.png"],
    "train": ["train", "parity", "--steps", "1000000", "--until", "never", "--hidden", "4", "--out", "OUT"],     # never ready
}


def start(arguments, out):
    arguments = [argument.replace("OUT", str(out)) for argument in arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([sys.executable, "-m", "minirnn", *arguments], cwd=ROOT, text=True, encoding="utf-8",
                            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))


def wait_until_it_listens(command):
    """Until Python has come to the package, whose first act is to ask for the signals. Before that they are Python's own."""
    status = Path(f"/proc/{command.pid}/status")
    if not status.exists():
        time.sleep(0.5)
    while status.exists() and command.poll() is None:
        caught = re.search(r"SigCgt:\s*(\w+)", status.read_text())
        if caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.002)


def check_what_was_promised(out, said):
    """Every file that the command said it had written is there and whole, and no unfinished one beside it."""
    for path in re.findall(r"\S+\.(?:png|npz|json)\b", said):
        path = Path(path)
        assert path.exists(), (path, said)
        if path.suffix == ".png":
            assert path.read_bytes()[-8:-4] == b"IEND"
        elif path.suffix == ".npz":
            assert read_headers(path)
        else:
            json.loads(path.read_text(encoding="utf-8"))
    if out.exists():
        assert not [path for path in out.iterdir() if path.suffix == ".part"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_ended_at_any_moment_keeps_its_promise(name, tmp_path):
    rng = random.Random(name)
    for k in range(amount(2, 25)):
        out, number = tmp_path / str(k), rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        command = start(COMMANDS[name], out)
        wait_until_it_listens(command)
        time.sleep(rng.choice([0.3, 1, 4]) * rng.random())
        command.send_signal(number)
        said, errors = command.communicate(timeout=120)
        about = f"try {k}, {number.name}\n{said}\n{errors}"
        assert "Traceback" not in said + errors and "NOT learned" not in said, about
        if command.returncode != 0 or name == "train":          # it may have been ready
            assert command.returncode == 128 + number, about
            assert errors.count("minirnn: interrupted") + said.count("interrupted") == 1, about
        check_what_was_promised(out, said + errors)


CUT_IMPORT = """
import enum, runpy, signal, sys
make = enum.EnumMeta.__call__

def interrupted(cls, *given, **options):
    if str(options.get("module")).endswith("ft2font"):
        print("in matplotlib", flush=True)
        signal.raise_signal(signal.SIGTERM)
    return make(cls, *given, **options)

enum.EnumMeta.__call__ = interrupted
sys.argv = ["minirnn", "bench", "rnn", "--size", "5,4,2,4", "--figure", sys.argv[1]]
runpy.run_module("minirnn", run_name="__main__")
"""


def test_an_interruption_in_the_middle_of_a_librarys_import_has_its_exit_status(tmp_path):
    """Matplotlib's library for fonts, cut while it makes its enumerations, aborts the process when Python shuts down."""
    done = subprocess.run([sys.executable, "-c", CUT_IMPORT, str(tmp_path / "bench.png")], cwd=ROOT, text=True,
                          capture_output=True)
    if "in matplotlib" not in done.stdout:
        pytest.skip("this matplotlib makes no enumerations there")
    assert (done.returncode, done.stderr) == (143, "minirnn: interrupted; nothing was written\n")


def test_a_training_that_is_ended_keeps_what_it_has_learned(tmp_path):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        out = tmp_path / number.name
        command = start(COMMANDS["train"], out)
        while "step " not in command.stdout.readline():
            assert command.poll() is None, command.stderr.read()
        command.send_signal(number)
        _, errors = command.communicate(timeout=120)
        assert command.returncode == 128 + number, errors
        assert {"model.npz", "checkpoint.npz", "experiment.json"} <= {path.name for path in out.iterdir()}
        assert read_headers(out / "model.npz") and load_state(out / "checkpoint.npz").history.interrupted


@pytest.mark.parametrize("arguments", [COMMANDS["demo"], COMMANDS["lemma1"], COMMANDS["bench"]], ids=["demo", "lemma1", "bench"])
def test_a_place_where_nothing_can_be_written_is_known_before_anything_is_computed(arguments, tmp_path, capsys):
    from minirnn import cli
    (tmp_path / "file").write_text("in the way")
    assert cli.main([argument.replace("OUT", str(tmp_path / "file")) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.err == f"minirnn: {tmp_path / 'file'}: expected a folder, this is none\n" and said.out == ""


def test_a_figure_in_an_unknown_format_is_known_before_anything_is_computed(tmp_path, capsys):
    from minirnn import cli
    assert cli.main(["bench", "--figure", str(tmp_path / "times.xyz")]) == 2
    said = capsys.readouterr()
    assert "times.xyz ends in .xyz, expected a figure's format: " in said.err and "png" in said.err and said.out == ""


# ---- output that nobody reads ----------------------------------------------------------------------------------------

TRAIN = ["train", "parity", "--steps", "50", "--hidden", "4", "--out", "OUT"]


def test_a_training_whose_output_nobody_reads_leaves_its_files(tmp_path):
    command = start(TRAIN, tmp_path / "out")
    with command.stdout:
        pass
    with command.stderr:
        errors = command.stderr.read()
    assert command.wait(120) == 0 and errors == ""
    assert {"model.npz", "record.json", "training.png"} <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments, files", [(TRAIN, True), (["cells"], False)], ids=["train", "cells"])
def test_output_that_cannot_be_written_is_said_and_files_are_left_all_the_same(arguments, files, tmp_path):
    arguments = [argument.replace("OUT", str(tmp_path)) for argument in arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "minirnn", *arguments], cwd=ROOT, text=True, stdout=full,
                              stderr=subprocess.PIPE)
    assert done.returncode == 2 and (tmp_path / "model.npz").exists() == files
    assert done.stderr == "minirnn: the output could not be written: No space left on device\n"


def test_a_list_that_nobody_reads_to_its_end_is_no_error():
    command = subprocess.Popen([sys.executable, "-u", "-m", "minirnn", "cells"], cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    with command.stdout:
        pass
    with command.stderr:
        errors = command.stderr.read()
    assert command.wait(60) == 141 and errors == b""


def test_an_experiment_never_takes_a_network_that_is_half_trained_for_a_result(monkeypatch):
    from minirnn import experiments
    from minirnn.experiments import trials
    train = trials.train

    def interrupted(*given, callback=None, **options):
        def stop(step, loss, metrics):
            if step == 3:
                raise KeyboardInterrupt
        return train(*given, callback=stop, **options)
    monkeypatch.setattr(trials, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        experiments.lemma1()
