"""What an element's attributes say of how it is written: classes, styles, data of formulas."""

from stages.kernels.compiling import Ints, int64, kernel, uint64
from stages.web.markdown.numbering import Marking
from stages.web.markdown.roles import (
    COPY,
    FORMULA,
    IMAGE,
    INLINE,
    KIND,
    LAYOUT,
    SPANS,
    SUBSCRIPT,
    SUPERSCRIPT,
    UNSELECTABLE,
)
from stages.web.tree.elements import FNV_OFFSET, FNV_PRIME, KEYS, TAGS, name_hash
from stages.web.tree.state import KEY, N_PLACES, VALUE, VALUE_END

_IMG, _SCRIPT, _TABLE = (TAGS[name] for name in ("img", "script", "table"))
_CLASS, _STYLE, _COLSPAN, _ROWSPAN = (KEYS[k] for k in ("class", "style", "colspan", "rowspan"))
_NUMBERED, _HIDDEN, _ALT, _SRC, _TYPE = (
    KEYS[k] for k in ("data-line-number", "aria-hidden", "alt", "src", "type")
)
_ORIGINAL, _DATA_SRC, _EEIMG, _ROLE = (
    KEYS[k] for k in ("data-original", "data-src", "eeimg", "role")
)
_TEX_KEYS = sum(
    1 << KEYS[name]
    for name in ("data-equation", "data-expr", "data-formula", "data-latex", "data-math",
                 "data-math-style", "data-mathml", "data-mx-maths", "data-tex")
)  # fmt: skip
"""A bit for every key: there are fewer than 63."""
_FONT = name_hash("font-family:")
_COPY, _COPI = 0x636F7079, 0x636F7069
_LATE, _MATH_WORD, _CHL, _COGS = 0x6C617465, 0x6D617468, 0x63686C3D, 0x636F6773
_TEX_WORD, _BACKSLASH = 0x746578, 0x253563
"""`copy`, `copi`, `late`, `math`, `chl=`, `cogs`, `tex` and `%5c` as numbers."""
MAX_ADDRESS_BYTES = 4096
"""Images inlined as `data:` addresses are longer, and no formulas."""


@kernel
def with_attributes(m: Marking, i: int, kind: int) -> int:
    """The role that the element at `i` has by its tag, with what its attributes give it. Of how it
    is written they only say that it is raised or lowered, and of elements in the line alone."""
    said = _read_attributes(m, i)
    if said & KIND and kind & KIND == INLINE:
        kind |= SUPERSCRIPT if said & KIND == SUPERSCRIPT else SUBSCRIPT
    return kind | (said & ~KIND)


@kernel
def _read_attributes(m: Marking, i: int) -> int:  # noqa: PLR0912
    """The properties that the attributes of node i give it."""
    found = int64(0)
    tag = m.tag[i]
    for slot in range(m.first[i], m.last[i]):
        row = N_PLACES * slot
        key = m.attributes[row + KEY]
        if key == 0:
            continue
        start, stop = int64(m.attributes[row + VALUE]), int64(m.attributes[row + VALUE_END])
        if key == _CLASS:
            found |= _classes(m, start, stop)
        elif key == _STYLE:
            found |= _styles(m, start, stop)
        elif _TEX_KEYS >> key & 1:
            found |= FORMULA
        elif key == _COLSPAN or key == _ROWSPAN:
            if stop - start != 1 or m.html[start] != 0x31:
                found |= SPANS
        elif key == _NUMBERED or key == _HIDDEN:
            found |= UNSELECTABLE
        elif tag == _IMG:
            if key == _EEIMG or _may_be_tex(m.html, key, start, stop):
                found |= IMAGE
        elif key == _TYPE and tag == _SCRIPT:
            if stop - start >= 8 and m.html[start] == 0x6D and m.html[start + 4] == 0x2F:
                found |= FORMULA
        elif key == _ROLE and tag == _TABLE and stop > start:
            first = m.html[start] | 0x20
            if first == 0x70 or first == 0x6E:
                found |= LAYOUT
    return found


@kernel
def _classes(m: Marking, start: int, stop: int) -> int:
    """The properties of a list of classes."""
    found, window = int64(0), int64(0)
    key = uint64(FNV_OFFSET)
    for position in range(start, stop + 1):
        byte = int64(m.html[position]) if position < stop else 0x20
        window = (window << 8 | byte | 0x20) & 0xFFFFFFFF
        if window == _COPY or window == _COPI:
            found |= COPY
        if byte == 0x20 or 0x09 <= byte <= 0x0D:
            found |= _meaning(m, key)
            key = uint64(FNV_OFFSET)
        else:
            key = (key ^ uint64(byte)) * uint64(FNV_PRIME)
    return found


@kernel
def _styles(m: Marking, start: int, stop: int) -> int:
    """The properties of declarations; each font of a list is one."""
    found = int64(0)
    key = uint64(FNV_OFFSET)
    for position in range(start, stop + 1):
        byte = int64(m.html[position]) if position < stop else 0x3B
        if byte == 0x20 or 0x09 <= byte <= 0x0D or byte == 0x22 or byte == 0x27:
            continue
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte == 0x3B or byte == 0x2C or byte == 0x21:
            found |= _meaning(m, key)
            key = uint64(_FONT) if byte == 0x2C else uint64(FNV_OFFSET)
        else:
            key = (key ^ uint64(byte)) * uint64(FNV_PRIME)
    return found


@kernel
def _meaning(m: Marking, key: int) -> int:
    """What a class or a declaration with this hash means."""
    mask = uint64(m.n_slots - 1)
    slot = key & mask
    while m.words[slot] != 0:
        if m.words[slot] == key:
            return int64(m.words[slot + uint64(m.n_slots)])
        slot = (slot + uint64(1)) & mask
    return 0


@kernel
def _may_be_tex(html: Ints, key: int, start: int, stop: int) -> bool:
    """Whether html[start:stop] is an address or an alternative text with a sign of TeX."""
    is_address = key == _SRC or key == _DATA_SRC or key == _ORIGINAL
    if not is_address and key != _ALT:
        return False
    if is_address and stop - start > MAX_ADDRESS_BYTES:
        return False
    window = int64(0)
    for position in range(start, stop):
        byte = int64(html[position])
        if is_address:
            window = (window << 8 | byte | 0x20) & 0xFFFFFFFF
            last = window & 0xFFFFFF
            if last == _TEX_WORD or last == _BACKSLASH or _is_server_word(window):
                return True
        elif byte == 0x5C or byte == 0x5E or byte == 0x5F or byte == 0x7B or byte == 0x24:
            return True
    return False


@kernel
def _is_server_word(window: int) -> bool:
    return window == _LATE or window == _MATH_WORD or window == _CHL or window == _COGS
