"""Presentation MathML as TeX: what pages show that give no TeX of their own.

Elements of any prefix, and the elements that MathJax renders them as (`mjx-mfrac`), are read alike.
"""

import re

from stages.web.markdown.source import Source
from stages.web.markdown.tex.mathml_operators import ACCENTS, LIMITS, UNDER_ACCENTS
from stages.web.markdown.tex.mathml_rows import (
    arguments_tex,
    convert,
    elements_of,
    fenced,
    group,
    join,
    operator_text,
    row_tex,
    writes,
)

MAX_NODES = 20_000
"""Of one formula; a larger one is written as its text, like all of a page that has too many."""


def mathml_to_tex(source: Source, node: int) -> str:
    """The TeX of a formula's element, without delimiters."""
    if source.end[node] - node <= MAX_NODES and not source.is_exhausted:
        tex = row_tex(source, node, 0).strip()
        if not source.is_exhausted:
            return tex
    return " ".join(source.text(node).split())


@writes("mfrac")
def _fraction(source: Source, node: int, depth: int) -> str:
    if source.name(node) == "mjx-mfrac":
        over = _named(source, node, "mjx-num", depth)
        under = _named(source, node, "mjx-den", depth)
        return rf"\frac{{{over}}}{{{under}}}"
    over, under, *_ = arguments_tex(source, node, depth, 2)
    attributes = source.attributes(node)
    if re.fullmatch(r"0(?:\.0*)?\s*[a-z]*", attributes.get("linethickness", "1")):
        return rf"{{{over} \atop {under}}}"
    if attributes.get("bevelled") == "true":
        return f"{group(over)}/{group(under)}"
    return rf"\frac{{{over}}}{{{under}}}"


def _named(source: Source, node: int, name: str, depth: int) -> str:
    """The first element of a name below a node."""
    for inner in range(node + 1, source.end[node]):
        if source.name(inner) == name:
            return row_tex(source, inner, depth + 1).strip()
    return ""


@writes("msqrt", "mroot")
def _root(source: Source, node: int, depth: int) -> str:
    name = source.name(node)
    if name in ("mjx-msqrt", "mjx-mroot"):
        content, index = (
            _named(source, node, "mjx-box", depth),
            _named(source, node, "mjx-root", depth),
        )
        return rf"\sqrt[{index}]{{{content}}}" if index else rf"\sqrt{{{content}}}"
    if name == "msqrt":
        return rf"\sqrt{{{row_tex(source, node, depth).strip()}}}"
    content, index, *_ = arguments_tex(source, node, depth, 2)
    return rf"\sqrt[{index}]{{{content}}}"


@writes("msup", "msub", "msubsup")
def _scripts(source: Source, node: int, depth: int) -> str:
    name = source.name(node)
    children = elements_of(source, node)
    if not children:
        return ""
    if name.startswith("mjx-") and len(children) == 2 and name == "mjx-msubsup":
        scripts = elements_of(source, children[1])
        scripts = [s for s in scripts if source.name(s) != "#unknown"] or scripts
        children = [children[0], *reversed(scripts)] if len(scripts) > 1 else children
    base, *rest = [convert(source, child, depth + 1).strip() for child in children]
    base = base if base in LIMITS else group(base) if base else "{}"
    if name.endswith("msubsup"):
        below, above = [*rest, "", ""][:2]
    elif name.endswith("msub"):
        below, above = [*rest, ""][0], ""
    else:
        below, above = "", [*rest, ""][0]
    return _with_scripts(base, below, above)


def _with_scripts(base: str, below: str, above: str) -> str:
    out = base
    if below:
        out += f"_{{{below}}}"
    if above and not above.strip("'"):
        out += above
    elif above:
        out += f"^{{{above}}}"
    return out


@writes("munder", "mover", "munderover")
def _limits(source: Source, node: int, depth: int) -> str:
    name = source.name(node)
    if name.startswith("mjx-"):
        base = _named(source, node, "mjx-base", depth) or _named(source, node, "mjx-op", depth)
        below = _named(source, node, "mjx-under", depth)
        above = _named(source, node, "mjx-over", depth)
        marks = ("", "")
    else:
        children = elements_of(source, node)
        if not children:
            return ""
        parts = [convert(source, child, depth + 1).strip() for child in children]
        said = [
            (operator_text(source, c) or source.text(c).strip()) if source.tag[c] else ""
            for c in children
        ]
        base, *rest = parts
        if name == "munder":
            below, above, marks = [*rest, ""][0], "", ([*said, ""][1], "")
        elif name == "mover":
            below, above, marks = "", [*rest, ""][0], ("", [*said, ""][1])
        else:
            below, above = [*rest, "", ""][:2]
            marks = ("", "")
    if above and marks[1] in ACCENTS:
        return rf"\{ACCENTS[marks[1]]}{{{base}}}"
    if below and marks[0] in UNDER_ACCENTS:
        return rf"\{UNDER_ACCENTS[marks[0]]}{{{base}}}"
    if base in LIMITS or base.startswith((r"\overbrace", r"\underbrace", r"\operatorname")):
        return _with_scripts(base, below, above)
    out = rf"\overset{{{above}}}{{{base}}}" if above else base
    return rf"\underset{{{below}}}{{{out}}}" if below else out


@writes("mmultiscripts")
def _many_scripts(source: Source, node: int, depth: int) -> str:
    base, *rest = elements_of(source, node) or [node]
    if base == node:
        return ""
    names = [source.name(child) for child in rest]
    cut = names.index("mprescripts") if "mprescripts" in names else len(rest)
    written = [
        "" if source.name(c) == "none" else convert(source, c, depth + 1).strip() for c in rest
    ]
    after, before = written[:cut], written[cut + 1 :]
    out = "".join(_with_scripts("{}", *[*pair, ""][:2]) for pair in _pairs(before))
    out += group(convert(source, base, depth + 1).strip())
    for number, pair in enumerate(_pairs(after)):
        out += _with_scripts("" if number == 0 else "{}", *[*pair, ""][:2])
    return out


def _pairs(parts: list[str]) -> list[list[str]]:
    return [parts[i : i + 2] for i in range(0, len(parts), 2)]


@writes("mtable")
def _table(source: Source, node: int, depth: int) -> str:
    rows, environment = [], "matrix"
    align = source.attributes(node).get("columnalign", "")
    if align.startswith("right left"):
        environment = "aligned"
    stack = [iter(source.children(node))]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            continue
        name = source.name(child)
        if name in ("mtr", "mlabeledtr", "mjx-mtr"):
            cells = [c for c in source.children(child) if source.name(c) in ("mtd", "mjx-mtd")]
            cells = cells[1:] if name == "mlabeledtr" else cells
            rows.append(" & ".join(row_tex(source, cell, depth + 1).strip() for cell in cells))
        elif source.tag[child] and len(stack) < 6:
            stack.append(iter(source.children(child)))
    return rf"\begin{{{environment}}} " + r" \\ ".join(rows) + rf" \end{{{environment}}}"


@writes("mfenced")
def _fences(source: Source, node: int, depth: int) -> str:
    attributes = source.attributes(node)
    opener, closer = attributes.get("open", "(").strip(), attributes.get("close", ")").strip()
    separators = "".join(attributes.get("separators", ",").split())
    parts: list[str] = []
    for number, part in enumerate(arguments_tex(source, node, depth, 0)):
        if number and separators:
            parts.append(separators[min(number - 1, len(separators) - 1)] + " ")
        parts.append(part)
    return fenced(opener, parts, closer) if opener or closer else join(parts)


@writes("menclose")
def _enclosure(source: Source, node: int, depth: int) -> str:
    content = row_tex(source, node, depth).strip()
    notation = source.attributes(node).get("notation", "longdiv").split()
    for said, command in (
        ("box", "boxed"), ("roundedbox", "boxed"), ("circle", "boxed"), ("radical", "sqrt"),
        ("updiagonalstrike", "cancel"), ("downdiagonalstrike", "bcancel"),
        ("horizontalstrike", "cancel"), ("top", "overline"), ("bottom", "underline"),
    ):  # fmt: skip
        if said in notation:
            return rf"\{command}{{{content}}}"
    return content


@writes("semantics")
def _first(source: Source, node: int, depth: int) -> str:
    for child in elements_of(source, node):
        return convert(source, child, depth + 1)
    return ""


@writes("mphantom")
def _phantom(source: Source, node: int, depth: int) -> str:
    return rf"\phantom{{{row_tex(source, node, depth).strip()}}}"
