"""Counting lines of code and of comments, and what the comments say, without a lexer.

A line is a comment if it begins with one of its language's marks or lies in a comment that spans
lines. That is what a person counts who skims a file; a comment behind code is part of the code.
A string between marks of its own (Python's three quotes) is a comment where it begins a line, as a
docstring does, and code where it is assigned.

Words are counted in lines that read like prose: at least three words, and seven tenths of what is
no space are letters. Rules, commented-out code and tables have none. A comment that names its
licence says nothing about the code and is neither comment nor code. Bytes above 127 are letters;
twelve of them in a run make one word more, as some scripts have no spaces.

Cost: 130 MB/s a core.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes, Offsets

Counts = npt.NDArray[np.int64]
Marks = npt.NDArray[np.int32]

HEADER_CODE_LINES = 20
"""A comment that begins before so many lines of code speaks of the file (or its first part)."""
LINE, BLOCK, QUOTED = 0, 1, 2
MIN_PROSE_WORDS = 3
WORD_BYTES = 12


class CommentCounts(NamedTuple):
    """Per text: lines of code, lines of comments, words of prose in comments, and of those the
    words in comments near the top (int64 each). Blank lines are neither."""

    n_code_lines: Counts
    n_comment_lines: Counts
    n_comment_words: Counts
    n_header_words: Counts


@dataclass(frozen=True)
class Syntax:
    """How a language writes comments: marks to the end of the line, pairs around a comment, and
    quotes around a string that documents what it stands in."""

    line: tuple[str, ...] = ()
    block: tuple[tuple[str, str], ...] = ()
    quoted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Syntaxes:
    """Syntaxes as arrays. `marks` int32 [n_marks, 5]: kind, then begin and end of the opening and
    of the closing mark in `pool`; those of syntax i are `ranges[i]` up to `ranges[i + 1]`. `words`
    are offsets of the licence words in `pool`."""

    ranges: Marks
    marks: Marks
    words: Marks
    pool: Bytes

    @classmethod
    def of(cls, syntaxes: Sequence[Syntax], licence_words: Sequence[str]) -> "Syntaxes":
        """Syntaxes by number; licence words are lower case."""
        pool = bytearray()

        def add(text: str) -> tuple[int, int]:
            begin = len(pool)
            pool.extend(text.encode())
            return begin, len(pool)

        marks, ranges = [], [0]
        for syntax in syntaxes:
            marks += [(BLOCK, *add(start), *add(end)) for start, end in syntax.block]
            marks += [(QUOTED, *add(quote), *add(quote)) for quote in syntax.quoted]
            marks += [(LINE, *add(mark), 0, 0) for mark in syntax.line]
            ranges.append(len(marks))
        words = [add(word) for word in licence_words]
        return cls(
            np.array(ranges, np.int32),
            np.array(marks, np.int32).reshape(-1, 5),
            np.array(words, np.int32).reshape(-1, 2),
            np.frombuffer(bytes(pool), np.uint8),
        )


def count_comments(
    offsets: Offsets, data: Bytes, syntax: npt.NDArray[np.int32], known: Syntaxes
) -> CommentCounts:
    """Count every string of an Arrow array given as `utf8_buffers` gives it; `syntax` [n] is the
    number of each one's syntax."""
    return CommentCounts(
        *_count_all(offsets, data, syntax, known.ranges, known.marks, known.words, known.pool)
    )


# offsets int64[n + 1], data uint8[:], syntax int32[n], the arrays of `Syntaxes` -> int64[4, n].
# tests/stages/kernels/counting/test_comments.py compares it with a plain reading, line by line.
@njit(cache=True, nogil=True)
def _count_all(
    offsets: Offsets,
    data: Bytes,
    syntax: npt.NDArray[np.int32],
    ranges: Marks,
    marks: Marks,
    words: Marks,
    pool: Bytes,
) -> Counts:
    n = len(offsets) - 1
    counts = np.zeros((4, n), np.int64)
    for row in range(n):
        text = data[offsets[row] : offsets[row + 1]]
        own = marks[ranges[syntax[row]] : ranges[syntax[row] + 1]]
        _count_one(text, own, words, pool, counts[:, row])
    return counts


# text uint8[:], marks int32[m, 5] of its language -> counts int64[4], in place.
@njit(cache=True, nogil=True)
def _count_one(text: Bytes, marks: Marks, words: Marks, pool: Bytes, counts: Counts) -> None:
    # Typed: of plain constants Numba would first compile what they are handed to, and then again.
    inside: Any = np.int64(-1)  # the mark whose closing one is awaited
    is_code: Any = np.bool_(False)  # ... of a string in code
    lines: Any = np.int64(0)  # of the comment that is being read; 0: none
    said: Any = np.int64(0)
    is_licence: Any = np.bool_(False)
    is_header: Any = np.bool_(False)
    position: Any = np.int64(0)
    n = len(text)
    while position < n:
        first, last, position = _line(text, position)
        comments, begins, inside, is_code = _read_line(
            text, first, last, marks, pool, inside, is_code
        )
        if begins or not comments:
            _add_comment(counts, lines, said, is_licence, is_header)
            lines = said = np.int64(0)
        if comments:
            if lines == 0:
                is_licence, is_header = np.bool_(False), counts[0] < HEADER_CODE_LINES
            lines += 1
            said += _prose_words(text, first, last)
            is_licence = is_licence or _names_licence(text, first, last, words, pool)
        elif first < last:
            counts[0] += 1
    _add_comment(counts, lines, said, is_licence, is_header)


@njit(cache=True, nogil=True)
def _add_comment(counts: Counts, lines: int, said: int, is_licence: bool, is_header: bool) -> None:
    if not is_licence:
        counts[1] += lines
        counts[2] += said
        if is_header:
            counts[3] += said


@njit(cache=True, nogil=True)
def _line(text: Bytes, start: int) -> tuple[int, int, int]:
    """Where the line's text begins and ends, spaces left off, and where the next line begins."""
    end, n = start, len(text)
    while end < n and text[end] not in (10, 13):
        end += 1
    first, last = start, end
    while first < last and text[first] in (32, 9, 12):
        first += 1
    while last > first and text[last - 1] in (32, 9, 12):
        last -= 1
    if end + 1 < n and text[end] == 13 and text[end + 1] == 10:
        return first, last, end + 2
    return first, last, end + 1


@njit(cache=True, nogil=True)
def _read_line(
    text: Bytes, first: int, last: int, marks: Marks, pool: Bytes, inside: int, is_code: bool
) -> tuple[bool, bool, int, bool]:
    """Whether the line is a comment, whether one ends before it (a blank line, or the beginning
    of another), and what it leaves open: a mark or -1, and whether that is a string in code."""
    if inside >= 0:
        closes = _find(text, first, last, pool, marks[inside, 3], marks[inside, 4]) >= 0
        return not is_code and first < last, False, -1 if closes else inside, is_code
    if first == last:
        return False, True, -1, False
    mark = _opening(text, first, last, marks, pool)
    if mark < 0:
        found = _open_string(text, first, last, marks, pool)
        return False, True, found, found >= 0
    if marks[mark, 0] == LINE:
        return True, False, -1, False
    after = first + marks[mark, 2] - marks[mark, 1]
    closes = _find(text, after, last, pool, marks[mark, 3], marks[mark, 4]) >= 0
    return True, True, -1 if closes else mark, False


@njit(cache=True, nogil=True)
def _opening(text: Bytes, first: int, last: int, marks: Marks, pool: Bytes) -> int:
    """The first mark that the line begins with, or -1."""
    for mark in range(len(marks)):
        if _starts(text, first, last, pool, marks[mark, 1], marks[mark, 2]):
            return mark
    return -1


@njit(cache=True, nogil=True)
def _open_string(text: Bytes, first: int, last: int, marks: Marks, pool: Bytes) -> int:
    """The quote of the string that a line of code leaves open, or -1."""
    position = first
    while position < last:
        found = -1
        for mark in range(len(marks)):
            if marks[mark, 0] == QUOTED and _starts(
                text, position, last, pool, marks[mark, 1], marks[mark, 2]
            ):
                found = mark
                break
        if found < 0:
            position += 1
            continue
        size = marks[found, 2] - marks[found, 1]
        closed = _find(text, position + size, last, pool, marks[found, 3], marks[found, 4])
        if closed < 0:
            return found
        position = closed + size
    return -1


@njit(cache=True, nogil=True)
def _starts(text: Bytes, first: int, last: int, pool: Bytes, begin: int, end: int) -> bool:
    """Whether text[first:last] begins with pool[begin:end]."""
    if last - first < end - begin:
        return False
    for index in range(end - begin):  # noqa: SIM110 - Numba compiles no generator
        if text[first + index] != pool[begin + index]:
            return False
    return True


@njit(cache=True, nogil=True)
def _find(text: Bytes, first: int, last: int, pool: Bytes, begin: int, end: int) -> int:
    """Where pool[begin:end] begins in text[first:last], or -1."""
    for position in range(first, last - (end - begin) + 1):
        if _starts(text, position, last, pool, begin, end):
            return position
    return -1


@njit(cache=True, nogil=True)
def _prose_words(text: Bytes, first: int, last: int) -> int:
    """The words of a line that reads like prose, else 0."""
    letters, solid, words, run, high = 0, 0, 0, 0, 0
    for position in range(first, last + 1):
        byte = text[position] if position < last else np.uint8(32)
        is_letter = byte >= 128 or np.uint8((byte | np.uint8(32)) - np.uint8(97)) < 26
        solid += int(byte not in (32, 9))
        if is_letter:
            letters += 1
            run += 1
            high += int(byte >= 128)
        else:
            if run >= 2:
                words += 1 + high // WORD_BYTES
            run, high = 0, 0
    return words if words >= MIN_PROSE_WORDS and letters * 10 >= solid * 7 else 0


@njit(cache=True, nogil=True)
def _names_licence(text: Bytes, first: int, last: int, words: Marks, pool: Bytes) -> bool:
    for position in range(first, last):
        for word in range(len(words)):
            begin, end = words[word, 0], words[word, 1]
            if last - position < end - begin:
                continue
            same = True
            for index in range(end - begin):
                byte = text[position + index]
                lower = byte | np.uint8(32) if 65 <= byte <= 90 else byte
                if lower != pool[begin + index]:
                    same = False
                    break
            if same:
                return True
    return False
