"""The proof that ends a purge: every file that remains is read and searched for what was purged.

Tables are read column by column, as anybody would read them, ledgers receipt by receipt, and every
file byte by byte besides (Parquet keeps the least and the greatest value of a column in the clear).
An identity or an address anywhere but in another document's text is a leftover. A text or its
tokens in the row of another document are that document's own: the same text from another origin,
which nobody asked to remove; it is counted and named.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.removal.blanking import TEXTS
from pipeline.removal.needles import ADDRESS, IDENTITY, KINDS, TEXT, TOKENS, Haystack, Needle
from pipeline.removal.plan import PLAN
from pipeline.storage.ledger_names import folder_of
from pipeline.storage.progress import Progress
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.removals import PENDING
from pipeline.storage.storage import Storage
from pipeline.storage.tables import read_batches

TABLES = (".parquet", ".arrow")
APART = (PLAN, PENDING, "lock")
CHUNK, OVERLAP = 64 << 20, 4096
RAW = ""
"""Stands for a column where a table's bytes are searched as they lie there: pieces of texts, which
are looked for where they can be told apart, may be in the clear."""
UNREADABLE = ("ablation/",)
"""Packed tokens and models, which cannot be searched."""


@dataclass
class Absence:
    """What the search read, and what it found."""

    n_documents: int = 0
    needles: dict[str, int] = field(default_factory=dict)
    """By kind: how many were looked for."""
    files: dict[str, int] = field(default_factory=dict)
    """By kind of file: how many were read."""
    n_bytes: int = 0
    leftovers: list[str] = field(default_factory=list)
    """Where something remains, and what."""
    copies: dict[str, int] = field(default_factory=dict)
    """Tables in which other documents hold a purged text, and how often."""
    mentions: int = 0
    """How often other documents' texts name a purged address."""
    uncovered: list[str] = field(default_factory=list)
    """Folders that cannot be searched."""

    @property
    def is_proven(self) -> bool:
        """Whether nothing of the documents remains."""
        return not self.leftovers and not self.uncovered


def prove_absence(storage: Storage, needles: tuple[Needle, ...], progress: Progress) -> Absence:
    """Search the whole run folder."""
    found = Absence(len({one.doc_id for one in needles}))
    found.needles = {kind: sum(one.kind == kind for one in needles) for kind in KINDS}
    hay = Haystack(list(needles))
    paths = sorted(path for path, _ in storage.walk() if path not in APART)
    for number, path in enumerate(paths, 1):
        if path.startswith(UNREADABLE):
            found.uncovered = sorted({*found.uncovered, path.partition("/")[0]})
        suffix = path[path.rfind(".") :] if "." in path.rpartition("/")[2] else "other"
        found.files[suffix] = found.files.get(suffix, 0) + 1
        for data, column in _buffers(storage, path):
            found.n_bytes += len(data)
            for _, one in hay.find(data):
                _note(found, path, column, one)
        progress("files searched", number, len(paths))
    return found


def _note(found: Absence, path: str, column: str | None, one: Needle) -> None:
    if column == RAW and one.kind != IDENTITY:
        return
    if column in TEXTS and one.kind in (TEXT, TOKENS):
        table = path.rpartition("/")[0]
        found.copies[table] = found.copies.get(table, 0) + 1
    elif column in TEXTS and one.kind in (ADDRESS, IDENTITY):
        found.mentions += 1
    else:
        where = f"{path}, column {column}" if column else path
        found.leftovers.append(f"{where}: {one.kind} of a purged document")


def _buffers(storage: Storage, path: str) -> Iterator[tuple[bytes | memoryview, str | None]]:
    """The bytes of a file as they lie there, then what they say; with the column's name."""
    is_table = path.endswith(TABLES)
    with storage.open_read(path) as stream:
        tail = b""
        while chunk := stream.read(CHUNK):
            yield tail + chunk, RAW if is_table else None
            tail = chunk[-OVERLAP:]
    if path.endswith(".parquet"):
        yield from _statistics(storage, path)
    if is_table:
        for batch in _batches(storage, path):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                yield from _leaves(column, name)
    folder = folder_of(path)
    if folder is not None:
        for receipt in parse_receipts(storage, folder).values():
            yield receipt.to_json().encode(), None


def _statistics(storage: Storage, path: str) -> Iterator[tuple[bytes, str]]:
    """The least and the greatest value of each column in each row group."""
    with storage.open_read(path) as stream:
        metadata = pq.read_metadata(stream)
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            known = column.statistics
            if known is not None and known.has_min_max:
                for value in (known.min, known.max):
                    data = value if isinstance(value, bytes) else str(value).encode()
                    yield data, column.path_in_schema.partition(".")[0]


def _batches(storage: Storage, path: str) -> Iterator[pa.RecordBatch]:
    if path.endswith(".arrow"):
        with pa.ipc.open_file(storage.read_bytes(path)) as reader:
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)
    else:
        yield from read_batches(storage, path)


def _leaves(array: pa.Array, name: str) -> Iterator[tuple[memoryview, str]]:
    """The values of every innermost array, one after another."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from _leaves(array.dictionary, name)
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from _leaves(array.field(index), kind.field(index).name)
    elif pa.types.is_nested(kind):
        yield from _leaves(array.values, name)
    elif not pa.types.is_boolean(kind) and array.buffers()[-1] is not None:
        yield memoryview(array.buffers()[-1]), name
