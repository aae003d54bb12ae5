"""Texts, formulas and comparisons as HTML: bounded, escaped, and right."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.lexers import PythonLexer

from pipeline.browse import text_html
from pipeline.browse.formulas import ATTRIBUTES, ELEMENTS, mathml, with_formulas
from pipeline.browse.side_by_side import compare
from pipeline.browse.text_html import MARKDOWN, SIZES, code_css, show_text

PIECES = [*"\\{}^_&$#<>\"'abx12 ", "\\frac", "\\href{a}{b}", "\\style{c}{d}", "\\begin{matrix}"]
TEX = st.lists(st.sampled_from(PIECES)).map("".join)


class Elements(HTMLParser):
    """The elements of a piece of HTML, and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def plain(html: str) -> str:
    """The text that a reader sees."""
    out: list[str] = []
    parser = HTMLParser()
    parser.handle_data = out.append  # type: ignore[method-assign]
    parser.feed(html)
    return "".join(out)


@given(st.text(), st.sampled_from(["Python", "C++", "HTML", "Markdown", "no such", None]))
def test_any_text_is_shown_as_text(text: str, language: str | None) -> None:
    """Only our own elements come out, with our own attributes."""
    shown = show_text(text, language, 0)
    found = Elements(shown.html)
    assert found.names <= {"span", *ELEMENTS}
    assert found.attributes <= {"class", "title", "display", *ATTRIBUTES}
    assert shown.n_more == 0


@given(TEX)
def test_any_formula_is_mathml_of_the_list_or_left_alone(tex: str) -> None:
    """Never an address, a style or an element that is not on it."""
    html = mathml(tex, display=False)
    if html is not None:
        found = Elements(html)
        assert found.names <= ELEMENTS
        assert found.attributes <= {"title", "display", *ATTRIBUTES}


@pytest.mark.parametrize(
    "tex", [r"\frac{", "x" * 1_001, "{" * 400, r"\left(" * 160, "^" * 999, r"\sqrt{" * 160]
)
def test_what_cannot_be_read_stays_as_it_was(tex: str) -> None:
    """Unfinished, too long, or nested too deep."""
    assert mathml(tex, display=True) is None


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("a $x^2$ b", ["$x^2$"]),
        ("$$\na\n$$ and \\(b\\), \\[c\\]", ["$$\na\n$$", "\\(b\\)", "\\[c\\]"]),
        ("\\begin{align}a&=b\\end{align}", ["\\begin{align}a&=b\\end{align}"]),
        ("it costs $5 and $10, or US$3 to $4", []),
        ("escaped \\$a\\$ and $a\n\nb$", []),
    ],
)
def test_formulas_are_found_by_their_delimiters(text: str, formulas: list[str]) -> None:
    """Prices are none; the pieces together are the text."""
    pieces = list(with_formulas(text))
    assert [piece for piece, drawn in pieces if drawn is not None] == formulas
    assert "".join(piece for piece, _ in pieces) == text


def test_code_within_a_page_has_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between fences; formulas are drawn outside of them alone."""
    shown = show_text("# Title\n\n```python\nx = '$y$'\n```\n\n$y$\n", MARKDOWN, 0)
    assert '<span class="heading"># Title</span>' in shown.html
    assert '<span class="n">x</span>' in shown.html
    assert shown.html.count("<math") == 1


def test_colours_end_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the text follows without them."""
    monkeypatch.setattr(text_html, "SECONDS", -1.0)
    text = "def f():\n    return 1\n"
    assert plain(show_text(text, "Python", 0).html) == text
    assert next(iter(PythonLexer().get_tokens(text)))[1] == "def"


def test_more_of_a_text_is_shown_step_by_step() -> None:
    """Up to the largest size; long lines are cut in each."""
    text = ("a" * 5_000 + "\n") * 1_000
    sizes = [show_text(text, None, size) for size in range(len(SIZES))]
    assert [shown.n_shown for shown in sizes] == list(SIZES)
    assert [shown.n_cut_lines for shown in sizes] == [2, 20, 200]
    assert "3,000 more characters" in sizes[0].html
    assert all(shown.n_shown + shown.n_more == len(text) for shown in sizes)


def test_colours_are_for_light_and_dark() -> None:
    """Of tokens alone: the ground is the page's."""
    css = code_css()
    assert "prefers-color-scheme: dark" in css
    assert "background" not in css
    assert css.count("{") == css.count("}")


def test_a_comparison_folds_what_is_equal() -> None:
    """Three lines around a difference are shown, both with their numbers."""
    kept = [f"line {n}" for n in range(100)]
    dropped = [*kept[:50], "line fifty <b>", *kept[51:], "more"]
    found = compare("\n".join(kept), "\n".join(dropped))
    kinds = [row.kind for row in found.rows]
    assert kinds.count("fold") == 2
    assert (kinds.count("changed"), kinds.count("dropped"), found.n_different) == (1, 1, 2)
    (changed,) = [row for row in found.rows if row.kind == "changed"]
    assert (changed.left_number, changed.right_number) == (51, 51)
    assert changed.right == "line <mark>fifty &lt;b&gt;</mark>"
    assert sum(row.n_folded or 1 for row in found.rows) == 101


def test_a_comparison_of_giants_is_cut() -> None:
    """Lines and characters are bounded, and it is said."""
    found = compare("x" * 5_000_000, "\n" * 100_000)
    assert found.is_cut
    assert sum(len(row.left) + len(row.right) for row in found.rows) < 1_000_000
    assert re.search("x …", found.rows[0].left)
