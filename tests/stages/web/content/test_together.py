"""Cells are kept with their row, terms with their description, headings with their text."""

import numpy as np
import pytest

from stages.web.content.choose import find_blocks, keep_nodes
from stages.web.content.page import page_of
from stages.web.content.words import learned_words
from stages.web.tree.build import build

HEAD = "<tr><th>part<th>note</tr>"
ROWS = "<tr><td>YES a<td>b</tr><tr><td>c<td>YES d</tr>"
PROSE = "word and word " * 60


def kept(html: str) -> str:
    """What is kept if each block is content that says YES, and no other."""
    tree = build(f"<p>YES {PROSE}</p>{html}<p>YES {PROSE}</p>".encode())
    found = find_blocks(page_of(tree, learned_words()))
    texts = [bytes(tree.text[tree.first[i] : tree.last[i]]) for i in range(len(tree.tag))]
    says_yes = np.zeros(len(found.blocks), np.float64)
    for i, text in enumerate(texts):
        if tree.tag[i] == 0 and found.block[i] >= 0 and b"YES" in text:
            says_yes[found.block[i]] = 0.99
    keep = keep_nodes(tree, found, says_yes)
    inside = [
        text.decode().strip()
        for i, text in enumerate(texts)
        if tree.tag[i] == 0 and keep[i] and PROSE.strip() not in text.decode()
    ]
    return " ".join(filter(None, inside))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("<tr><td>a<td>YES b<td>c</tr><tr><td>d<td>e<td>f</tr><tr><td>g<td>h</tr>", "a YES b c"),
        (HEAD + ROWS, "part note YES a b c YES d"),
        (f"<caption>about</caption>{HEAD}{ROWS}", "part note YES a b c YES d"),
        (f"<thead>{HEAD}</thead><tbody>{ROWS}<tr><td>e<td>f</tr>", "YES a b c YES d"),
        ("<tr><td>a<td>b</tr><tr><td>c<td>d</tr>", ""),
        ("<tr><td><ul><li>a</ul><td>YES b</tr><tr><td>c<td>YES d</tr>", "YES b YES d"),
        ("<tr><td>a<td><h2>YES b</h2></tr><tr><td>c<td>YES d</tr>", "YES b YES d"),
        (f"<tr><td>{'a ' * 500}<td>YES b</tr><tr><td>c<td>YES d</tr>", "YES b YES d"),
        ("<tr><td>a<td>YES b</tr>", "YES b"),
        ("<tr><td>a</tr><tr><td>YES b</tr><tr><td>YES c</tr>", "YES b YES c"),
    ],
)  # fmt: skip
def test_rows(table: str, expected: str) -> None:
    """A row with its cells, a table with most of its rows; layout block by block."""
    assert kept(f"<table>{table}</table>") == expected


def test_a_table_in_a_cell() -> None:
    """Only the inner table can be one of data."""
    inner = f"<table>{ROWS}</table>"
    assert kept(f"<table><tr><td>menu<td>{inner}</tr><tr><td>x<td>YES y</tr></table>") == (
        "YES a b c YES d YES y"
    )


def test_hidden_cells_stay_out() -> None:
    """What no reader sees is no part of the row."""
    assert kept("<table><tr><td>YES a<td><i hidden>b</i>c</tr><tr><td>YES d<td>e</tr></table>") == (
        "YES a c YES d e"
    )


LONG = "what it does, in a sentence of more than sixty letters, so that it is no mere fact"


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (f"<dt>f(x)<dd>YES {LONG}<dt>g(x)<dd>{LONG}", f"f(x) YES {LONG}"),
        (f"<dt>f(x)</dt>\n<dd><p>YES {LONG}</p></dd>", f"f(x) YES {LONG}"),
        (f"<dt>f(<dl><dd>x: int</dd></dl>)</dt><dd>YES {LONG}</dd>", f"f( x: int ) YES {LONG}"),
        ("<dt>Joined<dd>YES 2007<dt>Posts<dd>12", "YES 2007"),
        (f"<dt>f<dd><p>YES {LONG}</p><dl><dt>Type<dd>int</dl></dd>", f"f YES {LONG} Type int"),
        (f"<dt>f<dd><p>YES {LONG}</p><p>{LONG * 2}</p></dd>", f"f YES {LONG}"),
        (f"<dt>YES f(x)<dd>{LONG}", "YES f(x)"),
    ],
)
def test_terms(terms: str, expected: str) -> None:
    """A term comes with a description of some length, not the other way round."""
    assert kept(f"<dl>{terms}</dl>") == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (f"<h2>one</h2><p>YES {LONG}</p>", f"one YES {LONG}"),
        (f"<h2>one</h2><h3>two</h3><p>YES {LONG}</p>", f"one two YES {LONG}"),
        (f"<h2>one</h2><p>{LONG}</p><h2>two</h2><p>YES {LONG}</p>", f"YES {LONG}"),
        (f"<p>{LONG}</p><h2>one</h2><p>YES {LONG}</p>", f"YES {LONG}"),
        ("<h2>one</h2><p>YES b</p><p>c</p>", "YES b"),
        (f"<h2 hidden>one</h2><p>YES {LONG}</p>", f"YES {LONG}"),
        ("<h3>YES impl Any<div>where T: Sized</div></h3>", "YES impl Any where T: Sized"),
        ("<h3>YES impl Any" + "<p>word</p>" * 100, "YES impl Any"),
    ],
)  # fmt: skip
def test_headings(markup: str, expected: str) -> None:
    """One between what is kept is kept, and whole; an open one does not bring what it holds."""
    assert kept(markup) == expected
