"""Prose comes out as a browser shows it, in Markdown."""

# ruff: noqa: E501 - markup stands on lines of its own

import numpy as np
import pytest

from stages.web.markdown.write import write
from stages.web.tree.build import build


def markdown(html: str) -> str:
    return write(build(html.encode())).text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h2>T <code>f</code><a class=headerlink href=#x>¶</a></h2><p>a</p>", "## T `f`\n\na"),
        ("<h3>T<a href=#t>§</a></h3><p><a href=#p>#</a> a <a href=#q>#1</a><a href=f.c>[source]</a></p>",
         "### T\n\na #1"),
        ("<h3><span><a href=#f>◆&nbsp;</a></span>f()</h3><a href=f.rs>Source</a><p>Source</p>",
         "### f()\n\nSource"),
        ("a<span class=ltx_p><span class=ltx_p>b</span><span class=ltx_p>c</span></span>d", "a\nb\nc\nd"),
        ("<div>val a<div><div class=copy-popup-wrapper>Copied to clipboard</div></div></div>", "val a"),
        ("<form><i class=search-button__kbd-shortcut><kbd>Ctrl</kbd>+<kbd>K</kbd></i></form><p>a", "a"),
        ("<p>a <b>b</b><i>c</i>\n  d<br>e</p><div>f</div><div>g</div>", "a bc d\ne\n\nf\ng"),
        ("<i>a</i> − <i>b</i> ≥ <b>c</b>", "a − b ≥ c"),
        ("a<span style=display:block>b</span>c", "a\nb\nc"),
        ("<ul><li>a<ul><li>b<li>c</ul><li>d</ul>e", "- a\n  - b\n  - c\n- d\n\ne"),
        ("<ol start=9><li>a<li>b<ul><li>c</ul></ol>", "9. a\n10. b\n    - c"),
        ("<ol reversed><li>a<li>b</ol>", "2. a\n1. b"),
        ("<ol><li>a<li value=7>b<li>c</ol>", "1. a\n7. b\n8. c"),
        ("<ul><li></li><li>a</li></ul>", "- a"),
        ("<dl><dt>t<dd>d<dd>e</dl>", "t\n: d\n: e"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n\n> > b"),
        ("a&nbsp;b&shy;c&#x200b;d<wbr>e&#xFEFF;&#x2060;", "a bcde"),
        ("10<sup>6</sup> 10<sup>−3</sup> H<sub>2</sub>O", "10⁶ 10⁻³ H₂O"),
        ("x<sup>n</sup> y<sub>i,j</sub> x<sup>2<sup>k</sup></sup>", "x^{n} y_{i,j} x^{2^{k}}"),
        ("10<span style='vertical-align: super'>6</span> 2<i class=superscript>10</i>", "10⁶ 2¹⁰"),
        ("H<span style='font-size:1em;vertical-align:sub'>2</span>O", "H₂O"),
        ("<p class=sup>a</p><span class='superscript subscript'>1</span>", "a\n\n₁"),
        ("1<sup>st</sup> a<sup>[3]</sup> b<sup>™</sup>", "1st a[3] b™"),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字", "漢(かん)字"),
        ("a<select><option>x</select><script>y</script><style>z</style><template>t</template>", "a"),
        ("a<noscript>Enable JavaScript</noscript><noscript><img alt=x></noscript>", "a"),
        ("<details><summary>S</summary>inside</details>", "S\ninside"),
        ("<p>Hi <img class=emoji alt=🎉> <img alt=photo>there</p>", "Hi 🎉 there"),
        ("<table><tr><th>a<th>b|c<tr><td>1<td><code>x|y</code></table>",
         "| a | b\\|c |\n| --- | --- |\n| 1 | `x|y` |"),
        ("<table><caption>C</caption><tr><th colspan=2>a<th>z<tr><td rowspan=2>1<td>2<td>3<tr><td>4<td>5</table>",
         "C\n\n| a |  | z |\n| --- | --- | --- |\n| 1 | 2 | 3 |\n|  | 4 | 5 |"),
        ("<table><tr><td>a<tr><td><h1>x</h1>y</table>", "a\n\n# x\n\ny"),
        ("<ul><li>a<table><tr><th>b<th>c<tr><td>1<td>2</table></ul>",
         "- a\n\n  | b | c |\n  | --- | --- |\n  | 1 | 2 |"),
        ("<blockquote><ol><li><table><tr><th>b<th>c<tr><td>1<td>2</table></ol></blockquote>",
         "> 1. | b | c |\n>    | --- | --- |\n>    | 1 | 2 |"),
        ("<table role=presentation><tr><td>a<td>b<tr><td>c<td>d</table>", "a\nb\nc\nd"),
    ],
)  # fmt: skip
def test_markdown(html: str, expected: str) -> None:
    """One kind of markup each."""
    assert markdown(html) == expected


def test_only_what_is_kept() -> None:
    """Nodes that are not kept leave nothing, not even a blank line."""
    tree = build(b"<p>a</p><ul><li>b</li><li>c</li></ul><pre>d</pre><p>e</p>")
    keep = [
        bool(tree.tag[i]) or bytes(tree.text[tree.first[i] : tree.last[i]]) in b"ae"
        for i in range(len(tree.tag))
    ]
    kept_parents = [
        any(keep[j] and not tree.tag[j] for j in range(i, tree.end[i])) for i in range(len(keep))
    ]
    assert write(tree, np.array(kept_parents)).text == "a\n\ne"


def test_prose_without_code_and_formulas() -> None:
    """What has a natural language is at hand by itself."""
    found = write(build(b"<p>a</p><pre>x = 1</pre><p>b <span data-tex=y>y</span></p>"))
    assert found.prose.split() == ["a", "b"]


def test_no_control_characters_of_ours() -> None:
    """Characters that serve as marks cannot come from a page."""
    found = markdown("".join(f"a{chr(c)}b<pre>c{chr(c)}d</pre>" for c in range(1, 32)))
    assert not set(found) & (set(map(chr, range(32))) - {"\n", "\t"})


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 200_000 + "deep",
        "<ul><li>" * 50_000 + "deep",
        "<blockquote>" * 50_000 + "deep",
        "<span class=math>" * 50_000 + "deep",
        "<table><tr><td>" * 20_000 + "deep",
        "<table>" + "<tr><td rowspan=1000000000 colspan=1000000000>x<td>deep" * 2_000 + "</table>",
        "<math>" + "<mrow><mo>(</mo>" * 20_000 + "<mi>deep</mi></math>",
        "<pre>" + "<div>" * 50_000 + "deep</pre>",
        "<pre>" + "<span>1</span>\n" * 50_000 + "deep</pre>",
        "<sup>" * 50_000 + "deep",
        "<code>`</code>\n" * 50_000 + "deep",
        "<p>" + "$" * 100_000 + "`" * 100_000 + " deep",
        "<ol reversed>" * 400 + "<li>x" * 50_000 + "deep",
        "<select>" + "<option>x" * 100_000 + "</select>deep",
    ],
)  # fmt: skip
def test_hostile_pages_are_linear(html: str) -> None:
    """Nesting, spans and repetition cost no more than their length: each would take minutes."""
    assert "deep" in markdown(html)


def test_one_wide_row_of_many() -> None:
    """A table is not filled to many times its size: here 16 million cells of 8,000."""
    table = f"<table><tr>{'<td>a' * 4000}</tr>{'<tr><td>b' * 4000}</table>"
    text = markdown(table)
    assert len(text) < len(table)
    assert text.count("b") == text.count("a") == 4000
