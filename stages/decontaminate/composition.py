"""NFC of a text that is not in it, and where each piece of it came from.

Two things make that dear in hostile text. Python sorts combining marks in quadratic time: a quarter
megabyte of them behind one letter takes half a minute. So a run of more than `MAX_MARKS` is taken
apart every so many, as Unicode's Stream-Safe Text Format does (UAX #15, section 13: no writing
system needs a tenth of that). And a minified file is one line, of which each character would be a
piece: what does not change is one piece up to the next that does.

Cost: finding out is 300 MB/s, 50 where every mark might still compose; composing 2 MB/s of text
that all changes, with 16 bytes a piece.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

from stages.kernels.arrow import Bytes, Offsets
from stages.kernels.code_points import N_CODE_POINTS, code_point

MAX_MARKS = 30

_FIRST_MARK, _BEHIND_MARKS = 0x300, 0x20000

_SAFE = "\x00-\u02ff\u0370-\u0482\u3000-\u3029\u3030-\u3098\u309b-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_STABLE = _SAFE.replace("\u0370-\u0482", "\u0370-\u0373\u0375-\u037d\u037f-\u0482")
_PIECE = re.compile(
    f"[{_STABLE}]+(?=[{_SAFE}]|\\Z)|[{_SAFE}][^{_SAFE}]*|[^{_SAFE}]+",
)
"""Pieces that normalisation treats apart: each begins with a character that never combines with
the one before it. `_STABLE` are those that are themselves in NFC, so a run of them is one piece,
but for its last if something may combine with that."""


class Composed(NamedTuple):
    """A text in NFC and where its pieces came from (byte offsets, n + 1 of them)."""

    data: Bytes
    starts: Offsets
    origins: Offsets

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that `start:end` of the composed one was made of."""
        first = int(np.searchsorted(self.starts, start, "right")) - 1
        last = int(np.searchsorted(self.starts, end - 1, "right")) - 1
        begin, stop = int(self.origins[first]), int(self.origins[last + 1])
        if self._is_unchanged(first):
            begin += start - int(self.starts[first])
        if self._is_unchanged(last):
            stop = int(self.origins[last]) + end - int(self.starts[last])
        return begin, stop

    def _is_unchanged(self, piece: int) -> bool:
        made = self.starts[piece + 1] - self.starts[piece]
        return bool(made == self.origins[piece + 1] - self.origins[piece])


def composed(data: Bytes) -> Composed | None:
    """NFC of a text (UTF-8), or None where the text is in it."""
    raw = data.tobytes()
    if raw.isascii():
        return None
    text = raw.decode("utf-8")
    if has_long_run(data, _marks()):
        return _compose(_streamable(text))
    return None if unicodedata.is_normalized("NFC", text) else _compose([text])


def _compose(parts: Iterable[str]) -> Composed:
    data = bytearray()
    starts, origins = array("q", [0]), array("q", [0])
    for part in parts:
        for piece in _pieces(part):
            data += unicodedata.normalize("NFC", piece).encode()
            starts.append(len(data))
            origins.append(origins[-1] + len(piece.encode()))
    return Composed(
        np.frombuffer(bytes(data), np.uint8),
        np.frombuffer(starts, np.int64),
        np.frombuffer(origins, np.int64),
    )


def _streamable(text: str) -> Iterator[str]:
    """The text in parts, cut in runs of marks that are too long."""
    start = 0
    for run in _long_run().finditer(text):
        yield text[start : run.end()]
        start = run.end()
    yield text[start:]


def _pieces(text: str) -> Iterator[str]:
    """Lines that are in NFC, and of the others the pieces."""
    for line in re.finditer(r"[^\n]*\n|[^\n]+", text):
        if unicodedata.is_normalized("NFC", line[0]):
            yield line[0]
        else:
            yield from (piece[0] for piece in _PIECE.finditer(line[0]))


@cache
def _combining() -> list[int]:
    """Every character with a combining class: those that are sorted behind their letter."""
    points = range(_FIRST_MARK, _BEHIND_MARKS)
    return [point for point in points if unicodedata.combining(chr(point))]


@cache
def _marks() -> Bytes:
    marks = np.zeros(N_CODE_POINTS, np.uint8)
    marks[_combining()] = 1
    return marks


@cache
def _long_run() -> re.Pattern[str]:
    mark = f"[{''.join(map(chr, _combining()))}]"
    return re.compile(f"{mark}{{{MAX_MARKS}}}(?={mark})")


# data uint8 (valid UTF-8), marks uint8[0x110000] -> whether more than MAX_MARKS of them follow one
# another. tests/stages/decontaminate/test_composition.py compares it with `unicodedata.combining`.
@njit(cache=True, nogil=True)
def has_long_run(data: Bytes, marks: Bytes) -> bool:
    """Whether a text has a run of combining marks that is too long to be sorted."""
    position = 0
    run = 0
    while position < len(data):
        point, length = code_point(data, position)
        run = run + 1 if marks[point] else 0
        if run > MAX_MARKS:
            return True
        position += length
    return False
