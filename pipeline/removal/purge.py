"""Takes what is kept of removed documents out of every file of the run folder.

Tables are written again without them, one folder after another: the new object is committed, then
its receipt. Which documents they are was written down first (`plan`), so a purge that was killed is
begun again and leaves alone what it finds done. What hangs on the tables is signed afterwards
(`walk`), so that a later run has nothing to make.

Not rewritten are weights: a model that was trained with a document stays as it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.configuration.names import HALVES, StepName
from pipeline.configuration.registry import CORPORA, DOCUMENTS, EVENTS, stages_of
from pipeline.inspection.verify import APART
from pipeline.removal.blanking import Blanking, leaves
from pipeline.removal.plan import PurgePlan
from pipeline.storage.digest import bytes_digest, stream_digest
from pipeline.storage.ledger_names import folder_of
from pipeline.storage.receipts import Receipt, Receipts, parse_receipts
from pipeline.storage.statistics import Counter
from pipeline.storage.storage import Storage
from pipeline.storage.tables import Written, read_batches, write_parquet
from schemas.columns import DOC_ID
from schemas.identity import doc_id as doc_id_of

RECEIPTS_AT_ONCE = 64
STATISTICS = "statistics"


@dataclass
class Purge:
    """A purge at work."""

    storage: Storage
    generation: int
    plan: PurgePlan
    is_removed_origin: Callable[[str], bool]
    """Whether a record that never became a document is named by the list, by its origin."""
    n_written: int = 0

    def __post_init__(self) -> None:
        self._blank = Blanking(self.plan.ids, self.plan.addresses)
        self._aligned = _aligned_folders()

    def rewrite(self) -> Iterator[tuple[int, int]]:
        """Every table, artefact and quarantined record; scratch is deleted. How many folders are
        done, of how many."""
        self._delete_scratch()
        folders = receipt_folders(self.storage)
        for number, folder in enumerate(folders, 1):
            self._folder(folder)
            yield number, len(folders)

    def _delete_scratch(self) -> None:
        for path, _ in list(self.storage.walk()):
            if path.startswith("scratch/") and not path.startswith("scratch/removal/"):
                self.storage.delete(path)

    def _folder(self, folder: str) -> None:
        receipts = Receipts(self.storage, folder)
        intact = receipts.load()
        old: list[str] = []
        for key, receipt in sorted(parse_receipts(self.storage, folder).items()):
            new = self._purged(folder, receipt, is_intact=key in intact)
            if new is receipt:
                continue
            receipts.add(new)
            self.n_written += 1
            old += _replaced(folder, receipt, new)
            if receipts.n_pending >= RECEIPTS_AT_ONCE:
                receipts.flush()
        receipts.roll()
        for path in (*old, *(f"{folder}/{name}" for name in receipts.unnamed)):
            self.storage.delete(path)

    def _purged(self, folder: str, receipt: Receipt, *, is_intact: bool) -> Receipt:
        path, aligned = f"{folder}/{receipt.object}", folder in self._aligned
        facts = self._quarantine(receipt)
        if is_intact and not self._is_hit(path):
            return receipt if facts is receipt.quarantine else replace(receipt, quarantine=facts)
        target = f"{folder}/{receipt.key}.{receipt.object.rpartition('.')[2]}"
        staged = self.storage.stage(target, self.generation, 0)
        summary = dict(receipt.summary)
        if path.endswith(".parquet"):
            written, counted = self._write_parquet(path, staged, aligned)
            if not aligned and STATISTICS in summary:
                summary[STATISTICS] = counted
        else:
            written = self._write_arrow(path, staged)
        committed = self.storage.commit(staged, target)
        return replace(
            receipt,
            object=committed.name,
            rows=written.rows if path.endswith(".parquet") else receipt.rows,
            size=written.size,
            modified=committed.mark.modified,
            xxh3=written.xxh3,
            columns=written.columns,
            summary=summary,
            quarantine=facts,
        )

    def _is_hit(self, path: str) -> bool:
        """Whether an object holds anything of the documents. Where rows have identities, these
        tell; of other tables all texts are read."""
        if not path.endswith((".parquet", ".arrow")):
            return False
        wanted = None
        if path.endswith(".parquet"):
            with self.storage.open_read(path) as stream:
                schema = pq.read_schema(stream)
            wanted = _telling(schema)
        return any(
            not self._blank(batch, aligned=False).equals(batch)
            for batch in read_batches(self.storage, path, wanted)
        )

    def _write_parquet(
        self, path: str, staged: str, aligned: bool
    ) -> tuple[Written, dict[str, Any]]:
        with self.storage.open_read(path) as stream:
            schema = pq.read_schema(stream)
        counter = Counter(schema)
        with write_parquet(self.storage, staged, schema) as (table, written):
            for batch in read_batches(self.storage, path):
                rest = self._blank(batch, aligned=aligned)
                if rest.num_rows:
                    table.write(rest)
                    counter.update(rest)
        return written, counter.result()

    def _write_arrow(self, path: str, staged: str) -> Written:
        """An artefact that is a table; it is small."""
        data = self.storage.read_bytes(path)
        if path.endswith(".arrow"):
            with pa.ipc.open_file(data) as reader:
                sink = pa.BufferOutputStream()
                with pa.ipc.new_file(sink, reader.schema) as writer:
                    for index in range(reader.num_record_batches):
                        writer.write_batch(self._blank(reader.get_batch(index), aligned=False))
                data = sink.getvalue().to_pybytes()
        with self.storage.open_write(staged) as stream:
            stream.write(data)
        return Written(size=len(data), xxh3=bytes_digest(data))

    def _quarantine(self, receipt: Receipt) -> dict[str, Any] | None:
        """The facts of the receipt's quarantined records, once theirs are emptied."""
        facts = receipt.quarantine
        if facts is None:
            return None
        path = facts["object"]
        tables = list(read_batches(self.storage, path))
        emptied = [self._without_records(batch) for batch in tables]
        with self.storage.open_read(path) as stream:
            is_whole = stream_digest(stream) == facts["xxh3"]
        if is_whole and all(map(pa.RecordBatch.equals, tables, emptied)):
            return facts
        name = f"{path.rpartition('/')[0]}/{receipt.key}.parquet"
        staged = self.storage.stage(name, self.generation, 0)
        with write_parquet(self.storage, staged, tables[0].schema) as (table, written):
            for batch in emptied:
                table.write(batch)
        committed = self.storage.commit(staged, name)
        place = f"{path.rpartition('/')[0]}/{committed.name}"
        return {**facts, "object": place, "size": written.size, "xxh3": written.xxh3}

    def _without_records(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = batch.to_pylist()
        for row in rows:
            if self._is_of(row["origin"]):
                row |= {"origin": "", "error": "", "head": b"", "offset": None}
        return pa.RecordBatch.from_pylist(rows, schema=batch.schema)

    def _is_of(self, origin: str) -> bool:
        """Whether a quarantined record is one of the documents, by its origin or its address."""
        if not origin:
            return False
        known = doc_id_of(origin) in self.plan.ids or origin in self.plan.addresses
        return known or self.is_removed_origin(origin)


def _telling(schema: pa.Schema) -> list[str] | None:
    """The columns that tell whether a table holds anything of a document; None: all."""
    if "doc_id" in schema.names and schema.field("doc_id").type == DOC_ID:
        return [
            field.name
            for field in schema
            if any(kind == DOC_ID for _, kind in leaves(field.name, field.type))
        ]
    return None


def _replaced(folder: str, old: Receipt, new: Receipt) -> list[str]:
    """What no receipt names any more: on a store each object has a name of its own."""
    gone = []
    if old.object != new.object:
        gone.append(f"{folder}/{old.object}")
    if old.quarantine and new.quarantine and old.quarantine["object"] != new.quarantine["object"]:
        gone.append(old.quarantine["object"])
    return gone


def _aligned_folders() -> frozenset[str]:
    """The tables that stand row for row beside documents, and the documents. Events are a list:
    nothing stands beside them."""
    names = [
        StepName(corpus, stage, half)
        for corpus in CORPORA
        if corpus != EVENTS
        for stage in (DOCUMENTS, *stages_of(corpus))
        for half in (None, *HALVES)
    ]
    return frozenset(name.folder for name in names)


def receipt_folders(storage: Storage) -> list[str]:
    """Every folder that receipts speak of."""
    found = {folder_of(path) for path, _ in storage.walk()}
    return sorted(one for one in found if one and one.partition("/")[0] not in APART)


def ahead_of_receipts(storage: Storage, folder: str) -> list[str]:
    """The keys whose objects are not what their receipts say: damaged, or committed just before a
    removal was interrupted."""
    known = parse_receipts(storage, folder)
    return sorted(known.keys() - Receipts(storage, folder).load().keys())
