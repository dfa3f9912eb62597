"""`text` on other texts: files, bytes, enwik8's split, and what every Python brings along."""

import json

import numpy as np
import pytest

import minirnn
from minirnn.tasks import text as text_module


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def test_a_file_named_enwik8_is_read_as_bytes_and_split_as_in_the_paper(tmp_path):
    """A hundred million bytes are divided into 90, 5 and 5 million. This is a thousandth of it, in two ways."""
    content = ("Zürich, 日本語, πλάτων. " * 5000).encode("utf-8")[:100_000]
    task = minirnn.make_task("text", path=written(tmp_path / "enwik8", content))
    assert [len(task.split(part)) for part in ("train", "validation", "test")] == [90_000, 5_000, 5_000]
    assert bytes(map(ord, task.alphabet)) == bytes(sorted(set(content))) and task.n_symbols == len(set(content))
    for part, start, stop in (("train", 0, 90_000), ("validation", 90_000, 95_000), ("test", 95_000, 100_000)):
        assert bytes(ord(task.alphabet[code]) for code in task.split(part)) == content[start:stop]


def test_the_papers_numbers_follow_from_the_size_of_enwik8():
    n = 100_000_000
    bounds = [(int(start * n), int(stop * n)) for start, stop in text_module.SPLITS.values()]
    assert bounds == [(0, 90_000_000), (90_000_000, 95_000_000), (95_000_000, 100_000_000)]


def test_the_same_file_can_be_read_by_characters_or_by_bytes(tmp_path):
    content = "áé\n" * 400
    path = written(tmp_path / "a.txt", content)
    characters, as_bytes = (minirnn.make_task("text", path=path, units=units) for units in ("characters", "bytes"))
    assert characters.n_symbols == 3 and len(characters.codes) == 1200
    assert as_bytes.n_symbols == 4 and len(as_bytes.codes) == 2000      # two bytes for each letter; the first is the same
    for task in (characters, as_bytes):
        assert task.decode(task.encode("éá\n")) == "éá\n"
        np.testing.assert_array_equal(task.encode("áé\n"), task.codes[:len(task.encode("áé\n"))])


def test_a_model_of_bytes_writes_text(tmp_path):
    task = minirnn.make_task("text", path=written(tmp_path / "a.bin", bytes(range(256)) * 20), units="bytes")
    model = minirnn.make_model(task, "rnn", 4, rng=0)
    assert task.n_symbols == 256 and isinstance(task.sample(model, 50), str)
    assert task.report(model).startswith("it writes:\n  | ")


def test_codes_take_no_more_room_than_they_need(tmp_path):
    few = written(tmp_path / "few.txt", "abcdefgh" * 100)
    many = written(tmp_path / "many.txt", "".join(map(chr, range(300, 1300))))
    assert minirnn.make_task("text", path=few).codes.dtype == np.uint8
    task = minirnn.make_task("text", path=many)
    assert task.codes.dtype == np.uint16 and task.codes.tolist() == list(range(1000))
    assert task.batch(np.random.default_rng(0), 2).xs.dtype == np.int64


def test_what_a_task_was_made_with_can_be_written_down(tmp_path):
    path = written(tmp_path / "a.txt", "ab" * 500)
    task = minirnn.make_task("text", path=path, length=9)
    again = minirnn.make_task("text", **json.loads(json.dumps(task.made_with)))
    assert again.text == task.text and again.length == 9


def test_lines_end_in_the_same_way_wherever_a_file_was_written(tmp_path):
    texts = [minirnn.make_task("text", path=written(tmp_path / f"{k}.txt", end.join(["some words"] * 20))).text
             for k, end in enumerate(("\n", "\r\n", "\r"))]
    assert texts[0] == texts[1] == texts[2]


def test_the_library_is_a_long_text_without_any_download():
    task = minirnn.make_task("text", corpus="library")
    assert len(task.text) > 1_500_000 and task.n_symbols < 300
    assert task.text.count(" the ") > 5000                      # English
    assert task.text.count('"""') < 20                         # what stands between them, without them


def test_the_library_is_made_of_comments_and_texts_between_three_quotes(tmp_path, monkeypatch):
    (tmp_path / "b").mkdir()
    written(tmp_path / "b" / "one.py", '"""First.\n\nMore."""\nx = 1  # beside code: not taken\n\n'
                                       'def f():\n    """Second."""\n    # third\n')
    written(tmp_path / "a.py", "#! fourth\n\nx = '''no'''\n")
    (tmp_path / "test").mkdir()
    written(tmp_path / "test" / "no.py", "# not everywhere\n")
    monkeypatch.setattr(text_module.sysconfig, "get_path", lambda name: str(tmp_path))
    assert text_module.library() == "! fourth\nFirst.\n\nMore.\nSecond.\nthird"


def test_guessing_by_frequency_is_scored_with_the_frequencies_of_the_training_text(tmp_path):
    """900 characters a and b in the shares 2 : 1, with one of each added, then other shares in the part that is asked."""
    task = minirnn.make_task("text", path=written(tmp_path / "a.txt", "aab" * 300 + "b" * 100))
    p = np.array([601, 301]) / 902
    assert task.trivial("test")["loss"] == pytest.approx(-np.log2(p[1]))
    assert task.trivial("test")["accuracy"] == 0
    assert task.trivial("validation")["bits per character"] == pytest.approx(-np.log2(p[1]))


@pytest.mark.parametrize("options, error, words", [
    ({"length": 900}, ValueError, "the text has 900 characters to train on, expected more than length, 900"),
    ({"units": "words"}, ValueError, "units is 'words', expected one of characters, bytes"),
    ({"corpus": "library"}, ValueError, "corpus is 'library' beside the path .*, expected only one of them"),
    ({"path": None, "corpus": "library", "length": 10**8}, ValueError, "characters to train on, expected more than length"),
    ({"path": None, "corpus": "wiki"}, KeyError, "corpus 'wiki' is unknown, expected one of documentation, library"),
    ({"path": 3}, TypeError, "path is 3, expected a path"),
    ({"path": ""}, ValueError, "path is '', expected a path"),
])
def test_options_that_do_not_fit_get_one_sentence(tmp_path, options, error, words):
    path = written(tmp_path / "a.txt", "ab" * 500)
    with pytest.raises(error, match=words):
        minirnn.make_task("text", **{"path": path, **options})


def test_a_character_never_seen_is_named(tmp_path):
    task = minirnn.make_task("text", path=written(tmp_path / "a.txt", "ab" * 500))
    with pytest.raises(ValueError, match="'abc' has 'c', which is not among the text's 2 characters"):
        task.encode("abc")
    with pytest.raises(ValueError, match="start is empty"):
        task.sample(minirnn.make_model(task, "rnn", 2), 3, start="")
