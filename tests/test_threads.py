"""Small products on one thread, and everything as it was afterwards."""

import pytest

import minirnn
from minirnn.threads import SMALL, blas_threads, threads_for


@pytest.fixture
def two_threads(monkeypatch):
    """BLAS on two threads, as nobody had wished for another number."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    from minirnn import threads
    if threads._openblas() is None:
        pytest.skip("NumPy has a BLAS whose threads cannot be counted")
    get, put = threads._openblas()
    before = get()
    put(2)
    if get() != 2:
        pytest.skip("this BLAS has one thread only")
    yield
    put(before)


def test_a_small_product_runs_on_one_thread_and_a_large_one_as_before(two_threads):
    with threads_for(SMALL):
        assert blas_threads() == 1
    assert blas_threads() == 2
    with threads_for(SMALL + 1):
        assert blas_threads() == 2


def test_the_number_of_threads_comes_back_after_an_error(two_threads):
    with pytest.raises(KeyboardInterrupt), threads_for(1):
        raise KeyboardInterrupt
    assert blas_threads() == 2


def test_what_the_user_asked_for_is_left_alone(two_threads, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with threads_for(1):
        assert blas_threads() == 2


def test_training_a_small_network_uses_one_thread(two_threads):
    seen, task = [], minirnn.make_task("parity", length=4)
    minirnn.train(minirnn.make_model(task, "rnn", 3), task, steps=2, batch=2,
                  callback=lambda *given: seen.append(blas_threads()))
    assert seen == [1, 1] and blas_threads() == 2
