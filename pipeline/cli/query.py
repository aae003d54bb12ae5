"""`sluice sql`: a table that pages in a terminal, or rows that stream."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.inspection.counted import counted
from stages.errors import ConfigError

MAX_ROWS = 1000
"""Rows of a query shown as a table; --json, --csv and --parquet give all."""
STANDARD_OUTPUT = "-"


def sql(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/demo.")],
    statement: Annotated[str, typer.Argument(metavar="QUERY", help="One reading statement.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per row.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    parquet: Annotated[
        Path | None,
        typer.Option("--parquet", metavar="FILE", help="Write Parquet; -: to standard output."),
    ] = None,
) -> None:
    """Ask a run with SQL (DuckDB): every table is a view, `show all tables` lists them.

    Tables of one corpus join by (shard, row), or by doc_id; identities are hexadecimal text.
    `describe github.rules` says what its columns mean.
    """
    from pipeline.cli.shell.arguments import require_text  # noqa: PLC0415
    from pipeline.inspection.sql import query  # noqa: PLC0415

    if as_json + as_csv + (parquet is not None) > 1:
        raise ConfigError("--json, --csv and --parquet exclude each other")
    require_text(statement, "QUERY")
    with closing(query(run, statement)) as answer:
        first = next(answer)
        names = first.schema.names
        batches = chain([first], answer)
        if parquet is not None:
            _require_distinct(names, "--parquet")
            _write_parquet(parquet, first.schema, batches)
        elif as_json:
            _require_distinct(names, "--json")
            _print_json(names, batches)
        elif as_csv:
            _print_csv(names, batches)
        else:
            _show_rows(names, batches)


def _write_parquet(path: Path, schema: Any, batches: Iterable[Any]) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    from pipeline.storage.replace import replacing  # noqa: PLC0415
    from pipeline.storage.user_tables import require_file  # noqa: PLC0415

    if str(path) == STANDARD_OUTPUT and sys.stdout.isatty():
        raise ConfigError("--parquet -: a terminal shows no Parquet; send it to a file or a pipe")
    n_rows = 0
    with ExitStack() as stack:
        if str(path) == STANDARD_OUTPUT:
            stream: Any = sys.stdout.buffer
        else:
            require_file(path)
            stream = stack.enter_context(replacing(path))
        writer = stack.enter_context(pq.ParquetWriter(stream, schema))
        for batch in batches:
            writer.write_batch(batch)
            n_rows += batch.num_rows
    if str(path) != STANDARD_OUTPUT:
        print(f"{path}: {counted(n_rows, 'row')}")


def _print_json(names: Sequence[str], batches: Iterable[Any]) -> None:
    from pipeline.storage.json_text import json_text  # noqa: PLC0415

    for row in chain.from_iterable(map(_rows, batches)):
        print(json_text(dict(zip(names, row, strict=True))))


def _print_csv(names: Sequence[str], batches: Iterable[Any]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for batch in batches:
        writer.writerows([_cell(value) for value in row] for row in _rows(batch))


def _show_rows(names: Sequence[str], batches: Iterable[Any]) -> None:
    from pipeline.cli.rendering import rows_table, show_paged  # noqa: PLC0415

    shown: list[Any] = []
    n_rows = 0
    for batch in batches:
        n_rows += batch.num_rows
        shown += _rows(batch.slice(0, MAX_ROWS - len(shown)))
    more = n_rows - len(shown)
    note = (
        f"… {counted(more, 'more row')}; --json, --csv or --parquet FILE gives all"
        if more
        else None
    )
    show_paged(rows_table(names, shown), len(shown), note)


def _rows(batch: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a batch, in which two columns may have one name."""
    return zip(*map(_values, batch.schema.names, batch.columns), strict=True)


def _values(name: str, column: Any) -> list[Any]:
    """A column's values. ConfigError if Python cannot hold one, such as a date after 9999."""
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError) as error:
        problem = f"column {name!r} has a value that cannot be shown ({error}); cast it to varchar"
        raise ConfigError(problem) from error
    return values


def _require_distinct(names: Sequence[str], option: str) -> None:
    """ConfigError if an object or a file would lose a column."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ConfigError(f"two columns are called {name!r}; {option} needs a name for each")


def _cell(value: Any) -> Any:
    from pipeline.storage.json_text import json_text  # noqa: PLC0415

    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | dict):
        return json_text(value)
    return value
