r"""TeX in a text as MathML, which browsers draw themselves: no script, no fonts, no network.

latex2mathml reads the TeX. It was not made for hostile input (`\href` and `\style` become
attributes), so of its answer only elements and attributes of a list remain, and all text is
escaped. What it cannot read stays as it was written.
"""

import re
from collections.abc import Iterator
from html import unescape
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markupsafe import Markup, escape

from pipeline.local_page.rendering import visible

MAX_TEX = 1_000
"""Characters of one formula."""
MAX_FORMULAS = 400
"""Of one text; the others stay TeX."""

ELEMENTS = frozenset(
    re.split(
        r"\s+",
        """math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom menclose
        msub msup msubsup munder mover munderover mmultiscripts mprescripts mtable mtr mtd""",
    )
)
ATTRIBUTES = {
    name: re.compile(pattern)
    for names, pattern in (
        ("displaystyle stretchy fence accent accentunder separator movablelimits", "true|false"),
        ("form", "prefix|infix|postfix"),
        ("scriptlevel", r"[+-]?\d"),
        ("columnalign rowalign", r"(left|right|center|top|bottom|baseline)( (left|right|center))*"),
        ("mathvariant", r"[a-z-]{1,24}"),
        ("notation", r"[a-z ]{1,40}"),
        (
            "lspace rspace width height depth minsize maxsize linethickness",
            r"[+-]?\d?(\.\d{1,4})?(em|ex|px|pt)?",
        ),
    )
    for name in names.split()
}

_MATH = re.compile(
    r"\$\$(?P<a>[^$]{1,1000})\$\$"
    r"|\\\[(?P<b>[\s\S]{1,1000}?)\\\]"
    r"|\\\((?P<c>[\s\S]{1,1000}?)\\\)"
    r"|(?<![\\$\w])\$(?P<d>[^\s$](?:[^$\n]{0,398}[^\s$\\])?)\$(?![\d$])"
    r"|(?P<e>\\begin\{(?P<name>equation|align|gather|multline|eqnarray)(?P<star>\*?)\}"
    r"[\s\S]{1,1000}?\\end\{(?P=name)(?P=star)\})"
)


def with_formulas(text: str) -> Iterator[tuple[str, Markup | None]]:
    """The text in pieces, each with its MathML if it is a formula."""
    place = n_formulas = 0
    for match in _MATH.finditer(text):
        if n_formulas == MAX_FORMULAS:
            break
        tex = next(match[group] for group in "abcde" if match[group] is not None)
        drawn = mathml(tex, display=match["c"] is None and match["d"] is None)
        if drawn is None:
            continue
        n_formulas += 1
        yield text[place : match.start()], None
        yield match[0], drawn
        place = match.end()
    yield text[place:], None


def mathml(tex: str, *, display: bool) -> Markup | None:
    """The formula as MathML; None if it cannot be read."""
    if len(tex) > MAX_TEX:
        return None
    try:
        element = convert_to_element(tex, display="block" if display else "inline")
        inner = "".join(_safe(child) for child in element)
    except Exception:  # noqa: BLE001 - of a parser that was given anything at all
        return None
    style = "block" if display else "inline"
    return Markup(f'<math display="{style}" title="{escape(visible(tex))}">{inner}</math>')


def _safe(element: Element) -> str:
    """The element with what a list allows, everything else left out."""
    inner = str(escape(visible(unescape(element.text or ""))))
    inner += "".join(map(_safe, element))
    name = element.tag.rpartition("}")[2]
    if name not in ELEMENTS:
        return f"<mrow>{inner}</mrow>"
    allowed = "".join(
        f' {key}="{escape(value)}"'
        for key, value in element.attrib.items()
        if key in ATTRIBUTES and ATTRIBUTES[key].fullmatch(value)
    )
    return f"<{name}{allowed}>{inner}</{name}>"
