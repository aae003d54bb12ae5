"""How a column is declared: its Arrow type, what it means, and how it is counted.

The description and the histogram edges travel in the Arrow field's metadata, so every Parquet
file explains itself and statistics need no knowledge of any stage.
"""

import json
from collections.abc import Sequence

import pyarrow as pa

DESCRIPTION = b"sluice.description"
HISTOGRAM = b"sluice.histogram"
SPLIT = b"sluice.split"

DOC_ID = pa.binary(16)


def column(
    name: str,
    data_type: pa.DataType,
    description: str,
    *,
    nullable: bool = True,
    histogram: Sequence[float] | None = None,
    split: bool = False,
) -> pa.Field:
    """Declare a column. `histogram` lists ascending bin edges: n edges make n + 1 bins,
    bin i counts edges[i-1] <= value < edges[i]. `split`: of a list's numbers all first bytes are
    stored together, then all second ones; numbers that hardly repeat are smaller so than in a
    dictionary."""
    metadata = {DESCRIPTION: description.encode()}
    if histogram is not None:
        metadata[HISTOGRAM] = json.dumps(list(histogram)).encode()
    if split:
        metadata[SPLIT] = b"true"
    return pa.field(name, data_type, nullable=nullable, metadata=metadata)


def description(field: pa.Field) -> str | None:
    """What a column was declared to hold, or None for one that was declared elsewhere."""
    told: bytes | None = (field.metadata or {}).get(DESCRIPTION)
    return None if told is None else told.decode()


def histogram_edges(field: pa.Field) -> list[float] | None:
    """The bin edges a column was declared with, or None for a column that is not counted."""
    metadata = field.metadata or {}
    if HISTOGRAM not in metadata:
        return None
    edges: list[float] = json.loads(metadata[HISTOGRAM])
    return edges


def split_columns(schema: pa.Schema) -> list[str]:
    """The names of the columns that were declared with `split`."""
    return [field.name for field in schema if SPLIT in (field.metadata or {})]


POWERS_OF_TWO = [float(1 << shift) for shift in range(25)]
"""Edges for sizes: 1 to 16 Mi."""

TWENTIETHS = [step / 20 for step in range(1, 20)]
"""Edges for shares between 0 and 1, twenty bins."""
