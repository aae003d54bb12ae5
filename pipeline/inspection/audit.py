"""Judgements on verdicts: what `sluice browse` writes and the report counts.

`RUN/audit.parquet` has a row for each judgement (`schemas.audit`); of several on the verdict of one
stage for one document the last counts. The error rate of a stage and reason has Wilson's 95 %
interval; how many more to judge follows from its width at the rate seen so far (if none was judged:
at a rate of 0, so at the least). It holds for judgements on documents drawn at random among those
of the stage and reason: who judges by language or domain alone learns about those.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.storage import Storage
from schemas.audit import AUDIT, AUDIT_FILE
from stages.errors import StorageError

HALF_WIDTH = 0.02
"""An interval of ± 2 % is enough."""
Z95 = 1.959964

Verdict = tuple[str, str | None, bytes]
"""Stage, reason (None: kept) and document."""


@dataclass(frozen=True)
class ErrorRate:
    """How often the verdicts of a stage with one reason were found wrong."""

    stage: str
    reason: str | None
    n: int
    """Documents judged."""
    n_wrong: int

    @property
    def rate(self) -> float | None:
        """None before the first judgement."""
        return self.n_wrong / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 % (Wilson 1927)."""
        return wilson(self.n_wrong, self.n)

    def n_more(self, n_verdicts: int | None = None) -> int:
        """Documents still to judge until the interval is ± 2 %, of `n_verdicts` in all."""
        rate, needed = self.rate or 0.0, 1
        while _half_width(rate, needed) > HALF_WIDTH:
            needed *= 2
        least = needed // 2
        while needed - least > 1:
            middle = (least + needed) // 2
            least, needed = (
                (least, middle) if _half_width(rate, middle) <= HALF_WIDTH else (middle, needed)
            )
        if n_verdicts is not None:
            needed = min(needed, n_verdicts)
        return max(needed - self.n, 0)


def read_audit(storage: Storage) -> pa.Table:
    """Every judgement, in the order in which they were made; an empty table before the first."""
    if not storage.exists(AUDIT_FILE):
        return pa.Table.from_batches([], AUDIT)
    try:
        found = pq.read_table(io.BytesIO(storage.read_bytes(AUDIT_FILE)))
        return found.select(AUDIT.names).cast(AUDIT)
    except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError, ValueError) as error:
        raise StorageError(
            f"{storage.url}/{AUDIT_FILE}: no table of judgements ({error}); move it away"
        ) from error


def write_audit(storage: Storage, rows: pa.Table) -> None:
    """Replace the file."""
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    storage.write(AUDIT_FILE, sink.getvalue())


def last_judgements(rows: pa.Table) -> dict[Verdict, bool]:
    """Whether each verdict was found wrong, at last."""
    columns = (rows[name].to_pylist() for name in ("stage", "reason", "doc_id", "wrong"))
    return {(stage, reason, doc): wrong for stage, reason, doc, wrong in zip(*columns, strict=True)}


def error_rates(judgements: Iterable[tuple[Verdict, bool]]) -> list[ErrorRate]:
    """Of every stage and reason that someone judged, by name."""
    counts: dict[tuple[str, str | None], list[int]] = {}
    for (stage, reason, _), wrong in judgements:
        count = counts.setdefault((stage, reason), [0, 0])
        count[0] += 1
        count[1] += wrong
    ordered: Sequence[tuple[str, str | None]] = sorted(
        counts, key=lambda key: (key[0], key[1] or "")
    )
    return [ErrorRate(stage, reason, *counts[stage, reason]) for stage, reason in ordered]


def wilson(n_hits: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = n_hits / n, Z95 * Z95
    middle = share + z2 / (2 * n)
    half = Z95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)


def _half_width(rate: float, n: int) -> float:
    low, high = wilson(rate * n, n)
    return (high - low) / 2
