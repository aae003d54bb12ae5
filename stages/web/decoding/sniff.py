"""Whether bytes are HTML, where no header says so or the header may be wrong.

All repetition is possessive, so that each byte is looked at a few times at most: what hides behind
comments costs no more than they do.
"""

import re

SNIFF_BYTES = 2048

_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]*+>\s*+)?+(?:<!--(?>.*?-->)\s*+)*+"
    rb"<(?:!doctype\s++html|html|head|body|title|meta|script|style|table|div|h1|p|a|br|b)\b",
    re.I | re.S,
)
_OTHER_MAGIC = (
    b"%PDF-", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b", b"RIFF", b"OggS",
    b"ID3", b"\x00\x00\x00", b"wOFF", b"wOF2", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x7fELF",
    b"MZ\x90",
)  # fmt: skip
_OTHER_XML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+<\?xml[^>]*+>\s*+<(?:rss|feed|rdf:RDF|urlset|svg)\b", re.I
)


def looks_like_html(payload: bytes, *, declared: bool = False) -> bool:
    """Without a declaration, whether the bytes begin as HTML does (WHATWG MIME sniffing, section
    7.1, reduced). With one, only what is plainly something else is refused."""
    head = payload[:SNIFF_BYTES]
    if declared:
        return not head.startswith(_OTHER_MAGIC) and _OTHER_XML.match(head) is None
    return _HTML.match(head) is not None
