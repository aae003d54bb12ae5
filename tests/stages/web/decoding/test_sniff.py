"""Telling HTML from everything else by its first bytes."""

import pytest

from stages.web.decoding.sniff import looks_like_html

PREFIXES = [
    b"",
    b"\xef\xbb\xbf\r\n ",
    b"<?xml version='1.0'?>\n",
    b"<!-- a -->\n<!---->",
    b"<?xml?><!-- > -- -->",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("start", [b"<!DOCTYPE  html>", b"<HTML>", b"<p>", b"<br/>"])
def test_html(prefix: bytes, start: bytes) -> None:
    """Marks, blanks, an XML declaration and comments may come first."""
    assert looks_like_html(prefix + start)


@pytest.mark.parametrize(
    "start", [b"<rss>", b"text", b"<header>", b"%PDF-1", b"<?xml?>", b"<!--<p>"]
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_other(prefix: bytes, start: bytes) -> None:
    """What begins with anything else is none."""
    assert not looks_like_html(prefix + start)


@pytest.mark.parametrize("start", [b"%PDF-1.4", b"PK\x03\x04", b" <?xml a?> <feed>"])
def test_declared(start: bytes) -> None:
    """Against a declaration stands only what is plainly something else."""
    assert not looks_like_html(start, declared=True)
    assert looks_like_html(b"anything", declared=True)


@pytest.mark.parametrize(
    "head",
    [
        b"<!---->" * 26,
        b"<!-- -->" * 255,
        b"<!--" + b"-->" * 660,
        b"<!-- --> " * 220,
        b"<!--" * 500,
        b"<?xml " * 340,
        b" " * 2047,
        b"<?xml>" + b"<!--a--> \n" * 200,
    ],
)
def test_hostile_heads(head: bytes) -> None:
    """Comments that lead to nothing are passed over once."""
    assert not looks_like_html(head + b"x")
    assert looks_like_html(head + b"x", declared=True)
