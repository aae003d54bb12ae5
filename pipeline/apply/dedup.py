"""`sluice apply dedup`: the whole input as one group, by the engine's own verbs.

The input becomes the documents of a small run beside the answer; the stage runs on it in this
process, and the run is deleted. Longer documents survive, then smaller doc_ids. It needs
the input's text, as long as it is, 3 kB a row of disk, and what is compared twice more.
"""

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.configuration import (
    CommonCrawlOptions,
    Config,
    EngineOptions,
    GithubInputs,
    WebInputs,
    load_stage,
)
from pipeline.configuration.registry import DEDUP
from pipeline.engine.executor import LocalExecutor
from pipeline.engine.lineage import Table, Tables
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.session import Session
from pipeline.engine.work.task import Limits
from pipeline.storage.receipts import Receipt
from pipeline.storage.statistics import Counter
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import Written, read_batches, write_parquet
from pipeline.storage.user_tables import Rows, column_names, read_rows
from schemas.columns import DOC_ID, column
from schemas.dedup import DEDUP_DECISIONS
from schemas.verdicts import QUARANTINED, REASON, VERDICT_COLUMNS, verdict_table
from stages.dedup.options import DedupOptions
from stages.errors import ConfigError

CORPUS = "input"
SHARD_BYTES = 256 << 20
"""Text in one shard of the temporary run."""

DOCUMENTS = pa.schema(
    [
        column("doc_id", DOC_ID, "given, or the row number as 16 big-endian bytes"),
        column("text", pa.large_string(), "the document's text"),
        column("n_bytes", pa.int64(), "length of the text in UTF-8 bytes"),
    ]
)
READABLE = pa.schema([VERDICT_COLUMNS[0], VERDICT_COLUMNS[2]])
ANSWER = verdict_table(DEDUP_DECISIONS)

Answer = tuple[pa.RecordBatch, Mapping[int, str]]


def apply_dedup(source: Path, scratch: Path, overrides: Sequence[str]) -> Iterator[Answer]:
    """Verdicts for every row of `source`, in order; the first batch is empty. The temporary run
    lies in the folder `scratch`."""
    options = load_stage(DedupOptions, overrides)
    if options.unit != "file":
        raise ConfigError(f"unit = {options.unit!r}: the rows of a table are in no repository")
    if options.against:
        raise ConfigError(f"against = {list(options.against)}: runs are compared, not tables")
    names = column_names(source)
    if "text" not in names:
        raise ConfigError(
            f"{source}: dedup needs the column 'text'; the file has {', '.join(sorted(names))}"
        )
    yield pa.RecordBatch.from_pylist([], schema=ANSWER), {}
    with tempfile.TemporaryDirectory(prefix=".sluice-dedup-", dir=scratch) as folder:
        storage = LocalStorage(Path(folder).resolve(), is_temporary=True)
        tables, broken = _ingest(storage, source, has_doc_id="doc_id" in names)
        if not tables.keys:
            return
        engine = EngineOptions.model_validate({})
        config = Config(
            run=storage.root,
            seed=0,
            tokenizer="",
            report=False,
            engine=engine,
            github=GithubInputs.model_validate({}),
            web=WebInputs.model_validate({}),
            commoncrawl=CommonCrawlOptions.model_validate({}),
            stages={f"{CORPUS}.{DEDUP}": options},
        )
        with LocalExecutor(storage, engine.max_attempts) as executor:
            limits = Limits(engine.record_seconds)
            runner = Runner(storage, executor, Monitor(), 1, limits, engine.max_quarantine_rate)
            session = Session(config, runner, {}, tables={CORPUS: tables})
            session.run_stage(tables, DEDUP)
        yield from _answers(storage, tables, broken)


def _ingest(
    storage: LocalStorage, source: Path, *, has_doc_id: bool
) -> tuple[Tables, dict[int, str]]:
    """The input as documents, and beside them whether each row could be read."""
    types = {"text": pa.large_string()} | ({"doc_id": pa.large_binary()} if has_doc_id else {})
    documents: dict[str, Receipt] = {}
    readable: dict[str, Receipt] = {}
    broken: dict[int, str] = {}
    seen: list[pa.Array] = []
    batches = read_rows(source, types)
    n_rows = 0
    for number in itertools.count():
        first = next(batches, None)
        if first is None:
            break
        key = f"{number:05d}"
        counter = Counter(DOCUMENTS)
        with ExitStack() as stack:
            table, written = stack.enter_context(
                write_parquet(storage, f"{CORPUS}/documents/{key}.parquet", DOCUMENTS)
            )
            verdicts, judged = stack.enter_context(
                write_parquet(storage, f"{CORPUS}/readable/{key}.parquet", READABLE)
            )
            size = 0
            for rows in itertools.chain([first], batches):
                batch = _documents(rows, n_rows)
                table.write(batch)
                verdicts.write(_readable(rows, batch))
                counter.update(batch)
                broken |= {n_rows + row: why for row, why in rows.broken.items()}
                seen.append(batch.column("doc_id"))
                n_rows += batch.num_rows
                size += pc.sum(batch.column("n_bytes")).as_py()
                if size >= SHARD_BYTES:
                    break
        documents[key] = _receipt("documents", key, written, counter)
        readable[key] = _receipt("readable", key, judged, None)
    _refuse_repeated(source, seen)
    tables = Tables(CORPUS)
    tables.add(Table(f"{CORPUS}.documents", f"{CORPUS}/documents", DOCUMENTS, documents))
    tables.add(Table(f"{CORPUS}.readable", f"{CORPUS}/readable", READABLE, readable))
    return tables, broken


def _documents(rows: Rows, start: int) -> pa.RecordBatch:
    text = pc.fill_null(rows.batch.column("text"), "")
    if "doc_id" in rows.batch.schema.names:
        identities = [_doc_id(value) for value in rows.batch.column("doc_id").to_pylist()]
    else:
        identities = [(start + row).to_bytes(16, "big") for row in range(len(text))]
    n_bytes = pc.binary_length(text).cast(pa.int64())
    arrays = [pa.array(identities, DOC_ID), text, n_bytes]
    return pa.RecordBatch.from_arrays(arrays, schema=DOCUMENTS)


def _doc_id(value: bytes | None) -> bytes:
    """16 bytes as they are, or from 32 hex digits."""
    if value is not None and len(value) == 16:
        return value
    try:
        identity = bytes.fromhex((value or b"").decode("ascii"))
    except ValueError:
        identity = b""
    if len(identity) != 16:
        raise ConfigError(f"doc_id {value!r}: expected 16 bytes or 32 hex digits")
    return identity


def _readable(rows: Rows, documents: pa.RecordBatch) -> pa.RecordBatch:
    keep = np.ones(documents.num_rows, bool)
    keep[list(rows.broken)] = False
    arrays = [pa.array(keep), documents.column("doc_id")]
    return pa.RecordBatch.from_arrays(arrays, schema=READABLE)


def _refuse_repeated(source: Path, seen: Sequence[pa.Array]) -> None:
    if seen:
        counts = pc.value_counts(pa.chunked_array(seen))
        repeated = counts.filter(pc.greater(counts.field("counts"), 1))
        if len(repeated):
            value = repeated[0]["values"].as_py().hex()
            raise ConfigError(f"{source}: doc_id {value} stands for several rows")


def _receipt(name: str, key: str, written: Written, counter: Counter | None) -> Receipt:
    return Receipt(
        step=f"{CORPUS}.{name}",
        key=key,
        object=f"{key}.parquet",
        components={},
        rows=written.rows,
        size=written.size,
        modified=0,
        xxh3=written.xxh3,
        columns=written.columns,
        summary={} if counter is None else {"statistics": counter.result()},
    )


def _answers(storage: LocalStorage, tables: Tables, broken: Mapping[int, str]) -> Iterator[Answer]:
    start = 0
    decided = tables.tables[-1]
    for key in tables.keys:
        for batch in read_batches(storage, decided.path(key)):
            errors = {
                row - start: why
                for row, why in broken.items()
                if start <= row < start + batch.num_rows
            }
            start += batch.num_rows
            yield _quarantined(batch, list(errors)), errors


def _quarantined(batch: pa.RecordBatch, rows: Sequence[int]) -> pa.RecordBatch:
    """The verdicts, those of unreadable rows filled in."""
    bad = np.zeros(batch.num_rows, bool)
    bad[list(rows)] = True
    mask = pa.array(bad)
    reason = batch.column("reason").cast(pa.string())
    columns = {
        "keep": pc.if_else(mask, pa.scalar(False), batch.column("keep")),
        "reason": pc.if_else(mask, pa.scalar(QUARANTINED), reason).dictionary_encode().cast(REASON),
    }
    arrays = [columns.get(field.name, batch.column(field.name)) for field in ANSWER]
    return pa.RecordBatch.from_arrays(arrays, schema=ANSWER)
