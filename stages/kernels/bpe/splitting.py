r"""DeepSeek-V2's pre-tokenizer: where words end, in one pass over UTF-8, without expressions.

It is a sequence of splits, each within the pieces of the one before, matches parted from gaps:

1. `[\r\n]`
2. `\s?LETTERS+`, the letters of scripts with two cases
3. `\s?MARKS+`, where MARKS are punctuation *and* the letters of ASCII (`[!-/:-~…]`): so ASCII and
   other letters of one run part
4. `\s+$` of a piece
5. `CJK+`, from U+0800 on
6. every digit (what Unicode calls a number) alone

Lines of plain ASCII (nothing but blanks, letters, marks and digits) follow from that by looking at
a byte and the one before. Where another character stands, the splits are made in turn, from the
last place before it to the first behind it where a run of letters begins or ends: `LETTERS+`
parts the line there whatever stands around it.

Tests hold this against Hugging Face tokenizers for all code points and any text.
"""

import numpy as np

from stages.kernels.arrow import Bytes
from stages.kernels.bpe.state import N_ENDS, State
from stages.kernels.code_points import N_CODE_POINTS
from stages.kernels.compiling import int64, kernel

LETTER, MARK, BLANK, CJK, NUMBER = (1 << bit for bit in range(5))
"""Bits of a code point's class."""

(OTHER, LINE_END, ASCII_BLANK, ASCII_LETTER, ASCII_MARK, ASCII_DIGIT) = range(6)
"""Kinds of bytes; OTHER are controls and all that is not ASCII."""

_BLANKS = "9-d 20 85 a0 1680 2000-200a 2028-2029 202f 205f 3000"
"""White_Space, which is `\\s` of Oniguruma."""
_NUMBERS = """
30-39 b2-b3 b9 bc-be 660-669 6f0-6f9 7c0-7c9 966-96f 9e6-9ef 9f4-9f9 a66-a6f ae6-aef b66-b6f b72-b77
be6-bf2 c66-c6f c78-c7e ce6-cef d58-d5e d66-d78 de6-def e50-e59 ed0-ed9 f20-f33 1040-1049 1090-1099
1369-137c 16ee-16f0 17e0-17e9 17f0-17f9 1810-1819 1946-194f 19d0-19da 1a80-1a89 1a90-1a99 1b50-1b59
1bb0-1bb9 1c40-1c49 1c50-1c59 2070 2074-2079 2080-2089 2150-2182 2185-2189 2460-249b 24ea-24ff
2776-2793 2cfd 3007 3021-3029 3038-303a 3192-3195 3220-3229 3248-324f 3251-325f 3280-3289 32b1-32bf
a620-a629 a6e6-a6ef a830-a835 a8d0-a8d9 a900-a909 a9d0-a9d9 a9f0-a9f9 aa50-aa59 abf0-abf9 ff10-ff19
10107-10133 10140-10178 1018a-1018b 102e1-102fb 10320-10323 10341 1034a 103d1-103d5 104a0-104a9
10858-1085f 10879-1087f 108a7-108af 108fb-108ff 10916-1091b 109bc-109bd 109c0-109cf 109d2-109ff
10a40-10a48 10a7d-10a7e 10a9d-10a9f 10aeb-10aef 10b58-10b5f 10b78-10b7f 10ba9-10baf 10cfa-10cff
10d30-10d39 10d40-10d49 10e60-10e7e 10f1d-10f26 10f51-10f54 10fc5-10fcb 11052-1106f 110f0-110f9
11136-1113f 111d0-111d9 111e1-111f4 112f0-112f9 11450-11459 114d0-114d9 11650-11659 116c0-116c9
116d0-116e3 11730-1173b 118e0-118f2 11950-11959 11bf0-11bf9 11c50-11c6c 11d50-11d59 11da0-11da9
11de0-11de9 11f50-11f59 11fc0-11fd4 12400-1246e 16130-16139 16a60-16a69 16ac0-16ac9 16b50-16b59
16b5b-16b61 16d70-16d79 16e80-16e96 16ff4-16ff6 1ccf0-1ccf9 1d2c0-1d2d3 1d2e0-1d2f3 1d360-1d378
1d7ce-1d7ff 1e140-1e149 1e2f0-1e2f9 1e4f0-1e4f9 1e5f1-1e5fa 1e8c7-1e8cf 1e950-1e959 1ec71-1ecab
1ecad-1ecaf 1ecb1-1ecb4 1ed01-1ed2d 1ed2f-1ed3d 1f100-1f10c 1fbf0-1fbf9
"""
"""Categories Nd, Nl and No as the library knows them, whose Unicode is newer than Python's."""


def class_tables(letters: str, marks: str, cjk: str) -> tuple[Bytes, Bytes]:
    """Kinds of bytes (256) and classes of code points (0x110000). The arguments are the insides of
    the pre-tokenizer's brackets, characters and `a-z` ranges."""
    classes = np.zeros(N_CODE_POINTS, np.uint8)
    for inside, bit in ((letters, LETTER), (marks, MARK), (cjk, CJK)):
        for first, last in _ranges(inside):
            classes[first : last + 1] |= bit
    for hexadecimal, bit in ((_BLANKS, BLANK), (_NUMBERS, NUMBER)):
        for part in hexadecimal.split():
            low, _, high = part.partition("-")
            classes[int(low, 16) : int(high or low, 16) + 1] |= bit
    kinds = np.full(256, OTHER, np.uint8)
    of_ascii = classes[:128]
    for bit, kind in (
        (MARK, ASCII_MARK),
        (LETTER, ASCII_LETTER),
        (BLANK, ASCII_BLANK),
        (NUMBER, ASCII_DIGIT),
    ):
        kinds[:128][of_ascii & bit > 0] = kind
    kinds[[ord("\r"), ord("\n")]] = LINE_END
    return kinds, classes


def _ranges(inside: str) -> list[tuple[int, int]]:
    found = []
    position = 0
    while position < len(inside):
        wide = inside[position + 1 : position + 2] == "-" and position + 2 < len(inside)
        last = position + 2 if wide else position
        found.append((ord(inside[position]), ord(inside[last])))
        position = last + 1
    return found


@kernel
def split_line(s: State, start: int, stop: int) -> int:
    """Fill `ends` with those of the words up to and with the first line end, or up to `stop`;
    returns where that is."""
    position = safe = start
    n = n_safe = int64(0)
    while position < stop:
        after = word = position
        kind = s.byte_kinds[s.data[position]]
        if kind == LINE_END:
            s.ends[n] = position + 1
            s.counts[N_ENDS] = n + 1
            return position + 1
        if kind == ASCII_BLANK:
            word = _run(s, position, stop, ASCII_BLANK)
            behind = s.byte_kinds[s.data[word]] if word < stop else LINE_END
            if behind == ASCII_LETTER or behind == ASCII_MARK:  # takes the last blank
                kind = behind
                if word - 1 > position:
                    position = word - 1
                    s.ends[n] = position
                    n += 1
        if kind == ASCII_LETTER:
            safe, n_safe = position, n
        if kind == ASCII_DIGIT:
            after = word + 1
        elif kind != OTHER:
            after = _run(s, word, stop, kind)
        if kind == ASCII_DIGIT or (kind != OTHER and _is_plain(s, after, stop)):
            s.ends[n] = position = after
            n += 1
            if kind == ASCII_LETTER:
                safe, n_safe = position, n
        else:
            s.counts[N_ENDS] = n_safe
            safe = position = _split_any(s, safe, after, stop)
            n = n_safe = s.counts[N_ENDS]
    s.counts[N_ENDS] = n
    return stop


@kernel
def _is_plain(s: State, position: int, stop: int) -> bool:
    """Whether a text ends at a place, or goes on with ASCII."""
    return position == stop or s.byte_kinds[s.data[position]] != OTHER


@kernel
def _run(s: State, position: int, stop: int, kind: int) -> int:
    """Where the bytes of a kind end."""
    while position < stop and s.byte_kinds[s.data[position]] == kind:
        position += 1
    return position


@kernel
def _split_any(s: State, start: int, odd: int, stop: int) -> int:
    """Add the ends of words from `start`, where a run of letters begins or ends, over the character
    at `odd` to the next such place, or to the line's end; returns where that is."""
    n = _decode(s, start, odd, stop)
    _part_letters(s, n)
    _part_marks(s, n)
    _part_blanks_at_ends(s, n)
    n_ends = s.counts[N_ENDS]
    for i in range(1, n):
        kind, former = s.kinds[i], s.kinds[i - 1]
        if s.cuts[i] or (kind ^ former) & CJK or (kind | former) & NUMBER:
            s.ends[n_ends] = s.places[i]
            n_ends += 1
    s.ends[n_ends] = s.places[n]
    s.counts[N_ENDS] = n_ends + 1
    return s.places[n]


@kernel
def _decode(s: State, start: int, odd: int, stop: int) -> int:
    """Fill `kinds`, `places` and `cuts` (with zeros); returns the number of characters."""
    n = int64(0)
    position = start
    former = int64(0)
    while position < stop:
        byte = int64(s.data[position])
        if byte < 0x80:
            kind = s.byte_kinds[byte]
            ends = former & LETTER and kind != ASCII_LETTER and kind != OTHER
            if kind == LINE_END or (ends and position > odd):
                break
            point, size = byte, 1
        elif byte < 0xE0:
            point, size = (byte & 0x1F) << 6 | s.data[position + 1] & 0x3F, 2
        elif byte < 0xF0:
            point = (byte & 0x0F) << 12 | (s.data[position + 1] & 0x3F) << 6
            point, size = point | s.data[position + 2] & 0x3F, 3
        else:
            point = (byte & 0x07) << 18 | (s.data[position + 1] & 0x3F) << 12
            point |= (s.data[position + 2] & 0x3F) << 6
            point, size = point | s.data[position + 3] & 0x3F, 4
        former = int64(s.classes[point])
        s.kinds[n] = former
        s.places[n] = position
        s.cuts[n] = 0
        n += 1
        position += size
    s.places[n] = position
    s.cuts[n] = s.kinds[n] = 0
    return n


@kernel
def _part_letters(s: State, n: int) -> None:
    """`\\s?LETTERS+`."""
    i = int64(0)
    while i < n:
        behind = i + 1 if s.kinds[i] & BLANK else i
        if not s.kinds[behind] & LETTER:
            i += 1
            continue
        s.cuts[i] = 1
        i = behind + 1
        while s.kinds[i] & LETTER:
            i += 1
        s.cuts[i] = 1


@kernel
def _part_marks(s: State, n: int) -> None:
    """`\\s?MARKS+` within the pieces so far. U+3000 is both a blank and a mark."""
    i = int64(0)
    while i < n:
        behind = i
        if s.kinds[i] & BLANK and not s.cuts[i + 1] and s.kinds[i + 1] & MARK:
            behind = i + 1
        if not s.kinds[behind] & MARK:
            i += 1
            continue
        s.cuts[i] = 1
        i = behind + 1
        while s.kinds[i] & MARK and not s.cuts[i]:
            i += 1
        s.cuts[i] = 1


@kernel
def _part_blanks_at_ends(s: State, n: int) -> None:
    """`\\s+$` of every piece so far."""
    end = n
    while end > 0:
        i = end - 1
        while i > 0 and not s.cuts[i] and s.kinds[i] & BLANK:
            i -= 1
        if i < end - 1 and not s.kinds[i] & BLANK:
            s.cuts[i + 1] = 1
        while i > 0 and not s.cuts[i]:
            i -= 1
        end = i
