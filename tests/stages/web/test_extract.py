"""Extraction: code to the letter, formulas as LaTeX, the rest as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.web.extract import extract
from stages.web.formulas import drop_formulas, formulas

PROSE = "<p>" + "A sentence that makes this the main content of the page. " * 8 + "</p>"


def page(body: str, head: str = "") -> str:
    return f"<html><head>{head}</head><body><article>{PROSE}{body}{PROSE}</article></body></html>"


def test_code_verbatim() -> None:
    """Indentation, blank lines and highlighting markup of a code block survive as text."""
    code = "def f(x):\n    if x < 1:\n\n        return '&'\n\treturn x  # \\(no formula\\)"
    marked = code.replace("&", "&amp;").replace("<", "&lt;").replace("def", "<span>def</span>")
    found = extract(page(f"<pre><code>{marked}</code></pre>"))
    assert f"\n{code}\n" in found.text
    assert (found.n_code_blocks, found.n_formulas) == (1, 0)


@pytest.mark.parametrize(
    "block",
    [
        "<pre>a = 1<br>b = 2<br/></pre>",
        "<pre><div>a = 1</div><div>b = 2</div></pre>",
        "<pre><span class=lineno>1 </span>a = 1\n<span class=lineno>2 </span>b = 2</pre>",
        "<pre><i><i><span>1</span>a = 1\n</i><i><span>2</span>b = 2</i></i></pre>",
        "<table><td class=gutter><pre>1\n2</pre><td><pre>a = 1\nb = 2</pre></table>",
        "<pre>a&nbsp;= 1\nb = 2</pre>",
        "<pre><button>Copy</button>a = 1\nb = 2</pre>",
    ],
)
def test_code_lines(block: str) -> None:
    """Line ends come from markup where it makes them, and line numbers are no code."""
    found = extract(page(block))
    assert "a = 1\nb = 2" in found.text
    assert "1\n2" not in found.text
    assert found.n_code_blocks == 1


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<script type="math/tex">x_1<y</script>', r"$x_1<y$"),
        ('<script type="math/tex; mode=display">\\sum x</script>', "$$\\sum x$$"),
        (
            """<span class="katex"><span class="katex-mathml"><math><semantics><mi>x</mi>
            <annotation encoding="application/x-tex">x^2</annotation></semantics></math></span>
            <span class="katex-html">x2</span></span>""",
            "$x^2$",
        ),
        ('<math alttext="\\alpha"><mi>α</mi></math>', r"$\alpha$"),
        (
            '<img class="mwe-math-fallback-image-inline" alt="{\\displaystyle a+b}">',
            "$a+b$",
        ),
        ('<img class="latex" alt="$latex \\beta$">', r"$\beta$"),
        ('<img src="https://latex.codecogs.com/gif.latex?\\frac{a}{b}">', r"$\frac{a}{b}$"),
        ('<span class="math inline">x_{10}</span>', r"$x_{10}$"),
        ('<span class="math">\\(a_1\\)</span>', r"\(a_1\)"),
        (r"\[ \int_0^1 x\,dx \]", r"\[ \int_0^1 x\,dx \]"),
        ("$$ e^{i\\pi} $$", r"$$ e^{i\pi} $$"),
    ],
)
def test_formulas(markup: str, expected: str) -> None:
    """A formula comes out once, as LaTeX, however the page writes it."""
    found = extract(page(f"<p>Here is {markup} in a sentence that goes on for a while.</p>"))
    assert found.text.count(expected) == 1
    assert found.n_formulas == 1
    assert "x2" not in found.text


def test_boilerplate() -> None:
    """Navigation, scripts and styles are no content."""
    html = f"""<html><head><title> A \n title </title><style>p {{}}</style></head><body>
    <nav><a href=/>Menu entry</a></nav><main>{PROSE}</main><script>var x = 1</script>
    <footer>Imprint and legal notice</footer></body></html>"""
    found = extract(html)
    assert found.title == "A title"
    assert "main content" in found.text
    assert all(word not in found.text for word in ("Menu", "var x", "Imprint", "p {"))


def test_a_page_for_readers_without_scripts() -> None:
    """A thread that stands in <noscript> is read, though it ends by asking for scripts; a plea
    alone is no content."""
    plea = "<p>Best viewed with JavaScript enabled. Please enable it, and come back.</p>"
    posts = "".join(f"<div class=post><p>{PROSE}</p></div>" for _ in range(3))
    html = "<html><body><div id=app></div><noscript>{}</noscript></body></html>"
    assert extract(html.format(posts + plea)).text.count("A sentence that makes") == 24
    both = f"<html><body><article>{PROSE}</article><noscript>{plea}</noscript>{PROSE}</body></html>"
    assert "Best viewed" not in extract(both).text


def test_sliver() -> None:
    """Where main content is not found but there are paragraphs, these are taken."""
    html = f"<html><body><div class='sidebar'><div class='hidden-comments'>{PROSE}</div></div>"
    assert "main content" in extract(html).text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The quick brown fox jumps over the lazy dog and runs away from the hunters."),
        ("de", "Die Katze sitzt auf dem Dach und schaut den Vögeln zu, die im Garten singen."),
        ("fr", "Le chat est assis sur le toit et regarde les oiseaux qui chantent au jardin."),
        ("ru", "Кошка сидит на крыше и смотрит на птиц, которые поют в саду возле дома."),
        ("uk", "Кішка сидить на даху і дивиться на птахів, які співають у саду біля її дому."),
        ("zh", "猫坐在屋顶上看着花园里唱歌的小鸟，然后它慢慢地睡着了，做了一个梦。"),
        ("ja", "猫は屋根の上に座って、庭で歌っている小鳥を眺めていました。そして眠りました。"),
        ("ko", "고양이는 지붕 위에 앉아 정원에서 노래하는 새들을 바라보고 있었습니다."),
    ],
)
def test_natural_language(language: str, text: str) -> None:
    """The language is that of the prose, whatever the code beside it."""
    code = "for (int index = 0; index < count; ++index) { return the_value; }\n" * 3
    html = f"<html><body><article><p>{text * 6}</p><pre>{code}</pre></article></body></html>"
    assert extract(html).natural_language == language


def test_no_language() -> None:
    """Too little text has no language."""
    assert extract("<p>12 + 30</p>").natural_language is None


@pytest.mark.parametrize("tag", ["div", "b", "span", "font", "ul"])
def test_deep_nesting(tag: str) -> None:
    """A page nested a hundred thousand levels deep, which a tree parser would never finish, is
    read."""
    html = f"<{tag}>" * 100_000 + "the text" + f"</{tag}>" * 100_000
    assert extract(html).text.strip() == "the text"


@pytest.mark.parametrize("empty", ["<td></td>", "<td/>", "<td> </td>", "<td><span></span></td>"])
def test_empty_cells(empty: str) -> None:
    """A cell without content has its column."""
    found = extract(page(f"<table><tr>{empty}<th>a<th>b<tr><td>1<td>2<td>3</table>"))
    assert "|  | a | b |\n| --- | --- | --- |\n| 1 | 2 | 3 |" in found.text


MARKS = "".join(map(chr, [*range(1, 9), 11, 12, *range(14, 32)]))
FORGED = {
    "text": MARKS,
    "references": "".join(f"&#{ord(mark)};x&#x{ord(mark):x};" for mark in MARKS),
    "half of them": "\x05code\x04\x01table\x02\x10span",
    "an image": f"<img class=tex alt='{MARKS}_'>",
    "an address": "<img src='http://e.org/latex?x_%05%06%04%01%02'>",
    "a script": f"<script type=math/tex>x_{MARKS}</script>",
    "MathML": f"<math alttext='x_{MARKS}'></math>",
    "code": f"<pre>{MARKS} and {MARKS}</pre>",
    "a cell": f"<table><tr><td>{MARKS}<td>b<tr><td>c<td>{MARKS}</table>",
    "inline code": f"<code>{MARKS}</code><sup>{MARKS}</sup><sub>2{MARKS}</sub>",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_marks(name: str) -> None:
    """A page cannot write the marks that stand for what is finished later: nothing comes out twice,
    nothing is lost, and no mark is left."""
    code = "the only block " * 1000
    forged = FORGED[name]
    found = extract(page(f"<pre>{code}</pre><p>Some text before {forged * 50} and behind.</p>"))
    assert found.text.count("the only block") == 1000
    assert len(found.text) < len(code) + 2 * len(PROSE) + 50 * len(forged) + 200
    assert "Some text before" in found.text
    assert "and behind." in found.text
    assert not set(MARKS) & set(found.text)


CROWDED = {
    "blocks": "<pre>a</pre>" * 5_000,
    "blocks in one of many classes": f"<div class='{'a ' * 8_000}'>" + "<pre>a</pre>" * 5_000,
    "blocks in blocks": "<pre>" * 5_000 + "a",
    "lines": "<pre>" + "<div>a</div>" * 20_000,
    "lines in lines": "<pre>" + "<div>a" * 20_000,
    "numbers in numbers": "<pre>" + ("<span>" * 200 + "1" + "</span>" * 200) * 100,
    "a number": f"<pre><span>{'1' * 5_000}</span><span>2</span></pre>",
    "formulas in formulas": ("<span class=math>" * 200 + "x_1" + "</span>" * 200) * 100,
    "formulas in many classes": f"<div class='{'a ' * 8_000}'>"
    + "<math><annotation encoding=TeX>x_1</annotation></math>" * 3_000,
    "formulas by name in code": "<pre>" + "<latex>x_1</latex>" * 10_000,
    "formulas by name in each other": ("<x-math>" * 200 + "x_1" + "</x-math>" * 200) * 100,
    "documents of TeX": ("<tex>\\documentclass" + "\\begin{document}" * 1_000 + "</tex>") * 60,
    "renderings": ("<span class=MathJax>" * 200 + "x" + "</span>" * 200) * 100,
    "addresses": f"<img src='/latex{'tex' * 1_300}'>" * 500,
    "texts of images": f"<img class=latex alt='latex {' ' * 4_000}x'>" * 100,
    "blanks": "<p>" + " " * 500_000 + "<pre>a</pre>" + " " * 500_000 + "x",
    "lists in lists": "<ul><li>a" * 200 + "<li>a" * 10_000,
    "cells over many": "<table>" + "<tr><td colspan=100 rowspan=200>a<td>b" * 20_000,
    "tables of wide cells": "<table><tr><td colspan=100 rowspan=200>a<td>b</table>" * 10_000,
    "AsciiMath in parentheses": "<script src=asciimath.js></script>"
    + f"<p>`{'(' * 390}`</p>" * 2_000,
}


@pytest.mark.parametrize("name", CROWDED)
def test_crowded_pages(name: str) -> None:
    """What took time or memory by the square of a page's size takes neither."""
    html = f"<p>The beginning of it.</p>{CROWDED[name]}"
    text = extract(html).text
    assert text.startswith("The beginning of it.")
    assert len(text) < 40 * len(html)


@pytest.mark.parametrize(
    "html",
    [
        "\\(" * 50_000,
        "$x_" * 50_000,
        "\\begin{align}" * 20_000,
        "<pre>" * 1_000,
        "<pre>" + "<div>" * 1_000,
        "<!--" * 50_000,
        "<meta charset" * 20_000,
        "\x05" * 1000 + "\x051\x06",
        "<p>" + " " * 200_000 + "x",
        "\x00<p>a\x00b",
    ],
)
def test_hostile_pages(html: str) -> None:
    """Markup made to be slow is read."""
    assert len(extract(html).text) <= 2 * len(html)


@given(
    st.text(alphabet=st.sampled_from(list("<>/=\"'&;!- abpredivscmth\x01\x05\x0610\n$\\()[]{}")))
)
def test_any_text(html: str) -> None:
    """Whatever the page, its text has no marks."""
    found = extract(html)
    assert not set(MARKS) & set(found.text)
    assert found.n_formulas >= 0


def test_formulas_in_text() -> None:
    """Prices are no formulas."""
    assert drop_formulas("costs $5 and $10, or $3")[1] == 0
    assert drop_formulas("between $5 = five and $ 6 ^ 2")[1] == 0
    assert drop_formulas(r"let $x_1$ and \(y\) and $$z$$")[1] == 3
    assert drop_formulas(r"\begin{align*} a &= \text{if $b_1$} \\[2pt] \end{align*} \[c\]")[1] == 2
    assert drop_formulas(r"unclosed \( and \) \) then \(")[1] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$z$$, $$a + b$$, $$\nE = mc^2\n$$", ["z", "a + b", "\nE = mc^2\n"]),
        (r"$$\text{two words}$$", [r"\text{two words}"]),
        ("Price: $$\n\nFor all.\n\nPrice: $$", []),
        ("| $$ | $$ | $$$ |", []),
        ("$$, or $$ (dear), $$-$$$", []),
        ("$$ = cheap, $$$ = dear", []),
        ("Price: $$, then $$x^2$$", ["x^2"]),
        ("\\[ a\n\nb \\]", []),
    ],
)
def test_classes_of_prices_are_no_formulas(text: str, expected: list[str]) -> None:
    """What stands between two of them has words, no symbol or an empty line."""
    assert list(formulas(text)) == expected


@pytest.mark.parametrize(
    "block",
    [
        "<pre><div>def f():</div><div>    x = 1</div><div><br></div><div>    return x</div></pre>",
        "<div class=view-lines><p>def f():<p><i>    </i>x = 1<p><br><p><i>    </i>return x</div>",
        "<pre><code>def f():\n<i>    </i>x = 1\n\n<i>    </i>return x</code></pre>",
    ],
)
def test_blank_elements_of_code(block: str) -> None:
    """An empty line and an indentation may be elements, in which there is nothing to choose."""
    assert "def f():\n    x = 1\n\n    return x\n" in extract(page(block)).text


def test_closed_dialog() -> None:
    """A dialog that is not open is not shown."""
    sentence = "This sentence stands in a dialog that scripts open when something is wrong."
    assert sentence not in extract(page(f"<dialog><p>{sentence}</p></dialog>")).text
    assert sentence in extract(page(f"<dialog open><p>{sentence}</p></dialog>")).text
