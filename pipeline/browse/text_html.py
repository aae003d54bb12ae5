"""A document's text as HTML that a browser can take: cut, escaped, in colours, formulas drawn.

Documents are anything a crawl brings, so what is shown is bounded: `SIZES` characters, lines of
`MAX_LINE`, colours as far as `SECONDS` of a lexer carry. Pages and discussions are Markdown: code
between fences is coloured by its language, the rest is text with its formulas.
"""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from pipeline.browse.formulas import with_formulas
from pipeline.inspection.lexers import lexer_name
from pipeline.local_page.rendering import visible

SIZES = (10_000, 100_000, 1_000_000)
"""Characters that are shown, and after each "show more"."""
MAX_LINE = 2_000
MAX_COLOURED = 100_000
"""Characters that are coloured or searched for formulas."""
SECONDS = 1.0
MARKDOWN = "Markdown"
STYLES = ("friendly", "native")
"""Colours on light and on dark ground."""

_FENCE = re.compile(
    r"^(`{3,}|~{3,})[ \t]*([\w+#.-]{0,40})[^\n]*\n([\s\S]*?)^\1[`~]*[ \t]*$", re.MULTILINE
)
_HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)
_FORMATTER = HtmlFormatter(nowrap=True)

Tokens = Iterable[tuple[object, str]]


@dataclass(frozen=True)
class Shown:
    """The beginning of a text, and how much there is."""

    html: Markup
    n_shown: int
    n_characters: int
    n_cut_lines: int
    """Lines that are longer than is shown."""

    @property
    def n_more(self) -> int:
        return self.n_characters - self.n_shown


def show_text(text: str, language: str | None, size: int, *, plain: bool = False) -> Shown:
    """The text to the `size`-th of `SIZES`; `plain` as it is written."""
    beginning = text[: SIZES[min(size, len(SIZES) - 1)]]
    lines = beginning.replace("\r\n", "\n").split("\n")
    long = [len(line) > MAX_LINE for line in lines]
    cut = "\n".join(
        f"{line[:MAX_LINE]} … {len(line) - MAX_LINE:,} more characters" if is_long else line
        for line, is_long in zip(lines, long, strict=True)
    )
    body = visible(cut)
    if plain:
        html = escape(body)
    elif language == MARKDOWN:
        html = Markup("").join(_markdown(body))
    else:
        html = _coloured(body, lexer_name(language))
    return Shown(html, len(beginning), len(text), sum(long))


def code_css() -> str:
    """The style sheet of coloured code."""
    light, dark = (HtmlFormatter(style=name).get_style_defs("pre") for name in STYLES)
    return f"{_colours(light)}\n@media (prefers-color-scheme: dark) {{\n{_colours(dark)}\n}}\n"


def _colours(css: str) -> str:
    """The rules of tokens alone: ground and ink are the page's."""
    rules = (line for line in css.splitlines() if line.startswith("pre ."))
    return "\n".join(
        re.sub(r"(?<![\w-])background-color:[^;}]*;?|border:[^;}]*;?", "", rule) for rule in rules
    )


def _markdown(text: str) -> Iterator[Markup]:
    rest, place = text[:MAX_COLOURED], 0
    for match in _FENCE.finditer(rest):
        yield from _prose(text[place : match.start()])
        place = match.end()
        lexer = lexer_name(match[2].capitalize()) or lexer_name(match[2])
        opening, closing = match[0].partition("\n")[0], match[0].rpartition("\n")[2]
        yield Markup('<span class="fence">{}</span>\n').format(opening)
        yield _coloured(match[3], lexer)
        yield Markup('<span class="fence">{}</span>').format(closing)
    yield from _prose(rest[place:])
    yield escape(text[MAX_COLOURED:])


def _prose(text: str) -> Iterator[Markup]:
    for piece, drawn in with_formulas(text):
        if drawn is not None:
            yield drawn
            continue
        place = 0
        for match in _HEADING.finditer(piece):
            yield escape(piece[place : match.start()])
            yield Markup('<span class="heading">{}</span>').format(match[0])
            place = match.end()
        yield escape(piece[place:])


def _coloured(text: str, lexer: str | None) -> Markup:
    try:
        found = get_lexer_by_name(lexer, stripnl=False, ensurenl=False) if lexer else None
    except ClassNotFound:
        found = None
    if found is None:
        return escape(text)
    out: list[str] = []

    class _Out:
        def write(self, piece: str) -> None:
            out.append(piece)

    _FORMATTER.format(_within(found.get_tokens(text[:MAX_COLOURED]), text), _Out())
    return Markup("".join(out))


def _within(tokens: Tokens, text: str) -> Iterator[tuple[object, str]]:
    """The tokens until the time is up, then the rest of the text in no colour."""
    from pygments.token import Text  # noqa: PLC0415 - a namespace that makes its names

    until, place = time.monotonic() + SECONDS, 0
    for kind, value in tokens:
        yield kind, value
        place += len(value)
        if time.monotonic() > until:
            break
    yield Text, text[place:]
