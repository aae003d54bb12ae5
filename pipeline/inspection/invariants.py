"""What must hold between the tables of a run.

Side tables stand row for row beside the documents, verdicts follow one another, every dropped
duplicate has its kept twin, and the shards hold the kept documents, each once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.configuration.names import MEASURE, StepName
from pipeline.configuration.registry import CONFIGURED, DEDUP, DOCUMENTS, stages_of
from pipeline.storage.database_files import attach, database_path
from pipeline.storage.receipts import Receipt
from pipeline.storage.storage import Storage
from schemas.shards import corpus_of


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was committed, or does not hold."""

    path: str
    message: str


def check_tables(
    storage: Storage, corpus: str, folders: dict[str, dict[str, Receipt]]
) -> Iterator[Problem]:
    """Side tables stand row for row beside the documents, and verdicts follow one another."""
    documents = folders.get(StepName(corpus, DOCUMENTS).folder)
    if documents is None:
        return
    previous: str | None = None
    for name in stages_of(corpus):
        for step in (StepName(corpus, name, MEASURE), StepName(corpus, name)):
            folder = step.folder
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
            if receipts and step.half != MEASURE:
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


def _files(storage: Storage, folder: str, receipts: Mapping[str, Receipt]) -> list[str]:
    """A table's objects, as queries name them."""
    names = sorted(receipt.object for receipt in receipts.values())
    return [database_path(f"{folder}/{name}") for name in names]


def check_identities(
    storage: Storage, corpus: str, receipts: Mapping[str, Receipt]
) -> Iterator[Problem]:
    """A doc_id stands for one document of a corpus."""
    folder = StepName(corpus, DOCUMENTS).folder
    if not receipts:
        return
    with duckdb.connect() as database:
        attach(database, storage)
        row = database.execute(
            "select count(*), coalesce(sum(n), 0) from (select count(*) as n "
            "from read_parquet($1) group by doc_id having n > 1)",
            [_files(storage, folder, receipts)],
        ).fetchone()
    if row is not None and row[0]:
        yield Problem(
            folder, f"{row[0]} doc_ids stand for {row[1]} documents: an input is in it twice"
        )


def check_duplicates(
    storage: Storage, corpus: str, receipts: Mapping[str, Receipt], threshold: float
) -> Iterator[Problem]:
    """Every duplicate repeats a document that dedup kept; a near-duplicate by at least the
    threshold, verified. Asked after every run that decided duplicates, and by `verify`. What
    repeats a document of an earlier run is not asked: that run may have gone."""
    folder = StepName(corpus, DEDUP).folder
    if not receipts:
        return
    first = next(iter(receipts.values()))
    run = "duplicate_run" if "duplicate_run" in first.columns else "null as duplicate_run"
    with duckdb.connect() as database:
        attach(database, storage)
        database.execute(
            "create temp view dedup as select keep, reason, doc_id, duplicate_of, similarity, "
            f"{run} from read_parquet({_files(storage, folder, receipts)!r})"
        )
        for message, query in _DUPLICATE_CHECKS.items():
            row = database.execute(query.format(threshold=threshold)).fetchone()
            if row is not None and row[0]:
                yield Problem(folder, f"{row[0]} {message}")


_DUPLICATE_CHECKS = {
    "duplicates of documents that were not kept": (
        "select count(*) from dedup where duplicate_of is not null and duplicate_run is null "
        "and duplicate_of not in (select doc_id from dedup where keep)"
    ),
    "dropped documents repeat nothing": (
        "select count(*) from dedup where reason in ('exact', 'near', 'url') "
        "and duplicate_of is null"
    ),
    "near-duplicates below the threshold": (
        "select count(*) from dedup where reason = 'near' "
        "and (similarity is null or similarity < {threshold})"
    ),
}


def check_shards(storage: Storage, folders: dict[str, dict[str, Receipt]]) -> Iterator[Problem]:
    """Every document that all stages kept is in exactly one sample, and no other document is."""
    for corpus in CONFIGURED:
        emitted = [
            folder
            for folder, receipts in folders.items()
            if receipts
            and folder.startswith("shards/")
            and corpus_of(folder.rpartition("/")[2]) == corpus
        ]
        tables = [StepName(corpus, name).folder for name in (DOCUMENTS, *stages_of(corpus))]
        last = [folder for folder in tables if folders.get(folder)]
        if not emitted or not last:
            continue
        primary = [
            file
            for folder in emitted
            if folder != "shards/code-quality"
            for file in _files(storage, folder, folders[folder])
        ]
        final = last[-1]
        keep = "true" if final == tables[0] else "keep"
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
