"""Which of a page's words are its gold text's."""

import pytest

from benchmarks.content.align import covered, left_over
from benchmarks.content.tokens import tokens, word_f1


def hits(page: str, gold: str) -> str:
    words = page.split()
    found = covered(words, gold.split())
    return " ".join(word for word, hit in zip(words, found, strict=True) if hit)


def test_the_run_in_order_wins_over_scattered_words() -> None:
    """A menu has `the` and `end` as well; the sentence is taken whole."""
    page = "home the about end contact this is the very end of it imprint"
    assert hits(page, "this is the very end of it") == "this is the very end of it"


def test_the_second_of_two_places_where_it_follows_its_neighbours() -> None:
    page = "title menu title the text begins here"
    found = covered(page.split(), page.split()[2:])
    assert found.tolist() == [0, 0, 1, 1, 1, 1, 1]


def test_paragraphs_in_another_order_are_found() -> None:
    first, second = " ".join("abcdefghijklmnopqrs"), " ".join("0123456789")
    assert hits(f"{first} x y {second}", f"{second} {first}") == f"{first} {second}"


@pytest.mark.parametrize(("page", "gold"), [("", "a"), ("a", ""), ("a b", "c d"), ("", "")])
def test_nothing_in_common(page: str, gold: str) -> None:
    assert hits(page, gold) == ""


def test_left_over_keeps_order_and_counts() -> None:
    assert left_over(["a", "b", "a", "c"], ["a", "c"]) == ["b", "a"]


def test_ideographs_are_words_and_others_runs() -> None:
    assert tokens("Don't 排序 x_1 été") == ["don", "t", "排", "序", "x_1", "été"]


def test_word_f1_counts_repeats() -> None:
    assert word_f1(["a", "a", "b"], ["a", "c"]) == pytest.approx(2 * 1 / 5)
    assert word_f1([], []) == 1
    assert word_f1([], ["a"]) == 0
