"""What dedup found that someone should look at (`stages.dedup.alarms`): as lines for the log and
`stats`, and with samples for whoever shows them.

The lines are made of a small table; the samples' texts cost a scan of doc_ids.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import duckdb

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import DEDUP
from pipeline.inspection.single_rows import find_texts
from pipeline.inspection.views import View
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


def dedup_alarms(
    connection: duckdb.DuckDBPyConnection, views: Mapping[str, View], corpus: str, limit: int = 20
) -> list[Alarm]:
    """The alarms of a corpus, of each kind the `limit` that lost most, each with the beginnings of
    a few documents that were dropped."""
    storage = next(iter(views.values())).storage
    kinds = _by_kind(_read(storage, StepName(corpus, DEDUP)))
    found = [one for alarms in kinds for one in alarms[:limit]]
    repeating = _repeating(connection, views, corpus, found)
    sampled = {
        one: repeating.get(one.value, []) if one.kind == CLUSTER else _ids(one) for one in found
    }
    texts = find_texts(connection, views, corpus, [id_ for ids in sampled.values() for id_ in ids])
    return [
        replace(one, samples=tuple(_sample(id_, texts.get(id_)) for id_ in ids))
        for one, ids in sampled.items()
    ]


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


def _repeating(
    connection: duckdb.DuckDBPyConnection,
    views: Mapping[str, View],
    corpus: str,
    alarms: Iterable[Alarm],
) -> dict[str, list[bytes]]:
    """Kept document → the least doc_ids of those that repeat it."""
    found: dict[str, list[bytes]] = {}
    if kept := [bytes.fromhex(one.value) for one in alarms if one.kind == CLUSTER]:
        rows = connection.execute(
            f"select duplicate_of, doc_id from {views[f'{corpus}.{DEDUP}'].sql_name} "
            "where duplicate_of in (select unnest(?)) qualify row_number() over "
            f"(partition by duplicate_of order by doc_id) <= {N_SAMPLES} order by doc_id",
            [kept],
        )
        for duplicate_of, doc_id in rows.fetchall():
            found.setdefault(duplicate_of.hex(), []).append(doc_id)
    return found


def _ids(alarm: Alarm) -> list[bytes]:
    return [bytes.fromhex(sample.doc_id) for sample in alarm.samples]


def _sample(doc_id: bytes, found: tuple[str, str] | None) -> Sample:
    uri, text = found or (None, "")
    return Sample(doc_id.hex(), uri, text[:EXCERPT])
