"""What dedup found that someone should look at (`stages.dedup.alarms`): as lines for the log and
`stats`, and with samples for whoever shows them.

The lines are made of a small table; the samples' texts cost a scan of narrow columns each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import DEDUP, DOCUMENTS
from pipeline.inspection.single_rows import find_text
from pipeline.inspection.views import CORPORA, View, open_run
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import Storage
from pipeline.storage.tables import read_batches
from schemas.alarms import ALARMS, CLUSTER, N_SAMPLES

MAX_LINES = 5
"""Of each kind so many are said, those that lost most."""
ID_DIGITS = 12
"""Of a doc_id: enough for `sluice show`."""
EXCERPT = 300
"""Characters of a sample."""


@dataclass(frozen=True)
class Sample:
    """A document that was dropped."""

    doc_id: str
    uri: str | None
    excerpt: str = field(repr=False, default="")


@dataclass(frozen=True)
class Alarm:
    """A source or language that lost nearly all, or a document that very many repeat."""

    corpus: str
    kind: str
    """The column (repo, domain, language, natural_language), or cluster."""
    value: str
    """The column's; of a cluster the kept document's doc_id."""
    documents: int
    """That have the value; of a cluster those that were dropped."""
    dropped: int
    samples: tuple[Sample, ...] = ()

    def __str__(self) -> str:
        such = ", ".join(sample.doc_id[:ID_DIGITS] for sample in self.samples)
        if self.kind == CLUSTER:
            return f"{self.dropped:,} documents repeat {self.value[:ID_DIGITS]}"
        name = self.kind.replace("_", " ")
        share = f"{self.dropped:,} of {self.documents:,} documents"
        return f"{name} {self.value} lost {share} ({self.dropped / self.documents:.0%}): {such}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def alarm_lines(storage: Storage, step: StepName) -> list[str]:
    """A line for each alarm of a corpus's dedup, the first few of each kind."""
    lines: list[str] = []
    for alarms in _by_kind(_read(storage, step)):
        lines += map(str, alarms[:MAX_LINES])
        if len(alarms) > MAX_LINES:
            more, kind = len(alarms) - MAX_LINES, alarms[0].kind
            lines.append(f"{more:,} more where kind = '{kind}' in the table {step}_alarms")
    return lines


def dedup_alarms(run: Path, limit: int = 20) -> list[Alarm]:
    """The alarms of a run, of each corpus and kind the `limit` that lost most, each with the
    beginnings of a few documents that were dropped."""
    with open_run(run) as (connection, views):
        storage = next(iter(views.values())).storage
        found = []
        for corpus in CORPORA:
            for alarms in _by_kind(_read(storage, StepName(corpus, DEDUP))):
                found += [_with_samples(connection, views, one) for one in alarms[:limit]]
        return found


def _read(storage: Storage, step: StepName) -> list[Alarm]:
    folder = f"{step.folder}/alarms"
    rows = (
        row
        for receipt in parse_receipts(storage, folder).values()
        for batch in read_batches(storage, f"{folder}/{receipt.object}", ALARMS.names)
        for row in batch.to_pylist()
    )
    return [
        Alarm(
            str(step.corpus),
            row["kind"],
            row["value"],
            row["documents"],
            row["dropped"],
            tuple(Sample(doc_id.hex(), None) for doc_id in row["samples"]),
        )
        for row in rows
    ]


def _by_kind(alarms: Iterable[Alarm]) -> list[Sequence[Alarm]]:
    """Those that lost most first."""
    kinds: dict[str, list[Alarm]] = {}
    for one in sorted(alarms, key=lambda one: (one.kind, -one.dropped, one.value)):
        kinds.setdefault(one.kind, []).append(one)
    return list(kinds.values())


def _with_samples(
    connection: duckdb.DuckDBPyConnection, views: dict[str, View], alarm: Alarm
) -> Alarm:
    doc_ids = [sample.doc_id for sample in alarm.samples]
    if alarm.kind == CLUSTER:
        found = connection.execute(
            f"select doc_id from {views[f'{alarm.corpus}.{DEDUP}'].sql_name} "
            "where duplicate_of = ? order by doc_id limit ?",
            [bytes.fromhex(alarm.value), N_SAMPLES],
        ).fetchall()
        doc_ids = [doc_id.hex() for (doc_id,) in found]
    samples = []
    for doc_id in doc_ids if f"{alarm.corpus}.{DOCUMENTS}" in views else []:
        uri, text = find_text(connection, views, alarm.corpus, bytes.fromhex(doc_id)) or (None, "")
        samples.append(Sample(doc_id, uri, text[:EXCERPT]))
    return Alarm(**{**vars(alarm), "samples": tuple(samples)})
