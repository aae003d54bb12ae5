"""Lexers by language."""

from pygments.lexers import get_lexer_by_name

from pipeline.inspection.lexers import LEXERS, lexer_name
from stages.language.names import name_tables, read_table


def test_every_row_of_the_table() -> None:
    """A supported language, in order and once, and a lexer that Pygments has."""
    rows = read_table(LEXERS)
    names = [row["language"] for row in rows]
    assert names == sorted(set(names))
    assert set(names) <= name_tables().supported
    for row in rows:
        assert get_lexer_by_name(row["lexer"])
        assert lexer_name(row["language"]) == row["lexer"]


def test_most_languages_have_a_lexer() -> None:
    """Their own, or that of the language they mostly are."""
    without = [name for name in name_tables().supported if lexer_name(name) is None]
    assert len(without) < 50
    for name in ("Python", "C++", "F#", "Common Lisp", "Markdown", "YAML", "Emacs Lisp"):
        assert lexer_name(name) is not None, name
    assert lexer_name("Metal") == "cpp"
    assert lexer_name(None) is None
