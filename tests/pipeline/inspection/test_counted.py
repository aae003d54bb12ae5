"""Numbers and shares in words for people."""

import pytest

from pipeline.inspection.counted import column_share, counted, share


@pytest.mark.parametrize(
    ("part", "whole", "in_text", "in_column"),
    [
        (0, 5, "0 %", "0.0%"),
        (1, 5_000, "< 0.1 %", "<0.1%"),
        (1, 3, "33.3 %", "33.3%"),
        (4_999, 5_000, "99.9 %", "99.9%"),
        (5, 5, "100 %", "100.0%"),
        (0, 0, "–", "–"),
    ],
)
def test_little_is_not_nothing_and_most_is_not_all(part, whole, in_text, in_column):
    """In running text and in a column."""
    assert (share(part, whole), column_share(part, whole)) == (in_text, in_column)


def test_one_is_in_the_singular():
    """And no other number is."""
    assert [counted(n, "shard file") for n in (0, 1, 2_000)] == [
        "0 shard files", "1 shard file", "2,000 shard files",
    ]  # fmt: skip
