"""Long descriptions in Markdown to HTML; raw HTML in them is left out."""

from functools import cache
from typing import Any

from markdown_it import MarkdownIt

from demo.blocks import coloured_code, preformatted

MAX_MARKDOWN = 200_000
"""Characters: a longer text goes into a `<pre>`."""


def markdown_html(text: str) -> str:
    """The HTML body of a Markdown document; raw HTML in it is left out."""
    if len(text) > MAX_MARKDOWN:
        return preformatted(text)
    rendered: str = _markdown().render(text)
    return rendered


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"highlight": _highlighted}).enable("table")
    for rule in ("html_block", "html_inline"):
        markdown.add_render_rule(rule, _no_html)
    return markdown


def _no_html(*_arguments: Any) -> str:
    return ""


def _highlighted(code: str, language: str, _attributes: str) -> str:
    return coloured_code(code, language.strip().lower() or "text")
