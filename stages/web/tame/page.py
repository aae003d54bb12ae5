"""The page that is read, and the page that is written from it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.web.tame import tokens as tk
from stages.web.tame.elements import N_SLOTS
from stages.web.tame.tokens import Bytes, kernel

MAX_NODES = 300_000
"""Elements and attributes; a parser's tree needs some 200 bytes for each."""
MAX_STEPS = 1 << 24
"""Levels above all elements, summed: what climbs from each to the root takes as many steps."""
GROWTH = 5
"""A byte becomes at most as many: a quote in a value."""
RESERVED = "\x00\ue000\ue001"
"""Markers are made of the two; NUL ends strings in C."""

TOO_LARGE = 0x110000
HASH, AMPERSAND, ZERO, SEMICOLON = 35, 38, 48, 59

OUT, DEPTH, NODES, STEPS, FORMATTING, LISTS, FORMS, PARAGRAPHS = range(8)
MUTE, MUTED, SEEN, FOREIGN, STAMP = range(8, 13)
"""Where in `memory` is: how much was written; how much is open, and of which groups; what keeps
text from being shown, and how deep in it we are; which of <html>, <head>, <body> there were;
whether the next element is SVG or MathML."""
FOUND = 16
STACK = FOUND + 4 * tk.MAX_ATTRIBUTES
N_STACK, N_COLUMNS = 1024, 6
TABLE = STACK + N_STACK * N_COLUMNS
N_MEMORY = TABLE + 2 * N_SLOTS


class Page(NamedTuple):
    """data uint8[n], the page in UTF-8; out uint8[GROWTH n + c]; memory int64[N_MEMORY]: numbers,
    the attributes of the tag last read, the open elements, the table of elements."""

    data: Bytes
    out: Bytes
    memory: npt.NDArray[np.int64]


@kernel
def put(page: Page, text: Bytes) -> None:
    """Write some bytes as they are."""
    at = page.memory[OUT]
    for byte in text:
        page.out[at] = byte
        at += 1
    page.memory[OUT] = at


@kernel
def put_text(page: Page, start: int, end: int, is_raw: bool) -> None:
    """Write text or a value of the page: nothing in it is a tag, or one of `RESERVED`. In raw text
    (of a script) `&` is an ampersand."""
    data, out = page.data, page.out
    at, to = start, page.memory[OUT]
    while at < end:
        byte = np.int64(data[at])
        if tk.LESS < byte < 0xEE or byte == tk.BLANK:  # most of all
            out[to] = byte
            to += 1
            at += 1
            continue
        if byte == 0 or byte == 0xEE or (byte == AMPERSAND and not is_raw):  # noqa: PLR1714
            passed = _reserved_bytes(data, at, end)
            if passed:
                at += passed
                continue
        is_special = byte == tk.LESS or byte == tk.QUOTE  # noqa: PLR1714
        if is_special or (byte == AMPERSAND and is_raw):  # as &#60; &#34; &#38;
            out[to], out[to + 1], out[to + 4] = AMPERSAND, HASH, SEMICOLON
            out[to + 2], out[to + 3] = ZERO + byte // 10, ZERO + byte % 10
            to += 5
        else:
            out[to] = byte
            to += 1
        at += 1
    page.memory[OUT] = to


@kernel
def _reserved_bytes(data: Bytes, at: int, end: int) -> int:
    """How many bytes stand for one of `RESERVED`, as itself or as a reference; 0 if it is none."""
    if data[at] == 0:
        return 1
    if data[at] == 0xEE:
        is_marker = at + 2 < end and data[at + 1] == 0x80 and data[at + 2] <= 0x81
        return 3 if is_marker else 0
    if at + 2 >= end or data[at + 1] != HASH:
        return 0
    base = 16 if data[at + 2] | 32 == 120 else 10  # x
    first = digit_at = at + 3 if base == 16 else at + 2
    value = 0
    while digit_at < end:
        byte = np.int64(data[digit_at])
        digit = (byte | 32) - 87 if byte > ZERO + 9 else byte - ZERO  # "a" is 97
        if not 0 <= digit < base:
            break
        value = int(value * base + digit) if value < TOO_LARGE else value
        digit_at += 1
    if digit_at == first or not (value == 0 or value == 0xE000 or value == 0xE001):  # noqa: PLR1714
        return 0
    is_closed = digit_at < end and data[digit_at] == SEMICOLON
    return digit_at + is_closed - at


@kernel
def put_tag(page: Page, name: int, name_end: int, n_attributes: int) -> None:
    """Write a start tag with a name of the page and the attributes last read."""
    _put_name(page, np.int64(tk.LESS), name, name_end)
    put_attributes(page, n_attributes)


@kernel
def put_attributes(page: Page, n_attributes: int) -> None:
    """Write the attributes last read, and the end of their tag."""
    out, memory = page.out, page.memory
    memory[NODES] += 1 + n_attributes
    memory[STEPS] += memory[DEPTH]
    for row in range(FOUND, FOUND + 4 * n_attributes, 4):
        _put_name(page, np.int64(tk.BLANK), memory[row], memory[row + 1])
        if memory[row + 2] < memory[row + 3]:
            to = memory[OUT]
            out[to], out[to + 1] = tk.EQUALS, tk.QUOTE
            memory[OUT] = to + 2
            put_text(page, memory[row + 2], memory[row + 3], np.bool_(False))
            out[memory[OUT]] = tk.QUOTE
            memory[OUT] += 1
    out[memory[OUT]] = tk.GREATER
    memory[OUT] += 1


@kernel
def put_end(page: Page, name: int, name_end: int) -> None:
    """Write an end tag."""
    out, memory = page.out, page.memory
    out[memory[OUT]] = tk.LESS
    memory[OUT] += 1
    _put_name(page, np.int64(tk.SLASH), name, name_end)
    out[memory[OUT]] = tk.GREATER
    memory[OUT] += 1


@kernel
def _put_name(page: Page, first: int, name: int, name_end: int) -> None:
    """Write a byte and a name of the page, in lower case."""
    data, out = page.data, page.out
    to = page.memory[OUT]
    out[to] = first
    for at in range(name, name_end):
        byte = data[at]
        to += 1
        out[to] = byte | 32 if 65 <= byte <= 90 else byte
    page.memory[OUT] = to + 1
