"""Formulas that pages show as images: the TeX in the alternative text or in the address."""

import re
from urllib.parse import unquote, unquote_plus

from stages.web.markdown.source import Source
from stages.web.tree.elements import KEYS

MAX_ADDRESS_CHARACTERS = 4096
_ALT = KEYS["alt"]

_TEX_SIGN = re.compile(r"\\[A-Za-z]{2,}|[\\^{}]|_\{|[A-Za-z0-9)]_[A-Za-z0-9]")
_DELIMITED = re.compile(r"\s*(?:\\\(.*\\\)|\\\[.*\\\]|\$\$?.+\$\$?)\s*", re.S)
_MATH_CLASSES_WORDS = (
    "tex latex math mwe-math-fallback-image-inline mwe-math-fallback-image-display ee_img "
    "equation formula eq Latex LaTeX mathtex latex_img eqn inlineformula displayformula "
    "numberedequation"
)
_MATH_CLASSES = frozenset(_MATH_CLASSES_WORDS.split())
_SERVERS = re.compile(
    r"(?:codecogs\.com/[\w./]*\?|latex\.php\?(?:[^#]*?&)?latex=|/equation\?tex=|"
    r"/tex\?tex=|/tex\?|[?&]tex=|mathtex\.cgi\?|mimetex\.cgi\?|mathtex[^?/]*\?|mimetex[^?/]*\?|"
    r"upmath\.me/(?:svg|png)/|math\.vercel\.app/?\?(?:[^#]*?&)?from=|[?&]cht=tx(?:[^#]*?)&chl=|"
    r"[?&]chl=(?=[^#]*cht=tx)|latex\.(?:png|svg|gif)\?|/latex\?|[?&]latex=|[?&]math=|[?&]eq=|"
    r"render\.githubusercontent\.com/render/math\?math=|latex2png[^?]*\?)"
)
_ENCODED = re.compile(r"[/?=](?=[^/?=&]*%5[cC][A-Za-z]{2,}[^/]*$)")
"""A last part of an address that has an encoded command of TeX."""
_PARAMETER_END = re.compile(
    r"&(?!space;|amp;|lt;|gt;|plus;)(?:bg|fg|s|c|w|h|zoom|cht|chs|chf|chco|color|mode|size|inline|dpi|from|alternateColor)=[^&]*"
)
_NO_FORMULA = re.compile(
    r"\\begin\{(?:figure|table|wrapfigure|center|flushleft|quote|verbatim|lstlisting|algorithm|"
    r"minipage|picture|itemize|enumerate)\*?\}|\\(?:includegraphics|epsfi\w+|epsfbox|psfig)\b"
)
"""What LaTeX2HTML shows as an image that is no mathematics."""
_PRELUDE = re.compile(
    r"^(?:\\(?:inline|large|small|dpi\{\d+\}|bg_\w+|fn_\w+)|\{\\color(?:\[\w+\])?\{?\w*\}?\s*(?=\S.*\}$))\s*"
)


_HINTS = (b"tex", b"math", b"formula", b"eq", b"expr", b"eeimg", b"ee_img", b"codecogs", b"chl=",
          b"%5c", b"\\", b"$", b"^", b"&")  # fmt: skip
_ALT_HINTS = re.compile(rb"[_{}=<>+\x80-\xff]")


def may_be_tex(source: Source, node: int) -> bool:
    """Whether the markup of an image holds anything that `image_tex` looks for. Nearly all images
    hold nothing of it, and their attributes need not be made."""
    markup = source.markup(node).lower().replace(b"&amp;", b"")
    if any(hint in markup for hint in _HINTS):
        return True
    return b"alt" in markup and _ALT_HINTS.search(source.written(node, _ALT)) is not None


def image_tex(  # noqa: PLR0911
    attributes: dict[str, str], *, in_math: bool = False
) -> tuple[str, bool]:
    """The TeX that an image shows, and whether it stands by itself; empty if it is no formula.
    `in_math`: it is in an element that says it is mathematics."""
    classes = attributes.get("class", "").split()
    is_math = in_math or not _MATH_CLASSES.isdisjoint(classes)
    display = any("display" in name for name in classes)
    for name in (
        "data-latex",
        "data-tex",
        "data-formula",
        "data-math",
        "data-equation",
        "data-expr",
    ):
        if attributes.get(name, "").strip():
            return attributes[name].strip(), display
    alt = attributes.get("alt", "").strip()
    from_address = _address_tex(attributes)
    if "eeimg" in attributes and alt:
        return alt, display or attributes["eeimg"] == "2"
    if alt and _DELIMITED.fullmatch(alt):
        return alt, display
    if alt and "mwe-math" in attributes.get("class", ""):
        return alt, display
    if from_address:
        return (
            alt if alt and _TEX_SIGN.search(alt) and len(alt) >= len(from_address) else from_address
        ), display
    if alt and _is_tex(alt, is_math):
        return alt, display
    return "", False


def _is_tex(alt: str, is_math: bool) -> bool:
    if _NO_FORMULA.match(alt):
        return False
    if is_math:
        return bool(_TEX_SIGN.search(alt) or (len(alt) < 60 and re.search(r"[=<>+≤≥∈]", alt)))
    if re.search(r"\\[A-Za-z]{2,}|[\^_]\{", alt):
        return not re.search(r"[A-Za-z]:\\|\\\\|\.(?:png|jpe?g|gif|svg|webp)$", alt)
    return bool(re.search(r"[A-Za-z0-9)}]\^[A-Za-z0-9{(]", alt)) and "=" in alt


def _address_tex(attributes: dict[str, str]) -> str:
    for name in ("src", "data-src", "data-original", "data-lazy-src"):
        address = attributes.get(name, "")
        if not address or len(address) > MAX_ADDRESS_CHARACTERS or address.startswith("data:"):
            continue
        found = _SERVERS.search(address)
        if not found:
            found = _ENCODED.search(address)
        if not found:
            continue
        source = _PARAMETER_END.sub("", address[found.end() :])
        decode = unquote if "codecogs" in address or "%20" in source else unquote_plus
        if "+" in source and "%2B" not in source and "%2b" not in source:
            decode = unquote
        tex = decode(source).replace("&space;", " ").replace("&plus;", "+").replace("&amp;", "&")
        for _ in range(4):
            tex = _PRELUDE.sub("", tex.strip())
        if tex and not re.fullmatch(r"[\w.-]+\.(?:png|gif|svg|jpg)", tex):
            return tex
    return ""
