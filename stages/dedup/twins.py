"""Twins: documents of one text.

They are groups by a 16-byte key. The most preferred member stays; the others remember it as their
`survivor`, and say whether they are captures of its URL. Captures of one URL whose texts differ
are no twins: they are compared (see `stages.dedup.links`).

Cost: 330 bytes of scratch a document (25 bands of 8 bytes are most of it); a reducer holds one
partition, about 100 MB.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from stages.contract import ROW, SHARD, Batches
from stages.dedup.arrays import (
    DOC_ID,
    DOCUMENT,
    RANK_HIGH,
    RANK_LOW,
    Digests,
    Int64,
    digest_array,
    digests,
    document_numbers,
    emit,
    gather,
    numbers,
)
from stages.dedup.preference import COLUMNS, ranks
from stages.kernels.minhash import band_hashes
from stages.kernels.routes import spread_digests
from stages.kernels.urls import url_key

MEMBERS = pa.schema(
    [
        DOCUMENT,
        DOC_ID,
        RANK_HIGH,
        RANK_LOW,
        pa.field("url_hash", pa.binary(16)),  # the doc_id's own where URLs do not count
        pa.field("text_hash", pa.binary(16)),
        pa.field("n_shingles", pa.int64()),
        pa.field("bands", pa.list_(pa.uint64())),
        pa.field("reason", pa.string()),  # null while the document lives
        pa.field("survivor", pa.int64()),  # itself while the document lives
        pa.field("survivor_id", pa.binary(16)),
    ]
)


def columns_read(order: str, by_url: bool) -> tuple[str, ...]:
    """What `Describe` asks for."""
    url = ("url",) if by_url else ()
    return (SHARD, ROW, *COLUMNS[order], *url, "text_hash", "n_shingles", "signature")


@dataclass(frozen=True)
class Describe:
    """Shards of a run → one row a living document, routed by text."""

    order: str
    by_url: bool
    n_bands: int
    rows_per_band: int
    n_partitions: int
    run: int = 0

    schema: ClassVar[pa.Schema] = MEMBERS

    def __call__(self, batches: Batches) -> Batches:
        for whole in batches:
            # A document that could not be measured has been quarantined: it has no twin.
            batch = whole.filter(whole["text_hash"].is_valid())
            if batch.num_rows:
                yield from self._describe(batch)

    def _describe(self, batch: pa.RecordBatch) -> Batches:
        high, low = ranks(batch, self.order, self.run)
        shards, rows = (numbers(batch, name).astype(np.int64) for name in (SHARD, ROW))
        documents = document_numbers(shards, rows, self.run)
        url_hash = _url_hashes(batch, self.run) if self.by_url else _own_hashes(batch, self.run)
        minima = batch["signature"].flatten().to_numpy().reshape(batch.num_rows, -1)
        bands = band_hashes(minima, self.n_bands, self.rows_per_band)
        ends = np.arange(batch.num_rows + 1, dtype=np.int32) * self.n_bands
        yield from emit(
            self.schema,
            {
                "document": documents,
                "doc_id": batch["doc_id"],
                "rank_high": high,
                "rank_low": low,
                "url_hash": digest_array(url_hash),
                "text_hash": batch["text_hash"],
                "n_shingles": batch["n_shingles"],
                "bands": pa.ListArray.from_arrays(pa.array(ends), pa.array(bands.reshape(-1))),
                "reason": pa.nulls(batch.num_rows, pa.string()),
                "survivor": documents,
                "survivor_id": batch["doc_id"],
                "partition": spread_digests(digests(batch, "text_hash"), self.n_partitions),
            },
        )


@dataclass(frozen=True)
class JoinTexts:
    """One partition of documents → the same rows; if `exact`, repeated texts point to the preferred
    one, with the reason `url` if they are captures of its URL, else `exact`, and have no bands."""

    exact: bool

    schema: ClassVar[pa.Schema] = MEMBERS

    def __call__(self, batches: Batches) -> Batches:
        if not self.exact:
            yield from batches
            return
        table = gather(batches, self.schema)
        leaders = _leaders(table, digests(table, "text_hash"))
        lost = pa.array(leaders != np.arange(table.num_rows))
        documents, doc_ids = numbers(table, "document"), digests(table, "doc_id")
        url_hash, bands = digests(table, "url_hash"), table["bands"]
        reason = pc.if_else(pa.array(url_hash == url_hash[leaders]), "url", "exact")
        columns = {name: table[name] for name in MEMBERS.names} | {
            "bands": pc.if_else(lost, pa.scalar(None, bands.type), bands),
            "reason": pc.if_else(lost, reason, pa.scalar(None, pa.string())),
            "survivor": documents[leaders],
            "survivor_id": digest_array(doc_ids[leaders]),
        }
        yield from emit(MEMBERS, columns)


def _leaders(table: pa.Table, keys: Digests) -> Int64:
    """For each row the row of the most preferred one with its key."""
    order = np.lexsort(
        (
            digests(table, "doc_id"),
            numbers(table, "rank_low"),
            numbers(table, "rank_high"),
            keys,
        )
    )
    ordered = keys[order]
    begins = np.ones(len(ordered), np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    leaders = np.empty(len(order), np.int64)
    leaders[order] = order[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
    return leaders


def url_words(batch: pa.RecordBatch, run: int) -> npt.NDArray[np.uint64]:
    """A number for each row: equal numbers mean captures of one URL."""
    hashes = np.ascontiguousarray(_url_hashes(batch, run))
    words: npt.NDArray[np.uint64] = hashes.view(np.uint64)[::2]
    return words


def _url_hashes(batch: pa.RecordBatch, run: int) -> Digests:
    """xxh3_128 of each URL's key; a page without URL is its own only capture."""
    own = _own_hashes(batch, run)
    hashes = [
        xxhash.xxh3_128_digest(url_key(url).encode()) if url else own[row]
        for row, url in enumerate(batch["url"].to_pylist())
    ]
    return np.array(hashes, "S16")


def _own_hashes(batch: pa.RecordBatch, run: int) -> Digests:
    """What no other document has: the doc_id, of an earlier run with its number."""
    doc_ids = digests(batch, "doc_id")
    if run == 0:
        return doc_ids
    # An S16 loses trailing zeros when it is taken out.
    hashes = [xxhash.xxh3_128_digest(one.ljust(16, b"\0") + bytes([run])) for one in doc_ids]
    return np.array(hashes, "S16")
