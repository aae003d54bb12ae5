"""Code comes out to the letter, whatever markup its lines, numbers and buttons are made of."""

# ruff: noqa: E501 - markup stands on lines of its own

import pytest

from stages.web.markdown.write import Written, write
from stages.web.tree.build import build

CODE = "def area(r):\n    if r < 0:\n\n        return 0"
LINES = [line.replace("<", "&lt;") for line in CODE.split("\n")]
HARD = [line.replace("    ", "&nbsp;&nbsp;&nbsp;&nbsp;") for line in LINES]


def written(html: str) -> Written:
    return write(build(f"<p>Before.</p>{html}<p>After.</p>".encode()))


def lines(template: str, between: str = "", source: list[str] = LINES) -> str:
    return between.join(template.format(n=n, line=line) for n, line in enumerate(source, 1))


NUMBERS = "\n".join(str(n) for n in range(1, 5))
BLOCKS = {
    "pre": f"<pre>\n{chr(10).join(LINES)}\n</pre>",
    "figure": f"<figure class=highlight><pre><code>{chr(10).join(LINES)}</code></pre></figure>",
    "xmp": f"<xmp>{CODE}</xmp>",
    "textarea": f"<textarea readonly>{CODE}</textarea>",
    "br": f"<pre>{lines('{line}<br>')}</pre>",
    "code with br": f"<p><code>{lines('{line}', '<br>', HARD)}</code></p>",
    "code with br, laid out": f"<p><code>{lines('{line}', '<br>' + chr(10) + ' ' * 6, HARD)}</code>",
    "one code element a line": f"<p>{lines('<code>{line}</code>', '<br>', [HARD[0], HARD[1]])}"
    f"<br><code>&nbsp;</code><br><code>{HARD[3]}</code></p>",
    "div lines": f"<pre><code>{lines('<div class=line>{line}</div>')}</code></pre>",
    "div lines and line ends": f"<pre>{lines('<div>{line}</div>', chr(10))}</pre>",
    "item lines": f"<pre class=prettyprint><ol>{lines('<li>{line}</li>')}</ol></pre>",
    "paragraph lines": f"<pre>{lines('<p>{line}</p>')}</pre>",
    "block spans": f"<pre>{lines('<span style=display:block>{line}</span>')}</pre>",
    "flex spans": f"<pre>{lines('<span style=display:flex><span>{line}' + chr(10) + '</span></span>')}</pre>",
    "shiki": f"<pre class=shiki><code>{lines('<span class=line>{line}</span>', chr(10))}</code></pre>",
    "white-space": f"<div style='white-space: pre'>{chr(10).join(LINES)}</div>",
    "white-space on code": f"<code style='white-space:pre-wrap'>{chr(10).join(LINES)}</code>",
    "monospaced": f"<div style='font-family: Consolas; white-space: pre-wrap'>{chr(10).join(LINES)}</div>",
    "gist": "<table class='highlight js-file-line-container'>\n"
    + lines(
        "<tr>\n<td class=blob-num data-line-number={n}></td>\n<td class=blob-code>{line}</td>\n</tr>\n"
    )
    + "</table>",
    "rouge": f"<table class=rouge-table><tr><td class=gutter><pre>{NUMBERS}</pre><td class=code>"
    f"<pre>{chr(10).join(LINES)}</pre></table>",
    "cgit": f"<table><tr><td><pre>{lines('<a>{n}</a>', chr(10))}</pre></td><td><pre>"
    f"{chr(10).join(LINES)}</pre></td></tr></table>",
    "numbers beside": f"<div><pre>{NUMBERS}</pre><pre>{chr(10).join(LINES)}</pre></div>",
    "hljs table": "<pre><table class=hljs-ln>"
    + lines("<tr><td class=hljs-ln-numbers data-line-number={n}></td><td>{line}</td></tr>")
    + "</table></pre>",
    "pygments inline": f"<pre>{lines('<span class=linenos>{n}</span>{line}' + chr(10))}</pre>",
    "bare numbers": f"<pre>{lines('<span>{n}</span>{line}' + chr(10))}</pre>",
    "numbers as attributes": f"<pre>{lines('<i data-line-number={n}>{n}</i>{line}' + chr(10))}</pre>",
    "flex rows": f"<pre>{lines('<div><span>{n}</span><div>{line}</div></div>')}</pre>",
    "numbers as blocks": f"<pre>{lines('<div><div>{n}</div><div>{line}</div></div>')}</pre>",
    "expressive": "<pre><code>"
    + lines("<div><div class=gutter><div>{n}</div></div><div class=code>{line}</div></div>")
    + "</code></pre>",
    "doxygen": "<div class=fragment>"
    + lines("<div class=line><span class=lineno>{n}</span>&#160;{line}</div>\n")
    + "</div>",
    "codemirror 5": "<div class=CodeMirror-code>"
    + lines("<div><div class=CodeMirror-gutter-wrapper><div>{n}</div></div><pre>{line}</pre></div>")
    + "</div>",
    "codemirror 6": "<div><div class=cm-gutters>1</div><div class=cm-content>"
    + lines("<div class=cm-line>{line}</div>")
    + "</div></div>",
    "monaco": f"<div class=view-lines>{lines('<div class=view-line>{line}</div>', '', HARD)}</div>",
    "syntaxhighlighter": "<div class=syntaxhighlighter><table><tr><td class=gutter>"
    + lines("<div class=line>{n}</div>")
    + "<td class=code>"
    + lines("<div class=line><code>{line}</code></div>", "", HARD)
    + "</table></div>",
    "crayon": f"<div><div class=crayon-plain-wrap><textarea>{CODE}</textarea></div><table><tr><td "
    f"class=crayon-nums>{lines('<div>{n}</div>')}<td><div class=crayon-pre>"
    + lines("<div class=crayon-line>{line}</div>", "\n")
    + "</div></table></div>",
    "copy button": f"<pre><button>Copy</button><div class=copy-btn>Copy<i class=copied>Copied!</i></div>"
    f"<code>{chr(10).join(LINES)}</code></pre>",
    "clipboard": f"<pre><code>{chr(10).join(LINES)}</code><span class='sr copied'>copied</span></pre>",
    "trac": "<table class=code><thead><tr><th class=lineno>Line<th class=content> </th></tr></thead>"
    + lines("<tr><th id=L{n}><a href=#L{n}>{n}</a></th><td>{line}</td></tr>")
    + "</table>",
    "viewvc": "<table>"
    + lines(
        "<tr><td class=vc_file_line_number>{n}</td><td class=vc_file_line_text>{line}</td></tr>"
    )
    + "</table>",
    "redmine": "<table class=filecontent>"
    + lines(
        "<tr><th class=line-num><a>{n}</a></th><td class=line-code><pre>{line}\n</pre></td></tr>"
    )
    + "</table>",
    "gitea": "<table>"
    + lines(
        "<tr><td class=lines-num><span data-line-number={n}></span></td><td class=lines-code>"
        "<code class=code-inner>{line}\n</code></td></tr>"
    )
    + "</table>",
    "gitweb": f"<div>{lines('<div class=pre><a class=linenr>   {n}</a> {line}</div>' + chr(10))}</div>",
    "cnblogs": f"<pre>{lines('<span>{n}</span> {line}', chr(10))}</pre>",
    "old doxygen": f"<pre>{lines('<a name=l0{n}></a>0000{n} {line}', chr(10))}</pre>",
    "code mirror measures": "<div><div class=CodeMirror-measure><pre>x</pre></div>"
    f"<div class=CodeMirror-code>{lines('<pre class=CodeMirror-line>{line}</pre>')}</div></div>",
    "ace highlighted": "<div class=ace_static_highlight>"
    + lines("<div class=ace_line><span class=ace_gutter-cell></span>{line}\n</div>")
    + "</div>",
    "hexo lines": "<table><tr><td class=gutter>"
    + lines("<div class=line>{n}</div>")
    + f"<td class=code>{lines('<div class=line>{line}</div>')}</table>",
    "numbered lines": "<div class=code><div>"
    + lines("<div class=code-line><span class=num>{n}</span><span>{line}</span></div>")
    + "</div></div>",
    "cell called code": f"<table><tr><td class=code>{lines('{line}', '<br>', HARD)}</table>",
    "monospaced lines": f"<div style='font-family: courier'>{lines('{line}', '<br>', HARD)}</div>",
    "monospaced, blanks by turns": "<span style='font-family: Courier New'>"
    + lines("{line}", "<br>", [line.replace("    ", "&nbsp; &nbsp; ") for line in LINES])
    + "</span>",
    "monospaced elements": "<div style='font-family: Courier New, monospace'>"
    + lines("<div>{line}</div>", "", [line or "<br>" for line in HARD])
    + "</div>",
    "code elements in pre": f"<pre>{lines('<code style=display:block>{line}</code>', '', [LINES[0], LINES[1], '<br>', LINES[3]])}</pre>",
    "gitiles": "<table class=FileContents>"
    + lines("<tr><td class=lineNum data-line-number={n}></td><td>{line}</td></tr>")
    + "</table>",
    "dp highlighter": f"<ol class=dp-py>{lines('<li><span>{line}</span></li>', '', [line or '<br>' for line in HARD])}</ol>",
    "aloud alone": f"<pre><code>{chr(10).join(LINES)}</code><span class=sr-only>Done!</span></pre>",
    "pasted from an editor": "<div style='font-family: Consolas, monospace; white-space: pre'>"
    + lines("<div><span>{line}</span></div>")
    + "</div>",
    "paragraph": f"<p style='white-space: pre'>{chr(10).join(LINES)}</p>",
    "marked line": "<pre><code><span class=gatsby-highlight-code-line>"
    f"{LINES[0]}</span>{chr(10).join(LINES[1:])}</code></pre>",
    "header in pre": "<pre><div><div>python</div><div><button>Edit</button></div><div><code>"
    f"{chr(10).join(LINES)}</code></div></div></pre>",
    "label in pre": f"<pre><code>{chr(10).join(LINES)}</code><div>Copy</div></pre>",
    "labels behind": f"<div><pre>{chr(10).join(LINES)}</pre><a>Copy</a><i>Copied!</i></div>",
    "label before": f"<div><span>Copy code</span><pre>{chr(10).join(LINES)}</pre></div>",
}
NO_BLOCKS = {
    "a ranking": "<table><tr><td>1<td>Ada<tr><td>2<td>Bob<tr><td>3<td>Eve</table>",
    "numbered items": "<ol><li><b>1</b> Ada<li><b>2</b> Bob</ol>",
    "monospaced prose": "<div style='font-family: courier'>Some prose<br>on two lines</div>",
    "called code": "<div class=code><p>A paragraph of prose.</p><p>Another one.</p></div>",
    "a code to redeem": "<span class=code>AB12</span>",
    "lines of a poem": "<div class=poem><div class=line>One</div><div class=line>Two</div></div>",
}


@pytest.mark.parametrize("prose", NO_BLOCKS.values(), ids=NO_BLOCKS.keys())
def test_what_is_no_block(prose: str) -> None:
    """Numbers, fonts and names alone do not make code."""
    assert written(prose).n_code_blocks == 0


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
def test_one_block_to_the_letter(block: str) -> None:
    """Indentation and blank lines stay, numbers and buttons go, and there is one fence."""
    found = written(block)
    assert f"Before.\n\n```\n{CODE}\n```\n\nAfter." == found.text
    assert found.n_code_blocks == 1


@pytest.mark.parametrize(
    "tip",
    [
        "<span class=annottext>area :: Float\n</span>",
        "<span class=twoslash-popup-container><code>const area: number</code></span>",
        "<span class=hover-info><code>area : Nat</code></span>",
        "<small class=alectryon-output><div>1 goal</div></small>",
    ],
)
def test_what_shows_at_the_pointer_is_no_code(tip: str) -> None:
    """Types of names, as the pages of tools that know them show them."""
    found = written(f"<pre><span class=annot>{tip}<a href=#area>area</a></span> = 1</pre>")
    assert "```\narea = 1\n```" in found.text


@pytest.mark.parametrize(
    "markup",
    [
        "<div class=code>\n<span class=id title=keyword>Require</span> Arith.<br/>\n</div>",
        "<div class=code>\n<span class=id title=keyword>Lemma</span> a : True.<br/>\n<div>\n&nbsp;&nbsp;<a href=#i><span class=id title=tactic>exact</span></a> I.<br/>\n</div></div>",
    ],
)
def test_coqdoc(markup: str) -> None:
    """Its words say what they are, and its lines end in `<br>`, with proofs in elements or not."""
    found = written(markup)
    assert found.n_code_blocks == 1
    assert "```\nRequire Arith.\n```" in found.text or (
        "```\nLemma a : True.\n  exact I.\n```" in found.text
    )


def test_a_prototype_laid_out_as_a_table() -> None:
    """Doxygen's: parameters in columns are lines of code, no data."""
    found = written(
        "<table class=memname><tr><td class=memname>int area </td><td>(</td>"
        "<td class=paramtype>int&nbsp;</td><td class=paramname><em>w</em>, </td></tr>"
        "<tr><td></td><td></td><td class=paramtype>int&nbsp;</td><td><em>h</em>&nbsp;)</td></tr></table>"
    )
    assert "```\nint area (int w, \nint h )\n```" in found.text


def test_tabs_and_trailing_blanks() -> None:
    """Nothing inside of a block is tidied, except that no-break spaces become spaces."""
    assert "```\na\t b  \n\n\n\tc d\n```" in written("<pre>a\t b  \n\n\n\tc&nbsp;d</pre>").text


def test_numbers_that_are_code() -> None:
    """Numbers that do not count the lines are part of the code."""
    for code in ("1\n7", "5\n6\nx\ny\nz", "1\n2\n3"):
        marked = "\n".join(f"<i>{n}</i>" for n in code.split("\n"))
        assert f"```\n{code}\n```" in written(f"<pre>{marked}</pre>").text


def test_diffs_keep_their_blanks() -> None:
    """A blank at the start of every line is code, where no number stood before it."""
    assert "```\n a\n  b\n```" in written("<pre> a\n  b</pre>").text


def test_fence_longer_than_runs_inside() -> None:
    """A block that has a fence itself gets a longer one, and so does inline code."""
    assert "````\n```js\nx\n```\n````" in written("<pre>```js\nx\n```</pre>").text
    assert "a ``x`y`` b `` `z` `` c" in written("a <code>x`y</code> b <code>`z`</code> c").text


@pytest.mark.parametrize(
    ("markup", "language"),
    [
        ("<pre><code class='language-python'>x</code></pre>", "python"),
        ("<pre class='lang-js s-code-block'><code>x</code></pre>", "js"),
        ("<div class='highlight highlight-source-shell'><pre>x</pre></div>", "shell"),
        ("<pre class='brush: java; gutter: false'>x</pre>", "java"),
        ("<pre><code data-lang=go>x</code></pre>", "go"),
        ("<pre data-language=rust>x</pre>", "rust"),
        ("<div class='highlight-c notranslate'><div class=highlight><pre>x</pre></div></div>", "c"),
        ("<figure class='highlight ruby'><table><td><pre>x</pre></table></figure>", "ruby"),
        ("<pre><code class='hljs cpp'>x</code></pre>", "cpp"),
        ("<pre class='sourceCode haskell'><code>x</code></pre>", "haskell"),
        ("<pre class='EnlighterJSRAW' data-enlighter-language=php>x</pre>", "php"),
    ],
)
def test_language(markup: str, language: str) -> None:
    """The fence names the language that the markup does."""
    found = written(markup)
    assert f"```{language}\nx\n```" in found.text
    assert found.code_languages == (language,)


@pytest.mark.parametrize(
    "markup", ["language-none", "highlight text", "code-wrapper", "language-plaintext"]
)
def test_no_language(markup: str) -> None:
    """Classes that are no language's name are none."""
    assert written(f"<pre class='{markup}'>x</pre>").code_languages == ()


def test_code_at_column_zero() -> None:
    """Blocks in lists and quotes are not indented."""
    found = written("<ul><li>a<pre>x\n  y</pre>b</ul><blockquote><pre>z</pre></blockquote>")
    assert "- a\n\n```\nx\n  y\n```\n\n  b" in found.text
    assert "\n```\nz\n```\n" in found.text


def test_powers_in_code() -> None:
    """A raised exponent in code is written as one."""
    assert "`n <= 10^5`" in written("<code>n &lt;= 10<sup>5</sup></code>").text


def test_prose_that_keeps_its_lines() -> None:
    """`pre-wrap` alone does not make code."""
    found = written("<p style='white-space: pre-wrap'>One line\nand another</p>")
    assert "One line\nand another" in found.text
    assert found.n_code_blocks == 0
