"""What must survive extraction to the letter: code blocks, and formulas as LaTeX.

Both are taken out of the tree before an extractor flattens it, and a marker is left in their
place: a number between two private-use characters, which `tame` takes from the page wherever they
come from. `Kept.restore` puts them back, each once. A marker that the extractor drops takes its
block with it.

Every node's text is read a bounded number of times, and what is asked of its ancestors is
remembered: a page of nested or crowded markup costs no more than its size.

Formulas are written in every way that pages of mathematics use: MathJax scripts and preview
nodes, KaTeX and MathML with a TeX annotation or `alttext`, images of Wikipedia, WordPress and
LaTeX servers with the source in `alt` or in the address, `span.math` without delimiters (pandoc).
They come out as `\\(…\\)` and `\\[…\\]`; delimiters that stand in the page's text stay as they are.

A code block is an outermost `<pre>`, without line-number gutters. Its text is the text of its
nodes, with `<br>` and the ends of block elements as line ends and no-break spaces as spaces.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.web.tame import FORMULA_TAG, RESERVED

OPEN, CLOSE = RESERVED[1], RESERVED[2]

MAX_ADDRESS_CHARACTERS = 4096
"""Images inlined as `data:` addresses are longer, and no formulas."""

_MARKER = re.compile(f"{OPEN}([0-9]+){CLOSE}")
_NO_RESERVED = str.maketrans("", "", RESERVED)
_GUTTER_SELECTORS = (
    "td.gutter, td.linenos, td.lineno, td.rouge-gutter, td.hljs-ln-numbers, td.blob-num, "
    "div.gutter, span.linenos, span.lineno, span.line-number, span.line-numbers-rows, "
    "span.gutter, pre.lineno, pre.linenos, pre.line-numbers-only, div.linenodiv, a.anchor-line, "
    "span.linenumber, span.ln, span.lnt, span.lnlinks, span.hl-lineno, span.code-line-number, "
    "[style*='user-select:none'], [style*='user-select: none'], [data-line-number]:empty, "
    "button, style, script"
)
_GUTTERS = ", ".join(f"pre {selector}" for selector in _GUTTER_SELECTORS.split(", "))
_GUTTER_CLASSES = frozenset(
    {"gutter", "linenos", "lineno", "rouge-gutter", "linenodiv", "hljs-ln-numbers", "blob-num"}
)
_NUMBERS = ", ".join(f"{tag}:first-child:not(:has(*))" for tag in ("span", "a", "td"))
_MAX_NUMBER_CHARACTERS = 7
_INNER_LINES = "pre :is(div, li, p, tr):not(:has(div, li, p, tr))"
_RENDERED = (
    ".MathJax_Preview, .MathJax, .MathJax_Display, .MathJax_SVG, .MathJax_CHTML, "
    ".MJX_Assistive_MathML, .MathJax_SVG_Display, .mjx-chtml, .katex-html, .MathJax_MathML"
)
_TEX = 'annotation[encoding="application/x-tex"], annotation[encoding="TeX"]'
_SCRIPTS = f'{FORMULA_TAG}[type^="math/tex"], {FORMULA_TAG}[type^="math/latex"]'
_IMAGES = (
    "img.mwe-math-fallback-image-inline, img.mwe-math-fallback-image-display, img.tex, img.latex, "
    "img.math, img.ee_img, img[src*='latex'], img[src*='mathtex'], img[src*='mimetex'], "
    "img[src*='/tex?'], img[data-latex], img[eeimg]"
)
_SPANS = "span.math, div.math, span.tex, span.latex"
_TEX_SIGN = re.compile(r"[\\^_{}]")
_TEX_DELIMITER = re.compile(r"\\\(|\\\[|\$|\\begin")
_DELIMITERS = (
    ("\\(", "\\)", False), ("\\[", "\\]", True), ("$$", "$$", True), ("$latex ", "$", False),
    ("latex ", "", False), ("$", "$", False),
)  # fmt: skip
_SERVER = re.compile("latex|mathtex|mimetex|tex")
_SERVER_KEY = re.compile("(?:chl|tex|latex|eq)=")
_ROOT_CLASSES = re.compile(
    r"[ ](?:katex|katex-mathml|katex-display|mwe-math-element|MathJax\w*)[ ]"
)
_ROOT_TAGS = frozenset({"math", "semantics", "mjx-container", "mjx-assistive-mml"})
_MAX_ROOT_LEVELS = 8
_MATH_SIGNS = tuple(
    sign.encode()
    for sign in (
        FORMULA_TAG, "x-tex", "TeX", "<math", "mjx-", "MathJax", "mwe-math", "latex", "mathtex",
        "mimetex", "eeimg", "/tex?", "ee_img", '"math', " math ", '"tex"',
    )
)  # fmt: skip
"""A page without any of these has no formula to take out; the search costs a tenth of a parse."""


class Kept:
    """Blocks taken out of a page, by the number of their marker."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[str, bool]] = {}
        self._holders: set[int] = set()
        self.n_code_blocks = 0
        self.n_formulas = 0

    def mark(self, node: LexborNode, block: str, *, is_code: bool) -> str:
        """Remember a block that will be gone from the place of `node`; the marker to leave
        there."""
        number = len(self._blocks)
        self._blocks[number] = block.translate(_NO_RESERVED), is_code
        holder = node.parent
        while holder is not None and holder.mem_id not in self._holders:
            self._holders.add(holder.mem_id)
            holder = holder.parent
        return f"{OPEN}{number}{CLOSE}"

    def holds(self, node: LexborNode) -> bool:
        """Whether a block was taken out of this node."""
        return node.mem_id in self._holders

    def restore(self, text: str) -> str:
        """Put the blocks back, each in the first place of its marker, and count them. Blanks
        around a code block are the extractor's, around a formula the author's."""
        pieces: list[str] = []
        start = 0
        for marker in _MARKER.finditer(text):
            block, is_code = self._blocks.pop(int(marker[1]), ("", False))
            before, end = text[start : marker.start()], marker.end()
            if is_code:
                before = before.rstrip(" \t")
                while end < len(text) and text[end] in " \t":
                    end += 1
            pieces += (before, block)
            start = end
            self.n_code_blocks += is_code
            self.n_formulas += bool(block) and not is_code
        return "".join(pieces) + text[start:]


def take_out(tree: LexborHTMLParser, page: bytes) -> Kept:
    """Replace code blocks and formulas of the tree by markers. `page` is its source."""
    kept = Kept()
    if b"<pre" in page:
        _take_code(tree, kept)
    if any(sign in page for sign in _MATH_SIGNS):
        _Formulas(kept).take(tree)
    return kept


def _outermost(tree: LexborHTMLParser, selector: str) -> Iterator[LexborNode]:
    """The nodes that are in no other of their kind."""
    inner: set[int] = set()
    for node in tree.css(selector):
        if node.mem_id not in inner:
            inner.update(one.mem_id for one in node.css(selector))
            yield node


def _take_code(tree: LexborHTMLParser, kept: Kept) -> None:
    blocks = list(_outermost(tree, "pre"))
    for gutter in tree.css(_GUTTERS):
        gutter.replace_with("")
    for line_end in tree.css("pre br"):
        line_end.replace_with("\n")
    for line in tree.css(_INNER_LINES):  # they end as layout ends them
        if not line.text().endswith("\n"):
            line.insert_child("\n")
    gutters: dict[int, bool] = {}
    for node in blocks:
        if _is_gutter(node, gutters):
            node.replace_with("")
            continue
        _drop_numbers(node)
        code = node.text().replace("\u00a0", " ")
        if code.strip():
            block = tree.create_node("pre")
            block.insert_child(kept.mark(node, code.strip("\r\n"), is_code=True))
            node.replace_with(block)


def _drop_numbers(node: LexborNode) -> None:
    """Remove the numbers 1, 2, 3, … that begin the lines of a block as elements of their own."""
    child = node.first_child
    if child is not None and child.is_text_node and child.next is None:
        return
    numbers, values = [], []
    for span in node.css(_NUMBERS):
        text = span.text().strip()
        if text.isdecimal() and len(text) <= _MAX_NUMBER_CHARACTERS:
            numbers.append(span)
            values.append(int(text))
    if len(values) > 1 and values == list(range(values[0], values[0] + len(values))):
        for span in numbers:
            span.replace_with("")


def _is_gutter(node: LexborNode, known: dict[int, bool]) -> bool:
    """Whether a block, or the cell it fills, holds line numbers alone."""
    parent = node.parent
    if parent is not None and parent.mem_id not in known:
        known[parent.mem_id] = _has_gutter_class(parent)
    return _has_gutter_class(node) or (parent is not None and known[parent.mem_id])


def _has_gutter_class(node: LexborNode) -> bool:
    return not _GUTTER_CLASSES.isdisjoint((node.attributes.get("class") or "").split())


class _Formulas:
    """Takes the formulas out of a tree."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._renders: dict[int, tuple[bool, bool]] = {}

    def take(self, tree: LexborHTMLParser) -> None:
        """From their sources, in the order in which these are to be trusted; what else renders
        them is dropped."""
        for script in tree.css(_SCRIPTS):
            display = "mode=display" in (script.attributes.get("type") or "")
            self._put(script, script.text(), display)
        for annotation in _outermost(tree, _TEX):
            self._put(*self._root(annotation, annotation.text()))
        for node in tree.css("math[alttext]"):
            self._put(*self._root(node, node.attributes.get("alttext") or ""))
        for image in tree.css(_IMAGES):
            display = "display" in (image.attributes.get("class") or "")
            self._put(image, _image_source(image), display)
        for span in _outermost(tree, _SPANS):
            self._take_span(span)
        for rendered in tree.css(_RENDERED):
            if not self._kept.holds(rendered):
                rendered.replace_with("")

    def _take_span(self, span: LexborNode) -> None:
        text = "" if self._kept.holds(span) else span.text()
        if _TEX_SIGN.search(text) and not _TEX_DELIMITER.search(text):
            display = span.tag == "div" or "display" in (span.attributes.get("class") or "")
            self._put(span, text, display)

    def _root(self, node: LexborNode, source: str) -> tuple[LexborNode, str, bool]:
        """The outermost element that renders the same formula, and whether it stands alone."""
        root, parent = node, node.parent
        display = node.attributes.get("display") == "block"
        for _ in range(_MAX_ROOT_LEVELS):
            if parent is None:
                break
            if parent.mem_id not in self._renders:
                self._renders[parent.mem_id] = _renders_formula(parent)
            is_root, is_display = self._renders[parent.mem_id]
            if is_root:
                root, display = parent, display or is_display
            parent = parent.parent
        return root, source, display

    def _put(self, node: LexborNode, source: str, display: bool) -> None:
        tex = source.strip().removeprefix("<![CDATA[").removesuffix("]]>").strip("% \t\r\n")
        inner = _undelimited(tex)
        if inner is not None:
            tex, display = inner[0], display or inner[1]
        # no parent: a second source of a formula already taken out
        if not tex or node.parent is None or self._kept.holds(node):
            return
        block = f"\\[{tex}\\]" if display else f"\\({tex}\\)"
        node.replace_with(f" {self._kept.mark(node, block, is_code=False)} ")


def _renders_formula(node: LexborNode) -> tuple[bool, bool]:
    """Whether an element is part of what renders a formula, and as one that stands alone."""
    attributes = node.attributes
    classes = f" {attributes.get('class') or ''} "
    is_root = node.tag in _ROOT_TAGS or _ROOT_CLASSES.search(classes) is not None
    return is_root, "display" in classes or attributes.get("display") in {"block", "true"}


def _image_source(image: LexborNode) -> str:
    attributes = image.attributes
    alt = (attributes.get("data-latex") or attributes.get("alt") or "").strip()
    is_formula = _TEX_SIGN.search(alt) or _undelimited(alt) is not None
    if alt and (is_formula or "mwe-math" in (attributes.get("class") or "")):
        return alt
    address = (attributes.get("src") or "")[:MAX_ADDRESS_CHARACTERS]
    server = _SERVER.search(address)
    _, _, query = address[server.end() if server else len(address) :].partition("?")
    key = _SERVER_KEY.search(query, 0)
    return unquote(query[key.end() if key else 0 :]).replace("&space;", " ")


def _undelimited(tex: str) -> tuple[str, bool] | None:
    """What is between the delimiters that enclose a formula, and whether they make it stand
    alone."""
    tex = tex.strip()
    for opening, closing, display in _DELIMITERS:
        is_enclosed = tex.startswith(opening) and tex.endswith(closing)
        if is_enclosed and len(tex) >= len(opening) + len(closing):
            return tex[len(opening) : len(tex) - len(closing)].strip(), display
    return None
