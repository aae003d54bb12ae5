"""The numbers of lists: `start`, `reversed`, and `value` of items."""

from typing import NamedTuple

from stages.kernels.compiling import Ints, int64, kernel
from stages.web.markdown.paper import NO_VALUE
from stages.web.tree.elements import KEYS, TAGS
from stages.web.tree.state import KEY, N_PLACES, VALUE, VALUE_END

_LI = TAGS["li"]
_START, _REVERSED, _VALUE = (KEYS[k] for k in ("start", "reversed", "value"))


class Marking(NamedTuple):
    """The page, its tree of `n` nodes with the roles to be filled, its attributes and text, what
    elements and class words mean, and the open tables, as pointers (see `mark`)."""

    html: Ints
    n: int
    tag: Ints
    parent: Ints
    end: Ints
    first: Ints
    last: Ints
    role: Ints
    attributes: Ints
    text: Ints
    kinds: Ints
    words: Ints
    n_slots: int
    tables: Ints
    counts: Ints


@kernel
def _whole_number(m: Marking, row: int, default: int) -> int:
    """The value of the attribute in a row as a whole number, `default` where it is none."""
    value, sign, digits = 0, 1, 0
    for position in range(m.attributes[row + VALUE], m.attributes[row + VALUE_END]):
        byte = int(m.html[position])
        if byte == 0x2D and digits == 0:
            sign = -1
        elif 0x30 <= byte <= 0x39 and digits < 9:
            value = value * 10 + byte - 0x30
            digits += 1
    return sign * value if digits > 0 else default


@kernel
def number_list(m: Marking, i: int) -> None:
    """The number of the first item of the list at `i` and the step to the next, in the places for
    attributes, which nobody asks for any more."""
    number, step = int64(1), int64(1)
    for slot in range(m.first[i], m.last[i]):
        if m.attributes[N_PLACES * slot + KEY] == _REVERSED and step > 0:
            step, number = -1, 0
            inner = i + 1
            while inner < m.end[i]:
                number += m.tag[inner] == _LI and m.parent[inner] == i
                inner = m.end[inner] if m.end[inner] > inner else inner + 1
    for slot in range(m.first[i], m.last[i]):
        if m.attributes[N_PLACES * slot + KEY] == _START:
            number = _whole_number(m, N_PLACES * slot, number)
    m.first[i], m.last[i] = number, step


@kernel
def number_item(m: Marking, i: int) -> None:
    """The number that the item at `i` says it has."""
    number = int64(NO_VALUE)
    for slot in range(m.first[i], m.last[i]):
        if m.attributes[N_PLACES * slot + KEY] == _VALUE:
            number = _whole_number(m, N_PLACES * slot, number)
    m.first[i] = number
