"""HTML to text: the main content, with code to the letter and formulas as LaTeX.

The page becomes a flat tree (`tree`), the blocks of the main content are chosen (`content`), and
what is kept is written as Markdown (`markdown`). All three take time and memory linear in the
page, whatever it holds.
"""

from dataclasses import dataclass

from stages.kernels.languages.model import SHIPPED
from stages.web.code_languages import ALIASES, code_languages
from stages.web.content.choose import Flags, choose
from stages.web.content.metadata import declared_language, title
from stages.web.markdown.write import write
from stages.web.natural_language import natural_language
from stages.web.tree.build import Tree, build

LIBRARIES = ("resiliparse",)
"""Whose versions may change what is extracted."""
TABLES = ("content_forest.npz", "content_words.tsv", "short_text_words.tsv", ALIASES, SHIPPED)
"""Of `seeds/`: what chooses the main content, tells the language of little text, and names the
languages of code."""

MAX_TITLE_CHARACTERS = 1000


@dataclass(frozen=True)
class Extracted:
    """What a page says."""

    text: str
    title: str | None
    n_code_blocks: int
    n_formulas: int
    natural_language: str | None
    code_languages: tuple[str, ...] = ()


def extract(html: str, *, xml: bool = False) -> Extracted:
    """The main content of a decoded page. `xml`: it declares itself as XHTML, where `<x/>` ends
    any element."""
    return extract_utf8(html.encode("utf-8", "replace"), xml=xml)


def extract_utf8(page: bytes, *, xml: bool = False) -> Extracted:
    """The same of a page in UTF-8."""
    tree = build(page, xml=xml)
    return written_page(tree, choose(tree).keep)


def written_page(tree: Tree, keep: Flags) -> Extracted:
    """What the kept nodes of a page say (`keep`: bool[n_nodes])."""
    written = write(tree, keep)
    named = title(tree)
    return Extracted(
        written.text,
        named[:MAX_TITLE_CHARACTERS] if named else None,
        written.n_code_blocks,
        written.n_formulas,
        natural_language(written.prose, declared_language(tree)),
        code_languages(written.text) if written.n_code_blocks else (),
    )
