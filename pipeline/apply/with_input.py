"""`sluice apply --with-input --kept-only`: the answer beside the rows it answers.

The input is read a second time, all of it, in step with the answer; a column that both have is the
answer's (redact's `text`). Memory: a batch of each.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.storage.tables import single_chunk
from pipeline.storage.user_tables import column_types, read_rows


class InputRows:
    """The input's columns that an answer has not, row for row beside it."""

    def __init__(self, source: Path, answer: pa.Schema) -> None:
        found = column_types(source)
        self._types = {name: kind for name, kind in found.items() if name not in answer.names}
        self._batches = self._read(source)
        self._next: pa.RecordBatch | None = None
        self.schema = pa.schema([*self._types.items(), *answer])

    def beside(self, answer: pa.RecordBatch) -> pa.RecordBatch:
        """The next rows of the input with those of the answer."""
        rows = self._take(answer.num_rows)
        columns = [single_chunk(rows.column(name)) for name in self._types]
        return pa.RecordBatch.from_arrays([*columns, *answer.columns], schema=self.schema)

    def _read(self, source: Path) -> Iterator[pa.RecordBatch]:
        for rows in read_rows(source, self._types):
            yield rows.batch

    def _take(self, n_rows: int) -> pa.Table:
        taken: list[pa.RecordBatch] = []
        while n_rows and self._types:
            batch = self._next if self._next is not None else next(self._batches)
            taken.append(batch.slice(0, n_rows))
            rest = batch.slice(taken[-1].num_rows)
            self._next = rest if rest.num_rows else None
            n_rows -= taken[-1].num_rows
        return pa.Table.from_batches(taken, pa.schema(list(self._types.items())))
