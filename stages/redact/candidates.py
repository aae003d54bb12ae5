"""One pass over the bytes of a batch for everything that may have to be redacted.

A candidate is cheap to find and rare: an `@` between a local part and a domain, four dotted
numbers, an IPv6 address of global unicast, a prefix of a known key. Only candidates are looked at
again, in Python. Every byte is visited a bounded number of times (left of an `@` at most 64, right
of it 255), so a single line of 16 MiB costs what 16 MiB of short lines cost. About 175 MB/s a
core on code, undisturbed.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes, Offsets

EMAIL, IPV4, IPV6, KEY = 0, 1, 2, 3

CHUNK = 65_536
"""Candidates in memory at a time: 2 MiB."""

MAX_LOCAL = 64
MAX_DOMAIN = 255
MAX_IPV6 = 45
"""Bytes: RFC 5321 section 4.5.3.1; the longest text of an IPv6 address."""

_DIGIT, _ALPHA, _HEX, _LOCAL, _DOMAIN, _WORD, _TOKEN = 1, 2, 4, 8, 16, 32, 64

Candidates = npt.NDArray[np.int64]
Pairs = npt.NDArray[np.uint16]
Prefixes = tuple[Bytes, Offsets, Offsets, Pairs, Bytes]


def character_classes() -> Bytes:
    """Bits per byte: digit, letter, hexadecimal digit, part of a local part, of a domain, of a
    word, of a token. What is not ASCII may be a letter of an address."""
    classes = np.zeros(256, np.uint8)
    for byte in range(128):
        character = chr(byte)
        classes[byte] = (
            _DIGIT * character.isdigit()
            | _ALPHA * character.isalpha()
            | _HEX * (character in "0123456789abcdefABCDEF")
            | _LOCAL * (character.isalnum() or character in "._%+-")
            | _DOMAIN * (character.isalnum() or character in ".-")
            | _WORD * (character.isalnum() or character == "_")
            | _TOKEN * (character.isalnum() or character in "_-+/=.%:~$@|")
        )
    classes[128:] = _ALPHA | _LOCAL | _DOMAIN
    return classes


def prefix_tables(prefixes: list[tuple[bytes, int]]) -> Prefixes:
    """Of prefixes (sorted, each of two bytes or more) and how many characters of a token must
    follow each: the bytes end to end, where each begins, those numbers, for each pair of bytes one
    more than the first prefix that begins with it, or 0, and for that number and a third byte
    whether a prefix goes on so."""
    texts = [prefix for prefix, _ in prefixes]
    if len(texts) >= 65_535 or texts != sorted(texts) or min(map(len, texts), default=2) < 2:
        raise ValueError("expected less than 65,535 sorted prefixes of two bytes or more")
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    runs = np.array([run for _, run in prefixes], np.int64)
    pairs = np.zeros(65_536, np.uint16)
    for index in reversed(range(len(texts))):
        pairs[texts[index][0] << 8 | texts[index][1]] = index + 1
    thirds = np.zeros(len(texts) + 1 << 8, np.uint8)
    for text in texts:
        first = int(pairs[text[0] << 8 | text[1]]) << 8
        thirds[first | text[2] if len(text) > 2 else slice(first, first + 256)] = 1
    return np.frombuffer(b"".join(texts), np.uint8), offsets, runs, pairs, thirds


def find_candidates(
    offsets: Offsets, data: Bytes, classes: Bytes, prefixes: Prefixes
) -> Iterator[list[int]]:
    """Every candidate of every row, by row and then by where it was noticed, as row, kind (or KEY
    plus the index of the prefix), start and end in the row."""
    found = np.empty((CHUNK, 4), np.int64)
    row, position = 0, int(offsets[0])
    while row < len(offsets) - 1:
        n_found, row, position = _scan(offsets, data, classes, *prefixes, row, position, found)
        yield from found[:n_found].tolist()


# offsets int64[n + 1], data uint8, classes uint8[256], prefixes as of prefix_tables, where to
# begin, found int64[CHUNK, 4] -> how many were found, where to go on. The array is the caller's
# because growing it here would cost a reference count per byte (27 instead of 175 MB/s).
# Replaces a regular expression per kind; tests/stages/redact/test_stage.py compares them.
@njit(cache=True, nogil=True)
def _scan(
    offsets: Offsets,
    data: Bytes,
    classes: Bytes,
    prefix_data: Bytes,
    prefix_offsets: Offsets,
    runs: Offsets,
    pairs: Pairs,
    thirds: Bytes,
    row: int,
    position: int,
    found: Candidates,
) -> tuple[int, int, int]:
    n_found: Any = np.int64(0)  # of a plain 0 Numba would compile `_look` twice
    room = len(found) - len(prefix_offsets) - 1
    while row < len(offsets) - 1:
        first, end = offsets[row], offsets[row + 1]
        position = max(position, first)
        while position < end:
            byte = data[position]
            pair = 0
            if position + 1 < end:
                pair = int(pairs[np.int64(byte) << 8 | np.int64(data[position + 1])])
                if pair and not (position + 2 < end and thirds[pair << 8 | data[position + 2]]):
                    pair = 0
            if pair or byte == 64 or classes[byte] & _DIGIT:
                if n_found >= room:
                    return n_found, row, position
                n_found = _look(data, first, end, position, classes, found, n_found)
                if pair:
                    n_found = _look_for_keys(
                        data,
                        first,
                        end,
                        position,
                        classes,
                        prefix_data,
                        prefix_offsets,
                        runs,
                        pair,
                        found,
                        n_found,
                    )
                for index in range(n_found - 1, -1, -1):
                    if found[index, 0] >= 0:
                        break
                    found[index, 0] = row
            position += 1
        row += 1
    return n_found, row, position


@njit(cache=True, nogil=True)
def _look(
    data: Bytes,
    first: int,
    end: int,
    position: int,
    classes: Bytes,
    found: Candidates,
    n_found: int,
) -> int:
    start = stop = position
    kind = EMAIL
    if data[position] == 64:  # @
        start, stop = _email(data, first, end, position, classes)
    elif classes[data[position]] & _DIGIT:
        if position > first and classes[data[position - 1]] & _WORD:
            return n_found
        kind = IPV4
        stop = _ipv4(data, first, end, position, classes)
        if stop == position and 50 <= data[position] <= 51:  # 2, 3: global unicast is 2000::/3
            kind = IPV6
            stop = _ipv6(data, first, end, position, classes)
    if stop == start:
        return n_found
    found[n_found, 0] = -1
    found[n_found, 1] = kind
    found[n_found, 2] = start - first
    found[n_found, 3] = stop - first
    return n_found + 1


@njit(cache=True, nogil=True)
def _look_for_keys(
    data: Bytes,
    first: int,
    end: int,
    position: int,
    classes: Bytes,
    prefix_data: Bytes,
    prefix_offsets: Offsets,
    runs: Offsets,
    pair: int,
    found: Candidates,
    n_found: int,
) -> int:
    for index in range(pair - 1, len(prefix_offsets) - 1):
        begin = prefix_offsets[index]
        length = prefix_offsets[index + 1] - begin
        step = 0
        while (
            step < length
            and position + step < end
            and data[position + step] == prefix_data[begin + step]
        ):
            step += 1
        if step < 2:
            break
        if step == length and _is_token(data, position + step, end, classes, runs[index]):
            found[n_found, 0] = -1
            found[n_found, 1] = KEY + index
            found[n_found, 2] = position - first
            found[n_found, 3] = position - first + length
            n_found += 1
    return n_found


# data, where to begin, end, classes, how many bytes -> whether all of them are of a token.
@njit(cache=True, nogil=True)
def _is_token(data: Bytes, position: int, end: int, classes: Bytes, length: int) -> bool:
    if position + length > end:
        return False
    missing = 0
    for step in range(length):
        missing += classes[data[position + step]] & _TOKEN == 0
    return missing == 0


# The local part may not begin or end with a dot; the domain ends with a label of letters, unless it
# is not ASCII: then letters and marks have to be told apart first.
@njit(cache=True, nogil=True)
def _email(data: Bytes, first: int, end: int, at: int, classes: Bytes) -> tuple[int, int]:
    start = at
    while start > first and at - start < MAX_LOCAL and classes[data[start - 1]] & _LOCAL:
        start -= 1
    while start < at and data[start] == 46:
        start += 1
    if start == at or data[at - 1] == 46:
        return at, at
    stop = at + 1
    is_ascii = True
    while stop < end and stop - at <= MAX_DOMAIN and classes[data[stop]] & _DOMAIN:
        is_ascii &= data[stop] < 128
        stop += 1
    while stop > at + 1 and (data[stop - 1] == 46 or data[stop - 1] == 45):
        stop -= 1
    label = stop
    while label > at + 1 and classes[data[label - 1]] & _ALPHA:
        label -= 1
    if not is_ascii:
        return start, stop
    if stop - label < 2 or label <= at + 2 or data[label - 1] != 46:
        return at, at
    return start, stop


# Four numbers up to 255 without leading zeros, part of no longer dotted number.
@njit(cache=True, nogil=True)
def _ipv4(data: Bytes, first: int, end: int, start: int, classes: Bytes) -> int:
    if start > first and data[start - 1] == 46:
        return start
    position = start
    for part in range(4):
        value = 0
        n_digits = 0
        while position < end and n_digits < 4 and classes[data[position]] & _DIGIT:
            value = value * 10 + data[position] - 48
            position += 1
            n_digits += 1
        leading_zero = n_digits > 1 and data[position - n_digits] == 48
        if n_digits == 0 or n_digits > 3 or value > 255 or leading_zero:
            return start
        if part < 3:
            if position >= end or data[position] != 46:
                return start
            position += 1
    if position < end and classes[data[position]] & _WORD:
        return start
    if position + 1 < end and data[position] == 46 and classes[data[position + 1]] & _WORD:
        return start
    return position


# A run of hexadecimal digits and colons with two colons or more, four digits first.
@njit(cache=True, nogil=True)
def _ipv6(data: Bytes, first: int, end: int, start: int, classes: Bytes) -> int:
    if start + 5 > end or data[start + 4] != 58 or (start > first and data[start - 1] == 58):
        return start
    position = start
    n_colons = 0
    while (
        position < end
        and position - start <= MAX_IPV6
        and (classes[data[position]] & _HEX or data[position] == 58)
    ):
        n_colons += data[position] == 58
        position += 1
    if position < end and classes[data[position]] & _WORD:
        return start
    if position > start + 2 and data[position - 1] == 58 and data[position - 2] != 58:
        position -= 1
    return position if n_colons >= 2 and position - start <= MAX_IPV6 else start
