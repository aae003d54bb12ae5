"""What became of each seed file: documents, rows that could not be read, duplicates.

A seed file is one input and one shard, so its receipts know. A target (or the negatives) of which
nothing is left stops the run before any page is scored, with the numbers of its files.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from pipeline.storage.receipts import Receipt
from pipeline.storage.statistics import statistics_of
from pipeline.storage.storage import Storage
from stages.errors import InputError
from stages.recall.options import NEGATIVE, RecallOptions, role_of


@dataclass(frozen=True)
class SeedFile:
    """One file's counts."""

    name: str
    n_documents: int
    n_kept: int
    unreadable: Mapping[str, int]
    """Reason → rows (or the rest of a file)."""
    passed_over: Mapping[str, int]
    """Why a row is no document, or why dedup dropped one."""
    error: str = ""
    """What the first unreadable row lacks."""

    def __str__(self) -> str:
        parts = [f"{self.n_kept:,} of {self.n_documents:,} documents kept"]
        if self.passed_over:
            parts.append(_counted(self.passed_over))
        if self.unreadable:
            parts.append(f"unreadable: {_counted(self.unreadable)} ({self.error})")
        if not self.n_documents and len(parts) == 1:
            parts = ["it has no rows"]
        return f"{self.name}: {', '.join(parts)}"


def seed_files(
    storage: Storage, documents: Iterable[Receipt], dedup: Mapping[str, Receipt]
) -> list[SeedFile]:
    """The files of a run, from the receipts of `seeds.documents` and `seeds.dedup`."""
    found = []
    for receipt in documents:
        unreadable = (receipt.quarantine or {}).get("reasons", {})
        judged = [dedup[receipt.key]] if receipt.key in dedup else []
        dropped = statistics_of(judged).reasons()
        found.append(
            SeedFile(
                name=receipt.summary["inputs"][0]["name"],
                n_documents=receipt.rows,
                n_kept=receipt.rows - sum(dropped.values()),
                unreadable=unreadable,
                passed_over={**receipt.summary["skipped"], **dropped},
                error=_first_error(storage, receipt) if unreadable else "",
            )
        )
    return found


def require_seeds(files: Sequence[SeedFile], options: RecallOptions) -> None:
    """InputError if there are seed files for a role and not one document is left of them."""
    roles = options.roles()
    for role, patterns in roles:
        own = [one for one in files if role_of(one.name, roles) == role]
        if patterns and not any(one.n_kept for one in own):
            field = "negatives" if role == NEGATIVE else f"targets.{role}.seeds"
            raise InputError(
                f"recall.{field}: no document to learn from in {len(own)} seed files: "
                + "; ".join(map(str, own))
            )


def _first_error(storage: Storage, receipt: Receipt) -> str:
    assert receipt.quarantine is not None
    with storage.open_read(receipt.quarantine["object"]) as stream:
        return str(pq.read_table(stream, columns=["error"])["error"][0])


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {n:,}" for reason, n in counts.items())
