"""Tables that users bring: Parquet and JSONL (plain, .gz, .zst), read and written in batches."""

from pipeline.storage.user_tables.columns import column_names, column_types, is_binary
from pipeline.storage.user_tables.formats import require_file, require_format
from pipeline.storage.user_tables.json_lines import ROW_BYTES
from pipeline.storage.user_tables.reading import Rows, read_rows
from pipeline.storage.user_tables.writing import to_json, write_rows

__all__ = [
    "ROW_BYTES",
    "Rows",
    "column_names",
    "column_types",
    "is_binary",
    "read_rows",
    "require_file",
    "require_format",
    "to_json",
    "write_rows",
]
