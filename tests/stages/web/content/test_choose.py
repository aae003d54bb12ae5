"""Main content of small pages, through the tables that are shipped."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.web.content.choose import Chosen, choose
from stages.web.tree.build import Tree, build

PARAGRAPH = (
    "<p>This part explains how the function works, and why every line of it matters to the reader. "
    "A second sentence says what happens when the argument is missing, which is rare.</p>"
)
MENU = "".join(f'<li><a href="/{name}">{name}</a></li>' for name in ("Home", "Shop", "About"))


def page(inside: str, *, around: str = "") -> bytes:
    return (
        "<!doctype html><html lang=en><head><title>How it works</title></head><body>"
        f"{around}<div class=wrap><main><article><h1>How it works</h1>{PARAGRAPH * 3}{inside}"
        f"{PARAGRAPH * 3}</article></main></div>"
        f"<footer><ul>{MENU}</ul><p>Copyright 2020 COMPANY</p></footer></body></html>"
    ).encode()


def kept_text(tree: Tree, chosen: Chosen) -> str:
    spans = zip(tree.first, tree.last, tree.tag, chosen.keep, strict=True)
    return b" ".join(
        tree.text[first:last].tobytes() for first, last, tag, keep in spans if not tag and keep
    ).decode()


def text_of(html: bytes) -> str:
    tree = build(html)
    return kept_text(tree, choose(tree))


PROSE = "KEEPME is a sentence of this part that tells how it works in detail, as prose does."


@pytest.mark.parametrize(
    "opening",
    [
        '<section id="related-work"><h2>Related</h2>',
        '<div id="share-of-memory"><h2>Share</h2>',
        '<section id="sidebar"><h3>Sidebar</h3>',
        '<div class="collapsed"><h2>Part</h2>',
    ],
)
def test_a_section_is_not_dropped_for_its_name(opening: str) -> None:
    end = "</section>" if opening.startswith("<section") else "</div>"
    assert "KEEPME" in text_of(page(f"{opening}<p>{PROSE}</p>{end}"))


@pytest.mark.parametrize(
    "inside",
    [
        "<ul><li>KEEPME: every variable is declared.</li><li>Jumps are forbidden.</li></ul>",
        "<p>Published on <time datetime=2020>KEEPME 2020</time> by the editors of this page.</p>",
        "<aside class=note><p>KEEPME the argument is required since version 3 of it.</p></aside>",
        "<div role=alert><p>KEEPME the default has changed in version 4 of the library.</p></div>",
        "<table><tr><th>A</th><th>B</th></tr><tr><td>KEEPME</td><td>an option</td></tr></table>",
        "<h2>KEEPME</h2>" + PARAGRAPH,
    ],
)
def test_what_stands_in_the_article_is_kept(inside: str) -> None:
    assert "KEEPME" in text_of(page(inside))


@pytest.mark.parametrize(
    "code",
    [
        "<pre>KEEPME = 1</pre>",
        "<figure><table><td><pre>1</pre></td><td><pre>KEEPME = 1</pre></td></table></figure>",
        "<div class=tabs><div role=tabpanel hidden><pre>KEEPME = 1</pre></div></div>",
        "<details><summary>Show</summary><pre><code>KEEPME = 1</code></pre></details>",
        "<div style='display: none'><pre>KEEPME = 1</pre></div>",
        "<textarea readonly>KEEPME = 1</textarea>",
    ],
)
def test_code_is_kept_even_where_it_is_folded(code: str) -> None:
    assert "KEEPME" in text_of(page(code))


@pytest.mark.parametrize(
    "formula",
    [
        "<math><mi>KEEPME</mi></math>",
        "<div><script type='math/tex; mode=display'>KEEPME^2</script></div>",
        "<div class=katex-display><span class=katex>KEEPME</span></div>",
    ],
)
def test_formulas_are_kept(formula: str) -> None:
    assert "KEEPME" in text_of(page(formula))


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>DROPME</p>",
        "<p>Some text <span style='color:red; DISPLAY : none'>DROPME</span> of the page.</p>",
        "<div style='display:none !important'><p>DROPME and a whole sentence more.</p></div>",
        "<p>Some text <span style='Visibility:hidden;'>DROPME</span> of the page.</p>",
        "<template><p>DROPME</p></template>",
        "<script>DROPME</script>",
        "<select><option>DROPME</option></select>",
    ],
)
def test_hidden_text_is_dropped(hidden: str) -> None:
    found = text_of(page(hidden))
    assert "DROPME" not in found
    assert "second sentence" in found


@pytest.mark.parametrize(
    "around",
    [
        f"<nav><ul>{MENU}<li><a href=/x>DROPME</a></li></ul></nav>",
        f"<div class=navbar><ul>{MENU}<li><a href=/x>DROPME</a></li></ul></div>",
        f"<div role=navigation>{MENU}<a href=/x>DROPME</a></div>",
        "<header><a href=/><b>DROPME</b></a><form><label>Search</label><input></form></header>",
        "<div class=cookie-banner><span>We use cookies DROPME</span><button>Accept</button></div>",
    ],
)
def test_navigation_around_the_article_is_dropped(around: str) -> None:
    found = text_of(page("", around=around))
    assert "DROPME" not in found
    assert "Copyright" not in found


def test_hidden_text_is_all_there_is() -> None:
    """A page that a script would show is not empty."""
    html = f"<body><div style='display:none'><h1>Title</h1>{PARAGRAPH * 3}</div></body>"
    assert "second sentence" in text_of(html.encode())


def test_japanese_and_chinese_prose_is_content() -> None:
    prose = "<p>この関数は配列を受け取ります。引数がない場合は、空の配列を返します。</p>"
    menu = "".join(f"<li><a href=/{n}>項目</a></li>" for n in range(8))
    html = f"<body><ul class=menu>{menu}</ul><div><h1>並べ替え</h1>{prose * 4}</div></body>"
    found = text_of(html.encode())
    assert "空の配列" in found
    assert "項目" not in found


@pytest.mark.parametrize("html", [b"", b"<", b"text", b"<p>", b"<html></html>", b"<img src=x>"])
def test_pages_of_next_to_nothing(html: bytes) -> None:
    chosen = choose(build(html))
    assert len(chosen.kept) == len(chosen.probability)


def test_a_short_page_without_markup_is_kept() -> None:
    assert "plain text" in text_of(b"just some plain text, and a sentence of it.")


FRAGMENTS = st.sampled_from(
    [
        f"<{name}>"
        for name in ("p", "div class=nav", "ul", "li", "b", "a href=x", "table", "tr", "td")
    ]
    + ["<br>", "<pre>", "<img>", "<span hidden>", "<math>", "<h2>", "eins, zwei. ", "漢字。", "x"]
    + [f"</{name}>" for name in ("p", "div", "ul", "b", "a", "table", "pre", "span", "math", "h2")]
    + [" ", "\n", "&amp;", "&#32;"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAGMENTS, max_size=40))
def test_a_kept_block_is_kept_whole(fragments: list[str]) -> None:
    """Every leaf of a kept block is kept, none of another, and every element around a kept one."""
    tree = build("".join(fragments).encode())
    chosen = choose(tree)
    for node, (block, keep) in enumerate(zip(chosen.block, chosen.keep, strict=True)):
        if block >= 0:
            assert keep == chosen.kept[block]
        elif tree.end[node] == node + 1:
            assert not keep
        if keep and node:
            assert chosen.keep[tree.parent[node]]
