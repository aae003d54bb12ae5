"""Presentation MathML as TeX: what pages show that give no TeX of their own.

Elements of any prefix, and the elements that MathJax renders them as (`mjx-mfrac`), are read alike.
Nesting is followed to a depth of 64; what is deeper is written as its text.
"""

import re
import unicodedata
from collections.abc import Callable

from stages.web.markdown.mathml_operators import (
    ACCENTS,
    ALPHABETS,
    CLOSERS,
    FUNCTIONS,
    INVISIBLE,
    LIMITS,
    MATRICES,
    OPENERS,
    TEX,
    UNDER_ACCENTS,
    VARIANTS,
)
from stages.web.markdown.source import Source

MAX_DEPTH = 64
MAX_NODES = 20_000
"""Of one formula; a larger one is written as its text."""

_ENDS_IN_WORD = re.compile(r"\\[A-Za-z]+$")
_ONE_TOKEN = re.compile(r"\\?[A-Za-z]+$|.$|[0-9]+$|\\math[a-z]+\{[^{}]*\}$", re.S)
_TALL = re.compile(r"\\(?:frac|begin|sum|prod|int|sqrt|binom|over|under)")
_SPECIAL = re.compile(r"[#%&_{}$~^\\]")
_GLYPH = re.compile(r"^mjx-c([0-9A-F]{2,5})$")
_TRANSPARENT_WORDS = (
    "math mrow mstyle mpadded merror maction mjx-math mjx-mrow mjx-texatom mjx-row mjx-box "
    "mjx-base mjx-container mjx-assistive-mml mjx-num mjx-den mjx-over mjx-under mjx-op "
    "mjx-script #unknown span"
)
_TRANSPARENT = frozenset(_TRANSPARENT_WORDS.split())
_SKIPPED_WORDS = (
    "annotation annotation-xml mprescripts none mjx-speech mjx-assistive-mml script style"
)
_SKIPPED = frozenset(_SKIPPED_WORDS.split())


def mathml_to_tex(source: Source, node: int) -> str:
    """The TeX of a formula's element, without delimiters."""
    if source.end[node] - node > MAX_NODES:
        return " ".join(source.text(node).split())
    return _row(source, node, 0).strip()


def _convert(source: Source, node: int, depth: int) -> str:
    if not source.tag[node]:
        return _characters(source.text(node).translate(INVISIBLE).strip())
    name = source.name(node)
    if name in _SKIPPED:
        return ""
    if depth > MAX_DEPTH:
        return _characters(" ".join(source.text(node).split()))
    name = name.removeprefix("mjx-") if name not in _TRANSPARENT else name
    if name in _TRANSPARENT:
        return _row(source, node, depth)
    writer = _WRITERS.get(name)
    return writer(source, node, depth) if writer else _row(source, node, depth)


def join(parts: list[str]) -> str:
    """TeX side by side, with a blank where a command's name would grow."""
    out: list[str] = []
    for part in parts:
        if not part:
            continue
        if out and part[0].isalpha() and _ENDS_IN_WORD.search(out[-1]):
            out.append(" ")
        out.append(part)
    return "".join(out)


def group(tex: str) -> str:
    """TeX as one argument of a script."""
    return tex if _ONE_TOKEN.fullmatch(tex) and len(tex) > 0 else f"{{{tex}}}"


def _elements(source: Source, node: int) -> list[int]:
    """The arguments of an element: its children that are elements (text only where there is
    more than blanks)."""
    return [
        child for child in source.children(node) if source.tag[child] or source.text(child).strip()
    ]


def _operator(source: Source, node: int) -> str | None:
    """What an operator's element says, None for anything else; wrappers of one are looked into."""
    for _ in range(4):
        name = source.name(node)
        if name in ("mo", "mjx-mo"):
            return _token(source, node)
        if name not in ("mrow", "mstyle", "mjx-texatom", "mjx-mrow"):
            return None
        inner = _elements(source, node)
        if len(inner) != 1:
            return None
        node = inner[0]
    return None


def _row(source: Source, node: int, depth: int) -> str:
    children = _elements(source, node)
    operators = [_operator(source, child) if source.tag[child] else None for child in children]
    parts: list[str] = []
    opened: list[tuple[int, str]] = []
    for index, (child, operator) in enumerate(zip(children, operators, strict=True)):
        if operator is None:
            parts.append(_convert(source, child, depth + 1))
            continue
        if operator in OPENERS and operator and (operator not in CLOSERS or index == 0):
            opened.append((len(parts), operator))
            parts.append(_operator_tex(operator))
        elif operator in CLOSERS and operator and opened:
            start, opener = opened.pop()
            inside = parts[start + 1 :]
            parts[start:] = [_fenced(opener, inside, operator)]
        else:
            unary = not parts or operators[index - 1] in _BEFORE_UNARY
            parts.append(_operator_tex(operator).strip() if unary else _operator_tex(operator))
    if len(opened) == 1 and opened[0][1] == "{":  # a brace alone before cases
        start = opened[0][0]
        if len(parts) == start + 2 and parts[-1].startswith(r"\begin{matrix}"):
            parts[start:] = [_fenced("{", parts[start + 1 :], "")]
    return join(parts)


def _fenced(opener: str, inside: list[str], closer: str) -> str:
    content = join(inside)
    matrix = MATRICES.get((opener, closer))
    if matrix and content.startswith(r"\begin{matrix}") and content.endswith(r"\end{matrix}"):
        body = content.removeprefix(r"\begin{matrix}").removesuffix(r"\end{matrix}")
        if r"\begin{matrix}" not in body:
            return rf"\begin{{{matrix}}}{body}\end{{{matrix}}}"
    left, right = OPENERS.get(opener, opener), CLOSERS.get(closer, closer)
    if _TALL.search(content) or not (opener and closer):
        return join(
            [rf"\left{left}", " " if content[:1].isalpha() else "", content, rf"\right{right}"]
        )
    return join([left, content, right])


def _operator_tex(operator: str) -> str:
    if operator in FUNCTIONS:
        return "\\" + operator
    if len(operator) > 1 and operator.isalpha() and operator.isascii():
        return rf"\operatorname{{{operator}}}"
    tex = _characters(operator)
    return f" {tex} " if operator in ("=", "<", ">") or tex in _SPACED else tex


_BEFORE_UNARY = frozenset("([{=<>,;|≤≥≈→")
_SPACED = frozenset(TEX[c] for c in "≤≥≠≡≈∼∈∉⊂⊆→⇒⇔↦") | {"−", "+"}


def _characters(text: str) -> str:
    """Characters as TeX; those without a name stay."""
    return join([_character(c) for c in text]) if text else ""


def _character(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    found = TEX.get(character)
    if found:
        return found
    if "\U0001d400" <= character <= "\U0001d7ff":
        plain = unicodedata.normalize("NFKC", character)
        name = unicodedata.name(character, "")
        for word, command in ALPHABETS:
            if word in name:
                return rf"\{command}{{{TEX.get(plain, plain)}}}"
        return TEX.get(plain, plain)
    return " " if character.isspace() else character


def _token(source: Source, node: int) -> str:
    """The text of a token, also of MathJax's, whose characters are classes (`mjx-c1D465`)."""
    text = source.text(node).translate(INVISIBLE)
    if text.strip() or not source.name(node).startswith("mjx"):
        return " ".join(text.split())
    found = []
    for inner in range(node + 1, source.end[node]):
        if source.name(inner) == "mjx-c":
            for name in source.classes(inner):
                glyph = _GLYPH.match(name)
                if glyph:
                    found.append(chr(int(glyph[1], 16)))
    return "".join(found).translate(INVISIBLE).strip()


def _identifier(source: Source, node: int, depth: int) -> str:
    text = _token(source, node)
    if not text:
        return (
            _row(source, node, depth)
            if len(_elements(source, node))
            and depth < MAX_DEPTH
            and (not source.name(node).startswith("mjx"))
            else ""
        )
    variant = source.attributes(node).get("mathvariant", "")
    if text in FUNCTIONS:
        return "\\" + text
    tex = _characters(text)
    if variant == "normal" and not (len(text) > 1 or (text.isascii() and text.isalpha())):
        return tex
    if variant in VARIANTS:
        return rf"\{VARIANTS[variant]}{{{tex}}}"
    if len(text) > 1 and text.isalpha() and text.isascii() and variant != "italic":
        return rf"\mathrm{{{tex}}}"
    return tex


def _number(source: Source, node: int, _: int) -> str:
    text = _token(source, node)
    variant = source.attributes(node).get("mathvariant", "")
    tex = _characters(text)
    return rf"\{VARIANTS[variant]}{{{tex}}}" if variant in VARIANTS and variant != "normal" else tex


def _operator_element(source: Source, node: int, _: int) -> str:
    return _operator_tex(_token(source, node))


def _text(source: Source, node: int, depth: int) -> str:
    if any(source.name(i) == "math" for i in range(node + 1, source.end[node])):
        return _row(source, node, depth)
    text = source.text(node).translate(INVISIBLE).replace("\u00a0", " ") or _token(source, node)
    if not text:
        return ""
    if text.isspace():
        return r"\ "
    text = re.sub(r"\s+", " ", text)
    return (
        r"\text{" + _SPECIAL.sub(lambda m: "\\" + m[0] if m[0] not in "^~\\" else m[0], text) + "}"
    )


def _space(source: Source, node: int, _: int) -> str:
    attributes = source.attributes(node)
    if attributes.get("linebreak") == "newline":
        return r"\\ "
    width = re.match(r"([0-9.]+)\s*em", attributes.get("width", ""))
    ems = float(width[1]) if width and width[1].count(".") < 2 and width[1] != "." else 0.0
    return r"\quad " if ems >= 0.9 else r"\;" if ems >= 0.25 else r"\," if ems > 0.1 else ""


def _arguments(source: Source, node: int, depth: int, n: int) -> list[str]:
    found = [_convert(source, child, depth + 1).strip() for child in _elements(source, node)]
    return (found + [""] * n)[: max(n, len(found))]


def _fraction(source: Source, node: int, depth: int) -> str:
    if source.name(node) == "mjx-mfrac":
        over = _named(source, node, "mjx-num", depth)
        under = _named(source, node, "mjx-den", depth)
        return rf"\frac{{{over}}}{{{under}}}"
    over, under, *_ = _arguments(source, node, depth, 2)
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
            return _row(source, inner, depth + 1).strip()
    return ""


def _root(source: Source, node: int, depth: int) -> str:
    name = source.name(node)
    if name in ("mjx-msqrt", "mjx-mroot"):
        content, index = (
            _named(source, node, "mjx-box", depth),
            _named(source, node, "mjx-root", depth),
        )
        return rf"\sqrt[{index}]{{{content}}}" if index else rf"\sqrt{{{content}}}"
    if name == "msqrt":
        return rf"\sqrt{{{_row(source, node, depth).strip()}}}"
    content, index, *_ = _arguments(source, node, depth, 2)
    return rf"\sqrt[{index}]{{{content}}}"


def _scripts(source: Source, node: int, depth: int) -> str:
    name = source.name(node)
    children = _elements(source, node)
    if not children:
        return ""
    if name.startswith("mjx-") and len(children) == 2 and name == "mjx-msubsup":
        scripts = _elements(source, children[1])
        scripts = [s for s in scripts if source.name(s) != "#unknown"] or scripts
        children = [children[0], *reversed(scripts)] if len(scripts) > 1 else children
    base, *rest = [_convert(source, child, depth + 1).strip() for child in children]
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


def _limits(source: Source, node: int, depth: int) -> str:
    name = source.name(node)
    if name.startswith("mjx-"):
        base = _named(source, node, "mjx-base", depth) or _named(source, node, "mjx-op", depth)
        below = _named(source, node, "mjx-under", depth)
        above = _named(source, node, "mjx-over", depth)
        marks = ("", "")
    else:
        children = _elements(source, node)
        if not children:
            return ""
        parts = [_convert(source, child, depth + 1).strip() for child in children]
        said = [
            (_operator(source, c) or source.text(c).strip()) if source.tag[c] else ""
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


def _many_scripts(source: Source, node: int, depth: int) -> str:
    base, *rest = _elements(source, node) or [node]
    if base == node:
        return ""
    names = [source.name(child) for child in rest]
    cut = names.index("mprescripts") if "mprescripts" in names else len(rest)
    written = [
        "" if source.name(c) == "none" else _convert(source, c, depth + 1).strip() for c in rest
    ]
    after, before = written[:cut], written[cut + 1 :]
    out = "".join(_with_scripts("{}", *[*pair, ""][:2]) for pair in _pairs(before))
    out += group(_convert(source, base, depth + 1).strip())
    for number, pair in enumerate(_pairs(after)):
        out += _with_scripts("" if number == 0 else "{}", *[*pair, ""][:2])
    return out


def _pairs(parts: list[str]) -> list[list[str]]:
    return [parts[i : i + 2] for i in range(0, len(parts), 2)]


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
            rows.append(" & ".join(_row(source, cell, depth + 1).strip() for cell in cells))
        elif source.tag[child] and len(stack) < 6:
            stack.append(iter(source.children(child)))
    return rf"\begin{{{environment}}} " + r" \\ ".join(rows) + rf" \end{{{environment}}}"


def _fences(source: Source, node: int, depth: int) -> str:
    attributes = source.attributes(node)
    opener, closer = attributes.get("open", "(").strip(), attributes.get("close", ")").strip()
    separators = "".join(attributes.get("separators", ",").split())
    parts: list[str] = []
    for number, part in enumerate(_arguments(source, node, depth, 0)):
        if number and separators:
            parts.append(separators[min(number - 1, len(separators) - 1)] + " ")
        parts.append(part)
    return _fenced(opener, parts, closer) if opener or closer else join(parts)


def _enclosure(source: Source, node: int, depth: int) -> str:
    content = _row(source, node, depth).strip()
    notation = source.attributes(node).get("notation", "longdiv").split()
    for said, command in (
        ("box", "boxed"), ("roundedbox", "boxed"), ("circle", "boxed"), ("radical", "sqrt"),
        ("updiagonalstrike", "cancel"), ("downdiagonalstrike", "bcancel"),
        ("horizontalstrike", "cancel"), ("top", "overline"), ("bottom", "underline"),
    ):  # fmt: skip
        if said in notation:
            return rf"\{command}{{{content}}}"
    return content


def _first(source: Source, node: int, depth: int) -> str:
    for child in _elements(source, node):
        return _convert(source, child, depth + 1)
    return ""


def _phantom(source: Source, node: int, depth: int) -> str:
    return rf"\phantom{{{_row(source, node, depth).strip()}}}"


_WRITERS: dict[str, Callable[[Source, int, int], str]] = {
    "mi": _identifier, "mn": _number, "mo": _operator_element, "mtext": _text, "ms": _text,
    "utext": _text, "mspace": _space, "mfrac": _fraction, "msqrt": _root, "mroot": _root,
    "msup": _scripts, "msub": _scripts, "msubsup": _scripts, "munder": _limits, "mover": _limits,
    "munderover": _limits, "mmultiscripts": _many_scripts, "mtable": _table, "mfenced": _fences,
    "menclose": _enclosure, "semantics": _first, "mphantom": _phantom,
}  # fmt: skip
