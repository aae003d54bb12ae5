"""Takes out documents on request: an author's opt-out, a notice, a licence that was wrong.

A filter like any other, and the last one: it stands behind dedup, so that no dropped duplicate
takes the place of what is removed, and behind concatenation, so that a repository's other files
stay in the samples where they are. What was removed is told apart by its address, repository,
domain or identity, never by its text, and holds for documents that later runs bring, too.

A purged document has no address left, and is out by that alone.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from schemas.removals import DOCUMENT, DOMAIN, KEYS, REMOVED, REPO, URI
from stages.contract import Options
from stages.errors import StageError
from stages.kernels.urls import normalize_url, url_host
from stages.remove.options import RemoveOptions

COLUMNS: Mapping[str, tuple[str, ...]] = {
    URI: ("uri", "url"),
    REPO: ("repo",),
    DOMAIN: ("domain", "host"),
    DOCUMENT: ("doc_id",),
}
"""Where the value of a key is looked for: in any of these columns that a table has."""
READS = tuple(name for key in KEYS for name in COLUMNS[key])
DIGEST_BYTES = 16
PREFIX = b"removed:"


class RemoveStage:
    """A filter without measures."""

    name: ClassVar[str] = "remove"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[Options]] = RemoveOptions
    reads: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = READS[1:]
    measured_with: ClassVar[frozenset[str]] = frozenset()
    decides_on: ClassVar[tuple[str, ...]] = READS
    schema: pa.Schema = pa.schema([])

    def __init__(self, options: RemoveOptions) -> None:
        self._content = options.content
        self._removed = {key: digest_array(data) for key, data in options.removed.items()}

    def resources(self) -> dict[str, str]:
        """The list that the verdicts depend on."""
        return {"removals": self._content}

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Nothing is measured."""
        raise StageError("remove measures nothing")

    def decide(self, measures: pa.RecordBatch) -> pa.Array:
        """`removed` for what the list names, and for what was purged."""
        hit = is_purged(measures)
        for key, digests in self._removed.items():
            hit |= entry_of(measures, key, digests) >= 0
        return pc.if_else(pa.array(hit), pa.scalar(REMOVED), pa.scalar(None, pa.string()))


def is_purged(documents: pa.RecordBatch) -> NDArray[np.bool_]:
    """Which documents were purged: they have no address."""
    empty = pc.equal(documents.column("uri"), "")
    return np.asarray(pc.fill_null(empty, False).to_numpy(zero_copy_only=False))


def entry_of(documents: pa.RecordBatch, key: str, digests: pa.Array) -> NDArray[np.int64]:
    """Which of the digests names each document; -1: none."""
    found = np.full(documents.num_rows, -1, np.int64)
    for name in COLUMNS[key]:
        if name in documents.schema.names and len(digests):
            own = pc.index_in(_digests(documents.column(name), key), digests)
            found = np.maximum(found, pc.fill_null(own, -1).to_numpy().astype(np.int64))
    return found


def normalised(key: str, value: str) -> list[str]:
    """The values that what a person wrote may stand for, as they are hashed. Repositories and
    domains know no case; an address is looked for as it is and as dedup compares URLs."""
    if key == DOMAIN:
        return [url_host(f"http://{value}") or value.lower()]
    if key in (REPO, DOCUMENT):
        return [value.lower()]
    try:
        return list(dict.fromkeys((value, normalize_url(value))))
    except ValueError:
        return [value]


def digest(value: str) -> bytes:
    """What is kept of a value. It is no doc_id, which is the hash of an origin alone."""
    return xxhash.xxh3_128_digest(PREFIX + value.encode("utf-8", "surrogatepass"))


def digest_array(data: bytes) -> pa.Array:
    """Digests that lie one after another, as a column."""
    kind = pa.binary(DIGEST_BYTES)
    return pa.Array.from_buffers(kind, len(data) // DIGEST_BYTES, [None, pa.py_buffer(data)])


def _digests(values: pa.Array, key: str) -> pa.Array:
    """The digest of each value, hashed once where it is repeated."""
    coded = values.dictionary_encode()
    distinct = coded.dictionary.to_pylist()
    if key == DOCUMENT:
        hashed = [digest(value.hex()) for value in distinct]
    else:
        fold = str.lower if key in (REPO, DOMAIN) else str
        hashed = [digest(fold(value)) for value in distinct]
    return pa.array(hashed, pa.binary(DIGEST_BYTES)).take(coded.indices)
