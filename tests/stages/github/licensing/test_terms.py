"""Riders in anybody's own words: the sets of sentences, changed licences, the table of words."""

import re

import pytest

from schemas.licenses import COPYLEFT, PERMISSIVE, license_class
from stages.github.licensing.own_words import is_of_a_licence, plain_words, strange_words
from stages.github.licensing.terms import compiled, restricting_sentence, take_back, term_table
from stages.github.licensing.texts import read_license
from tests.stages.github.licensing.test_texts import APACHE_NOTICE, ISC, MIT, SENTENCES


def is_free(text: str) -> bool:
    return license_class(str(read_license(text).licenses)) in (PERMISSIVE, COPYLEFT)


def test_sentences_of_the_sets() -> None:
    """Of 100 riders .98 are found and of 100 harmless sentences .98 passed over, wherever they
    stand; of those nobody had looked at when the rules were made see docs/github.md."""
    rows = [line.split("\t") for line in SENTENCES.read_text("utf-8").splitlines()]
    assert len(rows) == len({words for _, _, words in rows}) == 200
    wrong = [
        words
        for _, kind, words in rows
        for whole in (f"{words}\n\n{ISC}", MIT.replace("\n\n", f"\n\n{words}\n\n", 1))
        if is_free(whole) != (kind == "harmless")
    ]
    assert len(set(wrong)) <= 2, wrong


@pytest.mark.parametrize("licence", [MIT, ISC])
@pytest.mark.parametrize("words", ["for non-commercial purposes only", "except for military use"])
def test_words_put_into_a_licence(licence: str, words: str) -> None:
    """At any third word, under the licence's name: its own words around them hide nothing."""
    own = licence.split(" ")
    for place in range(8, len(own), 3):
        text = " ".join([*own[:place], words, *own[place:]])
        assert not is_free(f"The licence: MIT License\n\n{text}"), own[place - 5 : place]


def test_a_licence_that_somebody_changed() -> None:
    """A text of MIT's words that is not MIT as a whole is not called by the name above it."""
    changed = MIT.replace("sell copies of the Software", "read the Software aloud")
    assert not is_free(f"MIT License\n\n{changed}")
    assert is_free(f"MIT License\n\n{MIT}")


def test_pieces_of_licences_are_no_riders() -> None:
    """Clauses that free licences have themselves, left beside another."""
    piece = (
        "Redistribution and use in source and binary forms, with or without modification, are "
        "permitted provided that the following conditions are met:"
    )
    assert is_of_a_licence(plain_words(piece))
    assert not take_back(piece)
    assert take_back(f"{piece} You pay.")
    assert strange_words(APACHE_NOTICE) == []
    assert strange_words(MIT.replace("AUTHORS", "PEOPLE OF ACME")) != []


def test_what_is_taken_out_first() -> None:
    """Addresses, file names and phrases that ask nothing are no words of a rider."""
    assert (
        restricting_sentence("See https://example.org/no-commercial-use/only and only.py.") is None
    )
    assert restricting_sentence("You need not pay. Use it without fee.") is None
    assert restricting_sentence("It costs $ 5. Can't be sold.") == "it costs dollars 5"


def test_every_row_of_the_table() -> None:
    """Each compiles, names lists that there are, and needs a word to match."""
    table = term_table()
    rows = [*table["harmless"].values(), *table["taking"].values()]
    patterns = [pattern for row in rows for pattern in row]
    assert len(patterns) == len(set(patterns)) > 200
    for pattern in patterns:
        assert re.compile(compiled(pattern)).search("") is None, pattern
