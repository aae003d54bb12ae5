r"""Where words end in the families of `families`: their alternatives, tried in order at each place,
in one pass over UTF-8, without expressions.

Each code point is looked up once a place, as bits of what it may be in a word (`state`). A place
behind the end has no bits, and neither has one that an earlier split parts from where the word
begins: so a family with several splits (DeepSeek-V3's) is the same loop. No alternative looks
further than a word and the character behind it, but for capitals, which are read twice.

Tests hold this against Hugging Face tokenizers for all code points and any text, family by family.
"""

from stages.kernels.bpe.state import (
    ANY_CASE,
    BLANK,
    CONTRACTIONS,
    ISOLATED,
    LINE_END,
    LOWER,
    MARK,
    MAX_NUMBERS,
    N_ENDS,
    NUMBER,
    PREFIX,
    PUNCTUATED,
    SLASH,
    SPACED_NUMBERS,
    SUFFIXED,
    UPPER,
    State,
)
from stages.kernels.compiling import inlined, int64, kernel

STRETCH = 256
"""Words whose ends are found before their ids are: as many as stay in the fastest cache."""

_APOSTROPHE, _SPACE, _SLASH = ord("'"), ord(" "), ord("/")
_ASCII, _CASE = 0x80, 0x20


@kernel
def split_stretch(s: State, start: int, stop: int) -> int:
    """Fill `ends` with those of the next words; returns the last of them."""
    n = int64(0)
    while start < stop and n < STRETCH:
        end = _plain_word(s, start, stop)
        if end == start:
            end = _word(s, start, stop)
        if end == start:
            end = _gap(s, start, stop)
        s.ends[n] = start = end
        n += 1
    s.counts[N_ENDS] = n
    return start


@inlined
def _plain_word(s: State, start: int, stop: int) -> int:
    """The end of a word of ASCII letters with what may stand before it, which most words are, if
    what follows is ASCII and no apostrophe; else the place itself."""
    place = start
    byte = int64(s.data[place])
    if byte >= _ASCII or byte == _APOSTROPHE:
        return start
    bits = int64(s.classes[byte])
    if bits & PREFIX and not bits & UPPER:
        place += 1
    last = int64(0)
    while place < stop and s.data[place] < _ASCII:
        bits = int64(s.classes[s.data[place]])
        if not bits & LOWER and (last & LOWER or not bits & UPPER):
            break
        last = bits
        place += 1
    if not last & LOWER:
        return start
    if place < stop and (s.data[place] >= _ASCII or s.data[place] == _APOSTROPHE):
        return start
    return place


@kernel
def _gap(s: State, start: int, stop: int) -> int:
    """The end of what no alternative matches: the next place that one does."""
    place = start
    group = _class(s, start) & ISOLATED
    while True:
        place += _size(s, place)
        if not _bits(s, place, stop, group) or _word(s, place, stop) > place:
            return place


@inlined
def _word(s: State, start: int, stop: int) -> int:
    """The end of the word that begins at a place, which is the place itself if none does."""
    bits = _class(s, start)
    if bits & NUMBER:
        return _numbers(s, start, stop, bits & ISOLATED)
    end = start
    if s.data[start] == _APOSTROPHE and s.rules[CONTRACTIONS] and not s.rules[SUFFIXED]:
        end = _contraction(s, start, stop)
    elif bits & MARK and s.data[start] < _ASCII and s.rules[PUNCTUATED]:
        end = _punctuated(s, start, stop)
    if end > start:
        return end
    end = _letters(s, start, stop, bits)
    if end > start:
        return _contraction(s, end, stop) if s.rules[SUFFIXED] else end
    return _others(s, start, stop, bits)


@inlined
def _others(s: State, start: int, stop: int, bits: int) -> int:
    """` ?MARK+…` and blanks, and where a family has it, ` ?N+`."""
    group = bits & ISOLATED
    if s.data[start] == _SPACE:
        behind = _bits(s, start + 1, stop, group)
        if behind & MARK:
            return _marks(s, start + 1, stop, group)
        if behind & NUMBER and s.rules[SPACED_NUMBERS]:
            return _numbers(s, start + 1, stop, group)
    if bits & MARK:
        return _marks(s, start, stop, group)
    return _blanks(s, start, stop, group) if bits & BLANK else start


@inlined
def _letters(s: State, start: int, stop: int, bits: int) -> int:
    """`X?UPPER*LOWER+`, else `X?UPPER+LOWER*`."""
    group = bits & ISOLATED
    after = start + _size(s, start)
    if bits & PREFIX:
        end = _mixed(s, after, stop, group)
        if end > after:
            return end
    if bits & (UPPER | LOWER):
        end = _mixed(s, start, stop, group)
        if end > start:
            return end
    if bits & PREFIX:
        end = _capitals(s, after, stop, group)
        if end > after:
            return end
    return _capitals(s, start, stop, group)


@kernel
def _mixed(s: State, start: int, stop: int, group: int) -> int:
    """`UPPER*LOWER+`, of which a letter may be both: if no other follows the capitals, the last of
    them that is ends the word."""
    place = end = start
    bits = _bits(s, place, stop, group)
    while bits & UPPER:
        place += _size(s, place)
        if bits & LOWER:
            end = place
        bits = _bits(s, place, stop, group)
    while bits & LOWER:
        place += _size(s, place)
        end = place
        bits = _bits(s, place, stop, group)
    return end


@kernel
def _capitals(s: State, start: int, stop: int, group: int) -> int:
    """`UPPER+`, where `_mixed` found no word, so that nothing of LOWER is there or follows."""
    while _bits(s, start, stop, group) & UPPER:
        start += _size(s, start)
    return start


@inlined
def _numbers(s: State, start: int, stop: int, group: int) -> int:
    n = int64(0)
    while n < s.rules[MAX_NUMBERS] and _bits(s, start, stop, group) & NUMBER:
        start += _size(s, start)
        n += 1
    return start


@inlined
def _marks(s: State, start: int, stop: int, group: int) -> int:
    """`MARK+` with the line ends behind it."""
    while _bits(s, start, stop, group) & MARK:
        start += _size(s, start)
    while _bits(s, start, stop, group) & LINE_END or (
        s.rules[SLASH] and start < stop and s.data[start] == _SLASH
    ):
        start += 1
    return start


@inlined
def _blanks(s: State, start: int, stop: int, group: int) -> int:
    r"""`\s*[\r\n]+|\s+(?!\S)|\s+`: to the last line end; else all of them where nothing follows;
    else all but the last, which is the next word's, if there are two."""
    place = last = line = start
    bits = _bits(s, start, stop, group)
    while bits & BLANK:
        last = place
        place += _size(s, place)
        if bits & LINE_END:
            line = place
        bits = _bits(s, place, stop, group)
    if line > start:
        return line
    return last if bits and last > start else place


@kernel
def _punctuated(s: State, start: int, stop: int) -> int:
    """`.[A-Za-z]+`."""
    end = start + 1
    while end < stop and ord("a") <= (int64(s.data[end]) | _CASE) <= ord("z"):
        end += 1
    return end if end > start + 1 else start


@kernel
def _contraction(s: State, start: int, stop: int) -> int:
    """The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`, or the place itself."""
    if start + 1 >= stop or s.data[start] != _APOSTROPHE:
        return start
    any_case = s.rules[CONTRACTIONS] == ANY_CASE
    first = int64(s.data[start + 1])
    second = int64(s.data[start + 2]) if start + 2 < stop else int64(0)
    if any_case:
        if first == 0xC5 and second == 0xBF:  # the long s, whose capital is S
            return start + 3
        if first < _ASCII:
            first |= _CASE
        if second < _ASCII:
            second |= _CASE
    if first == ord("s") or first == ord("t") or first == ord("m") or first == ord("d"):
        return start + 2
    if second == ord("e") and (first == ord("r") or first == ord("v")):
        return start + 3
    return start + 3 if first == ord("l") and second == ord("l") else start


@inlined
def _bits(s: State, place: int, stop: int, group: int) -> int:
    """What a character may be in a word of a group of characters; nothing outside of it."""
    if place >= stop:
        return int64(0)
    bits = _class(s, place)
    return int64(0) if (bits ^ group) & ISOLATED else bits


@inlined
def _size(s: State, place: int) -> int:
    """Bytes of the character at a place."""
    byte = s.data[place]
    if byte < _ASCII:
        return int64(1)
    return int64(2) if byte < 0xE0 else int64(3) if byte < 0xF0 else int64(4)


@inlined
def _class(s: State, place: int) -> int:
    """The class of the character at a place."""
    byte = int64(s.data[place])
    if byte < _ASCII:
        return int64(s.classes[byte])
    point = int64(s.data[place + 1]) & 0x3F
    if byte < 0xE0:
        return int64(s.classes[(byte & 0x1F) << 6 | point])
    point = point << 6 | int64(s.data[place + 2]) & 0x3F
    if byte < 0xF0:
        return int64(s.classes[(byte & 0x0F) << 12 | point])
    point = point << 6 | int64(s.data[place + 3]) & 0x3F
    return int64(s.classes[(byte & 0x07) << 18 | point])
