"""A run in a notebook: `from pipeline import Run`.

Thin over what the commands do; tables are Arrow's, of which pandas and Polars make their own.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.inspection.counted import column_share, counted
from pipeline.inspection.grouping import grouped
from pipeline.inspection.life import Life, lives
from pipeline.inspection.sampling import Sample, draw
from pipeline.inspection.sql import query
from pipeline.inspection.stats import StageCount, funnel, stage_statistics
from pipeline.inspection.views import find_views, quoted
from pipeline.storage.location import location

HEAD = ("stage", "documents", "kept", "share", "text or tokens", "why the rest was dropped")
LEFT = (0, 5)
"""The columns that are words."""


class Funnel(Sequence[StageCount]):
    """What every table of a run kept, and why not the rest; shown as a table."""

    def __init__(self, counts: Sequence[StageCount]) -> None:
        self._counts = tuple(counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, index: Any) -> Any:
        return self._counts[index]

    def to_arrow(self) -> pa.Table:
        """A row for each table."""
        return pa.Table.from_pylist([count.to_dict() for count in self._counts])

    def __repr__(self) -> str:
        rows = [HEAD, *map(_cells, self._counts)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join(
                cell.ljust(width) if place in LEFT else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in HEAD)
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{"left" if place in LEFT else "right"}">{escape(cell)}</td>'
                for place, cell in enumerate(_cells(count))
            )
            + "</tr>"
            for count in self._counts
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class Run:
    """`Run("runs/demo")`: a run folder, on a disk or a store."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._tables = [f"{view.schema}.{view.name}" for view in find_views(self.folder)]

    @property
    def tables(self) -> list[str]:
        """The names of its tables."""
        return list(self._tables)

    def table(self, name: str, columns: Sequence[str] = ()) -> pa.Table:
        """A table as `sluice sql` sees it, such as `web.recall`: all columns, or those named."""
        schema, _, rest = name.partition(".")
        chosen = ", ".join(map(quoted, columns)) or "*"
        return self.sql(f"select {chosen} from {quoted(schema)}.{quoted(rest)}")

    def sql(self, statement: str) -> pa.Table:
        """The answer to one reading statement of DuckDB's."""
        return pa.Table.from_batches(query(self.folder, statement))

    def show(self, document: str) -> list[Life]:
        """The lives of the documents that a doc_id, the first digits of one, a uri or a URL
        names."""
        return lives(self.folder, document)

    def stats(self, stage: str | None = None, by: str | None = None) -> Any:
        """The funnel; of a stage its counts by language and licence with the histograms of its
        measures (a dict), or with `by` an Arrow table of the groups of a column."""
        if stage is None:
            return Funnel(funnel(self.folder))
        if by is None:
            return stage_statistics(self.folder, stage)
        plain = [
            {name: value for name, value in group.items() if name != "reasons"}
            for group in grouped(self.folder, stage, by)
        ]
        return pa.Table.from_pylist(plain)

    def sample(self, shard_set: str, n: int = 5, where: str | None = None) -> list[Sample]:
        """Decoded training samples, the first that meet a condition in SQL."""
        return list(draw(self.folder, shard_set, n, where))

    def __repr__(self) -> str:
        tables = counted(len(self._tables), "table")
        return f"Run({location(self.folder)!r}), {tables}\n{self.stats()!r}"

    def _repr_html_(self) -> str:
        title = escape(location(self.folder))
        tables = counted(len(self._tables), "table")
        return f"<p><b>{title}</b>, {tables}</p>{self.stats()._repr_html_()}"


def _cells(count: StageCount) -> tuple[str, ...]:
    share = column_share(count.kept, count.documents) if count.judges and count.documents else ""
    amount = counted(count.kept_bytes, "byte") if count.kept_bytes is not None else ""
    if count.tokens is not None:
        amount = counted(count.tokens, "token")
    reasons = sorted(count.reasons.items(), key=lambda item: (-item[1], item[0]))
    return (
        f"{count.stage} (stale)" if count.is_stale else count.stage,
        f"{count.documents:,}",
        f"{count.kept:,}" if count.judges else "",
        share,
        amount,
        ", ".join(f"{reason} {n:,}" for reason, n in reasons),
    )
