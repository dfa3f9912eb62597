"""Each generator against what defines its task, worked out anew here."""

import itertools
import math
import re

import numpy as np
import pytest

import minirnn
from minirnn.tasks import Batch
from minirnn.tasks.reber import LETTERS, follows_grammar

RNG = np.random.default_rng


def last_steps(batch):
    """Where each sequence is asked; each must be asked once."""
    assert np.all((batch.weights > 0).sum(axis=0) == 1) and set(np.unique(batch.weights)) == {0, 1}
    return batch.weights.argmax(axis=0)


# ---- addition --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("length", [2, 3, 7, 100])
@pytest.mark.parametrize("markers", ["anywhere", "halves"])
def test_addition_marks_two_steps_and_asks_for_the_sum_of_their_numbers(length, markers):
    batch = minirnn.make_task("addition", length=length, markers=markers).batch(RNG(0), 400)
    numbers, marked = batch.xs[:, 0], batch.xs[:, 1]
    assert np.all((marked == 0) | (marked == 1)) and np.all(marked.sum(axis=0) == 2)
    assert np.all((numbers >= 0) & (numbers < 1))
    assert np.all(last_steps(batch) == length - 1)
    expected = [math.fsum(number for number, here in zip(numbers[:, k], marked[:, k]) if here) for k in range(400)]
    np.testing.assert_allclose(batch.targets[-1, 0], expected, rtol=1e-6)
    in_first_half = marked[:length // 2].sum(axis=0)
    if markers == "halves":
        assert np.all(in_first_half == 1)
    elif length > 3:
        assert set(in_first_half) == {0, 1, 2}


def test_every_pair_of_steps_is_marked_equally_often_in_addition():
    batch = minirnn.make_task("addition", length=4).batch(RNG(0), 6000)
    pairs = [tuple(np.flatnonzero(column)) for column in batch.xs[:, 1].T]
    counts = [pairs.count(pair) for pair in itertools.combinations(range(4), 2)]
    assert sum(counts) == 6000 and min(counts) > 880 and max(counts) < 1120     # 1000 expected, four standard deviations


# ---- length ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("length", [2, 5, 6, 40])
def test_length_asks_at_the_last_number_whether_there_were_more_than_half_of_the_longest(length):
    batch = minirnn.make_task("length", length=length).batch(RNG(0), 2000)
    last = last_steps(batch)
    for k in range(2000):
        numbers = batch.xs[:, 0, k]
        assert not numbers[last[k] + 1:].any()                  # nothing comes after the end
        n_steps = last[k] + 1
        assert batch.targets[last[k], 0, k] == (1 if n_steps > length / 2 else 0)
    counts = np.bincount(last, minlength=length)
    assert counts.min() > 0.5 * 2000 / length and len(counts) == length         # every length, about equally often


# ---- copy and multicopy ----------------------------------------------------------------------------------------------

def symbols(batch, k, n_symbols):
    """What sequence k says and asks for, as strings: letters, "." for a blank and "?" for the request."""
    letters = [chr(ord("A") + i) for i in range(n_symbols)]
    assert np.all(batch.xs.sum(axis=1) == 1)
    return ("".join([*letters, ".", "?"][i] for i in batch.xs[:, :, k].argmax(axis=1)),
            "".join([*letters, "."][i] for i in batch.targets[:, k]))


@pytest.mark.parametrize("length, n_copied, n_symbols", [(1, 1, 1), (1, 3, 8), (100, 10, 8), (7, 2, 26)])
def test_copy_asks_for_the_symbols_in_their_order_right_after_the_request(length, n_copied, n_symbols):
    batch = minirnn.make_task("copy", length=length, n_copied=n_copied, symbols=n_symbols).batch(RNG(0), 300)
    requests = set()
    for k in range(300):
        said, asked = symbols(batch, k, n_symbols)
        assert len(said) == length + 2 * n_copied
        pattern, rest = said[:n_copied], said[n_copied:]
        assert re.fullmatch(f"[A-Z]{{{n_copied}}}", pattern) and re.fullmatch(r"\.*\?\.*", rest)
        request = said.index("?")
        requests.add(request)
        assert asked == "." * (request + 1) + pattern + "." * (len(said) - request - 1 - n_copied)
    assert requests <= set(range(n_copied, n_copied + length)) and len(requests) > min(length, 300) / 2


@pytest.mark.parametrize("length, n_copied", [(4, 1), (20, 3), (300, 5), (1000, 9), (17, 3)])
def test_multicopy_is_copy_after_copy_with_the_request_two_steps_after_the_symbols(length, n_copied):
    task = minirnn.make_task("multicopy", length=length, n_copied=n_copied)
    batch, one = task.batch(RNG(0), 50), 2 * n_copied + 2
    for k in range(50):
        said, asked = symbols(batch, k, 8)
        assert len(said) == length
        for first in range(0, length - one + 1, one):
            block, answer = said[first:first + one], asked[first:first + one]
            pattern = block[:n_copied]
            assert re.fullmatch("[A-H]+", pattern) and block == pattern + ".?" + "." * n_copied
            assert answer == "." * (n_copied + 2) + pattern
        rest = length - length // one * one
        assert said[length - rest:] == asked[length - rest:] == "." * rest
    assert task.n_copies == length // one


def test_the_papers_multicopy_has_fifty_copies_in_a_thousand_steps():
    assert minirnn.make_task("multicopy", length=1000, n_copied=9).n_copies == 50


# ---- reber -----------------------------------------------------------------------------------------------------------

GRAMMAR = re.compile("B(TS*XSE|(TS*XX|P)(T*VPX)*(T*VV|T*VPS)E)")        # the graph, written as an expression


def strings(batch):
    """Each sequence as a string; its end must be where it is asked."""
    last = last_steps(batch)
    found = []
    for k, stop in enumerate(last):
        assert np.all(batch.xs[:stop + 1, :, k].sum(axis=1) == 1) and not batch.xs[stop + 1:, :, k].any()
        found.append("".join(LETTERS[i] for i in batch.xs[:stop + 1, :, k].argmax(axis=1)))
    return found


@pytest.mark.parametrize("error", ["splice", "letter"])
@pytest.mark.parametrize("length", [5, 8, 50])
def test_reber_asks_whether_the_string_is_one_of_the_grammar(length, error):
    batch = minirnn.make_task("reber", length=length, error=error).batch(RNG(0), 1500)
    found, right = strings(batch), batch.targets[-1, 0] == 1
    assert [bool(GRAMMAR.fullmatch(string)) for string in found] == right.tolist()
    assert 0.46 < right.mean() < 0.54
    assert max(map(len, found)) <= length and min(len(s) for s, valid in zip(found, right) if valid) == 5


def test_strings_of_the_grammar_are_as_frequent_as_the_arrows_make_them():
    """Each of two arrows with probability 1/2: BTXSE has three such choices, BPVVE three, BTSXSE four."""
    batch = minirnn.make_task("reber").batch(RNG(1), 12000)
    valid = [string for string, right in zip(strings(batch), batch.targets[-1, 0]) if right]
    for string, choices in (("BTXSE", 3), ("BPVVE", 3), ("BTSXSE", 4), ("BPTVVE", 4), ("BPVPSE", 4), ("BTXXVVE", 5)):
        expected = len(valid) * 0.5**choices
        assert abs(valid.count(string) - expected) < 4 * math.sqrt(expected), string


def neighbours_to_remove(string):
    """The fewest places at which a string must be cut so that each piece is a piece of a string of the grammar."""
    pieces, start = 0, 0
    while start < len(string):
        pieces += 1
        stop = max(stop for stop in range(start + 1, len(string) + 1) if string[start:stop] in PIECES)
        start = stop
    return pieces - 1


def all_strings(longest):
    """Every string of the grammar up to that length, by following all arrows of the graph as the literature draws it."""
    graph = {0: "B1", 1: "T2P3", 2: "S2X4", 3: "T3V5", 4: "X3S6", 5: "P4V6", 6: "E7"}
    complete, open_ones = [], [("", 0)]
    while open_ones:
        string, node = open_ones.pop()
        if node == 7:
            complete.append(string)
        elif len(string) < longest:
            arrows = graph[node]
            open_ones += [(string + arrows[i], int(arrows[i + 1])) for i in range(0, len(arrows), 2)]
    return complete


VALID = all_strings(14)
PIECES = {string[i:j] for string in VALID for i in range(len(string)) for j in range(i + 1, len(string) + 1)}


def test_a_spliced_string_has_one_wrong_place_and_a_misspelled_one_differs_in_one_letter():
    for error in ("splice", "letter"):
        batch = minirnn.make_task("reber", length=9, error=error).batch(RNG(0), 600)
        wrong = [string for string, right in zip(strings(batch), batch.targets[-1, 0]) if not right]
        assert len(wrong) > 250
        if error == "splice":
            cuts = [neighbours_to_remove(string) for string in wrong]
            assert max(cuts) == 1                               # 0: the beginning of the string is missing
            assert all(not string.startswith("B") for string, n in zip(wrong, cuts) if n == 0)
            assert all(string.endswith("E") for string in wrong)
        else:
            same_length = {n: [string for string in VALID if len(string) == n] for n in range(5, 10)}
            for string in wrong:
                assert min(sum(a != b for a, b in zip(string, valid)) for valid in same_length[len(string)]) == 1, string


def test_the_automaton_and_the_expression_agree_on_every_string_of_seven_letters_from_the_grammars_alphabet():
    codes = np.array(list(itertools.product(range(1, 7), repeat=5))).T          # B, five letters, E
    codes = np.concatenate([np.zeros((1, codes.shape[1]), int), codes, np.ones((1, codes.shape[1]), int)])
    words = ["".join(LETTERS[i] for i in column) for column in codes.T]
    assert follows_grammar(codes).tolist() == [bool(GRAMMAR.fullmatch(word)) for word in words]
    assert {word for word in words if GRAMMAR.fullmatch(word)} == {string for string in VALID if len(string) == 7}


# ---- how well one can do without a network ---------------------------------------------------------------------------

def test_the_trivial_score_of_addition_is_the_variance_of_a_sum_of_two_uniform_numbers():
    trivial = minirnn.make_task("addition", length=20).trivial()
    assert trivial["loss"] == pytest.approx(1 / 6, rel=0.15) and trivial["rms error"]**2 == pytest.approx(trivial["loss"])


@pytest.mark.parametrize("length, n_copied, n_symbols", [(100, 10, 8), (1000, 10, 8), (30, 5, 4)])
def test_the_trivial_score_of_copy_is_that_of_guessing_the_symbols(length, n_copied, n_symbols):
    trivial = minirnn.make_task("copy", length=length, n_copied=n_copied, symbols=n_symbols).trivial()
    n_steps = length + 2 * n_copied
    assert trivial["loss"] == pytest.approx(n_copied * math.log2(n_symbols) / n_steps)
    assert trivial["accuracy"] == pytest.approx((n_steps - n_copied + n_copied / n_symbols) / n_steps)
    assert trivial["symbols"] == pytest.approx(1 / n_symbols)


@pytest.mark.parametrize("name", ["length", "reber"])
def test_the_trivial_score_of_a_yes_or_no_question_is_close_to_one_bit(name):
    trivial = minirnn.make_task(name).trivial()
    assert 0.97 < trivial["loss"] <= 1 and 0.5 <= trivial["accuracy"] < 0.6


def test_the_trivial_score_of_digits_is_close_to_guessing_one_of_ten():
    trivial = minirnn.make_task("digits").trivial()
    assert trivial["loss"] == pytest.approx(math.log(10), abs=0.03) and 0.1 <= trivial["accuracy"] < 0.15


def test_a_guess_that_is_always_the_same_scores_as_the_trivial_one():
    """A model without weights but the head's biases is such a guess; none does better than the trivial score says."""
    task = minirnn.make_task("reber", length=10)
    model = minirnn.make_model(task, "rnn", 2)
    for name in model.params:
        model.params[name][...] = 0
    share = np.average([batch.targets[-1, 0].mean() for batch in task.evaluation()])
    model.params["head.b"][...] = math.log(share / (1 - share))
    assert minirnn.evaluate(model, task)["loss"] == pytest.approx(task.trivial()["loss"], rel=1e-5)


# ---- asked at the end ------------------------------------------------------------------------------------------------

def test_a_batch_that_asks_at_the_end_counts_only_the_last_step_of_each_sequence():
    xs = np.zeros((4, 1, 3), np.float32)
    batch = Batch.at_the_end(xs, np.array([2, 0, 1]), lengths=[4, 1, 2])
    np.testing.assert_array_equal(batch.weights, [[0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]])
    assert batch.targets.shape == (4, 3) and batch.targets[3, 0] == 2 and batch.targets[0, 1] == 0
    some = batch.only([2, 0])
    assert some.xs.shape == (4, 1, 2) and some.targets[1].tolist() == [1, 2] and some.weights[1].tolist() == [1, 0]
