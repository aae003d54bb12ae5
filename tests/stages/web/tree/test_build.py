"""A page's tree: its text is lexbor's, its nodes are well formed, its size is bounded."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.web.content.choose import choose
from stages.web.markdown.write import write
from stages.web.tree.build import Tree, build
from stages.web.tree.state import MAX_DEPTH, MAX_NODES

MEGABYTE = 1_000_000
SECONDS = 30
"""For what takes half a second; it would take hours if it were quadratic."""

PAGES = (
    "<p>one<p>two<div>three</div>",
    "<ul><li>a<li>b<ul><li>c</ul><li>d</ul>",
    "<dl><dt>a<dd>b<dt>c</dl>",
    "<table><tr><td>1<td>2<tr><th>3</table>after",
    "<select><option>a<option>b<optgroup><option>c</select>x",
    "<b>x<p>y</b>z</p>w",
    "<a href=x>1<a href=y>2</a>3",
    "<textarea>\n<p>&amp;</textarea><xmp><b></xmp><style>a<b</style>",
    "<pre>\nx\n\ny</pre>",
    "<svg><title>t</title><![CDATA[<x>]]></svg><p>y",
    "<!-- a > b --!>x<!-->y<!--->z<? pi ?>w<!doctype html>v",
    "&amp;&lt&notit;&#x41;&#128;&#0;&unknown;&AMP",
    "a\r\nb\rc",
    "<h1>a<h2>b</h1>c",
    "<ruby>x<rp>(<rt>y<rp>)</ruby>",
    "x </ y>z</>w</p>v<br/>u</br>t",
    "<button>a<button>b</button>c",
)
HOSTILE = ("<div>", "<div></x>", "<b><p>", "<a href=x>y", "<option>x", "<table><tr><td>x", "<!--",
           "&", "<", "<svg><![CDATA[", "<ul><li>x", "<script></scrip", "<math><msup><mi>x",
           "<sup>x", "<td rowspan=9999 colspan=99>x", "<li>x", "`x ")  # fmt: skip


def text_of(tree: Tree) -> str:
    return tree.text.tobytes().decode()


@pytest.mark.parametrize("page", PAGES)
def test_text_is_that_of_a_browser(page: str) -> None:
    body = LexborHTMLParser(f"<html><head></head><body>{page}").root
    assert body is not None
    expected = body.text(deep=True).replace("\x00", "")
    assert text_of(build(f"<html><head></head><body>{page}".encode())) == expected


MARKUP = st.lists(
    st.sampled_from([f"<{slash}{name}{end}" for slash in ("", "/") for end in (">", " a=b>", "/>")
                     for name in ("p", "b", "table", "tr", "td", "li", "svg", "math", "select",
                                  "script", "textarea", "template", "h1", "a")]
                    + ["x", " ", "\n", "&amp;", "<!--", "-->", "<![CDATA[", "]]>", "é", "\x00"]),
    max_size=60,
).map("".join)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(MARKUP, st.booleans())
def test_nodes_are_well_formed(markup: str, xml: bool) -> None:
    """Parents come first, ends lie behind and within the page, spans follow one another."""
    tree = build(markup.encode(), xml=xml)
    written = 0
    for node in range(len(tree.tag)):
        assert tree.parent[node] < node < tree.end[node] <= len(tree.tag)
        assert 0 <= tree.first[node] <= tree.last[node]
        if tree.tag[node] == 0:
            assert tree.first[node] == written < tree.last[node]
            written = tree.last[node]
        else:
            assert tree.last[node] <= len(tree.attributes)
    assert written == len(tree.text)
    assert write(tree, choose(tree).keep) is not None


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_pages_take_linear_work(unit: str) -> None:
    begun = time.process_time()
    tree = build((unit * (MEGABYTE // len(unit))).encode())
    write(tree, choose(tree).keep)
    assert time.process_time() - begun < SECONDS


def test_depth_and_nodes_are_bounded() -> None:
    tree = build(b"<div>" * 5000 + b"x")
    depth = [0] * len(tree.tag)
    for node in range(1, len(tree.tag)):
        depth[node] = depth[tree.parent[node]] + 1
    assert max(depth) == MAX_DEPTH
    assert len(build(b"<br>" * (MAX_NODES + 9)).tag) == MAX_NODES
