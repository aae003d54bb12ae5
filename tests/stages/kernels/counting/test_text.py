"""The counting kernel equals plain Python on any Unicode."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.kernels.arrow import utf8_buffers
from stages.kernels.code_points import N_CODE_POINTS
from stages.kernels.counting.text import alphabetic_bitmap, count_text

TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("\r\n\f\v\x00\x1c\x1d\x85\u2028\u2029 aZé漢𝒳"),
    ),
    max_size=80,
)


def count_plainly(text: str) -> tuple[int, int, int, int, int]:
    lines = re.split("\r\n|\r|\n", text)
    if lines[-1] == "":
        lines.pop()
    lengths = [len(line) for line in lines]
    return (
        len(text),
        len(lines),
        sum(lengths),
        max(lengths, default=0),
        sum(map(str.isalpha, text)),
    )


def count(texts: list[str], kind: pa.DataType | None = None) -> list[tuple[int, ...]]:
    array = pa.array(texts, kind or pa.large_string())
    return [
        tuple(int(value) for value in row)
        for row in zip(*count_text(*utf8_buffers(array)), strict=True)
    ]


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=5))
def test_counts_equal_plain_python(texts: list[str]) -> None:
    """Characters, lines, lengths and letters are what Python's own strings say."""
    assert [count_plainly(text) for text in texts] == count(texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, 0, 0, 0)),
        ("a", (1, 1, 1, 1, 1)),
        ("a\n", (2, 1, 1, 1, 1)),
        ("\n", (1, 1, 0, 0, 0)),
        ("\r\n", (2, 1, 0, 0, 0)),
        ("\n\r", (2, 2, 0, 0, 0)),
        ("\r\r\n", (3, 2, 0, 0, 0)),
        ("a\r\nbc\rd\n\n", (9, 4, 4, 2, 4)),
        ("é\r\n漢字\r\n", (7, 2, 3, 2, 3)),
        ("a\fb\u2028c\x85d", (7, 1, 7, 7, 4)),
        ("\x00\x00", (2, 1, 2, 2, 0)),
        ("[{`@", (4, 1, 4, 4, 0)),
        ("𝒳²Ⅷ1", (4, 1, 4, 4, 1)),
    ],
)
def test_line_ends_and_letters(text: str, expected: tuple[int, ...]) -> None:
    """Only CR LF, CR and LF end a line, and a final empty line is none."""
    assert expected == count_plainly(text)
    assert [expected] == count([text])


def test_bitmap_is_isalpha() -> None:
    """Every code point's bit is what str.isalpha says."""
    bitmap = alphabetic_bitmap()
    points = [p for p in range(0, N_CODE_POINTS, 7) if not 0xD800 <= p < 0xE000]
    assert [chr(p).isalpha() for p in points] == [
        bool(bitmap[p >> 3] >> (p & 7) & 1) for p in points
    ]


def test_slices_and_narrow_strings() -> None:
    """A slice of a string array counts its own rows alone."""
    array = pa.array(["x\ny", "ä", "\n\n", "end"]).slice(1, 2)
    counts = count_text(*utf8_buffers(array))
    assert counts.n_characters.tolist() == [1, 2]
    assert counts.n_lines.tolist() == [1, 2]
