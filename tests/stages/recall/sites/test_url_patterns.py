"""What a pattern covers: one page at a time, many pages by hashes, and by brute force."""

from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.kernels.paths import directories
from stages.kernels.urls import normalize_url
from stages.recall.sites.url_patterns import (
    ManyPatterns,
    ancestors,
    canonical,
    covers,
    directory_of,
    nearest,
    segments,
)

HOSTS = st.sampled_from(["a.org", "b.a.org", "a.org:8080", "u@a.org", "a.org.b", "a-b.org"])
PARTS = st.lists(st.sampled_from(["", "b", "c", "bc", "b.c", "http:", "%3F", "é"]), max_size=4)
TAILS = st.sampled_from(["", "?q=/x/", "#/f/", "?a=http://b.org/c/", "#?"])
URLS = st.builds(
    lambda scheme, host, parts, tail: f"{scheme}://{host}{''.join(f'/{p}' for p in parts)}{tail}",
    st.sampled_from(["http", "https"]),
    HOSTS,
    PARTS,
    TAILS,
)
PATTERNS = st.builds(
    lambda host, parts: "/".join([host, *parts, ""]) if parts else host, HOSTS, PARTS
)


def patterns_of(url):
    """Host and every beginning of the path that ends in a slash, from the outside in."""
    parts = urlsplit(url)
    slashes = [place for place, letter in enumerate(parts.path) if letter == "/"]
    return [parts.netloc, *(parts.netloc + parts.path[: place + 1] for place in slashes[1:])]


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("docs.python.org", "https://docs.python.org/3/", True),
        ("docs.python.org", "http://docs.python.org", True),
        ("docs.python.org", "https://docs.python.org?q=1", True),
        ("docs.python.org", "https://docs.python.org.evil.example/", False),
        ("python.org", "https://docs.python.org/3/", False),
        ("a.org/b/", "https://a.org/b/c.html#d", True),
        ("a.org/b/", "https://a.org/b", False),
        ("a.org/b/", "https://a.org/b/", True),
        ("a.org/b/", "https://a.org/bc/", False),
        ("a.org", "https://user@a.org/b/", False),
        ("a.org/b/", "https://x.org/?https://a.org/b/", False),
        ("web.archive.org/web/", "https://web.archive.org/web/2020/http://a.org/b/", True),
        ("a.org/b/", "https://web.archive.org/web/2020/http://a.org/b/", False),
    ],
)
def test_a_pattern_covers_whole_hosts_and_directories(pattern, url, expected):
    """Never a part of a name, and no page that only shares it."""
    assert covers(pattern, directory_of(url)) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (" https://Docs.Python.org/3 ", "docs.python.org/3/"),
        ("A.org/", "a.org"),
        ("a.org//", "a.org//"),
        ("a.org/B//", "a.org/B//"),
        ("a.org/b/?page=2#top", "a.org/b/"),
        ("https://User@A.org/b/", "User@a.org/b/"),
        ("web.archive.org/web/http://a.org/", "web.archive.org/web/http://a.org/"),
        ("https://web.archive.org/web/http://A.org", "web.archive.org/web/http://A.org/"),
        ("/b/", ""),
        ("https://", ""),
    ],
)
def test_a_pattern_has_one_spelling(written, expected):
    """However a person writes it; a URL in the path stays where it is."""
    assert canonical(written) == expected
    assert canonical(expected) == expected


@given(URLS)
def test_directories_of_a_page_are_patterns_in_canonical_spelling(url):
    """Its deepest one and those above are all there are; for normalised URLs none changes."""
    assert list(ancestors(directory_of(url))) == patterns_of(url)[::-1]
    for pattern in patterns_of(normalize_url(url)):
        assert canonical(pattern) == pattern
        assert canonical(f"https://{pattern}") == pattern


@given(st.lists(URLS, max_size=8), st.sets(PATTERNS, max_size=8))
def test_the_deepest_pattern_is_found_as_by_brute_force(urls, chosen):
    """For one page, and for many by the hashes of their directories."""
    patterns = sorted(chosen)
    wanted = [
        next((one for one in reversed(patterns_of(url)) if one in chosen), None) for url in urls
    ]
    values = {pattern: number for number, pattern in enumerate(patterns)}
    single = [nearest(directory_of(url), values) for url in urls]
    assert [found[0] if found else None for found in single] == wanted
    assert all(found is None or found[1] == values[found[0]] for found in single)
    many = ManyPatterns(patterns)
    for array in (pa.array(urls, pa.string()), pa.array(urls, pa.large_string())):
        found = many.deepest_of(array).tolist()
        assert [patterns[n] if n >= 0 else None for n in found] == wanted
    deeper = directories(pa.array(urls, pa.large_string()), many.depth + 2)[0]
    assert many.deepest(deeper).tolist() == [values.get(one, -1) for one in wanted]


@given(PATTERNS, URLS)
def test_covering_is_having_the_pattern_among_ones_directories(pattern, url):
    """By definition."""
    assert covers(pattern, directory_of(url)) is (pattern in patterns_of(url))


@given(st.sets(PATTERNS, max_size=12))
def test_in_the_order_of_segments_what_is_below_follows(patterns):
    """A tree can be drawn from top to bottom."""
    ranked = sorted(patterns, key=segments)
    for place, pattern in enumerate(ranked):
        below = [one for one in ranked if pattern in list(ancestors(one))]
        assert ranked[place : place + len(below)] == below


def test_ancestors_go_up_to_the_host():
    """A pattern is its own first ancestor."""
    assert list(ancestors("a.org/b/c/")) == ["a.org/b/c/", "a.org/b/", "a.org"]
    assert list(ancestors("a.org//c/")) == ["a.org//c/", "a.org//", "a.org"]
    assert list(ancestors("a.org")) == ["a.org"]
