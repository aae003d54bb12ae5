"""Spans of a text: joined where they overlap, stored as a column, replaced by their kind.

Redact finds spans and emit replaces them, so the function both agree on lives here. Offsets are
UTF-8 bytes, because spans are stored beside a text that is never decoded again. One pass over
the spans, one copy of the text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from schemas.spans import SPANS

Span: TypeAlias = tuple[int, int, str]
"""start, end (exclusive), kind: byte offsets into the UTF-8 text."""


def replace_spans(text: bytes, spans: Iterable[Span | Mapping[str, Any]] | None) -> bytes:
    """`text` with every span replaced by `<KIND>`.

    Spans are sorted and disjoint, as tuples or as the mappings that a row of the `spans` column
    reads as; null (None) and no spans leave the text as it is. A span that overlaps the one
    before it or leaves the text is a ValueError: a silently shifted replacement would leak what
    it was to hide.
    """
    pieces: list[bytes] = []
    position = 0
    for span in spans or ():
        start, end, kind = (
            (span["start"], span["end"], span["kind"]) if isinstance(span, Mapping) else span
        )
        if not position <= start <= end <= len(text):
            raise ValueError(
                f"span {start}..{end} ({kind}) overlaps the one before it or leaves the text: "
                f"expected {position} <= start <= end <= {len(text)}"
            )
        pieces += (text[position:start], f"<{kind}>".encode())
        position = end
    pieces.append(text[position:])
    return b"".join(pieces)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Sorted, disjoint spans covering the same bytes; where spans overlap, the union takes the
    kind of the one that starts first (the longer, if they start together)."""
    out: list[Span] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1], span[2])):
        if out and start < out[-1][1]:
            first, last, first_kind = out[-1]
            out[-1] = (first, max(last, end), first_kind)
        else:
            out.append((start, end, kind))
    return out


def spans_array(rows: Sequence[Sequence[Span]]) -> pa.Array:
    """The `spans` column of rows: an empty list where nothing was found."""
    lengths = np.fromiter(map(len, rows), np.int32, len(rows))
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    fields = [SPANS.value_type.field(index) for index in range(3)]
    columns = [
        pa.array((span[index] for row in rows for span in row), field.type)
        for index, field in enumerate(fields)
    ]
    values = pa.StructArray.from_arrays(columns, fields=fields)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=SPANS)
