"""Whether bytes are HTML, where no header says so or the header may be wrong.

All repetition is possessive, so that each byte is looked at a few times at most: what hides behind
comments costs no more than they do.
"""

import re

SNIFF_BYTES = 2048
XHTML_TYPES = frozenset({"application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
XML_TYPES = frozenset({"application/xml", "text/xml"})
"""Of documents that are pages if their root is XHTML's."""

_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]*+>\s*+)?+(?:<!--(?>.*?-->)\s*+)*+"
    rb"<(?:!doctype\s++html|html|head|body|title|meta|script|style|table|div|h1|p|a|br|b)\b",
    re.I | re.S,
)
_PROLOGUE = rb"(?:\xef\xbb\xbf)?(?:\s++|<\?(?>.*?\?>)|<!--(?>.*?-->))*+"
_XHTML = re.compile(
    _PROLOGUE
    + rb"(?:<!DOCTYPE\s[^\[>]*+(?:\[[^\]]*+\]\s*+)?+>(?:\s++|<\?(?>.*?\?>)|<!--(?>.*?-->))*+)?+"
    rb"<(?:[\w.-]++:)?+html\s[^>]*?xmlns(?::[\w.-]++)?+\s*+=\s*+[\"']http://www\.w3\.org/1999/xhtml[\"']",
    re.S,
)
"""An XML document whose root is XHTML's."""
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_OTHER_MAGIC = (
    b"%PDF-", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b", b"RIFF", b"OggS",
    b"ID3", b"\x00\x00\x00", b"wOFF", b"wOF2", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x7fELF",
    b"MZ\x90",
)  # fmt: skip
_OTHER_XML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+<\?xml[^>]*+>\s*+<(?:rss|feed|rdf:RDF|urlset|svg)\b", re.I
)


def sniffed_type(payload: bytes) -> str:
    """The type that browsers give a response without one, as far as it is XML (WHATWG MIME
    sniffing, section 7.1); else the empty string."""
    return "text/xml" if payload[:SNIFF_BYTES].lstrip().startswith(b"<?xml") else ""


def parses_as_xml(mime: str, payload: bytes) -> bool:
    """Whether browsers show a response of this type as a page and parse it as XML: it is declared
    XHTML, or XML and its root is `html` in XHTML's namespace."""
    if mime not in XML_TYPES:
        return mime in XHTML_TYPES
    head = payload[:SNIFF_BYTES]
    if head.startswith(_WIDE_MARKS):
        head = head.decode("utf-16", "replace").encode()
    return _XHTML.match(head) is not None


def looks_like_html(payload: bytes, *, declared: bool = False) -> bool:
    """Without a declaration, whether the bytes begin as HTML does (WHATWG MIME sniffing, section
    7.1, reduced). With one, only what is plainly something else is refused."""
    head = payload[:SNIFF_BYTES]
    if declared:
        return not head.startswith(_OTHER_MAGIC) and _OTHER_XML.match(head) is None
    return _HTML.match(head) is not None
