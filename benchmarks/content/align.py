"""Which words of a page are those of its gold text: an alignment in order, by runs.

A word counts as found where the best alignment passes through it; a match that follows a match is
worth two, so that runs win over scattered words. What the gold has in another order than the page
is sought again in the rest, in runs of four words or more. Quadratic: 3 ns a pair of words.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

Hits = npt.NDArray[np.uint8]
Words = npt.NDArray[np.int32]

MOST_PAIRS = 1_500_000_000
"""Of words of page and gold; a longer page is aligned as far as that goes."""
SHORTEST_RUN = 4
WORTH_SEEKING = 0.03
"""Share of the gold's words that must be left for a search out of order."""


def covered(page: Sequence[str], gold: Sequence[str]) -> Hits:
    """uint8 of each of the page's words: 1 if it is one of the gold's."""
    numbers: dict[str, int] = {}
    left = np.array([numbers.setdefault(word, len(numbers)) for word in page], np.int32)
    right = np.array([numbers.setdefault(word, len(numbers)) for word in gold], np.int32)
    found = np.zeros(len(left), np.uint8)
    if not len(left) or not len(right):
        return found
    n = min(len(left), MOST_PAIRS // len(right))
    found[:n], used = _align(left[:n], right)
    for _ in range(2):
        rest = np.flatnonzero(found[:n] == 0)
        wanted = np.flatnonzero(used == 0)
        if len(wanted) < max(8, WORTH_SEEKING * len(right)) or not len(rest):
            break
        again, used_again = _align(left[rest], right[wanted])
        places = rest[again == 1]
        if not len(places):
            break
        runs = np.split(places, np.flatnonzero(np.diff(places) > 2) + 1)
        for run in runs:
            if len(run) >= SHORTEST_RUN:
                found[run] = 1
        used[wanted[used_again == 1]] = 1
    return found


def left_over(gold: Sequence[str], used: Sequence[str]) -> list[str]:
    """The gold's words without the used ones, in order."""
    counts = Counter(used)
    rest = []
    for word in gold:
        if counts[word] > 0:
            counts[word] -= 1
        else:
            rest.append(word)
    return rest


# uint8 of each word of `left` and of `right`: 1 if the best alignment matches it.
@njit(cache=True, nogil=True)
def _align(left: Words, right: Words) -> tuple[Hits, Hits]:
    n, m = len(left), len(right)
    # Bit 0: a match continues a match. Bits 1 and 2: where a gap came from.
    back = np.zeros((n + 1, m + 1), np.uint8)
    matched, gap = np.full(m + 1, -1e9, np.float32), np.zeros(m + 1, np.float32)
    new_matched, new_gap = np.empty(m + 1, np.float32), np.empty(m + 1, np.float32)
    for i in range(1, n + 1):
        new_matched[0], new_gap[0] = -1e9, 0
        for j in range(1, m + 1):
            code = 0
            new_matched[j] = -1e9
            if left[i - 1] == right[j - 1]:
                code = matched[j - 1] + 2 >= gap[j - 1] + 1
                new_matched[j] = max(matched[j - 1] + 2, gap[j - 1] + 1)
            best = gap[j]
            if new_gap[j - 1] > best:
                best, code = new_gap[j - 1], code & 1 | 2
            if matched[j] > best:
                best, code = matched[j], code & 1 | 4
            if new_matched[j - 1] > best:
                best, code = new_matched[j - 1], code & 1 | 6
            new_gap[j] = best
            back[i, j] = code
        matched, new_matched = new_matched, matched
        gap, new_gap = new_gap, gap
    of_left, of_right = np.zeros(n, np.uint8), np.zeros(m, np.uint8)
    i, j, in_match = n, m, matched[m] > gap[m]
    while i > 0 and j > 0:
        code = back[i, j]
        if in_match:
            of_left[i - 1] = of_right[j - 1] = 1
            in_match = code & 1 == 1
            i, j = i - 1, j - 1
        else:
            in_match = code & 4 != 0
            if code & 2:
                j -= 1
            else:
                i -= 1
    return of_left, of_right
