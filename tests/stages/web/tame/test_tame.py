"""Pages rewritten for the parser: the tree of a sound page is kept, that of any other is small.

The oracle is lexbor: what it makes of a page as it was, and of the page rewritten.
"""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.web.tame import MAX_DEPTH, MAX_NODES, RESERVED, tame

CRAWL = Path(__file__).resolve().parents[4] / ".." / "shared" / "data" / "web" / "crawl"
UNSEEN = "script, style, template, iframe, noframes, select, colgroup, col"
START_TAG = re.compile(rb"<[a-z]")


def parse(page: str | bytes) -> LexborHTMLParser:
    return LexborHTMLParser(page)


def outline(page: str | bytes) -> list[str]:
    """Elements of the body and the words between them, in order, without what nobody sees."""
    tree = parse(page)
    for node in tree.css(UNSEEN):
        node.decompose()
    assert tree.body is not None
    pieces = []
    for node in tree.body.traverse(include_text=True):
        if node.is_text_node:
            pieces.append(node.text_content or "")
        elif node.is_element_node:
            pieces.append(f" <{node.tag}> ".lower())
    return "".join(pieces).split()


def depth(tree: LexborHTMLParser) -> int:
    levels: dict[int, int] = {}
    assert tree.root is not None
    for node in tree.root.traverse():
        parent = node.parent
        levels[node.mem_id] = 0 if parent is None else levels.get(parent.mem_id, 0) + 1
    return max(levels.values())


@pytest.mark.parametrize(
    "page",
    [
        "<p>a<p>b<div>c</div>d",
        "<ul><li>a<li>b<ul><li>c</ul><li>d</ul>e",
        "<dl><dt>a<dd>b<p>c<dt>d</dl>",
        "<table><tr><td>a<td>b<tr><th>c<tbody><tr><td>d</table>e",
        "<table><caption>t<td>a<table><td>b</table>c</table>",
        "<table><div>a</div><tr><td>b</table>",
        "<td>a<tr>b</table>c</p>d</br>e",
        "<a href=1>x<a href=2>y</a>z",
        "<h1>a<h2>b</h1>c",
        "<form>a<form>b</form>c</form>d",
        "<button>a<button>b</button>c<p>d",
        "<ruby>x<rt>y<rp>z</ruby>",
        "<svg><title>a<b>c</title><path/><g/><foreignObject><p>b</svg>c",
        "<svg><desc>x</desc><![CDATA[a<b]]></svg><math><mi>x<mo>+</math><p>d",
        "<svg><rect/><p>out of it</svg>",
        "<div><span>a</div>b</span>c",
        "<x-y>a<z>b</x-y>c",
        "a<!-- b --><!--> c <!---> d<!x>e<?f?>g</>h</ i>j< k<",
        "<title>a<b>&amp;</title><textarea><p>x</textarea><noscript><p>y</noscript>",
        "<script><!-- <script>a</script> --></script>b<style>c</style>d",
        "<a title='\"' b=c d e='f' E=g = h=>x</a><img src=a alt=\"&lt;b\"/>",
        "<template><p>a<template>b</template>c</template>d",
        "<p/>a<br/>b<hr>c<image src=x>d",
        "<pre>a\n  b</pre><listing>\nc</listing>",
        "x<p",
        "x<p title='",
        "<HTML LANG=en><BODY CLASS=x><P>a</BODY></HTML>b",
    ],
)
def test_sound_pages(page: str) -> None:
    """What browsers make of sloppy markup is what comes out."""
    assert outline(tame(page)) == outline(page)


def test_real_pages() -> None:
    """Real pages keep their tree, but for formatting that was closed in the wrong order."""
    path = next(CRAWL.glob("*.warc.gz"), None)
    if path is None:
        pytest.skip("no shared data")
    with gzip.open(path) as stream:
        blocks = stream.read(3_000_000).split(b"\r\nWARC/1.0")
    pages = [
        page
        for block in blocks
        if (
            page := block.partition(b"\r\n\r\n")[2]
            .partition(b"\r\n\r\n")[2]
            .decode("utf-8", "ignore")
        )
        and "<body" in page
        and not any(mark in page for mark in ("\0", "\ue000", "\ue001"))
    ]
    assert len(pages) > 30
    same = [outline(tame(page)) == outline(page) for page in pages]
    assert sum(same) > 0.9 * len(pages)


def test_attributes() -> None:
    """Names and values are kept, as the parser reads them."""
    page = '<html lang=en><body><p class=\'a "b"\' id=c&amp;d title="&quot;<>" hidden data-x=/>x'
    tree = parse(tame(page))
    paragraph = tree.css_first("p")
    assert paragraph is not None
    assert paragraph.attributes == {
        **{"class": 'a "b"', "id": "c&d", "title": '"<>', "hidden": None, "data-x": "/"}
    }
    assert tree.css_first("html").attributes == {"lang": "en"}  # type: ignore[union-attr]


def test_unseen() -> None:
    """What no reader sees is gone, and what follows it is not."""
    page = (
        "<select><option>gone<option>gone</select>a<select><option>gone<p>b<template>gone"
        "<p>gone</template>c<script>'<p>gone'</script>d<style>gone</style>e<!-- gone -->f"
        "<iframe>gone</iframe>g<noframes>gone</noframes>h<frameset>i"
    )
    assert outline(tame(page)) == ["<body>", "a", "<p>", "bcdefghi"]


def test_formula_scripts() -> None:
    """Scripts that hold formulas stay, their text as it was."""
    tree = parse(tame('<svg/><script type="math/tex; mode=display">a<b &lt &amp;</script>'))
    node = tree.css_first("math-tex")
    assert node is not None
    assert (node.text(), node.attributes) == ("a<b &lt &amp;", {"type": "math/tex; mode=display"})


@pytest.mark.parametrize(
    "reserved",
    [
        *RESERVED,
        *("&#xe000;", "&#xE001", "&#57344;", "&#057345;", "&#x0000e000;", "&#0;", "&#x0"),
    ],
)
def test_reserved(reserved: str) -> None:
    """Reserved code points come out in no spelling, of text, values and verbatim text."""
    page = f"<title>a{reserved}z</title><p title='a{reserved}z'>a{reserved}z</p>"
    text = parse(tame(page)).html or ""
    assert not any(character in text for character in RESERVED)
    assert text.count("az") == 3


def test_other_references() -> None:
    """All other references are left as they are."""
    page = "&#xe002; &#xe00; &#xe0000; &#57346 &amp;#xe000; &#; &#x; &#99999999999999999999; &"
    assert parse(tame(page)).body.text() == parse(page).body.text()  # type: ignore[union-attr]


HOSTILE = {
    "depth": "<div>" * 20_000 + "x",
    "depth behind wrong ends": "<div></x>" * 20_000 + "x",
    "depth behind comments": "<div><!--</div>-->" * 20_000 + "x",
    "depth behind values": "<div title='</div>'>" * 20_000 + "x",
    "depth of unknown names": "<x-y>" * 20_000 + "x",
    "depth of images": "<svg>" * 9_000 + "<g>" * 9_000 + "x",
    "depth of tables": "<table><td>" * 9_000 + "x",
    "depth of lists": "<ul><li>" * 9_000 + "x",
    "depth of links": "<a><div>" * 9_000 + "x",
    "depth in templates": "<template>" * 9_000 + "</template>" * 9_000 + "x",
    "formatting": "".join(f"<b id={n}>" for n in range(9_000)) + "x",
    "formatting opened anew": "<p>" + "".join(f"<b id={n}>" for n in range(9_000)) + "<p>x" * 9_000,
    "formatting of fonts": "<font size=1><p>x</p>" * 9_000,
    "formatting closed in blocks": "<b><p>" * 9_000 + "</b>" * 9_000 + "x",
    "formatting in cells": "<table>" + "<b><tr><td><i>x" * 9_000,
    "attributes": "<p " + " ".join(f"a{n}" for n in range(40_000)) + ">x",
    "attributes of the body": "".join(f"<body a{n}>" for n in range(20_000)) + "x",
    "options": "<select>" + "<option>a" * 32_000 + "</select>x",
    "options in groups": "<select>" + "<optgroup><option>a" * 16_000 + "</select>x",
    "text between cells": "<table>" + "a<tr><td>b</td></tr>" * 20_000 + "</table>x",
    "paragraphs": "<p>" * 50_000 + "x",
    "ends": "</p>" * 50_000 + "x",
    "buttons": "<button><p>" * 9_000 + "x",
    "framesets": "<frameset>" * 9_000 + "x",
    "one value": "<p title='" + "a " * 200_000 + "'>x",
    "references": "&amp;" * 50_000 + "x",
    "open comment": "x" + "<!--" * 50_000,
    "open tag": "x" + "<a " * 50_000,
    "open value": "x<a b='" + "<p>" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages(name: str) -> None:
    """Whatever a page is made of, the tree is shallow, as large as what was written, and holds the
    text."""
    page = tame(HOSTILE[name])
    tree = parse(page)
    n_elements = len(tree.css("*"))
    assert depth(tree) <= 2 * MAX_DEPTH + 8  # <table> and <td> imply as many
    assert n_elements <= 2 * len(START_TAG.findall(page)) + 8
    assert max(len(node.attributes) for node in tree.css("*")) <= 64
    assert (tree.body.text() if tree.body else "").rstrip().endswith("x")


def test_number_of_nodes() -> None:
    """Beyond the limit the text comes out without markup."""
    page = tame("<p>a</p>" * (MAX_NODES + 1000) + "x")
    assert len(START_TAG.findall(page)) == MAX_NODES
    assert page.count(b"a") == MAX_NODES + 1000
    assert page.endswith(b"x")


def test_depth_of_large_pages() -> None:
    """What climbs from each element to the root has a bounded number of steps to do."""
    tree = parse(tame("<div>" * 250 + "<p>a</p>" * 100_000))
    steps = 0
    levels: dict[int, int] = {}
    for node in _elements(tree):
        parent = node.parent
        levels[node.mem_id] = 1 + (levels.get(parent.mem_id, 0) if parent is not None else 0)
        steps += levels[node.mem_id]
    assert steps < 20_000_000


def _elements(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    assert tree.root is not None
    return tree.root.traverse()


NAMES = [
    "p",
    "b",
    "a",
    "x",
    "div",
    "table",
    "tr",
    "td",
    "li",
    "ul",
    "select",
    "option",
    "svg",
    "mi",
]
TOKENS = st.sampled_from(
    [
        *(f"<{name}>" for name in [*NAMES, "math", "foreignObject", "title", "button", "template"]),
        *(f"</{name}>" for name in [*NAMES, "form", "title", "template", "script", "object", "h2"]),
        *(
            "<form>",
            "<font a=b>",
            "<annotation-xml>",
            "<g/>",
            "<br/>",
            "<h1>",
            "<caption>",
            "<nobr>",
        ),
        *("<object>", "<script>", "<body a=b>", "</body>", "<head>", "<!-- c -->", "<![CDATA["),
        *("]]>", "text", " ", "<", "&"),
    ]
)


@given(st.lists(TOKENS, max_size=40).map("".join))
def test_any_tags(page: str) -> None:
    """What was rewritten once is rewritten the same again, and lexbor adds nothing to it but what
    tables imply."""
    once = tame(page)
    assert tame(once.decode()) == once
    assert len(parse(once).css("*")) <= 2 * len(START_TAG.findall(once)) + 6


@given(st.text(alphabet=st.sampled_from(list("<>/=\"'&;!-? abpx#e0[]\0\ue000\ue001é"))))
def test_any_text(page: str) -> None:
    """Whatever the bytes, the result is HTML without reserved code points, of bounded size."""
    tamed = tame(page)
    assert len(tamed) <= 18 * len(page.encode()) + 15
    assert not any(character in tamed.decode() for character in RESERVED)
