"""Rows of tables of data, which are kept whole or not at all.

A cell says little by itself, so its score is a guess; and where one of a row is left out, those
behind it would stand in the columns of others. A table of which most rows are kept is kept whole,
its header with it. Two passes over the nodes of each table.
"""

from stages.kernels.compiling import Ints, kernel
from stages.web.tree.elements import MAX_CELL_BYTES, TAGS

_TABLE, _TR, _TD, _TH = (TAGS[name] for name in ("table", "tr", "td", "th"))
_UL, _OL, _PRE, _QUOTE = (TAGS[name] for name in ("ul", "ol", "pre", "blockquote"))
_H1, _H6 = TAGS["h1"], TAGS["h6"]


@kernel
def keep_rows(
    n: int, tag: Ints, end: Ints, first: Ints, last: Ints, block: Ints, kept: Ints
) -> None:
    """Keeps whole rows, or all of them, of tables of data. Of the `n` nodes: `tag`, `end`, the text
    from `first` to `last`, the number of their `block` or -1. `kept`: of blocks."""
    for table in range(n):
        if tag[table] != _TABLE or not _holds_data(table, tag, end, first, last):
            continue
        n_rows = n_kept = 0
        row = table + 1
        while row < end[table]:
            if tag[row] == _TR:
                n_rows += 1
                n_kept += _keep_if_any(row, end[row], block, kept)
                row = end[row]
            else:
                row += 1
        row = table + 1 if 2 * n_kept > n_rows else end[table]
        while row < end[table]:
            if tag[row] == _TR:
                _keep_all(row, end[row], block, kept)
                row = end[row]
            else:
                row += 1


@kernel
def _holds_data(table: int, tag: Ints, end: Ints, first: Ints, last: Ints) -> bool:
    """Whether a table has rows and columns, and nothing in its cells that layout puts there."""
    n_rows = n_cells = widest = n_bytes = 0
    for i in range(table + 1, end[table]):
        kind = tag[i]
        if kind == 0:
            n_bytes += last[i] - first[i]
            if n_bytes > MAX_CELL_BYTES:
                return False
        elif kind == _TR:
            n_rows += 1
            n_cells = 0
        elif kind == _TD or kind == _TH:
            n_cells += 1
            widest = max(widest, n_cells)
            n_bytes = 0
        elif (
            kind == _TABLE
            or kind == _UL
            or kind == _OL
            or kind == _PRE
            or kind == _QUOTE
            or _H1 <= kind <= _H6
        ):
            return False
    return n_rows > 1 and widest > 1


@kernel
def _keep_if_any(start: int, stop: int, block: Ints, kept: Ints) -> bool:
    """Keep all blocks of the nodes if one is kept; whether one was."""
    for i in range(start, stop):
        if block[i] >= 0 and kept[block[i]]:
            _keep_all(start, stop, block, kept)
            return True
    return False


@kernel
def _keep_all(start: int, stop: int, block: Ints, kept: Ints) -> None:
    for i in range(start, stop):
        if block[i] >= 0:
            kept[block[i]] = True
