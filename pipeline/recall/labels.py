"""The label file of `sluice recall evaluate`: Parquet or JSON Lines.

A row has `label` and names its page by `doc_id` (bytes, or 32 hex digits), by `warc` and `offset`,
or by `url`. Optional: `also` (a second target that is no mistake), `scorable`, `ambiguous`,
`natural_language`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.user_tables import column_names, read_rows
from stages.errors import ConfigError
from stages.kernels.urls import normalize_url
from stages.recall.evaluate import KEYS

_TYPES = {
    "label": pa.string(),
    "also": pa.string(),
    "scorable": pa.bool_(),
    "ambiguous": pa.bool_(),
    "natural_language": pa.string(),
    "doc_id": pa.binary(),
    "warc": pa.string(),
    "offset": pa.int64(),
    "url": pa.string(),
}
KEPT = ("label", "also", "natural_language")
PLACE = "label_row"


@dataclass(frozen=True)
class Labels:
    """The labels to compare with: `PLACE`, `KEPT` where present, and the columns of `key`. The
    counts are of the rows left out, by reason."""

    rows: pa.Table
    key: tuple[str, ...]
    n_labels: int
    left_out: dict[str, int]


def read_labels(path: Path) -> Labels:
    """Read the file; ConfigError unless it has `label` and a way to name pages."""
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    there = column_names(path)
    key = next((key for key in KEYS if set(key) <= there), None)
    if "label" not in there or key is None:
        raise ConfigError(
            f"{path}: labels need `label`, and `doc_id`, or `warc` and `offset`, or `url`; "
            f"the file has {', '.join(sorted(there)) or 'no columns'}"
        )
    wanted = [*(name for name in _TYPES if name in there and _is_used(name, key))]
    types = {name: _TYPES[name] for name in wanted}
    if "doc_id" in types and _is_hex(path):
        types["doc_id"] = pa.string()
    batches, n_broken = [], 0
    for rows in read_rows(path, types):
        batches.append(rows.batch)
        n_broken += len(rows.broken)
    table = pa.Table.from_batches(batches, pa.schema(list(types.items())))
    if key == ("doc_id",) and pa.types.is_string(types["doc_id"]):
        table = table.set_column(
            table.schema.get_field_index("doc_id"), "doc_id", _from_hex(path, table["doc_id"])
        )
    return _chosen(table, key, n_broken)


def _is_used(name: str, key: tuple[str, ...]) -> bool:
    return name in key or not any(name in other for other in KEYS)


def _is_hex(path: Path) -> bool:
    if not path.name.endswith(".parquet"):
        return True
    kind = pq.read_schema(path).field("doc_id").type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _chosen(table: pa.Table, key: tuple[str, ...], n_broken: int) -> Labels:
    """Leave out what is not to be scored, and say how many that is."""
    n_labels = len(table)
    left_out: dict[str, int] = {}

    def leave(reason: str, keep: pa.ChunkedArray) -> None:
        nonlocal table
        before = len(table)
        table = table.filter(keep)
        if before > len(table):
            left_out[reason] = before - len(table)

    if n_broken:
        left_out["unreadable value"] = n_broken
    named = pc.is_valid(table["label"])
    for name in key:
        named = pc.and_(named, pc.is_valid(table[name]))
    leave("no label or no page named", named)
    if "scorable" in table.schema.names:
        leave("not scorable", pc.fill_null(table["scorable"], True))
    if "ambiguous" in table.schema.names:
        leave("ambiguous", pc.invert(pc.fill_null(table["ambiguous"], False)))
    columns: dict[str, Any] = {PLACE: pa.array(range(len(table)), pa.int64())}
    columns |= {name: table[name] for name in (*KEPT, *key) if name in table.schema.names}
    if key == ("url",):
        columns["url"] = pa.array([normalize_url(url) for url in table["url"].to_pylist()])
    return Labels(pa.table(columns), key, n_labels, left_out)


def _from_hex(path: Path, column: pa.ChunkedArray) -> pa.Array:
    values = []
    for text in column.to_pylist():
        try:
            values.append(text if text is None else bytes.fromhex(text))
        except ValueError as error:
            raise ConfigError(f"{path}: doc_id {text!r} is no hexadecimal number") from error
    return pa.array(values, pa.binary())
