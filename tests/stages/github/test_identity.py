"""Who an input is."""

import pytest

from stages.contract import Input
from stages.github.identity import remote_name
from stages.github.stage import repository_name

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("name", "uri", "expected"),
    [
        ("gorilla__mux.tar.gz", "data/gorilla__mux.tar.gz", "gorilla/mux"),
        (f"gorilla__mux-{SHA}.tar.gz", "", "gorilla/mux"),
        ("a__b__c.zip", "", "a/b__c"),
        (f"mux-{SHA}.tar.gz", f"s3://bucket/gorilla/mux/mux-{SHA}.tar.gz", "gorilla/mux"),
        ("main", "https://codeload.github.com/gorilla/mux/tar.gz/refs/heads/main", "gorilla/mux"),
        ("mux.git", "mirror/github.com/gorilla/mux.git", "gorilla/mux"),
        ("mux.tar.gz", "home/me/tarballs/mux.tar.gz", None),
        ("mux.tar.gz", "home/gorilla/mux/mux-1.2.tar.gz", None),
        ("__init__.tar", "", None),
        ("x.tar", "https://notgithub.com/a/b", None),
        ("installed:Foo_Bar", "site-packages", "pypi/foo-bar"),
    ],
)
def test_names_and_paths(name, uri, expected):
    """`OWNER__REPO`, then the two paths that cannot be a coincidence, else nothing."""
    assert repository_name(Input(name, uri)) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/a/b.git", "a/b"),
        ("https://user:secret@github.com/a/b/", "a/b"),
        ("git@github.com:a/b.git", "a/b"),
        ("ssh://git@host:22/group/a/b", "a/b"),
        ("git://host/a/b", "a/b"),
        ("/srv/git/a/b.git", None),
        ("file:///srv/git/a/b.git", None),
        ("../b", None),
        ("C:\\git\\a\\b", None),
        ("https://host/only", None),
        ("ext::sh -c evil", None),
        ("", None),
    ],
)
def test_remotes(url, expected):
    """The last two segments of a URL with a host; local paths mean nothing elsewhere."""
    assert remote_name(url) == expected


def test_the_last_resort_depends_on_the_bytes_alone(read_bytes):
    """The same archive elsewhere is the same repository."""
    data = bytes(1024)
    first = read_bytes("my tool.tar", data, uri="here/my tool.tar").identity
    assert first == read_bytes("my tool.tar", data, uri="there/my tool.tar").identity
    assert first is not None
    assert first.startswith("local/my-tool-")
    assert first != read_bytes("my tool.tar", bytes(2048)).identity
