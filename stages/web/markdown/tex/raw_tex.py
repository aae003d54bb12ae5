"""Elements that say they are mathematics and hold TeX, or HTML's own scripts, as their text.

A class of `math` or `tex` is not believed without a sign of TeX: themes and quizzes have it, too.
What names the notation itself (`<latex>n</latex>`, GitLab's `<code data-math-style="inline">`) is
believed for a bare name as well, but for no prose: `<tex>` that nothing closes is an element, too.
"""

import re

from stages.web.markdown.source import Source
from stages.web.markdown.tex.asciimath import MAX_CHARACTERS, asciimath_to_tex
from stages.web.markdown.tex.placing import DELIMITED, RENDERED, TEX_SIGN, Placed, placed
from stages.web.tree.elements import MATHEMATICS

MAX_BARE_CHARACTERS = 80
"""Of a formula without a sign of TeX."""

_TEXT_DELIMITERS = re.compile(r"\\\(|\\\[|\$|\\begin\{")
_NO_RAW_WORDS = "script math img table p pre ul ol mjx-container a div"
_NO_RAW = frozenset((*_NO_RAW_WORDS.split(), *MATHEMATICS))
"""What raw TeX has no elements of."""
_VALUES = ("expression", "expr", "latex", "tex", "formula", "equation", "math", "value")
"""Attributes in which elements that are called mathematics have it."""
_WORDS_IN_TEX = re.compile(
    r"\\(?:text\w*|mbox|hbox|operatorname\*?|math\w+|tag|label)\s*\{[^{}]*\}"
)
_DOCUMENT, _DOCUMENT_END = r"\begin{document}", r"\end{document}"
_PROSE = re.compile(
    r"(?<![\\A-Za-z])[A-Za-z]{2,}(?:,?\s+[A-Za-z]{2,}){3}|[。！？]|[\u3040-\u30ff\u4e00-\u9fff]{16}"
)
"""Four words in a row, or a sentence without blanks."""
_NO_BARE = re.compile(r"[A-Za-z]{3,}\s+[A-Za-z]{3,}|[\u3040-\u30ff\u4e00-\u9fff]|https?:")
_BACKTICKED = re.compile("`[^`]+`")
_WORD = re.compile("[A-Za-z]{4,}")
_NOTATION = frozenset(
    {"language-math", "lang-math", "katex"}
    | {f"{name}-{place}" for name in ("katex", "tex", "latex") for place in ("inline", "block")}
)
"""Classes that name the notation."""


def from_raw(source: Source, node: int, display: bool) -> Placed | None:  # noqa: PLR0911
    """Raw TeX as the text of an element that says it is mathematics."""
    name = source.name(node)
    classes = set(source.classes(node))
    if name[0] == "#":
        return _from_named(source, node, name, display)
    text = _raw_text(source, node)
    if not text:
        return None
    if classes & {"asciimath", "AsciiMath", "am"}:
        is_plain = "`" not in text and "am" not in classes
        return from_asciimath(source, text, display) if is_plain else None
    if classes & _NOTATION or "data-math-style" in source.attributes(node):
        return _believed(text, display)
    if not TEX_SIGN.search(text) and _has_scripts(source, node):
        return placed(_scripted(source, node), display)
    if _TEXT_DELIMITERS.search(text):
        found = DELIMITED.fullmatch(text)
        if found and name == "code" and "math" in classes:
            return _believed(text, display)
        if found and (name in ("code", "pre") or "$" not in (found["dollar"] or "$")):
            return None
        return None if not text.startswith(r"\begin{") else placed(text, True)
    if TEX_SIGN.search(text):
        return None if _is_prose(text) else placed(text, display)
    if classes & {"math", "tex", "latex"} and len(text) < 80 and classes & {"inline", "display"}:
        return placed(text, display)
    return None


def from_asciimath(source: Source, text: str, display: bool) -> Placed | None:
    """AsciiMath, with its backticks or without; None if it is too long for one formula, or the page
    had its share."""
    text = text.strip().strip("`").strip()
    if not text or len(text) > MAX_CHARACTERS or source.is_exhausted:
        return None
    source.n_converted += len(text)
    return placed(asciimath_to_tex(text), display)


def _from_named(source: Source, node: int, name: str, display: bool) -> Placed | None:
    """What an element holds whose name has a word of mathematics."""
    text = source.text(node).strip()
    if not text:
        attributes = source.attributes(node)
        text = next((attributes[key] for key in _VALUES if attributes.get(key, "").strip()), "")
    elif not _raw_text(source, node):
        return _alternative(source, node, display)
    elif not TEX_SIGN.search(text) and _has_scripts(source, node):
        text = _scripted(source, node)
    if name.startswith("#asciimath") or _BACKTICKED.fullmatch(text):
        return from_asciimath(source, text, display)
    if name.startswith("#math") and not TEX_SIGN.search(text) and _WORD.search(text):
        return None
    return _believed(text, display)


def _alternative(source: Source, node: int, display: bool) -> Placed | None:
    """The TeX of a formula that is there as MathML or an image, too (JATS)."""
    names = [source.name(inner) for inner in range(node + 1, source.end[node])]
    found = [at for at, name in enumerate(names) if name in ("#tex", "#tex-block")]
    if len(found) == 1 and "math" in names:
        return from_raw(source, node + 1 + found[0], display)
    return None


def _believed(text: str, display: bool) -> Placed | None:
    """TeX in whatever delimiters or a document of its own (JATS), or none if it is prose."""
    if text.startswith(r"\documentclass"):
        text = text.partition(_DOCUMENT)[2].rpartition(_DOCUMENT_END)[0].strip().strip("$")
    if not text or _is_prose(text):
        return None
    if not TEX_SIGN.search(text) and (len(text) > MAX_BARE_CHARACTERS or _NO_BARE.search(text)):
        return None
    if _TEXT_DELIMITERS.search(text) and not text.startswith(r"\begin{"):
        found = DELIMITED.fullmatch(text)
        inside = found and next(group for group in found.groups() if group is not None)
        if "$" in text and (inside is None or "$" in inside):
            return None
    return placed(text, display)


def _is_prose(text: str) -> bool:
    return _PROSE.search(_WORDS_IN_TEX.sub("{}", text)) is not None


def _raw_text(source: Source, node: int) -> str:
    """The text of an element without anything rendered or laid out below it, else nothing."""
    if source.end[node] == node + 2 and not source.tag[node + 1]:
        return source.text(node).strip()
    inside = range(node + 1, source.end[node])
    if any(source.name(i) in _NO_RAW for i in inside):
        return ""
    classes = [name for i in inside if source.tag[i] for name in source.classes(i)]
    if any(name in RENDERED or name.startswith("katex") for name in classes):
        return ""
    return source.text(node).strip()


def _has_scripts(source: Source, node: int) -> bool:
    names = {source.name(i) for i in range(node + 1, source.end[node])}
    return not names.isdisjoint(("sup", "sub", "em", "i", "b", "strong"))


def _scripted(source: Source, node: int) -> str:
    """HTML's own scripts as TeX's (pandoc's plain mathematics)."""
    out: list[str] = []
    closing: list[tuple[int, str]] = []
    for inner in range(node + 1, source.end[node]):
        while closing and inner >= closing[-1][0]:
            out.append(closing.pop()[1])
        if not source.tag[inner]:
            out.append(
                source.text(inner)
                .replace("\u00a0", " ")
                .replace("\u2005", " ")
                .replace("\u2004", " ")
            )
        elif source.name(inner) in ("sup", "sub"):
            out.append("^{" if source.name(inner) == "sup" else "_{")
            closing.append((source.end[inner], "}"))
    out += [text for _, text in reversed(closing)]
    return "".join(out)
