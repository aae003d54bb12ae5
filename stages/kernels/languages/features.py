"""What a text is judged by: hashes of its tokens, of what they stand beside, and of their shapes.

A token is a word (letters, digits, `_`, all bytes above 127), a number (whatever its value), or a
run of one punctuation mark. Words are hashed as they are written, so that comments and strings
speak, too; the shape of a token is its punctuation mark, or that it is a word or a number, so that
shapes say nothing of a file's subject: on repositories not seen before shapes alone name three
quarters of the files, and together with the tokens more than either. A text gives, per token, the
token, it with one and with two before it, and the shapes of three and of five; per line its first
token (once more with whether it is indented), its first two, and its last.

Cost: 30 MB/s; 32 bytes of hashes for each byte of the longest text.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes, Offsets
from stages.kernels.shingles import mix

Hashes = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int32]

PER_BYTE = 8
"""Features that one byte can give at most: a token that begins a line, or one behind it, and the
line's end."""
LONGEST_WORD = 64
"""Bytes of a word that are hashed."""

_BLANK, _WORD, _MARK, _END = 0, 1, 2, 3


def _byte_classes() -> npt.NDArray[np.uint8]:
    classes = np.full(256, _MARK, np.uint8)
    classes[:33] = _BLANK
    classes[[10, 13]] = _END
    classes[128:] = _WORD
    classes[[byte for byte in range(128) if chr(byte).isalnum() or chr(byte) == "_"]] = _WORD
    return classes


BYTE_CLASSES = _byte_classes()

_FNV_BASIS, _FNV_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
_NUMBER, _LINE_END, _NOTHING = np.uint64(77), np.uint64(2), np.uint64(1)
_WORD_SHAPE, _NUMBER_SHAPE, _END_SHAPE = np.uint64(97), np.uint64(78), np.uint64(10)
_SHAPE_BITS = np.uint64(12)
_THREE, _FIVE = np.uint64((1 << 36) - 1), np.uint64((1 << 60) - 1)


@njit(cache=True, nogil=True)
def _feature(kind: int, value: np.uint64) -> np.uint32:  # pragma: no cover
    """The hash of one feature: equal values of two kinds are two features."""
    return np.uint32(mix(value + np.uint64(kind) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def _is_digit(byte: np.uint8) -> bool:  # pragma: no cover
    return bool(np.uint8(48) <= byte <= np.uint8(57))


@njit(cache=True, nogil=True)
def _read_token(
    data: Bytes, start: int, end: int, classes: npt.NDArray[np.uint8]
) -> tuple[int, np.uint64, np.uint64]:  # pragma: no cover
    """Where the token at `start` ends, its hash and its shape."""
    i = start
    if classes[data[start]] == _MARK:
        while i < end and data[i] == data[start] and i - start < 4:
            i += 1
        shape = np.uint64(data[start]) * np.uint64(5) + np.uint64(i - start)
        return i, mix(shape), shape
    if _is_digit(data[start]):
        while i < end and (
            classes[data[i]] == _WORD or (data[i] == 46 and i + 1 < end and _is_digit(data[i + 1]))
        ):
            i += 1
        return i, mix(_NUMBER), _NUMBER_SHAPE
    token = _FNV_BASIS
    while i < end and classes[data[i]] == _WORD:
        if i - start < LONGEST_WORD:
            token = (token ^ np.uint64(data[i])) * _FNV_PRIME
        i += 1
    return i, mix(token), _WORD_SHAPE


@njit(cache=True, nogil=True)
def hash_features(
    data: Bytes, start: int, end: int, classes: npt.NDArray[np.uint8], out: Hashes
) -> int:  # pragma: no cover
    """Write the features of `data[start:end]` (uint8) to `out` (uint32, `PER_BYTE` times as long
    and one more); how many. `classes` is `BYTE_CLASSES`. The same features by regular expressions:
    tests/stages/kernels/languages/test_features.py."""
    n = 0
    before, earlier, first = _NOTHING, _NOTHING, _NOTHING
    shapes = np.uint64(0)
    place = 0  # of the next token in its line
    indented = 0
    i = start
    while i <= end:
        kind = classes[data[i]] if i < end else np.uint8(_END)
        if kind == _END:
            if place > 0:
                out[n] = _feature(1, before)
                n += 1
                shapes = (shapes << _SHAPE_BITS) + _END_SHAPE
                earlier, before = before, _LINE_END
            place, indented = 0, 0
            i += 1
            continue
        if kind == _BLANK:
            if place == 0:
                indented = 1
            i += 1
            continue
        i, token, shape = _read_token(data, i, end, classes)
        shapes = (shapes << _SHAPE_BITS) + shape
        pair = token * np.uint64(3) + before
        out[n] = _feature(2, token)
        out[n + 1] = _feature(3, pair)
        out[n + 2] = _feature(4, mix(pair) + earlier)
        out[n + 3] = _feature(5, shapes & _THREE)
        out[n + 4] = _feature(6, shapes & _FIVE)
        n += 5
        if place == 0:
            out[n] = _feature(7, token)
            out[n + 1] = _feature(8 + indented, token)
            n += 2
            first = token
        elif place == 1:
            out[n] = _feature(10, token * np.uint64(3) + first)
            n += 1
        place += 1
        earlier, before = before, token
    return n


@njit(cache=True, nogil=True)
def _distinct(
    offsets: Offsets, data: Bytes, limit: int, classes: npt.NDArray[np.uint8]
) -> tuple[Offsets, Hashes, Counts]:  # pragma: no cover
    """Offsets int64 [n + 1], and of each text its features (uint32, ascending) with how often each
    occurs (int32)."""
    n = len(offsets) - 1
    longest, total = 0, 0
    for text in range(n):
        length = min(offsets[text + 1] - offsets[text], limit)
        longest = max(longest, length)
        total += length
    buffer = np.empty(PER_BYTE * longest + 1, np.uint32)
    hashes = np.empty(PER_BYTE * total + n, np.uint32)
    counts = np.empty(PER_BYTE * total + n, np.int32)
    ends = np.zeros(n + 1, np.int64)
    size = 0
    for text in range(n):
        end = min(offsets[text + 1], offsets[text] + limit)
        found = hash_features(data, offsets[text], end, classes, buffer)
        own = buffer[:found]
        own.sort()
        for k in range(found):
            if k > 0 and own[k] == own[k - 1]:
                counts[size - 1] += 1
            else:
                hashes[size] = own[k]
                counts[size] = 1
                size += 1
        ends[text + 1] = size
    return ends, hashes[:size].copy(), counts[:size].copy()


def distinct_features(offsets: Offsets, data: Bytes, limit: int) -> tuple[Offsets, Hashes, Counts]:
    """Offsets, and the distinct features of the first `limit` bytes of every text with how often
    each occurs; sorted. Memory: 64 bytes for each byte of text."""
    return _distinct(offsets, data, limit, BYTE_CLASSES)
