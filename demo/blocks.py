"""The blocks every page is made of: plain text and coloured code."""

import html
from functools import cache

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound


def preformatted(text: str) -> str:
    """Plain text as it stands."""
    return f"<pre>\n{html.escape(text, quote=False)}\n</pre>\n"


def code_html(code: str, language: str) -> str:
    """A code block as Sphinx writes it, coloured by Pygments."""
    coloured = highlight(code, _lexer(language), _formatter(bare=False))
    return f'<div class="highlight-{language} notranslate">{coloured}</div>\n'


def coloured_code(code: str, language: str) -> str:
    """The coloured spans of a piece of code alone."""
    spans: str = highlight(code, _lexer(language), _formatter(bare=True))
    return spans


@cache
def _lexer(language: str) -> Lexer:
    try:
        return get_lexer_by_name("python" if language == "default" else language)
    except ClassNotFound:
        return get_lexer_by_name("text")


@cache
def _formatter(bare: bool) -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=bare)
