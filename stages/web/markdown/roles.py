"""What elements, classes and styles mean to whoever writes a page down, as tables.

A node's role is a number: how it is written in the low byte, properties above it. Of classes and
styles only those of scripts say how an element in the line is written. Classes are those
of the tools that render code and formulas on pages; a name ending in `-` or `_` stands for all
classes that begin with it.
"""

from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from stages.web.tree.elements import NAMES, NameTable, hash_table, name_hash

(
    INLINE,
    SKIP,
    DROP,
    LINE,
    BLOCK,
    HEADING,
    ITEM,
    BULLETS,
    NUMBERS,
    TERM_LIST,
    DESCRIPTION,
    QUOTE,
    CODE,
    INLINE_CODE,
    TABLE,
    ROW,
    CELL,
    BREAK,
    RULE,
    SUPERSCRIPT,
    SUBSCRIPT,
    READING,
    PLACED,
    PLACED_BLOCK,
) = range(24)
"""Content in the line · not kept · nothing of it · lines of its own · a paragraph of its own · … ·
a table of data · its rows · its cells · `<br>` · `<hr>` · … · the reading of a ruby · a text that
the writer supplies, in the line or on lines of its own."""

(
    GUTTER,
    CODE_ROOT,
    FORMULA,
    MATH_CLASS,
    COPY,
    MULTILINE,
    PRE_STYLE,
    KEEP_LINES,
    BLOCK_STYLE,
    HIDDEN,
    NUMERIC,
    LAYOUT,
    SPANS,
    MONOSPACE,
    UNSELECTABLE,
    HAS_PRE,
    IMAGE,
    CODE_TABLE,
    ANCHOR,
    EMOJI,
    PLAIN_COPY,
    BLOCK_CLASS,
    LOOSE_GUTTER,
) = (1 << bit for bit in range(8, 31))
"""Line numbers beside code · holds code without being `<pre>` · may render a formula · may hold TeX
· copies code · inline code of several lines · `white-space: pre` · `pre-wrap` or `pre-line` ·
`display: block` · `display: none`, or shows at the pointer alone · its text is a number · a table
for layout · a cell over several columns or rows · a monospaced font, or called code · numbered, not
selectable or hidden from readers aloud · a table with `<pre>` in it · an image that may show a
formula · a table whose rows are lines of code · a link to a place itself or to its source · a
picture for a character · a second copy of code, or what tools say of it · says it is a block · line
numbers outside of the code's element."""

KIND = 0xFF


def _placed_mathematics() -> tuple[str, ...]:
    """Classes that say where mathematics stands: `katex-inline`, `block-math`, `tex_display`."""
    pairs = product(["math", "tex", "latex", "katex", "mathjax"], ["inline", "block", "display"])
    return tuple(
        f"{first}{between}{second}"
        for pair in pairs
        for first, second in (pair, pair[::-1])
        for between in ("-", "_", "--")
    )


_KINDS: dict[int, str] = {
    DROP: "head script style template select datalist title iframe noembed noframes video audio "
    "canvas svg object rp button progress meter input embed applet option optgroup param source "
    "track map area link meta base",
    LINE: "div dt caption legend summary figcaption center main body html nav header footer output "
    "menuitem",
    BLOCK: "p section article aside address details dialog dir fieldset figure form hgroup search",
    HEADING: "h1 h2 h3 h4 h5 h6",
    ITEM: "li",
    BULLETS: "ul menu dir",
    NUMBERS: "ol",
    TERM_LIST: "dl",
    DESCRIPTION: "dd",
    QUOTE: "blockquote",
    CODE: "pre xmp listing plaintext textarea",
    INLINE_CODE: "code tt samp",
    TABLE: "table",
    ROW: "tr",
    CELL: "td th",
    BREAK: "br",
    RULE: "hr",
    SUPERSCRIPT: "sup",
    SUBSCRIPT: "sub",
    READING: "rt",
}

_CLASSES: dict[int, str] = {
    GUTTER: "gutter linenos lineno rouge-gutter hljs-ln-numbers hljs-ln-n blob-num line-number "
    "line-numbers-rows linenodiv linenumber linenumbers line_number line_numbers lineNumber "
    "lineNumbers ln lnt lnlinks hl-lineno code-line-number anchor-line CodeMirror-linenumber "
    "CodeMirror-gutter-wrapper CodeMirror-gutter CodeMirror-gutters line-numbers-only cm-gutters "
    "cm-lineNumbers cm-gutterElement margin-view-overlays ace_gutter ace_gutter-cell crayon-nums "
    "crayon-num react-syntax-highlighter-line-number react-line-number token-line-number "
    "js-line-number diff-line-num row-number lines-num line-num line_no lineno-col nums "
    "code-gutter line-gutter linenum line-index enlighter-line-number pre-numbering "
    "hljs-line-numbers code-block-line-number highlight-line-number toolbar linenr lines-num "
    "vc_file_line_number source-line-no "
    "zeroclipboard-container",
    CODE_ROOT: "CodeMirror-code cm-content view-lines ace_text-layer fragment syntaxhighlighter "
    "crayon-pre enlighter-code geshi w3-code code-snippet__js hljs-code prism-code "
    "ace_static_highlight react-code-lines mw-geshi "
    "dp-c dp-cpp dp-css dp-delphi dp-j dp-jscript dp-php dp-py dp-rb dp-s dp-sql dp-vb dp-xml",
    COPY: "sr-only visually-hidden screen-reader-text",
    CODE_TABLE: "js-file-line-container highlight-table code-table hljs-ln diff-table "
    "blob-code-table file-code FileContents memname",
    FORMULA: "katex katex-display katex--inline katex--display mwe-math-element MathJax "
    "MathJax_Display MathJax_SVG MathJax_SVG_Display MathJax_CHTML MathJax_CHTML_Display mjx-chtml "
    "MathJax_MathML MathJax_Preview MJX_Assistive_MathML MJXc-display ztext-math ql-formula "
    "mathquill-embedded-latex mq-math-mode",
    MATH_CLASS: "math tex latex math-inline math-display math-block math-tex inline-math "
    "display-math mathtex arithmatex math-node math-formula formula js-render-math mathjax-latex "
    "inlineMath displayMath asciimath AsciiMath am MathMl language-math lang-math "
    + " ".join(_placed_mathematics()),
    IMAGE: "inlineformula displayformula numberedequation "
    "tex latex math mwe-math-fallback-image-inline mwe-math-fallback-image-display ee_img "
    "equation formula eq Latex LaTeX mathtex latex_img eqn",
    ANCHOR: "headerlink header-anchor anchorjs-link octicon-link mw-editsection anchor-link "
    "heading-anchor headinglink direct-link hash-link viewcode-link",
    EMOJI: "emoji wp-smiley smilie smiley",
    PLAIN_COPY: "crayon-plain-wrap crayon-toolbar enlighter-raw CodeMirror-measure fsdocs-tip "
    "copy-popup-wrapper search-button__wrapper search-button__kbd-shortcut",
    HIDDEN: "annottext twoslash-popup-container alectryon-output hover-info",
    MONOSPACE: "code codeblock codetable filecontent sourcecode source-code",
    BLOCK_STYLE: "gatsby-highlight-code-line ltx_p ltx_tr ltx_item",
    SUPERSCRIPT: "superscript sup",
    SUBSCRIPT: "subscript",
    BLOCK_CLASS: "block code-block codeblock block-code codeBlock CodeBlock",
}

_STYLES: dict[int, str] = {
    PRE_STYLE: "white-space:pre",
    KEEP_LINES: "white-space:pre-wrap white-space:pre-line white-space:break-spaces",
    BLOCK_STYLE: "display:block display:flex display:table display:grid display:list-item",
    HIDDEN: "display:none visibility:hidden",
    SUPERSCRIPT: "vertical-align:super",
    SUBSCRIPT: "vertical-align:sub",
    UNSELECTABLE: "user-select:none -webkit-user-select:none -moz-user-select:none",
    MONOSPACE: "font-family:monospace font-family:courier font-family:couriernew "
    "font-family:consolas font-family:menlo font-family:monaco font-family:lucidaconsole "
    "font-family:sourcecodepro font-family:ui-monospace",
}

SLOTS = 2048
"""Of the table of classes and styles: a power of two, sparsely filled."""


@cache
def kinds() -> npt.NDArray[np.int32]:
    """int32[tag]: how every element is written."""
    found = np.zeros(len(NAMES), np.int32)
    for kind, names in _KINDS.items():
        for name in names.split():
            found[NAMES.index(name)] = kind
    return found


@cache
def words() -> NameTable:
    """uint64[2, 2048]: hashes of classes and of style declarations without blanks, and their
    properties."""
    meanings: dict[int, int] = {}
    for table in (_CLASSES, _STYLES):
        for properties, names in table.items():
            for name in names.split():
                key = name_hash(name)
                meanings[key] = meanings.get(key, 0) | properties
    return hash_table(meanings.items(), SLOTS).reshape(2, SLOTS)
