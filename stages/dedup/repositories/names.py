"""Which repository a file belongs to, and where its repository is worked on.

A repository is one state of it: `OWNER/REPO@REVISION` where the files' origins say so. Rows of a
table that has no revisions belong to `OWNER/REPO`. A discussion is no part of the code: it is
compared by itself.
"""

import pyarrow as pa
import xxhash

from stages.dedup.arrays import digests
from stages.kernels.routes import Partitions, spread_digests

NAMED_BY = ("uri", "kind", "repo", "revision")
"""The columns that say it."""

DISCUSSION = "issue"


def repository_names(batch: pa.RecordBatch) -> pa.Array:
    """xxh3_128 of each row's repository, as binary(16)."""
    columns = (batch[name].to_pylist() for name in NAMED_BY)
    names = [repository_name(*row) for row in zip(*columns, strict=True)]
    return pa.array([xxhash.xxh3_128_digest(name.encode()) for name in names], pa.binary(16))


def repository_name(uri: str, kind: str, repo: str, revision: str) -> str:
    """The repository of a file of these columns."""
    if kind == DISCUSSION:
        return uri
    state = f"{repo}@{revision}"
    return state if uri.startswith(f"{state}:") else repo


def spread(batch: pa.RecordBatch, column: str, n_partitions: int) -> Partitions:
    """A partition for each digest of the column."""
    return spread_digests(digests(batch, column), n_partitions)
