"""What a purge is to take out, written down before it begins and deleted when it has ended.

Once a documents table is emptied nothing in it tells any more whose rows they were; a purge that
was killed goes on from here. Texts are not copied (`needles`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import DOCUMENTS, TOKENS
from pipeline.removal.documents import SEARCHED, narrow_batches
from pipeline.removal.needles import (
    ADDRESS,
    IDENTITY,
    TEXT,
    Needle,
    from_table,
    needle,
    to_table,
)
from pipeline.removal.needles import TOKENS as TOKEN_IDS
from pipeline.storage.storage import Storage

PLAN = "scratch/removal/needles.parquet"
ADDRESS_COLUMNS = ("uri", "url")


@dataclass(frozen=True)
class PurgePlan:
    """The documents, and what must not be found of them any more."""

    needles: tuple[Needle, ...]

    @cached_property
    def ids(self) -> frozenset[bytes]:
        return frozenset(one.doc_id for one in self.needles)

    @cached_property
    def addresses(self) -> frozenset[str]:
        return frozenset(one.window.decode() for one in self.needles if one.kind == ADDRESS)


def make_plan(
    storage: Storage, ids: Mapping[str, set[bytes]], shard_files: Iterable[str]
) -> PurgePlan:
    """The plan of an interrupted purge, if there is one, and what is to be purged besides."""
    before = read_plan(storage)
    known = {(one.kind, one.doc_id, one.xxh3): one for one in before.needles}
    every = set().union(*ids.values()) if ids else set()
    found = [*_of_documents(storage, ids), *_of_shards(storage, shard_files, every)]
    known |= {(one.kind, one.doc_id, one.xxh3): one for one in found}
    shared = _shared(storage, PurgePlan(tuple(known.values())))
    plan = PurgePlan(
        tuple(n for n in known.values() if n.kind != ADDRESS or n.window.decode() not in shared)
    )
    sink = BytesIO()
    pq.write_table(to_table(plan.needles), sink)
    storage.write(PLAN, sink.getvalue())
    return plan


def read_plan(storage: Storage) -> PurgePlan:
    """What was written down; nothing if there is none."""
    if not storage.exists(PLAN):
        return PurgePlan(())
    return PurgePlan(tuple(from_table(pq.read_table(BytesIO(storage.read_bytes(PLAN))))))


def _of_documents(storage: Storage, ids: Mapping[str, set[bytes]]) -> Iterator[Needle]:
    for corpus, own in ids.items():
        wanted = pa.array(sorted(own), pa.binary(16))
        columns = ("doc_id", *ADDRESS_COLUMNS, "text")
        folder = StepName(corpus, DOCUMENTS).folder
        for row in _rows(storage, folder, columns, wanted):
            identity = row["doc_id"]
            wholes = [(IDENTITY, identity), (IDENTITY, identity.hex().encode())]
            wholes += [(ADDRESS, row[name].encode()) for name in ADDRESS_COLUMNS if row.get(name)]
            wholes.append((TEXT, row["text"].encode()))
            yield from _needles(identity, wholes)
        folder = StepName(corpus, TOKENS).folder
        for row in _rows(storage, folder, ("doc_id", "tokens.list.element"), wanted):
            if row["tokens"]:
                ids_of = pa.array(row["tokens"], pa.uint32()).to_numpy().tobytes()
                yield from _needles(row["doc_id"], [(TOKEN_IDS, ids_of)])


def _shared(storage: Storage, plan: PurgePlan) -> set[str]:
    """The addresses that documents which stay have, too: other captures of a page."""
    ids, addresses = pa.array(sorted(plan.ids), pa.binary(16)), plan.addresses
    found: set[str] = set()
    for corpus in SEARCHED:
        folder = StepName(corpus, DOCUMENTS).folder
        for _, batch in narrow_batches(storage, folder, ("doc_id", *ADDRESS_COLUMNS)):
            others = batch.filter(pc.invert(pc.is_in(batch.column("doc_id"), ids)))
            for column in others.columns[1:]:
                found |= addresses.intersection(column.unique().to_pylist())
    return found


def _of_shards(storage: Storage, files: Iterable[str], ids: set[bytes]) -> Iterator[Needle]:
    """The tokens as they stand in samples, behind a comment and redacted."""
    folders = {file.rpartition("/")[0] for file in files}
    for folder in sorted(folders):
        columns = (
            "tokens.list.element",
            "parts.list.element.doc_id",
            "parts.list.element.start",
            "parts.list.element.n_tokens",
        )
        for _, batch in narrow_batches(storage, folder, columns):
            tokens = batch.column("tokens")
            values, offsets = tokens.values.to_numpy(), tokens.offsets.to_numpy().tolist()
            for (start, _), parts in zip(
                pairwise(offsets), batch.column("parts").to_pylist(), strict=True
            ):
                for part in parts:
                    if part["doc_id"] in ids:
                        first = start + part["start"]
                        own = values[first : first + part["n_tokens"]]
                        yield from _needles(part["doc_id"], [(TOKEN_IDS, own.tobytes())])


def _needles(identity: bytes, wholes: Iterable[tuple[str, bytes]]) -> Iterator[Needle]:
    for kind, whole in wholes:
        one = needle(kind, identity, whole)
        if one is not None:
            yield one


def _rows(
    storage: Storage, folder: str, columns: Iterable[str], wanted: pa.Array
) -> Iterator[dict[str, Any]]:
    for _, batch in narrow_batches(storage, folder, columns):
        yield from batch.filter(pc.is_in(batch.column("doc_id"), wanted)).to_pylist()
