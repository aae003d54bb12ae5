"""The columnar index of a crawl: 300 Parquet files, a row for each capture, sorted by host.

A query is a condition in SQL over the columns below. DuckDB reads a file's footer, then the column
chunks of those row groups whose minimum and maximum allow the condition, so a condition on
`url_host_registered_domain` or `url_host_tld` costs few requests, one on `url_path` all of that
column. Columns that a crawl's index lacks (the index grew over the years) read as null.
"""

import io
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.spec import AbstractFileSystem

from pipeline.storage.commoncrawl.bucket import Bucket
from pipeline.storage.commoncrawl.listing import read_list
from pipeline.storage.database_files import SharedFile
from stages.errors import ConfigError, InputError, SluiceError

COLUMNS = {
    "url_surtkey": "VARCHAR",
    "url": "VARCHAR",
    "url_host_name": "VARCHAR",
    "url_host_tld": "VARCHAR",
    "url_host_2nd_last_part": "VARCHAR",
    "url_host_3rd_last_part": "VARCHAR",
    "url_host_4th_last_part": "VARCHAR",
    "url_host_5th_last_part": "VARCHAR",
    "url_host_registry_suffix": "VARCHAR",
    "url_host_registered_domain": "VARCHAR",
    "url_host_private_suffix": "VARCHAR",
    "url_host_private_domain": "VARCHAR",
    "url_host_name_reversed": "VARCHAR",
    "url_protocol": "VARCHAR",
    "url_port": "INTEGER",
    "url_path": "VARCHAR",
    "url_query": "VARCHAR",
    "fetch_time": "TIMESTAMP",
    "fetch_status": "SMALLINT",
    "fetch_redirect": "VARCHAR",
    "content_digest": "VARCHAR",
    "content_mime_type": "VARCHAR",
    "content_mime_detected": "VARCHAR",
    "content_charset": "VARCHAR",
    "content_languages": "VARCHAR",
    "content_truncated": "VARCHAR",
    "warc_filename": "VARCHAR",
    "warc_record_offset": "BIGINT",
    "warc_record_length": "BIGINT",
    "warc_segment": "VARCHAR",
}
"""Of today's index, with their types in SQL; `crawl` and `subset` are those of the folder."""

SELECTED = pa.schema(
    [
        pa.field("warc_filename", pa.string()),
        pa.field("warc_record_offset", pa.int64()),
        pa.field("warc_record_length", pa.int64()),
        pa.field("url", pa.string()),
    ]
)
READ_AHEAD_BYTES = 64 << 10
"""Of a column's chunk; a request elsewhere asks for what is wanted."""
PROTOCOL = "sluicecrawl"


def index_files(crawl: str, subset: str, bucket: Bucket) -> list[str]:
    """Keys of the index's files, from `cc-index-table.paths.gz`."""
    keys = read_list(crawl, "cc-index-table", bucket)
    found = [key for key in keys if f"/subset={subset}/" in key and key.endswith(".parquet")]
    if not found:
        raise InputError(f"the index of {crawl} has no files of the subset {subset}")
    return sorted(found)


def require_condition(where: str) -> None:
    """ConfigError unless the condition can be asked of the index."""
    with closing(duckdb.connect(config={"enable_external_access": False})) as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"CREATE TABLE captures ({columns}, crawl VARCHAR, subset VARCHAR)")
        # Values that cannot be converted show with a row only.
        connection.execute(
            "INSERT INTO captures (warc_filename, warc_record_length) VALUES ('', 1)"
        )
        try:
            connection.execute(_selecting("captures", where)).fetchall()
        except duckdb.Error as error:
            known = ", ".join(COLUMNS)
            first = str(error).splitlines()[0]
            raise ConfigError(f"--where {where!r}: {first}\nThe columns are {known}") from error


def select(key: str, where: str, crawl: str, subset: str, bucket: Bucket) -> pa.Table:
    """The captures of one file of the index that meet the condition."""
    files: _IndexFile | None = None
    try:
        files = _IndexFile(key, bucket)
        there = set(pq.ParquetFile(files.open(key)).schema_arrow.names)
        columns = [
            f"CAST({name if name in there else 'NULL'} AS {kind}) AS {name}"
            for name, kind in COLUMNS.items()
        ]
        columns += [f"{_literal(crawl)} AS crawl", f"{_literal(subset)} AS subset"]
        source = f"read_parquet({_literal(f'{PROTOCOL}://{key}')}, hive_partitioning = false)"
        captures = f"(SELECT {', '.join(columns)} FROM {source})"
        with closing(duckdb.connect(config={"threads": 1})) as connection:
            connection.register_filesystem(files)
            table: pa.Table = connection.sql(_selecting(captures, where)).to_arrow_table()
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if files is not None and files.failure is not None:
            raise files.failure from error
        raise InputError(f"{bucket.url(key)} cannot be queried: {error}") from error
    finally:
        if files is not None:
            files.stream.close()
    return table.cast(SELECTED)


def _selecting(captures: str, where: str) -> str:
    """The condition stands on lines of its own, so that a comment in it ends with it."""
    return (
        f"SELECT {', '.join(SELECTED.names)} FROM {captures} AS captures WHERE (\n{where}\n) "
        "AND warc_record_length > 0 AND warc_filename IS NOT NULL"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class _IndexFile(AbstractFileSystem):  # type: ignore[misc]
    """One file of the index for DuckDB, over one stream however often it is opened. What goes wrong
    with the bucket is remembered, since DuckDB tells of it in its own words."""

    protocol: ClassVar[str] = PROTOCOL
    cachable: ClassVar[bool] = False

    def __init__(self, key: str, bucket: Bucket) -> None:
        super().__init__()
        self.stream = bucket.open(key, READ_AHEAD_BYTES)
        self._size = self.stream.seek(0, io.SEEK_END)
        self.end = self._footer()
        self.failure: SluiceError | OSError | None = None

    def _footer(self) -> bytes:
        """The file's last bytes, with all that says where its columns are: read once, though it is
        asked for again and again."""
        size = min(self._size, READ_AHEAD_BYTES)
        while True:
            self.stream.seek(self._size - size)
            end = self.stream.read(size)
            needed = int.from_bytes(end[-8:-4], "little") + 8
            if needed <= size or needed > self._size:
                return end
            size = needed

    def open(self, path: str, *_: Any, **__: Any) -> Any:
        """A view of the stream, whose closing leaves that open."""
        return _View(self, self._size - len(self.end))

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        return {"name": self._strip_protocol(path), "size": self._size, "type": "file"}

    def exists(self, path: str, **options: Any) -> bool:
        return True

    def glob(self, path: str, **options: Any) -> Sequence[str]:
        return [self._strip_protocol(path)]

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(0, UTC)


class _View(SharedFile):
    def __init__(self, owner: _IndexFile, end_start: int) -> None:
        super().__init__(owner.stream)
        self._owner = owner
        self._end_start = end_start

    def read(self, size: int | None = -1, /) -> bytes:
        place = self.tell() - self._end_start
        if place >= 0:
            wanted = None if size is None or size < 0 else place + size
            data = self._owner.end[place:wanted]
            self.seek(len(data), io.SEEK_CUR)
            return data
        try:
            return super().read(size)
        except (SluiceError, OSError) as error:
            self._owner.failure = error
            raise

    def close(self) -> None:
        io.RawIOBase.close(self)
