"""The tasks' data against their definitions."""

import math
from pathlib import Path

import numpy as np
import pytest

import minirnn
from minirnn.tasks.text import documentation

ROOT = Path(__file__).resolve().parents[2]


def test_alternate_asks_for_the_sign_of_minus_one_to_the_t():
    batch = minirnn.make_task("alternate", length=7).batch(0, 3)
    assert batch.xs.shape == (7, 1, 3) and np.all(batch.xs == 1)
    expected = [(-1)**t > 0 for t in range(1, 8)]
    np.testing.assert_array_equal(batch.targets[:, 0, 1], expected)


def test_parity_asks_for_the_parity_of_the_bits_so_far():
    batch = minirnn.make_task("parity", length=50).batch(0, 20)
    for column in range(20):
        odd = False
        for bit, target in zip(batch.xs[:, 0, column], batch.targets[:, 0, column]):
            odd ^= bool(bit)
            assert target == odd
    assert 0.4 < batch.xs.mean() < 0.6


def test_accuracy_counts_right_answers():
    task = minirnn.make_task("parity", length=4)
    batch = task.batch(0, 5)
    assert task.metrics(2 * batch.targets - 1, batch) == {"accuracy": 1.0}
    wrong = (2 * batch.targets - 1)
    wrong[0] *= -1
    assert task.metrics(wrong, batch) == {"accuracy": 0.75}


def test_same_seed_same_data():
    for name in ("parity", "text"):
        task = minirnn.make_task(name)
        one, two, other = task.batch(3, 4), task.batch(3, 4), task.batch(4, 4)
        np.testing.assert_array_equal(one.xs, two.xs)
        assert not np.array_equal(one.xs, other.xs)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "ab.txt"
    path.write_text("".join(chr(ord("a") + (i * i) % 7) for i in range(1000)), encoding="utf-8")
    return minirnn.make_task("text", path=path, length=10)


def test_the_documentation_is_there_without_any_download():
    text = documentation()
    assert len(text) > 300_000 and "iterator" in text
    assert text == documentation()


def test_text_is_split_by_position(small):
    assert [len(small.split(name)) for name in ("train", "validation", "test")] == [900, 50, 50]
    whole = np.concatenate([small.split(name) for name in ("train", "validation", "test")])
    assert "".join(small.alphabet[code] for code in whole) == small.text
    np.testing.assert_array_equal(small.encode(small.text[:20]), whole[:20])


def test_text_targets_are_the_next_characters_and_windows_continue_each_other(small):
    windows = list(small.windows("train", 4))
    codes = small.split("train")
    assert [w.carry for w in windows] == [False] + [True] * (len(windows) - 1)
    read = np.concatenate([w.xs for w in windows])
    asked = np.concatenate([w.targets for w in windows])
    n = (900 - 1) // 4
    for column in range(4):
        np.testing.assert_array_equal(read[:, column], codes[column * n:column * n + n])
        np.testing.assert_array_equal(asked[:, column], codes[column * n + 1:column * n + n + 1])


def test_training_batches_of_text_begin_again_after_a_round(small):
    batches = small.batches(np.random.default_rng(0), 4)
    n_round = len(list(small.windows("train", 4)))
    carried = [next(batches).carry for _ in range(2 * n_round)]
    assert carried == ([False] + [True] * (n_round - 1)) * 2


def test_bits_per_character_of_a_uniform_guess_is_the_log_of_the_alphabet(small):
    model = minirnn.make_model(small, "rnn", 4)
    model.params["head.W"][...] = model.params["head.b"][...] = 0
    assert minirnn.evaluate(model, small, "test", batch=4)["loss"] == pytest.approx(math.log2(small.n_symbols))


def test_evaluation_carries_the_state_so_that_the_window_does_not_matter(small):
    model = minirnn.make_model(small, "lstm", 4)
    wide = minirnn.make_task("text", length=1000)
    wide.text, wide.alphabet, wide.codes = small.text, small.alphabet, small.codes
    one, two = (minirnn.evaluate(model, task, "test", batch=3)["loss"] for task in (small, wide))
    assert one == pytest.approx(two, rel=1e-6)


def test_sampling_follows_the_models_own_distribution(small):
    """A model whose head ignores the cell draws characters independently: their shares are the head's softmax."""
    model = minirnn.make_model(small, "rnn", 4)
    model.params["head.W"][...] = 0
    p = np.arange(1, small.n_symbols + 1) / sum(range(1, small.n_symbols + 1))
    model.params["head.b"][:, 0] = np.log(p)
    text = small.sample(model, 4000, start="a", rng=0)
    shares = [text.count(c) / len(text) for c in small.alphabet]
    np.testing.assert_allclose(shares, p, atol=0.03)
    cold = small.sample(model, 200, start="a", temperature=0.01, rng=0)
    assert set(cold) == {small.alphabet[-1]}
    assert small.sample(model, 50, start="a", rng=3) == small.sample(model, 50, start="a", rng=3)


def test_a_language_model_learns_real_text(tmp_path):
    """The project's own documentation: that of Python differs from version to version."""
    pages = [ROOT / "README.md", *sorted((ROOT / "minirnn").rglob("*.py"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    (tmp_path / "own.txt").write_text(text.encode("ascii", "ignore").decode(), encoding="utf-8")
    task = minirnn.make_task("text", path=tmp_path / "own.txt", length=30)
    model = minirnn.make_model(task, "lstm", 24, rng=0)
    history = minirnn.train(model, task, steps=150, batch=16, lr=0.01, rng=0)
    bits = history.metrics["bits per character"]
    codes = task.split("train")
    shares = np.bincount(codes, minlength=task.n_symbols) / len(codes)
    entropy = -np.sum(shares[shares > 0] * np.log2(shares[shares > 0]))
    assert bits[0] > math.log2(task.n_symbols) - 0.3
    assert np.mean(bits[-20:]) < entropy - 0.5              # better than knowing how frequent each character is


@pytest.mark.parametrize("call, error, words", [
    (lambda tmp: minirnn.make_task("sorting"), KeyError, "task 'sorting' is unknown, expected one of addition, alternate, "),
    (lambda tmp: minirnn.make_task("parity", size=3), TypeError, "parity has no option 'size', expected one of length"),
    (lambda tmp: minirnn.make_task("parity", length=0), ValueError, "length is 0"),
    (lambda tmp: minirnn.make_task("parity").batch(0, -1), ValueError, "batch_size is -1"),
    (lambda tmp: minirnn.make_task("text", path=tmp / "none.txt"), FileNotFoundError, "none.txt.*there is none"),
    (lambda tmp: minirnn.make_task("text", path=tmp / "empty.txt"), ValueError, "empty.txt is empty"),
    (lambda tmp: minirnn.make_task("text", path=tmp / "short.txt"), ValueError, "has 3 characters"),
    (lambda tmp: minirnn.make_task("text", path=tmp / "binary.txt"), ValueError, "binary.txt is not UTF-8 text"),
    (lambda tmp: minirnn.make_task("text").split("dev"), KeyError, "split 'dev'.*train, validation, test"),
    (lambda tmp: minirnn.make_task("text").encode("\u4e00"), ValueError, "which is not among"),
])
def test_bad_input_gets_one_clear_sentence(call, error, words, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "short.txt").write_text("abc")
    (tmp_path / "binary.txt").write_bytes(bytes(range(128, 256)))
    with pytest.raises(error, match=words):
        call(tmp_path)
