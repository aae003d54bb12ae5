"""What the whole text of an element says of it: a number of a line, the sign of a link."""

from stages.kernels.compiling import Ints, kernel

MAX_SIGN_BYTES = 8
"""The longest sign of a link, and what an int64 holds."""
_SOURCE, _SOURCE_BRACKETED, _SRC_BRACKETED = (
    int.from_bytes(sign, "big") for sign in (b"Source", b"[source]", b"[src]")
)


@kernel
def is_number(text: Ints, first: int, last: int) -> bool:
    """Whether text[first:last] is a short number, blanks aside."""
    if last - first > 24:
        return False
    digits = 0
    for position in range(first, last):
        byte = text[position]
        if 0x30 <= byte <= 0x39:
            digits += 1
        elif not (
            byte == 0x20
            or 0x09 <= byte <= 0x0D
            or byte == 0xC2
            or byte == 0xA0
            or byte == 0x3A
            or byte == 0x2E
            or byte == 0x7C
        ):
            return False
    return 0 < digits <= 7


@kernel
def is_link_sign(text: Ints, first: int, last: int) -> bool:
    """Whether text[first:last] is all that the link of a place to itself or to its source says: #,
    §, ¶, ◆, 🔗, Source, [source] or [src]."""
    while first < last and text[first] <= 0x20:
        first += 1
    if last - first > MAX_SIGN_BYTES:
        return False
    sign = 0
    for position in range(first, last):
        sign = sign << 8 | text[position]
    while sign & 0xFF == 0x20 or sign & 0xFFFF == 0xC2A0:
        sign >>= 8 if sign & 0xFF == 0x20 else 16
    return (
        sign == 0x23
        or sign == 0xC2A7
        or sign == 0xC2B6
        or sign == 0xE29786
        or sign == 0xF09F9497
        or sign == _SOURCE
        or sign == _SOURCE_BRACKETED
        or sign == _SRC_BRACKETED
    )
