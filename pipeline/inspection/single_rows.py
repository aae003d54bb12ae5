"""Single rows of large Parquet files: one row group is read, of the columns asked for."""

from collections.abc import Sequence
from typing import Any

import pyarrow.parquet as pq

from pipeline.inspection.views import View


def read_row(
    view: View, file: str, row: int, columns: Sequence[str] | None = None
) -> dict[str, Any] | None:
    """The row as a dict, or None if the file has fewer rows."""
    with view.storage.open_read(file) as stream, pq.ParquetFile(stream) as parquet:
        for group in range(parquet.num_row_groups):
            n_rows = parquet.metadata.row_group(group).num_rows
            if row < n_rows:
                table = parquet.read_row_group(group, columns=columns, use_threads=False)
                found: dict[str, Any] = table.slice(row, 1).to_pylist()[0]
                return found
            row -= n_rows
    return None
