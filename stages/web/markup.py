"""What must survive extraction to the letter: code blocks, and formulas as LaTeX.

Both are taken out of the tree before an extractor flattens it, and a marker is left in their
place (a number between two private-use characters, which the page itself cannot hold any more);
`Kept.restore` puts them back. A marker that the extractor drops takes its block with it.

Formulas are written in every way that pages of mathematics use: MathJax scripts and preview
nodes, KaTeX and MathML with a TeX annotation or `alttext`, images of Wikipedia, WordPress and
LaTeX servers with the source in `alt` or in the address, `span.math` without delimiters (pandoc).
They come out as `\\(…\\)` and `\\[…\\]`; delimiters that stand in the page's text stay as they are.

A code block is an outermost `<pre>`, without line-number gutters. Its text is the text of its
nodes, with `<br>` and the ends of block elements as line ends and no-break spaces as spaces.
"""

import re
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

OPEN, CLOSE = "\ue000", "\ue001"

MAX_ADDRESS_CHARACTERS = 4096
"""Images inlined as `data:` addresses are longer, and no formulas."""

_MARKER = re.compile(f"{OPEN}([0-9]+){CLOSE}")
_MARKER_LINE = re.compile(f"[ \t]{{0,64}}{OPEN}([0-9]+){CLOSE}[ \t]{{0,64}}")
_GUTTERS = (
    "td.gutter, td.linenos, td.lineno, td.rouge-gutter, td.hljs-ln-numbers, td.blob-num, "
    "div.gutter, span.linenos, span.lineno, span.line-number, span.line-numbers-rows, "
    "span.gutter, pre.lineno, pre.linenos, pre.line-numbers-only, div.linenodiv, a.anchor-line, "
    "span.linenumber, span.ln, span.lnt, span.lnlinks, span.hl-lineno, span.code-line-number, "
    "[style*='user-select:none'], [style*='user-select: none'], [data-line-number]:empty, "
    "button, style, script"
)
_GUTTER_CLASSES = frozenset(
    {"gutter", "linenos", "lineno", "rouge-gutter", "linenodiv", "hljs-ln-numbers", "blob-num"}
)
_LINE_BLOCKS = "div, li, p, tr"
_RENDERED = (
    ".MathJax_Preview, .MathJax, .MathJax_Display, .MathJax_SVG, .MathJax_CHTML, "
    ".MJX_Assistive_MathML, .MathJax_SVG_Display, .mjx-chtml, .katex-html, .MathJax_MathML"
)
_TEX = 'annotation[encoding="application/x-tex"], annotation[encoding="TeX"]'
_SCRIPTS = 'script[type^="math/tex"], script[type^="math/latex"]'
_IMAGES = (
    "img.mwe-math-fallback-image-inline, img.mwe-math-fallback-image-display, img.tex, img.latex, "
    "img.math, img.ee_img, img[src*='latex'], img[src*='mathtex'], img[src*='mimetex'], "
    "img[src*='/tex?'], img[data-latex], img[eeimg]"
)
_SPANS = "span.math, div.math, span.tex, span.latex"
_TEX_SIGN = re.compile(r"[\\^_{}]")
_DELIMITED = re.compile(
    r"\s*(?:\\\((.*)\\\)|\\\[(.*)\\\]|\$\$(.*)\$\$|\$?latex (.*?)\$?|\$(.*)\$)\s*", re.S
)
_ENVIRONMENT = re.compile(r"\\begin\{(?:equation|align|gather|multline|eqnarray|alignat)\*?\}")
_SERVER = re.compile(r"(?:latex|mathtex|mimetex|tex)[^?]*\?(?:.*?(?:chl|tex|latex|eq)=)?(.+)", re.S)
_MATH_SIGNS = (
    "math/tex", "math/latex", "x-tex", "TeX", "<math", "mjx-", "MathJax_", "MathJax", "mwe-math",
    "latex", "mathtex", "mimetex", "eeimg", "/tex?", "ee_img", '"math', "'math", "=math", " math ",
    '"tex"',
)  # fmt: skip
"""A page without any of these has no formula to take out; the search costs a tenth of a parse."""


class Kept:
    """Blocks taken out of a page, by the number of their marker."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._is_code: list[bool] = []
        self.n_code_blocks = 0
        self.n_formulas = 0

    def mark(self, block: str, *, is_code: bool) -> str:
        """Remember a block; the marker to leave in its place."""
        self._blocks.append(block)
        self._is_code.append(is_code)
        return f"{OPEN}{len(self._blocks) - 1}{CLOSE}"

    def restore(self, text: str) -> str:
        """Put the blocks back and count those that are still there."""
        self.n_code_blocks = self.n_formulas = 0
        return _MARKER.sub(self._restore_one, _MARKER_LINE.sub(self._strip_code, text))

    def _strip_code(self, match: re.Match[str]) -> str:
        """Blanks around a code block are the extractor's, around a formula the author's."""
        number = int(match[1])
        is_code = number < len(self._blocks) and self._is_code[number]
        return f"{OPEN}{number}{CLOSE}" if is_code else match[0]

    def _restore_one(self, match: re.Match[str]) -> str:
        number = int(match[1])
        if number >= len(self._blocks):
            return ""
        if self._is_code[number]:
            self.n_code_blocks += 1
        else:
            self.n_formulas += 1
        return self._blocks[number]


def take_out(tree: LexborHTMLParser, html: str) -> Kept:
    """Replace code blocks and formulas of the tree by markers. `html` is its source."""
    kept = Kept()
    if "<pre" in html or "<PRE" in html:
        for node in [node for node in tree.css("pre") if not _is_inside(node, "pre")]:
            _take_code(tree, node, kept)
    if any(sign in html for sign in _MATH_SIGNS):
        _take_formulas(tree, kept)
    return kept


def _take_code(tree: LexborHTMLParser, node: LexborNode, kept: Kept) -> None:
    if _is_gutter(node):
        node.replace_with("")
        return
    for gutter in node.css(_GUTTERS):
        gutter.replace_with("")
    for line_end in node.css("br"):
        line_end.replace_with("\n")
    _drop_numbers(node)
    _end_lines(node)
    code = node.text().replace("\u00a0", " ")
    if code.strip():
        _replace(node, kept.mark(code.strip("\r\n"), is_code=True), tree)


def _drop_numbers(node: LexborNode) -> None:
    """Remove the numbers 1, 2, 3, … that begin the lines of a block as elements of their own."""
    numbers = [
        span
        for span in node.css("span:first-child, a:first-child, td:first-child")
        if span.text().strip().isdecimal()
    ]
    values = [int(span.text()) for span in numbers]
    if len(values) > 1 and values == list(range(values[0], values[0] + len(values))):
        for span in numbers:
            span.replace_with("")


def _end_lines(node: LexborNode) -> None:
    """Give lines that are elements (`<div>`, `<li>`) the line end that layout gives them."""
    for line in node.css(_LINE_BLOCKS):
        if len(line.css(_LINE_BLOCKS)) == 1 and not line.text().endswith("\n"):  # itself alone
            line.insert_child("\n")


def _is_gutter(node: LexborNode) -> bool:
    """Whether a block, or the cell it fills, holds line numbers alone."""
    parent = node.parent
    classes = (node.attributes.get("class") or "").split()
    if parent is not None:
        classes += (parent.attributes.get("class") or "").split()
    return not _GUTTER_CLASSES.isdisjoint(classes)


def _replace(node: LexborNode, marker: str, tree: LexborHTMLParser) -> None:
    """Leave the marker in a block of its own."""
    block = tree.create_node("pre")
    block.insert_child(marker)
    node.replace_with(block)


def _is_inside(node: LexborNode, tag: str) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.tag == tag:
            return True
        parent = parent.parent
    return False


def _take_formulas(tree: LexborHTMLParser, kept: Kept) -> None:
    for script in tree.css(_SCRIPTS):
        display = "mode=display" in (script.attributes.get("type") or "")
        _put_formula(script, script.text(), display, kept)
    for annotation in tree.css(_TEX):
        root, display = _formula_root(annotation)
        _put_formula(root, annotation.text(), display, kept)
    for node in tree.css("math[alttext]"):
        root, display = _formula_root(node)
        _put_formula(root, node.attributes.get("alttext") or "", display, kept)
    for image in tree.css(_IMAGES):
        tex = _image_source(image)
        if tex:
            display = "display" in (image.attributes.get("class") or "")
            _put_formula(image, tex, display, kept)
    for span in tree.css(_SPANS):
        text = span.text()
        if (
            OPEN not in text
            and _TEX_SIGN.search(text)
            and not re.search(r"\\\(|\\\[|\$|\\begin", text)
        ):
            display = span.tag == "div" or "display" in (span.attributes.get("class") or "")
            _put_formula(span, text, display, kept)
    for rendered in tree.css(_RENDERED):
        if OPEN not in rendered.text():
            rendered.replace_with("")


def _formula_root(node: LexborNode) -> tuple[LexborNode, bool]:
    """The outermost element that renders the same formula, and whether it stands alone."""
    root, parent, display = node, node.parent, False
    for _ in range(8):
        if parent is None:
            break
        classes = f" {parent.attributes.get('class') or ''} "
        if parent.tag in {"math", "semantics", "mjx-container", "mjx-assistive-mml"} or re.search(
            r"[ ](?:katex|katex-mathml|katex-display|mwe-math-element|MathJax\w*)[ ]", classes
        ):
            root = parent
            display |= "display" in classes or parent.attributes.get("display") in {"block", "true"}
        parent = parent.parent
    display |= node.attributes.get("display") == "block"
    return root, display


def _image_source(image: LexborNode) -> str:
    attributes = image.attributes
    alt = (attributes.get("data-latex") or attributes.get("alt") or "").strip()
    if alt and (
        _TEX_SIGN.search(alt)
        or _DELIMITED.fullmatch(alt)
        or "mwe-math" in (attributes.get("class") or "")
    ):
        return alt
    found = _SERVER.search((attributes.get("src") or "")[:MAX_ADDRESS_CHARACTERS])
    return unquote(found[1]).replace("&space;", " ") if found else ""


def _put_formula(node: LexborNode, source: str, display: bool, kept: Kept) -> None:
    tex = source.strip().removeprefix("<![CDATA[").removesuffix("]]>").strip("% \t\r\n")
    found = _DELIMITED.fullmatch(tex)
    if found is not None:
        display = display or found[2] is not None or found[3] is not None
        tex = next(group for group in found.groups() if group is not None).strip()
    if not tex:
        return
    if node.parent is None:  # a second source of a formula already taken out
        return
    block = f"\\[{tex}\\]" if display else f"\\({tex}\\)"
    node.replace_with(f" {kept.mark(block, is_code=False)} ")
