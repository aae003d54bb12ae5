"""Which of two duplicates survives (docs/architecture.md, "Determinism"), as 128 bits in order.

github   licence known, more stars, earlier creation, longer, smaller doc_id
web      latest crawl, longer, smaller doc_id
other    longer, smaller doc_id

Before all of these comes every document of an earlier run (`dedup.against`), in the order in which
the runs are named.

The lesser number is preferred; its first five bits are the run. Fields saturate where nothing real
ends up: stars at 2²³, times are whole seconds of the years 1970-2106, lengths at 4 GiB; unknown
values come last. What room is left holds the beginning of doc_id; callers break the remaining ties
by the whole.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup.arrays import digests
from stages.dedup.limits import MAX_RUNS

Ranks: TypeAlias = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]

GITHUB, WEB, OTHER = "github", "web", "other"

COLUMNS: dict[str, tuple[str, ...]] = {
    GITHUB: ("license", "stars", "repo_created_at", "n_bytes", "doc_id"),
    WEB: ("crawled_at", "n_bytes", "doc_id"),
    OTHER: ("n_bytes", "doc_id"),
}
"""The columns each order reads."""

_UINT32_MAX = (1 << 32) - 1
_STARS_MAX = (1 << 23) - 1
_RUN_SHIFT = np.uint64(64 - MAX_RUNS.bit_length())


def preference(corpus: str) -> str:
    """The order a corpus of this name follows; seeds are web pages."""
    return {"github": GITHUB, "web": WEB, "seeds": WEB}.get(corpus, OTHER)


def ranks(batch: pa.RecordBatch, order: str, run: int = 0) -> Ranks:
    """The two halves of each row's rank, of documents of one run; `batch` has the columns
    `COLUMNS[order]`. What the run's bits push out are bits of doc_id, by which ties go anyway."""
    high, low = _own_ranks(batch, order)
    place = np.uint64(run - 1 if run else MAX_RUNS)
    kept = np.uint64(64) - _RUN_SHIFT
    return (
        place << _RUN_SHIFT | high >> kept,
        (high & np.uint64(MAX_RUNS)) << _RUN_SHIFT | low >> kept,
    )


def _own_ranks(batch: pa.RecordBatch, order: str) -> Ranks:
    identity = np.ascontiguousarray(digests(batch, "doc_id")).view(">u8").reshape(-1, 2)
    first, second = (identity[:, half].astype(np.uint64) for half in (0, 1))
    length = _descending(batch["n_bytes"], _UINT32_MAX)
    if order == GITHUB:
        unlicensed = pc.fill_null(pc.equal(batch["license"], ""), True)
        high = (
            (_unsigned(unlicensed.cast(pa.uint8())) << np.uint64(63))
            | (_descending(batch["stars"], _STARS_MAX) << np.uint64(40))
            | (_seconds(batch["repo_created_at"], _UINT32_MAX) << np.uint64(8))
            | (length >> np.uint64(24))
        )
        low = ((length & np.uint64(0xFFFFFF)) << np.uint64(40)) | (first >> np.uint64(24))
        return high, low
    if order == WEB:
        crawled = np.uint64(_UINT32_MAX) - _seconds(batch["crawled_at"], 0)
        return (crawled << np.uint64(32)) | length, first
    high = (length << np.uint64(32)) | (first >> np.uint64(32))
    return high, (first << np.uint64(32)) | (second >> np.uint64(32))


def _unsigned(column: pa.Array) -> npt.NDArray[np.uint64]:
    result: npt.NDArray[np.uint64] = column.to_numpy(zero_copy_only=False).astype(np.uint64)
    return result


def _descending(column: pa.Array, maximum: int) -> npt.NDArray[np.uint64]:
    """Larger first; null and everything below zero last, with zero."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    values = np.clip(pc.fill_null(column, 0).to_numpy(zero_copy_only=False), 0, maximum - 1)
    inverted: npt.NDArray[np.uint64] = np.where(known, maximum - 1 - values, maximum).astype(
        np.uint64
    )
    return inverted


def _seconds(column: pa.Array, unknown: int) -> npt.NDArray[np.uint64]:
    """Seconds since 1970, a null as `unknown`; `column` is timestamp[us]."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    microseconds = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    seconds = np.clip(microseconds // 1_000_000, 0, _UINT32_MAX - 1)
    return np.where(known, seconds, unknown).astype(np.uint64)
