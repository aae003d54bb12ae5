"""Elements and blocks of code that are called mathematics hold formulas, those that are not do not."""

# ruff: noqa: E501 - markup stands on lines of its own

import pytest

from stages.web.markdown.write import Written, write
from stages.web.tree.build import build

KATEX = (
    "<span class=katex><span class=katex-mathml><math><semantics><mi>x</mi>"
    "<annotation encoding='application/x-tex'>x_1</annotation></semantics></math></span></span>"
)
MATHML = "<mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math>"
DOCUMENT = (
    r"\documentclass[12pt]{minimal}\usepackage{amsmath}\begin{document}$$\alpha$$\end{document}"
)


def written(html: str) -> Written:
    return write(build(html.encode()))


INLINE = [
    # elements of many makers: a word of the name says it
    *((f"<{name}>n</{name}>", "$n$") for name in ("latex", "tex", "la-tex", "tex-math", "i-math", "d-math", "math-span",
      "katex-inline", "math-tex", "x-tex", "mathtex", "InlineMath", "eq", "m:latex", "site_latex")),
    *((f"<{name}>a_1 < b</{name}>", "$a_1 < b$") for name in ("latex", "math-field", "math-renderer", "formula")),
    (r"<latex>\text{mex} 50\%</latex>", r"$\text{mex} 50\%$"),
    (r"<latex>\operatorname{lcm}</latex>", r"$\operatorname{lcm}$"),
    ("<latex>a<sub>1</sub> = b</latex>", "$a_{1} = b$"),
    *((f"<latex>{text}</latex>", "$n$") for text in ("$n$", r"\(n\)", " n ")),
    ("<math-renderer class=js-inline-math>$n$</math-renderer>", "$n$"),
    (f"<d-math>{KATEX}</d-math>", "$x_1$"),
    # what is in an attribute
    (r"<katex-element expression='\sqrt{2}'></katex-element>", r"$\sqrt{2}$"),
    ("<math-view latex='x^2'></math-view>", "$x^2$"),
    ("<vue-mathjax formula='$x^2$'></vue-mathjax>", "$x^2$"),
    ("<math-field value='x^2'></math-field>", "$x^2$"),
    (r"<span data-mx-maths='\alpha'><code>\alpha</code></span>", r"$\alpha$"),
    # JATS
    (f"<inline-formula><tex-math>{DOCUMENT}</tex-math></inline-formula>", r"$\alpha$"),
    (f"<inline-formula>{MATHML}</inline-formula>", "$x^{2}$"),
    (f"<inline-formula><alternatives><tex-math>x^2</tex-math>{MATHML}</alternatives></inline-formula>", "$x^2$"),
    # AsciiMath, and TeX in MathML's element
    ("<asciimath>x^2/3</asciimath>", r"$\frac{x^{2}}{3}$"),
    ("<ascii-math>`x/2`</ascii-math>", r"$\frac{x}{2}$"),
    ("<span class=asciimath>x/2</span>", r"$\frac{x}{2}$"),
    ("<script type='math/asciimath'>x/2</script>", r"$\frac{x}{2}$"),
    (r"<math>\frac{a}{b}</math>", r"$\frac{a}{b}$"),
    # classes and attributes, also of code
    *((f"<{start}>n</{start.split()[0]}>", "$n$") for start in ("code class=language-math", "code data-math-style=inline",
      "span data-math-style=inline", "code class='language-math math-inline'", "code class=katex", "span class=katex-inline")),
    *((f"<span class={name}>x_1</span>", "$x_1$") for name in ("tex-inline", "math_inline", "inline-latex", "mathjax--inline")),
    (f"<code class='language-math math-inline'>{KATEX}</code>", "$x_1$"),
    ("<code class=math>$x$</code>", "$x$"),
    # code that holds a formula alone
    ("<code><latex>n</latex></code>", "$n$"),
    ("<code><span><tex>n</tex></span></code>", "$n$"),
    ("<code><script type='math/tex'>n</script></code>", "$n$"),
    ("<tt><img class=latex alt='x_1' src=a.png></tt>", "$x_1$"),
]  # fmt: skip

DISPLAYED = [
    *(f"<{name}>x_1</{name}>" for name in ("latex_display", "katex-display", "disp-formula", "math-div", "BlockMath", "eqn", "tex-block")),
    "<d-math block>x_1</d-math>",
    "<d-math block=''>x_1</d-math>",
    "<x-tex display=block>x_1</x-tex>",
    "<katex-expr display-mode>x_1</katex-expr>",
    "<katex-element expression=x_1 options='{\"displayMode\": true}'></katex-element>",
    "<math-renderer class=js-display-math>$$x_1$$</math-renderer>",
    "<section><eqn>x_1</eqn></section>",
    "<code class='math display'>x_1</code>",
    "<code data-math-style=display>x_1</code>",
    "<span class=katex-block>x_1</span>",
    "<code><script type='math/tex; mode=display'>x_1</script></code>",
    "<pre><code><latex>x_1</latex></code></pre>",
    "<pre><script type='math/tex'>x_1</script></pre>",
    f"<d-math block>{KATEX}</d-math>",
    f"<pre class=katex>{KATEX}</pre>",
    # blocks of code
    "<pre lang=math><code data-math-style=display>x_1 = 2</code></pre>",
    "<pre lang=math>x_1 = 2</pre>",
    "<pre class=math>x_1 = 2</pre>",
    "<pre class=katex>x_1 = 2</pre>",
    "<pre><code class='language-math math-display'>x_1 = 2</code></pre>",
    "<pre class='highlight language-math' lang=math><code><span class=line lang=math>x_1 = 2</span></code></pre>",
    "<div class='language-math highlighter-rouge'><div class=highlight><pre class=highlight><code>x_1 = 2</code></pre></div></div>",
    "<figure class='highlight math'><table><tr><td class=gutter><pre>1\n2</pre></td><td class=code><pre>x_1\n= 2</pre></td></tr></table></figure>",
    "<div class=math-block><pre>x_1 = 2</pre></div>",
]  # fmt: skip

LISTINGS = [
    ("<pre><code class=language-tex>\\frac{a}{b}</code></pre>", "```tex\n\\frac{a}{b}\n```"),
    ("<pre><code class=language-latex>$$x_1$$</code></pre>", "```latex\n$$x_1$$\n```"),
    ("<pre><code class=language-math>Plot[Sin[x], {x, 0, 10}]</code></pre>", "```math\nPlot[Sin[x], {x, 0, 10}]\n```"),
    ("<pre><code class=language-math>f[x_] := x^2</code></pre>", "```math\nf[x_] := x^2\n```"),
    ("<pre><code class=language-math>the sum of all = x</code></pre>", "```math\nthe sum of all = x\n```"),
    ("<pre><code class=language-math>\\newcommand{\\a}{b}</code></pre>", "```math\n\\newcommand{\\a}{b}\n```"),
    ("<div class=math><pre><code class=language-c>puts(\"\\nab\");</code></pre></div>", "```c\nputs(\"\\nab\");\n```"),
]  # fmt: skip

NO_FORMULAS = [
    ("<code>$x$</code>", "`$x$`"),
    (r"<code>\frac{a}{b}</code>", r"`\frac{a}{b}`"),
    ("<code>&lt;d-math&gt;</code>", "`<d-math>`"),
    ("<code>use <latex>n</latex> twice</code>", "`use n twice`"),
    ("<x-note>x_1</x-note>", "x_1"),
    ("<span class=math-block>Here the_user sets what one page says</span>", "Here the_user sets what one page says"),
    ("<formula-one>Results</formula-one>", "Results"),
    ("<math-quiz>Start</math-quiz>", "Start"),
    ("<latex>only $5 and $6</latex>", "only $5 and $6"),
    ("<Latex>What is $(3\\times 4)$ then?</Latex>", "What is $(3\\times 4)$ then?"),
    ("<tex>which writes down what the_user has set for a page", "which writes down what the_user has set for a page"),
    ("<latex>设备上的这个数等于多少。</latex>", "设备上的这个数等于多少。"),
    ("<latex></latex>it", "it"),
    ("<katex-element expression='x'/>and the rest of it", "and the rest of it"),
]  # fmt: skip


@pytest.mark.parametrize(("markup", "expected"), INLINE)
def test_in_the_line(markup: str, expected: str) -> None:
    """What an element holds is TeX if its name, class or attribute says so, be it a bare name."""
    found = written(f"<p>Let {markup} be.</p>")
    assert f"Let {expected} be." == found.text
    assert (found.n_formulas, found.n_code_blocks) == (1, 0)


@pytest.mark.parametrize("markup", DISPLAYED)
def test_on_lines_of_their_own(markup: str) -> None:
    """So it is with displayed formulas, and with blocks of code that are called mathematics."""
    found = written(f"<p>Let</p>{markup}<p>be.</p>")
    assert f"Let\n\n$$x_1{' = 2' * ('= 2' in markup)}$$\n\nbe." == found.text
    assert (found.n_formulas, found.n_code_blocks) == (1, 0)


@pytest.mark.parametrize(("markup", "expected"), LISTINGS)
def test_listings(markup: str, expected: str) -> None:
    """A listing of LaTeX stays one, and so does a block called mathematics that is a program."""
    found = written(f"<p>Let</p>{markup}<p>be.</p>")
    assert f"Let\n\n{expected}\n\nbe." == found.text
    assert found.n_formulas == 0


@pytest.mark.parametrize(("markup", "expected"), NO_FORMULAS)
def test_no_formulas(markup: str, expected: str) -> None:
    """Code, prose and elements with other names stay what they are."""
    assert f"Let {expected} be." == written(f"<p>Let {markup} be.</p>").text


def test_comments_of_tex() -> None:
    """A comment ends with its line, and a formula's lines become one."""
    html = "<pre class=math>\\sum % of all\n x % all\n</pre>"
    assert written(html).text == r"$$\sum x % all$$"
    assert written("<pre class=math>\\sum % of all\n 5\\%</pre>").text == r"$$\sum 5\%$$"


def test_prose_has_no_code_and_no_formulas() -> None:
    """What has a natural language is the words, not TeX and names between them."""
    html = r"<p>Then <code>x_1</code> and $\frac{a}{b}$ or \(c\) <latex>d</latex> end.</p>"
    words = written(html).prose.replace("$", "").replace("\\(", "").replace("\\)", "")
    assert words.split() == ["Then", "and", "or", "end."]
