"""HTML's elements as numbers with properties, and the attributes that extraction asks for.

Tag 0 is a text node, 1 an element whose name is not in the table; `MATHEMATICS` are those whose
name is not there either, but has a word of mathematics in it (`d-math`, `katex-display`, `latex`):
sites and web components make up their own. A prefix (`mml:math`) is not part of a name. Properties
follow the tree construction of the HTML standard (section 13.2.6).
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt

TEXT, UNKNOWN = 0, 1
MATHEMATICS = ("#math", "#math-block", "#tex", "#tex-block", "#asciimath", "#asciimath-block")
"""Elements that say in their name that they hold mathematics in some notation, TeX or AsciiMath, in
the line or on lines of its own; their tags follow `UNKNOWN`."""
FIRST_MATHEMATICS, LAST_MATHEMATICS = 2, 7
IS_MATH, IS_TEX, IS_ASCIIMATH, IS_BLOCK, IS_INLINE = 1, 2, 3, 4, 8
"""What a word of such a name says: the notation (the highest counts), and where it stands."""

MAX_CELL_BYTES = 800
"""A cell with more text than this is laid out, no datum."""

(
    VOID, SPECIAL, CLOSES_P, FORMATTING, RAW, REFERENCES, BARRIER, HEADING, HEAD, TABLE_PART,
    BREAKOUT, TABLE, GROUP, ROW, CELL, LIST, ITEM, TERM, ENDS_ITEM, BUTTON, OPTIONS, RUBY,
    FOREIGN_ROOT, INTEGRATES, ONE_AT_A_TIME, PREFORMATTED, ALWAYS_CLOSED,
) = (1 << bit for bit in range(27))  # fmt: skip
"""No content · block-like in the standard's sense · its start ends an open paragraph · inline
formatting · content is text up to its own end tag · such text with character references · end tags
do not reach past it · h1 to h6 · may stand in the head · part of a table · ends SVG and MathML · a
table or template · … · no open item is looked for beyond it · … · begins SVG or MathML · holds HTML
in them · its start ends an open one · a line end at its start is none · an end tag alone is an
element, too."""

_PROPERTIES: dict[int, str] = {
    VOID: "area base basefont bgsound br col command embed frame hr img input keygen link meta "
    "param source track wbr",
    SPECIAL: "address applet area article aside base basefont bgsound blockquote body br button "
    "caption center col colgroup dd details dialog dir div dl dt embed fieldset figcaption figure "
    "footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe img input "
    "keygen li link listing main marquee menu meta nav noembed noframes noscript object ol p "
    "param plaintext pre script search section select source style summary table tbody td "
    "template textarea tfoot th thead title tr track ul wbr xmp",
    CLOSES_P: "address article aside blockquote center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr li listing main menu nav ol "
    "p plaintext pre search section summary table ul xmp",
    FORMATTING: "a b big code em font i nobr s small strike strong tt u",
    RAW: "iframe noembed noframes plaintext script style textarea title xmp",
    REFERENCES: "textarea title",
    BARRIER: "applet caption html marquee object table td template th svg math foreignobject",
    HEADING: "h1 h2 h3 h4 h5 h6",
    HEAD: "base basefont bgsound head html link meta noframes noscript script style template title",
    TABLE_PART: "caption col colgroup tbody td tfoot th thead tr",
    BREAKOUT: "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head "
    "hr i img li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt "
    "u ul var",
    TABLE: "table template",
    GROUP: "tbody tfoot thead",
    ROW: "tr",
    CELL: "td th",
    LIST: "ol ul",
    ITEM: "li",
    TERM: "dd dt",
    BUTTON: "button",
    OPTIONS: "optgroup option",
    RUBY: "rb rp rt rtc",
    FOREIGN_ROOT: "math svg",
    INTEGRATES: "annotation-xml desc foreignobject mtext",
    ONE_AT_A_TIME: "a button select",
    PREFORMATTED: "listing pre",
    ALWAYS_CLOSED: "br p",
}
_NOT_ENDING_ITEMS = ("address", "div", "p")
_OTHERS = (
    "abbr acronym annotation annotation-xml audio bdi bdo canvas cite data datalist del dfn g "
    "gist ins kbd label legend map mark math menclose menuitem merror meter mfenced mfrac mglyph "
    "mi mlabeledtr mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace "
    "msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none mjx-assistive-mml "
    "mjx-container mjx-math mjx-mi mjx-mo mjx-mn mjx-mtext mjx-mrow mjx-texatom mjx-c mjx-utext "
    "mjx-msup mjx-msub mjx-msubsup mjx-script mjx-mfrac mjx-frac mjx-num mjx-den mjx-msqrt "
    "mjx-mroot mjx-sqrt mjx-root mjx-munder mjx-mover mjx-munderover mjx-over mjx-under mjx-base "
    "mjx-mtable mjx-mtr mjx-mtd mjx-mspace mjx-speech mjx-row mjx-op mjx-box object optgroup "
    "option output path picture progress q rb rp rt rtc ruby samp semantics slot "
    "span sub sup svg text time var video foreignobject desc"
)
_WORDS = {
    IS_MATH: "math maths imath formula eq",
    IS_MATH | IS_BLOCK: "eqn equation",
    IS_TEX: "tex latex katex mathjax texmath mathtex",
    IS_ASCIIMATH: "asciimath",
}
_PLACES = {"block": IS_BLOCK, "display": IS_BLOCK, "disp": IS_BLOCK, "div": IS_BLOCK,
           "inline": IS_INLINE}  # fmt: skip
NAMES: tuple[str, ...] = (
    "#text",
    "#unknown",
    *MATHEMATICS,
    *sorted({name for names in (*_PROPERTIES.values(), _OTHERS) for name in names.split()}),
)
TAGS: dict[str, int] = {name: tag for tag, name in enumerate(NAMES)}

ATTRIBUTES: tuple[str, ...] = (
    "#other", "alt", "alttext", "aria-hidden", "aria-label", "charset", "class", "colspan",
    "content", "data-code", "data-equation", "data-expr", "data-formula", "data-lang",
    "data-language", "data-latex", "data-line-number", "data-math", "data-mathml", "data-original",
    "data-src", "data-tex", "datetime", "dir", "display", "eeimg", "encoding", "hidden", "href",
    "id", "itemprop", "itemtype", "lang", "language", "linebreak", "mathvariant", "mode", "name",
    "notation", "property", "rel", "reversed", "role", "rowspan", "src", "start", "style", "title",
    "type", "value", "xml:lang", "open", "close", "separators", "accent", "stretchy", "height",
    "width", "data-math-style", "data-mx-maths",
)  # fmt: skip
KEYS: dict[str, int] = {name: number for number, name in enumerate(ATTRIBUTES)}

SLOTS = 1024
"""Of each name table: open addressing, a power of two, sparsely filled."""
FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3

NameTable = npt.NDArray[np.uint64]


def name_hash(name: str) -> int:
    """FNV-1a of the name's bytes, 64 bits."""
    value = FNV_OFFSET
    for byte in name.encode():
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return value


def hash_table(values: Iterable[tuple[int, int]], n_slots: int) -> NameTable:
    """uint64[2 * n_slots]: keys by open addressing from key % n_slots on, zero where empty, then
    the value of each (negative ones as 2^64 less)."""
    table = np.zeros(2 * n_slots, np.uint64)
    for key, value in values:
        slot = key % n_slots
        while table[slot]:
            slot = (slot + 1) % n_slots
        table[slot] = key
        table[n_slots + slot] = value & 0xFFFFFFFFFFFFFFFF
    return table


def _numbered(names: tuple[str, ...], first: int) -> list[tuple[int, int]]:
    return [(name_hash(name), number) for number, name in enumerate(names) if number >= first]


@cache
def words_of_mathematics() -> dict[str, int]:
    """The words that make an unknown element one of `MATHEMATICS`, with what they say."""
    found = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}
    for word, meaning in [(w, m) for w, m in found.items() if m & IS_ASCIIMATH]:
        for place, where in _PLACES.items():
            found[word + place] = found[place + word] = meaning & IS_ASCIIMATH | where
    return found | _PLACES


@cache
def name_tables() -> NameTable:
    """uint64[4 * 1024]: of elements, then of attributes, the hashes of names and their numbers,
    zero where empty. Words of mathematics are among the elements, behind a `#`, which no name
    begins with."""
    words = [(name_hash(f"#{word}"), said) for word, said in words_of_mathematics().items()]
    elements = _numbered(NAMES, LAST_MATHEMATICS + 1) + words
    return np.concatenate(
        [hash_table(elements, SLOTS), hash_table(_numbered(ATTRIBUTES, 1), SLOTS)]
    )


@cache
def properties() -> npt.NDArray[np.int32]:
    """int32[2, tag]: the properties of every element, and which of them in another element keep
    its end tag from reaching past."""
    found = np.zeros((2, len(NAMES)), np.int32)
    for flag, names in _PROPERTIES.items():
        for name in names.split():
            found[0, TAGS[name]] |= flag
    for tag, flags in enumerate(found[0]):
        if flags & SPECIAL and NAMES[tag] not in _NOT_ENDING_ITEMS:
            found[0, tag] |= ENDS_ITEM
    found[1] = [_scope(name, int(flags)) for name, flags in zip(NAMES, found[0], strict=True)]
    return found


def _scope(name: str, flags: int) -> int:
    if flags & TABLE_PART:
        return TABLE
    if name in ("table", "template", "svg", "math"):
        return 0
    if name == "p":
        return BARRIER | BUTTON
    if flags & ITEM:
        return BARRIER | LIST
    return BARRIER if flags & (BARRIER | SPECIAL) else SPECIAL
