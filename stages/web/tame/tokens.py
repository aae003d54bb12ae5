"""Where the tokens of a page begin and end (WHATWG HTML, section 13.2.5), without making strings.

All functions take the page's UTF-8 as a uint8 array and an offset, and return offsets; each reads
a byte once. An offset above `len(data)` means that the page ends inside the tag, which drops it.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.web.tame.elements import HASH_FACTOR, HASH_START

Bytes = npt.NDArray[np.uint8]
Memory = npt.NDArray[np.int64]

T = TypeVar("T")


def kernel(function: Callable[..., T]) -> Callable[..., T]:
    """Compile what kernels alone call: without wrappers for Python, a quarter less work, and
    without reference counts, which would be half the running time. (`_nrt` is Numba's own name for
    that; arrays live as long as the caller's.)"""
    wrap = cast(Any, njit)(nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return cast(Callable[..., T], wrap(function))


MAX_ATTRIBUTES = 64
MAX_NAME_BYTES = 64
MAX_VALUE_BYTES = 1 << 14
"""Longer values are images inlined as addresses; nobody reads them."""

TAB, VERTICAL_TAB, RETURN, BLANK = 9, 11, 13, 32
BANG, QUOTE, APOSTROPHE, DASH, SLASH, LESS, EQUALS, GREATER = 33, 34, 39, 45, 47, 60, 61, 62
BRACKET = 93


@kernel
def is_letter(byte: int) -> bool:
    """Whether a byte is an ASCII letter."""
    return 97 <= byte | 32 <= 122


@kernel
def is_plain_byte(byte: int) -> bool:
    """Whether a byte is a letter, a digit or one of "-.:_"."""
    return is_letter(byte) or 45 <= byte <= 58 or byte == 95


@kernel
def ends_name(byte: int) -> bool:
    """Whether no name goes on with a byte. (Comparisons in a row, here and elsewhere: membership
    in a tuple takes a second to compile.)"""
    return byte == SLASH or byte == GREATER or is_blank(byte)  # noqa: PLR1714


@kernel
def is_blank(byte: int) -> bool:
    """Whether a byte is what HTML calls ASCII whitespace."""
    return byte == BLANK or (TAB <= byte <= RETURN and byte != VERTICAL_TAB)


@kernel
def read_name(data: Bytes, at: int) -> tuple[int, int]:
    """A name's end, and its hash; 0 for a name that is no plain one."""
    key = np.int64(HASH_START)
    is_plain = True
    start = at
    while at < len(data):
        byte = np.int64(data[at])
        if ends_name(byte):
            break
        if 65 <= byte <= 90:
            byte |= 32
        is_plain &= is_plain_byte(byte)
        key = (key ^ byte) * np.int64(HASH_FACTOR)
        at += 1
    return at, int(key) if is_plain and at - start <= MAX_NAME_BYTES else 0


@kernel
def read_attributes(data: Bytes, at: int, memory: Memory, first: int) -> tuple[int, int, bool]:
    """From behind a tag's name: the tag's end, how many attributes were written to `memory` from
    `first` on (from and to of name and value), and whether the tag ends with "/>". A name that is
    no plain one, a long value and whatever are too many are passed over."""
    size = len(data)
    n = 0
    while at < size:
        byte = np.int64(data[at])
        if byte == GREATER:
            return at + 1, n, data[at - 1] == SLASH
        if ends_name(byte):
            at += 1
            continue
        start = at
        is_plain = True
        while (
            at < size and not ends_name(np.int64(data[at])) and (at == start or data[at] != EQUALS)
        ):
            byte = np.int64(data[at])
            is_plain &= is_plain_byte(byte)
            at += 1
        end = at
        value, value_end, at = _read_value(data, at)
        is_plain &= end - start <= MAX_NAME_BYTES and value_end - value <= MAX_VALUE_BYTES
        if is_plain and n < MAX_ATTRIBUTES:
            row = first + 4 * n
            memory[row], memory[row + 1] = start, end
            memory[row + 2], memory[row + 3] = value, value_end
            n += 1
    return size + 1, n, False


@kernel
def _read_value(data: Bytes, at: int) -> tuple[int, int, int]:
    """From, to, and where to go on; an attribute without a value has an empty one."""
    size = len(data)
    name_end = at
    while at < size and is_blank(np.int64(data[at])):
        at += 1
    if at >= size or data[at] != EQUALS:
        return name_end, name_end, at
    at += 1
    while at < size and is_blank(np.int64(data[at])):
        at += 1
    start = at
    if at < size and (data[at] == QUOTE or data[at] == APOSTROPHE):
        quote = data[at]
        at += 1
        while at < size and data[at] != quote:
            at += 1
        return start + 1, at, at + 1
    while at < size and data[at] != GREATER and not is_blank(np.int64(data[at])):
        at += 1
    return start, at, at


@kernel
def skip_declaration(data: Bytes, at: int) -> int:
    """Behind a comment, a doctype or an instruction."""
    size = len(data)
    if not starts_with(data, at, COMMENT):
        while at < size and data[at] != GREATER:
            at += 1
        return at + 1
    first = at + 4  # <!--> and <!---> are whole comments
    at = first
    while at < size:
        if data[at] == GREATER and data[at - 1] == DASH and data[at - 2] == DASH:
            return at + 1
        is_bang = data[at] == GREATER and data[at - 1] == BANG and at - 3 >= first
        if is_bang and data[at - 2] == DASH and data[at - 3] == DASH:
            return at + 1
        at += 1
    return size


@kernel
def find_end_tag(data: Bytes, at: int, name: int, name_end: int, is_script: bool) -> int:
    """From behind a start tag: where the end tag begins that ends the text of a <script>, <style>,
    <title>, …"""
    size = len(data)
    escaped = 0  # in a script: 1 inside <!-- -->, 2 inside a <script> inside that
    while at < size:
        byte = np.int64(data[at])
        if byte == GREATER and escaped and data[at - 1] == DASH and data[at - 2] == DASH:
            escaped = 0
        elif byte == LESS and at + 1 < size:
            if is_script and escaped == 0 and starts_with(data, at, COMMENT):
                escaped = 1
                at += 1  # so that <!--> ends it, too
            elif data[at + 1] == SLASH and _is_tag_name(data, at + 2, name, name_end):
                if escaped < 2:
                    return at
                escaped = 1
            elif escaped == 1 and _is_tag_name(data, at + 1, name, name_end):
                escaped = 2
        at += 1
    return size


@kernel
def find_character_data_end(data: Bytes, at: int) -> int:
    """From behind "<![CDATA[": where "]]>" begins."""
    while at < len(data):
        if data[at] == BRACKET and starts_with(data, at, CHARACTER_DATA_END):
            return at
        at += 1
    return at


@kernel
def _is_tag_name(data: Bytes, at: int, name: int, name_end: int) -> bool:
    """Whether the tag name at `at` is the one at `name`."""
    end = at + name_end - name
    return (
        end < len(data)
        and ends_name(np.int64(data[end]))
        and starts_with(data, at, data[name:name_end])
    )


@kernel
def starts_with(data: Bytes, at: int, wanted: Bytes) -> bool:
    """Whether some bytes are at `at`, in whatever case."""
    if at + len(wanted) > len(data):
        return False
    for step in range(len(wanted)):
        one, other = np.int64(data[at + step]), np.int64(wanted[step])
        if one != other and not (is_letter(one) and one | 32 == other | 32):
            return False
    return True


def as_bytes(text: str) -> Bytes:
    """ASCII as an array, for comparison and copying."""
    return np.frombuffer(text.encode(), np.uint8)


COMMENT, CHARACTER_DATA_END = as_bytes("<!--"), as_bytes("]]>")
