"""Formulas come out as TeX once, from whatever a page renders them with."""

# ruff: noqa: E501, ISC004 - markup stands on lines of its own

import pytest

from stages.web.markdown.source import Source
from stages.web.markdown.write import Written, write
from stages.web.tree.build import Tree, build


def written(html: str) -> Written:
    return write(build(html.encode()))


def mathjax(inside: str) -> str:
    return f'<mjx-container class="MathJax" jax="CHTML">{inside}</mjx-container>'


MATHML = "<math><msup><mi>x</mi><mn>2</mn></msup></math>"
ESCAPED = MATHML.replace("<", "&lt;").replace(">", "&gt;")
KATEX = """<span class="katex"><span class="katex-mathml"><math><semantics><mi>x</mi>
<annotation encoding="application/x-tex">x_1</annotation></semantics></math></span>
<span class="katex-html" aria-hidden="true"><span class="mord">x1</span></span></span>"""

SOURCES = [
    *(
        (f"<math><semantics><mi>x</mi><annotation encoding='{name}'>x_1</annotation></semantics></math>", "$x_1$")
        for name in ("application/x-tex", "TeX", "LaTeX", "application/x-latex", "text/x-tex", "tex", "application/TeX")
    ),
    ("<math alttext='\\frac{1}{2}'><mfrac><mn>1</mn><mn>2</mn></mfrac></math>", r"$\frac{1}{2}$"),
    ('<script type="math/tex">x_1<y</script>', "$x_1<y$"),
    ('<script type="math/tex; mode=display">x_1</script>', "$$x_1$$"),
    (f'<script type="math/mml">{MATHML}</script>', "$x^{2}$"),
    ('<span class=MathJax_Preview>x2</span><span class=MathJax><i>x2</i></span><script type="math/tex">x^2</script>', "$x^2$"),
    ('<div class=MathJax_Display><span class=MathJax>x2</span></div><script type="math/tex; mode=display">x^2</script>', "$$x^2$$"),
    (f'<span class=MathJax data-mathml="{ESCAPED}"><nobr>x2</nobr></span>', "$x^{2}$"),
    (f"<span class=MathJax><nobr>x2</nobr><span class=MJX_Assistive_MathML>{MATHML}</span></span>", "$x^{2}$"),
    (mathjax(f"<mjx-math><mjx-c class=mjx-c32></mjx-c></mjx-math><mjx-assistive-mml>{MATHML}</mjx-assistive-mml>"), "$x^{2}$"),
    (mathjax("<mjx-math data-latex='x^2 = 4'><mjx-mi data-latex=x></mjx-mi></mjx-math>"), "$x^2 = 4$"),
    (mathjax("<mjx-math><mjx-msub><mjx-mi><mjx-c class=mjx-c1D465></mjx-c></mjx-mi><mjx-script><mjx-mn>"
             "<mjx-c class=mjx-c31></mjx-c></mjx-mn></mjx-script></mjx-msub></mjx-math>"), "$x_{1}$"),
    ("<math alttext='x squared'><msup><mi>x</mi><mn>2</mn></msup></math>", "$x^{2}$"),
    ("<mjx-container jax=SVG><svg data-latex='x^2'><g></g></svg></mjx-container>", "$x^2$"),
    ("<mjx-container><mjx-math></mjx-math><mjx-speech aria-label='x squared'></mjx-speech></mjx-container>", "x squared"),
    ('<mjx-container jax=SVG aria-label="x squared"><svg></svg></mjx-container>', "x squared"),
    (KATEX, "$x_1$"),
    (f"<span class=katex-display>{KATEX}</span>", "$$x_1$$"),
    ("<span class=katex><span class=katex-html><span class=mord>E</span><span class=mrel>=</span>"
     "<span class=mord>m</span></span></span>", "$E = m$"),
    ('<span class=ztext-math data-tex="E=mc^2">E</span>', "$E=mc^2$"),
    ('<span data-math="a_1">?</span>', "$a_1$"),
    ('<div data-expr="a_1">?</div>', "$$a_1$$"),
    ("<span class='math inline'>\\alpha_1</span>", r"$\alpha_1$"),
    ("<span class='math display'>\\alpha_1</span>", r"$$\alpha_1$$"),
    ("<span class='math inline'><em>x</em><sup>2</sup> + <em>y</em><sub>10</sub></span>", "$x^{2} + y_{10}$"),
    ("<span class=math>\\(x_1\\)</span>", r"\(x_1\)"),
    ("<span class=mwe-math-element><math><semantics><mi>x</mi><annotation encoding='application/x-tex'>"
     "{\\displaystyle x_1}</annotation></semantics></math><img class=mwe-math-fallback-image-inline alt='x_1'></span>", "$x_1$"),
]  # fmt: skip

IMAGES = [
    ("<img class=mwe-math-fallback-image-inline alt='{\\displaystyle a_{1}}' src=x.svg>", "$a_{1}$"),
    ("<img class=latex alt='\\frac{a}{b}' src='//s0.wp.com/latex.php?latex=%5Cfrac%7Ba%7D%7Bb%7D&bg=fff&s=0'>", r"$\frac{a}{b}$"),
    ("<img src='//s0.wp.com/latex.php?latex=%5Cfrac%7Ba%7D%7Bb%7D&bg=fff&s=0'>", r"$\frac{a}{b}$"),
    ("<img src='https://latex.codecogs.com/gif.latex?x%5E2&plus;1'>", "$x^2+1$"),
    ("<img src='https://latex.codecogs.com/svg.image?%5Cfrac%7Ba%7D%7Bb%7D'>", r"$\frac{a}{b}$"),
    ("<img src='https://www.zhihu.com/equation?tex=%5Calpha'>", r"$\alpha$"),
    ("<img src='https://chart.googleapis.com/chart?cht=tx&chl=%5Cbeta'>", r"$\beta$"),
    ("<img src='/formula/%5Cfrac%7Bm%7D%7Bv%7D'>", r"$\frac{m}{v}$"),
    ("<img alt='$x^2$' src=img1.png width=20 height=12>", "$x^2$"),
    ("<img alt='E = mc^2' src=eq.gif>", "$E = mc^2$"),
    ("<img class=inlineformula alt='x^2' src=/images/Inline1.gif>", "$x^2$"),
    ("<span class=math><img alt='x^2 + y_1' src=_images/a.png></span>", "$x^2 + y_1$"),
    ("<img alt='a cat_on a mat' src=cat.png>", ""),
    ("<img alt=logo src='/math/logo.png'>", ""),
    ("<img alt='C:\\Users\\{name}' src=shot.png>", ""),
]  # fmt: skip

PRESENTATION = [
    ("<mfrac><mrow><mi>z</mi><mo>−</mo><mn>1</mn></mrow><mi>y</mi></mfrac>", r"\frac{z − 1}{y}"),
    ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", r"\sqrt{x + 1}"),
    ("<mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt[3]{x}"),
    ("<msubsup><mo>∫</mo><mn>0</mn><mi>∞</mi></msubsup><mi>x</mi>", r"\int_{0}^{\infty}x"),
    ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><mi>i</mi>", r"\sum_{i = 1}^{n}i"),
    ("<munder><mo>lim</mo><mrow><mi>n</mi><mo>→</mo><mi>∞</mi></mrow></munder>", r"\lim_{n \rightarrow \infty}"),
    ("<mover><mi>v</mi><mo>→</mo></mover>", r"\vec{v}"),
    ("<mover><mi>x</mi><mo>¯</mo></mover>", r"\overline{x}"),
    ("<mmultiscripts><mi>C</mi><mn>6</mn><none/><mprescripts/><mn>1</mn><mn>2</mn></mmultiscripts>", "{}_{1}^{2}C_{6}"),
    ("<mfenced open='[' close=')'><mi>a</mi><mi>b</mi></mfenced>", "[a, b)"),
    ("<mo>(</mo><mfrac><mn>1</mn><mn>2</mn></mfrac><mo>)</mo>", r"\left(\frac{1}{2}\right)"),
    ("<mrow><mo>[</mo><mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr></mtable><mo>]</mo></mrow>",
     r"\begin{bmatrix} a & b \end{bmatrix}"),
    ("<mo>{</mo><mtable><mtr><mtd><mn>1</mn></mtd></mtr><mtr><mtd><mn>0</mn></mtd></mtr></mtable>",
     r"\begin{cases} 1 \\ 0 \end{cases}"),
    ("<menclose notation='box'><mi>x</mi></menclose>", r"\boxed{x}"),
    ("<mi mathvariant='double-struck'>R</mi><mo>⊂</mo><mi mathvariant=bold>v</mi>", r"\mathbb{R} \subset \mathbf{v}"),
    ("<mi>sin</mi><mo>&ApplyFunction;</mo><mi>x</mi><mo>&InvisibleTimes;</mo><mi>y</mi>", r"\sin xy"),
    ("<mi>x</mi><mspace width='1em'/><mtext>if 5%</mtext>", r"x\quad \text{if 5\%}"),
    ("<mi>f</mi><mo>'</mo><mo>≤</mo><mi>𝔸</mi>", r"f' \leq \mathbb{A}"),
]  # fmt: skip


@pytest.mark.parametrize(("markup", "expected"), SOURCES)
def test_sources(markup: str, expected: str) -> None:
    """Every rendering gives its formula once, in place, and nothing else."""
    found = written(f"<p>Let {markup} be.</p>")
    assert "".join(expected.split()) == "".join(found.text.split())[3:-3]
    assert found.n_formulas == (0 if expected.isalpha() or "squared" in expected else 1)


@pytest.mark.parametrize(("markup", "expected"), IMAGES)
def test_images(markup: str, expected: str) -> None:
    """Images with TeX in alternative text or address are formulas, others are not."""
    assert f"Let {expected} be." == written(f"<p>Let {markup} be.</p>").text.replace(
        "Let be", "Let  be"
    )


@pytest.mark.parametrize(("markup", "tex"), PRESENTATION)
@pytest.mark.parametrize("prefix", ["", "mml:"])
def test_presentation_mathml(markup: str, tex: str, prefix: str) -> None:
    """MathML without TeX is converted, whatever its prefix."""
    markup = f"<math>{markup}</math>".replace("</", "\0").replace("<", f"<{prefix}")
    assert f"${tex}$" == written(markup.replace("\0", f"</{prefix}")).text


def test_prices_and_shells() -> None:
    """Dollars of prices and in code are no formulas, those of TeX in the text are counted."""
    found = written("<p>From $5 to $6. <code>echo $A_b = $C_d</code> but $x_1$ and \\[y^2\\].</p>")
    assert found.text == r"From $5 to $6. `echo $A_b = $C_d` but $x_1$ and \[y^2\]."
    assert found.n_formulas == 2


def test_asciimath_where_declared() -> None:
    """Backticks are AsciiMath on pages that say so, outside of code."""
    page = "<p>So `sum_(i=1)^n sqrt(x)/2` and <code>a `b`</code>.</p>"
    found = written(f"<script src=ASCIIMathML.js></script>{page}")
    assert found.text == r"So $\sum_{i = 1}^{n} \frac{\sqrt{x}}{2}$ and `` a `b` ``."
    assert (found.n_formulas, written(page).n_formulas) == (1, 0)


def test_dollars_inside() -> None:
    """TeX with dollars of its own stands between other delimiters."""
    assert written('<script type="math/tex">\\text{$x$}</script>').text == r"\(\text{$x$}\)"


DOUBLED = [
    "<mjx-container><mjx-munderover><mjx-under><mjx-over>",
    "<mjx-container><mjx-mfrac><mjx-num><mjx-den>",
    "<mjx-container><mjx-mroot><mjx-box><mjx-root>",
    "<span class=MathJax data-mathml='&lt;math>"
    + "&lt;mjx-munderover>&lt;mjx-under>&lt;mjx-over>" * 30
    + "deep'><b></b></span>",
    "<span class=katex><span class=katex-html><span class=mfrac><span class=vlist>",
    "<span class=katex><span class=katex-html><span class=op-limits><span class=vlist>",
]


@pytest.mark.parametrize("unit", DOUBLED)
def test_no_nesting_doubles_the_work(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Formulas in formulas that are found twice in each other cost a bounded number of nodes; what
    is not converted any more is there as text."""
    monkeypatch.setattr("stages.web.markdown.source.MAX_CONVERTED", 5_000)
    head, opening = unit[: unit.index(">") + 1], unit[unit.index(">") + 1 :]
    sources: list[Source] = []

    def recorded(tree: Tree) -> Source:
        sources.append(Source(tree))
        return sources[-1]

    monkeypatch.setattr("stages.web.markdown.write.Source", recorded)
    found = written(f"{head}{opening * 60}deep").text
    assert "deep" in "".join(found.split())
    assert sources[0].n_converted < 20_000


def test_a_page_of_formulas_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the limits formulas stand as the page has them: nothing is lost."""
    monkeypatch.setattr("stages.web.markdown.write.MAX_PAGE_CHARACTERS", 100)
    monkeypatch.setattr("stages.web.markdown.source.MAX_CONVERTED", 100)
    monkeypatch.setattr("stages.web.markdown.decide.MAX_FORMULAS", 100)
    page = "<script src=ASCIIMathML.js></script>" + "<p>`x^2` and <code>c</code>" * 99
    found = written(page)
    assert (found.n_formulas, found.text.count("`x^2`")) == (34, 65)
    found = written("<p><math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>" * 99)
    assert (found.text.count(r"\frac{1}{2}"), found.text.count("12")) == (33, 66)
    found = written("<p><span class=math>x_1</span>" * 199)
    assert (found.text.count("x_1"), found.text.count("$x_1$")) == (199, 100)
