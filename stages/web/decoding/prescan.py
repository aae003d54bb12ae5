"""The charset that a page declares in itself.

The HTML standard's prescan (section 13.2.3.2), with two liberties that its readers take too. What
stands in scripts, styles and titles does not count: the standard's prescan sees it, its parser
does not. And declarations count as far as `PRESCAN_BYTES`: browsers look ahead 1,024 bytes, but
obey a `<meta>` that comes later.
"""

import re

PRESCAN_BYTES = 1 << 15

_TOKEN = re.compile(
    rb"<!--(?:-?>|.*?-->|.*+)|<(/?)([A-Za-z][^\s/>]*+)|<[!/?][^>]*+>?+",
    re.S,
)
_ATTRIBUTE = re.compile(
    rb"[\s/]*+(=?[^\s/>=]++|=)(?:\s*+=\s*+(?:\"([^\"]*+)\"?+|'([^']*+)'?+|([^\s>]*+)))?+"
)
_CONTENT = re.compile(rb"charset\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s;\"']++))", re.I)
_AROUND = " \t\r\n\f\"'"
"""A quote left open or closed twice does not hide a label."""
_XML = re.compile(rb"\s*+<\?xml\b[^>]*?\bencoding\s*+=\s*+[\"']([^\"'>]++)[\"']", re.I)
_RAW_TEXT = {
    name: re.compile(rb"</" + name + rb"(?=[\s/>])", re.I)
    for name in (b"script", b"style", b"title", b"textarea", b"xmp", b"iframe", b"noembed")
}


def declared_charsets(page: bytes) -> list[str]:
    """The labels of every declaration in order, an XML declaration last. Which of them names an
    encoding, the caller knows."""
    head = page[:PRESCAN_BYTES]
    found = []
    at = 0
    while (token := _TOKEN.search(head, at)) is not None:
        at = token.end()
        if token[2] is None:
            continue
        attributes, at = _attributes(head, at)
        name = token[2].lower()
        if not token[1] and name in _RAW_TEXT:
            end = _RAW_TEXT[name].search(head, at)
            at = len(head) if end is None else end.start()
        elif not token[1] and name == b"meta":
            label = _label(attributes)
            if label is not None:
                found.append(label)
    xml = _XML.match(head)
    labels = found if xml is None else [*found, xml[1]]
    return [label.decode("ascii", "replace").strip(_AROUND) for label in labels]


def _attributes(head: bytes, at: int) -> tuple[dict[bytes, bytes], int]:
    """A tag's attributes, the first of each name, and where they end."""
    attributes: dict[bytes, bytes] = {}
    while (found := _ATTRIBUTE.match(head, at)) is not None:
        at = found.end()
        value = next((value for value in found.group(2, 3, 4) if value is not None), b"")
        attributes.setdefault(found[1].lower(), value)
    return attributes, at


def _label(meta: dict[bytes, bytes]) -> bytes | None:
    """What a `<meta>` declares; `content` counts beside `http-equiv=content-type` alone."""
    if b"charset" in meta:
        return meta[b"charset"]
    if meta.get(b"http-equiv", b"").strip().lower() != b"content-type":
        return None
    found = _CONTENT.search(meta.get(b"content", b""))
    return None if found is None else next(value for value in found.groups() if value is not None)
