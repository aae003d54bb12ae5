"""Elements that say they are mathematics and hold TeX, or HTML's own scripts, as their text."""

import re

from stages.web.markdown.source import Source
from stages.web.markdown.tex.placing import DELIMITED, RENDERED, TEX_SIGN, Placed, placed

_TEXT_DELIMITERS = re.compile(r"\\\(|\\\[|\$|\\begin\{")


def from_raw(source: Source, node: int, name: str, display: bool) -> Placed | None:  # noqa: PLR0911
    """Raw TeX as the text of an element that says it is mathematics."""
    inside = range(node + 1, source.end[node])
    names = {source.name(i) for i in inside}
    if names & {
        "script",
        "math",
        "img",
        "table",
        "p",
        "pre",
        "ul",
        "ol",
        "mjx-container",
        "a",
        "div",
    }:
        return None
    if any(
        source.classes(i) and not RENDERED.isdisjoint(source.classes(i))
        for i in inside
        if source.tag[i]
    ):
        return None
    if any(c.startswith("katex") for i in inside if source.tag[i] for c in source.classes(i)):
        return None
    text = source.text(node).strip()
    if not text:
        return None
    classes = set(source.classes(node))
    if classes & {"asciimath", "AsciiMath", "am"}:
        return None
    if names & {"sup", "sub", "em", "i", "b", "strong"} and not TEX_SIGN.search(text):
        return placed(_scripted(source, node), display)
    if _TEXT_DELIMITERS.search(text):
        found = DELIMITED.fullmatch(text)
        if found and (name in ("code", "pre") or "$" not in (found["dollar"] or "$")):
            return None
        return None if not text.startswith(r"\begin{") else placed(text, True)
    if TEX_SIGN.search(text) or (
        classes & {"math", "tex", "latex"} and len(text) < 80 and classes & {"inline", "display"}
    ):
        return placed(text, display)
    return None


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
