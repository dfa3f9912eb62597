"""The loop over time: pieces, buffers, repeatability, and what it says to bad input."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from every_cell import CASES, awaken, label

import minirnn

T, D, H, B = 12, 3, 4, 2


def prepared(name, options, seed=0):
    rng = np.random.default_rng(seed)
    cell = awaken(minirnn.make_cell(name, D, H, rng=rng, dtype="float64", **options), rng)
    return cell, rng.normal(size=(T, D, B)), rng.normal(size=(T, H, B))


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_two_pieces_with_the_state_carried_equal_one(name, options):
    cell, xs, dhs = prepared(name, {**options, "learned_state": True})
    whole = minirnn.unroll(cell, xs)
    dxs, grads, dstart = whole.backward(dhs)
    for cut in (1, 5, T - 1):
        first = minirnn.unroll(cell, xs[:cut])
        second = minirnn.unroll(cell, xs[cut:], first.state)
        np.testing.assert_allclose(np.concatenate([first.hs, second.hs]), whole.hs, rtol=1e-12, atol=1e-14)
        dxs_2, grads_2, dstate = second.backward(dhs[cut:])
        dxs_1, grads_1, dstart_1 = first.backward(dhs[:cut], dstate)
        np.testing.assert_allclose(np.concatenate([dxs_1, dxs_2]), dxs, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(grads_1.flat + grads_2.flat, grads.flat, rtol=1e-10, atol=1e-12)
        for a, b in zip(dstart_1, dstart):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_same_seed_same_numbers_to_the_bit_with_and_without_reused_buffers(name, options):
    cell, xs, dhs = prepared(name, options)
    fresh = minirnn.unroll(cell, xs)
    expected = [fresh.hs.copy(), *(a.copy() for a in fresh.state)]
    dxs, grads, dstate = fresh.backward(dhs)
    used = minirnn.unroll(cell, np.random.default_rng(9).normal(size=xs.shape))
    used.backward(dhs)
    again = minirnn.unroll(cell, xs, out=used)
    assert again is used
    for a, b in zip([again.hs, *again.state], expected):
        np.testing.assert_array_equal(a, b)
    dxs_2, grads_2, dstate_2 = again.backward(dhs)
    np.testing.assert_array_equal(dxs, dxs_2)
    np.testing.assert_array_equal(grads.flat, grads_2.flat)
    np.testing.assert_array_equal(np.stack(dstate), np.stack(dstate_2))


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_segments_give_the_gradients_of_the_whole(name, options):
    cell, xs, dhs = prepared(name, {**options, "learned_state": True})
    whole = minirnn.unroll(cell, xs)
    expected = whole.backward(dhs)
    for segment in (1, 5, T - 1):
        run = minirnn.unroll(cell, xs, segment=segment)
        np.testing.assert_array_equal(run.hs, whole.hs)
        for _ in range(2):                              # a second pass back finds other steps in the room for a segment
            found = run.backward(dhs)
            for a, b in zip((found[0], found[1].flat, *found[2]), (expected[0], expected[1].flat, *expected[2])):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
        run = minirnn.unroll(cell, xs[::-1], segment=segment, out=run)
        np.testing.assert_array_equal(run.hs, minirnn.unroll(cell, xs[::-1]).hs)


def test_segments_keep_memory_that_grows_with_the_root_of_the_length():
    def kept(T, segment):
        run = minirnn.unroll(minirnn.make_cell("lstm", 1, 8), np.zeros((T, 1, 4), "float32"), segment=segment)
        memos = [a for share in run._shares for memo in share.memos for a in vars(memo).values()]
        arrays = [*run._states.values(), *memos, *run._starts]
        return sum(a.nbytes for a in arrays) / (8 * 4 * 4)
    assert kept(10_000, None) == 2 * 10_001 + 5 * 10_000 + 2
    assert kept(10_000, 100) == 2 * 101 + 5 * 100 + 2 * 100


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_what_is_kept_of_a_step_keeps_nothing_else_alive(name, options):
    """A gate may be a view of a larger array, which lives as long as the view: it may only hold what is kept."""
    cell, xs, _ = prepared(name, options)
    run = minirnn.unroll(cell, xs)
    whole, kept = {}, 0
    for memo in run._shares[0].memos[1:]:
        for a in vars(memo).values():
            base = a if a.base is None else a.base
            whole[id(base)] = base.nbytes
            kept += a.nbytes
    assert sum(whole.values()) <= kept


class Reuses(minirnn.CELLS["lstm"]):
    """Notes its forget gate in an array that every step uses again."""

    def step(self, wx, old):
        new, memo = super().step(wx, old)
        if not hasattr(self, "room"):
            self.room = np.empty_like(memo.f)
        self.room[...] = memo.f
        memo.f = self.room
        return new, memo


def test_what_a_cell_notes_in_the_same_array_at_every_step_is_copied():
    rng = np.random.default_rng(0)
    cell, right = Reuses(D, H, dtype="float64"), minirnn.make_cell("lstm", D, H, dtype="float64")
    xs, dhs = rng.normal(size=(T, D, B)), rng.normal(size=(T, H, B))
    run, expected = minirnn.unroll(cell, xs), minirnn.unroll(right, xs)
    np.testing.assert_array_equal(run["f"], expected["f"])
    np.testing.assert_array_equal(run.backward(dhs)[1].flat, expected.backward(dhs)[1].flat)


def test_a_run_in_old_arrays_shows_its_own_gates():
    cell, xs, _ = prepared("lstm", {})
    run = minirnn.unroll(cell, xs)
    before = run["f"]
    minirnn.unroll(cell, -xs, out=run)
    np.testing.assert_array_equal(run["f"], minirnn.unroll(cell, -xs)["f"])
    np.testing.assert_array_equal(before, minirnn.unroll(cell, xs)["f"])


def test_memory_does_not_grow_over_a_thousand_training_steps():
    task = minirnn.make_task("parity", length=5)
    model, sizes = minirnn.make_model(task, "lstm-peephole", 8), []

    def count(step, loss, metrics):
        if step in (100, 1000):
            arrays = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)])
            sizes.append(sum(trace.size for trace in arrays.traces))

    tracemalloc.start()
    try:
        minirnn.train(model, task, steps=1000, batch=4, callback=count)
    finally:
        tracemalloc.stop()
    assert len(sizes) == 2 and 0 < sizes[1] <= sizes[0]         # of arrays: the history, which is none, does grow


def test_a_segmented_run_says_that_it_keeps_no_gates():
    cell, xs, _ = prepared("lstm", {})
    run = minirnn.unroll(cell, xs, segment=4)
    with pytest.raises(ValueError, match=r"'f' is not kept: the run keeps 4 of its 12 steps at a time \(segment=4\)"):
        run["f"]
    np.testing.assert_array_equal(run.state[0], run.hs[-1])
    assert minirnn.unroll(cell, xs, segment=99)["f"].shape == (T, H, B)         # longer than the run: all is kept


def test_progress_counts_the_steps_there_and_back():
    cell, xs, dhs = prepared("lstm", {})
    seen = []
    run = minirnn.unroll(cell, xs, segment=5, progress=lambda done, n_steps: seen.append((done, n_steps)))
    assert seen == [(5, 12), (10, 12), (12, 12)]
    run.backward(dhs)
    assert seen[3:] == [(2, 12), (7, 12), (12, 12)]


def test_runs_share_no_arrays():
    cell, xs, dhs = prepared("lstm", {})
    one, two = minirnn.unroll(cell, xs), minirnn.unroll(cell, xs)
    results = [one.backward(dhs), one.backward(dhs), two.backward(dhs)]
    arrays = [[run.hs, *run.state, *(run[name] for name in run.names)] for run in (one, two)]
    arrays += [[dxs, grads.flat, *dstate] for dxs, grads, dstate in results]
    for i, group in enumerate(arrays):
        for other in arrays[i + 1:]:
            assert not any(np.shares_memory(a, b) for a in group for b in other)


def test_the_state_may_be_carried_into_the_buffers_it_lives_in():
    cell, xs, _ = prepared("lstm", {})
    first = minirnn.unroll(cell, xs)
    expected = minirnn.unroll(cell, xs, first.state).hs.copy()
    np.testing.assert_array_equal(minirnn.unroll(cell, xs, first.state, out=first).hs, expected)


def test_what_a_run_shows_cannot_be_written_to():
    cell, xs, _ = prepared("lstm", {})
    run = minirnn.unroll(cell, xs)
    for a in (run.hs, run["f"], run["c"], *run.state):
        with pytest.raises(ValueError, match="read-only"):
            a[...] = 0


def test_backward_does_not_change_what_it_is_given():
    cell, xs, dhs = prepared("lstm", {})
    dstate = tuple(np.ones((H, B)) for _ in range(2))
    run, given, kept = minirnn.unroll(cell, xs), dhs.copy(), xs.copy()
    run.backward(dhs, dstate)
    np.testing.assert_array_equal(dhs, given)
    np.testing.assert_array_equal(xs, kept)
    assert all(np.all(a == 1) for a in dstate)


def test_a_run_names_everything_it_can_show():
    cell, xs, _ = prepared("rda", {})
    run = minirnn.unroll(cell, xs)
    assert run.names == ["h", "v", "l", "u", "g", "tanh_g", "z", "gamma", "a", "log_a", "w", "n", "d"]
    assert all(run[name].shape == (T, H, B) for name in run.names)
    np.testing.assert_array_equal(run["h"][-1], run.state[0])
    np.testing.assert_array_equal(run.start[1], np.zeros((H, B)))
    with pytest.raises(KeyError, match="'q'.*gamma"):
        run["q"]


def test_gradients_that_vanish_do_not_become_subnormal():
    """dh shrinks to nine tenths in every step back: on its way to 0 it would be subnormal for 150 steps."""
    seen = []

    class Watched(minirnn.CELLS["rnn"]):
        def step_backward(self, dnew, old, new, memo):
            seen.append(float(np.abs(dnew[0]).max()))
            return super().step_backward(dnew, old, new, memo)

    cell = Watched(1, 4)
    cell.params.flat[...] = 0
    cell.params["R"][...] = 0.9 * np.eye(4)
    run = minirnn.unroll(cell, np.zeros((1500, 1, 2), "float32"))
    dhs = np.zeros_like(run.hs)
    dhs[-1] = 1
    run.backward(dhs)
    np.testing.assert_allclose(seen[:600], 0.9**np.arange(600), rtol=1e-4)
    assert seen[-1] == 0 and not any(0 < size < np.finfo("float32").tiny for size in seen)


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda cell: pickle.loads(pickle.dumps(cell))])
@pytest.mark.parametrize("name, options", CASES[::5], ids=label)
def test_a_copied_cell_computes_with_the_parameters_that_it_shows(name, options, again):
    cell, xs, _ = prepared(name, options)
    other = again(cell)
    np.testing.assert_array_equal(minirnn.unroll(other, xs).hs, minirnn.unroll(cell, xs).hs)
    assert (again is copy.copy) == np.shares_memory(other.params.flat, cell.params.flat)
    other.params.flat[...] = 0.1
    for a in other.params.stacked.values():
        assert np.shares_memory(a, other.params.flat)
    assert not np.array_equal(minirnn.unroll(other, xs).hs, minirnn.unroll(prepared(name, options)[0], xs).hs)


def test_float64_input_to_a_float32_cell_is_computed_in_float32():
    cell = minirnn.make_cell("lstm", D, H)
    run = minirnn.unroll(cell, np.random.default_rng(0).normal(size=(T, D, B)))
    assert run.hs.dtype == np.float32 and run.backward(np.ones((T, H, B)))[0].dtype == np.float32


XS = np.zeros((5, 3, 2))


def lstm():
    return minirnn.make_cell("lstm", 3, 4)


def with_value(value):
    xs = XS.copy()
    xs[2, 1, 0] = value
    return xs


@pytest.mark.parametrize("call, error, words", [
    (lambda: minirnn.unroll(lstm(), np.zeros((5, 2, 2))), ValueError,
     r"xs has 2 features, the cell reads 3 \(xs is \(T, features, batch\)\)"),
    (lambda: minirnn.unroll(lstm(), np.zeros((5, 3))), ValueError, r"xs has shape \(5, 3\), expected three axes"),
    (lambda: minirnn.unroll(lstm(), np.zeros((0, 3, 2))), ValueError, "at least one step"),
    (lambda: minirnn.unroll(lstm(), np.zeros((5, 3, 0))), ValueError, "at least one column"),
    (lambda: minirnn.unroll(lstm(), with_value(np.nan)), ValueError, r"xs has nan at \(2, 1, 0\)"),
    (lambda: minirnn.unroll(lstm(), with_value(-np.inf)), ValueError, r"xs has -inf at \(2, 1, 0\)"),
    (lambda: minirnn.unroll(lstm(), with_value(1e300)), ValueError,
     r"xs has 1e\+300 at \(2, 1, 0\), expected at most 3.4e\+38 in size: more does not fit into float32"),
    (lambda: minirnn.unroll(lstm(), XS).backward(np.full((5, 4, 2), 1e300)), ValueError, r"dhs has 1e\+300 at \(0, 0, 0\)"),
    (lambda: minirnn.unroll(lstm(), np.ma.masked_less(with_value(-1), 0)), TypeError, "xs is a masked array with 1 values masked"),
    (lambda: minirnn.unroll(lstm(), [[[1.0]], [[1.0, 2.0]]]), ValueError, "xs is no array"),
    (lambda: minirnn.unroll(None, XS), TypeError, "cell is None, expected a Cell"),
    (lambda: minirnn.unroll("lstm", XS), TypeError, "cell is 'lstm', expected a Cell"),
    (lambda: minirnn.unroll(minirnn.CELLS["lstm"], XS), TypeError, "cell is <class .*LSTM.*>, expected a Cell"),
    (lambda: minirnn.unroll(lstm(), XS, progress=3), TypeError, "progress is 3, expected a function"),
    (lambda: minirnn.unroll(lstm(), None), ValueError, r"xs has shape \(\), expected three axes"),
    (lambda: minirnn.unroll(lstm(), np.zeros((5, 3, 2), int)), TypeError, "xs has dtype int64, expected floating"),
    (lambda: minirnn.unroll(lstm(), np.zeros((5, 3, 2), complex)), TypeError, "xs has dtype complex128"),
    (lambda: minirnn.unroll(lstm(), XS, (np.zeros((4, 2)),)), ValueError, r"state is 1 arrays.*2: \(h, c\)"),
    (lambda: minirnn.unroll(lstm(), XS, np.zeros((2, 4, 2))), ValueError, "state is a ndarray, expected a tuple"),
    (lambda: minirnn.unroll(lstm(), XS, (np.zeros((4, 2)), np.zeros((4, 3)))), ValueError,
     r"state\[1\] \(c\) has shape \(4, 3\), expected \(4, 2\)"),
    (lambda: minirnn.unroll(lstm(), XS, (np.zeros((4, 2)), np.zeros((4, 2), int))), TypeError, r"state\[1\].*int64"),
    (lambda: minirnn.unroll(lstm(), XS, (np.full((4, 2), np.nan), np.zeros((4, 2)))), ValueError, r"state\[0\].*nan"),
    (lambda: minirnn.unroll(lstm(), XS, out=minirnn.unroll(lstm(), XS)), ValueError, "an earlier run of this cell"),
    (lambda: minirnn.unroll(lstm(), XS, segment=0), ValueError, "segment is 0, expected a positive integer"),
    (lambda: minirnn.unroll(lstm(), XS).backward(np.zeros((5, 4, 3))), ValueError,
     r"dhs has shape \(5, 4, 3\), expected \(5, 4, 2\)"),
    (lambda: minirnn.unroll(lstm(), XS).backward(np.zeros((5, 4, 2), int)), TypeError, "dhs has dtype int64"),
    (lambda: minirnn.unroll(lstm(), XS).backward(np.zeros((5, 4, 2)), (np.zeros((4, 2)),)), ValueError, "dstate is 1"),
])
def test_bad_input_gets_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_gradient_that_is_not_finite_goes_through_as_it_is():
    """Whoever trains looks at it afterwards, and says at which step it was."""
    run = minirnn.unroll(lstm(), XS)
    for dtype in ("float32", "float64"):
        dxs, _, _ = run.backward(np.full(run.hs.shape, np.nan, dtype))
        assert np.isnan(dxs).all()


def test_a_masked_array_that_masks_nothing_is_an_array():
    run = minirnn.unroll(lstm(), np.ma.masked_less(XS, -1))
    np.testing.assert_array_equal(run.hs, minirnn.unroll(lstm(), XS).hs)


def test_out_of_another_length_is_refused():
    cell = lstm()
    run = minirnn.unroll(cell, XS)
    with pytest.raises(ValueError, match="out holds 5 steps of 2 columns, xs has 4 of 2"):
        minirnn.unroll(cell, XS[:4], out=run)
    with pytest.raises(ValueError, match="out keeps segments of 5 steps, expected those of 2"):
        minirnn.unroll(cell, XS, out=run, segment=2)


def test_a_step_that_breaks_the_contract_is_named():
    class Short(minirnn.Cell):
        def stacks(self):
            return [minirnn.Stack(name, (), (4, n)) for name, n in (("W", 3), ("R", 4), ("b", 1))]

        def step(self, wx, old):
            return (wx.sum(axis=1, keepdims=True),), minirnn.Memo()

    class Wide(Short):
        def step(self, wx, old):
            return (wx.astype("float64"),), minirnn.Memo()

    class Bare(Short):
        def step(self, wx, old):
            return wx, minirnn.Memo()

    for cell, error, words in ((Short, ValueError, r"h with shape \(4, 1\), expected \(4, 2\)"),
                               (Wide, TypeError, "h as float64, the cell computes in float32"),
                               (Bare, TypeError, r"an array of shape \(4, 2\) as the new state, expected a tuple")):
        with pytest.raises(error, match=words):
            minirnn.unroll(cell(3, 4), XS)
