"""Formulas in markup: from every way that pages render them to TeX between dollars, once.

An element that renders a formula is one whole. Its source is looked for in the order of how close
it is to what the author wrote: TeX annotations, TeX in attributes, scripts, `alttext`, presentation
MathML, what KaTeX or MathJax laid out, the alternative text of an image, words for readers aloud.
"""

import re

from stages.web.markdown.source import Source
from stages.web.markdown.tex.images import image_tex, may_be_tex
from stages.web.markdown.tex.katex import katex_to_tex
from stages.web.markdown.tex.mathml import mathml_to_tex
from stages.web.markdown.tex.placing import RENDERED, TEX_SIGN, Placed, placed
from stages.web.markdown.tex.raw_tex import from_asciimath, from_raw
from stages.web.tree.build import build
from stages.web.tree.elements import MATHEMATICS, TAGS, TEXT

MAX_FORMULA_BYTES = 20_000
"""Text below an element that claims to be a formula; more is a page that says it has some."""
MAX_ANCESTORS = 5

_TEX_ENCODINGS = re.compile(r"(?:application|text|math)?/?(?:x-)?(?:la)?tex\b|^stex$|texvc", re.I)
_WORDS = re.compile(r"[a-z]{3,} [a-z]{2,}|(?<![A-Za-z])[a-z]{4,}(?![A-Za-z])")
_COMMAND = re.compile(r"\\[A-Za-z]{2,}")
_BLOCK_CLASS = re.compile(
    r"(?:math|tex|mathjax)[-_ ]{1,2}block\b|\bblock[-_]{1,2}(?:math|(?:la|ka)?tex)"
)
_KATEX = frozenset({"katex", "katex-display", "katex--inline", "katex--display"})
_BLOCKS = frozenset(name for name in MATHEMATICS if name.endswith("-block"))
_SAYING = ("block", "display", "display-mode", "displaymode")
_OPTIONS = ("options", "katex-options")
_DISPLAY_OPTION = re.compile(r"displayMode\W+true")
"""What elements that are called mathematics say that stand by themselves."""
_TRANSPARENT = frozenset(
    ("span", "mjx-container", "mjx-assistive-mml", "semantics", "math", "#unknown", *MATHEMATICS)
)
_SPOKEN = ("aria-label", "data-semantic-speech", "data-semantic-speech-none")
_TEX_ATTRIBUTES = (
    "data-latex", "data-tex", "data-math", "data-expr", "data-formula", "data-equation",
    "data-katex", "data-original-latex", "data-latex-source", "data-tex-source", "data-mx-maths",
)  # fmt: skip


def formula_at(source: Source, node: int) -> Placed | None:  # noqa: PLR0911
    """What a node that may be a formula becomes: TeX, nothing (`""`: it is a second rendering),
    or None if it is no formula."""
    name = source.name(node)
    if name == "img" and not may_be_tex(source, node):
        return None
    attributes = source.attributes(node)
    if name == "script":
        return _from_script(source, node, attributes)
    if name == "img":
        tex, display = image_tex(attributes, in_math=_is_in_math(source, node))
        return placed(tex, display or _is_display(source, node)) if tex else None
    classes = set(attributes.get("class", "").split())
    start, stop = source.text_span(node)
    if stop - start > MAX_FORMULA_BYTES:
        return None
    display = _is_display(source, node)
    if name == "math":
        tex = _from_math(source, node)
        return placed(tex, display) if tex else ("", False)
    for key in _TEX_ATTRIBUTES:
        value = attributes.get(key, "").strip()
        if value and not value.startswith(("<", "{", "[")) and value not in ("true", "false", "1"):
            return placed(value, display)
    if "ql-formula" in classes and attributes.get("data-value"):
        return placed(attributes["data-value"], display)
    if (
        RENDERED & classes
        or name == "mjx-container"
        or _KATEX & classes
        or (classes & {"mwe-math-element", "mq-math-mode", "mathquill-embedded-latex"})
        or "data-mathml" in attributes
    ):
        found = _from_rendered(source, node, classes, attributes, display)
        return found if found else from_raw(source, node, display)
    return from_raw(source, node, display)


def _from_script(source: Source, node: int, attributes: dict[str, str]) -> Placed | None:
    kind = attributes.get("type", "")
    if kind.startswith(("math/tex", "math/latex")):
        return placed(source.text(node), "mode=display" in kind.replace(" ", ""))
    if kind.startswith("math/mml"):
        tex, display = _from_markup(source, source.text(node))
        return placed(tex, display) if tex else None
    if kind.startswith("math/asciimath"):
        return from_asciimath(source, source.text(node), False)
    return None


def _from_markup(source: Source, markup: str) -> tuple[str, bool]:
    """The TeX of MathML that stands in an attribute or a script."""
    inner = Source(build(markup.encode("utf-8", "replace")))
    inner.n_converted = source.n_converted
    for node in range(len(inner.tag)):
        if inner.name(node) == "math":
            tex = _from_math(inner, node)
            source.n_converted = inner.n_converted
            return tex, inner.attributes(node).get("display") == "block"
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
        if value and not (name == "alttext" and _is_spoken(value)):
            return value
    raw = source.text(node).strip() if source.tags(node + 1, source.end[node]) == [TEXT] else ""
    return raw if _COMMAND.search(raw) else mathml_to_tex(source, node)


def _is_spoken(text: str) -> bool:
    """Whether a text says a formula in words."""
    return " " in text and not TEX_SIGN.search(text) and _WORDS.search(text) is not None


def _from_rendered(  # noqa: PLR0911, PLR0912
    source: Source, node: int, classes: set[str], attributes: dict[str, str], display: bool
) -> Placed | None:
    if "MathJax_Preview" in classes:
        text = source.text(node).strip()
        if not text or _has_source_beside(source, node):
            return ("", False)
        return placed(text, display) if TEX_SIGN.search(text) else None
    annotation = _annotation(source, node)
    if annotation:
        return placed(annotation, display)
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
            written = _from_script(source, inner, found)
            if written:
                return written
        for key in _TEX_ATTRIBUTES:
            if found.get(key, "").strip():
                return placed(found[key], display)
        if name == "math" and math < 0:
            math = inner
            display = display or found.get("display") == "block"
        if name == "img" and image < 0:
            image = inner
    if math >= 0:
        tex = _from_math(source, math)
        if tex:
            return placed(tex, display)
    if attributes.get("data-mathml"):
        tex, block = _from_markup(source, attributes["data-mathml"])
        if tex:
            return placed(tex, display or block)
    if image >= 0:
        tex, block = image_tex(source.attributes(image))
        if tex:
            return placed(tex, display or block)
    if _KATEX & classes:
        tex = katex_to_tex(source, node)
        if tex:
            return placed(tex, display)
    if source.name(node) == "mjx-container":
        text = source.text(node).strip()
        if TEX_SIGN.search(text) and TAGS["mjx-math"] not in source.tags(node, source.end[node]):
            return placed(text, display)
        tex = mathml_to_tex(source, node)
        if tex:
            return placed(tex, display)
        return (_spoken(source, node), False)
    label = attributes.get("aria-label", "").strip()
    if label and not source.text(node).strip():
        return (label, False)
    return None


def _spoken(source: Source, node: int) -> str:
    """What an element or the first inside of it that says something is to readers aloud."""
    for inner in range(node, source.end[node]):
        attributes = source.attributes(inner)
        for key in _SPOKEN:
            if attributes.get(key, "").strip():
                return attributes[key].strip()
    return ""


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
            elif RENDERED.isdisjoint(source.classes(following)):
                return False
            following = max(source.end[following], following + 1)
        if parent <= 0 or RENDERED.isdisjoint(source.classes(parent)):
            return False
        node, parent = parent, source.parent[parent]
    return False


def _is_in_math(source: Source, node: int) -> bool:
    """Whether one of the two elements around a node is of the class `math`."""
    above = source.parent[node]
    return above > 0 and any(
        "math" in source.classes(one) for one in (above, max(source.parent[above], 0))
    )


def _is_display(source: Source, node: int) -> bool:  # noqa: PLR0911
    """Whether a formula stands by itself, as it or what renders it says."""
    if source.name(node) == "div" or source.name(node) in _BLOCKS:
        return True
    for level in range(MAX_ANCESTORS):
        attributes = source.attributes(node)
        name = source.name(node)
        if attributes.get("display") in ("block", "true") or name in _BLOCKS:
            return True
        if name[0] == "#" and _says_display(attributes):
            return True
        if "data-math-style" in attributes:
            return attributes["data-math-style"] == "display"
        classes = attributes.get("class", "")
        if classes and ("display" in classes.lower() or _BLOCK_CLASS.search(classes)):
            return "inline" not in classes
        if attributes.get("mode") == "display":
            return True
        node = source.parent[node]
        if node <= 0 or (
            source.name(node) not in _TRANSPARENT
            and not (level < 2 and _is_formula_class(source.classes(node)))
        ):
            return False
        if name == "p":
            return False
    return False


def _says_display(attributes: dict[str, str]) -> bool:
    """Whether an element that is called mathematics says that it stands by itself."""
    if any(attributes.get(key) in ("", "true") for key in _SAYING):
        return True
    return any(_DISPLAY_OPTION.search(attributes.get(key, "")) for key in _OPTIONS)


def _is_formula_class(classes: list[str]) -> bool:
    return any(
        c.startswith(("katex", "MathJax", "mwe-math", "MJX", "mjx")) or c in ("math", "display")
        for c in classes
    )
