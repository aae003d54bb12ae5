r"""What Python says of every code point, in tables for kernels.

Asking for each of 1.1 million takes half a second in every process. But the predicates that kernels
need hold of few: `str.isalpha`, `isalnum`, `isdigit` and `isdecimal` imply `\w` of `re`,
which finds 140,000 code points in 700 runs, most of which are of one kind; and of 256 neighbours
that are their own lower case none has to be asked. A table takes 30-60 ms.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes

N_CODE_POINTS = 0x110000
_NEIGHBOURS = 256

Marks = npt.NDArray[np.bool_]


def matching(pattern: str) -> Marks:
    """Which code points a pattern of `re` for runs of characters matches, such as `\\w+`."""
    marks = np.zeros(N_CODE_POINTS, np.bool_)
    for run in re.finditer(pattern, _all_of_them()):
        marks[run.start() : run.end()] = True
    return marks


def word_characters(predicate: Callable[[str], bool]) -> Marks:
    r"""Of which code points a predicate holds that implies `\w`, and that holds of a string if it
    does of each character."""
    marks = np.zeros(N_CODE_POINTS, np.bool_)
    for run in re.finditer(r"\w+", _all_of_them()):
        marks[run.start() : run.end()] = predicate(run[0]) or list(map(predicate, run[0]))
    return marks


def changed_by_lower() -> Iterator[tuple[int, str]]:
    """Every code point that is not its own lower case, and the lower case."""
    text = _all_of_them()
    for start in range(0, N_CODE_POINTS, _NEIGHBOURS):
        neighbours = text[start : start + _NEIGHBOURS]
        if neighbours.lower() != neighbours:
            for place, character in enumerate(neighbours):
                if (lower := character.lower()) != character:
                    yield start + place, lower


def _all_of_them() -> str:
    points = np.arange(N_CODE_POINTS, dtype="<u4")
    return points.tobytes().decode("utf-32-le", "surrogatepass")


@njit(inline="always")
def code_point(data: Bytes, position: int) -> tuple[int, int]:
    """The code point that begins at `position` of valid UTF-8 (uint8), and its bytes."""
    point = np.int64(data[position])
    length = 1
    if point >= 0xF0:
        length = 4
        point &= 0x07
    elif point >= 0xE0:
        length = 3
        point &= 0x0F
    elif point >= 0xC0:
        length = 2
        point &= 0x1F
    for step in range(1, length):
        point = point << 6 | np.int64(data[position + step]) & 0x3F
    return int(point), length
