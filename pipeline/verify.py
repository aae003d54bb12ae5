"""`sluice verify`: every hash, count, schema and invariant of a run folder.

Hashes first (a flipped byte anywhere is found, since receipts hash objects and themselves, and
`run.json` hashes every other file and itself), then what must hold between tables.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.chain import CHAIN, DOCUMENTS, SEEDS
from pipeline.configuration.registry import stages_of
from pipeline.digest import bytes_digest, fingerprint, stream_digest
from pipeline.location import attach, database_path, open_storage
from pipeline.receipts import GROUP_SUFFIX, LEDGER, RECEIPT_SUFFIX, Receipt, parse_receipts
from pipeline.storage import Storage
from schemas.shards import SHARD_SETS
from stages.errors import StorageError

RUN_FILE = "run.json"
UNHASHED = frozenset({RUN_FILE, "lock", "log.jsonl"})
"""The run file hashes itself; the lock and the log are no part of the result."""


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was committed, or does not hold."""

    path: str
    message: str


def small_files(storage: Storage) -> Iterator[str]:
    """Every file that no receipt covers: ledgers, inputs, manifest, card, tokenizer, memos."""
    for name in sorted(name for name, _ in storage.walk()):
        path = PurePosixPath(name)
        apart = name in UNHASHED or name.partition("/")[0] in ("scratch", "report")
        data = path.suffix == ".parquet" or path.name.startswith(".")
        if not apart and not data and not storage.is_staged(path.name):
            yield name


def seal(storage: Storage, content: dict[str, Any]) -> bytes:
    """`run.json`: the content, the hashes of all small files, and one over itself."""
    files = {name: bytes_digest(storage.read_bytes(name)) for name in small_files(storage)}
    body = {**content, "files": files}
    return json.dumps({**body, "self": fingerprint(body)}, indent=1).encode()


def verify(run: Path) -> list[Problem]:
    """All problems of a run folder; an empty list means that it is whole."""
    storage = open_storage(run)
    problems = list(_check_files(storage))
    folders = {}
    for folder in _folders(storage):
        try:
            folders[folder] = parse_receipts(storage, folder)
        except StorageError as error:
            problems.append(Problem(folder, str(error)))
    for folder, receipts in folders.items():
        problems += _check_objects(storage, folder, receipts)
    if problems:
        return problems
    for corpus in DOCUMENTS:
        problems += _check_tables(storage, corpus, folders)
        problems += _check_duplicates(storage, corpus, folders)
    return problems + list(_check_shards(storage, folders))


def _check_files(storage: Storage) -> Iterator[Problem]:
    try:
        content = json.loads(storage.read_bytes(RUN_FILE))
        sealed = content.pop("self")
        files: dict[str, str] = content["files"]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        yield Problem(RUN_FILE, f"missing or damaged ({error}): no run has been completed")
        return
    if fingerprint(content) != sealed:
        yield Problem(RUN_FILE, "damaged: its own hash does not match")
    found = set(small_files(storage))
    for name in sorted(found | set(files)):
        if name not in found:
            yield Problem(name, "missing")
        elif name not in files:
            yield Problem(name, "no completed run wrote this file; run again to finish")
        elif bytes_digest(storage.read_bytes(name)) != files[name]:
            yield Problem(name, "changed since the run wrote it")


def _folders(storage: Storage) -> list[str]:
    """Every folder with data."""
    endings = (RECEIPT_SUFFIX, GROUP_SUFFIX, ".parquet")
    parents = {
        path.rpartition("/")[0]
        for path, _ in storage.walk()
        if path.endswith(endings) or path.rpartition("/")[2] == LEDGER
    }
    return sorted(p for p in parents if p.partition("/")[0] not in ("scratch", "quarantine"))


def _check_objects(
    storage: Storage, folder: str, receipts: dict[str, Receipt]
) -> Iterator[Problem]:
    listing = storage.list(folder)
    known = {receipt.object for receipt in receipts.values()}
    for name in sorted(listing):
        if name.endswith(".parquet") and name not in known and not storage.is_staged(name):
            yield Problem(f"{folder}/{name}", "no receipt: an unfinished run, or not ours")
    for receipt in receipts.values():
        path = f"{folder}/{receipt.object}"
        yield from _check_object(storage, path, receipt.size, receipt.xxh3, receipt.rows)
        if receipt.quarantine is not None:
            facts = receipt.quarantine
            yield from _check_object(
                storage, facts["object"], facts["size"], facts["xxh3"], facts["rows"]
            )


def _check_object(
    storage: Storage, path: str, size: int, xxh3: str, rows: int
) -> Iterator[Problem]:
    if not storage.exists(path):
        yield Problem(path, "missing")
        return
    if storage.mark(path).size != size:
        yield Problem(path, f"{storage.mark(path).size} bytes, {size} were committed")
        return
    with storage.open_read(path) as stream:
        if stream_digest(stream) != xxh3:
            yield Problem(path, "the content is not what was committed")
            return
    found = _parquet_rows(storage, path) if path.endswith(".parquet") else rows
    if found != rows:
        yield Problem(path, f"{found} rows, {rows} were committed")


def _parquet_rows(storage: Storage, path: str) -> int:
    with storage.open_read(path) as stream:
        return int(pq.read_metadata(stream).num_rows)


def _check_tables(
    storage: Storage, corpus: str, folders: dict[str, dict[str, Receipt]]
) -> Iterator[Problem]:
    """Side tables stand row for row beside the documents, and verdicts follow one another."""
    documents = folders.get(f"{corpus}/documents")
    if documents is None:
        return
    previous: str | None = None
    for name in ["dedup"] if corpus == SEEDS else stages_of(corpus):
        for folder in (f"{corpus}/{name}/measure", f"{corpus}/{name}"):
            receipts = folders.get(folder, {})
            for key, receipt in receipts.items():
                path = f"{folder}/{receipt.object}"
                if key not in documents:
                    yield Problem(path, "there is no such shard of documents")
                elif receipt.columns["doc_id"] != documents[key].columns["doc_id"]:
                    yield Problem(path, "its rows are not those of the documents")
                elif "keep" in receipt.columns:
                    upstream = folders[previous].get(key) if previous is not None else None
                    before = f"{previous}/{upstream.object}" if upstream is not None else None
                    yield from _check_verdicts(storage, path, before)
            if receipts and not folder.endswith("/measure"):
                previous = folder


def _check_verdicts(storage: Storage, path: str, previous: str | None) -> Iterator[Problem]:
    table = _read_columns(storage, path, ["keep", "reason"])
    keep, reason = table.column("keep"), table.column("reason")
    dropped = pc.equal(pc.fill_null(keep, True), False)
    if pc.any(pc.xor(dropped, pc.is_valid(reason))).as_py():
        yield Problem(path, "a row has a reason without being dropped, or none when dropped")
    if previous is None:
        reached = None
    else:
        upstream = _read_columns(storage, previous, ["keep"]).column("keep")
        reached = pc.fill_null(upstream, False)
    judged = pc.is_valid(keep)
    wrong = pc.invert(judged) if reached is None else pc.xor(judged, reached)
    if pc.any(wrong).as_py():
        yield Problem(path, f"rows judged here are not the rows that {previous} kept")


def _read_columns(storage: Storage, path: str, columns: list[str]) -> Any:
    with storage.open_read(path) as stream:
        return pq.read_table(stream, columns=columns)


def _files(storage: Storage, folder: str, receipts: dict[str, Receipt]) -> list[str]:
    """A table's objects, as queries name them."""
    names = sorted(receipt.object for receipt in receipts.values())
    return [database_path(storage, f"{folder}/{name}") for name in names]


def _check_duplicates(
    storage: Storage, corpus: str, folders: dict[str, dict[str, Receipt]]
) -> Iterator[Problem]:
    """Every duplicate points to a document that dedup kept."""
    folder = f"{corpus}/dedup"
    if "dedup" not in CHAIN or not folders.get(folder):
        return
    with duckdb.connect() as database:
        attach(database, storage)
        row = database.execute(
            "with t as (select * from read_parquet($1)) select count(*) from t "
            "where duplicate_of is not null and duplicate_of not in "
            "(select doc_id from t where keep)",
            [_files(storage, folder, folders[folder])],
        ).fetchone()
    if row is not None and row[0]:
        yield Problem(folder, f"{row[0]} duplicates of documents that were not kept")


def _check_shards(storage: Storage, folders: dict[str, dict[str, Receipt]]) -> Iterator[Problem]:
    """Every document that all stages kept is in exactly one sample, and no other document is."""
    for corpus, sets in SHARD_SETS.items():
        emitted = [f"shards/{name}" for name in sets if folders.get(f"shards/{name}")]
        last = [n for n in ("documents", *stages_of(corpus)) if folders.get(f"{corpus}/{n}")]
        if not emitted or not last:
            continue
        primary = [
            file
            for folder in emitted
            if folder != "shards/code-quality"
            for file in _files(storage, folder, folders[folder])
        ]
        final = f"{corpus}/{last[-1]}"
        keep = "true" if last[-1] == "documents" else "keep"
        with duckdb.connect() as database:
            attach(database, storage)
            database.execute(
                "create temp table parts as select unnest(parts).doc_id as doc_id "
                "from read_parquet($1)",
                [primary],
            )
            database.execute(
                f"create temp table kept as select doc_id from read_parquet($1) where {keep}",
                [_files(storage, final, folders[final])],
            )
            for message, query in _SHARD_CHECKS.items():
                row = database.execute(query).fetchone()
                if row is not None and row[0]:
                    yield Problem(f"shards ({corpus})", f"{row[0]} {message}")


_SHARD_CHECKS = {
    "kept documents are in no shard": "select count(*) from (from kept except from parts)",
    "documents in the shards were not kept": "select count(*) from (from parts except from kept)",
    "documents are in more than one sample": (
        "select count(*) from (select doc_id from parts group by doc_id having count(*) > 1)"
    ),
}
