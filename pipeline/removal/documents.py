"""Which documents of a run a list of removals names.

The stage `remove` decides by the same comparison (`stages.remove.stage.entry_of`); here it is asked
of every corpus, also of the seeds that recall learned from. Cost: a scan of the narrow columns.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CONFIGURED, DEDUP, DOCUMENTS, EVENTS, GITHUB, SEEDS
from pipeline.engine.leaving import REPOSITORIES
from pipeline.storage.receipts import Receipt, parse_receipts
from pipeline.storage.removals import Removals
from pipeline.storage.storage import Storage
from pipeline.storage.tables import read_batches
from schemas.identity import doc_id as doc_id_of
from schemas.removals import DOCUMENT, REPO, URI
from stages.errors import ConfigError
from stages.remove.stage import READS, digest, digest_array, entry_of

MIN_ID_DIGITS = 6
"""As `sluice show` takes them: fewer are a word more often than an identity."""
ID_DIGITS = 32
SEARCHED = (*CONFIGURED, SEEDS)
DUPLICATE_OF = "duplicate_of"
EVENT_COLUMNS = ("doc_id", "repo_id", "number", "repo")


@dataclass
class Matches:
    """What the list names in the run."""

    ids: dict[str, set[bytes]] = field(default_factory=dict)
    """Corpus → identities."""
    counts: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    """Key and digest → documents."""


def find(storage: Storage, removals: Removals) -> Matches:
    """All documents that the list names."""
    found = Matches()
    entries = {key: digest_array(data) for key, data in removals.by_key().items()}
    for corpus in SEARCHED:
        ids: set[bytes] = set()
        found.ids[corpus] = ids
        for _, batch in narrow_batches(storage, StepName(corpus, DOCUMENTS).folder, READS):
            hit = np.zeros(batch.num_rows, bool)
            for key, digests in entries.items():
                named = entry_of(batch, key, digests)
                own: list[int] = named[named >= 0].tolist() if corpus in CONFIGURED else []
                for entry, n in Counter(own).items():
                    found.counts[key, digests[entry].as_py()] += n
                hit |= named >= 0
            ids.update(batch.column("doc_id").filter(pa.array(hit)).to_pylist())
    return found


def events_of(storage: Storage, removals: Removals) -> set[bytes]:
    """The events that removed discussions and repositories were put together from. A repository is
    called what it was called last, as its documents are."""
    folder = StepName(EVENTS, DOCUMENTS).folder
    entries = {key: digest_array(data) for key, data in removals.by_key().items()}
    latest: dict[int, str] = {}
    for _, batch in narrow_batches(storage, f"{GITHUB}/{REPOSITORIES}", ("repo_id", REPO)):
        latest |= zip(*(column.to_pylist() for column in batch.columns), strict=True)
    repositories: set[int] = set()
    discussions: set[tuple[int, int]] = set()
    for _, batch in narrow_batches(storage, folder, EVENT_COLUMNS):
        _, repos, numbers, names = (column.to_pylist() for column in batch.columns)
        names = [latest.get(repo, name) for repo, name in zip(repos, names, strict=True)]
        origins = [f"{name}#issue/{n}" for name, n in zip(names, numbers, strict=True)]
        told = pa.RecordBatch.from_arrays(
            [
                pa.array(origins),
                pa.array([doc_id_of(one) for one in origins], pa.binary(16)),
                pa.array(names),
            ],
            names=["uri", "doc_id", "repo"],
        )
        for key, digests in entries.items():
            for row in np.flatnonzero(entry_of(told, key, digests) >= 0).tolist():
                if key == REPO:
                    repositories.add(repos[row])
                else:
                    discussions.add((repos[row], numbers[row]))
    found: set[bytes] = set()
    for _, batch in narrow_batches(storage, folder, EVENT_COLUMNS):
        for own, repo, number, _ in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            if repo in repositories or (repo, number) in discussions:
                found.add(own)
    return found


@dataclass
class Repeats:
    """What dedup said of some documents and others."""

    of_these: set[bytes] = field(default_factory=set)
    """Others that were dropped because they repeat these."""
    kept: set[bytes] = field(default_factory=set)
    """Others that stay and are repeated by these, which were dropped for it."""


def repeating(storage: Storage, corpus: str, ids: set[bytes]) -> Repeats:
    """The duplicates that these documents are part of."""
    found = Repeats()
    folder = StepName(corpus, DEDUP).folder
    for _, batch in narrow_batches(storage, folder, ("doc_id", DUPLICATE_OF)):
        rows = batch.filter(pc.is_valid(batch.column(DUPLICATE_OF)))
        for own, kept in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            if own in ids and kept not in ids:
                found.kept.add(kept)
            elif kept in ids and own not in ids:
                found.of_these.add(own)
    return found


def names_origin(removals: Removals) -> Callable[[str], bool]:
    """Tells whether the list names a record by its origin alone: one that is no document."""
    known = {(row.key, row.digest) for row in removals.rows}

    def is_named(origin: str) -> bool:
        repository = min(origin.partition("@")[0], origin.partition("#")[0], key=len).lower()
        values = {URI: origin, REPO: repository, DOCUMENT: doc_id_of(origin).hex()}
        return any((key, digest(value)) in known for key, value in values.items())

    return is_named


def resolve_ids(storage: Storage, prefixes: Iterable[str]) -> dict[str, str | None]:
    """Whole identities for their first hexadecimal digits; None: no document of the run has them.
    ConfigError for what is no identity, or the beginning of several."""
    found: dict[str, str | None] = {}
    for prefix in prefixes:
        digits = prefix.lower()
        if not MIN_ID_DIGITS <= len(digits) <= ID_DIGITS or set(digits) - set("0123456789abcdef"):
            raise ConfigError(
                f"--doc-id {prefix!r}: expected {MIN_ID_DIGITS} to {ID_DIGITS} hexadecimal digits"
            )
        found[prefix] = digits if len(digits) == ID_DIGITS else None
    short = [prefix for prefix, whole in found.items() if whole is None]
    if short:
        for corpus in SEARCHED:
            folder = StepName(corpus, DOCUMENTS).folder
            for _, batch in narrow_batches(storage, folder, ("doc_id",)):
                ids = [one.hex() for one in batch.column("doc_id").to_pylist()]
                for prefix in short:
                    for one in ids:
                        if one.startswith(prefix.lower()):
                            _note(found, prefix, one)
    return found


def _note(found: dict[str, str | None], prefix: str, whole: str) -> None:
    if found[prefix] not in (None, whole):
        raise ConfigError(
            f"--doc-id {prefix}: several documents have a doc_id that begins so; give more of it"
        )
    found[prefix] = whole


def holding(storage: Storage, folder: str, ids: set[bytes]) -> dict[str, frozenset[bytes]]:
    """The files of a shard set in which parts of these documents are → which. By the names that
    files have on a disk."""
    wanted = pa.array(sorted(ids), pa.binary(16))
    found: dict[str, set[bytes]] = {}
    for receipt, batch in narrow_batches(storage, folder, ("parts.list.element.doc_id",)):
        own = pc.struct_field(pc.list_flatten(batch.column("parts")), "doc_id")
        there = own.filter(pc.is_in(own, wanted)).to_pylist()
        if there:
            found.setdefault(f"{folder}/{receipt.key}.parquet", set()).update(there)
    return {path: frozenset(there) for path, there in found.items()}


def narrow_batches(
    storage: Storage, folder: str, columns: Iterable[str]
) -> Iterator[tuple[Receipt, pa.RecordBatch]]:
    """The row groups of a table, of those of the columns that it has, with the shard's receipt."""
    for _, receipt in sorted(parse_receipts(storage, folder).items()):
        path = f"{folder}/{receipt.object}"
        with storage.open_read(path) as stream:
            leaves = {leaf.path: leaf for leaf in _leaves(stream)}
        names = [name for name in columns if name in leaves]
        for batch in read_batches(storage, path, names):
            yield receipt, batch


def _leaves(stream: object) -> list[pq.ColumnSchema]:
    schema = pq.ParquetFile(stream).schema
    return [schema.column(index) for index in range(len(schema))]
