"""Rows and tokens of MathML as TeX: identifiers, numbers, operators, fences, text.

Nesting is followed to a depth of 64; what is deeper is written as its text.
"""

import re
import unicodedata
from collections.abc import Callable

from stages.web.markdown.source import Source
from stages.web.markdown.tex.mathml_operators import (
    ALPHABETS,
    CLOSERS,
    FUNCTIONS,
    INVISIBLE,
    MATRICES,
    OPENERS,
    TEX,
    VARIANTS,
)

MAX_DEPTH = 64

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


Writer = Callable[[Source, int, int], str]
WRITERS: dict[str, Writer] = {}
"""How elements with a structure of their own are written, by name: each writer says so itself."""


def writes(*names: str) -> Callable[[Writer], Writer]:
    """Make a function the writer of elements."""

    def register(writer: Writer) -> Writer:
        WRITERS.update(dict.fromkeys(names, writer))
        return writer

    return register


def convert(source: Source, node: int, depth: int) -> str:
    """The TeX of one node, by its name."""
    source.n_converted += 1
    if source.is_exhausted:
        return ""
    if not source.tag[node]:
        return _characters(source.text(node).translate(INVISIBLE).strip())
    name = source.name(node)
    if name in _SKIPPED:
        return ""
    if depth > MAX_DEPTH:
        return _characters(" ".join(source.text(node).split()))
    name = name.removeprefix("mjx-") if name not in _TRANSPARENT else name
    if name in _TRANSPARENT:
        return row_tex(source, node, depth)
    writer = WRITERS.get(name)
    return writer(source, node, depth) if writer else row_tex(source, node, depth)


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


def elements_of(source: Source, node: int) -> list[int]:
    """The arguments of an element: its children that are elements (text only where there is
    more than blanks)."""
    return [
        child for child in source.children(node) if source.tag[child] or source.text(child).strip()
    ]


def operator_text(source: Source, node: int) -> str | None:
    """What an operator's element says, None for anything else; wrappers of one are looked into."""
    for _ in range(4):
        name = source.name(node)
        if name in ("mo", "mjx-mo"):
            return token_text(source, node)
        if name not in ("mrow", "mstyle", "mjx-texatom", "mjx-mrow"):
            return None
        inner = elements_of(source, node)
        if len(inner) != 1:
            return None
        node = inner[0]
    return None


def row_tex(source: Source, node: int, depth: int) -> str:
    """Nodes side by side, with their fences."""
    children = elements_of(source, node)
    operators = [operator_text(source, child) if source.tag[child] else None for child in children]
    parts: list[str] = []
    opened: list[tuple[int, str]] = []
    for index, (child, operator) in enumerate(zip(children, operators, strict=True)):
        if operator is None:
            parts.append(convert(source, child, depth + 1))
            continue
        if operator in OPENERS and operator and (operator not in CLOSERS or index == 0):
            opened.append((len(parts), operator))
            parts.append(_operator_tex(operator))
        elif operator in CLOSERS and operator and opened:
            start, opener = opened.pop()
            inside = parts[start + 1 :]
            parts[start:] = [fenced(opener, inside, operator)]
        else:
            unary = not parts or operators[index - 1] in _BEFORE_UNARY
            parts.append(_operator_tex(operator).strip() if unary else _operator_tex(operator))
    if len(opened) == 1 and opened[0][1] == "{":  # a brace alone before cases
        start = opened[0][0]
        if len(parts) == start + 2 and parts[-1].startswith(r"\begin{matrix}"):
            parts[start:] = [fenced("{", parts[start + 1 :], "")]
    return join(parts)


def fenced(opener: str, inside: list[str], closer: str) -> str:
    """Content between fences, as a matrix where it is one."""
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


def token_text(source: Source, node: int) -> str:
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


@writes("mi")
def identifier_tex(source: Source, node: int, depth: int) -> str:
    """A name: a letter, a function, or a word."""
    text = token_text(source, node)
    if not text:
        return (
            row_tex(source, node, depth)
            if len(elements_of(source, node))
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


@writes("mn")
def number_tex(source: Source, node: int, _: int) -> str:
    """A number."""
    text = token_text(source, node)
    variant = source.attributes(node).get("mathvariant", "")
    tex = _characters(text)
    return rf"\{VARIANTS[variant]}{{{tex}}}" if variant in VARIANTS and variant != "normal" else tex


@writes("mo")
def operator_element_tex(source: Source, node: int, _: int) -> str:
    """An operator."""
    return _operator_tex(token_text(source, node))


@writes("mtext", "ms", "utext")
def text_tex(source: Source, node: int, depth: int) -> str:
    """Text in a formula."""
    if any(source.name(i) == "math" for i in range(node + 1, source.end[node])):
        return row_tex(source, node, depth)
    text = source.text(node).translate(INVISIBLE).replace("\u00a0", " ") or token_text(source, node)
    if not text:
        return ""
    if text.isspace():
        return r"\ "
    text = re.sub(r"\s+", " ", text)
    return (
        r"\text{" + _SPECIAL.sub(lambda m: "\\" + m[0] if m[0] not in "^~\\" else m[0], text) + "}"
    )


@writes("mspace")
def space_tex(source: Source, node: int, _: int) -> str:
    """A space worth writing."""
    attributes = source.attributes(node)
    if attributes.get("linebreak") == "newline":
        return r"\\ "
    width = re.match(r"([0-9.]+)\s*em", attributes.get("width", ""))
    ems = float(width[1]) if width and width[1].count(".") < 2 and width[1] != "." else 0.0
    return r"\quad " if ems >= 0.9 else r"\;" if ems >= 0.25 else r"\," if ems > 0.1 else ""


def arguments_tex(source: Source, node: int, depth: int, n: int) -> list[str]:
    """The TeX of an element's arguments, at least `n`."""
    found = [convert(source, child, depth + 1).strip() for child in elements_of(source, node)]
    return (found + [""] * n)[: max(n, len(found))]
