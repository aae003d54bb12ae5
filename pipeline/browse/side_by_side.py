"""Two texts line by line, what differs marked: a near-duplicate beside the one that was kept.

Both are cut (`MAX_LINES`, `MAX_LINE`), so that the comparison of hostile texts takes no longer than
that of source code. Runs of equal lines are folded.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from markupsafe import Markup, escape

from pipeline.local_page.rendering import visible

MAX_LINES = 2_000
MAX_LINE = 400
CONTEXT = 3
"""Equal lines that are shown around a difference."""
NOTHING = Markup()
FEW = 2
_WORDS = re.compile(r"\w+|\s+|.")


@dataclass(frozen=True)
class Row:
    """A line of the kept text beside one of the dropped, either of which may be missing."""

    kind: str
    """`same`, `changed`, `kept` (missing in the dropped), `dropped`, or `fold`."""
    left_number: int | None = None
    right_number: int | None = None
    left: Markup = NOTHING
    right: Markup = NOTHING
    n_folded: int = 0


@dataclass(frozen=True)
class Comparison:
    """The rows, and how many lines differ."""

    rows: tuple[Row, ...]
    n_different: int
    is_cut: bool


def compare(kept: str, dropped: str) -> Comparison:
    """The kept text on the left, the dropped one on the right."""
    left, right = _lines(kept), _lines(dropped)
    rows = list(_rows(left[:MAX_LINES], right[:MAX_LINES]))
    return Comparison(
        tuple(_folded(rows)),
        sum(row.kind != "same" for row in rows),
        max(len(left), len(right)) > MAX_LINES,
    )


def _lines(text: str) -> list[str]:
    lines = text[: MAX_LINES * MAX_LINE].splitlines()
    return [visible(line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} …") for line in lines]


def _rows(left: Sequence[str], right: Sequence[str]) -> Iterator[Row]:
    for kind, a, a_end, b, b_end in SequenceMatcher(None, left, right).get_opcodes():
        if kind == "equal":
            for step in range(a_end - a):
                line = escape(left[a + step])
                yield Row("same", a + step + 1, b + step + 1, line, line)
            continue
        for step in range(max(a_end - a, b_end - b)):
            here, there = a + step < a_end, b + step < b_end
            if here and there:
                marked = _marked(left[a + step], right[b + step])
                yield Row("changed", a + step + 1, b + step + 1, *marked)
            elif here:
                yield Row("kept", a + step + 1, None, escape(left[a + step]))
            else:
                yield Row("dropped", None, b + step + 1, right=escape(right[b + step]))


def _marked(left: str, right: str) -> tuple[Markup, Markup]:
    """Two lines with the words that differ marked."""
    a, b = _WORDS.findall(left), _WORDS.findall(right)
    sides: tuple[list[Markup], list[Markup]] = ([], [])
    for kind, i, i_end, j, j_end in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for side, words in zip(sides, (a[i:i_end], b[j:j_end]), strict=True):
            text = escape("".join(words))
            side.append(text if kind == "equal" or not text else Markup(f"<mark>{text}</mark>"))
    return Markup("").join(sides[0]), Markup("").join(sides[1])


def _folded(rows: Sequence[Row]) -> Iterator[Row]:
    """Without the equal lines that are far from any difference."""
    near = [False] * len(rows)
    for place, row in enumerate(rows):
        if row.kind != "same":
            for one in range(max(place - CONTEXT, 0), min(place + CONTEXT + 1, len(rows))):
                near[one] = True
    hidden: list[Row] = []
    for row, is_near in zip(rows, near, strict=True):
        if not is_near:
            hidden.append(row)
            continue
        yield from _fold(hidden)
        hidden = []
        yield row
    yield from _fold(hidden)


def _fold(hidden: Sequence[Row]) -> Sequence[Row]:
    """One row for several equal lines; a few are shown."""
    return hidden if len(hidden) <= FEW else [Row("fold", n_folded=len(hidden))]
