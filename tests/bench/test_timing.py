"""The benchmark: what it counts, what it says, and that the other frameworks compute what minirnn computes."""

import importlib.util
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from whole import ALL

import minirnn
from minirnn import bench, cli, memory, plots, unrolling
from minirnn.bench import contenders, timing, turns

ROOT = Path(__file__).resolve().parents[2]
SIZE = bench.Size(5, 3, 2, 4)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(turns, "TURN", 0)
    monkeypatch.setattr(turns, "REST", 0)


# ---- what is counted -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, matrices", [
    ("rnn", lambda D, H: H * D + H * H),
    ("lstm", lambda D, H: 4 * H * D + 4 * H * H),
    ("lstm-fgr", lambda D, H: 4 * H * D + 4 * H * H + 9 * H * H),
    ("gru", lambda D, H: 3 * H * D + 3 * H * H),
    ("mut3", lambda D, H: 3 * H * D + 3 * H * H),
    ("indrnn", lambda D, H: H * D),
    ("rwa", lambda D, H: 3 * H * D + 2 * H * H),
    ("rda", lambda D, H: 4 * H * D + 3 * H * H),
])
def test_floor_has_three_products_for_every_matrix_and_step(name, matrices):
    T, B, D, H = SIZE
    floor = contenders.Floor(minirnn.make_cell(name, D, H), SIZE, np.random.default_rng(0))
    assert floor.flops == 3 * T * 2 * B * matrices(D, H)


def test_floor_computes_the_products():
    cell = minirnn.make_cell("lstm", SIZE.D, SIZE.H)
    floor = contenders.Floor(cell, SIZE, np.random.default_rng(0))
    floor.forward()
    floor.backward()
    assert [A is cell.params.stacked[name] for name, (A, *_) in zip("WR", floor.products)] == [True, True]
    for A, x, da, a, dx, dA in floor.products:
        np.testing.assert_allclose(a, A @ x, rtol=1e-6)
        np.testing.assert_allclose(dx, A.T @ da, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(dA, np.einsum("ib,jb->ij", da, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name, arrays", [
    ("rnn", 1), ("indrnn", 1),
    ("lstm", 2 + 5),                    # h, c; i, f, o, g, s
    ("lstm-fgr", 5 + 5),                # h, c and the gates that are fed back; i, f, o, z, s
    ("gru", 1 + 3), ("mut1", 1 + 3),    # h; r, z, n
    ("rwa", 3 + 6),                     # h, v, l; u, g, tanh g, z, a, w
    ("rda", 3 + 8), ("rda-exp-tanh", 3 + 8 + 1),        # two more for γ and log a; the outputs that are not h
])
def test_bytes_per_step_are_four_for_each_number_kept(name, arrays):
    assert sum(memory.kept(name)) == 4 * arrays


@pytest.mark.parametrize("name", ["lstm", "lstm-fgr", "gru", "rwa", "rda-exp-tanh"])
def test_memory_grows_by_the_bytes_per_step_and_nothing_else(name, monkeypatch):
    monkeypatch.setattr(unrolling, "CHUNK", 2**12)  # a run works on 4 steps at once: few beside all
    B, D, H = 16, 2, 16
    peaks = []
    for T in (60, 60, 100):                                             # the first pays for what Python does once
        rng = np.random.default_rng(0)
        contender = contenders.Contender(minirnn.make_cell(name, D, H), rng.standard_normal((T, D, B), np.float32),
                                    rng.standard_normal((T, H, B), np.float32))
        peaks.append(contender.peak_bytes)
    dxs = 4 * D * B
    numbers = sum(memory.kept(name)) * H * B + dxs
    assert (peaks[2] - peaks[1]) / 40 == pytest.approx(numbers + memory.object_bytes(memory.kept(name).memo), rel=0.02)


def test_memory_that_is_not_explained_is_reported(monkeypatch):
    monkeypatch.setattr(unrolling, "CHUNK", 2**12)
    monkeypatch.setattr(memory, "CHUNK", 2**12)
    size = (1000, 16, 2, 16)
    assert bench.benchmark("rwa", size, runs=1).rows[0].memory_explained
    for module in (memory, timing):
        monkeypatch.setattr(module, "kept", lambda name: memory.Kept(4, 0, 0))
    result = bench.benchmark("rwa", size, runs=1)
    assert not result.rows[0].memory_explained and "do not explain" in str(result)


@pytest.mark.parametrize("segment", [None, 7])
def test_the_memory_of_every_cell_is_explained_and_within_the_estimate(segment):
    cells = list(minirnn.CELLS) if segment is None or ALL else ["rnn", "lstm", "rda"]
    result = bench.benchmark(cells, size=(50, 3, 2, 4), runs=1, segment=segment)
    assert [row.cell for row in result.rows] == cells
    for row in result.rows:
        assert row.memory_explained, row.cell
        assert row.kept_bytes < row.peak_bytes < memory.memory_estimate(row.cell, result.size, segment)


# ---- taking turns ----------------------------------------------------------------------------------------------------

def test_contestants_take_turns():
    order = []
    found = bench.measure({"a": [lambda: order.append("a1"), lambda: order.append("a2")], "b": [lambda: order.append("b")]}, 3)
    assert order == ["a1", "a2", "b"] * 4               # once to see how long they take, then three turns
    assert found["a"].shape == (3, 2) and found["b"].shape == (3, 1) and (found["a"] > 0).all()


def test_a_gradient_at_the_last_step_is_measured_beside_one_at_every_step(monkeypatch):
    given = []

    class Watched(contenders.Contender):
        def __init__(self, cell, xs, dhs, segment):
            given.append(dhs)
            super().__init__(cell, xs, dhs, segment)

    monkeypatch.setattr(timing, "Contender", Watched)
    row, = bench.benchmark(["lstm"], SIZE, runs=1, gradient="last").rows
    assert row.last_ratio > 0 and not given[0][:-1].any() and given[0][-1].all()
    row, = bench.benchmark(["lstm"], SIZE, runs=1).rows
    assert row.last_ratio is None and given[1].all()


# ---- what it says ----------------------------------------------------------------------------------------------------

def test_json_has_a_row_per_cell_and_says_what_was_measured_on_what(capsys):
    assert cli.main("bench rnn indrnn --size 5,3,1,4 --runs 2 --training-step --json".split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == {"T": 5, "B": 3, "D": 1, "H": 4} and found["runs"] == 2 and found["gradient"] == "every"
    assert {"minirnn", "numpy", "blas", "blas_threads", "python", "processor", "cores", "frameworks", "date"} <= set(found["machine"])
    assert [row["cell"] for row in found["rows"]] == ["rnn", "indrnn"]
    for row in found["rows"]:
        assert 0 < row["forward"] < row["total"] and row["peak_bytes"] > row["kept_bytes"] > 0
        assert row["bytes_per_step"] == 4 and row["memory_explained"] is True and row["against"] == {}
    rnn, indrnn = found["rows"]
    assert rnn["ratio"] > 0 and rnn["gflops"] > 0
    assert indrnn["ratio"] is None and indrnn["flops"] == 0             # with one input, W is a vector: there is no floor
    assert 0 < found["training_step"]["share_outside"] < 1


def test_table_names_size_machine_and_every_cell(capsys):
    assert cli.main("bench lstm rda --size 5,3,2,4 --runs 1".split()) == 0
    captured = capsys.readouterr()
    for words in ("T = 5 steps, B = 3 columns, D = 2 inputs, H = 4 units", f"NumPy {np.__version__}", "\nlstm ", "\nrda "):
        assert words in captured.out
    assert "lstm: 1 MB of memory at most" in captured.err


def test_sizes_have_names():
    assert bench.parse_size("paper") == (1000, 100, 2, 250) and bench.parse_size("teach") == (50, 32, 8, 32)
    assert bench.parse_size("5, 3,2,4") == bench.parse_size([5, 3, 2, 4]) == SIZE


def test_the_parts_of_a_training_step_are_parts_of_it():
    step = bench.training_step("rnn", (20, 4, 1, 8), steps=3)
    parts = step.forward + step.backward + step.data + step.loss
    assert 0 < step.forward and 0 < step.backward and 0 < step.data and 0 < step.loss and parts < 1.5 * step.seconds
    assert step.size.D == 1 and "outside forward and backward" in str(step)


def test_figure_has_time_and_floor_against_steps_columns_and_units(tmp_path, capsys):
    path = tmp_path / "bench.png"
    assert cli.main(["bench", "lstm", "--size", "4,4,2,4", "--runs", "1", "--figure", str(path)]) == 0
    assert path.read_bytes()[:4] == b"\x89PNG" and f"figure: {path}" in capsys.readouterr().out
    points = bench.sweep(["lstm"], (4, 4, 2, 4), factors=(0.5, 1), runs=1)
    assert [(point["axis"], point["value"]) for point in points] == [(axis, n) for axis in "TBH" for n in (2, 4)]
    panels = plots.bench_figure((bench.Size(4, 4, 2, 4), points)).axes
    assert [panel.get_xlabel()[0] for panel in panels] == ["T", "B", "H"]
    assert all(len(panel.get_lines()) >= 2 for panel in panels)
    assert panels[0].get_lines()[0].get_color() == plots.cell_style("lstm")["color"]


def test_the_benchmark_is_imported_without_matplotlib():
    code = "import sys, minirnn.bench; assert 'matplotlib' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# ---- bad input -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("arguments, words", [
    ("lstmm", "cell 'lstmm' is unknown, expected one of rnn, lstm"),
    ("lstm --against tensorflow", "framework 'tensorflow' is unknown, expected one of torch, jax"),
    ("lstm --size huge", "size is 'huge', expected paper, teach or four positive integers T,B,D,H"),
    ("lstm --size 5,3,2", "size is '5,3,2'"),
    ("lstm --size 5,3,2,0", "size is '5,3,2,0'"),
    ("lstm --size 5,3,2,4.5", "size is '5,3,2,4.5'"),
    ("lstm --runs 0", "runs is 0, expected a positive integer"),
    ("lstm --segment 0", "segment is 0, expected a positive integer"),
    ("lstm --seed -1", "rng is -1"),
    ("lstm --gradient never", "invalid choice: 'never'"),
    ("lstm --size 1,1,2,10000000", "lstm with T,B,D,H = 1,1,2,10000000 needs about"),
])
def test_bad_input_is_one_sentence_and_status_two(arguments, words, capsys):
    try:
        status = cli.main(["bench", *arguments.split()])
    except SystemExit as leave:
        status = leave.code
    captured = capsys.readouterr()
    assert status == 2 and words in captured.err and captured.out == "" and "Traceback" not in captured.err


def test_more_memory_than_there_is_is_an_error_that_says_what_fits(monkeypatch, capsys):
    size = bench.Size(10_000, 50, 2, 50)
    monkeypatch.setattr(memory, "machine_memory", lambda: 300_000_000)
    tracemalloc.start()
    assert cli.main("bench lstm --size 10000,50,2,50".split()) == 2
    assert tracemalloc.get_traced_memory()[1] < 5_000_000               # nothing was allocated for it
    tracemalloc.stop()
    error = capsys.readouterr().err
    assert "needs about 0.8 GB, this machine has 0.3 GB: segment=100 or T = " in error
    for axis in "TBH":
        fits = int(error.partition(f" {axis} = ")[2].split()[0])
        assert memory.memory_estimate("lstm", size._replace(**{axis: fits})) <= 300_000_000
        assert memory.memory_estimate("lstm", size._replace(**{axis: fits + 1})) > 300_000_000
    assert memory.memory_estimate("lstm", size, segment=100) <= 300_000_000
    monkeypatch.setattr(memory, "machine_memory", lambda: None)          # where the machine does not say, nothing is refused
    assert memory.check_memory("lstm", size) == memory.memory_estimate("lstm", size)


# ---- other frameworks ------------------------------------------------------------------------------------------------

def test_a_framework_that_is_not_installed_is_a_sentence_and_the_table_still_comes(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError(f"No module named '{name}'")

    monkeypatch.setattr(timing, "import_module", missing)
    assert cli.main("bench rnn --size 5,3,2,4 --runs 1 --against torch,jax".split()) == 0
    text = capsys.readouterr().out
    assert "PyTorch is not installed, so it is not measured" in text and "JAX is not installed" in text
    assert "\nrnn " in text and "× ours" not in text


def test_without_the_comparison_code_the_table_still_comes(monkeypatch, tmp_path):
    monkeypatch.setattr(timing, "import_module", lambda name: SimpleNamespace(__version__="1"))
    monkeypatch.setattr(timing, "FRAMEWORKS_FILE", tmp_path / "frameworks.py")
    result = bench.benchmark("rnn", SIZE, runs=1, against=["jax"])
    assert "JAX cannot be measured" in str(result) and result.rows[0].against == {}


def test_a_framework_gets_the_same_cell_and_its_own_columns(monkeypatch, tmp_path):
    code = tmp_path / "frameworks.py"
    code.write_text("calls = []\n"
                    "class Contestant:\n"
                    "    note = 'with a note'\n"
                    "    def __call__(self): calls.append(1)\n"
                    "def contestant(framework, name, cell, xs, dhs):\n"
                    "    assert (framework, name, xs.shape, dhs.shape) == ('jax', 'rnn', (5, 2, 3), (5, 4, 3))\n"
                    "    return Contestant()\n", encoding="utf-8")
    monkeypatch.setattr(timing, "import_module", lambda name: SimpleNamespace(__version__="1.2.3"))
    monkeypatch.setattr(timing, "FRAMEWORKS_FILE", code)
    result = bench.benchmark("rnn", SIZE, runs=2, against="jax")
    assert set(result.rows[0].against["jax"]) == {"seconds", "ratio", "note"}
    assert all(words in str(result) for words in ("JAX 1.2.3", "× ours", "rnn in jax: with a note."))
    assert result.as_dict()["machine"]["frameworks"] == {"jax": "1.2.3"}


def frameworks():
    spec = importlib.util.spec_from_file_location("frameworks", timing.FRAMEWORKS_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_same(contestant, cell, xs, dhs):
    """Outputs and gradients of another framework, to float32's precision."""
    run = minirnn.unroll(cell, xs)
    dxs, grads, _ = run.backward(dhs)
    outs, their_dxs, their_grads = contestant.results()
    ours = {"outs": run.hs, "dxs": dxs, **grads.stacked}
    theirs = {"outs": outs, "dxs": their_dxs, **their_grads}
    assert set(ours) == set(theirs)
    for what, expected in ours.items():
        np.testing.assert_allclose(theirs[what], expected, rtol=1e-4, atol=1e-5 * max(1, abs(expected).max()), err_msg=what)


def awake(name, n_in, **options):
    cell, rng = minirnn.make_cell(name, n_in, 4, rng=1, **options), np.random.default_rng(2)
    cell.params.flat[...] += rng.normal(0, 0.3, cell.n_params)
    return cell, rng.standard_normal((6, n_in, 3), np.float32), rng.standard_normal((6, 4, 3), np.float32)


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("name", minirnn.CELLS)
def test_frameworks_compute_what_the_cells_compute(framework, name):
    pytest.importorskip(framework)
    module = frameworks()
    make = {"torch": module.Torch, "jax": module.JAX}[framework]
    for n_in in (2, 4):                         # the mutations read x itself where D = H
        given = awake(name, n_in)
        assert_same(make(name, *given), *given)


@pytest.mark.parametrize("name, options", [("lstm", {}), ("gru", {"reset_after": True})])
def test_the_fused_layers_compute_what_the_cells_compute(name, options):
    pytest.importorskip("torch")
    given = awake(name, 2, **options)
    contestant = frameworks().contestant("torch", name, *given)
    assert_same(contestant, *given)
    assert contestant.note.startswith("nn.")
