"""The visible-text kernel counts what a browser's parser (lexbor) calls text."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.kernels.arrow import utf8_buffers
from stages.kernels.counting.visible_text import HIDDEN_ELEMENTS, count_visible_characters

HIDDEN = [*(name.decode() for name in HIDDEN_ELEMENTS), "template"]
SPACE = " \t\n\f\r"


def visible_text(html: str) -> str:
    tree = LexborHTMLParser(html)
    for name in HIDDEN:
        for node in tree.css(name):
            node.decompose()
    text = tree.root.text(deep=True, separator="") if tree.root is not None else ""
    return re.sub(f"[{SPACE}]+", " ", text).strip(SPACE)


def count(*documents: str) -> list[int]:
    array = pa.array(list(documents), pa.large_string())
    return count_visible_characters(*utf8_buffers(array)).tolist()


PIECES = st.sampled_from(
    [
        "word",
        "\u00fc\u6f22\U0001d4b3",
        " ",
        "\n\t",
        "&amp;",
        "&copy",
        "&notit;",
        "&#65;",
        "&#x41",
        "&#32;",
        "&nbsp;",
        "&NewLine;",
        "&unknown;",
        "& ",
        "&#;",
        "&NotEqualTilde;",
        "\x00",
        "a<b",
        "1 < 2",
        "</>",
        "<>",
        "<?php echo 1 ?>",
        "<!-- a > b -->",
        "<!-->",
        "<!--->",
        "<!--a--!>",
        "<!doctype html>",
        "</ bogus>",
        "<br/>",
        '<a title="x > y">',
        "<a b='>'>",
        "<a b=c'd>",
        "</a>",
        "<a =b>",
        "<p/ class = 'q'>",
        "<b>",
        "</b>",
        "<script>if (a<b) '</p>'</script>",
        "<SCRIPT >x</Script\n>",
        "<style>p > a {}</style>",
        "<scripty>",
        "<template>hidden</template>",
        "<title>a <b></title>",
        "<iframe>x</iframe>",
        "<noembed><p></noembed>",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=15))
def test_counts_equal_the_parser(pieces: list[str]) -> None:
    """Tags, comments, references and hidden elements in any order count as lexbor's text does."""
    html = f"<body>{''.join(pieces)}"
    assert count(html) == [len(visible_text(html))]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", 0),
        ("  plain  text ", 10),
        ("<p>one</p>\n<p>two</p>", 7),
        ("<b>x</b>y", 2),
        ("<script>never closed", 0),
        ("<!-- never closed", 0),
        ("seen<a href='never closed", 4),
        ("<template><template>x</template>y</template>z", 1),
        ("<noscript>x</noscript>z", 1),
        ("&lt;p&gt;", 3),
        ("caf&eacute", 4),
        ("ends with <", 11),
        ("ends with &", 11),
    ],
)
def test_visible_text_by_hand(html: str, expected: int) -> None:
    """Truncated and nested markup counts what a reader would see."""
    assert count(html) == [expected]


def test_deep_nesting_is_no_trouble() -> None:
    """A million open tags, which a tree parser would never finish, are counted."""
    assert count("<div>" * 1_000_000 + "x") == [1]
