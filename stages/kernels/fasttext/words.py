"""Text to words as fastText itself reads them, each a number.

A word is a run of bytes other than space, tab, line feed, vertical tab, form feed, carriage return
and NUL (`readWord` in `src/dictionary.cc` of fastText 0.9.2): `bytes.split()` of Python, were NUL
white space there. No other character parts words, so a Chinese sentence is one word.

A word's number is fastText's own hash of it, 32-bit FNV-1a over sign-extended bytes. Of n words
n² / 2³³ pairs share one (116 pairs of a million words); fastText's n-grams tell them apart no
better. Cost: 350 MB/s a core.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.kernels.arrow import Bytes, Offsets, utf8_buffers

RULE = "white space of fastText 0.9.2, FNV-1a"
"""What the numbers depend on."""

_BASIS = np.uint32(2166136261)
_PRIME = np.uint32(16777619)


def split_words(texts: pa.Array) -> pa.LargeListArray:
    """The words of each text as `large_list<uint32>`, row for row; a null has none."""
    offsets, data = utf8_buffers(texts)
    ends, words = _split(offsets, data)
    return pa.LargeListArray.from_arrays(pa.array(ends), pa.array(words))


# offsets int64[n + 1], data uint8[:] -> int64[n + 1] offsets into uint32[:] words.
# Replaces bytes.split and fastText's hash: tests/stages/kernels/fasttext/test_words.py.
@njit(cache=True, nogil=True)
def _split(
    offsets: Offsets, data: Bytes
) -> tuple[Offsets, npt.NDArray[np.uint32]]:  # pragma: no cover
    n = len(offsets) - 1
    ends = np.zeros(n + 1, np.int64)
    for row in range(n):
        n_words = 0
        inside = False
        for position in range(offsets[row], offsets[row + 1]):
            space = _is_space(data[position])
            n_words += int(not space and not inside)
            inside = not space
        ends[row + 1] = ends[row] + n_words
    words = np.empty(ends[n], np.uint32)
    found = 0
    for row in range(n):
        value = _BASIS
        inside = False
        for position in range(offsets[row], offsets[row + 1]):
            byte = data[position]
            if not _is_space(byte):
                value = np.uint32((value ^ np.uint32(np.int8(byte))) * _PRIME)
                inside = True
            elif inside:
                words[found] = value
                found += 1
                value = _BASIS
                inside = False
        if inside:
            words[found] = value
            found += 1
    return ends, words


@njit(cache=True, nogil=True)
def _is_space(byte: np.uint8) -> bool:  # pragma: no cover
    return bool(byte in (0, 32) or 9 <= byte <= 13)
