"""What a pattern covers."""

import pytest

from pipeline.annotate.patterns import address, covers, nearest, segments


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("docs.python.org", "https://docs.python.org/3/", True),
        ("docs.python.org", "http://docs.python.org", True),
        ("docs.python.org", "https://docs.python.org?q=1", True),
        ("docs.python.org", "https://docs.python.org.evil.example/", False),
        ("python.org", "https://docs.python.org/3/", False),
        ("a.org/b/", "https://a.org/b/c.html#d", True),
        ("a.org/b/", "https://a.org/b", True),
        ("a.org/b/", "https://a.org/bc/", False),
        ("a.org/b/", "https://user@a.org/b/", True),
        ("a.org/b/", "https://x.org/?https://a.org/b/", False),
    ],
)
def test_a_pattern_covers_whole_segments(pattern: str, url: str, expected: bool) -> None:
    """Never a part of a host's or a directory's name."""
    assert covers(pattern, address(url)) is expected


def test_the_nearest_decision_holds() -> None:
    """A deeper pattern's decision overrides its parent's."""
    decisions = {segments("a.org"): True, segments("a.org/b/c/"): False}
    assert nearest(segments("a.org/b/"), decisions) == (("a.org",), True)
    assert nearest(segments("a.org/b/c/d/"), decisions) == (("a.org", "b", "c"), False)
    assert nearest(segments("b.org/"), decisions) is None
