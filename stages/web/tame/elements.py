"""HTML's elements, in the groups that a parser treats alike.

From the WHATWG HTML standard: void elements (section 13.1.2), special and formatting elements and
the scopes (13.2.4.2), what closes what (13.2.6.4), foreign content (13.2.6.5). A group is a bit; an
element with a treatment of its own is a group of one.
"""

import numpy as np
import numpy.typing as npt

VOID, SPECIAL, FORMATTING, CLOSES_P, SCOPE, BREAKS_OUT, INTEGRATES, HOLDS_ITEMS = (
    1 << bit for bit in range(8)
)
UNREAD, VERBATIM, UNUSED, HEADING, LIST, TERM, RUBY, OPTION, IN_SELECT = (
    1 << bit for bit in range(8, 17)
)
TABLE, CAPTION, ROWS, ROW, CELL, P, ITEM, LINK, FORM, BUTTON, BREAK = (
    1 << bit for bit in range(17, 28)
)
HTML, HEAD, BODY, TEMPLATE, SELECT, FOREIGN, PREFORMATTED, SCRIPT, ENDLESS = (
    1 << bit for bit in range(28, 37)
)

_NOT_ITEM_HOLDERS = "address div p"
_GROUPS = {
    VOID: "area base basefont bgsound br embed hr img image input keygen link meta param source"
    " track wbr",
    SPECIAL: "address applet area article aside base basefont bgsound blockquote body br button"
    " caption center col colgroup dd details dir div dl dt embed fieldset figcaption figure footer"
    " form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe img input keygen li"
    " link listing main marquee menu meta nav noembed noframes noscript object ol p param plaintext"
    " pre script search section select source style summary table tbody td template textarea tfoot"
    " th thead title tr track ul wbr xmp mi mo mn ms mtext annotation-xml foreignobject desc",
    FORMATTING: "b big code em font i nobr s small strike strong tt u",
    CLOSES_P: "address article aside blockquote center dd details dialog dir div dl dt fieldset"
    " figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr li listing main menu nav ol"
    " p plaintext pre search section summary table ul xmp",
    SCOPE: "applet caption table td th marquee object mi mo mn ms mtext annotation-xml"
    " foreignobject desc title",
    BREAKS_OUT: "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head"
    " hr i img li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt"
    " u ul var",
    INTEGRATES: "mi mo mn ms mtext annotation-xml foreignobject desc title",
    UNREAD: "script style iframe noembed noframes",
    VERBATIM: "title textarea xmp plaintext",
    UNUSED: "frameset frame colgroup col",
    HEADING: "h1 h2 h3 h4 h5 h6",
    LIST: "ul ol dl menu dir",
    TERM: "dd dt",
    RUBY: "rb rt rp rtc",
    OPTION: "option optgroup",
    IN_SELECT: "hr button div img noscript template",
    TABLE: "table",
    CAPTION: "caption",
    ROWS: "tbody thead tfoot",
    ROW: "tr",
    CELL: "td th",
    P: "p",
    ITEM: "li",
    LINK: "a",
    FORM: "form",
    BUTTON: "button",
    BREAK: "br",
    TEMPLATE: "template",
    SELECT: "select",
    HTML: "html",
    HEAD: "head",
    BODY: "body",
    FOREIGN: "svg math",
    PREFORMATTED: "xmp plaintext",
    SCRIPT: "script",
    ENDLESS: "plaintext",
}

HASH_START, HASH_FACTOR = 0x4BF29CE484222325, 0x100000001B3
N_SLOTS = 512


def _key(name: str) -> int:
    """The hash of a lower-case name, as a signed 64-bit number. Two names of one hash are taken
    for one element; nothing else follows from it."""
    key = HASH_START
    for byte in name.encode():
        key = ((key ^ byte) * HASH_FACTOR) & 0xFFFFFFFFFFFFFFFF
    return key - (1 << 64) if key >> 63 else key


def element_table() -> npt.NDArray[np.int64]:
    """A hash table with open addressing: `N_SLOTS` pairs of a key and its groups, the slot being
    the key's last bits or the next free one; no groups in an empty slot."""
    flags: dict[str, int] = {}
    for group, names in _GROUPS.items():
        for name in names.split():
            flags[name] = flags.get(name, 0) | group
    table = np.zeros((N_SLOTS, 2), np.int64)
    for name, groups in flags.items():
        is_item_holder = groups & SPECIAL and name not in _NOT_ITEM_HOLDERS.split()
        key = _key(name)
        slot = key % N_SLOTS
        while table[slot, 1]:
            slot = (slot + 1) % N_SLOTS
        table[slot] = key, groups | (HOLDS_ITEMS if is_item_holder else 0)
    return table.ravel()
