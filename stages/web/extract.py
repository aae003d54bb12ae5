"""HTML to text: the main content, with code to the letter and formulas as LaTeX.

The page's markup is made harmless (`tame`) and parsed with lexbor, code and formulas are taken out
(`markup`), resiliparse finds the main content of the rest, and they are put back. Where it finds
next to nothing although the page has paragraphs, everything outside navigation is taken instead.

On the development gold: 97.9 % of formulas and 98.0 % of code blocks kept, text F1 0.861. About
250 pages of 135 kB a second and core, of which resiliparse takes a third.
"""

import re
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from selectolax.lexbor import LexborHTMLParser

from stages.web.formulas import count_formulas
from stages.web.markup import CLOSE, OPEN, take_out
from stages.web.natural_language import natural_language
from stages.web.tame import tame

_MARKERS = re.compile(f"{OPEN}[0-9]+{CLOSE}")
_BLANKS = re.compile(r"\s+")


MAX_TITLE_CHARACTERS = 1000

SLIVER_CHARACTERS = 250
"""Main content below this is doubted …"""
MIN_PARAGRAPHS_CHARACTERS = 300
"""… if the page's paragraphs have more than this, a paragraph being a line of …"""
PARAGRAPH_BYTES = 90
"""… 90 bytes: so many Latin letters, 30 ideographs."""

_NAVIGATION = ["nav", "header", "footer", "aside", "form", "[role=navigation]", "[role=banner]"]


@dataclass(frozen=True)
class Extracted:
    """What a page says."""

    text: str
    title: str | None
    n_code_blocks: int
    n_formulas: int
    natural_language: str | None


def extract(html: str, url: str | None = None) -> Extracted:
    """The main content of a decoded page. `url` is part of the interface for extractors that know
    sites; this one treats all alike."""
    page = tame(html)
    tree = LexborHTMLParser(page)
    title, declared = _title(tree), _declared_language(tree)
    kept = take_out(tree, page)
    marked = _flatten(tree.html or "")
    text = kept.restore(marked)
    prose = _MARKERS.sub(" ", marked)
    return Extracted(
        text,
        title,
        kept.n_code_blocks,
        kept.n_formulas + count_formulas(prose),
        natural_language(prose, declared),
    )


def _flatten(html: str) -> str:
    """The main content as plain text, markers included."""
    main: str = extract_plain_text(html, main_content=True, alt_texts=False)
    if len(main) >= SLIVER_CHARACTERS:
        return main
    whole = extract_plain_text(
        html, main_content=False, alt_texts=False, noscript=True, skip_elements=_NAVIGATION
    )
    lines = (line for line in whole.split("\n") if len(line.encode()) >= PARAGRAPH_BYTES)
    paragraphs = sum(map(len, lines))
    if not main.strip():
        return str(whole)
    return whole if paragraphs > max(MIN_PARAGRAPHS_CHARACTERS, 2 * len(main)) else main


def _title(tree: LexborHTMLParser) -> str | None:
    node = tree.css_first("head > title") or tree.css_first("title")
    title = _BLANKS.sub(" ", node.text()).strip() if node is not None else ""
    return title[:MAX_TITLE_CHARACTERS] or None


def _declared_language(tree: LexborHTMLParser) -> str | None:
    root = tree.css_first("html")
    if root is None:
        return None
    attributes = root.attributes
    return attributes.get("lang") or attributes.get("xml:lang")
