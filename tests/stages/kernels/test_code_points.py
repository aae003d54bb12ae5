"""The tables of code points are what Python says of each."""

from collections.abc import Callable

import numpy as np
import pytest

from stages.decontaminate.tokens import CJK, DIGIT, ENDS, WORD, character_tables
from stages.kernels.code_points import (
    N_CODE_POINTS,
    changed_by_lower,
    matching,
    word_characters,
)

CHARACTERS = [chr(point) for point in range(N_CODE_POINTS)]


@pytest.mark.parametrize("predicate", [str.isalpha, str.isdigit, str.isdecimal, str.isalnum])
def test_word_characters_are_those_of_the_predicate(predicate: Callable[[str], bool]) -> None:
    """Asked one by one."""
    assert word_characters(predicate).tolist() == list(map(predicate, CHARACTERS))


def test_runs_are_those_of_each_character() -> None:
    r"""`\s` is `str.isspace`, `\w` is `str.isalnum` and the underscore."""
    assert matching(r"\s+").tolist() == list(map(str.isspace, CHARACTERS))
    assert matching(r"\w+").tolist() == [c.isalnum() or c == "_" for c in CHARACTERS]


def test_lower_case_is_that_of_each_character() -> None:
    """Also the one whose lower case is two characters."""
    expected = {point: c.lower() for point, c in enumerate(CHARACTERS) if c.lower() != c}
    assert dict(changed_by_lower()) == expected
    assert len(expected[0x130]) == 2


def test_the_tables_of_decontamination_speak_of_the_lower_case() -> None:
    """Class and first code point of every character's lower case; sigma has one form."""
    classes, lower = character_tables()
    firsts = [c.lower()[0] for c in CHARACTERS]
    words = np.array([first.isalnum() or first == "_" for first in firsts])
    np.testing.assert_array_equal((classes & WORD) != 0, words)
    np.testing.assert_array_equal((classes & DIGIT) != 0, [first.isdigit() for first in firsts])
    assert np.flatnonzero(classes & ENDS).tolist() == [0x130]
    assert not (classes[~words] & CJK).any()
    expected = np.array(list(map(ord, firsts)))
    expected[ord("ς")] = ord("σ")
    np.testing.assert_array_equal(lower, expected)
