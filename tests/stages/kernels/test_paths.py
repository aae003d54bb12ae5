"""Hashes of the directories of URLs."""

from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stages.kernels.paths import depth_of, directories, pattern_hashes, string_hashes

PART = st.text("ab.é-", max_size=3)
URLS = st.builds(
    lambda host, parts, tail: f"https://{host}.org" + "".join(f"/{p}" for p in parts) + tail,
    st.text("abc", min_size=1, max_size=3),
    st.lists(PART, max_size=5),
    st.sampled_from(["", "?q=/x/", "#/f/", "/?a=http://b/"]),
)


def expected(url, max_depth):
    """Host and directories by the standard library."""
    parts = urlsplit(url)
    folders = parts.path.split("/")[1:-1][:max_depth]
    found = [parts.netloc]
    for depth in range(len(folders)):
        found.append(f"{parts.netloc}/{'/'.join(folders[: depth + 1])}/")
    return found


@given(st.lists(URLS, max_size=6), st.integers(0, 4))
def test_directories_are_those_of_the_url(urls, max_depth):
    """Each end cuts the URL after its directory, and equal directories share a hash."""
    hashes, ends = directories(pa.array(urls, pa.large_string()), max_depth)
    for url, own, cuts in zip(urls, hashes, ends, strict=True):
        wanted = expected(url, max_depth)
        assert np.count_nonzero(own) == len(wanted)
        names = [url.encode()[:cut].decode().partition("://")[2] for cut in cuts[: len(wanted)]]
        assert names == wanted
        assert own[: len(wanted)].tolist() == pattern_hashes(wanted).tolist()


def test_slices_of_urls_are_honoured():
    """The second of two URLs, alone, has the hashes it has beside the first."""
    urls = pa.array(["http://a.org/x/y", "http://b.org/x/y/"], pa.large_string())
    both, one = directories(urls, 2)[0], directories(urls.slice(1), 2)[0]
    assert both[1].tolist() == one[0].tolist()


def test_a_domain_is_not_its_host():
    """The same name as domain and as host are two nodes of a tree."""
    name = pa.array(["a.org"])
    assert string_hashes(name)[0] != directories(pa.array(["http://a.org/"]), 0)[0][0, 0]


def test_the_depth_of_patterns_is_that_of_the_deepest():
    """A host is 0 deep."""
    assert (depth_of([]), depth_of(["a"]), depth_of(["a", "a/b/c/"])) == (0, 0, 2)
