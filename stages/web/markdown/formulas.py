"""Formulas in markup: from every way that pages render them to TeX between dollars, once.

An element that renders a formula is one whole. Its source is looked for in the order of how close
it is to what the author wrote: TeX annotations, TeX in attributes, scripts, `alttext`, presentation
MathML, what KaTeX or MathJax laid out, the alternative text of an image, words for readers aloud.
"""

import re

from stages.web.markdown.images import image_tex
from stages.web.markdown.katex import katex_to_tex
from stages.web.markdown.mathml import mathml_to_tex
from stages.web.markdown.source import Source
from stages.web.tree.build import build
from stages.web.tree.elements import TAGS

Placed = tuple[str, bool]
"""What stands in the place of an element, and whether on lines of its own."""

MAX_FORMULA_BYTES = 20_000
"""Text below an element that claims to be a formula; more is a page that says it has some."""
MAX_ANCESTORS = 5

_TEX_ENCODINGS = re.compile(r"(?:application|text|math)?/?(?:x-)?(?:la)?tex\b|^stex$|texvc", re.I)
_TEX_ATTRIBUTES = (
    "data-latex", "data-tex", "data-math", "data-expr", "data-formula", "data-equation",
    "data-katex", "data-original-latex", "data-latex-source", "data-tex-source",
)  # fmt: skip
_DELIMITED = re.compile(
    r"(?:\\\((?P<inline>.*)\\\)|\\\[(?P<display>.*)\\\]|\$\$(?P<dollars>.*)\$\$|"
    r"\$?latex (?P<wordpress>.*?)\$?|\$(?P<dollar>.*)\$)",
    re.S,
)
_INLINE_STYLE = re.compile(r"\{\\displaystyle (.*)\}", re.S)
_TEXT_DELIMITERS = re.compile(r"\\\(|\\\[|\$|\\begin\{")
_TEX_SIGN = re.compile(r"[\\^_{}]")
_ENVIRONMENT = re.compile(r"\\begin\{(?:equation|align|gather|multline|eqnarray|alignat)\*?\}")
_BLANKS = re.compile(r"\s+")
_DISPLAY_WORDS = re.compile(r"display|block", re.I)
_RENDERED_WORDS = (
    "MathJax MathJax_Display MathJax_SVG MathJax_SVG_Display MathJax_CHTML "
    "MathJax_CHTML_Display mjx-chtml MathJax_MathML MathJax_Preview MJXc-display "
    "MJX_Assistive_MathML"
)
_RENDERED = frozenset(_RENDERED_WORDS.split())


def formula_at(source: Source, node: int) -> Placed | None:  # noqa: PLR0911
    """What a node that may be a formula becomes: TeX, nothing (`""`: it is a second rendering),
    or None if it is no formula."""
    name, attributes = source.name(node), source.attributes(node)
    if name == "script":
        return _from_script(source, node, attributes)
    if name == "img":
        tex, display = image_tex(attributes)
        return _placed(tex, display or _is_display(source, node)) if tex else None
    classes = set(attributes.get("class", "").split())
    start, stop = source.text_span(node)
    if stop - start > MAX_FORMULA_BYTES:
        return None
    display = _is_display(source, node)
    if name == "math":
        tex = _from_math(source, node)
        return _placed(tex, display) if tex else ("", False)
    for key in _TEX_ATTRIBUTES:
        value = attributes.get(key, "").strip()
        if value and not value.startswith(("<", "{", "[")) and value not in ("true", "false", "1"):
            return _placed(value, display)
    if "ql-formula" in classes and attributes.get("data-value"):
        return _placed(attributes["data-value"], display)
    if (
        _RENDERED & classes
        or name == "mjx-container"
        or any(c.startswith("katex") for c in classes)
        or (classes & {"mwe-math-element", "mq-math-mode", "mathquill-embedded-latex"})
        or "data-mathml" in attributes
    ):
        return _from_rendered(source, node, classes, attributes, display)
    return _from_raw(source, node, name, display)


def _from_script(source: Source, node: int, attributes: dict[str, str]) -> Placed | None:
    kind = attributes.get("type", "")
    if kind.startswith(("math/tex", "math/latex")):
        return _placed(source.text(node), "mode=display" in kind.replace(" ", ""))
    if kind.startswith("math/mml"):
        tex, display = _from_markup(source.text(node))
        return _placed(tex, display) if tex else None
    if kind.startswith("math/asciimath"):
        return _placed(source.text(node), False)
    return None


def _from_markup(markup: str) -> tuple[str, bool]:
    """The TeX of MathML that stands in an attribute or a script."""
    inner = Source(build(markup.encode("utf-8", "replace")))
    for node in range(len(inner.tag)):
        if inner.name(node) == "math":
            return _from_math(inner, node), inner.attributes(node).get("display") == "block"
    return "", False


def _annotation(source: Source, node: int) -> str:
    """The first TeX annotation below a node."""
    for inner in range(node + 1, source.end[node]):
        if source.name(inner) in ("annotation", "annotation-xml"):
            encoding = source.attributes(inner).get("encoding", "")
            if _TEX_ENCODINGS.search(encoding):
                return source.text(inner).strip()
    return ""


def _from_math(source: Source, node: int) -> str:
    attributes = source.attributes(node)
    annotation = _annotation(source, node)
    if annotation:
        return annotation
    for name in ("alttext", *_TEX_ATTRIBUTES):
        value = attributes.get(name, "").strip()
        if value and not (
            name == "alttext"
            and " " in value
            and not _TEX_SIGN.search(value)
            and (re.search(r"[a-z]{3,} [a-z]{2,}", value))
        ):
            return value
    return mathml_to_tex(source, node)


def _from_rendered(  # noqa: PLR0911, PLR0912
    source: Source, node: int, classes: set[str], attributes: dict[str, str], display: bool
) -> Placed | None:
    if "MathJax_Preview" in classes:
        text = source.text(node).strip()
        if not text or _has_source_beside(source, node):
            return ("", False)
        return _placed(text, display) if _TEX_SIGN.search(text) else None
    annotation = _annotation(source, node)
    if annotation:
        return _placed(annotation, display)
    if _has_source_beside(source, node):
        return ("", False)
    math = -1
    image = -1
    for inner in range(node + 1, source.end[node]):
        name = source.name(inner)
        found = (
            source.attributes(inner)
            if source.tag[inner] and source.first[inner] != source.last[inner]
            else {}
        )
        if name == "script":
            placed = _from_script(source, inner, found)
            if placed:
                return (placed[0] and _placed(source.text(inner), placed[1])) or placed
        for key in _TEX_ATTRIBUTES:
            if found.get(key, "").strip():
                return _placed(found[key], display)
        if name == "math" and math < 0:
            math = inner
            display = display or found.get("display") == "block"
        if name == "img" and image < 0:
            image = inner
    if math >= 0:
        tex = _from_math(source, math)
        if tex:
            return _placed(tex, display)
    if attributes.get("data-mathml"):
        tex, block = _from_markup(attributes["data-mathml"])
        if tex:
            return _placed(tex, display or block)
    if image >= 0:
        tex, block = image_tex(source.attributes(image))
        if tex:
            return _placed(tex, display or block)
    if any(c.startswith("katex") for c in classes):
        tex = katex_to_tex(source, node)
        if tex:
            return _placed(tex, display)
    if source.name(node) == "mjx-container":
        text = source.text(node).strip()
        if _TEX_SIGN.search(text) and TAGS["mjx-math"] not in source.tag[node : source.end[node]]:
            return _placed(text, display)
        tex = mathml_to_tex(source, node)
        if tex:
            return _placed(tex, display)
        spoken = attributes.get("aria-label") or attributes.get("data-semantic-speech") or ""
        return (spoken.strip(), False)
    label = attributes.get("aria-label", "").strip()
    if label and not source.text(node).strip():
        return (label, False)
    return None


def _has_source_beside(source: Source, node: int) -> bool:
    """Whether a script that holds the formula follows what renders it."""
    parent = source.parent[node]
    if parent < 0:
        return False
    for _ in range(2):
        following, limit = source.end[node], source.end[parent]
        for _ in range(4):
            if following >= limit:
                break
            if not source.tag[following]:
                if source.text(following).strip():
                    return False
            elif source.name(following) == "script":
                return source.attributes(following).get("type", "").startswith("math/")
            elif _RENDERED.isdisjoint(source.classes(following)):
                return False
            following = max(source.end[following], following + 1)
        if parent <= 0 or _RENDERED.isdisjoint(source.classes(parent)):
            return False
        node, parent = parent, source.parent[parent]
    return False


def _from_raw(source: Source, node: int, name: str, display: bool) -> Placed | None:  # noqa: PLR0911
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
        source.classes(i) and not _RENDERED.isdisjoint(source.classes(i))
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
    if names & {"sup", "sub", "em", "i", "b", "strong"} and not _TEX_SIGN.search(text):
        return _placed(_scripted(source, node), display)
    if _TEXT_DELIMITERS.search(text):
        found = _DELIMITED.fullmatch(text)
        if found and (name in ("code", "pre") or "$" not in (found["dollar"] or "$")):
            return None
        return None if not text.startswith(r"\begin{") else _placed(text, True)
    if _TEX_SIGN.search(text) or (
        classes & {"math", "tex", "latex"} and len(text) < 80 and classes & {"inline", "display"}
    ):
        return _placed(text, display)
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


def _is_display(source: Source, node: int) -> bool:  # noqa: PLR0911
    """Whether a formula stands by itself, as it or what renders it says."""
    if source.name(node) == "div":
        return True
    for level in range(MAX_ANCESTORS):
        attributes = source.attributes(node)
        name = source.name(node)
        if attributes.get("display") in ("block", "true"):
            return True
        classes = attributes.get("class", "")
        if classes and (
            "display" in classes.lower() or "math-block" in classes or "math block" in classes
        ):
            return "inline" not in classes
        if attributes.get("mode") == "display":
            return True
        node = source.parent[node]
        if node <= 0 or (
            source.name(node)
            not in ("span", "mjx-container", "mjx-assistive-mml", "semantics", "math", "#unknown")
            and not (level < 2 and _is_formula_class(source.classes(node)))
        ):
            return False
        if name == "p":
            return False
    return False


def _is_formula_class(classes: list[str]) -> bool:
    return any(
        c.startswith(("katex", "MathJax", "mwe-math", "MJX", "mjx")) or c in ("math", "display")
        for c in classes
    )


def _placed(tex: str, display: bool) -> Placed:
    tex = tex.strip().removeprefix("<![CDATA[").removesuffix("]]>").removeprefix("% <![CDATA[")
    tex = tex.strip().removesuffix("% ]]>").strip("% \t\r\n")
    found = _DELIMITED.fullmatch(tex)
    if found:
        display = display or found["display"] is not None or found["dollars"] is not None
        inner = next(group for group in found.groups() if group is not None).strip()
        if "$" not in inner or found["dollar"] is None:
            tex = inner
    styled = _INLINE_STYLE.fullmatch(tex)
    if styled and _balanced(styled[1]):
        tex = styled[1].strip()
    tex = _BLANKS.sub(" ", tex)
    if not tex or tex in ("$", "$$"):
        return ("", False)
    if display:
        return (f"$${tex}$$" if "$" not in tex else rf"\[{tex}\]", True)
    return (f"${tex}$" if "$" not in tex else rf"\({tex}\)", False)


def _balanced(tex: str) -> bool:
    depth = 0
    for character in re.sub(r"\\[{}]", "", tex):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0
