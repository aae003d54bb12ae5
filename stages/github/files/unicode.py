"""Unicode in all the forms that files have it, whole or slightly damaged.

**Whole**: a byte-order mark; UTF-16 and UTF-32 without one; UTF-8; 7-bit ISO-2022.

**Without a mark**, UTF-16 and UTF-32 are told by what they decode to, in any script: what has a NUL
byte is read in each width and byte order, and of the readings that are nothing but characters (no
controls, next to nothing unassigned or private) the one with the most ASCII counts, because white
space and punctuation are ASCII nearly everywhere. Text that merely has NULs in it also reads as
ideographs; but its other bytes are text by themselves, and those of UTF-16 are not, unless most
characters stand before U+2000, where the alphabets are.

**Damaged**, a file stays what it is: a character that is cut at the end is taken off, surrogates
that were encoded one by one (CESU-8, Java's modified UTF-8) are joined, other bad bytes become
U+FFFD. Other encodings read as UTF-8 by chance now and then, so that needs evidence: each character
above 127 counts for it by how unlikely it is as anything else, each bad byte against it.

Cost: a strict decoding (2 GB/s) for UTF-8; 20 ms for a file with NULs.
"""

import codecs
import re
import unicodedata
from collections import Counter
from typing import NamedTuple

import numpy as np

SAMPLE_BYTES = 1 << 17
MAX_ODD_RATE = 0.02
"""Of a wide file's characters: unassigned (to the Unicode that Python knows) or private."""
MAX_BAD_RATE = 0.01
"""Of a wide file's characters: not to be decoded."""
MIN_NO_TEXT_RATE = 0.10
EVIDENCE_PER_BAD_BYTE = 2

BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
MARKS = tuple(mark for mark, _ in BOMS)
_WIDTHS = {"utf-32-le": 4, "utf-32-be": 4, "utf-16-le": 2, "utf-16-be": 2}

CUT, REPLACED = "+cut", "+replaced"
"""Behind an encoding's name: a character was cut at the end; bad bytes became U+FFFD."""

_PAIR = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
_LONE_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_CUT_CHARACTER = re.compile(
    rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
_LEADS = ((0xC2, 0xC3, 1, 2), (0xC4, 0xDF, 1, 1), (0xE0, 0xEF, 2, 3), (0xF0, 0xF4, 3, 3))
"""First and last byte that begins such a character, how many others follow, and what it is worth
as evidence for UTF-8: `Ã` or `Â` before a symbol hardly occurs in Latin text, a Greek or Cyrillic
capital before a quotation mark may, and three such bytes in a row do not."""
_BAD = "\ufffd"
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f\x7f]")
_NO_TEXT = re.compile(rb"[^\t\n\r\f -~]")


class Decoded(NamedTuple):
    """A text and how it was had: the encoding's name, with `+cut` or `+replaced` behind it."""

    text: str
    encoding: str


def whole(payload: bytes) -> Decoded | None:
    """The text if the bytes are Unicode (without a mark also if it is cut), or 7-bit ISO-2022."""
    for mark, encoding in BOMS:
        if payload.startswith(mark):
            text = strict(payload[len(mark) :], encoding)
            if text is not None:
                return Decoded(text, encoding)
    if payload.startswith(MARKS):
        return None
    for found in (_wide(payload), _iso_2022(payload)):
        if found is not None:
            return found
    text = strict(payload, "utf-8")
    return None if text is None else Decoded(text, "utf-8")


def damaged_wide(payload: bytes) -> Decoded | None:
    """The text of a file with a mark of UTF-16 or UTF-32 of which a little is bad."""
    for mark, encoding in BOMS:
        if payload.startswith(mark) and encoding in _WIDTHS:
            found = _read_wide(payload[len(mark) :], encoding)
            if found is not None:
                return found
    return None


def damaged_utf8(payload: bytes) -> Decoded | None:
    """The text of a file that is UTF-8 but for a few bytes, or CESU-8; None without evidence that
    it is."""
    evidence = 0
    if payload.startswith(codecs.BOM_UTF8):
        payload, evidence = payload.removeprefix(codecs.BOM_UTF8), EVIDENCE_PER_BAD_BYTE
    joined = _PAIR.sub(_join, payload).replace(b"\xc0\x80", b"\0")
    encoding = "utf-8" if joined == payload else "cesu-8"
    joined = _LONE_SURROGATE.sub(_BAD.encode(), joined)
    sound, end = joined, _CUT_CHARACTER.search(joined, max(0, len(joined) - 3))
    if end is not None:
        sound = joined[: end.start()]
    evidence += _evidence(sound)
    text = sound.decode("utf-8", "replace")
    n_bad = text.count(_BAD) - payload.count(_BAD.encode())
    is_cut = end is not None and (evidence > 0 or _is_no_letter(sound[-1:], end[0]))
    if end is not None and not is_cut:
        n_bad += 1
    if evidence < EVIDENCE_PER_BAD_BYTE * n_bad or (
        encoding == "utf-8" and not n_bad and not is_cut
    ):
        return None
    return Decoded(text, encoding + REPLACED * (n_bad > 0) + CUT * is_cut)


def _is_no_letter(before: bytes, cut: bytes) -> bool:
    """Whether what may be a cut character is hardly the last letter of a Latin text: more than one
    byte, a capital (but ß is none), or something that stands alone."""
    return len(cut) > 1 or cut < b"\xdf" or (cut >= b"\xe0" and not before.isalpha())


def strict(payload: bytes, encoding: str) -> str | None:
    """The text, or None if a byte of it is bad or it cannot be written as UTF-8."""
    try:
        text = payload.decode(encoding)
        text.encode()
    except UnicodeError:
        return None
    return text


def _join(pair: re.Match[bytes]) -> bytes:
    halves = pair[0].decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le").encode()


def _evidence(payload: bytes) -> int:
    """How much speaks for UTF-8: its characters above 127, by weight."""
    values = np.frombuffer(payload, np.uint8)
    follows = (values & 0xC0) == 0x80
    evidence = 0
    for first, last, n_others, weight in _LEADS:
        found = (values >= first) & (values <= last)
        for distance in range(1, n_others + 1):
            found = found[:-1] & follows[distance : distance + len(found) - 1]
        evidence += weight * int(np.count_nonzero(found))
    return evidence


def _wide(payload: bytes) -> Decoded | None:
    """UTF-16 or UTF-32 without a mark."""
    sample = payload[:SAMPLE_BYTES]
    if 0 not in sample:
        return None
    is_text = _is_text(sample.replace(b"\0", b""))
    best: tuple[int, Decoded] | None = None
    for encoding in _WIDTHS:
        found = _read_wide(payload, encoding)
        if found is None or (is_text and not _is_alphabetic(found.text)):
            continue
        n_ascii = len(found.text[:SAMPLE_BYTES].encode("ascii", "ignore"))
        if n_ascii > 0 and (best is None or n_ascii > best[0]):
            best = n_ascii, found
    return None if best is None else best[1]


def _is_text(payload: bytes) -> bool:
    """Whether nearly all is printable ASCII, or all of it UTF-8 without controls."""
    if len(_NO_TEXT.findall(payload)) < MIN_NO_TEXT_RATE * len(payload):
        return True
    if _CONTROL.search(payload):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(payload)
    except UnicodeDecodeError:
        return False
    return True


def _read_wide(payload: bytes, encoding: str) -> Decoded | None:
    """The text in this width and byte order, if it is nothing but text."""
    width = _WIDTHS[encoding]
    sample = payload[: SAMPLE_BYTES - SAMPLE_BYTES % width]
    if not _is_written(sample.decode(encoding, "replace")):
        return None
    sound = payload[: len(payload) - len(payload) % width]
    if width == 2 and _ends_in_half(sound, encoding):
        sound = sound[:-2]
    text = sound.decode(encoding, "replace")
    is_cut = len(sound) < len(payload)
    n_bad = text.count(_BAD) - sound.count(_BAD.encode(encoding))
    if not text or n_bad > max(MAX_BAD_RATE * len(text), min(1, len(text) // 4)):
        return None
    return Decoded(text, encoding + REPLACED * (n_bad > 0) + CUT * is_cut)


def _ends_in_half(payload: bytes, encoding: str) -> bool:
    high = payload[-1:] if encoding == "utf-16-le" else payload[-2:-1]
    return b"\xd8" <= high <= b"\xdb"


def _is_written(text: str) -> bool:
    """Whether there are no control characters and hardly any that nobody uses."""
    n_odd = 0
    for character, count in Counter(text).items():
        kind = unicodedata.category(character)
        if kind == "Cc" and character not in "\t\n\r\f\v\x1b":
            return False
        n_odd += count * (kind in ("Cn", "Co"))
    return n_odd <= MAX_ODD_RATE * len(text)


def _is_alphabetic(text: str) -> bool:
    """Whether three quarters of the characters stand before U+2000."""
    sample = text[:SAMPLE_BYTES]
    return 4 * sum(character < "\u2000" for character in sample) >= 3 * len(sample)


def _iso_2022(payload: bytes) -> Decoded | None:
    if b"\x1b$" not in payload or not payload.isascii():
        return None
    for encoding in ("iso2022_jp_2", "iso2022_kr"):
        text = strict(payload, encoding)
        if text is not None and not text.isascii():
            return Decoded(text, encoding)
    return None
