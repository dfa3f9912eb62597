"""Time and memory against the length of a sequence."""

import json

import numpy as np
import pytest

import minirnn
from minirnn import bench, cli, memory, plots
from minirnn.bench import long

SIZE = (1, 8, 2, 64)                    # T is given apart


def megabytes(run):
    return (run["resident_bytes"] - run["idle_bytes"] - run["given_bytes"]) / 1e6


def test_memory_beside_what_is_given_grows_with_the_length_only_where_all_is_kept():
    runs = bench.long_runs("lstm", SIZE, lengths=(500, 8000))
    assert [(run["T"], run["segment"]) for run in runs] == [(500, None), (500, 22), (8000, None), (8000, 89)]
    if runs[0]["resident_bytes"] is None:
        pytest.skip("the system does not tell how much memory a process has")
    whole, in_segments = megabytes(runs[2]), megabytes(runs[3])
    kept = 28 * 64 * 8 * 8000 / 1e6                                     # seven arrays of (H, B) for each step
    assert 0.9 * kept < whole < 1.5 * kept
    assert in_segments < 0.25 * whole


def test_what_is_given_is_inputs_outputs_and_their_gradients():
    run, = bench.long_runs(["rda-exp-tanh"], SIZE, lengths=[300], whole=False)
    assert run["given_bytes"] == 4 * 300 * 8 * (2 + 64) * 2
    assert run["segment"] == 17 and run["forward"] > 0 and run["backward"] > 0


def test_a_length_that_does_not_fit_is_said_and_left_out(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: memory.memory_estimate("rnn", (2000, 8, 2, 64), 45) + 1)
    said = []
    runs = bench.long_runs("rnn", SIZE, lengths=[2000], progress=said.append)
    assert [run["segment"] for run in runs] == [44]
    assert "rnn with T,B,D,H = 2000,8,2,64 needs about" in said[0] and "segment=45" in said[0]


def test_a_process_that_is_ended_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(long, "ALONE", "raise MemoryError('no room')")
    with pytest.raises(ChildProcessError, match="rnn: the process that ran 10 steps did not come to its end: MemoryError: no room"):
        bench.long_runs("rnn", SIZE, lengths=[10])
    assert cli.main(["bench", "rnn", "--size", "5,2,2,4", "--runs", "1", "--long", str(tmp_path / "long.png")]) == 2
    assert "rnn: the process that ran 100 steps did not come to its end" in capsys.readouterr().err


@pytest.mark.parametrize("wrong, error, words", [
    ({"cells": "lstn"}, KeyError, "cell 'lstn' is unknown"),
    ({"lengths": [0]}, ValueError, "lengths is 0, expected"),
    ({"size": "1,2"}, ValueError, "four positive integers"),
])
def test_bad_input_is_refused_before_anything_runs(wrong, error, words):
    with pytest.raises(error, match=words):
        bench.long_runs(**{"lengths": [10], **wrong})


def test_the_figure_shows_both_ways_and_what_grows_in_any_case():
    runs = [{"cell": "gru", "T": T, "segment": segment, "forward": T / 1e4, "backward": T / 5e3, "idle_bytes": 30e6,
             "given_bytes": 4000 * T, "resident_bytes": 30e6 + (4000 + (0 if segment else 9000)) * T}
            for T in (100, 1000, 10_000) for segment in (None, 10)]
    figure = plots.long_figure(runs)
    time_axes, memory_axes = figure.axes
    labels = [line.get_label() for line in time_axes.lines]
    assert labels == ["gru, all steps kept", "gru, in segments"]
    np.testing.assert_allclose(time_axes.lines[0].get_ydata(), [0.03, 0.3, 3])
    np.testing.assert_allclose(memory_axes.lines[0].get_ydata(), [31.3, 43, 160])
    np.testing.assert_allclose(memory_axes.lines[-1].get_ydata(), [30.4, 34, 70])       # Python and what is given


def test_the_command_line_draws_it_and_gives_the_numbers(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "long_runs", lambda cells, **how: [
        {"cell": cell, "T": T, "segment": None, "forward": 1, "backward": 2, "idle_bytes": None, "given_bytes": 8 * T,
         "resident_bytes": None} for cell in cells for T in (10, 100)])
    path = tmp_path / "long.png"
    assert cli.main(["bench", "rnn", "--size", "5,2,2,4", "--runs", "1", "--json", "--long", str(path)]) == 0
    captured = capsys.readouterr()
    assert [run["T"] for run in json.loads(captured.out)["long"]] == [10, 100]
    assert path.read_bytes().startswith(b"\x89PNG") and str(path) in captured.err


def test_a_description_says_what_a_cell_keeps():
    assert "28 bytes of each step" in str(minirnn.describe("lstm"))
    assert "44 bytes" in str(minirnn.describe("rda")) and "48 bytes" in minirnn.describe("rda-exp-tanh")._repr_html_()


@pytest.mark.parametrize("whole, in_segments", [(7.5, 7.0), (7.0, 7.5)])
def test_of_two_times_that_are_close_the_larger_is_written_above(whole, in_segments):
    runs = [{"cell": "lstm", "T": 100, "segment": segment, "forward": seconds, "backward": 0.0, "resident_bytes": 5e7,
             "idle_bytes": 4e7, "given_bytes": 1e6} for segment, seconds in ((None, whole), (10, in_segments))]
    times = plots.long_figure(runs).axes[0]
    heights = {text.get_text(): text.xyann[1] for text in times.texts}
    assert heights["7.5 s"] > heights["7.0 s"]
