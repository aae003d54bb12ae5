"""NFC with a map back, also of text that was made to be dear."""

import itertools
import time
import tracemalloc
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.decontaminate.composition import MAX_MARKS, Composed, composed, has_long_run

LETTERS = (
    *"aé\n \u00b5\u0301\u0323\u1100\u1161\u11a8\uac00\u212b\u0374\u037e\u0653\U0001d15e\u4e2d",
    *("e\u0301", "\u0928\u093c", "\u304b\u3099", "aaaa"),
)
TEXTS = st.lists(st.sampled_from(LETTERS), max_size=40).map("".join)


def compose(text: str) -> Composed | None:
    return composed(np.frombuffer(text.encode(), np.uint8))


def longest_run(text: str) -> int:
    groups = itertools.groupby(text, lambda character: unicodedata.combining(character) > 0)
    return max((len(list(run)) for is_mark, run in groups if is_mark), default=0)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_it_is_nfc_and_every_piece_is_that_of_its_origin(text: str) -> None:
    """Composed apart, the pieces are what the whole is; their origins follow one another."""
    got = compose(text)
    if longest_run(text) <= MAX_MARKS:
        assert (got is None) == unicodedata.is_normalized("NFC", text)
    if got is None:
        return
    raw, data = text.encode(), got.data.tobytes()
    if longest_run(text) <= MAX_MARKS:
        assert data.decode() == unicodedata.normalize("NFC", text)
    assert (got.origins[0], got.origins[-1]) == (0, len(raw))
    for index in range(len(got.starts) - 1):
        origin = raw[got.origins[index] : got.origins[index + 1]].decode()
        piece = data[got.starts[index] : got.starts[index + 1]].decode()
        assert unicodedata.normalize("NFC", origin) == piece


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_words_come_from_where_they_stand(text: str) -> None:
    """The span of a word that normalisation leaves alone is the word, wherever it has moved."""
    got = compose(f"{text}\nhere it is\n{text}e\u0301")
    assert got is not None
    start = got.data.tobytes().index(b"\nhere it is\n") + 1
    begin, stop = got.original(start, start + 10)
    assert f"{text}\nhere it is\n{text}e\u0301".encode()[begin:stop] == b"here it is"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("a\u0301\u0345\u20d0\U0001d165\u4e2d"), st.integers(1, 40)))
)
def test_long_runs_are_found(parts: list[tuple[str, int]]) -> None:
    """Marks of two, three and four bytes, as `unicodedata.combining` has them."""
    text = "".join(character * count for character, count in parts)
    marks = np.zeros(0x110000, np.uint8)
    for character in set(text):
        marks[ord(character)] = unicodedata.combining(character) > 0
    found = has_long_run(np.frombuffer(text.encode(), np.uint8), marks)
    assert found == (longest_run(text) > MAX_MARKS)


def test_the_letter_keeps_its_first_marks() -> None:
    """A run is cut behind thirty marks, not before the first."""
    got = compose("e" + "\u0301" + "\u0323" * 100)
    assert got is not None
    assert got.data.tobytes().decode()[0] == "\u1eb9"


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0345\u0334", "\u0301"])
def test_marks_without_end_are_not_sorted_for_ever(marks: str) -> None:
    """Python alone would take two minutes for this megabyte, and eight hours for sixteen."""
    text = ("a" + marks * (1 << 19))[: 1 << 19]
    begun = time.process_time()
    got = compose(text)
    assert time.process_time() - begun < 10
    assert got is not None
    assert len(got.data) > 1 << 19


def test_a_minified_line_is_not_taken_apart() -> None:
    """One decomposed letter in four megabytes: a few pieces, and a few times the text."""
    text = "x" * (4 << 20) + "e\u0301"
    compose(text[-10:])
    tracemalloc.start()
    got = compose(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert got is not None
    assert len(got.starts) < 10
    assert peak < 20 * len(text)
