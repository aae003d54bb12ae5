"""From the kept nodes of a page's tree to Markdown.

`mark` gives every node its role, `decide` settles what needs a look around (formulas, code in odd
markup), `flow` writes in one walk and leaves marks, and here the marks become fences, formulas,
tables and scripts. Kernels do what is done for every node and byte, Python what is done for few.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stages.web.formulas import drop_formulas
from stages.web.markdown import paper
from stages.web.markdown.code import (
    clean_code,
    code_span,
    drop_labels,
    fence,
    is_numbering,
    without_separator,
)
from stages.web.markdown.decide import decide
from stages.web.markdown.flow import flow
from stages.web.markdown.languages import MATHEMATICS, code_language
from stages.web.markdown.mark import Flags, marked_nodes
from stages.web.markdown.roles import GUTTER, kinds, words
from stages.web.markdown.scripts import plain_scripts, write_scripts
from stages.web.markdown.source import Source
from stages.web.markdown.tables import Cell, render_table
from stages.web.markdown.tex.asciimath import (
    MAX_PAGE_CHARACTERS,
    declares_asciimath,
    place_asciimath,
)
from stages.web.markdown.tex.listings import listed_formula
from stages.web.markdown.tex.placing import Placed
from stages.web.tree.build import Tree
from stages.web.tree.elements import TAGS
from stages.web.tree.state import Numbers

_PLACE, _CODE_START, _CODE_END = map(chr, (paper.PLACE, paper.CODE_START, paper.CODE_END))
_TABLE_START, _TABLE_END, _ROW_END = map(chr, (paper.TABLE_START, paper.TABLE_END, paper.ROW_END))
_CELL, _WIDE_CELL = chr(paper.CELL_START), chr(paper.WIDE_CELL)
_SPAN, _SPAN_END = chr(paper.CODE_SPAN), chr(paper.CODE_SPAN_END)
_SPANS = re.compile(f"{_SPAN}([^{_SPAN}{_SPAN_END}]*){_SPAN_END}")
_SPAN_LINE = f"{_SPAN}[^{_SPAN_END}\n]*{_SPAN_END}(?:[ ]?{_SPAN}[^{_SPAN_END}\n]*{_SPAN_END})*"
_SPAN_LINES = re.compile(f"^{_SPAN_LINE}(?:\n{_SPAN_LINE})+$", re.M)
_SPAN_LINE_ENDS = f"{_SPAN_END}\n{_SPAN}"
"""What two lines of inline code alone have between them."""
_TABLES = re.compile(f"{_TABLE_START}([^{_TABLE_START}{_TABLE_END}]*){_TABLE_END}")
_CELLS = re.compile(f"([{_CELL}{_WIDE_CELL}])")
_STRAY = bytes(byte for byte in range(32) if byte not in b"\t\n\r")
_TRAILING = re.compile(r"[ \t]+\n")
_GAPS = re.compile(r"\n{3,}")
_PLACES = re.compile(_PLACE)
_MARKER = re.compile("[^> ]")
"""Of what stands before the first line of a block, what does not before the others."""
_TEXTAREA = TAGS["textarea"]


@dataclass(frozen=True)
class Written:
    """A page's Markdown and what is in it."""

    text: str
    n_code_blocks: int
    n_formulas: int
    code_languages: tuple[str, ...]
    """As the markup says, in order of appearance."""
    prose: str
    """The text without code and formulas: what has a natural language."""


def write(tree: Tree, keep: Flags | None = None) -> Written:
    """The kept nodes as Markdown (`keep`: bool[n_nodes]; None: all)."""
    source = Source(tree)
    nodes = marked_nodes(tree, keep, kinds(), words())
    placed = decide(source, nodes[paper.ROLE])
    out, marked = _flow(tree, nodes)
    return _Finish(source, placed, marked, nodes[paper.ROLE]).finish(out)


def _flow(tree: Tree, nodes: Numbers) -> tuple[str, list[int]]:
    n, n_text = nodes.shape[1], len(tree.text)
    state = np.empty(paper.MARKED + n + 1, np.int64)
    state[: paper.FRAMES] = 0
    state[paper.WANT] = 1
    state[paper.BUDGET] = budget = n_text + 16 * n
    out = np.empty(2 * n_text + budget + 16 * n + 1024, np.uint8)
    flow(nodes, tree.text, out, state)
    marked = state[paper.MARKED : paper.MARKED + state[paper.N_MARKED]].tolist()
    return out[: state[paper.N_OUT]].tobytes().decode("utf-8", "replace"), marked


class _Finish:
    """Turns marks into Markdown. Marked nodes are used up in the order of their marks."""

    def __init__(
        self, source: Source, placed: dict[int, Placed], marked: list[int], role: Numbers
    ) -> None:
        self._source = source
        self._role = role
        self._placed = placed
        nodes: dict[str, list[int]] = {_PLACE: [], _CODE_START: [], _WIDE_CELL: []}
        for mark in marked:
            nodes[chr(mark % paper.MARKS)].append(mark // paper.MARKS)
        self._nodes = {mark: iter(found) for mark, found in nodes.items()}
        self._languages: dict[str, None] = {}
        self._n_code = self._n_formulas = self._n_asciimath = 0
        self._words: list[str] = []

    def finish(self, out: str) -> Written:
        parts: list[str] = []
        last_code = ""
        pieces = out.split(_CODE_START)
        for number, piece in enumerate(pieces):
            text = piece
            if number:
                code, _, text = piece.partition(_CODE_END)
                node = next(self._nodes[_CODE_START])
                code = clean_code(code)
                if code[:1] == " " and self._is_numbered(node):
                    code = without_separator(code)
                if code and not (
                    self._source.tag[node] == _TEXTAREA and code.strip() == last_code.strip()
                ):
                    if parts and is_numbering(last_code, code) and parts[-1] == "\n\n":
                        del parts[-2:]
                        self._n_code -= 1
                    parts.append(self._listing(code, node))
                last_code = code if "\n" in code else ""
            text = drop_labels(text, before=number < len(pieces) - 1, behind=number > 0)
            text = self._prose(text)
            if not parts or parts[-1].endswith("\n\n"):
                text = text.lstrip("\n")
            if text:
                parts.append(text)
        text = self._fill("".join(parts))
        return Written(
            text=text.strip("\n "),
            n_code_blocks=self._n_code,
            n_formulas=self._n_formulas,
            code_languages=tuple(self._languages),
            prose="".join(self._words).replace(_PLACE, " ").strip(),
        )

    @cached_property
    def _declares_asciimath(self) -> bool:
        return declares_asciimath(self._source.tree.page)

    def _is_numbered(self, node: int) -> bool:
        """Whether numbers of lines are left out of a block of code."""
        return bool((self._role[node : self._source.end[node]] & GUTTER).any())

    def _listing(self, code: str, node: int) -> str:
        """A block of code, or the formula that it is."""
        language = code_language(self._source, node)
        found = listed_formula(code) if language == MATHEMATICS else None
        if found is None:
            return self._block(code, language)
        self._n_formulas += 1
        return found[0]

    def _block(self, code: str, language: str | None) -> str:
        self._n_code += 1
        if language:
            self._languages[language] = None
        return fence(code, language)

    def _prose(self, text: str) -> str:
        """Text between blocks of code, formulas still marked."""
        bare = split = text
        pieces: list[str] = []
        if _SPAN in text:
            text = split = text.replace(_SPAN_END + _SPAN, "")
            pieces = _SPANS.split(text)  # every other one is code
            bare = " ".join(pieces[::2])
        if "`" in bare and self._declares_asciimath:
            n_most = MAX_PAGE_CHARACTERS - self._n_asciimath
            text, n_formulas, n_characters = place_asciimath(text, _SPANS, n_most)
            self._n_formulas += n_formulas
            self._n_asciimath += n_characters
        if _SPAN in text:
            if _SPAN_LINE_ENDS in text:
                text = _SPAN_LINES.sub(self._span_lines, text)
            if text is not split:
                pieces = _SPANS.split(text)
            pieces[1::2] = [code_span(plain_scripts(code.strip(" "))) for code in pieces[1::2]]
            text = "".join(pieces)
        if _TABLE_START in text:
            text = _TABLES.sub(self._table, text)
        words, n_formulas = drop_formulas(bare)
        self._words.append(words)
        self._n_formulas += n_formulas
        text = write_scripts(text)
        if " \n" in text:
            text = _TRAILING.sub("\n", text)
        if "\n\n\n" in text:
            text = _GAPS.sub("\n\n", text)
        return text

    def _span_lines(self, match: re.Match[str]) -> str:
        """Lines of inline code alone are a block of code."""
        code = plain_scripts(match[0].replace(_SPAN, "").replace(_SPAN_END, ""))
        return f"\n{self._block(clean_code(code), None)}\n"

    def _table(self, match: re.Match[str]) -> str:
        caption, rows = "", []
        for number, line in enumerate(match[1].split(_ROW_END)):
            first, *cells = _CELLS.split(line)
            caption += f" {first}" if number == 0 or first.strip() else ""
            row: list[Cell] = []
            for mark, cell in zip(cells[::2], cells[1::2], strict=True):
                columns, lines = (1, 1) if mark == _CELL else self._spans()
                row.append((cell, columns, lines))
            rows.append(row)
        table = render_table(caption, rows)
        before = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()]
        return table.replace("\n", f"\n{_MARKER.sub(' ', before)}") if before else table

    def _spans(self) -> tuple[int, int]:
        attributes = self._source.attributes(next(self._nodes[_WIDE_CELL]))
        spans = (attributes.get(name, "1").strip()[:6] for name in ("colspan", "rowspan"))
        columns, rows = (int(span) if span.isascii() and span.isdigit() else 1 for span in spans)
        return columns, rows

    def _fill(self, text: str) -> str:
        """The text with its formulas, other marks gone."""
        if self._placed:
            text = _PLACES.sub(self._next_formula, text)
        written = text.encode("utf-8", "surrogatepass")
        kept = written.translate(None, _STRAY)
        return text if len(kept) == len(written) else kept.decode("utf-8", "surrogatepass")

    def _next_formula(self, _: re.Match[str]) -> str:
        text = self._placed[next(self._nodes[_PLACE])][0]
        self._n_formulas += text[0] in "$\\"
        return text
