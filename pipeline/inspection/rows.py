"""Single rows of large Parquet files: one row group is read, of the columns asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def read_row(file: Path, row: int, columns: Sequence[str] | None = None) -> dict[str, Any] | None:
    """The row as a dict, or None if the file has fewer rows."""
    with pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            n_rows = parquet.metadata.row_group(group).num_rows
            if row < n_rows:
                table = parquet.read_row_group(group, columns=columns, use_threads=False)
                found: dict[str, Any] = table.slice(row, 1).to_pylist()[0]
                return found
            row -= n_rows
    return None
