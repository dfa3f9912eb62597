"""Small products on one thread, wide batches in shares, and everything as it was afterwards."""

import contextlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from every_cell import CASES, awaken, label
from whole import ALL, amount

import minirnn
from minirnn import threads, unrolling
from minirnn.threads import COLUMNS, LENGTH, SMALL, blas_threads, n_shares, threads_for


@pytest.fixture
def two_threads(monkeypatch):
    """BLAS on two threads, as nobody had wished for another number."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if threads._openblas() is None:
        pytest.skip("NumPy has a BLAS whose threads cannot be counted")
    get, put = threads._openblas()
    before = get()
    put(2)
    if get() != 2:
        pytest.skip("this BLAS has one thread only")
    yield
    put(before)


class Sized:
    """What is asked of a cell."""

    def __init__(self, n_params, n_hidden=1):
        self.n_params, self.n_hidden = n_params, n_hidden


def test_a_small_product_runs_on_one_thread_and_a_large_one_as_before(two_threads):
    with threads_for([Sized(SMALL)], 1):
        assert blas_threads() == 1
    assert blas_threads() == 2
    with threads_for([Sized(1), Sized(SMALL + 1)], 1):
        assert blas_threads() == 2


def test_columns_are_shared_where_there_are_enough_and_then_every_product_has_one_thread(two_threads):
    H = LENGTH // COLUMNS
    wide = Sized(SMALL, H)
    assert n_shares(wide, 2 * COLUMNS) == 2
    assert n_shares(wide, 2 * COLUMNS - 1) == 1                     # too narrow
    assert n_shares(Sized(SMALL, H - 1), 2 * COLUMNS) == 1          # too short
    assert n_shares(Sized(SMALL // 80, H), 80) == 1                 # small
    with threads_for([wide], 2 * COLUMNS):
        assert blas_threads() == 1
        assert n_shares(wide, 2 * COLUMNS) == 2                     # asked again inside
    assert blas_threads() == 2


def test_the_number_of_threads_comes_back_after_an_error(two_threads):
    with pytest.raises(KeyboardInterrupt), threads_for([Sized(1)], 1):
        raise KeyboardInterrupt
    assert blas_threads() == 2


@contextlib.contextmanager
def in_another_thread(cells, batch):
    """A block of `threads_for` in a thread of its own: begun when the context is entered, ended when it is left."""
    begun, ending = threading.Event(), threading.Event()

    def block():
        with threads_for(cells, batch):
            begun.set()
            ending.wait(30)

    thread = threading.Thread(target=block)
    thread.start()
    try:
        yield begun
    finally:
        ending.set()
        thread.join()


def test_the_number_of_threads_comes_back_after_blocks_that_overlap(two_threads):
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        assert first.enter_context(in_another_thread([Sized(1)], 1)).wait(30)
        assert second.enter_context(in_another_thread([Sized(1)], 1)).wait(30)
        first.close()
        assert blas_threads() == 1
        second.close()
        assert blas_threads() == 2


SMALL_ONE, LARGE_ONE = [Sized(1)], [Sized(SMALL + 1)]


@pytest.mark.parametrize("one, other, number", [(SMALL_ONE, LARGE_ONE, 1), (LARGE_ONE, SMALL_ONE, 2)])
def test_blocks_that_need_another_number_of_threads_take_turns(two_threads, one, other, number):
    with contextlib.ExitStack() as first:
        assert first.enter_context(in_another_thread(one, 1)).wait(30)
        with in_another_thread(other, 1) as begun:
            assert not begun.wait(0.1) and blas_threads() == number
            first.close()
            assert begun.wait(30) and blas_threads() == 3 - number
    assert blas_threads() == 2


def test_a_block_within_a_block_has_its_own_number_and_lets_go_first_who_waits(two_threads):
    def large():
        with threads_for(LARGE_ONE, 1):
            seen.append(blas_threads())

    seen, other = [], threading.Thread(target=large)
    with threads_for(SMALL_ONE, 1):
        with threads_for(LARGE_ONE, 1):
            assert blas_threads() == 2
        assert blas_threads() == 1
        other.start()
        while not threads.TURNS.waiting:
            time.sleep(0.01)
        with threads_for(SMALL_ONE, 1):
            assert seen == [2] and blas_threads() == 1
    other.join()
    assert blas_threads() == 2


def test_nobody_waits_for_ever(two_threads, monkeypatch):
    """A block that waits for a thread which waits for the block: the thread goes on, with the number that there is."""
    monkeypatch.setattr(threads, "PATIENCE", 0.05)
    with threads_for(SMALL_ONE, 1), in_another_thread(LARGE_ONE, 1) as begun:
        assert begun.wait(30) and blas_threads() == 1
    with in_another_thread(LARGE_ONE, 1) as begun:
        assert begun.wait(30) and blas_threads() == 2
    assert blas_threads() == 2 and threads.TURNS.numbers == {} and threads.TURNS.waiting == []


def test_what_the_user_asked_for_is_left_alone(two_threads, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with threads_for([Sized(1)], 1):
        assert blas_threads() == 2


RUNS = [("lstm", 16, 8, 20), ("gru", 128, 160, 5), ("lstm", 250, 32, 5), ("rda", 128, 100, 5), ("rnn", 400, 100, 5)]


def everything_of(name, n_hidden, batch, n_steps):
    rng = np.random.default_rng(0)
    xs, dhs = (rng.normal(size=(n_steps, n, batch)).astype("float32") for n in (2, n_hidden))
    run = minirnn.unroll(minirnn.make_cell(name, 2, n_hidden), xs)
    dxs, grads, _ = run.backward(dhs)
    return run.hs.tobytes() + dxs.tobytes() + grads.flat.tobytes()


def test_results_are_the_same_to_the_bit_whoever_else_runs(two_threads, monkeypatch):
    """Small runs, runs in shares and runs with several threads for a product, all at once."""
    monkeypatch.setattr(threads, "PATIENCE", 600)               # however slow this machine is
    expected = [everything_of(*one) for one in RUNS]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda k: everything_of(*RUNS[k % len(RUNS)]), range(amount(40, 432))))
    assert [k % len(RUNS) for k, one in enumerate(found) if one != expected[k % len(RUNS)]] == []
    assert blas_threads() == 2


def test_training_a_small_network_uses_one_thread(two_threads):
    seen, outside, task = [], [], minirnn.make_task("parity", length=4)

    def loss(*given):
        seen.append(blas_threads())
        return minirnn.sigmoid_cross_entropy(*given)

    task.loss = loss
    minirnn.train(minirnn.make_model(task, "rnn", 3), task, steps=2, batch=2,
                  callback=lambda *given: outside.append(blas_threads()))
    assert seen[-2:] == [1, 1] and outside == [2, 2] and blas_threads() == 2       # (the task was tried once before)


# ---- shares of the columns -------------------------------------------------------------------------------------------

T, D, H, B = 7, 3, 4, 5


@pytest.fixture
def in_shares(monkeypatch):
    """in_shares(n): within it, every batch is divided among n threads."""
    @contextlib.contextmanager
    def divided(n):
        with monkeypatch.context() as patched:
            patched.setattr(unrolling, "n_shares", lambda cell, batch: n)
            yield
    return divided


def everything(run, dhs, dstate=None):
    """All that a run shows and gives back, by name."""
    dxs, grads, dstart = run.backward(dhs, dstate)
    found = {"hs": run.hs, "dxs": dxs, "grads": grads.flat} | {name: run[name] for name in run.names}
    return found | {f"state {k}": a for k, a in enumerate(run.state)} | {f"dstart {k}": a for k, a in enumerate(dstart)}


@pytest.mark.parametrize("name, options", CASES, ids=label)
def test_shares_of_the_columns_give_what_all_columns_together_give(name, options, in_shares):
    rng = np.random.default_rng(0)
    cell = awaken(minirnn.make_cell(name, D, H, rng=rng, dtype="float64", learned_state=True, **options), rng)
    xs, dhs = rng.normal(size=(T, D, B)), rng.normal(size=(T, H, B))
    start = cell.random_state(rng, B)
    dstate = tuple(rng.normal(size=(H, B)) for _ in start)
    for given in (None, start):
        together = everything(minirnn.unroll(cell, xs, given), dhs, dstate)
        for n in (2, 3):
            with in_shares(n):
                run = minirnn.unroll(cell, xs, given)
                assert len(run._shares) == n
                for _ in range(2):                                  # and once more, in the same arrays
                    for key, a in everything(run, dhs, dstate).items():
                        np.testing.assert_allclose(a, together[key], rtol=1e-11, atol=1e-13, err_msg=key)
                    minirnn.unroll(cell, xs, given, out=run)
                segmented = minirnn.unroll(cell, xs, given, segment=3)
                np.testing.assert_allclose(segmented.hs, together["hs"], rtol=1e-12, atol=1e-14)
                np.testing.assert_allclose(segmented.backward(dhs, dstate)[1].flat, together["grads"], rtol=1e-11, atol=1e-13)


class KeepsALog(minirnn.CELLS["rnn"]):
    """Keeps what backward needs in the object, in lists: it only works if nobody else runs the same object."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.kept = []

    def step(self, wx, old):
        new, memo = super().step(wx, old)
        self.kept.append(new)
        return new, memo

    def step_backward(self, dnew, old, new, memo):
        return super().step_backward(dnew, old, self.kept.pop(), memo)


def function_cell():
    rng = np.random.default_rng(0)

    def step(p, x, old):
        return (np.tanh(p["W"] @ x + p["R"] @ old[0]),), {}

    def step_backward(p, dnew, x, old, new, memo, grads):
        da = dnew[0] * (1 - new[0]**2)
        grads["W"] += da @ x.T
        grads["R"] += da @ old[0].T
        return p["W"].T @ da, (p["R"].T @ da,)

    return minirnn.FunctionCell(step, step_backward, {"W": rng.normal(size=(H, D)), "R": rng.normal(size=(H, H))}, n_in=D,
                                n_hidden=H)


@pytest.mark.parametrize("make", [lambda: KeepsALog(D, H, dtype="float64"), function_cell])
def test_a_cell_that_keeps_something_in_the_object_is_right_in_shares_too(make, in_shares):
    cell, rng = make(), np.random.default_rng(1)
    xs, dhs = rng.normal(size=(T, D, B)), rng.normal(size=(T, H, B))
    dxs, grads, _ = minirnn.unroll(cell, xs).backward(dhs)
    with in_shares(2):
        dxs_2, grads_2, _ = minirnn.unroll(cell, xs).backward(dhs)
    np.testing.assert_allclose(dxs_2, dxs, rtol=1e-12)
    np.testing.assert_allclose(grads_2.flat, grads.flat, rtol=1e-12)


class FailsElsewhere(minirnn.CELLS["rnn"]):
    """Fails in every thread, or in every thread but the one that it was made in."""

    everywhere = False

    def step(self, wx, old):
        if self.everywhere or threading.current_thread() is not threading.main_thread():
            raise ZeroDivisionError("in a step")
        return super().step(wx, old)


@pytest.mark.parametrize("everywhere", [False, True])
def test_an_error_in_any_share_comes_through(everywhere, in_shares):
    cell = FailsElsewhere(D, H)
    cell.everywhere = everywhere
    with in_shares(2), pytest.raises(ZeroDivisionError, match="in a step"):
        minirnn.unroll(cell, np.zeros((T, D, B)))


def test_an_interrupted_share_stops_the_others(in_shares):
    """Progress is told by the caller's own thread; an error there ends the other thread at its next piece of the sequence."""
    seen = []

    class Counts(minirnn.CELLS["rnn"]):
        def step(self, wx, old):
            if threading.current_thread() is not threading.main_thread():
                seen.append(1)
                interrupted.wait(10)
            return super().step(wx, old)

    interrupted = threading.Event()

    def progress(done, n_steps):
        assert threading.current_thread() is threading.main_thread() and n_steps == 40
        threading.Timer(0.2, interrupted.set).start()
        raise KeyboardInterrupt

    with in_shares(2), pytest.raises(KeyboardInterrupt):
        minirnn.unroll(Counts(D, H), np.zeros((40, D, B)), segment=4, progress=progress)
    assert 0 < len(seen) <= 8


def test_numpys_error_settings_hold_in_every_share(in_shares):
    class Overflows(minirnn.CELLS["rnn"]):
        def step(self, wx, old):
            np.exp(np.full(3, 1e4))
            return super().step(wx, old)

    with in_shares(2), np.errstate(over="ignore"):
        minirnn.unroll(Overflows(D, H), np.zeros((T, D, B)))
    with in_shares(2), np.errstate(over="raise"), pytest.raises(FloatingPointError):
        minirnn.unroll(Overflows(D, H), np.zeros((T, D, B)))


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_a_wide_network_runs_in_shares_by_itself(two_threads):
    cell = minirnn.make_cell("gru", 2, 128)
    xs = np.random.default_rng(0).normal(size=(3, 2, 160)).astype("float32")
    run = minirnn.unroll(cell, xs)
    assert [share.columns for share in run._shares] == [slice(0, 80), slice(80, 160)]
    dxs, grads, _ = run.backward(np.ones_like(run.hs))
    assert blas_threads() == 2 and run.hs.flags.c_contiguous and dxs.shape == xs.shape
    alone = minirnn.unroll(cell, np.ascontiguousarray(xs[..., :80]))
    np.testing.assert_allclose(run.hs[..., :80], alone.hs, atol=1e-6)


def a_shared_run():
    """Forward and backward in two shares; the threads that took part."""
    seen = set()

    class Watched(type(minirnn.make_cell("rnn", 1, 1))):
        def step(self, wx, old):
            seen.add(threading.get_ident())
            return super().step(wx, old)

    run = minirnn.unroll(Watched(2, 3), np.random.default_rng(0).normal(size=(4, 2, 6)))
    run.backward(np.ones_like(run.hs))
    return seen


def test_every_run_has_the_same_threads_as_the_one_before(in_shares):
    with in_shares(2):
        first, second = a_shared_run(), a_shared_run()
    assert len(first) == 2 and first == second


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_has_threads_of_its_own(in_shares):
    with in_shares(2):
        a_shared_run()
        child = os.fork()
        if not child:
            os._exit(len(a_shared_run()))
    assert exit_status(child) == 2


@pytest.mark.skipif(not (ALL and hasattr(os, "fork")), reason="takes long where many programs run")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_process_that_is_forked_while_others_multiply_multiplies_too(two_threads, monkeypatch):
    """A BLAS that is forked in the middle of a product would wait for threads that the child does not have."""
    def busy():
        while not done.is_set():
            everything_of("lstm", 250, 32, 5)

    monkeypatch.setattr(threads, "PATIENCE", 600)
    done, others = threading.Event(), [threading.Thread(target=busy) for _ in range(2)]
    expected = everything_of("lstm", 250, 32, 5)
    for other in others:
        other.start()
    try:
        for _ in range(10):
            child = os.fork()
            if not child:
                os._exit(everything_of("lstm", 250, 32, 5) != expected)
            assert exit_status(child, 120) == 0
    finally:
        done.set()
        for other in others:
            other.join()


def exit_status(child, seconds=10):
    """Of a process that was forked, which must come back in time."""
    for _ in range(20 * seconds):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child never came back: it waits for somebody that it does not have")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("busy", [SMALL_ONE, LARGE_ONE], ids=["small", "large"])
def test_a_process_that_is_forked_in_the_middle_of_a_run_is_not_held_up_by_it(two_threads, busy):
    """In the child nobody holds the lock, nobody waits, and the number of threads returns to what it was."""
    def in_and_out():
        while not done.is_set():
            with threads_for(busy, 1):
                pass

    done, others = threading.Event(), [threading.Thread(target=in_and_out) for _ in range(3)]
    for other in others:
        other.start()
    try:
        for _ in range(amount(10, 200)):
            child = os.fork()
            if not child:
                with threads_for(SMALL_ONE, 1):
                    inside = blas_threads()
                with threads_for(LARGE_ONE, 1):
                    os._exit(10 * inside + blas_threads())
            assert exit_status(child) == 12
    finally:
        done.set()
        for other in others:
            other.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_process_that_is_forked_within_a_block_is_still_within_it(two_threads):
    with threads_for(SMALL_ONE, 1):
        child = os.fork()
        if not child:
            with threads_for(LARGE_ONE, 1):
                inside = blas_threads()
            os._exit(10 * inside + blas_threads())
        assert exit_status(child) == 21
