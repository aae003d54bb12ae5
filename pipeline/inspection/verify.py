"""`sluice verify`: every hash, count, schema and invariant of a run folder.

Hashes first (a flipped byte anywhere is found, since receipts hash objects and themselves, and
`run.json` hashes every other file and itself), then what must hold between tables.
"""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CORPORA, DEDUP, DOCUMENTS
from pipeline.inspection.invariants import (
    Problem,
    check_duplicates,
    check_identities,
    check_shards,
    check_tables,
)
from pipeline.inspection.staleness import mending, stale_tables
from pipeline.inspection.step_costs import COSTS
from pipeline.storage.digest import bytes_digest, fingerprint, stream_digest
from pipeline.storage.json_files import DAMAGED, read_json
from pipeline.storage.ledger_names import folder_of
from pipeline.storage.location import location, open_storage
from pipeline.storage.receipts import Receipt, parse_receipts
from pipeline.storage.removals import FILE as REMOVALS
from pipeline.storage.removals import PENDING
from pipeline.storage.storage import Storage
from schemas.audit import AUDIT_FILE
from stages.errors import StorageError

RUN_FILE = "run.json"
UNHASHED = frozenset(
    {RUN_FILE, COSTS, PENDING, "lock", "log.jsonl", "annotations.toml", AUDIT_FILE}
)
"""The run file hashes itself; lock, log and costs are no part of the result, and annotations and
judgements are a person's to change."""
APART = frozenset({"scratch", "report", "ablation"})
"""Folders that are made from the run and are no part of it."""


def small_files(storage: Storage) -> Iterator[str]:
    """Every file that no receipt covers: ledgers, inputs, manifest, card, tokenizer, memos."""
    for name in sorted(name for name, _ in storage.walk()):
        path = PurePosixPath(name)
        apart = name in UNHASHED or name.partition("/")[0] in APART
        data = (path.suffix == ".parquet" and name != REMOVALS) or path.name.startswith(".")
        if not apart and not data and not storage.is_staged(path.name):
            yield name


def seal(storage: Storage, content: dict[str, Any]) -> bytes:
    """`run.json`: the content, the hashes of all small files, and one over itself."""
    files = {name: bytes_digest(storage.read_bytes(name)) for name in small_files(storage)}
    body = {**content, "files": files}
    return json.dumps({**body, "self": fingerprint(body)}, indent=1).encode()


def reseal(storage: Storage) -> None:
    """Write `run.json` again with the hashes of the small files as they are now."""
    content = read_json(storage, RUN_FILE, dict, "`sluice run` writes it anew")
    kept = {key: value for key, value in content.items() if key not in ("files", "self")}
    storage.write(RUN_FILE, seal(storage, kept))


def verify(run: Path) -> list[Problem]:
    """All problems of a run folder; an empty list means that it is whole."""
    storage = open_storage(run)
    problems = list(_check_files(storage))
    if storage.exists(PENDING):
        ending = f"`sluice remove {location(run)}` ends it"
        problems.append(Problem(PENDING, f"a removal was interrupted; {ending}"))
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
    stale = stale_tables(storage, folders)
    if stale:  # of which no more can be asked: they were right when they were made
        command = mending(storage, run)
        return [
            Problem(step, f"stale: {cause} was made anew since; `{command}` mends it")
            for step, cause in stale.items()
        ]
    configuration = json.loads(storage.read_bytes(RUN_FILE))["configuration"]
    for name, corpus in CORPORA.items():
        threshold = configuration[corpus.settings][DEDUP]["threshold"]
        decided = folders.get(StepName(name, DEDUP).folder, {})
        documents = folders.get(StepName(name, DOCUMENTS).folder, {})
        problems += check_tables(storage, name, folders)
        problems += check_identities(storage, name, documents)
        problems += check_duplicates(storage, name, decided, threshold)
    return problems + list(check_shards(storage, folders))


def _check_files(storage: Storage) -> Iterator[Problem]:
    try:
        content = json.loads(storage.read_bytes(RUN_FILE))
        sealed = content.pop("self")
        files: dict[str, str] = content["files"]
    except (OSError, *DAMAGED) as error:
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
    found = set()
    for path, _ in storage.walk():
        folder = path.rpartition("/")[0] if path.endswith(".parquet") else folder_of(path)
        if folder and path.partition("/")[0] not in {*APART, "quarantine"}:
            found.add(folder)
    return sorted(found)


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
