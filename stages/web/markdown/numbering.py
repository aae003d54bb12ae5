"""The numbers of lists: `start`, `reversed`, and `value` of items."""

from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.markdown.paper import NO_VALUE
from stages.web.tree.elements import KEYS, TAGS
from stages.web.tree.state import (
    END,
    FIRST,
    KEY,
    LAST,
    PARENT,
    TAG,
    VALUE,
    VALUE_END,
    Numbers,
)

_LI = TAGS["li"]
_START, _REVERSED, _VALUE = (KEYS[k] for k in ("start", "reversed", "value"))


# The value of the attribute at `slot` as a whole number, `default` where it is none.
@njit(cache=True, nogil=True)
def _whole_number(page: Bytes, attributes: Numbers, slot: int, default: int) -> int:
    value, sign, digits = 0, 1, 0
    for position in range(attributes[slot, VALUE], attributes[slot, VALUE_END]):
        byte = int(page[position])
        if byte == 0x2D and digits == 0:
            sign = -1
        elif 0x30 <= byte <= 0x39 and digits < 9:
            value = value * 10 + byte - 0x30
            digits += 1
    return sign * value if digits > 0 else default


@njit(cache=True, nogil=True)
def number_list(page: Bytes, nodes: Numbers, attributes: Numbers, i: int) -> None:
    """The number of the first item of the list at `i` and the step to the next, in the rows that
    hold attributes, which nobody asks for any more."""
    number, step = 1, 1
    for slot in range(nodes[FIRST, i], nodes[LAST, i]):
        if attributes[slot, KEY] == _REVERSED:
            step, number = -1, 0
            for inner in range(i + 1, nodes[END, i]):
                number += nodes[TAG, inner] == _LI and nodes[PARENT, inner] == i
    for slot in range(nodes[FIRST, i], nodes[LAST, i]):
        if attributes[slot, KEY] == _START:
            number = _whole_number(page, attributes, slot, number)
    nodes[FIRST, i], nodes[LAST, i] = number, step


@njit(cache=True, nogil=True)
def number_item(page: Bytes, nodes: Numbers, attributes: Numbers, i: int) -> None:
    """The number that the item at `i` says it has."""
    number = NO_VALUE
    for slot in range(nodes[FIRST, i], nodes[LAST, i]):
        if attributes[slot, KEY] == _VALUE:
            number = _whole_number(page, attributes, slot, number)
    nodes[FIRST, i] = number
