"""Documents cut into examples."""

import numpy as np
import pytest

from stages.recall.classifier.windows import windows


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, []),
        (3, [(0, 3)]),
        (20, [(0, 20)]),
        (24, [(0, 20)]),
        (25, [(0, 20), (20, 25)]),
        (60, [(0, 20), (20, 40), (40, 60)]),
        (200, [(0, 20), (80, 100), (180, 200)]),
    ],
)
def test_windows_are_whole_or_a_quarter_at_least_and_evenly_spaced(size, expected):
    """Of 20 tokens, three of a document at most; neighbours change nothing."""
    for before in (0, 7):
        offsets = np.array([0, before, before + size, before + size + 9])
        found = [(start - before, end - before) for start, end in windows(offsets, 20, 3).tolist()]
        own = [(start, end) for start, end in found if start >= 0 and end <= size]
        assert own == expected


def test_without_a_size_every_document_is_one():
    """The paper's recipe takes documents whole; an empty one is none."""
    offsets = np.array([0, 5, 5, 30])
    assert windows(offsets, None, 1).tolist() == [[0, 5], [5, 30]]
