"""Telling HTML from everything else by its first bytes."""

import pytest

from stages.web.decoding.sniff import looks_like_html, parses_as_xml

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


ROOT = "<html lang='de' xmlns='http://www.w3.org/1999/xhtml'>"


@pytest.mark.parametrize(
    "start",
    [
        "",
        "\ufeff<?xml version='1.0'?>\n<?xml-stylesheet href='a.xsl'?><!-- > -->",
        "<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.1//EN' 'http://www.w3.org/x.dtd'>\n",
        "<!DOCTYPE html [ <!ENTITY nbsp '&#160;'> ]>",
    ],
)
@pytest.mark.parametrize(
    "root", [ROOT, '<h:html xmlns:h="http://www.w3.org/1999/xhtml">', f"{ROOT[:-1]} dir='ltr'>"]
)
def test_xml_that_is_a_page(start: str, root: str) -> None:
    """XML is a page if its root is XHTML's, and is parsed as XML like what is declared XHTML."""
    for encoding in ("utf-8", "utf-16"):
        assert parses_as_xml("text/xml", (start + root).encode(encoding))
    assert parses_as_xml("application/xhtml+xml", b"")
    assert not parses_as_xml("text/html", (start + root).encode())


@pytest.mark.parametrize(
    "start",
    ["<rss>", "<html>", f"<feed><content>{ROOT}", "<!-- " + ROOT, f"<html><p {ROOT[6:]}",
     "<!DOCTYPE html [" + "<!ENTITY x 'y'>" * 200, "<!-- -->" * 250, " " * 3000],
)  # fmt: skip
def test_xml_that_is_none(start: str) -> None:
    """Feeds and whatever else is in XML are no pages."""
    assert not parses_as_xml("application/xml", start.encode())
